"""Gathers evidence that a rate has risen: the counts of one closed minute in, the evidence so far out. Pure.

Clipped CUSUMs (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954), a lane for steep rises, one
for doublings and one for smaller ones, over all label sets of a rule at once. A minute adds its
log-likelihood ratio between a rise and none. "None" is the top of what the baseline may be, two standard
errors above it, and a series that drifts by itself adds less. What one minute may add is clipped, so that a
failure of some minutes that passes, however steep, is not enough by itself (alerting reference §2).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.rules.baseline import Baseline

Floats = npt.NDArray[np.float64]

#: False alarms a week and series that the thresholds of the lanes stand for.
BUDGET = 0.1

#: Evidence is kept up to so many times the threshold: what lasted a day should not take a day to forget.
MOST = 2.0

#: Standard errors of the baseline that still count as no change.
ERRORS = 2.0

#: Rates are kept away from 0 and 1, where no ratio of likelihoods is finite.
_EDGE = 1e-6


class Lane(msgspec.Struct, frozen=True):
    """One CUSUM: it tests for ``ratio`` times ``floor`` times the baseline against ``floor`` times it."""

    name: str
    ratio: float
    floor: float
    """Times the baseline that still counts as no change: room for drift."""
    clip: float
    """The most that one minute adds."""
    threshold: float


#: The lanes that page: one untouched default for any traffic and rate, tuned by ``benchmarks.detection``.
PAGE_LANES = (
    Lane("steep", 3.5, 1.05, 2.2, 10.0),
    Lane("double", 2.0, 1.05, 1.8, 9.0),
    Lane("medium", 1.6, 1.0, 0.8, 8.0),
)

#: The lane that writes a ticket: nothing that has to be told within minutes.
TICKET_LANES = (Lane("small", 1.4, 1.0, 0.5, 7.5),)


def lanes_of(severity: str, budget: float = BUDGET) -> tuple[Lane, ...]:
    """The lanes of a severity, ``page`` or ``ticket``, for a budget of false alarms a week and series.

    The mean time between false alarms of a CUSUM grows like the exponential of its threshold (D. Siegmund,
    "Sequential Analysis", 1985), so a tenth of the alarms costs ``log(10)`` of evidence more.
    """
    lanes = PAGE_LANES if severity == "page" else TICKET_LANES
    more = log(BUDGET / budget)
    return tuple(msgspec.structs.replace(lane, threshold=lane.threshold + more) for lane in lanes)


class Evidence(msgspec.Struct):
    """What was gathered for S label sets in L lanes; arrays are ``[S, L]``.

    ``calls``, ``failures`` and ``expected`` failures, and ``minutes`` with calls, are counted since the score
    was last 0: where a rise is, that is when it began.
    """

    score: Floats
    minutes: Floats
    calls: Floats
    failures: Floats
    expected: Floats

    @classmethod
    def empty(cls, instances: int, lanes: Sequence[Lane]) -> Evidence:
        """No evidence at all."""
        return cls(*(np.zeros((instances, len(lanes))) for _ in range(5)))

    def grown(self, instances: int) -> Evidence:
        """The same, with label sets more at the end, ``instances`` altogether."""
        return Evidence(
            *(
                np.pad(array, ((0, instances - len(array)), (0, 0)))
                for array in (self.score, self.minutes, self.calls, self.failures, self.expected)
            )
        )


def step(
    evidence: Evidence, calls: Floats, failures: Floats, baseline: Baseline, lanes: Sequence[Lane]
) -> Evidence:
    """The evidence after one more closed minute.

    Args:
        evidence: what was gathered before it.
        calls: of each label set in the minute, ``[S]``; 0 says nothing and changes nothing.
        failures: how many of them are in the metric's numerator, ``[S]``.
        baseline: what is expected; of it ``rate``, ``error`` and ``drift`` are read. Where the rate is NaN
            nothing changes.
        lanes: of the evidence.
    """
    told = ((calls > 0) & np.isfinite(baseline.rate))[:, None]
    rate = np.where(told, baseline.rate[:, None], 0.5)
    error = np.where(told, baseline.error[:, None], 0.0)
    drift = np.where(told, baseline.drift[:, None], 0.0)
    calls, failures = np.where(told, calls[:, None], 0.0), np.where(told, failures[:, None], 0.0)
    floor = np.array([lane.floor for lane in lanes])
    ratio = np.array([lane.ratio for lane in lanes])
    null = np.clip(_times(rate, (1 + ERRORS * error) * floor), _EDGE, 1 - 2 * _EDGE)
    risen = np.clip(_times(null, ratio), null + _EDGE, 1 - _EDGE)
    good = calls - failures
    gain = failures * np.log(risen / null) + good * (np.log1p(-risen) - np.log1p(-null))
    rougher = 1 + calls * rate * drift**2
    gain = np.minimum(gain / rougher, [lane.clip for lane in lanes])
    score = np.clip(evidence.score + gain, 0.0, [MOST * lane.threshold for lane in lanes])
    going = score > 0
    return Evidence(
        score,
        np.where(going, evidence.minutes + told, 0.0),
        np.where(going, evidence.calls + calls, 0.0),
        np.where(going, evidence.failures + failures, 0.0),
        np.where(going, evidence.expected + calls * rate, 0.0),
    )


def _times(rate: Floats, ratio: Floats) -> Floats:
    """So many times the rate; where that passes 1 sooner, so many times less of what is left to 1."""
    return np.minimum(rate * ratio, 1 - (1 - rate) / ratio)
