"""What a rate usually is at this time of day or week: hours of past days in, a baseline for now out. Pure.

For each of the last 28 days, three hours are given: before, of and after the present hour, that many days
earlier. The window of thirty minutes either side of now lies in two of them, and takes of each as much as it
covers. Days are the last seven until the same weekday has three weeks of calls; then those three.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Days of history, and of those the ones of a daily and a weekly baseline (0 is yesterday).
DAYS = 28
DAILY = tuple(range(7))
WEEKLY = (6, 13, 20)

#: Comparable windows that there must be, and the most that one of them adds to the dispersion.
MIN_WINDOWS = 3
MOST_ROUGH = 16.0


class Baseline(msgspec.Struct):
    """What is expected now; ``[S]`` each."""

    rate: Floats
    """Failures over calls; NaN where there are too few windows."""
    calls: Floats
    failures: Floats
    dispersion: Floats
    """How many times rougher than chance the past windows were; at least 1."""
    windows: Floats
    """How many past windows had calls."""
    weekly: Bools
    """Whether it is of the same weekday."""


def seasonal(
    calls: Floats, failures: Floats, fraction: float, *, valid: Bools | None = None, weekly: bool = False
) -> Baseline:
    """The baseline of every label set.

    Args:
        calls: of each past hour, ``[S, 28, 3]``.
        failures: of the same.
        fraction: how much of the present hour has gone, 0..1.
        valid: days that may be learned from, ``[S, 28]``; not those with an incident.
        weekly: take the same weekday even before three weeks are there.
    """
    before, after = max(0.0, 0.5 - fraction), max(0.0, fraction - 0.5)
    weights = np.array([before, 1.0 - before - after, after])
    n, x = calls @ weights, failures @ weights
    usable = n > 0 if valid is None else (n > 0) & valid
    n, x = np.where(usable, n, 0.0), np.where(usable, x, 0.0)
    by_week = usable[:, WEEKLY].all(axis=1) | weekly
    chosen = np.zeros_like(usable)
    chosen[:, DAILY] = ~by_week[:, None]
    chosen[:, WEEKLY] |= by_week[:, None]
    chosen &= usable
    windows = chosen.sum(axis=1).astype(np.float64)
    total, failed = (n * chosen).sum(axis=1), (x * chosen).sum(axis=1)
    enough = windows >= MIN_WINDOWS
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(enough & (total > 0), failed / total, np.nan)
        rough = np.arcsin(np.sqrt(x / n)) - np.arcsin(np.sqrt(rate))[:, None]
    z2 = np.where(chosen, np.minimum(4 * n * rough**2, MOST_ROUGH), 0.0)
    dispersion = np.maximum(1.0, np.nan_to_num(z2.sum(axis=1) / np.maximum(windows - 1, 1), nan=1.0))
    return Baseline(rate, total, failed, dispersion, windows, by_week)
