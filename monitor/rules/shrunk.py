"""Rates of the values of one dimension: counts of each group in, how many are high out. Pure.

Of raw rates the smallest groups are always the worst. So each is drawn towards the rate of all groups, as far
as its calls are few: the mean of a beta distribution whose parameters are found by the method of moments
(J. C. Kleinman, "Proportions with extraneous variance: single and independent samples", JASA 68, 1973). Then
each group counts once, however many calls it has; those with almost none are left out.

A regression looks at each group four times an hour, over a quarter of an hour, at a minute of its own. So the
groups are spread over the minutes, and each quarter hour of a group is one trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Minutes over which a group is looked at.
QUARTER = 15

#: The share of groups that are at or below the statistic.
SHARE = 0.95

#: A group has at least this part of a rule's ``minimum_calls``, or it is left out.
LEAST_PART = 0.1

#: Quarter hours of groups that a window or a recovery must have before anything is said of it.
FEWEST = 10.0


class Prior(msgspec.Struct, frozen=True):
    """What the groups of each label set are like; ``[S]`` each."""

    mean: Floats
    """The rate of all groups together; NaN where there are no calls."""
    strength: Floats
    """Calls that the mean counts for in the rate of each."""

    def shrunk(self, calls: Floats, failures: Floats, of: Ints) -> Floats:
        """The rate of each group, drawn towards the mean; ``[G, ...]``, of the label sets ``of``, ``[G]``."""
        shape = (-1, *(1,) * (calls.ndim - 1))
        mean, strength = self.mean[of].reshape(shape), self.strength[of].reshape(shape)
        with np.errstate(invalid="ignore"):
            drawn: Floats = (failures + strength * mean) / (calls + strength)
        return drawn


def prior(calls: Floats, failures: Floats, of: Ints, size: int, part: float = 1.0) -> Prior:
    """What groups are like, by the method of moments.

    However alike they are, the mean counts for no more calls than a group has on average of what is judged,
    or a group that is like the others no longer could not be seen.

    Args:
        calls: of each group, ``[G]``; 0 is no group.
        failures: of the same.
        of: the label set of each.
        size: how many label sets there are.
        part: of these calls, that those are which are judged at once.
    """

    def total(values: Floats) -> Floats:
        return np.bincount(of, values, size).astype(np.float64)

    n, squares = total(calls), total(calls**2)
    more = total((calls > 0).astype(np.float64)) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total(failures) / n
        chance = mean * (1 - mean)
        spread = total(np.where(calls > 0, (failures - calls * mean[of]) ** 2 / calls, 0.0))
        alike = (spread / chance - more) / (n - squares / n - more)
        alike = np.clip(np.nan_to_num(alike), 1e-9, 1.0)
        return Prior(mean, np.minimum((1 - alike) / alike, part * n / (more + 1)))


def p95(rates: Floats, of: Ints, size: int) -> Floats:
    """The rate that 95 of 100 groups are at or below, an order statistic; ``[S]``, NaN without groups.

    ``rates`` are ``[G, ...]``, NaN of what is left out; ``of`` is the label set of each row.
    """
    found = np.full(size, np.nan)
    flat = np.repeat(of, int(np.prod(rates.shape[1:])))
    values = rates.ravel()
    order = np.lexsort((values, flat))
    order = order[np.isfinite(values[order])]
    count = np.bincount(flat[order], minlength=size)
    some = np.flatnonzero(count)
    first = np.cumsum(count) - count
    places = first[some] + np.ceil(SHARE * count[some] - 1e-9).astype(np.int64) - 1
    found[some] = values[order[places]]
    return found


def turns(groups: Sequence[str], minute: int, minutes: int) -> Bools:
    """In which of the last minutes each group has its turn, ``[G, minutes]``; the last one is ``minute``.

    ``minute`` counts from the epoch. A group has the same minute in every quarter hour, by its name.
    """
    own = np.array([crc32(name.encode()) % QUARTER for name in groups], np.int64)
    found: Bools = (minute - np.arange(minutes)[::-1]) % QUARTER == own[:, None]
    return found


def last_quarters(values: Floats) -> Floats:
    """Of each minute the sum of the quarter hour that it ends, ``[G, M - 14]`` of ``[G, M]``."""
    running = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    quarters: Floats = running[:, QUARTER:] - running[:, :-QUARTER]
    return quarters
