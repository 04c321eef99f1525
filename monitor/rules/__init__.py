"""The rules: what is a regression, and the life of an alert. Pure functions of counts and a time.

``model`` is the language of the files in ``alerts/``, ``load`` reads them, ``metric`` says which counters
a metric is, ``statistics`` holds the tests, ``decide`` turns counts into verdicts and verdicts into
transitions.
"""

from monitor.rules.decide import OpenAlert, Sample, State, Transition, Verdict, decide, judge
from monitor.rules.load import load_rules
from monitor.rules.metric import Metric, metric
from monitor.rules.model import Rule

__all__ = [
    "Metric",
    "OpenAlert",
    "Rule",
    "Sample",
    "State",
    "Transition",
    "Verdict",
    "decide",
    "judge",
    "load_rules",
    "metric",
]
