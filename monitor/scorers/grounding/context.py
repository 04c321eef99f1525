"""What an answer may stand on, prepared for look-ups: passages and question come in, a ``Context`` goes out.

A passage is prepared once and kept while it recurs, as retrieved passages and system prompts do: its stems,
in their order, in all and by window, and its numbers.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from math import fsum
from threading import Lock

from monitor.scorers.function_words import LANGUAGES
from monitor.scorers.grounding.comparable import (
    ENGLISH,
    is_latin,
    is_plainly_english,
    language_of,
    sample,
    writes_numbers_out,
)
from monitor.scorers.grounding.marks import blocks, labels
from monitor.scorers.grounding.quantities import dates_in_words, numbers, rounded, spelled
from monitor.scorers.grounding.vocabulary import FUNCTION_WORDS
from monitor.scorers.grounding.words import stems, words
from monitor.scorers.lazy import Lazy
from monitor.scorers.lists import word_set

#: Words of a block. A window is two blocks that follow each other: a paragraph or so.
BLOCK = 64
#: Blocks of a passage: those of a longer one are larger, so that a claim isn't compared with thousands.
MAX_BLOCKS = 32
#: How far the question supports an answer that repeats its words.
QUESTION = 0.3
#: Passages that are prepared by themselves. What is beyond them is joined, and prepared as one.
MAX_PASSAGES = 32
#: Characters of the passages that are kept in memory. A character takes about 50 bytes once prepared.
MAX_KEPT = 1_000_000
#: Characters above which a passage isn't kept, so that no single one drives out all others.
MAX_KEPT_PASSAGE = 100_000

#: By their stems; "wouldn't" has that of "would", and is left out.
_NEGATIONS = word_set("""
    not no never none neith nor witho canno nobod nothi isn aren wasn weren don doesn didn won hasn haven hadn
