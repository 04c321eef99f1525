"""What a conversation carries: words and numbers, and how much of it is searched for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.tools.support import MAX_SEARCHED, Support, plain
from monitor.scorers.tools.words import words_of


def support(text: str) -> Support:
    """A conversation in English that is not about time."""
    return Support(text, is_foreign=False, speaks_of_time=False)


def test_a_word_is_not_said_by_another_that_it_stands_in() -> None:
    said = support("What a Name, (n/a) it is: <city>!")
    assert said.has_text("NAME")
    assert not said.has_text("na")
    assert said.has_text("N/A")
    assert said.has_text("<City>")


@given(text=st.text(st.characters(max_codepoint=127), max_size=30))
def test_words_of_ascii_are_the_same_beside_a_word_that_is_not(text: str) -> None:
    assert [*words_of(text), "\u00e9"] == words_of(f"{text} \u00c9")
    assert f"{plain(text)} \u00e9".split() == plain(f"{text} \u00e9").split()


def test_what_is_no_longer_looked_up_is_taken_for_said() -> None:
    said = support("word " * 20_000)
    looked_up = sum(not said.has("other") for _ in range(1_000))
    assert looked_up == MAX_SEARCHED // 100_001
    assert said.has("other")
    assert said.has_text("<other>")
