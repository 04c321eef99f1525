"""Reads what should be there: of one rule's view, what came in the window and what did on other days."""

from __future__ import annotations

import numpy as np

from monitor.reading.spans import HOUR
from monitor.reading.view import CONTENT, View
from monitor.rules.baseline import DAYS
from monitor.rules.compare import usual_calls
from monitor.rules.grouping import Floats
from monitor.rules.judge import Counted, Reading, nothing
from monitor.rules.model import AbsenceRule
from monitor.store.counters import Table


def read_absence(view: View, rule: AbsenceRule) -> Reading:
    """What should be there in the window, and how much of it was at this time on other days."""
    groups, size = view.groups, view.size
    table, day, slot = view.spans.hours()
    usual = np.zeros(size)
    if rule.absent != "watermark":
        rows = _present(rule, table)
        by_hour = groups.totals(table.series_id, day * 3 + slot, rows, DAYS * 3).T.reshape(size, DAYS, 3)
        usual = usual_calls(by_hour, view.spans.minute.minute / 60) * (rule.window_length / HOUR)
    span = view.spans.sums(*view.window(rule))
    calls = span.total(["calls"])
    lacking = groups.total(span.series_id, calls - _present(rule, span))
    came = Counted(groups.total(span.series_id, calls), lacking)
    compared = nothing(size)
    compared.baseline.calls = usual
    return Reading(minute=came, short=came, window=came, compared=compared)


def _present(rule: AbsenceRule, table: Table) -> Floats:
    """Of each row the calls; of ``content`` those that can have both input and output."""
    calls = table.total(["calls"])
    if rule.absent == "calls":
        return calls
    return calls - np.maximum(*(table.total([name]) for name in CONTENT))
