"""Laws of the evidence, and what a blip and a rise of minutes do to it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.baseline import Baseline
from monitor.rules.detector import PAGE_LANES, TICKET_LANES, Evidence, lanes_of, step

LANES = PAGE_LANES

minutes = st.lists(
    st.integers(0, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=30
)
rates = st.floats(0.001, 0.95)


def known(*rate: float, error: float = 0.03, drift: float = 0.06) -> Baseline:
    """A baseline of one rate for each series."""
    some = np.array(rate)
    zeros = np.zeros_like(some)
    return Baseline(some, zeros + error, zeros + drift, zeros, zeros, zeros + 4, zeros > 0)


def after(counts: list[tuple[int, int]], rate: float, evidence: Evidence | None = None) -> Evidence:
    """The evidence of one series after these minutes of calls and failures."""
    found = evidence or Evidence.empty(1, LANES)
    for calls, failures in counts:
        found = step(found, np.array([float(calls)]), np.array([float(failures)]), known(rate), LANES)
    return found


def same(one: Evidence, other: Evidence) -> bool:
    """Whether two are equal to the last bit."""
    return all(np.array_equal(a, b) for a, b in zip(fields(one), fields(other), strict=True))


def fields(evidence: Evidence) -> tuple[np.ndarray, ...]:
    """Its arrays."""
    return tuple(msgspec.structs.astuple(evidence))


@given(minutes, rates)
def test_a_minute_without_calls_changes_nothing(counts: list[tuple[int, int]], rate: float) -> None:
    found = after(counts, rate)
    assert same(after([(0, 0)], rate, found), found)


@given(minutes, rates)
def test_without_a_baseline_nothing_moves(counts: list[tuple[int, int]], rate: float) -> None:
    found = after(counts, rate)
    assert same(after([(100, 100)], float("nan"), found), found)


@given(minutes, rates, st.data())
def test_one_failure_more_never_gives_less_evidence(
    counts: list[tuple[int, int]], rate: float, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(counts) - 1))
    calls, failures = counts[at]
    worse = [*counts[:at], (calls, min(calls, failures + 1)), *counts[at + 1 :]]
    assert (after(worse, rate).score >= after(counts, rate).score - 1e-9).all()


@given(minutes, rates)
def test_evidence_that_was_put_away_and_read_again_goes_on_as_if_it_had_not(
    counts: list[tuple[int, int]], rate: float
) -> None:
    half = len(counts) // 2
    before = after(counts[:half], rate)
    read = Evidence(*(np.array(array.tolist()).reshape(array.shape) for array in fields(before)))
    assert same(after(counts[half:], rate, read), after(counts, rate))


@given(minutes, minutes, rates, rates)
def test_series_do_not_touch_each_other(
    one: list[tuple[int, int]], other: list[tuple[int, int]], rate: float, other_rate: float
) -> None:
    found = Evidence.empty(2, LANES)
    for mine, yours in zip(one, other, strict=False):
        both = np.array([mine, yours], dtype=float)
        found = step(found, both[:, 0], both[:, 1], known(rate, other_rate), LANES)
    played = min(len(one), len(other))
    np.testing.assert_allclose(found.score[0], after(one[:played], rate).score[0])
    np.testing.assert_allclose(found.score[1], after(other[:played], other_rate).score[0])


@given(minutes, rates)
def test_one_minute_adds_at_most_the_clip_and_the_sum_is_bounded(
    counts: list[tuple[int, int]], rate: float
) -> None:
    before, found = after(counts[:-1], rate), after(counts, rate)
    clips = np.array([lane.clip for lane in LANES])
    assert (found.score - before.score <= clips + 1e-9).all()
    assert (found.score >= 0).all()
    assert (found.score <= [2 * lane.threshold for lane in LANES]).all()


@given(minutes, rates)
def test_what_is_counted_since_the_onset_is_nothing_where_the_score_is_nothing(
    counts: list[tuple[int, int]], rate: float
) -> None:
    found = after(counts, rate)
    quiet = found.score == 0
    assert all((array[quiet] == 0).all() for array in fields(found))
    assert (found.failures <= found.calls).all()


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.95], ids=str)
def test_an_ordinary_hour_leaves_no_evidence(rate: float) -> None:
    assert (after([(1000, round(1000 * rate))] * 60, rate).score == 0).all()


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.95], ids=str)
def test_a_rate_of_any_size_that_rises_steeply_is_told_in_minutes(rate: float) -> None:
    worse = 1000 - round(1000 * (1 - rate) / 5)
    found = after([(1000, worse)] * 6, rate)
    assert (found.score >= [lane.threshold for lane in LANES]).any()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_blip_of_up_to_three_minutes_is_not_enough_for_any_lane(length: int) -> None:
    found = after([(2000, 2000)] * length, 0.02)
    assert (found.score < [lane.threshold for lane in LANES]).all()


def test_a_label_set_that_is_new_begins_with_nothing_and_changes_no_other() -> None:
    found = after([(100, 50)] * 3, 0.02)
    grown = found.grown(3)
    assert same(Evidence(*(array[:1] for array in fields(grown))), found)
    assert all((array[1:] == 0).all() for array in fields(grown))


def test_a_tenth_of_the_false_alarms_costs_evidence() -> None:
    usual, quiet = lanes_of("page"), lanes_of("page", 0.01)
    assert usual == PAGE_LANES
    assert lanes_of("ticket") == TICKET_LANES
    assert all(
        q.threshold == pytest.approx(u.threshold + np.log(10)) for q, u in zip(quiet, usual, strict=True)
    )
