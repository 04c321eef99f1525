"""Whether a text carries a word or a number: a conversation comes in, yes or no goes out.

Words are looked up by how they begin, which stands in for a stem. Numbers are compared by what they mean:
``1,000``, "a thousand" and ``1e3`` are one, ``5%`` is also 0.05, and a month's name is its number.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import cached_property

_SIGNS = "\n\r\t\u00a0\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026\u00b7\u2022\u00b0\u20ac\u00a3"
_SEPARATORS = str.maketrans(dict.fromkeys(string.punctuation + _SIGNS, " "))
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
#: Digits of a number that are read; a longer one is compared by these.
MAX_DIGITS = 40
_SCALES = (
    (1e2, re.compile(r"%|percent", re.IGNORECASE)),
    (1e3, re.compile(r"\d ?k\b|thousand|kilo|\bk[gm]\b|lit(?:er|re)", re.IGNORECASE)),
    (1e6, re.compile(r"\d ?m\b|million|mega", re.IGNORECASE)),
    (1e9, re.compile(r"\d ?bn?\b|billion|giga", re.IGNORECASE)),
)
_NUMBER_WORDS = (
    "zero|no one|single|first two|second|twice|both|couple|pair three|third four|fourth five|fifth six|sixth "
    "seven|seventh eight|eighth nine|ninth ten|tenth eleven twelve|dozen thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_VALUES = {
    **{word: float(n) for n, words in enumerate(_NUMBER_WORDS.split()) for word in words.split("|")},
    **{word: 10.0 * n for n, word in enumerate("thirty forty fifty sixty seventy eighty ninety".split(), 3)},
    **{"half": 0.5, "hundred": 1e2, "thousand": 1e3, "million": 1e6},
}
_MONTHS = {
    name: float(n) for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}


class Support:
    """Everything that a value may come from.

    Args:
        text: all of it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = f" {plain(text)} "

    def has(self, stem: str) -> bool:
        """Whether a word that begins so stands in it."""
        return f" {stem}" in self._words

    def has_phrase(self, phrase: str) -> bool:
        """Whether these whole words, as ``plain`` leaves them, stand in it."""
        return f" {phrase} " in self._words

    def has_number(self, number: float) -> bool:
        """Whether this number stands in it, whatever its sign."""
        return _rounded(abs(number)) in self.numbers

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The numbers in it, to six digits, and what percent signs and scales make of them."""
        found = {number for text in set(NUMBER.findall(self._text)) for number in readings(text)}
        for word in set(self._words.split()):
            if word in _VALUES:
                found.add(_VALUES[word])
            elif word[:3] in _MONTHS:
                found.add(_MONTHS[word[:3]])
        scales = [scale for scale, sign in _SCALES if sign.search(self._text)]
        scaled = [number * by for number in found for scale in scales for by in (scale, 1 / scale)]
        return frozenset(map(_rounded, [*found, *scaled]))


def plain(text: str) -> str:
    """The words of ``text`` in lower case, one space between them."""
    return " ".join(text.lower().translate(_SEPARATORS).split())


def readings(text: str) -> Iterator[float]:
    """What digits may mean: ``1,000`` is a thousand, or one and nothing; ``20230929`` is also a date's parts."""
    whole = text[:MAX_DIGITS]
    joined = whole.replace(",", "")
    if joined.count(".") <= 1:
        yield float(joined)
    if joined != whole or joined.count(".") > 1:
        yield from [float(piece) for piece in re.split("[.,]", whole) if piece]
    if len(whole) == 8 and whole.isdecimal() and whole[:2] in ("19", "20"):
        yield from (float(whole[:4]), float(whole[4:6]), float(whole[6:]))


def _rounded(number: float) -> float:
    return float(f"{number:.6g}")
