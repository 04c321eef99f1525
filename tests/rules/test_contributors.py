"""Who contributes most to a regression."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from monitor.rules import contributors


@dataclass(frozen=True)
class Row:
    labels: dict[str, str]
    calls: int
    failures: int


def row(calls: int, failures: int, **labels: str) -> Row:
    return Row(labels, calls, failures)


def test_the_value_with_the_largest_excess_comes_first() -> None:
    found = contributors(
        [
            row(100, 60, prompt="v8", model="a"),
            row(100, 2, prompt="v7", model="a"),
            row(50, 5, prompt="v7", model="b"),
        ],
        0.02,
        known=(),
    )
    assert [(one.dimension, one.value, one.calls, one.failures) for one in found] == [
        ("model", "a", 200, 62),
        ("prompt", "v8", 100, 60),
        ("model", "b", 50, 5),
        ("prompt", "v7", 150, 7),
    ]
    assert [round(one.excess, 6) for one in found] == [58.0, 58.0, 4.0, 4.0]


def test_a_dimension_with_one_value_explains_nothing() -> None:
    rows = [row(10, 5, prompt="v8", model="a"), row(10, 5, prompt="v7", model="a")]
    assert {one.dimension for one in contributors(rows, 0.0, known=())} == {"prompt"}


def test_what_the_alert_is_already_about_is_left_out() -> None:
    rows = [row(10, 5, prompt="v8", model="a"), row(10, 5, prompt="v7", model="b")]
    assert {one.dimension for one in contributors(rows, 0.0, known=["model"])} == {"prompt"}


def test_a_value_without_excess_is_left_out() -> None:
    rows = [row(100, 50, prompt="v8"), row(100, 1, prompt="v7")]
    assert [one.value for one in contributors(rows, 0.02, known=())] == ["v8"]


def test_nothing_of_nothing() -> None:
    assert contributors([], 0.5, known=()) == []


_ROWS = st.lists(
    st.builds(
        lambda a, b, calls, failures: row(calls, min(failures, calls), a=a, b=b),
        st.sampled_from("xyz"),
        st.sampled_from("uvw"),
        st.integers(0, 50),
        st.integers(0, 50),
    )
)


@given(_ROWS, st.floats(0, 1), st.integers(1, 5))
def test_they_are_few_sorted_and_each_adds_something(rows: list[Row], rate: float, limit: int) -> None:
    found = contributors(rows, rate, known=(), limit=limit)
    assert len(found) <= limit
    assert [one.excess for one in found] == sorted((one.excess for one in found), reverse=True)
    assert all(0 < one.excess <= one.failures for one in found)
