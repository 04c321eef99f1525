"""Which minutes are under load: how many calls were in flight in each in, what is a lot out. Pure.

Calls in flight are arrivals times duration (J. D. C. Little, "A proof for the queuing formula L = λW",
Operations Research 9, 1961): the sum of the durations of a minute's calls over the minute. Rates are compared
among minutes under load alone, or a change of traffic would look like a change of the rate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: The share of a day's minutes at this time that are below its load.
SHARE = 0.95

#: Minutes under load that must still be bad: the newest ones.
SHORT = 5

_MINUTE_MS = 60_000.0


def in_flight(durations_ms: Floats) -> Floats:
    """Calls in flight on average, of the sums of the durations of a minute's calls."""
    return durations_ms / _MINUTE_MS


def usual_load(busy: Floats, valid: Bools) -> Floats:
    """The calls in flight that are a lot: the median of the days' 95th percentiles, ``[S]``.

    The median, so that a day with a load test, or one of much traffic, does not say alone what is a lot.

    Args:
        busy: calls in flight of the minutes of each past day, ``[S, D, M]``; 0 of a minute without calls.
        valid: days that may be learned from, ``[S, D]``.
    """
    place = int(np.ceil(SHARE * busy.shape[-1])) - 1
    highest = np.sort(busy, axis=-1)[..., place]
    known = valid & (highest > 0)
    load = np.full(len(busy), np.nan)
    some = known.any(axis=1)
    # Of an even number the higher one: an order statistic, as the percentiles are.
    ordered = np.sort(np.where(known, highest, np.inf), axis=1)
    load[some] = ordered[some, known[some].sum(axis=1) // 2]
    return load


def newest(calls: Floats, failures: Floats) -> tuple[Floats, Floats]:
    """Calls and failures of the newest minutes that have any, ``[S]``, of the minutes ``[S, M]``."""
    later = np.cumsum((calls > 0)[:, ::-1], axis=1)[:, ::-1]
    kept = later <= SHORT
    return np.where(kept, calls, 0.0).sum(axis=1), np.where(kept, failures, 0.0).sum(axis=1)
