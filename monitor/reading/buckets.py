"""Reads buckets of equal calls: of one rule's view, how many there are and how many above the usual p95."""

from __future__ import annotations

import numpy as np

from monitor.reading.spans import HOUR, HOUR_DAYS, MINUTE, SHORT, THIS_HOUR
from monitor.reading.view import View
from monitor.rules.baseline import DAYS, Baseline, of_windows
from monitor.rules.buckets import Buckets, exceeding, gather, p95, sizes
from monitor.rules.compare import LEAST_RATE, Bools
from monitor.rules.grouping import Floats
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.model import RegressionRule


def read_buckets(view: View, rule: RegressionRule) -> Reading:
    """The minute as it is, which the judge gathers; the short window and the window in buckets."""
    valid = view.valid(*THIS_HOUR)
    key = ("buckets", view.size, valid.tobytes())
    if key not in view.own:
        view.own[key] = _usual(view, rule, valid)
    usual, rate, found = view.own[key]
    learned = np.isfinite(found.rate)
    found, levels = view.kept(found, usual.size, usual.most, rate)
    usual, rate = Buckets(levels[0], levels[1]), levels[2]
    start, end = view.window(rule)
    table = view.spans.minutes(start, end)
    calls, failures = (view.grid(table, start, rule.window_length, rows) for rows in view.rows(rule, table))
    groups = gather(calls, failures, usual.size)
    full = (one.sum(axis=1) for one in exceeding(*groups, usual))
    return Reading(
        minute=view.counted(rule, MINUTE),
        short=Counted(*exceeding(*_newest(calls, failures, usual.size), usual)),
        window=Counted(*full),
        came=calls.sum(axis=1),
        buckets=usual,
        usual=rate,
        value=p95(*groups, usual.size) / usual.size,
        past_value=usual.most / usual.size,
        compared=Compared(found, found.rate, np.zeros(view.size), learned, levels, hourly=True),
    )


def _usual(view: View, rule: RegressionRule, valid: Bools) -> tuple[Buckets, Floats, Baseline]:
    """What buckets are at this hour of the last days, the rate of all calls, and how many are high."""
    size = view.size
    days = np.zeros((2, size, HOUR_DAYS, HOUR // MINUTE))
    for k, (start, table) in enumerate(view.spans.past_minutes()):
        for which, rows in enumerate(view.rows(rule, table)):
            days[which, :, k] = np.where(valid[:, k, None], view.grid(table, start, HOUR, rows), 0.0)
    calls, failures = days.sum(axis=(2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.maximum(failures / calls, LEAST_RATE)
    of = sizes(rate, rule.minimum_calls)
    calls, failures = gather(days[0], days[1], np.repeat(of[:, None], HOUR_DAYS, axis=1))
    flat = size, HOUR_DAYS * (HOUR // MINUTE)
    most = p95(calls.reshape(flat), failures.reshape(flat), of)
    usual = Buckets(np.where(np.isnan(most), np.inf, of), most)
    count, over = (one.sum(axis=2) for one in exceeding(calls, failures, usual))
    past = np.zeros((2, size, DAYS))
    past[:, :, :HOUR_DAYS] = count, over
    return usual, rate, of_windows(past[0], past[1])


def _newest(calls: Floats, failures: Floats, size: Floats) -> tuple[Floats, Floats]:
    """The last five minutes, or as many as a bucket takes; ``[S]``."""
    later = np.cumsum(calls[:, ::-1], axis=1)[:, ::-1]
    kept = later - calls < size[:, None]
    kept[:, -(SHORT // MINUTE) :] = True
    return np.where(kept, calls, 0.0).sum(axis=1), np.where(kept, failures, 0.0).sum(axis=1)
