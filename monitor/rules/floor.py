"""Says what can be told at all: the delay that nobody beats, the smallest rise that ours tells. Pure.

Traffic, rate and rise in, minutes or a ratio out, for ``llm-monitor rules check`` and for the benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log, log1p, sqrt

from monitor.rules.detector import BUDGET, Lane
from monitor.rules.slow import SHIFTED

_DAY, _DAYS = 24 * 60, 7
WEEK = _DAYS * _DAY

#: The largest rise that is looked for.
_MOST_RATIO = 50.0


def least_delay(calls_per_minute: float, rate: float, ratio: float, budget: float = BUDGET) -> float:
    """The mean delay in minutes of the best detector, of a rise it knows, on a series that never drifts.

    Page's CUSUM is best for a given rate of false alarms (G. V. Moustakides, Annals of Statistics 14, 1986);
    the mean times are those of its Brownian form.

    Args:
        calls_per_minute: traffic.
        rate: before the rise.
        ratio: how many times the rate it becomes.
        budget: false alarms a week.
    """
    worse = min(rate * ratio, 1 - 1e-9)
    if worse <= rate:
        raise ValueError(f"{ratio} times {rate} is no rise")
    quiet, told = _distance(rate, worse) * calls_per_minute, _distance(worse, rate) * calls_per_minute
    low, high = 0.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if exp(middle) - middle - 1 < quiet * WEEK / budget else (low, middle)
    return (exp(-low) + low - 1) / told


def minimum_effect(
    lanes: Sequence[Lane], calls_per_minute: float, rate: float, within_minutes: float
) -> float | None:
    """The smallest rise, as a ratio, that a lane tells within so many minutes on average; or None.

    Margins and the wait for blips come on top. Drift and an uncertain baseline make it larger.
    """
    if calls_per_minute <= 0 or not 0 < rate < 1:
        return None
    low, high = 1.0, min(_MOST_RATIO, 1 / rate)
    if _delay(lanes, calls_per_minute, rate, high) > within_minutes:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if _delay(lanes, calls_per_minute, rate, middle) > within_minutes:
            low = middle
        else:
            high = middle
    return high


def minimum_shift(calls_per_minute: float, rate: float) -> float | None:
    """The smallest rise, as a ratio, that ``slow.shift`` tells of a day in half of the cases; or None.

    Of chance alone, the baseline's seven days included; days that differ by themselves make it larger.
    """
    calls = calls_per_minute * _DAY
    if calls <= 0 or not 0 < rate < 1:
        return None
    ratio = 1 + SHIFTED * sqrt((1 - rate) / (rate * calls) * (1 + 1 / _DAYS))
    return ratio if ratio * rate <= 1 else None


def _delay(lanes: Sequence[Lane], calls: float, rate: float, ratio: float) -> float:
    gains = ((lane, _mean_gain(lane, calls, rate, ratio)) for lane in lanes)
    return min((lane.threshold / gain for lane, gain in gains if gain > 0), default=float("inf"))


def _mean_gain(lane: Lane, calls: float, rate: float, ratio: float) -> float:
    """What a minute adds to a lane on average, with failures that are Poisson's."""
    null = min(rate * lane.floor, 0.999)
    risen = min(null * lane.ratio, 1 - (1 - null) / lane.ratio)
    mean = calls * min(rate * ratio, 1.0)
    per_failure, per_call = log(risen / null) - log1p(-risen) + log1p(-null), log1p(-risen) - log1p(-null)
    spread = 8 * sqrt(mean) + 8
    first, last = max(0, int(mean - spread)), int(mean + spread)
    return sum(
        exp(x * log(mean) - mean - lgamma(x + 1)) * min(lane.clip, x * per_failure + calls * per_call)
        for x in range(first, last + 1)
    )


def _distance(p: float, q: float) -> float:
    """How far a call at rate ``p`` is from one at ``q`` (S. Kullback and R. Leibler, 1951)."""
    return p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q))
