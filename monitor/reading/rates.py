"""Reads what a rate is compared with: one rule's view in, its baseline and what the mix expects out."""

from __future__ import annotations

import numpy as np

from monitor.durations import seconds
from monitor.reading import mix
from monitor.reading.spans import HOUR, MINUTE
from monitor.reading.view import View
from monitor.rules.baseline import DAYS, seasonal
from monitor.rules.baseline import Baseline as Found
from monitor.rules.compare import LEAST_RATE, median_of_days, of_counts, of_value
from monitor.rules.grouping import Floats
from monitor.rules.judge import Compared
from monitor.rules.model import Baseline, BlipRule, RegressionRule

#: What is read of a past day, from the beginning of this hour on it: the hour before, it, and that after it.
AROUND = (-HOUR, 2 * HOUR)


def baseline(view: View, rule: RegressionRule) -> Compared:
    """What a rate is compared with."""
    given = rule.baseline
    if not isinstance(given, Baseline) or given.rolling_median is not None:
        return of_days(view, rule)
    same = np.ones(view.size)
    if given.fixed is not None:
        return compared(view, rule, of_value(np.full(view.size, given.fixed)), same)
    if given.version is not None:
        return compared(view, rule, _others(view, rule), same)
    past = view.span(rule, *view.past(rule))
    found = of_counts(past.calls, past.failures, rule.minimum_baseline_calls)
    usual = mix.of_span(view, rule, *view.past(rule))
    # A test of the window is of the window's mix, evidence by the minute of the minute's.
    length = rule.window_length if rule.evidence == "fisher" else MINUTE
    return compared(view, rule, found, mix.index(view, rule, usual, view.spans.end - length, view.spans.end))


def of_days(view: View, rule: RegressionRule | BlipRule) -> Compared:
    """The same time on other days, as far as it was no incident, with the calls of this minute."""
    size, valid = view.size, view.valid(*AROUND)
    cached = view.own.get("hours")
    if cached is None or cached[0].shape[0] != size:
        table, day, slot = view.spans.hours()
        cached = view.own["hours"] = tuple(
            view.groups.totals(table.series_id, day * 3 + slot, rows, DAYS * 3).T.reshape(size, DAYS, 3)
            for rows in view.rows(rule, table)
        )
    fraction = view.spans.minute.minute / 60
    given = getattr(rule, "baseline", "seasonal")
    if isinstance(given, Baseline) and given.rolling_median is not None:
        days = int(seconds(given.rolling_median) // 86_400)
        found = median_of_days(cached[0], cached[1], fraction, valid=valid, days=days)
    else:
        found = seasonal(cached[0], cached[1], fraction, valid=valid, weekly=given == "weekly")
    key = ("mix", size, valid.tobytes())
    if key not in view.own:
        view.own[key] = mix.of_hours(view, rule, valid)
    return compared(view, rule, found, mix.index_now(view, rule, view.own[key]), hourly=True)


def compared(
    view: View, rule: RegressionRule | BlipRule, found: Found, index: Floats, *, hourly: bool = False
) -> Compared:
    """A baseline, or what an alert was opened against, with what the present mix makes of it."""
    learned = np.isfinite(found.rate)
    usual, _ = view.kept(found)
    moved = usual.rate * (index - 1)
    return Compared(usual, floored(rule, usual.rate + moved), moved, learned, hourly=hourly)


def floored(rule: RegressionRule | BlipRule, rate: Floats) -> Floats:
    """A rate that is tested against: not so near to 0 that one failure is a regression."""
    least = min(rule.absolute, LEAST_RATE) if isinstance(rule, RegressionRule) else LEAST_RATE
    return np.maximum(rate, least)


def _others(view: View, rule: RegressionRule) -> Found:
    """What the other versions of the same labels do at the same time."""
    window = view.counted(rule, rule.window_length)
    order = {labels: n for n, labels in enumerate(dict.fromkeys(one[:-1] for one in view.groups.labels))}
    of = np.array([order[labels[:-1]] for labels in view.groups.labels], np.int64)
    calls = np.bincount(of, window.calls, len(order))[of] - window.calls
    failures = np.bincount(of, window.failures, len(order))[of] - window.failures
    return of_counts(calls, failures, rule.minimum_baseline_calls)
