"""Groups: whatever series come when, the sums are those of a slow sum in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.grouping import Groups

DIMENSIONS = ("service", "model", "route")

VALUES = ["", "a", "b", "other"]

SERIES = st.tuples(*[st.sampled_from(VALUES)] * 3)


class World(NamedTuple):
    """Series by id, and rows of (series id, part, value)."""

    series: dict[int, tuple[str, ...]]
    rows: list[tuple[int, int, float]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Some series with holes between their ids, and rows of some of them."""
    ids = sorted(draw(st.sets(st.integers(1, 60), max_size=12)))
    series = {series_id: draw(SERIES) for series_id in ids}
    row = st.tuples(st.sampled_from(ids), st.integers(0, 2), st.integers(0, 1000).map(float))
    return World(series, draw(st.lists(row, max_size=30)) if ids else [])


def columns(series: dict[int, tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: [values[place] for values in series.values()] for place, name in enumerate(DIMENSIONS)}


def arrays(rows: Sequence[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
    )


BY = st.lists(st.sampled_from(DIMENSIONS), unique=True).map(tuple)
WHERE = st.dictionaries(st.sampled_from(DIMENSIONS), st.sets(st.sampled_from(VALUES)), max_size=2)


@given(worlds(), BY, WHERE, st.integers(0, 12))
def test_sums_by_labels_are_those_of_a_slow_sum(
    world: World, by: tuple[str, ...], where: dict[str, set[str]], first: int
) -> None:
    groups = Groups(by, where)
    some = dict(list(world.series.items())[:first])
    groups.grow(list(some), columns(some))
    before = list(groups.labels)
    groups.grow(list(world.series), columns(world.series))
    assert groups.labels[: len(before)] == before
    assert len(set(groups.labels)) == len(groups) == len(groups.labels)

    def slow(part: int | None) -> dict[tuple[str, ...], float]:
        found = dict.fromkeys(groups.labels, 0.0)
        for series_id, of, value in world.rows:
            dimensions = dict(zip(DIMENSIONS, world.series[series_id], strict=True))
            if part in (None, of) and all(dimensions[name] in values for name, values in where.items()):
                found[tuple(dimensions[name] for name in by)] += value
        return found

    series_id, part, values = arrays(world.rows)
    assert dict(zip(groups.labels, groups.total(series_id, values), strict=True)) == slow(None)
    for number, sums in enumerate(groups.totals(series_id, part, values, 3)):
        assert dict(zip(groups.labels, sums, strict=True)) == slow(number)


def test_a_rule_by_nothing_has_one_instance_without_any_series() -> None:
    groups = Groups()
    assert groups.labels == [()]
    assert groups.total(*arrays([])[::2]).tolist() == [0.0]


def test_a_rule_by_labels_has_none_before_there_are_series() -> None:
    assert Groups(("service",)).total(*arrays([])[::2]).tolist() == []


def test_known_label_sets_keep_their_indexes_without_any_series() -> None:
    groups = Groups(("service",), known=[("gone",), ("a",)])
    groups.grow([7, 9], {"service": ["b", "a"]})
    assert groups.labels == [("gone",), ("a",), ("b",)]
    assert groups.instances(np.array([9, 7])).tolist() == [1, 2]


def test_a_series_that_is_not_taken_in_yet_counts_nowhere() -> None:
    groups = Groups(("service",))
    groups.grow([2], {"service": ["a"]})
    assert groups.instances(np.array([0, 1, 2, 3, 10**9])).tolist() == [-1, -1, 0, -1, -1]
    assert groups.total(np.array([2, 3]), np.array([5.0, 7.0])).tolist() == [5.0]
