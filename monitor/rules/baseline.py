"""What a rate usually is at this time of day or week: hours of past days in, a baseline for now out. Pure.

Three things are learned of every label set: its rate, how far off that rate may be (``error``), and how
much it drifts by itself from day to day (``drift``). The days are the last seven, until the same weekday has
three weeks with calls; then they are all 28, and as far as weekdays have shown to differ, those of this
weekday count alone. That is James and Stein's shrinkage of seven weekdays towards their mean ("Estimation
with quadratic loss", 1961), which halves the error of taking the same weekday alone.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Days of history; 0 is yesterday, 6 the same weekday a week ago.
DAYS = 28
_WEEK = 7
_SAME_WEEKDAY = slice(6, None, 7)
_WEEKDAY = np.eye(_WEEK)[np.arange(DAYS) % _WEEK]

#: Comparable windows that there must be.
MIN_WINDOWS = 3

#: Failures of a past window are learned from up to so many times the median rate, and deviations more.
_MOST_TIMES, _MOST_DEVIATIONS = 1.5, 3.0


class Baseline(msgspec.Struct):
    """What is expected now; ``[S]`` each."""

    rate: Floats
    """Failures over calls; NaN where there are too few windows."""
    error: Floats
    """Standard error of the rate, as a share of it."""
    drift: Floats
    """Standard deviation of the true rate from day to day, as a share of it."""
    calls: Floats
    """Past calls that the rate stands on; those of other weekdays as far as they count."""
    failures: Floats
    """The rate times ``calls``."""
    windows: Floats
    """How many past windows had calls that are comparable: of the last seven days, or of the same weekday."""
    weekly: Bools
    """Whether it knows weekdays."""


def seasonal(
    calls: Floats, failures: Floats, fraction: float, *, valid: Bools | None = None, weekly: bool = False
) -> Baseline:
    """The baseline of this time of day.

    The window is two hours wide and slides over the three: at the top of the hour it is the hour before and
    the hour after, at half past it is the present hour and half of each neighbour.

    Args:
        calls: of each past hour, ``[S, 28, 3]``: before, of and after the present hour so many days earlier.
        failures: of the same.
        fraction: how much of the present hour has gone, 0..1.
        valid: days that may be learned from, ``[S, 28]``; not those with an incident.
        weekly: know weekdays even before three weeks are there.
    """
    return of_windows(around(calls, fraction), around(failures, fraction), valid=valid, weekly=weekly)


def around(hours: Floats, fraction: float) -> Floats:
    """The two hours around now of each past day, ``[S, 28]``, of the three hours that ``seasonal`` takes."""
    window: Floats = hours @ np.array([1.0 - fraction, 1.0, fraction])
    return window


def of_windows(
    calls: Floats, failures: Floats, *, valid: Bools | None = None, weekly: bool = False
) -> Baseline:
    """The baseline of one comparable window on each of the last 28 days.

    Args:
        calls: in the window, ``[S, 28]``; a day without calls says nothing.
        failures: of the same.
        valid: days that may be learned from, ``[S, 28]``.
        weekly: know weekdays even before three weeks are there.
    """
    usable = calls > 0 if valid is None else (calls > 0) & valid
    knows_weekdays = (usable[:, _SAME_WEEKDAY].sum(axis=1) >= MIN_WINDOWS) | weekly
    usable = usable & (knows_weekdays[:, None] | (np.arange(DAYS) < _WEEK))
    n = np.where(usable, calls, 0.0)
    x = _without_incidents(n, np.where(usable, failures, 0.0))
    total, failed = n.sum(axis=1), x.sum(axis=1)
    windows = np.where(knows_weekdays, usable[:, _SAME_WEEKDAY].sum(axis=1), usable.sum(axis=1))
    # Half a failure more: a series that never failed yet is not one that can't.
    mean = (failed + 0.5) / (total + 1.0)
    by_day, failed_by_day = n @ _WEEKDAY, x @ _WEEKDAY
    day_rate = np.where(by_day > 0, failed_by_day / np.maximum(by_day, 1.0), mean[:, None])
    own = np.where(knows_weekdays[:, None], day_rate @ _WEEKDAY.T, mean[:, None])
    freedom = usable.sum(axis=1) - np.where(knows_weekdays, (by_day > 0).sum(axis=1), 1)
    chance = mean * (1 - mean)
    rough = ((x - n * own) ** 2 / np.maximum(n, 1.0)).sum(axis=1) / np.maximum(freedom, 1)
    rough = np.maximum(rough, chance)
    average = total / np.maximum(usable.sum(axis=1), 1)
    within = rough / np.maximum(by_day.mean(axis=1), 1.0)
    between = np.maximum(((day_rate - mean[:, None]) ** 2).sum(axis=1) / (_WEEK - 1) - within, 0.0)
    own_share = np.where(knows_weekdays, between / (between + within), 0.0)
    today = day_rate[:, _WEEK - 1]
    rate = own_share * today + (1 - own_share) * mean
    behind = own_share * by_day[:, _WEEK - 1] + (1 - own_share) * total
    squared_error = (own_share**2 + (1 - own_share) ** 2 / _WEEK) * within
    return Baseline(
        rate=np.where((windows >= MIN_WINDOWS) & (total > 0), rate, np.nan),
        error=np.sqrt(squared_error) / mean,
        drift=np.sqrt((rough - chance) / np.maximum(average, 1.0)) / mean,
        calls=behind,
        failures=rate * behind,
        windows=windows.astype(np.float64),
        weekly=knows_weekdays,
    )


def _without_incidents(n: Floats, x: Floats) -> Floats:
    """Failures with what stands far above the other days cut off: a past incident is no habit."""
    rates = np.where(n > 0, x / np.maximum(n, 1e-9), np.nan)
    expected = n * _median(rates)[:, None]
    return np.minimum(x, _MOST_TIMES * expected + _MOST_DEVIATIONS * np.sqrt(expected + 1.0))


def _median(rates: Floats) -> Floats:
    """The median of each row without its NaN, 0 of none. ``np.nanmedian`` takes twenty times as long."""
    ordered, many = np.sort(rates, axis=1), np.isfinite(rates).sum(axis=1)
    rows, last = np.arange(len(rates)), np.maximum(many - 1, 0)
    middles = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where(many > 0, middles, 0.0)
