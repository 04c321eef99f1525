"""Reads what a rate is compared with: one rule's view in, its baseline and what the mix expects out."""

from __future__ import annotations

import numpy as np

from monitor.durations import seconds
from monitor.reading.spans import MINUTE
from monitor.reading.view import View, learned
from monitor.rules.baseline import DAYS, seasonal
from monitor.rules.compare import LEAST_RATE, Bools, Ints, median_of_days, mix_index, of_counts, of_value
from monitor.rules.grouping import Floats
from monitor.rules.judge import Compared
from monitor.rules.model import Baseline, BlipRule, Measured, RegressionRule

#: Days that say what each series' own rate is.
MIX_DAYS = 7


def baseline(view: View, rule: RegressionRule) -> Compared:
    """What a rate is compared with."""
    given = rule.baseline
    if not isinstance(given, Baseline) or given.rolling_median is not None:
        return of_days(view, rule)
    if given.fixed is not None:
        rate = np.full(view.size, given.fixed)
        return Compared(of_value(rate), rate, np.zeros(view.size))
    if given.version is not None:
        return _others(view, rule)
    past = view.span(rule, *view.past(rule))
    found = of_counts(past.calls, past.failures, rule.minimum_baseline_calls)
    # What an alert was opened against stays, or a long incident would become its own normal.
    held = ~np.isnan(view.memory.frozen)
    found.rate = np.where(held, view.memory.frozen, found.rate)
    found.error = np.where(held, 0.0, found.error)
    return Compared(found, floored(rule, found.rate), np.zeros(view.size))


def of_days(view: View, rule: RegressionRule | BlipRule) -> Compared:
    """The same time on other days, as far as it was no incident, with the calls of this minute."""
    size, valid = view.size, view.valid()
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
    mix = found.rate * (_mix(view, rule, valid) - 1)
    return Compared(found, floored(rule, found.rate + mix), mix)


def floored(rule: RegressionRule | BlipRule, rate: Floats) -> Floats:
    """A rate that is tested against: not so near to 0 that one failure is a regression."""
    least = min(rule.absolute, LEAST_RATE) if isinstance(rule, RegressionRule) else LEAST_RATE
    return np.maximum(rate, least)


def _others(view: View, rule: RegressionRule) -> Compared:
    """What the other versions of the same labels do at the same time."""
    window = view.counted(rule, rule.window_length)
    order = {labels: n for n, labels in enumerate(dict.fromkeys(one[:-1] for one in view.groups.labels))}
    of = np.array([order[labels[:-1]] for labels in view.groups.labels], np.int64)
    calls = np.bincount(of, window.calls, len(order))[of] - window.calls
    failures = np.bincount(of, window.failures, len(order))[of] - window.failures
    found = of_counts(calls, failures, rule.minimum_baseline_calls)
    return Compared(found, floored(rule, found.rate), np.zeros(view.size))


def _mix(view: View, rule: RegressionRule | BlipRule, valid: Bools) -> Floats:
    """How many times the baseline's rate is expected of this minute's mix of series."""
    now = view.spans.sums(view.spans.minute, view.spans.minute + MINUTE)
    now_calls, _ = view.rows(rule, now)
    return mix_index(
        past=_usual_mix(view, rule, valid),
        now=(now.series_id, view.groups.instances(now.series_id), now_calls),
        size=view.size,
    )


def _usual_mix(view: View, rule: Measured, valid: Bools) -> tuple[Ints, Ints, Floats, Floats]:
    """Of each series, its label set, its calls and its failures of the last week around this hour."""
    key = ("mix", view.size)
    if key not in view.own:
        table, day, _ = view.spans.hours()
        instance = view.groups.instances(table.series_id)
        some = learned(valid, instance, day) & (day < MIX_DAYS)
        series = np.unique(table.series_id[some])
        place = np.searchsorted(series, table.series_id[some])
        n, x = (np.bincount(place, rows[some], len(series)) for rows in view.rows(rule, table))
        view.own[key] = series, view.groups.instances(series), n, x
    found: tuple[Ints, Ints, Floats, Floats] = view.own[key]
    return found
