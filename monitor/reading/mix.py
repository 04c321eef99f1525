"""Reads what the traffic of a rule is made of: of each series its usual rate, and how many calls it has now.

What is usual of one minute, window or day is what its calls would do at the usual rates of their series
(``mix_index``): traffic that moves to a model that always failed more is no regression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from monitor.reading.spans import MINUTE
from monitor.reading.view import View, lately, learned
from monitor.rules.compare import Bools, Ints, mix_index
from monitor.rules.grouping import Floats
from monitor.rules.model import Measured
from monitor.store.counters import Table

#: Days that say what each series' own rate is.
MIX_DAYS = 7

#: Of each series, its label set, its calls and its failures.
Mix = tuple[Ints, Ints, Floats, Floats]


def of_span(view: View, rule: Measured, start: datetime, stop: datetime) -> Mix:
    """What each series did in a span."""
    return _by_series(view, [(view.spans.sums(start, stop), None)], rule)


def of_hours(view: View, rule: Measured, valid: Bools) -> Mix:
    """What each series did on the last days around this hour, of those that may be learned from."""
    table, day, _ = view.spans.hours()
    some = lately(valid, MIX_DAYS)
    return _by_series(view, [(table, learned(some, view.groups.instances(table.series_id), day))], rule)


def of_days(view: View, rule: Measured, spans: Sequence[tuple[datetime, datetime]], valid: Bools) -> Mix:
    """What each series did on the last of these whole days, of those that may be learned from."""
    some, parts = lately(valid, MIX_DAYS), []
    for k, span in enumerate(spans):
        if some[:, k].any():
            table = view.spans.sums(*span)
            instance = view.groups.instances(table.series_id)
            parts.append((table, learned(some, instance, np.full(len(instance), k))))
    return _by_series(view, parts, rule)


def index(view: View, rule: Measured, past: Mix, start: datetime, stop: datetime) -> Floats:
    """How many times the baseline's rate is expected of the mix of series in a span, ``[S]``."""
    table = view.spans.sums(start, stop)
    calls, _ = view.rows(rule, table)
    now = table.series_id, view.groups.instances(table.series_id), calls
    return mix_index(past=past, now=now, size=view.size)


def index_now(view: View, rule: Measured, past: Mix) -> Floats:
    """The same of the minute that is judged."""
    return index(view, rule, past, view.spans.minute, view.spans.minute + MINUTE)


def _by_series(view: View, parts: Sequence[tuple[Table, Bools | None]], rule: Measured) -> Mix:
    """The sums of each series over some rows of these tables."""
    found = []
    for table, which in parts:
        some = view.groups.instances(table.series_id) >= 0 if which is None else which
        found.append((table.series_id[some], *(rows[some] for rows in view.rows(rule, table))))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)
    series_id, calls, failures = (np.concatenate(column) for column in zip(*found, strict=True))
    return added_up(series_id, view.groups.instances, calls, failures)


def added_up(series_id: Ints, instances: Callable[[Ints], Ints], calls: Floats, failures: Floats) -> Mix:
    """The sums of each series over rows, ``[R]``, all of which are of a label set."""
    series, place = np.unique(series_id, return_inverse=True)
    n, x = (np.bincount(place, rows, len(series)).astype(np.float64) for rows in (calls, failures))
    return series, instances(series), n, x
