"""How sure a percentile of few values is: their number in, the ranks of its bounds out. Pure.

Whatever values are like, how many of n are at or below the true quantile is binomial, so the values at two
ranks bound it (G. J. Hahn and W. Q. Meeker, "Statistical Intervals", 1991, section 5.2).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, log, log1p, sqrt

import numpy as np
import numpy.typing as npt

from monitor.rules.statistics import log_choose

Ints = npt.NDArray[np.int64]

#: How sure each bound is by itself.
SURE = 0.95

#: Standard deviations beyond which nothing is left of a binomial distribution.
_FAR = 10.0


def bounds(q: float, totals: Ints) -> tuple[Ints, Ints]:
    """The ranks, from 1, of the values that quantile ``q`` is at least and at most; 0 where there is none.

    Args:
        q: between 0 and 1.
        totals: how many values each label set has, ``[S]``. Of a p95, 59 are the fewest with an upper bound.
    """
    numbers, place = np.unique(totals, return_inverse=True)
    ranks = np.array([_ranks(q, int(n)) for n in numbers], np.int64).reshape(-1, 2)
    return ranks[place, 0], ranks[place, 1]


@lru_cache(maxsize=4096)
def _ranks(q: float, n: int) -> tuple[int, int]:
    if n == 0:
        return 0, 0
    spread = _FAR * sqrt(n * q * (1 - q)) + 1
    first, last = max(0, floor(n * q - spread)), min(n, ceil(n * q + spread))
    below = np.arange(first, last)
    ratios = np.log((n - below) / (below + 1)) + log(q) - log1p(-q)
    start = log_choose(n, first) + first * log(q) + (n - first) * log1p(-q)
    # The chance that at most first, first + 1, … of the values are at or below the quantile.
    chance = np.cumsum(np.exp(start + np.concatenate([[0.0], np.cumsum(ratios)])))
    # Rounding makes the sum of all a little more or less than 1.
    chance /= chance[-1] if last == n else 1.0
    lower = first + int(np.searchsorted(chance, 1 - SURE, side="right"))
    upper = first + int(np.searchsorted(chance, SURE, side="left")) + 1
    return lower, (upper if upper <= n else 0)
