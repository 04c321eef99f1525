"""What of an answer its context does not carry: claims and context come in, counts and shares come out.

These are the signals whose weights are fitted. Each is cheap, has one meaning, and comes with the places it
was seen at, so that a person can look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from math import fsum, log1p
from typing import Final, NamedTuple

from monitor.scorers.grounding.claims import Claim
from monitor.scorers.grounding.context import Context, negates, neighbours
from monitor.scorers.grounding.marks import counts_nothing
from monitor.scorers.grounding.quantities import (
    CURRENCIES,
    MAX_OPERANDS,
    SPELLED_OUT,
    Number,
    converted,
    is_worked_out,
    numbers,
)
from monitor.scorers.grounding.words import STEMS

#: Figures that the context does not have: years, amounts of money, other numbers; and those that it has with
#: another unit.
FIGURES: Final = ("numbers", "dates", "money", "units")
#: The share of a sentence that may be missing in what carries it.
CARRIED: Final = 0.2
#: Items of one signal that are counted; an answer with more is no worse.
MAX_ITEMS: Final = 100
#: The share of new phrases from which on more of them add little: the scale of the logarithm.
FEW_PHRASES: Final = 0.05

#: A word with a capital that does not begin a sentence or a title. The space comes first, since a scan for
#: one character is fast.
_NAME = re.compile(r" (?<=[a-z0-9,;)'\"] )([A-Z][^\W\d_]{2,})")


class Found(NamedTuple):
    """How much of one signal an answer has."""

    value: float
    """In the signal's own unit: a count, or a share in 0..1."""
    scaled: float
    """What the weight is multiplied with."""
    at: tuple[int, ...] = ()
    """The places of the first few, in characters of the answer."""


#: A signal that was not found.
NOTHING: Final = Found(0.0, 0.0)
#: Places that a signal names.
MAX_PLACES_SHOWN: Final = 3


def counted(places: Sequence[int]) -> Found:
    """A signal that is a count: its logarithm is weighed, since a second item says less than the first."""
    if not places:
        return NOTHING
    count = min(len(places), MAX_ITEMS)
    return Found(count, log1p(count), tuple(places[:MAX_PLACES_SHOWN]))


class Words(NamedTuple):
    """Content words of an answer, and those of them that the context does not carry."""

    content: int
    unsupported: int


def shares(found: Iterable[Claim], context: Context) -> list[float]:
    """The share of each claim's words, by weight, that no one window of the context carries."""
    return [context.missing(claim.weights) for claim in found]


def word_signals(
    found: Sequence[Claim], lacking: Sequence[float], context: Context
) -> tuple[Words, dict[str, Found]]:
    """The signals that compare words: ``words``, ``share``, ``worst``, ``phrases`` and ``negations``.

    Args:
        found: the claims.
        lacking: their ``shares``.
        context: what they are compared with.
    """
    content = unsupported = fresh = pairs = 0
    weighed = worst = missed = 0.0
    worst_at = 0
    places: list[int] = []
    phrased: list[int] = []
    negated: list[int] = []
    known = context.phrases(neighbours(claim.stems for claim in found))
    for claim, share in zip(found, lacking, strict=True):
        content += len(claim.weights)
        missing = claim.weights.keys() - context.known
        unsupported += len(missing)
        weighed += fsum(map(claim.weights.__getitem__, missing))
        if missing and len(places) < MAX_PLACES_SHOWN:
            places.append(claim.start + min(map(claim.text.lower().find, missing)))
        missed += share * len(claim.weights)
        if share > worst:
            worst, worst_at = share, claim.start
        size = len(claim.stems) - 1
        new = size - sum(map(known.__contains__, pairwise(claim.stems)))
        fresh += new
        pairs += size
        if new and len(phrased) < MAX_PLACES_SHOWN:
            phrased.append(claim.start)
        if not context.negates and negates(claim.stems):
            negated.append(claim.start)
    if 2 * fresh > pairs and context.is_data:
        fresh, phrased = 0, []
    absent, novelty = missed / max(1, content), fresh / max(1, pairs)
    return Words(content, unsupported), {
        "words": Found(unsupported, log1p(weighed), tuple(places)),
        "share": Found(absent, absent),
        "worst": Found(worst, worst, (worst_at,)),
        "phrases": Found(novelty, log1p(novelty / FEW_PHRASES), tuple(phrased)),
        "negations": Found(len(negated), float(bool(negated)), tuple(negated[:MAX_PLACES_SHOWN])),
    }


def item_signals(
    found: Sequence[Claim], lacking: Sequence[float], context: Context, least: int = 0
) -> dict[str, Found]:
    """The signals that look up one thing after another: ``FIGURES``, ``altered`` and ``names``.

    ``altered`` counts sentences that the context carries but for a figure: it was most likely another one.

    Args:
        found: the claims.
        lacking: their ``shares``; 1 where words can't be compared.
        context: what is looked through.
        least: digits of a figure; those written with fewer are left out.
    """
    figures: dict[str, list[int]] = {kind: [] for kind in (*FIGURES, "altered")}
    named: dict[str, int] = {}
    for claim, share in zip(found, lacking, strict=True):
        lost = [(kind, claim.start + place) for kind, place in _figures(claim, context, least)]
        for kind, place in lost:
            figures[kind].append(place)
        if lost and share <= CARRIED:
            figures["altered"].append(lost[0][1])
        for name in _NAME.finditer(claim.text):
            if (looked_up := STEMS[name[1].lower()]) not in context.known:
                named.setdefault(looked_up, claim.start + name.start(1))
    return {kind: counted(places) for kind, places in figures.items()} | {"names": counted([*named.values()])}


def _figures(claim: Claim, context: Context, least: int) -> Iterator[tuple[str, int]]:
    """The figures of a claim that the context does not have, by kind and place within the claim."""
    written = list(numbers(claim.text))
    lost = [number for number in written if len(number.readings[0]) >= least and not _stands(number, context)]
    if lost:
        stated = (number for number in written if number.unit and _stands(number, context))
        amounts = list(islice(stated, MAX_OPERANDS))
        for number in lost:
            if not counts_nothing(claim.text, number.start) and not is_worked_out(number, amounts):
                yield "units" if context.units(*number.readings) else _kind(number), number.start
    if least or SPELLED_OUT.keys().isdisjoint(claim.words):
        return
    for word in claim.words:
        value = SPELLED_OUT.get(word)
        if value and STEMS[word] not in context.known and not context.units(value):
            yield "numbers", claim.text.lower().find(word)


def _stands(number: Number, context: Context) -> bool:
    """Whether the context has a number, with its unit or without any."""
    known = context.units(*number.readings)
    if known and (not number.unit or "" in known or number.unit in known):
        return True
    return any({"", unit} & context.units(reading) for reading, unit in converted(number))


def _kind(number: Number) -> str:
    if number.unit in CURRENCIES:
        return "money"
    year = number.readings[0]
    is_year = not number.unit and len(year) == 4 and year.isdecimal() and "1000" <= year < "2200"
    return "dates" if is_year else "numbers"
