"""Who carries a change, and whether by its rate or by its part of the calls."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.contributors import contributors, decompose


@dataclass(frozen=True)
class Row:
    labels: dict[str, str]
    calls: float
    failures: float


def row(calls: float, failures: float, **labels: str) -> Row:
    return Row(labels, calls, failures)


def test_without_a_past_the_value_with_the_most_beyond_the_baseline_comes_first() -> None:
    found = contributors(
        [
            row(100, 60, prompt="v8", model="a"),
            row(100, 2, prompt="v7", model="a"),
            row(50, 5, prompt="v7", model="b"),
        ],
        [],
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
    assert {(one.usual_rate, one.usual_share, one.by_rate, one.by_mix) for one in found} == {(None,) * 4}


def test_a_value_that_fails_more_than_it_did_adds_by_its_rate() -> None:
    now, usual = [row(50, 10, m="a"), row(50, 1, m="b")], [row(500, 10, m="a"), row(500, 10, m="b")]
    [one] = contributors(now, usual, 0.0, known=())
    assert (one.value, one.rate, one.usual_rate, one.share, one.usual_share) == ("a", 0.2, 0.02, 0.5, 0.5)
    assert one.by_rate == pytest.approx(0.09)
    assert one.by_mix == 0.0
    assert one.excess == pytest.approx(9.0), "of 100 calls"


def test_a_value_that_has_more_of_the_calls_adds_by_the_mix_as_far_as_it_was_worse() -> None:
    now = [row(80, 8, m="bad"), row(20, 0, m="good")]
    usual = [row(200, 20, m="bad"), row(800, 0, m="good")]
    found = contributors(now, usual, 0.0, known=())
    assert [(one.value, round(one.by_mix or 0, 4)) for one in found] == [("bad", 0.048), ("good", 0.012)]
    assert all(one.by_rate == pytest.approx(0) for one in found)


def test_a_value_that_was_always_bad_and_still_is_adds_nothing() -> None:
    now, usual = [row(50, 10, m="a"), row(50, 11, m="b")], [row(500, 100, m="a"), row(500, 10, m="b")]
    assert [one.value for one in contributors(now, usual, 0.0, known=())] == ["b"]


def test_a_value_that_was_not_there_before_adds_by_its_rate_alone() -> None:
    now, usual = [row(60, 30, v="8"), row(40, 0, v="7")], [row(1000, 20, v="7")]
    [one] = contributors(now, usual, 0.0, known=())
    assert (one.value, one.usual_rate, one.usual_share, one.by_mix) == ("8", None, 0.0, 0.0)
    assert one.excess == pytest.approx(30 - 60 * 0.02)


def test_a_value_that_took_over_all_calls_is_one_of_two() -> None:
    [one] = contributors([row(60, 30, v="8")], [row(1000, 20, v="7")], 0.0, known=())
    assert (one.value, one.share, one.usual_share) == ("8", 1.0, 0.0)


def test_of_a_mean_they_are_sums_in_its_unit() -> None:
    now, usual = (
        [row(10, 40_000, m="a"), row(10, 10_000, m="b")],
        [row(50, 50_000, m="a"), row(50, 50_000, m="b")],
    )
    [one] = contributors(now, usual, 0.0, known=())
    assert (one.rate, one.usual_rate) == (4000.0, 1000.0)
    assert (one.excess, one.by_rate) == (30_000.0, 1500.0)


def test_a_dimension_with_one_value_explains_nothing() -> None:
    rows = [row(10, 5, prompt="v8", model="a"), row(10, 5, prompt="v7", model="a")]
    assert {one.dimension for one in contributors(rows, [], 0.0, known=())} == {"prompt"}


def test_what_the_alert_is_already_about_is_left_out() -> None:
    rows = [row(10, 5, prompt="v8", model="a"), row(10, 5, prompt="v7", model="b")]
    assert {one.dimension for one in contributors(rows, [], 0.0, known=["model"])} == {"prompt"}


def test_what_adds_next_to_nothing_is_left_out() -> None:
    rows = [row(100, 50, prompt="v8"), row(100, 1, prompt="v7"), row(100, 4, prompt="v6")]
    assert [one.value for one in contributors(rows, [], 0.02, known=())] == ["v8"]


def test_nothing_of_nothing() -> None:
    assert contributors([], [], 0.5, known=()) == []
    assert contributors([row(0, 0, a="x"), row(0, 0, a="y")], [], 0.5, known=()) == []


_ROWS = st.lists(
    st.builds(
        lambda a, b, calls, failures: row(calls, min(failures, calls), a=a, b=b),
        st.sampled_from("xyz"),
        st.sampled_from("uvw"),
        st.integers(0, 50),
        st.integers(0, 50),
    )
)


@given(_ROWS, _ROWS, st.floats(0, 1), st.integers(1, 5))
def test_they_are_few_sorted_and_each_adds_something(
    now: list[Row], usual: list[Row], rate: float, limit: int
) -> None:
    found = contributors(now, usual, rate, known=(), limit=limit)
    assert len(found) <= limit
    assert [one.excess for one in found] == sorted((one.excess for one in found), reverse=True)
    assert all(one.excess > 0 and one.calls > 0 and 0 < one.share <= 1 for one in found)


@given(_ROWS, _ROWS.filter(lambda rows: sum(one.calls for one in rows) > 0))
def test_what_all_values_of_a_dimension_add_is_the_change_of_the_whole(
    now: list[Row], usual: list[Row]
) -> None:
    calls, past = sum(one.calls for one in now), sum(one.calls for one in usual)
    if calls == 0:
        return
    # A value that is gone adds what it did before, the other way.
    now = now + [row(0, 0, **one.labels) for one in usual]
    change = sum(one.failures for one in now) / calls - sum(one.failures for one in usual) / past
    for dimension in "ab":
        parts = [one for one in decompose(now, usual, 0.0, known=()) if one.dimension == dimension]
        assert sum(one.excess for one in parts) / calls == pytest.approx(change, abs=1e-9)
