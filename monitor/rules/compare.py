"""What a rate is compared with beside the time of day: counts, a median, and the present mix. Pure.

Arrays are over the label sets of a rule (S of them); what comes out is a ``Baseline``, or what it is to be
multiplied by.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import structs

from monitor.rules.baseline import MIN_WINDOWS, Baseline, around, seasonal

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: What never fails is judged as if it failed this often, or as often as the absolute margin if that is less.
LEAST_RATE = 0.005

#: Calls that a label set's own rate counts for in the rate of one of its series.
PRIOR = 200.0

#: Days that say how many calls are usual.
WEEK_DAYS = 7


def of_counts(calls: Floats, failures: Floats, minimum_calls: float) -> Baseline:
    """A baseline of one span: its rate, and the error of so many calls; NaN below ``minimum_calls``."""
    enough = calls >= minimum_calls
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(enough, failures / calls, np.nan)
        # Half a failure more: what never failed yet is not what can't.
        mean = (failures + 0.5) / (calls + 1.0)
        error = np.sqrt((1 - mean) / (mean * calls))
    size = len(calls)
    return Baseline(rate, error, np.zeros(size), calls, failures, np.ones(size), np.zeros(size, bool))


def of_value(rate: Floats) -> Baseline:
    """A baseline that is known without error."""
    size = len(rate)
    nothing = np.zeros(size)
    return Baseline(rate, nothing, nothing, nothing, nothing, np.ones(size), np.zeros(size, bool))


def usual_calls(calls: Floats, fraction: float) -> Floats:
    """Calls an hour that are usual at this time of day: the median of the last seven days, ``[S]``.

    ``calls`` and ``fraction`` are as for ``seasonal``. What most days have none of is not missed, nor more
    than the same weekday had a week ago, if it is known for so long: a service may rest on Sundays.
    """
    days = around(calls, fraction) / 2
    usual: Floats = np.median(days[:, :WEEK_DAYS], axis=1)
    known = (days[:, WEEK_DAYS - 1 :] > 0).any(axis=1)
    return np.where(known, np.minimum(usual, days[:, WEEK_DAYS - 1]), usual)


def median_of_days(calls: Floats, failures: Floats, fraction: float, *, valid: Bools, days: int) -> Baseline:
    """The median of so many days' rates at this time of day, which one bad day moves little.

    ``calls``, ``failures`` and ``fraction`` are as for ``seasonal``, whose error and drift it has too.
    """
    kept = valid & (np.arange(valid.shape[1]) < days)
    n, x = around(calls, fraction), around(failures, fraction)
    rates = np.where((n > 0) & kept, x / np.maximum(n, 1e-9), np.nan)
    enough = np.isfinite(rates).sum(axis=1) >= MIN_WINDOWS
    rate = np.full(len(n), np.nan)
    rate[enough] = np.nanmedian(rates[enough], axis=1)
    return structs.replace(seasonal(calls, failures, fraction, valid=kept), rate=rate)


def mix_index(past: tuple[Ints, Ints, Floats, Floats], now: tuple[Ints, Ints, Floats], size: int) -> Floats:
    """How many times its usual rate a label set would have from its present mix of series alone, ``[size]``.

    Each series counts with the rate that it had (direct standardisation), drawn towards that of its label set
    as if that had been seen in ``PRIOR`` calls more; one that had no calls counts with the latter, so what a
    new model or prompt does worse is no mix. 1 where nothing is known.

    Args:
        past: of each row the series, its label set (none may be negative), calls and failures.
        now: of each row of the present the series, its label set (negative: none) and calls.
        size: how many label sets there are.
    """
    series, of, calls, failures = past
    new, to, weight = now
    there = to >= 0
    new, to, weight = new[there], to[there], weight[there]
    width = int(max(series.max(initial=0), new.max(initial=0))) + 1
    n, x = np.bincount(series, calls, width), np.bincount(series, failures, width)
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = np.bincount(of, failures, size) / np.bincount(of, calls, size)
        drawn = (x[series] + PRIOR * usual[of]) / (n[series] + PRIOR)
        before = np.bincount(of, calls * drawn, size) / np.bincount(of, calls, size)
        drawn = (x[new] + PRIOR * usual[to]) / (n[new] + PRIOR)
        after = np.bincount(to, weight * drawn, size) / np.bincount(to, weight, size)
        index = after / before
    return np.where(np.isfinite(index) & (index > 0), index, 1.0)
