"""An answer taken apart: its text comes in, what it claims comes out, sentence by sentence.

Sentences that claim nothing are left out: closing words ("I hope this helps"), and those that say what the
context does not ("the passages do not mention it"). So are links, and the marks of citations and of lists.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from monitor.scorers.grounding.vocabulary import WEIGHTS
from monitor.scorers.grounding.words import stems, word_set, words

#: Sentences of an answer that are looked at by themselves; what comes after them is one more.
MAX_CLAIMS = 1_000

_END = re.compile(r"[.!?]['\")\]\u201d\u2019]{0,3}\s+|[\u3002\uff01\uff1f\u0964\u061f]\s*|\n+")
_MARKS = re.compile(
    r"\[\^?\d{1,3}(?:[,\u2013 -]{1,3}\d{1,3}){0,9}\]"
    r"|^[ \t]{0,20}(?:[-*\u2022] )?\(?\d{1,3}[.):](?=[\s*])|</?s>",
    re.MULTILINE,
)
#: Links and e-mail addresses.
LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'`)\]}]{1,2000}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}",
    re.IGNORECASE,
)
#: Without one of these words a sentence needs no closer look.
_TELLING = word_set("""
    context passage passages document documents excerpt excerpts provided given available retrieved unable
    able hope know free happy else
""")
_SOURCE = (
    r"(?:context|passages?|documents?|excerpts?"
    r"|(?:provided|given|available|retrieved)\ (?:texts?|sources?|articles?|information|search\ results))"
)
_NOT = r"(?:(?:do|does|did|is|are|was|were)(?:\ not|n['\u2019]t)|cannot|fails?\ to)"
_SAY = r"(?:mention|contain|provide|give|include|specif|state|say|address|discuss|describe|cover|answer)"
_NO_CLAIM = re.compile(
    rf"""\b{_SOURCE}\b(?:\ \w{{1,20}}){{0,3}}\ {_NOT}\ (?:\w{{1,20}}\ )?{_SAY}
    |\b(?:un|not\ )able\ to\ (?:answer|determine|find|provide|say|give)\b
    |\b(?:cannot|can't|can\ not|not\ possible\ to)\ (?:be\ )?(?:answer|determine|infer)
        [^.]{{0,80}}\b{_SOURCE}\b
    |\b(?:hope\ (?:this|that)\ helps?|let\ me\ know|feel\ free|happy\ to\ help|anything\ else)\b""",
    re.IGNORECASE | re.VERBOSE,
)


class Claim(NamedTuple):
    """One sentence of an answer that claims something."""

    text: str
    start: int
    """Where it begins in the answer, in characters."""
    words: list[str]
    stems: list[str]
    weights: dict[str, float]
    """The stems of its words that tell something, with what they weigh."""


def claims(answer: str) -> list[Claim]:
    """What ``answer`` claims, in its order."""
    found = []
    told = _MARKS.sub(_blank, answer)
    if may_link(answer):
        told = LINK.sub(_blank, told)
    for start, text in _sentences(told):
        said = words(text)
        stemmed = stems(said)
        weights = {stem: heavy for word, stem in zip(said, stemmed, strict=True) if (heavy := WEIGHTS[word])}
        if weights and (_TELLING.isdisjoint(said) or not _NO_CLAIM.search(text)):
            found.append(Claim(text, start, said, stemmed, weights))
    return found


def may_link(text: str) -> bool:
    """Whether a link or an address may be in ``text``: cheaper than to look for one."""
    return "@" in text or "://" in text or "www." in text


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
