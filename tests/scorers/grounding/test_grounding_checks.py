"""Links, quotations, citations, probabilities and other choices: what speaks against an answer by itself."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.grounding.checks import (
    MAX_LINKS,
    MIN_TOKENS,
    citations,
    disagreement,
    links,
    quotations,
    terms,
    unlikely,
)
from monitor.scorers.grounding.claims import claims
from monitor.scorers.grounding.context import Cache, Context
from tests.scorers.build import CONTEXT

KNOWN = Context([CONTEXT], "What do we know of the bridge?", Cache())


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("See https://www.goldengate.org/bridge, or write to INFO@goldengate.org.", 0),
        ("See https://www.goldengate.org/bridge/.", 0),
        ("See https://tickets.goldengate.org and www.bridge.example.", 2),
        ("Write to strauss@goldengate.org!", 1),
        ("See www.a.org, www.a.org.", 1),
        ("A mail to me @home costs nothing.", 0),
        ("No link.", 0),
    ],
)
def test_links_and_addresses_are_looked_up(answer: str, count: int) -> None:
    assert links(answer, KNOWN).value == count


def test_so_many_links_are_looked_up_and_no_more() -> None:
    answer = " ".join(f"www.example.org/{number}" for number in range(MAX_LINKS + 50))
    assert links(answer, KNOWN).value == MAX_LINKS


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ('It says: "It was opened to traffic in May 1937".', 0),
        ("It says: \u201cIt was opened to traffic in May 1937\u201d.", 0),
        ('It says: "It was opened to all traffic in May 1937".', 0),
        ('The film "The Bridge of San Luis Rey" is another one.', 1),
        ('Strauss said: "I never wanted any of those towers to be orange".', 1),
        ("Strauss said: \u201eI never wanted any of those towers to be orange\u201c.", 1),
        ('The colour "international orange" is called "a colour".', 0),
        ('It is "orange", and what stands between is no quotation, as is "red".', 0),
        ('You asked: "What do we know of the bridge?"', 0),
    ],
)
def test_a_quotation_is_somewhere(answer: str, count: int) -> None:
    assert quotations(answer, KNOWN).value == count


@pytest.mark.parametrize(
    ("answer", "documents", "count"),
    [
        ("It is orange [1], and long [2].", 2, 0),
        ("It is orange [3].", 2, 1),
        ("It is orange [doc 7] and [Source 9].", 2, 2),
        ("It was opened [937].", 2, 1),
        ("It was opened in [1937].", 2, 0),
        ("It is orange [3].", 0, 0),
        ("See [12](https://www.goldengate.org/bridge).", 2, 0),
    ],
)
def test_a_number_refers_to_a_document(answer: str, documents: int, count: int) -> None:
    assert citations(answer, (), (), documents, KNOWN).value == count


@pytest.mark.parametrize(
    ("cited", "names", "count"),
    [
        (("doc-1",), ("DOC-1",), 0),
        (("https://www.goldengate.org/bridge",), ("doc-1",), 0),
        (("doc-2", "doc-3"), ("doc-1",), 2),
        (("doc-2",), (), 0),
        (("3",), ("1", "2"), 1),
        (("1937",), ("1", "2"), 0),
    ],
)
def test_a_citation_is_of_a_document(cited: tuple[str, ...], names: tuple[str, ...], count: int) -> None:
    assert citations("It is orange.", cited, names, 1, KNOWN).value == count


def test_what_a_model_was_sure_of_is_not_unlikely() -> None:
    assert unlikely([-0.1] * 20).scaled == 0.0
    assert unlikely([-2.0] * 20).scaled == pytest.approx(1.5)
    assert unlikely([-2.0] * 20).value == pytest.approx(2.0)
    assert unlikely([-2.0] * (MIN_TOKENS - 1)).value == 0.0
    assert unlikely([-inf, nan, -9999.0] * 20).value == 20.0


def named(*answers: str) -> list[frozenset[str]]:
    return [terms(claims(answer)) for answer in answers]


def test_choices_that_say_the_same_agree() -> None:
    own, *others = named("Strauss designed it in 1937.", "In 1937 Strauss designed it.", "Strauss, 1937.")
    assert disagreement(own, others).scaled == 0.0


def test_a_choice_that_stands_alone_disagrees() -> None:
    own, *others = named("Moisseiff invented that by 1933.", "Strauss designed it.", "Strauss did.")
    assert disagreement(own, others).value == 1.0
    assert disagreement(own, others[:1]).value == 0.0
    assert disagreement(frozenset(), others).value == 0.0


@given(st.text(), st.lists(st.text(), max_size=3), st.lists(st.floats()))
def test_any_answer_can_be_checked(answer: str, cited: list[str], logprobs: list[float]) -> None:
    assert links(answer, KNOWN).scaled >= 0
    assert quotations(answer, KNOWN).scaled >= 0
    assert citations(answer, cited, cited[:1], 2, KNOWN).scaled >= 0
    assert unlikely(logprobs).scaled >= 0
