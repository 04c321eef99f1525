"""Finds what is too small for a minute to show: a whole day compared with the days before. Pure.

The last 24 hours against the same 24 hours of the last 28 days, weekdays known, in standard errors: those of
chance, of the baseline, and of how the days differ among themselves. For tickets only. Means (tokens, cost),
of which only sums are stored, have this lane alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.rules.baseline import DAYS, MIN_WINDOWS, of_windows

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Standard errors by which a day must be above what is expected of it (``benchmarks.detection`` chose it).
SHIFTED = 3.5

#: The same for means, whose error is learned of few days: Student's t with about 13 degrees of freedom.
MEAN_SHIFTED = 5.0

#: Days a mean is compared with.
_MEAN_DAYS = 14


def shift(
    calls: Floats, failures: Floats, past_calls: Floats, past_failures: Floats, *, valid: Bools | None = None
) -> tuple[Floats, Floats]:
    """How many standard errors the last day is above its baseline, and that baseline's rate; NaN without one.

    Args:
        calls: of the last 24 hours, ``[S]``.
        failures: of the same.
        past_calls: of the same 24 hours on earlier days, ``[S, 28]``; 0 is the 24 hours before.
        past_failures: of the same.
        valid: days that may be learned from, ``[S, 28]``.
    """
    baseline = of_windows(past_calls, past_failures, valid=valid)
    expected = calls * baseline.rate
    variance = expected * (1 - baseline.rate) + expected**2 * (baseline.error**2 + baseline.drift**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(calls > 0, (failures - expected) / np.sqrt(variance), np.nan), baseline.rate


def mean_shift(today: Floats, past: Floats) -> tuple[Floats, Floats]:
    """How many standard errors a daily mean is above those of the last 14 days, and their mean; NaN without.

    Args:
        today: the mean of the last 24 hours, ``[S]``.
        past: of the same hours on earlier days, ``[S, 28]``; NaN where there were no calls.
    """
    some = np.isfinite(past) & (np.arange(DAYS) < _MEAN_DAYS)
    days = some.sum(axis=1)
    known = np.where(some, past, 0.0)
    mean = known.sum(axis=1) / np.maximum(days, 1)
    squares = np.where(some, (past - mean[:, None]) ** 2, 0.0).sum(axis=1)
    deviation = np.sqrt(squares / np.maximum(days - 1, 1) * (1 + 1 / np.maximum(days, 1)))
    # Days that are exactly alike say nothing of how much days differ: a thousandth is taken as no change.
    deviation = np.maximum(deviation, np.abs(mean) * 1e-3)
    with np.errstate(invalid="ignore", divide="ignore"):
        beyond = np.where(days >= MIN_WINDOWS, (today - mean) / deviation, np.nan)
    return beyond, np.where(days >= MIN_WINDOWS, mean, np.nan)
