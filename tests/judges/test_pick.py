"""Which calls a judge is asked about: a law of shares, and what is never picked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.judges import Pick
from monitor.judges.pick import in_share
from monitor.records import GroundingOutcome, Output
from tests.judges.fakes import grounded

OUTCOMES = list(GroundingOutcome)
SUSPECTS = {"suspect", "unsupported"}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_suspects_are_what_grounding_suspects(outcome: GroundingOutcome) -> None:
    assert Pick("suspects").picks(grounded(outcome=outcome)) == (outcome in SUSPECTS)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_all_are_those_that_grounding_says_something_of(outcome: GroundingOutcome) -> None:
    assert Pick("all").picks(grounded(outcome=outcome)) == (outcome in SUSPECTS | {"supported"})


@pytest.mark.parametrize("outputs", [(), (Output(),), (Output(refusal="no"),)])
def test_a_call_without_an_answer_that_was_captured_is_not_picked(outputs: tuple[Output, ...]) -> None:
    assert not Pick("all").picks(grounded(outputs=outputs))


def test_a_pick_of_none_picks_none_and_a_pick_of_all_picks_all() -> None:
    ids = [f"chatcmpl-{number}" for number in range(1_000)]
    assert not any(in_share(call_id, 0.0) for call_id in ids)
    assert all(in_share(call_id, 1.0) for call_id in ids)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_a_share_is_in_every_larger_one(call_id: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert in_share(call_id, small) <= in_share(call_id, large)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_share_has_about_as_many_calls_as_it_says(share: float) -> None:
    """Within five standard deviations of the binomial distribution; the ids are fixed, so it never varies."""
    count = 20_000
    picked = sum(in_share(f"chatcmpl-{number}", share) for number in range(count))
    assert abs(picked - count * share) < 5 * (count * share * (1 - share)) ** 0.5


def test_the_same_calls_are_picked_in_every_process_and_release() -> None:
    """A replay or another replica must not pick other calls."""
    assert [number for number in range(200) if in_share(f"c{number}", 0.02)] == PICKED


PICKED = [12, 88, 99, 120, 158]
