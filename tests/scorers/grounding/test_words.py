"""Words and their stems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.grounding.words import (
    MAX_REMEMBERED,
    MAX_REMEMBERED_WORD,
    Remembered,
    stem,
    stems,
    words,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The bridge's span: 1,280 m!", ["the", "bridge", "s", "span", "1", "280", "m"]),
        ("Der Fußgänger – „schnell“", ["der", "fußgänger", "schnell"]),
        ("", []),
        ("... — …", []),
    ],
)
def test_words_are_parted_by_what_is_no_letter_and_no_digit(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("car", "cars"),
        ("town", "towns"),
        ("bridge", "bridges"),
        ("regulation", "regulatory"),
        ("1980", "1980s"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("gla", "glass"), ("i", "is"), ("bridge", "brick")])
def test_other_words_have_another(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@given(st.text())
def test_one_and_many_are_treated_alike(text: str) -> None:
    assert stems(words(text)) == [*map(stem, words(text))]


def test_so_many_words_are_remembered_and_no_long_ones() -> None:
    remembered = Remembered(stem)
    for word in [f"{number}s" for number in range(MAX_REMEMBERED + 3)]:
        assert remembered[word] == stem(word)
    assert len(remembered) == 3
    assert remembered["x" * (MAX_REMEMBERED_WORD + 1)] == "xxxxx"
    assert len(remembered) == 3
