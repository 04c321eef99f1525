"""Whether words can be compared: answer and context come in, why they can't be goes out.

Words are compared by how they begin, in the Latin script only. In Chinese, Japanese or Thai nothing parts
words; in Arabic and Hebrew they change at the front; and an answer in another language than its context
shares no words with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final

from monitor.scorers.function_words import LANGUAGES, rival
from monitor.scorers.grounding.vocabulary import FUNCTION_WORDS
from monitor.scorers.grounding.words import plain
from monitor.scorers.lists import word_set

#: Words of an answer that its language is told by, and characters of a context.
SAMPLED_WORDS: Final = 60
SAMPLED: Final = 1_000
#: Function words that tell a language, at least, in an answer and in a context, and their share of all words.
MIN_IN_ANSWER: Final = 2
MIN_IN_CONTEXT: Final = 5
MIN_SHARE: Final = 0.15
#: How many of them there have to be for each one of the context's language.
MIN_RATIO: Final = 3
#: Words of an answer from which on, if none is a function word of the context's language, one other will do.
MIN_PROSE: Final = 8
#: Distinct words of up to three letters that it takes on either side to compare languages without lists.
MIN_SHORT_IN_ANSWER: Final = 5
MIN_SHORT_IN_CONTEXT: Final = 20

ENGLISH: Final = "en"
#: Stands for the languages of a word with a letter that English has not.
NOT_ENGLISH: Final = ("",)
#: Stems of English without some of which no text in it does, and which no other language has.
_ENGLISH_STEMS: Final = word_set("the and that with this from which their were been they your will shoul")
MIN_ENGLISH: Final = 3

#: Blocks of letters that aren't Latin ones; symbols and emoji are in none of them.
_OTHER_LETTER = re.compile(
    "[\u0370-\u1dff\u1f00-\u1fff\u2c80-\u2dff\u3040-\ua71f\ua800-\ufdff\ufe70-\ufeff\uff66-\uffdc"
    "\U00010000-\U0001efff\U00020000-\U0003ffff]"
)
#: Numbers of three digits and more; smaller ones aren't looked up where this matters.
_CHINESE_NUMBER = re.compile("[〇零一二两兩三四五六七八九十百千][百千万萬億亿]|[〇零一二三四五六七八九]{3}")


def is_latin(text: str) -> bool:
    """Whether ``text`` is written in the Latin script, but for at most a tenth of its letters."""
    if plain(text).isascii():
        return True
    others = len(_OTHER_LETTER.findall(text))
    return not others or 10 * others <= sum(map(str.isalpha, text))


def sample(text: str) -> str:
    """The middle of a long text: a prompt begins and ends with what the application says itself."""
    start = max(0, (len(text) - SAMPLED) // 2)
    return text[start : start + SAMPLED]


def is_plainly_english(stems: frozenset[str]) -> bool:
    """Whether these stems are of an English text: a look that costs next to nothing."""
    return len(_ENGLISH_STEMS & stems) >= MIN_ENGLISH


def language_of(found: Sequence[str]) -> str | None:
    """The language of these words of a context, by its function words; ``None`` if that is not plain."""
    votes = Counter(language for word in found for language in LANGUAGES.get(word, ()))
    language, count = max(votes.items(), key=lambda vote: (vote[1], vote[0]), default=("", 0))
    return language if count >= max(MIN_IN_CONTEXT, MIN_SHARE * len(found)) else None


def is_foreign(
    answer: Iterable[str],
    languages: Collection[str | None],
    known: frozenset[str],
    question: Iterable[str] = (),
) -> bool:
    """Whether an answer is in another language than its context.

    Args:
        answer: its words.
        languages: those of the passages, ``None`` for one that is not known: it is taken for an English one.
        known: stems of the context. Where a language is not known, the shortest words of both are compared.
        question: the words of the question, which is in the language of its answer. They are only looked at
            where the answer is too short to tell.
    """
    said = list(islice(answer, SAMPLED_WORDS))
    asked = [] if len(said) >= MIN_PROSE else list(islice(question, SAMPLED_WORDS))
    votes = [vote for word in [*asked, *said] if (vote := _languages(word))]
    needed = max(MIN_IN_ANSWER, MIN_SHARE * len(said))
    is_plain = len(said) >= MIN_PROSE or any(map(_languages, asked))
    if votes and all(_is_other(votes, language or ENGLISH, needed, is_plain) for language in languages):
        return True
    return None in languages and _has_other_short_words(said, known)


def _languages(word: str) -> tuple[str, ...]:
    """The languages that a word is a function word of; one beyond ASCII is of no English one."""
    found = LANGUAGES.get(word, ())
    if word in FUNCTION_WORDS:
        return (*found, ENGLISH)
    return found or (() if word.isascii() else NOT_ENGLISH)


def _is_other(votes: Sequence[tuple[str, ...]], language: str, needed: float, is_plain: bool) -> bool:
    """Whether these function words are plainly those of another language."""
    other = rival([vote for vote in votes if vote != NOT_ENGLISH], language)
    words = (other.words if other else 0) + (votes.count(NOT_ENGLISH) if language == ENGLISH else 0)
    against = sum(language in vote for vote in votes)
    if is_plain and not against:
        return words > 0
    return words >= needed and words >= MIN_RATIO * (other.against if other else against)


def _has_other_short_words(answer: Iterable[str], known: frozenset[str]) -> bool:
    """Whether hardly a short word of the answer is in the context, though both have enough of them."""
    short = _short(answer)
    if len(short) < MIN_SHORT_IN_ANSWER or 4 * len(short & known) >= len(short):
        return False
    return len(_short(known)) >= MIN_SHORT_IN_CONTEXT


def _short(found: Iterable[str]) -> frozenset[str]:
    """The words of up to three letters: function words, in most languages of this script."""
    return frozenset([word for word in found if len(word) <= 3 and word.isalpha()])


def writes_numbers_out(text: str) -> bool:
    """Whether ``text`` has large numbers in Chinese characters: digits elsewhere may be the same ones."""
    return not text.isascii() and _CHINESE_NUMBER.search(text) is not None
