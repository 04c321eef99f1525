"""Quantiles and exceedances of histograms: counts in log buckets of many instances in, one answer each out.

Bucket b holds the values in (1.02^(b-1), 1.02^b], from 0.01 to a day in milliseconds, so that its middle is
within 1 % of every value in it (DDSketch: Masson, Rim and Lee, VLDB 2019, section 2). The SQL functions
``histogram_bucket`` and ``histogram_quantile`` say the same; ranks are integers here as there, since a
rounded rank picks the wrong bucket. Rows are of any order, and several of one instance and bucket add up.
"""

from __future__ import annotations

from decimal import Decimal
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: How many times as much as the one before a bucket reaches.
GROWTH = 1.02

#: Values below the first are counted as it, values above the second as that.
LOWEST, HIGHEST = 0.01, 86_400_000.0

#: Stands for the bucket of an instance without values; it is below every bucket.
NO_BUCKET = -(2**15)


def bucket_of(value: float) -> int:
    """The bucket that counts a value."""
    return ceil(log(min(max(value, LOWEST), HIGHEST)) / log(GROWTH))


def middles(buckets: Ints) -> Floats:
    """The value that stands for each bucket; NaN for ``NO_BUCKET``."""
    exponents = np.where(buckets == NO_BUCKET, np.nan, buckets)
    middle: Floats = 2 * GROWTH**exponents / (1 + GROWTH)
    return middle


def quantile_buckets(q: float, instance: Ints, value_bucket: Ints, n: Ints, size: int) -> Ints:
    """The bucket that quantile ``q`` of each instance is in, ``[size]``; ``NO_BUCKET`` where it has no rows.

    Args:
        q: from 0 to 1.
        instance: of each row, ``[R]``, below ``size``; a row with a negative one belongs to none.
        value_bucket: of each row, ``[R]``.
        n: values in it, ``[R]``.
        size: how many instances there are.
    """
    known = instance >= 0
    order = np.lexsort((value_bucket[known], instance[known]))
    instance, value_bucket, n = instance[known][order], value_bucket[known][order], n[known][order]
    running = np.cumsum(n)
    # The first row of each instance and, at the end, how many rows there are.
    first = np.searchsorted(instance, np.arange(size + 1))
    counted_before = np.concatenate([np.zeros(1, np.int64), running])[first]
    rank = _ranks(q, np.diff(counted_before))
    found = np.maximum(np.searchsorted(running, counted_before[:-1] + rank), first[:-1])
    buckets = np.full(size, NO_BUCKET)
    has_rows = np.diff(first) > 0
    buckets[has_rows] = value_bucket[found[has_rows]]
    return buckets


def exceedances(above: Ints, instance: Ints, value_bucket: Ints, n: Ints, size: int) -> tuple[Floats, Floats]:
    """How many values of each instance are in buckets above its own ``above``, and how many there are.

    Args:
        above: a bucket for each instance, ``[size]``.
        instance: of each row, ``[R]``, below ``size``; a row with a negative one belongs to none.
        value_bucket: of each row, ``[R]``.
        n: values in it, ``[R]``.
        size: how many instances there are.
    """
    known = instance >= 0
    instance, value_bucket, n = instance[known], value_bucket[known], n[known]
    over = np.bincount(instance, np.where(value_bucket > above[instance], n, 0), size)
    every = np.bincount(instance, n, size)
    return over.astype(np.float64), every.astype(np.float64)


def _ranks(q: float, totals: Ints) -> Ints:
    """The rank of quantile ``q`` among each of these numbers of values, rounded up.

    A quantile is the decimal number that people wrote, to 15 digits, as Postgres makes a ``numeric`` of it.
    """
    numerator, denominator = Decimal(f"{q:.15g}").as_integer_ratio()
    # As integers of Python, which no product is too large for.
    ranks: Ints = (-(-totals.astype(object) * numerator // denominator)).astype(np.int64)
    return ranks
