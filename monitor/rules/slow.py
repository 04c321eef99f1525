"""Finds what is too small for a minute to show: a whole day compared with the days before. Pure.

The last 24 hours against the same 24 hours of the last 28 days, weekdays known, in standard errors: those of
chance, of the baseline, and of how the days differ among themselves. For tickets only. Means (tokens, cost),
of which only sums are stored, have this lane alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.rules.baseline import DAYS, MIN_WINDOWS, Baseline

Floats = npt.NDArray[np.float64]

#: Standard errors by which a day must be above what is expected of it (``benchmarks.detection`` chose it).
SHIFTED = 3.5

#: The same for means, whose error is learned of few days: Student's t with about 13 degrees of freedom.
MEAN_SHIFTED = 5.0

#: Days a mean is compared with.
_MEAN_DAYS = 14


def shift(calls: Floats, failures: Floats, baseline: Baseline, index: Floats) -> Floats:
    """How many standard errors the last day is above its baseline, ``[S]``; NaN without one.

    Args:
        calls: of the last 24 hours, ``[S]``.
        failures: of the same.
        baseline: of the same 24 hours on earlier days (``of_windows``).
        index: how many times the baseline's rate is expected of the day's mix of series, ``[S]``.
    """
    rate = np.minimum(baseline.rate * index, 1.0)
    expected = calls * rate
    variance = expected * (1 - rate) + expected**2 * (baseline.error**2 + baseline.drift**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(calls > 0, (failures - expected) / np.sqrt(variance), np.nan)


def usual_mean(past: Floats) -> tuple[Floats, Floats]:
    """The mean of the daily means of the last 14 days, and by how much a day differs from it; NaN without.

    Args:
        past: the mean of the same 24 hours on earlier days, ``[S, 28]``; NaN where there were no calls.
    """
    some = np.isfinite(past) & (np.arange(DAYS) < _MEAN_DAYS)
    days = some.sum(axis=1)
    values = np.where(some, past, 0.0)
    mean = values.sum(axis=1) / np.maximum(days, 1)
    squares = np.where(some, (past - mean[:, None]) ** 2, 0.0).sum(axis=1)
    deviation = np.sqrt(squares / np.maximum(days - 1, 1) * (1 + 1 / np.maximum(days, 1)))
    # Days that are exactly alike say nothing of how much days differ: a thousandth is taken as no change.
    deviation = np.maximum(deviation, np.abs(mean) * 1e-3)
    known = days >= MIN_WINDOWS
    return np.where(known, mean, np.nan), np.where(known, deviation, np.nan)
