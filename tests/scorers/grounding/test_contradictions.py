"""Statements against a tool's result on the same key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.grounding.claims import claims
from monitor.scorers.grounding.contradictions import MAX_RESULT, MAX_VALUES, contradictions, facts

FLIGHT = (
    '{"flight": {"status": "delayed", "gateNumber": 12, "ticket_price": 215.5, "load": 0.15, "open": true, '
    '"isRefundable": false, "country": "FR", "carrier": "DHL"}}'
)


def places(answer: str, *results: str) -> list[int]:
    return contradictions(claims(answer), facts(results or (FLIGHT,)))


@pytest.mark.parametrize(
    "answer",
    [
        "The status is on time.",
        "**Status**: cancelled",
        "Your flight status is boarding, and you should hurry.",
        "The gate number is 14.",
        "The ticket price is $512.50.",
        "The load is 51%.",
        "The status is not delayed.",
        "The status isn't delayed.",
        "The gate number isn't 12.",
        "Your ticket is refundable.",
        "Your ticket is refundable: yes.",
        "Refundable: yes",
        "It is not open.",
        "The carrier is UPS.",
    ],
)
def test_another_value_for_a_key_is_a_contradiction(answer: str) -> None:
    assert len(places(answer)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "The status is delayed.",
        "The flight status is currently delayed by the weather.",
        "The status is one of several things that passengers ask us about every day.",
        "The gate number is 12.",
        "The ticket price is $215.50.",
        "The ticket price is about 216 dollars.",
        "The ticket price is what you paid in 2019.",
        "The load is 15%.",
        "It is open: no doubt.",
        "The weather is nice.",
        "Is it?",
        "The status is not cancelled.",
        "The status isn't on time.",
        "If the status is not updated, call us.",
        "We'll call you once the status is cancelled.",
        "Do you know whether the status is cancelled?",
        "The gate number is not 14.",
        "The gate number is not above 12.",
        "Your ticket is not refundable.",
        "It is open.",
        "It is not open on Sundays.",
        "Refundable: no",
        "The country is France.",
        "The country is FR.",
    ],
)
def test_the_same_value_or_another_subject_is_none(answer: str) -> None:
    assert places(answer) == []


def test_the_place_is_that_of_the_verb() -> None:
    answer = "Hello traveller. The status is on time."
    assert [answer[place:][:2] for place in places(answer)] == ["is"]


def test_a_key_with_many_values_is_a_column_and_no_fact() -> None:
    rows = [f'{{"price": {number}}}' for number in range(MAX_VALUES + 1)]
    assert places("The price is 77.", f"[{', '.join(rows)}]") == []
    assert len(places("The price is 77.", f"[{', '.join(rows[:2])}]")) == 1


def test_keys_that_end_alike_are_told_apart() -> None:
    result = '{"net_price": 10, "gross_price": 12}'
    assert len(places("The gross price is 10.", result)) == 1
    assert places("The price is 10.", result) == []


@pytest.mark.parametrize("result", ["not JSON", "{", '{"a": 1e400}', '{"": 1}', "[" * 500, '"text"', " " * 9])
def test_a_result_that_says_nothing_contradicts_nothing(result: str) -> None:
    assert places("A is 2: b", result) == []


def test_results_are_read_up_to_a_length() -> None:
    assert places("The status is on time.", " " * MAX_RESULT, FLIGHT) == []


@given(st.text(), st.dictionaries(st.text(max_size=8), st.integers() | st.text() | st.floats(), max_size=3))
def test_any_answer_and_any_result_can_be_compared(answer: str, result: dict[str, object]) -> None:
    assert isinstance(places(answer, json.dumps(result)), list)
