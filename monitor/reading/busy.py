"""Reads minutes under load: of one rule's view, the calls of those minutes alone, now and on past days."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from monitor.reading import mix
from monitor.reading.rates import floored
from monitor.reading.spans import HOUR, HOUR_DAYS, THIS_HOUR
from monitor.reading.view import View
from monitor.rules.baseline import DAYS, Baseline, of_windows
from monitor.rules.busy import in_flight, newest, usual_load
from monitor.rules.compare import Bools
from monitor.rules.grouping import Floats
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.model import RegressionRule
from monitor.store.counters import Table


def read_busy(view: View, rule: RegressionRule) -> Reading:
    """What came under load, in the minute, in the newest minutes under load and in the window."""
    valid = view.valid(*THIS_HOUR)
    key = ("busy", view.size, valid.tobytes())
    if key not in view.own:
        view.own[key] = (*_usual(view, rule, valid), mix.of_hours(view, rule, valid))
    load, found, past = view.own[key]
    learned = np.isfinite(found.rate)
    found, (load,) = view.kept(found, load)
    moved = found.rate * (mix.index_now(view, rule, past) - 1)
    start, end = view.window(rule)
    table = view.spans.minutes(start, end)
    all_calls, calls, failures, busy = _minutes(view, rule, table, start, rule.window_length)
    loaded = busy >= load[:, None]
    calls, failures = np.where(loaded, calls, 0.0), np.where(loaded, failures, 0.0)
    return Reading(
        minute=Counted(calls[:, -1], failures[:, -1]),
        short=Counted(*newest(calls, failures)),
        window=Counted(calls.sum(axis=1), failures.sum(axis=1)),
        came=all_calls.sum(axis=1),
        compared=Compared(found, floored(rule, found.rate + moved), moved, learned, (load,), hourly=True),
    )


def _usual(view: View, rule: RegressionRule, valid: Bools) -> tuple[Floats, Baseline]:
    """The calls in flight that are a lot at this hour, and the rate of the minutes that had as many."""
    past = [_minutes(view, rule, table, start, HOUR) for start, table in view.spans.past_minutes()]
    _, calls, failures, busy = (np.stack(one, axis=1) for one in zip(*past, strict=True))
    load = usual_load(busy, valid[:, :HOUR_DAYS])
    loaded = busy >= load[:, None, None]
    by_day = np.zeros((2, view.size, DAYS))
    by_day[:, :, :HOUR_DAYS] = [np.where(loaded, one, 0.0).sum(axis=2) for one in (calls, failures)]
    return load, of_windows(by_day[0], by_day[1], valid=valid)


def _minutes(
    view: View, rule: RegressionRule, table: Table, start: datetime, length: timedelta
) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each minute all calls, those that count, those that fail, and the calls in flight; ``[S, M]``."""
    calls, failures = view.rows(rule, table)
    rows = (table.total(["calls"]), calls, failures, in_flight(table.total(["duration_sum_ms"])))
    all_calls, calls, failures, busy = (view.grid(table, start, length, one) for one in rows)
    return all_calls, calls, failures, busy
