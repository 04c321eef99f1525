"""Reads whole days: of one rule's view, the last 24 hours and those before one by one, to the full hour."""

from __future__ import annotations

import numpy as np

from monitor.reading.spans import DAY
from monitor.reading.view import View
from monitor.rules.baseline import DAYS
from monitor.rules.compare import of_value
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.metric import METRICS
from monitor.rules.model import RegressionRule
from monitor.rules.slow import mean_shift, shift


def read_days(view: View, rule: RegressionRule) -> Reading:
    """What is judged of a day; the same for the whole hour."""
    key = ("days", view.size)
    if key not in view.own:
        view.own[key] = _compared(view, rule)
    found: Reading = view.own[key]
    return found


def _compared(view: View, rule: RegressionRule) -> Reading:
    hour, valid = view.spans.hour, view.valid()
    spans = [(hour - (k + 1) * DAY, hour - k * DAY) for k in range(DAYS + 1)]
    counted = [view.span(rule, *span) for span in spans]
    window = counted[0]
    if METRICS[rule.metric].is_rate:
        calls, failures = (
            np.array([getattr(one, name) for one in counted[1:]]).T for name in ("calls", "failures")
        )
        beyond, usual = shift(window.calls, window.failures, calls, failures, valid=valid)
        value = past_value = None
    else:
        values = np.array([view.value(rule, *span) for span in spans])
        past = np.where(valid, values[1:].T, np.nan)
        value, (beyond, usual) = values[0], mean_shift(values[0], past)
        past_value, window = usual, Counted(view.calls(*spans[0]), window.failures)
    return Reading(
        minute=window,
        short=window,
        window=window,
        value=value,
        past_value=past_value,
        beyond=beyond,
        compared=Compared(of_value(usual), usual, np.zeros(view.size)),
    )
