"""Rates of buckets of the same number of calls: counts of minutes in, how many buckets are high out. Pure.

The p95 of one-minute rates falls when traffic rises, with nothing better or worse, so minutes are gathered
until they hold a bucket's calls. What they hold beyond that must not count either: of n calls with x failures
one bucket is any N of them, and its failures are hypergeometric. So n calls are ``n // N`` buckets, each with
that distribution; a group of exactly N is one bucket with x failures. Where nothing changes, that has the
distribution of N calls at any traffic. An empty minute is no bucket, and no rate of 0.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Failures that are usual in a bucket.
EXPECTED = 5.0

#: The share of buckets that are at or below the statistic.
SHARE = 0.95

#: Buckets that a window or a recovery must have before anything is said of it.
FEWEST = 3.0


class Buckets(msgspec.Struct, frozen=True):
    """How large the buckets of each label set are, and what is usual of them; ``[S]`` each."""

    size: Floats
    """Calls; infinite where nothing is known, so that no bucket is ever full."""
    most: Floats
    """Failures that 95 of 100 usual buckets have at most."""


def sizes(rate: Floats, minimum_calls: float) -> Floats:
    """Calls of a bucket where this rate is usual; infinite where that is NaN or 0."""
    with np.errstate(divide="ignore"):
        size = np.ceil(EXPECTED / np.nan_to_num(rate) - 1e-9)
    return np.maximum(size, minimum_calls)


def gather(calls: Floats, failures: Floats, size: Floats) -> tuple[Floats, Floats]:
    """The same counts ``[..., M]``, each moved to the minute in which its group of ``size`` calls is full.

    What does not fill a group at the end is left out. ``size`` is ``[...]``.
    """
    n, x = np.zeros(calls.shape), np.zeros(calls.shape)
    held = np.zeros(calls.shape[:-1]), np.zeros(calls.shape[:-1])
    for minute in range(calls.shape[-1]):
        (n[..., minute], x[..., minute]), held = fill(held, (calls[..., minute], failures[..., minute]), size)
    return n, x


def fill(
    held: tuple[Floats, Floats], minute: tuple[Floats, Floats], size: Floats
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Add calls and failures of a minute to those that are held: the full groups, and what is held now."""
    n, x = held[0] + minute[0], held[1] + minute[1]
    full = n >= size
    return (np.where(full, n, 0.0), np.where(full, x, 0.0)), (np.where(full, 0.0, n), np.where(full, 0.0, x))


def exceeding(calls: Floats, failures: Floats, buckets: Buckets) -> tuple[Floats, Floats]:
    """How many buckets groups of calls are, and how many of those have more failures than is usual.

    Args:
        calls: of each group, ``[S, ...]``; fewer than a bucket are none.
        failures: of the same.
        buckets: of each label set.
    """
    size, most = (_along(values, calls) for values in (buckets.size, buckets.most))
    count = np.floor(calls / size)
    over = np.zeros(calls.shape)
    some = count > 0
    over[some] = 1 - _at_most(most[some], calls[some], failures[some], size[some])
    return count, count * over


def p95(calls: Floats, failures: Floats, size: Floats) -> Floats:
    """The failures that 95 of 100 buckets have at most, an order statistic; ``[S]``, NaN without a bucket.

    ``calls`` and ``failures`` are of groups, ``[S, B]``.
    """
    count = np.floor(calls / size[:, None])
    total = count.sum(axis=1)
    rows, columns = np.nonzero(count > 0)
    n, x, of, weight = calls[rows, columns], failures[rows, columns], size[rows], count[rows, columns]
    found = np.where(total > 0, 0.0, np.nan)
    below = np.zeros(len(size))
    going = np.ones(len(rows), bool)
    most = 0
    while going.any():
        chance = _chance(np.full(int(going.sum()), float(most)), n[going], x[going], of[going])
        below += np.bincount(rows[going], weight[going] * chance, len(size))
        done = below >= SHARE * total - 1e-9 * total
        found = np.where(done, found, most + 1.0)
        going &= ~done[rows]
        most += 1
    return np.where(total > 0, found, np.nan)


def _at_most(most: Floats, calls: Floats, failures: Floats, size: Floats) -> Floats:
    """The chance that ``size`` of the calls have at most ``most`` failures; 1-D."""
    total = np.zeros(len(calls))
    usual = size * failures / calls
    for fewer in range(int(most.max(initial=-1.0)) + 1):
        term = _chance(most - fewer, calls, failures, size)
        total += term
        if ((term < 1e-12) & (most - fewer < usual)).all():
            break
    return np.minimum(total, 1.0)


def _chance(most: Floats, calls: Floats, failures: Floats, size: Floats) -> Floats:
    """The chance of exactly ``most`` failures in ``size`` of the calls (hypergeometric); 1-D."""
    possible = (most >= np.maximum(0, size - (calls - failures))) & (most <= np.minimum(size, failures))
    chance = np.zeros(len(calls))
    k, n, x, of = most[possible], calls[possible], failures[possible], size[possible]
    logs = _log_factorials(int(n.max(initial=1.0)).bit_length())

    def choose(total: Floats, some: Floats) -> Floats:
        whole, part = total.astype(np.int64), some.astype(np.int64)
        found: Floats = logs[whole] - logs[part] - logs[whole - part]
        return found

    chance[possible] = np.exp(choose(x, k) + choose(n - x, of - k) - choose(n, of))
    return chance


@lru_cache(maxsize=8)
def _log_factorials(bits: int) -> Floats:
    """The logarithms of the factorials of every number of so many bits."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, 2**bits)))])


def _along(values: Floats, like: Floats) -> Floats:
    """``[S]`` in the shape of ``[S, ...]``."""
    return np.broadcast_to(values.reshape(-1, *(1,) * (like.ndim - 1)), like.shape)
