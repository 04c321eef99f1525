"""Reads whole days: of one rule's view, the last 24 hours and those before one by one, to the full hour."""

from __future__ import annotations

import numpy as np

from monitor.reading import mix
from monitor.reading.spans import DAY
from monitor.reading.view import View
from monitor.rules.baseline import DAYS, Baseline, of_windows
from monitor.rules.compare import Bools, of_value
from monitor.rules.grouping import Floats
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.metric import METRICS
from monitor.rules.model import RegressionRule
from monitor.rules.slow import shift, usual_mean

#: What is read of a past day, from this hour on it: the 24 hours before.
BEFORE = (-DAY, 0 * DAY)


def read_days(view: View, rule: RegressionRule) -> Reading:
    """What is judged of a day; the same for the whole hour."""
    valid = view.valid(*BEFORE)
    key = ("days", view.size, valid.tobytes())
    if key not in view.own:
        view.own[key] = _read(view, rule, valid)
    window, value, found, deviation, index = view.own[key]
    learned = np.isfinite(found.rate)
    usual, (deviation,) = view.kept(found, deviation)
    expected = usual.rate * index
    if value is None:
        beyond = shift(window.calls, window.failures, usual, index)
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = (value - expected) / deviation
    return Reading(
        minute=window,
        short=window,
        window=window,
        value=value,
        past_value=None if value is None else usual.rate,
        beyond=beyond,
        compared=Compared(usual, expected, expected - usual.rate, learned, (deviation,)),
    )


#: The last 24 hours, their mean, what is usual, by how much days differ from it, and the mix.
_Days = tuple[Counted, Floats | None, Baseline, Floats, Floats]


def _read(view: View, rule: RegressionRule, valid: Bools) -> _Days:
    """What is the same for the whole hour."""
    hour = view.spans.hour
    today, *before = [(hour - (k + 1) * DAY, hour - k * DAY) for k in range(DAYS + 1)]
    window, past = view.span(rule, *today), [view.span(rule, *span) for span in before]
    index = mix.index(view, rule, mix.of_days(view, rule, before, valid), *today)
    if METRICS[rule.metric].is_rate:
        calls, failures = (np.array([getattr(one, name) for one in past]).T for name in ("calls", "failures"))
        found = of_windows(calls, failures, valid=valid)
        return window, None, found, np.full(view.size, np.nan), index
    values = np.array([view.value(rule, *span) for span in before]).T
    mean, deviation = usual_mean(np.where(valid, values, np.nan))
    window = Counted(view.calls(*today), window.failures)
    return window, view.value(rule, *today), of_value(mean), deviation, index
