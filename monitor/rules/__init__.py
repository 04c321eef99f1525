"""The rules: what is a regression, and the life of an alert. Pure functions of counts and a time.

``model`` is the language of the files in ``alerts/``, ``load`` reads them, ``metric`` says which counters
a metric is, ``statistics`` holds the tests, ``decide`` turns counts into verdicts and verdicts into
transitions.
"""

from monitor.rules.contributors import contributors
from monitor.rules.decide import (
    Counts,
    Judgement,
    OpenAlert,
    Sample,
    State,
    Transition,
    Verdict,
    decide,
    judge,
)
from monitor.rules.load import load_rules
from monitor.rules.metric import Metric, metric
from monitor.rules.model import Rule
from monitor.rules.spans import baseline_span, window_span

__all__ = [
    "Counts",
    "Judgement",
    "Metric",
    "OpenAlert",
    "Rule",
    "Sample",
    "State",
    "Transition",
    "Verdict",
    "baseline_span",
    "contributors",
    "decide",
    "judge",
    "load_rules",
    "metric",
    "window_span",
]
