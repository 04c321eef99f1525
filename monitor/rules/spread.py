"""Picks examples that show different things. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def spread(found: Sequence[T], kind: Callable[[T], Hashable], limit: int) -> list[T]:
    """The first of each kind, then the second of each, until there are enough."""
    turns: dict[Hashable, int] = {}
    order = []
    for place, one in enumerate(found):
        turn = turns[kind(one)] = turns.get(kind(one), -1) + 1
        order.append((turn, place))
    return [found[place] for _, place in sorted(order)[:limit]]
