"""What an answer may stand on, prepared for look-ups: passages and question come in, a ``Context`` goes out.

A passage is prepared once and kept while it recurs, as retrieved passages and system prompts do: its stems by
where they stand, its pairs of neighbours, its numbers. Several passages combine by set unions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from threading import Lock

from monitor.scorers.quantities import numbers, spelled
from monitor.scorers.words import short_words, stems, word_set, words

#: Words of a block. A window is two blocks that follow each other: a paragraph or so.
BLOCK = 64
#: Places of a stem that are kept: one that stands in more says nothing about where a claim comes from.
MAX_PLACES = 64
#: How far the question supports an answer that repeats its words.
QUESTION = 0.3
#: Passages that are prepared by themselves. What is beyond them is joined, and prepared as one.
MAX_PASSAGES = 32
#: Characters of the passages that are kept in memory. A character takes about 60 bytes once prepared.
MAX_KEPT = 1_000_000
#: Characters above which a passage isn't kept, so that no single one drives out all others.
MAX_KEPT_PASSAGE = 100_000

_NEGATIONS = word_set("""
    not no never none neither nor without cannot nobody nothing isn aren wasn weren don doesn didn won wouldn
    couldn shouldn hasn haven hadn
""")


def negates(found: Iterable[str]) -> bool:
    """Whether a negation is among these words."""
    return not _NEGATIONS.isdisjoint(found)


class Passage:
    """One text to stand on, prepared.

    Args:
        text: all of it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        found = words(text)
        stemmed = stems(found)
        #: Stems that follow each other.
        self.pairs = frozenset(pairwise(stemmed))
        #: The words of up to three letters.
        self.short = short_words(found)
        self.negates = negates(found)
        #: The blocks in which each stem stands.
        self.places = _places(stemmed)
        self._is_short = len(stemmed) <= 2 * BLOCK

    @cached_property
    def lower(self) -> str:
        """All of it in lower case."""
        return self._text.lower()

    @cached_property
    def numbers(self) -> dict[str, set[str]]:
        """The units that each number has, by its plain decimal."""
        units: dict[str, set[str]] = {value: {""} for value in spelled(words(self._text))}
        for number in numbers(self._text):
            for reading in number.readings:
                units.setdefault(reading, set()).add(number.unit)
        return units

    def cover(self, weights: Mapping[str, float]) -> float:
        """The most of these stems, by weight, that stand together in one window."""
        places = self.places
        if self._is_short:
            return sum([weight for stem, weight in weights.items() if stem in places])
        everywhere = 0.0
        votes: dict[int, float] = {}
        for stem, weight in weights.items():
            blocks = places.get(stem)
            if blocks is None:
                continue
            if blocks is _EVERYWHERE or len(blocks) == MAX_PLACES:
                everywhere += weight
                continue
            last = -1
            for block in blocks:  # a block belongs to the window that it begins and to the one that it ends
                if last != block - 1:
                    votes[block - 1] = votes.get(block - 1, 0.0) + weight
                votes[block] = votes.get(block, 0.0) + weight
                last = block
        return everywhere + max(votes.values(), default=0.0)


_EVERYWHERE: list[int] = []


def _places(stemmed: Sequence[str]) -> dict[str, list[int]]:
    """The blocks in which each stem stands, the first ``MAX_PLACES``; of a short passage, just its stems."""
    if len(stemmed) <= 2 * BLOCK:
        return dict.fromkeys(stemmed, _EVERYWHERE)
    places: dict[str, list[int]] = {}
    for block, start in enumerate(range(0, len(stemmed), BLOCK)):
        for stem in set(stemmed[start : start + BLOCK]):
            known = places.setdefault(stem, [])
            if len(known) < MAX_PLACES:
                known.append(block)
    return places


class Cache:
    """Prepared passages, the most recently used ones, for any number of threads.

    Args:
        budget: characters of the passages that are kept.
    """

    def __init__(self, budget: int = MAX_KEPT) -> None:
        self._budget = budget
        self._kept: OrderedDict[str, Passage] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def prepare(self, text: str) -> Passage:
        """The passage, from memory where it recurs."""
        with self._lock:
            if (passage := self._kept.get(text)) is not None:
                self._kept.move_to_end(text)
                return passage
        passage = Passage(text)
        if len(text) <= MAX_KEPT_PASSAGE:
            with self._lock:
                if text not in self._kept:
                    self._kept[text] = passage
                    self._size += len(text)
                while self._size > self._budget:
                    gone, _ = self._kept.popitem(last=False)
                    self._size -= len(gone)
        return passage


class Context:
    """All that an answer may stand on.

    Args:
        passages: what was given to stand on: documents, tool results, instructions.
        question: what was asked. Its words support an answer only in part: an answer that just repeats them
            stands on nothing.
        cache: where prepared passages are kept.
    """

    def __init__(self, passages: Iterable[str], question: str, cache: Cache) -> None:
        texts = [text for text in passages if text]
        if len(texts) > MAX_PASSAGES:
            texts[MAX_PASSAGES - 1 :] = ["\n".join(texts[MAX_PASSAGES - 1 :])]
        self.passages = [*map(cache.prepare, texts)] or [Passage("")]
        asked = Passage(question)
        self.asked = asked.places
        self.asked_pairs = asked.pairs
        self._texts = [*self.passages, asked]
        #: Stems that stand in any passage, and those of the question as well.
        self.given = frozenset[str]().union(*[passage.places for passage in self.passages])
        self.known = self.given.union(asked.places)
        #: Neighbours in any passage.
        self.pairs = frozenset[tuple[str, str]]().union(*[passage.pairs for passage in self.passages])
        self.short = frozenset[str]().union(*[passage.short for passage in self._texts])
        self.negates = any(passage.negates for passage in self._texts)

    @cached_property
    def numbers(self) -> dict[str, set[str]]:
        """The units of each number, in passages and question."""
        units: dict[str, set[str]] = {}
        for passage in self._texts:
            for reading, found in passage.numbers.items():
                units[reading] = units.get(reading, set()) | found
        return units

    def contains(self, text: str) -> bool:
        """Whether ``text``, in lower case, stands in it as it is."""
        return any(text in passage.lower for passage in self._texts)

    def missing(self, weights: Mapping[str, float]) -> float:
        """The share of these stems, by weight, that no one window carries; 0..1.

        The question carries ``QUESTION`` of what it repeats.
        """
        total = sum(weights.values())
        if not total:
            return 0.0
        covered = max([passage.cover(weights) for passage in self.passages])
        asked = sum(
            [weight for stem, weight in weights.items() if stem in self.asked and stem not in self.given]
        )
        return max(0.0, 1.0 - (covered + QUESTION * asked) / total)
