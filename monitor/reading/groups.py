"""Reads the values of one dimension: of one rule's view, how many there are and how many are high."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from monitor.reading.spans import HOUR, HOUR_DAYS, MINUTE, SHORT, THIS_HOUR
from monitor.reading.view import View
from monitor.rules.baseline import DAYS, Baseline, of_windows
from monitor.rules.compare import Bools
from monitor.rules.grouping import Floats, Groups, Ints
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.model import Measured, RegressionRule
from monitor.rules.shrunk import LEAST_PART, QUARTER, Prior, last_quarters, p95, prior, turns

#: What a quarter hour that ends in the first minute of the window began with.
_BEFORE = timedelta(minutes=QUARTER - 1)


def group_p95(view: View, rule: Measured, groups: Groups) -> Floats:
    """The p95 of the rates of groups over the window, each drawn towards that of all; ``[S]``."""
    table = view.spans.sums(*view.window(rule))
    calls, failures = (groups.total(table.series_id, rows) for rows in view.rows(rule, table))
    return _p95(rule, calls, failures, _label_sets(view, groups), view.size)


def read_groups(view: View, rule: RegressionRule, groups: Groups) -> Reading:
    """The minute, the short window and the window in quarter hours of groups."""
    valid = view.valid(*THIS_HOUR)
    key = ("groups", view.size, len(groups), valid.tobytes())
    if key not in view.own:
        view.own[key] = _usual(view, rule, groups, valid)
    usual, limit, past_value, found = view.own[key]
    learned = np.isfinite(found.rate)
    found, levels = view.kept(found, usual.mean, usual.strength, limit, past_value)
    usual, limit, past_value = Prior(levels[0], levels[1]), levels[2], levels[3]
    start, end = view.window(rule)
    length, start = rule.window_length + _BEFORE, start - _BEFORE
    table = view.spans.minutes(start, end)
    calls, failures = (
        last_quarters(view.grid(table, start, length, rows, groups)) for rows in view.rows(rule, table)
    )
    of = _label_sets(view, groups)
    minute = int(view.spans.minute.timestamp()) // 60
    trials = (calls >= _least(rule)) & turns([labels[-1] for labels in groups.labels], minute, calls.shape[1])
    over = trials & (usual.shrunk(calls, failures, of) > limit[of, None])
    counted = [
        Counted(*(_sum(one[:, -(span // MINUTE) :], of, view.size) for one in (trials, over)))
        for span in (MINUTE, SHORT, rule.window_length)
    ]
    return Reading(
        minute=counted[0],
        short=counted[1],
        window=counted[2],
        came=view.counted(rule, rule.window_length).calls,
        usual=usual.mean,
        value=group_p95(view, rule, groups),
        past_value=past_value,
        compared=Compared(found, found.rate, np.zeros(view.size), learned, levels, hourly=True),
    )


def _usual(
    view: View, rule: RegressionRule, groups: Groups, valid: Bools
) -> tuple[Prior, Floats, Floats, Baseline]:
    """Of this hour on the last days: what groups are like, their p95s, and how many are above the first.

    The first is of quarter hours, which is what is counted; the second of the hour, which is what is said.
    """
    of, size = _label_sets(view, groups), view.size
    days = np.zeros((2, len(groups), HOUR_DAYS, HOUR // MINUTE))
    for k, (start, table) in enumerate(view.spans.past_minutes()):
        for which, rows in enumerate(view.rows(rule, table)):
            grid = view.grid(table, start, HOUR, rows, groups)
            days[which, :, k] = np.where(valid[of, k, None], grid, 0.0)
    hours = days.sum(axis=3)
    week = hours.sum(axis=2)
    usual = prior(week[0], week[1], of, size, part=QUARTER / (HOUR / MINUTE) / HOUR_DAYS)
    calls, failures = days.reshape(*days.shape[:3], HOUR // MINUTE // QUARTER, QUARTER).sum(axis=4)
    rates = np.where(calls >= _least(rule), usual.shrunk(calls, failures, of), np.nan)
    limit = p95(rates, of, size)
    past = np.zeros((2, size, DAYS))
    for k in range(HOUR_DAYS):
        past[0, :, k] = _sum(np.isfinite(rates[:, k]), of, size)
        past[1, :, k] = _sum(rates[:, k] > limit[of, None], of, size)
    by_day = [_p95(rule, hours[0, :, k], hours[1, :, k], of, size) for k in range(HOUR_DAYS)]
    return usual, limit, _median(np.array(by_day)), of_windows(past[0], past[1])


def _p95(rule: Measured, calls: Floats, failures: Floats, of: Ints, size: int) -> Floats:
    enough = calls >= _least(rule)
    found = prior(np.where(enough, calls, 0.0), np.where(enough, failures, 0.0), of, size)
    return p95(np.where(enough, found.shrunk(calls, failures, of), np.nan), of, size)


def _label_sets(view: View, groups: Groups) -> Ints:
    """The label set that each group belongs to, ``[G]``."""
    place = {labels: n for n, labels in enumerate(view.groups.labels)}
    return np.array([place[labels[:-1]] for labels in groups.labels], np.int64)


def _least(rule: Measured) -> float:
    return max(1.0, rule.minimum_calls * LEAST_PART)


def _sum(values: np.ndarray, of: Ints, size: int) -> Floats:
    return np.bincount(of, values.sum(axis=1), size).astype(np.float64)


def _median(by_day: Floats) -> Floats:
    """The median of the days that have a value, ``[S]`` of ``[D, S]``; NaN where none has."""
    found = np.full(by_day.shape[1], np.nan)
    some = np.isfinite(by_day).any(axis=0)
    found[some] = np.nanmedian(by_day[:, some], axis=0)
    return found
