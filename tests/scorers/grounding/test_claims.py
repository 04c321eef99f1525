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
        "There is no mention of a painter in the passage.",
        "I don't know based on the information available.",
        "I couldn't find any information about who painted it in the documents provided.",
        "I'm not able to answer that from the sources I have.",
        "The documents don't contain details about its colour.",
        "Based on the provided documents, I can't determine who painted it.",
        "The painter is not named or mentioned in the passages.",
        "I'm sorry, but I cannot find that in the document.",
        "Our help center has nothing on that topic.",
        "Would you like me to connect you with an agent?",
        "If you like, I can look for more.",
        "Ich konnte dazu in den Dokumenten nichts finden.",
        "Die Dokumente enthalten keine Angaben über den Maler.",
        "Je n'ai pas trouvé cela dans les documents.",
        "Les documents ne mentionnent pas le peintre.",
        "Los documentos no mencionan al pintor.",
        "I documenti non menzionano il pittore.",
        "Os documentos não mencionam o pintor.",
        "In de documenten staat niets over de schilder.",
        "Dokumenty nie zawierają informacji o malarzu.",
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
        "We don't know why cats purr.",
        "Laut Text werden keine Kosten erstattet.",
        "El cliente no paga los gastos de envío.",
    ],
)
def test_a_sentence_that_claims_something_is_kept(sentence: str) -> None:
    assert len(claims(sentence)) == 1


@pytest.mark.parametrize(
    ("sentence", "claimed"),
    [
        ("The passage does not mention the painter, but Morrow chose orange.", " Morrow chose orange."),
        ("Strauss designed it, but the context does not say who painted it.", "Strauss designed it"),
        ("While the passage does not mention painters, it names Strauss.", " it names Strauss."),
        ("I couldn't find that in the documents; Morrow chose it.", " Morrow chose it."),
    ],
)
def test_what_is_claimed_beside_is_kept(sentence: str, claimed: str) -> None:
    (claim,) = claims(sentence)
    assert claim.text == claimed
    assert sentence[claim.start :].startswith(claimed)


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
