"""Claims: what of an answer says something, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.grounding.claims import MAX_CLAIMS, claims
from monitor.scorers.grounding.vocabulary import PLAIN


@pytest.mark.parametrize(
    "sentence",
    [
        "The passages do not mention the price.",
        "The provided context doesn't say who built it.",
        "Unable to answer based on given passages.",
        "It cannot be determined from the given context.",
        "I hope this helps!",
        "Let me know if you have other questions.",
        "It is.",
    ],
)
def test_a_sentence_that_claims_nothing_is_left_out(sentence: str) -> None:
    assert [claim.text for claim in claims(f"The bridge is orange. {sentence}")] == ["The bridge is orange. "]


@pytest.mark.parametrize(
    "sentence",
    [
        "The bridge does not carry trains.",
        "Based on the passages, Strauss designed it.",
        "Cities happy to host it were many.",
    ],
)
def test_a_sentence_that_claims_something_is_kept(sentence: str) -> None:
    assert len(claims(sentence)) == 1


def test_a_claim_knows_where_it_stands() -> None:
    answer = "1. Strauss designed it [2].\n2. It opened in 1937 (see www.bridge.example/1937)."
    assert [answer[claim.start :][:5] for claim in claims(answer)] == ["1. St", "It op"]
    assert [claim.words for claim in claims(answer)] == [
        ["strauss", "designed", "it"],
        ["it", "opened", "in", "1937", "see"],
    ]


def test_plain_words_weigh_little_and_function_words_nothing() -> None:
    (claim,) = claims("Additionally, Strauss was an engineer.")
    assert claim.weights == {"addit": PLAIN, "strau": 1.0, "engin": 1.0}


def test_so_many_sentences_are_looked_at_and_the_rest_is_one() -> None:
    assert len(claims("Bridges swing. " * (2 * MAX_CLAIMS))) == MAX_CLAIMS + 1


@given(st.text())
def test_any_answer_can_be_taken_apart(answer: str) -> None:
    for claim in claims(answer):
        assert 0 <= claim.start <= len(answer)
        assert claim.weights