""")


#: Stems of function words of any language, and the share of them below which a text is no prose.
_GRAMMAR = frozenset(stems(chain(LANGUAGES, FUNCTION_WORDS)))
MIN_GRAMMAR = 0.1


def negates(found: Iterable[str]) -> bool:
    """Whether a negation is among these stems."""
    return not _NEGATIONS.isdisjoint(found)


Pair = tuple[str, str]


def neighbours(texts: Iterable[Sequence[str]]) -> frozenset[Pair]:
    """Stems that follow each other in any of these texts."""
    return frozenset(chain.from_iterable(map(pairwise, texts)))


class Passage:
    """One text to stand on, prepared.

    Args:
        text: all of it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._recurs = False
        self._words = words(text) + dates_in_words(text)
        self._stems = stems(self._words)
        self.stems = frozenset(self._stems)

    @Lazy
    def _windows(self) -> Sequence[frozenset[str]]:
        size = max(BLOCK, -(-len(self._stems) // MAX_BLOCKS))
        if len(self._stems) <= 2 * size:
            return [self.stems]
        starts = range(0, len(self._stems) - size, size)
        return [frozenset(self._stems[start : start + 2 * size]) for start in starts]

    @Lazy
    def is_latin(self) -> bool:
        """Whether its words can be compared."""
        return is_latin(self._text)

    @Lazy
    def language(self) -> str | None:
        """What it is written in, if that is plain."""
        return ENGLISH if is_plainly_english(self.stems) else language_of(words(sample(self._text)))

    @Lazy
    def is_data(self) -> bool:
        """Whether it is a record in JSON, without prose: there, neighbours are none for a reason."""
        return self._text.lstrip().startswith(("{", "[")) and len(_GRAMMAR & self.stems) < MIN_GRAMMAR * len(
            self.stems
        )

    @Lazy
    def writes_numbers_out(self) -> bool:
        """Whether it may have numbers that aren't read."""
        return writes_numbers_out(self._text)

    @Lazy
    def labels(self) -> frozenset[int]:
        """The numbers by which something may be labelled in it."""
        return labels(self._text)

    @Lazy
    def blocks(self) -> frozenset[int]:
        """The numbers of its blocks that are there to be cited."""
        return blocks(self._text)

    @Lazy
    def lower(self) -> str:
        """All of it in lower case."""
        return self._text.lower()

    @Lazy
    def numbers(self) -> dict[str, set[str]]:
        """The units that each number has, by its plain decimal."""
        units = defaultdict[str, set[str]](set)
        for value in spelled(self._words):
            units[value].add("")
        for readings, unit, _ in numbers(self._text):
            for reading in readings:
                units[reading].add(unit)
                if "." in reading:
                    for rough in rounded(reading):
                        units[rough].add(unit)
        return dict(units)

    @Lazy
    def _pairs(self) -> frozenset[Pair]:
        return frozenset(pairwise(self._stems))

    def phrases(self, wanted: frozenset[Pair]) -> frozenset[Pair]:
        """Those of these pairs that follow each other in it."""
        if self._recurs:
            return wanted & self._pairs
        self._recurs = True  # a set of all pairs costs four times a look through them, and so pays only now
        return wanted.intersection(pairwise(self._stems))

    def cover(self, weights: Mapping[str, float], at_least: float = 0.0) -> float:
        """The most of these stems, by weight, that stand together in one window, or ``at_least``."""
        # No stem weighs more than 1, so that a window with few of them needs no sum: a fifth of the time.
        present = self.stems.intersection(weights)
        if len(present) <= at_least:
            return at_least
        for window in self._windows:
            together = window & present
            if len(together) > at_least:
                # ``fsum`` has one sum for any order: that of a set is another one in each process.
                at_least = max(at_least, fsum(map(weights.__getitem__, together)))
        return at_least


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
        given: how many of the passages are no instructions: the language and the form of those tell nothing.
    """

    def __init__(
        self, passages: Iterable[str], question: str, cache: Cache, given: int = MAX_PASSAGES
    ) -> None:
        texts = [text for text in passages if text]
        if len(texts) > MAX_PASSAGES:
            texts[MAX_PASSAGES - 1 :] = ["\n".join(texts[MAX_PASSAGES - 1 :])]
        self.passages = [*map(cache.prepare, texts)] or [Passage("")]
        self._given = self.passages[: max(1, given)]
        self.question = Passage(question)
        self._texts = [*self.passages, self.question]
        self._only_asked = self.question.stems.difference(*[passage.stems for passage in self.passages])
        #: Stems that stand in any passage or in the question.
        self.known = self.question.stems.union(*[passage.stems for passage in self.passages])
        self.negates = negates(self.known)

    @Lazy
    def languages(self) -> frozenset[str | None]:
        """What the passages are written in; ``None`` among them if that of one is not plain."""
        return frozenset([passage.language for passage in self._given])

    @Lazy
    def is_data(self) -> bool:
        """Whether records are all that was given."""
        return all(passage.is_data for passage in self._given)

    @Lazy
    def _numbers(self) -> Sequence[Mapping[str, set[str]]]:
        return [found for passage in self._texts if (found := passage.numbers)]

    def units(self, *readings: str) -> set[str]:
        """The units of a number, by its plain decimals, in passages and question; none where it isn't."""
        return set().union(
            *[found[reading] for found in self._numbers for reading in readings if reading in found]
        )

    def phrases(self, wanted: frozenset[Pair]) -> frozenset[Pair]:
        """Those of these pairs that follow each other in any passage, the question left aside."""
        found = [passage.phrases(wanted) for passage in self.passages]
        return found[0].union(*found[1:])

    def contains(self, text: str) -> bool:
        """Whether ``text``, in lower case, stands in it as it is."""
        return any(text in passage.lower for passage in self._texts)

    def names(self, address: str) -> bool:
        """Whether an address, in lower case, stands in it, and not as the end of another one."""
        return any(_begins(address, passage.lower) for passage in self._texts)

    @Lazy
    def labels(self) -> frozenset[int]:
        """The numbers by which something may be labelled in a passage."""
        return frozenset().union(*[passage.labels for passage in self.passages])

    @Lazy
    def blocks(self) -> frozenset[int]:
        """The numbers of passages' blocks that are there to be cited."""
        return frozenset().union(*[passage.blocks for passage in self.passages])

    def missing(self, weights: Mapping[str, float]) -> float:
        """The share of these stems, by weight, that no one window carries; 0..1.

        The question carries ``QUESTION`` of what it repeats.
        """
        total = fsum(weights.values())
        if not total:
            return 0.0
        covered = 0.0
        for passage in self.passages:
            covered = passage.cover(weights, covered)
        asked = fsum(map(weights.__getitem__, self._only_asked.intersection(weights)))
        return max(0.0, 1.0 - (covered + QUESTION * asked) / total)


def _begins(address: str, text: str) -> bool:
    """Whether ``address`` stands in ``text``, and no letter, digit or hyphen right before it."""
    place = text.find(address)
    while place > 0 and (text[place - 1].isalnum() or text[place - 1] == "-"):
        place = text.find(address, place + 1)
    return place >= 0
