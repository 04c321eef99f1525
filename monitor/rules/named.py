"""The statistics that a rule can name, each with its definition in one sentence; and which a rule means."""

from __future__ import annotations

from monitor.rules.metric import METRICS
from monitor.rules.model import Measured, Statistic

#: What each statistic is, as pages, ``rules check`` and the docs say it.
STATISTICS: dict[Statistic, str] = {
    "rate": "Calls that fail over all that count, of the whole window together.",
    "p50": "The value that half of the calls are at or below.",
    "p90": "The value that 90 of 100 calls are at or below.",
    "p95": "The value that 95 of 100 calls are at or below.",
    "p99": "The value that 99 of 100 calls are at or below.",
    "mean": "The sum of what was measured over how often it was.",
    "call_p95": "The score from 0 to 1 that 95 of 100 calls are at or below.",
    "bucket_p95": (
        "The rate that 95 of 100 buckets are at or below, where a bucket is always the same number of calls, "
        "so many that 5 failures are usual in it."
    ),
    "group_p95": (
        "The rate that 95 of 100 values of a dimension are at or below, where each counts once and its rate "
        "is drawn towards that of all as far as its calls are few."
    ),
    "rate_at_load": (
        "Calls that fail over all that count, of those minutes alone in which at least as many calls were in "
        "flight as in the busiest twentieth of the minutes at this time of day."
    ),
}


#: The share of values that each percentile is at or above.
PERCENTILES: dict[Statistic, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "call_p95": 0.95}

#: Those that are made of single minutes, compared with the minutes of this hour on the last seven days.
BY_MINUTE = frozenset({"bucket_p95", "rate_at_load", "group_p95"})


def statistic(rule: Measured) -> Statistic:
    """What a rule says of its metric, with what is meant where it says nothing."""
    if rule.statistic is not None:
        return rule.statistic
    measured = METRICS[rule.metric]
    if measured.is_rate:
        return "rate"
    return "p95" if measured.unit == "ms" else "mean"
