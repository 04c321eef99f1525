"""Whether words can be compared at all."""

from __future__ import annotations

import pytest

from monitor.scorers.grounding.comparable import is_foreign, is_latin, writes_numbers_out
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


def test_another_language_is_known_by_its_shortest_words() -> None:
    spanish = words("el puente no es el más de la y se va a ser su en un lo")
    english = frozenset(words(ENGLISH))
    assert is_foreign(spanish, english)
    assert not is_foreign(words(ENGLISH), english)
    assert not is_foreign(spanish, frozenset({"the"}))
    assert not is_foreign(["el"], english)


def test_chinese_numerals_are_seen() -> None:
    assert writes_numbers_out("三百")
    assert not writes_numbers_out("Brücke 300")
    assert not writes_numbers_out("300")
