"""Words and their stems: a text comes in, its words come out, in lower case and without punctuation.

A word is compared by its first five letters, which stands in for a stem ("regulation", "regulatory") at the
cost of a slice. On the train parts a longer prefix and a stripper of suffixes did no better.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

#: Letters by which words are compared.
PREFIX = 5

_SEPARATORS = str.maketrans(dict.fromkeys(string.punctuation, " "))
_WORD = re.compile(r"[^\W_]+")


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``, which white space separates."""
    return frozenset(text.split())


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case; what is no letter and no digit separates them."""
    if text.isascii():
        return text.lower().translate(_SEPARATORS).split()
    return _WORD.findall(text.lower())


def stems(found: Iterable[str]) -> list[str]:
    """The first ``PREFIX`` letters of each word."""
    return [word[:PREFIX] for word in found]
