"""Quantiles and exceedances of histograms: counts in buckets of many instances in, one answer each out.

Bucket b holds the values in (1.02^(b-1), 1.02^b], from 0.01 to a day in milliseconds, so that its middle is
within 1 % of every value in it (DDSketch: Masson, Rim and Lee, VLDB 2019, section 2). The SQL functions
``histogram_bucket`` and ``histogram_quantile`` say the same; ranks are integers here as there, since a
rounded rank picks the wrong bucket. Risks, from 0 to 1, have 101 buckets instead: the hundredths. Rows are of
any order, and several of one instance and bucket add up.
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

#: Histograms whose buckets are hundredths: risks, from 0 to 1, which that tells exactly to half of one.
HUNDREDTHS = frozenset({"tools_risk", "grounding_risk"})

#: Times the value before its bucket is found: of a cost, millionths of a dollar.
SCALES = {"cost": 1e6}

#: Stands for the bucket of an instance without values; it is below every bucket.
NO_BUCKET = -(2**15)

#: Counts that are looked at at once: what fits into some tens of megabytes.
_CELLS = 2**22


def bucket_of(value: float) -> int:
    """The bucket that counts a value."""
    return ceil(log(min(max(value, LOWEST), HIGHEST)) / log(GROWTH))


def place(of: str, value: float) -> int:
    """The bucket that counts a value of what a histogram is of, in its own unit."""
    if of in HUNDREDTHS:
        return round(value * 100)
    return bucket_of(value * SCALES.get(of, 1.0))


def values(of: str, buckets: Ints) -> Floats:
    """What stands for each bucket of what a histogram is of, in its own unit; NaN for ``NO_BUCKET``."""
    if of in HUNDREDTHS:
        return np.where(buckets == NO_BUCKET, np.nan, buckets / 100)
    return middles(buckets) / SCALES.get(of, 1.0)


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
    # The lowest rank is that of the first value.
    ranks = np.maximum(_ranks(q, totals(instance, n, size)), 1)
    return ranked_buckets(ranks, instance, value_bucket, n, size)


def totals(instance: Ints, n: Ints, size: int) -> Ints:
    """How many values each instance has, ``[size]``; the arguments are those of ``quantile_buckets``."""
    known = instance >= 0
    return np.bincount(instance[known], n[known], size).astype(np.int64)


def ranked_buckets(ranks: Ints, instance: Ints, value_bucket: Ints, n: Ints, size: int) -> Ints:
    """The bucket of the value of a rank, from 1, of each instance; ``NO_BUCKET`` where there is no such.

    ``ranks`` are ``[size]``; the other arguments are those of ``quantile_buckets``.
    """
    buckets = np.full(size, NO_BUCKET)
    if not len(instance):
        return buckets
    lowest = value_bucket.min()
    width = int(value_bucket.max() - lowest) + 1
    block = max(1, min(size, _CELLS // width))
    for start in range(0, size, block):
        here = (instance >= start) & (instance < start + block)
        cell = (instance[here] - start) * width + value_bucket[here] - lowest
        counts = np.bincount(cell, n[here], block * width).astype(np.int64).reshape(block, width)
        running = counts.cumsum(axis=1)
        rank = np.zeros(block, np.int64)
        rank[: size - start] = ranks[start : start + block]
        found = lowest + (running < rank[:, np.newaxis]).sum(axis=1)
        there = (rank > 0) & (rank <= running[:, -1])
        buckets[start : start + block] = np.where(there, found, NO_BUCKET)[: size - start]
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
