"""Who contributes most to a regression: for each other dimension, the values with the largest excess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol


class Counted(Protocol):
    """The counts of one series in the window."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Every dimension of the series."""
        ...

    @property
    def calls(self) -> int:
        """Calls that were judged."""
        ...

    @property
    def failures(self) -> int:
        """How many of them failed."""
        ...


class Contributor(NamedTuple):
    """One value of one dimension, and what it adds.

    ``excess`` is its failures beyond what the baseline's rate would give for its calls.
    """

    dimension: str
    value: str
    calls: int
    failures: int
    excess: float


def contributors(
    rows: Sequence[Counted], baseline_rate: float, *, known: Collection[str], limit: int = 5
) -> list[Contributor]:
    """The values with the largest excess, largest first.

    ``known`` are dimensions that the alert is already about. A dimension with a single value explains
    nothing and is left out, as is a value without excess.
    """
    totals: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    values: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for dimension, value in row.labels.items():
            if dimension not in known:
                values[dimension].add(value)
                total = totals[dimension, value]
                total[0] += row.calls
                total[1] += row.failures
    found = [
        Contributor(dimension, value, calls, failures, failures - calls * baseline_rate)
        for (dimension, value), (calls, failures) in totals.items()
        if len(values[dimension]) > 1
    ]
    return sorted((c for c in found if c.excess > 0), key=lambda c: (-c.excess, c.dimension, c.value))[:limit]
