"""Who carries a change: counts of each series now and usually in, what each value adds out. Pure.

Of N calls now, of which a share s have a value and fail at rate r, and usually s₀ and r₀ of a whole that
failed at rate R₀, the change of the whole is the sum over the values of a dimension of

    (s - s₀) · (r₀ - R₀)  +  s · (r - r₀)

the first by traffic that moved, the second by rates that changed (Kitagawa, "Components of a difference
between two rates", JASA 50, 1955). R₀ changes no sum, and leaves a value that only grew with the others at 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

#: What adds less than this part of what the first adds is not worth a line.
LEAST = 0.05

#: What a call adds at least that is no error of rounding.
_ROUNDING = 1e-12


class Counted(Protocol):
    """The counts of one series."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Every dimension of the series."""
        ...

    @property
    def calls(self) -> float:
        """Calls that were judged, or measured."""
        ...

    @property
    def failures(self) -> float:
        """How many of them failed; of a mean, the sum of what was measured."""
        ...


class Contributor(NamedTuple):
    """One value of one dimension, and what it adds.

    ``excess`` is ``by_rate`` and ``by_mix`` together, times all calls. Where nothing is known of what is
    usual, it is the failures beyond what the baseline's rate would give for its calls.
    """

    dimension: str
    value: str
    calls: int
    failures: float
    excess: float
    rate: float | None
    usual_rate: float | None
    share: float
    usual_share: float | None = None
    by_rate: float | None = None
    by_mix: float | None = None


def contributors(
    now: Sequence[Counted],
    usual: Sequence[Counted],
    baseline_rate: float,
    *,
    known: Collection[str],
    limit: int = 5,
) -> list[Contributor]:
    """The values that add most, the first most.

    ``known`` are dimensions that the alert is already about. A dimension with a single value explains nothing
    and is left out, as is a value that adds nothing, or next to nothing.
    """
    values: dict[str, set[str]] = defaultdict(set)
    for row in (*now, *usual):
        if row.calls > 0:
            for dimension, value in row.labels.items():
                values[dimension].add(value)
    found = [
        one
        for one in decompose(now, usual, baseline_rate, known=known)
        if one.calls and one.excess > _ROUNDING * one.calls and len(values[one.dimension]) > 1
    ]
    found.sort(key=lambda one: (-one.excess, one.dimension, one.value))
    return [one for one in found if one.excess >= LEAST * found[0].excess][:limit]


def decompose(
    now: Sequence[Counted], usual: Sequence[Counted], baseline_rate: float, *, known: Collection[str]
) -> list[Contributor]:
    """What every value of every dimension adds, in no order; those of one dimension add up to the change."""
    present, past = _totals(now, known), _totals(usual, known)
    every = sum(row.calls for row in now)
    if every <= 0:
        return []
    past_calls, past_failures = sum(row.calls for row in usual), sum(row.failures for row in usual)
    found = []
    for (dimension, value), (calls, failures) in present.items():
        one: dict[str, Any]
        if past_calls > 0:
            before = past.get((dimension, value), (0.0, 0.0))
            one = _against(calls, failures, every, before, past_calls, past_failures / past_calls)
        else:
            one = {"excess": failures - calls * baseline_rate, "usual_rate": None}
        rate = failures / calls if calls > 0 else None
        found.append(
            Contributor(dimension, value, round(calls), failures, rate=rate, share=calls / every, **one)
        )
    return found


def _totals(rows: Sequence[Counted], known: Collection[str]) -> dict[tuple[str, str], tuple[float, float]]:
    """Calls and failures of each value of each dimension."""
    totals: dict[tuple[str, str], tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for row in rows:
        for dimension, value in row.labels.items():
            if dimension not in known:
                calls, failures = totals[dimension, value]
                totals[dimension, value] = calls + row.calls, failures + row.failures
    return totals


def _against(
    calls: float,
    failures: float,
    every: float,
    before: tuple[float, float],
    past_calls: float,
    past_rate: float,
) -> dict[str, Any]:
    """What one value adds to the change of the whole, beside what it was before."""
    usual_rate = before[1] / before[0] if before[0] > 0 else None
    # Of what is new there is no rate of its own: all that it does otherwise than the whole did is its rate.
    own = past_rate if usual_rate is None else usual_rate
    share, usual_share = calls / every, before[0] / past_calls
    by_mix = (share - usual_share) * (own - past_rate)
    by_rate = failures / every - share * own
    return {
        "excess": every * (by_mix + by_rate),
        "usual_rate": usual_rate,
        "usual_share": usual_share,
        "by_rate": by_rate,
        "by_mix": by_mix,
    }
