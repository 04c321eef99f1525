"""Whether words can be compared at all."""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import pytest

from monitor.scorers.grounding.comparable import (
    SAMPLED,
    is_foreign,
    is_latin,
    language_of,
    sample,
    writes_numbers_out,
)
from monitor.scorers.grounding.words import words

ENGLISH = "it is one of the few in the us and so far all who can do so go to see it at no cost but not by day"


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("The bridge", True),
        ("Der Fußgänger, l'été, język, Đà Nẵng", True),
        ("", True),
        ("12 %", True),
        ("The Greek word αλφα is the first letter of their alphabet, as everybody knows", True),
        ("Мост", False),
        ("金門大橋", False),
        ("الجسر", False),
        ("สะพาน", False),
        ("다리", False),
    ],
)
def test_the_latin_script_is_known(text: str, latin: bool) -> None:
    assert is_latin(text) == latin


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        ("Die Kunden können die Ware nicht zurückgeben, und die Kosten werden auch nicht erstattet.", "de"),
        ("La marchandise est dans le magasin et les clients ne peuvent pas la rendre.", "fr"),
        ("Joseph Strauss, 1937", None),
        ("", None),
    ],
)
def test_the_language_of_a_context_is_told_by_its_function_words(text: str, language: str | None) -> None:
    assert language_of(words(text)) == language


@pytest.mark.parametrize(
    "answer",
    [
        "Ja, Sie können unbenutzte Artikel innerhalb von 30 Tagen nach der Lieferung zurückgeben.",
        "Die Brücke wurde 1937 eröffnet.",
        "Erwachsene können alle vier bis sechs Stunden 400 mg einnehmen, höchstens aber 1.200 mg am Tag.",
        "Sí, puede devolver los artículos no usados dentro de los 30 días posteriores a la entrega.",
        "Oui, vous pouvez retourner les articles non utilisés dans les 30 jours.",
        "Tak, nieużywane produkty można zwrócić w ciągu 30 dni od dostawy.",
        "Evet, kullanılmamış ürünleri teslimattan sonra 30 gün içinde iade edebilirsiniz.",
    ],
)
def test_an_answer_in_another_language_than_its_context_is_known(answer: str) -> None:
    assert is_foreign(words(answer), {"en"}, frozenset())
    assert not is_foreign(words(answer), {"en", "de", "es", "fr", "pl", "tr"}, frozenset())


@pytest.mark.parametrize(
    "answer",
    [
        "It was designed by Joseph Strauss of Ohio and opened in 1937.",
        "Joseph Strauss",
        "The Fondation de la Recherche paid for it.",
        "Leon Moisseiff conceived everything, financed through municipal bonds worth 35 million dollars.",
    ],
)
def test_an_answer_in_the_language_of_its_context_is_not_foreign(answer: str) -> None:
    assert not is_foreign(words(answer), {"en"}, frozenset(words(ENGLISH)))


def test_languages_that_are_alike_are_not_told_apart() -> None:
    danish = words("Det er ikke muligt at sende varerne tilbage efter 30 dage, og pengene blev ikke betalt.")
    assert not is_foreign(danish, {"no"}, frozenset())
    assert is_foreign(danish, {"en"}, frozenset())


def test_a_prompt_is_sampled_in_its_middle() -> None:
    assert sample("a" * SAMPLED + "b" * SAMPLED + "a" * SAMPLED) == "b" * SAMPLED
    assert sample("short") == "short"


def test_a_language_without_a_list_is_known_by_its_shortest_words() -> None:
    spanish = words("el puente no es el más de la y se va a ser su en un lo")
    english = frozenset(words(ENGLISH))
    assert is_foreign(spanish, {None}, english)
    assert not is_foreign(words(ENGLISH), {None}, english)
    assert not is_foreign(["strauss", "puente"], {None}, frozenset({"the"}))
    assert not is_foreign(["el"], {None}, english)


@pytest.mark.parametrize(
    ("text", "written_out"),
    [
        ("三百", True),
        ("一九三七年", True),
        ("二千米", True),
        ("金门大桥是一座悬索桥", False),
        ("十二个月", False),
        ("3500万美元", False),
        ("Brücke 300", False),
        ("300", False),
    ],
)
def test_large_numbers_in_chinese_characters_are_seen(text: str, written_out: bool) -> None:
    assert writes_numbers_out(text) == written_out
