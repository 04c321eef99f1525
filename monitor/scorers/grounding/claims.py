"""An answer taken apart: its text comes in, what it claims comes out, sentence by sentence.

What claims nothing is left out (``silence``). So are links, and the marks of citations and of lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import compress
from typing import NamedTuple

from monitor.scorers.grounding.courtesy import unsigned
from monitor.scorers.grounding.marks import unmarked
from monitor.scorers.grounding.silence import claiming
from monitor.scorers.grounding.vocabulary import WEIGHTS
from monitor.scorers.grounding.words import stems, words

#: Sentences of an answer that are looked at by themselves; what comes after them is one more.
MAX_CLAIMS = 1_000

#: It begins with one set of characters, since a scan for one is fast.
_END = re.compile(
    r"[.!?\n\u3002\uff01\uff1f\u0964\u061f]"
    r"(?:(?<=[.!?])['\")\]\u201d\u2019]{0,3}\s+|(?<=\n)\n*|(?<=[\u3002\uff01\uff1f\u0964\u061f])\s*)"
)
_TOP = r"(?:com|org|net|io|ai|app|dev|edu|gov|info|shop|store|eu|co\.uk|de|fr|es|it|nl|pl)"
#: Links, e-mail addresses, and links without their protocol. One with a capital is a name: "Booking.com".
LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'`)\]}]{1,2000}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    rf"|(?-i:(?<![\w.@/-])[a-z0-9][a-z0-9-]{{1,62}}(?:\.[a-z0-9-]{{1,63}}){{0,3}}?\.{_TOP}\b(?!\.\w)"
    r"(?:/[^\s<>\"'`)\]}]{0,2000})?)",
    re.IGNORECASE,
)
_DOMAIN = re.compile(rf"\.{_TOP}\b")


class Claim(NamedTuple):
    """One sentence of an answer that claims something."""

    text: str
    start: int
    """Where it begins in the answer, in characters."""
    words: list[str]
    stems: list[str]
    weights: dict[str, float]
    """The stems of its words that tell something, with what they weigh."""


def claims(answer: str, weights: Mapping[str, float] = WEIGHTS) -> list[Claim]:
    """What ``answer`` claims, in its order.

    Args:
        answer: its text.
        weights: what each word weighs, in the language of the answer.
    """
    found = []
    told = unmarked(unsigned(answer))
    if may_link(answer):
        told = LINK.sub(_blank, told)
    for start, text in _sentences(told):
        said = words(text)
        for place, part in claiming(text, said):
            claim = _claim(part, start + place, said if part is text else words(part), weights)
            # What is left beside a silence ("Based on the context, ...") may be plain words alone.
            if claim and (part is text or 1.0 in claim.weights.values()):
                found.append(claim)
    return found


def _claim(text: str, start: int, said: list[str], weights: Mapping[str, float]) -> Claim | None:
    """The claim of these words, if one of them tells something."""
    stemmed = stems(said)
    heavy = list(map(weights.__getitem__, said))
    telling = dict(compress(zip(stemmed, heavy, strict=True), heavy))
    return Claim(text, start, said, stemmed, telling) if telling else None


def may_link(text: str) -> bool:
    """Whether a link or an address may be in ``text``: cheaper than to look for one."""
    return "@" in text or "://" in text or "www." in text or _DOMAIN.search(text) is not None


def _sentences(text: str) -> list[tuple[int, str]]:
    """The sentences of ``text`` with their punctuation, and where they begin."""
    sentences = list[tuple[int, str]]()
    start = 0
    for end in _END.finditer(text):
        if len(sentences) == MAX_CLAIMS:
            break
        sentences.append((start, text[start : end.end()]))
        start = end.end()
    return [*sentences, (start, text[start:])]


def _blank(found: re.Match[str]) -> str:
    """As many spaces, so that places stay what they are."""
    return " " * len(found.group())
