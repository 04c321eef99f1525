"""Words and their stems: a text comes in, its words come out, in lower case and without punctuation.

A word is compared by its first five letters, which stands in for a stem ("regulation", "regulatory") at the
cost of a slice; a shorter one by itself, without the "s" of a plural ("cars", "1980s"). On the train parts a
longer prefix and a stripper of more suffixes did no better.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from typing import TypeVar

#: Letters by which words are compared.
PREFIX = 5
#: Words that are remembered, a few MB; when there are more, remembering starts anew.
MAX_REMEMBERED = 20_000
#: Letters of a word above which it is no word that recurs.
MAX_REMEMBERED_WORD = 20

T = TypeVar("T")

#: Quotation marks, dashes and the like, which most texts that aren't ASCII have and nothing else that isn't.
_TYPOGRAPHIC = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u2022\u00a0"
_SEPARATORS = str.maketrans(dict.fromkeys(string.punctuation, " "))
_WORD = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """``text`` with spaces for quotation marks, dashes and the like."""
    if not text.isascii():
        for mark in _TYPOGRAPHIC:
            text = text.replace(mark, " ")
    return text


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case; what is no letter and no digit separates them."""
    lower = plain(text.lower())
    return lower.translate(_SEPARATORS).split() if lower.isascii() else _WORD.findall(lower)


def stem(word: str) -> str:
    """The first ``PREFIX`` letters of a word in lower case; of a shorter one, without the "s" of a plural."""
    if word[-1] == "s" and 3 < len(word) <= PREFIX and word[-2] != "s":
        return word[:-1]
    return word[:PREFIX]


class Remembered(dict[str, T]):
    """What a function makes of each word, remembered: texts share most of their words.

    Args:
        make: the function.
    """

    def __init__(self, make: Callable[[str], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> T:
        found = self._make(word)
        if len(word) <= MAX_REMEMBERED_WORD:
            if len(self) >= MAX_REMEMBERED:
                self.clear()
            self[word] = found
        return found


#: The stem of each word.
STEMS = Remembered(stem)


def stems(found: Iterable[str]) -> list[str]:
    """The stem of each word."""
    return list(map(STEMS.__getitem__, found))
