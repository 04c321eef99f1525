"""Gathers evidence that a rate has risen: the counts of one closed minute in, the evidence so far out. Pure.

Two clipped CUSUMs (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954), one for large rises and
one for smaller ones, over all label sets of a rule at once. A minute adds its log-likelihood ratio between a
rise and none, divided by how much rougher than chance the series is; what one minute may add is clipped, so
that a passing failure of some minutes, however steep, is not enough by itself (alerting reference §2).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: False alarms a week and series that the thresholds of ``LANES`` stand for.
BUDGET = 0.1

#: Evidence is kept up to so many times the threshold: what lasted a day should not take a day to forget.
MOST = 2.0

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


#: The lanes of the reference, §2: (r, m, c, h). One untouched default.
LANES = (Lane("fast", 2.0, 1.10, 1.5, 8.0), Lane("medium", 1.4, 1.05, 0.5, 6.5))


def lanes_of(severity: str, budget: float = BUDGET) -> tuple[Lane, ...]:
    """The lanes of a severity, with thresholds for a budget of false alarms a week and series.

    The mean time between false alarms of a CUSUM grows like the exponential of its threshold (D. Siegmund,
    "Sequential Analysis", 1985), so a tenth of the alarms costs ``log(10)`` of evidence more.
    """
    del severity
    more = log(BUDGET / budget)
    return tuple(msgspec.structs.replace(lane, threshold=lane.threshold + more) for lane in LANES)


class Evidence(msgspec.Struct):
    """What was gathered for S label sets in L lanes; arrays are ``[S, L]``.

    ``calls``, ``failures`` and ``expected`` failures, and ``minutes`` with or without calls, are counted since
    the score was last 0: where a rise is, that is when it began.
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
    evidence: Evidence,
    calls: Floats,
    failures: Floats,
    rate: Floats,
    dispersion: Floats,
    lanes: Sequence[Lane],
) -> Evidence:
    """The evidence after one more closed minute.

    Args:
        evidence: what was gathered before it.
        calls: of each label set in the minute, ``[S]``; 0 says nothing and changes nothing.
        failures: how many of them are in the metric's numerator, ``[S]``.
        rate: what the baseline expects, ``[S]``; NaN where there is none, and then nothing changes.
        dispersion: how many times rougher than chance a series is, at least 1, ``[S]``.
        lanes: of the evidence.
    """
    told = (calls > 0) & np.isfinite(rate)
    safe_rate = np.where(told, rate, 0.5)
    calls, failures = np.where(told, calls, 0.0)[:, None], np.where(told, failures, 0.0)[:, None]
    floor = np.array([lane.floor for lane in lanes])
    ratio = np.array([lane.ratio for lane in lanes])
    null = np.clip(safe_rate[:, None] * floor, _EDGE, 1 - 2 * _EDGE)
    # A rate near 1 can't double: the rise that is tested for is then that of what is left.
    risen = np.clip(np.minimum(null * ratio, 1 - (1 - null) / ratio), null + _EDGE, 1 - _EDGE)
    gain = (
        failures * np.log(risen / null)
        + (calls - failures) * np.log1p(-risen)
        - (calls - failures) * np.log1p(-null)
    )
    gain = np.minimum(gain / dispersion[:, None], [lane.clip for lane in lanes])
    score = np.clip(evidence.score + gain, 0.0, [MOST * lane.threshold for lane in lanes])
    going = score > 0
    expected = calls * safe_rate[:, None]
    return Evidence(
        score,
        np.where(going, evidence.minutes + 1, 0.0),
        np.where(going, evidence.calls + calls, 0.0),
        np.where(going, evidence.failures + failures, 0.0),
        np.where(going, evidence.expected + expected, 0.0),
    )
