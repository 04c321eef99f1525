"""What else speaks against an answer: links, quotations, citations, its probabilities, its other choices.

The public sets have too few of these to fit weights to, so theirs are set by hand, with the reasons, in
``grounding_weights``. Each looks for one plain thing and is silent in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import islice, pairwise
from math import isfinite
from typing import Final

from monitor.scorers.grounding.claims import LINK, Claim, may_link
from monitor.scorers.grounding.context import Context, neighbours
from monitor.scorers.grounding.marks import MAX_CITATIONS, cited_numbers
from monitor.scorers.grounding.signals import MAX_ITEMS, MAX_PLACES_SHOWN, NOTHING, Found, counted
from monitor.scorers.grounding.words import stems, words

#: Distinct links and addresses of an answer that are looked up, each through all of the context.
MAX_LINKS: Final = 100
#: Words of a quotation, from which on it is one and no title or term.
MIN_QUOTED: Final = 5
#: The share of a quotation's neighbouring words that the context has; below it, nobody said so.
MIN_VERBATIM: Final = 0.5
#: Documents, or numbered blocks of a context, from which on they are a list to cite from.
MIN_BLOCKS: Final = 2
#: Tokens that are needed to judge by their probabilities, and the least a token's logarithm counts for.
MIN_TOKENS: Final = 10
LEAST_LOGPROB: Final = -20.0
#: Nats per token up to which a fluent answer surprises its own model anyway.
USUAL_SURPRISE: Final = 0.5
#: Choices that are needed to compare them, and the share of odd words that other wording explains.
MIN_CHOICES: Final = 3
USUAL_DISAGREEMENT: Final = 0.4

_PROTOCOL = re.compile(r"^(?:https?://)?(?:www\.)?")
_DIGITS = re.compile(r"\d{1,3}")
_QUOTED = re.compile(
    r"[\u201c\u201e]([^\u201c\u201d\u201e\n]{20,400})[\u201d\u201c]"
    r"|\u00ab\s?([^\u00ab\u00bb\n]{20,400})\u00bb"
    r"|(?<!\w)\u2018(?=\S)([^\u2018\n]{20,400}?)(?<=\S)\u2019(?!\w)"
    r"|(?<!\w)\"(?=\S)([^\"\n]{20,400})(?<=\S)\"(?!\w)"
    r"|^[ ]{0,3}>[ ]?([^\n]{20,400})$",
    re.MULTILINE,
)
#: Without one of these nothing is quoted.
_QUOTES: Final = ('"', "\u201c", "\u201e", "\u00ab", "\u2018", "> ")


def links(answer: str, context: Context) -> Found:
    """Links and e-mail addresses that stand nowhere in the context, by whatever protocol."""
    if not may_link(answer):
        return counted(())
    places: dict[str, int] = {}
    for found in LINK.finditer(answer):
        places.setdefault(_PROTOCOL.sub("", found.group().rstrip(".,;:!?*/").lower()), found.start())
    return counted([place for link, place in islice(places.items(), MAX_LINKS) if not context.names(link)])


def quotations(answer: str, context: Context) -> Found:
    """What stands in quotation marks, is a sentence rather than a name, and is nowhere in the context."""
    if not any(mark in answer for mark in _QUOTES):
        return NOTHING
    quoted = [
        (found.start(), said)
        for found in islice(_QUOTED.finditer(answer), MAX_ITEMS)
        if len(said := stems(words(found.group(found.lastindex or 0)))) >= MIN_QUOTED
    ]
    wanted = neighbours(said for _, said in quoted)
    known = context.phrases(wanted) | context.question.phrases(wanted)
    return counted(
        [
            start
            for start, said in quoted
            if sum(map(known.__contains__, pairwise(said))) < MIN_VERBATIM * (len(said) - 1)
        ]
    )


def citations(
    answer: str, cited: Sequence[str], names: Collection[str], count: int, context: Context
) -> Found:
    """References to documents that do not exist.

    Args:
        answer: its text; ``[7]`` and ``(Source 7)`` refer to the seventh document.
        cited: titles, addresses or ids that the answer came with.
        names: the documents' own ids.
        count: how many documents there are. Without two, there have to be numbered blocks in the context.
        context: a number that labels something in it, and a name that stands in it, may be a document's.
    """
    if "[" not in answer and "(" not in answer and not cited:
        return NOTHING
    places = _lost_numbers(answer, names, count, context)
    known = frozenset(name.lower() for name in names)
    lost = [
        citation
        for citation in cited[:MAX_CITATIONS]
        if known and citation.lower() not in known and not _stands(citation.lower(), context)
    ]
    together = counted([*places, *[0 for _ in lost]])
    return together._replace(at=tuple(places[:MAX_PLACES_SHOWN]))


def _lost_numbers(answer: str, names: Collection[str], count: int, context: Context) -> list[int]:
    """The places of the numbers that ``answer`` cites and no document has."""
    known = {number for name in names for number in map(int, _DIGITS.findall(name))}
    found = [(number, place) for number, place in cited_numbers(answer) if number > count]
    found = [(number, place) for number, place in found if number not in known]
    if not found or max(count, len(context.blocks)) < MIN_BLOCKS:
        return []
    return [place for number, place in found if number not in context.labels]


def _stands(citation: str, context: Context) -> bool:
    """Whether a citation stands in the context; a number, which is in any text, by itself."""
    return bool(context.units(citation)) if citation.isdecimal() else context.contains(citation)


def unlikely(logprobs: Sequence[float]) -> Found:
    """How much the answer surprised the model that wrote it: nats per token, above what is usual.

    The mean of tokens' negative logarithms of probability, as in Manakul et al., SelfCheckGPT (2023), §4.2.
    """
    known = [max(LEAST_LOGPROB, min(0.0, value)) for value in logprobs if isfinite(value)]
    if len(known) < MIN_TOKENS:
        return NOTHING
    surprise = -sum(known) / len(known)
    return Found(surprise, max(0.0, surprise - USUAL_SURPRISE))


def terms(found: Iterable[Claim]) -> frozenset[str]:
    """What an answer names: the stems of words that tell all, and its numbers."""
    return frozenset(
        stem
        for claim in found
        for stem in claim.stems
        if claim.weights.get(stem) == 1.0 or stem[0].isdecimal()
    )


def disagreement(own: frozenset[str], others: Sequence[frozenset[str]]) -> Found:
    """The share of what one choice names that less than half of the other choices name, too.

    What a model makes up it makes up anew each time: the idea of SelfCheckGPT, with the choices at hand.
    """
    if len(others) + 1 < MIN_CHOICES or not own:
        return NOTHING
    odd = sum([2 * sum([term in other for other in others]) < len(others) for term in own]) / len(own)
    return Found(odd, max(0.0, odd - USUAL_DISAGREEMENT))
