"""Lists of words as they stand in the code: a text comes in, the set of its words goes out."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``, which white space separates."""
    return frozenset(text.split())
