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

#: Blocks of letters that aren't Latin ones; symbols and emoji are in none of them.
_OTHER_LETTER = re.compile(
    "[\u0370-\u1dff\u1f00-\u1fff\u2c80-\u2dff\u3040-\ua71f\ua800-\ufdff\ufe70-\ufeff\uff66-\uffdc"
    "\U00010000-\U0001efff\U00020000-\U0003ffff]"
)
#: Numbers of three digits and more; smaller ones aren't looked up where this matters.
_CHINESE_NUMBER = re.compile("[〇零一二两兩三四五六七八九十百千][百千万萬億亿]|[〇零一二三四五六七八九]{3}")


def is_latin(text: str) -> bool:
    """Whether ``text`` is written in the Latin script, but for at most a tenth of its letters."""
    if text.isascii():
        return True
    others = len(_OTHER_LETTER.findall(text))
    return not others or 10 * others <= sum(map(str.isalpha, text))


def sample(text: str) -> str:
    """The middle of a long text: a prompt begins and ends with what the application says itself."""
    start = max(0, (len(text) - SAMPLED) // 2)
    return text[start : start + SAMPLED]


def language_of(found: Sequence[str]) -> str | None:
    """The language of these words of a context, by its function words; ``None`` if that is not plain."""
    votes = Counter(language for word in found for language in LANGUAGES.get(word, ()))
    language, count = max(votes.items(), key=lambda vote: (vote[1], vote[0]), default=("", 0))
    return language if count >= max(MIN_IN_CONTEXT, MIN_SHARE * len(found)) else None


def is_foreign(answer: Iterable[str], languages: Collection[str | None], known: frozenset[str]) -> bool:
    """Whether an answer is in another language than its context.

    Args:
        answer: its words.
        languages: those of the passages, ``None`` for one that is not known.
        known: stems of the context. Where a language is not known, the shortest words of both are compared.
    """
    said = list(islice(answer, SAMPLED_WORDS))
    votes = [LANGUAGES[word] for word in said if word in LANGUAGES]
    needed = max(MIN_IN_ANSWER, MIN_SHARE * len(said))
    if None not in languages and votes:
        is_prose = len(said) >= MIN_PROSE
        return all(_is_other(votes, language, needed, is_prose) for language in languages if language)
    return _has_other_short_words(said, known)


def _is_other(votes: Sequence[tuple[str, ...]], language: str, needed: float, is_prose: bool) -> bool:
    """Whether these function words are plainly those of another language."""
    other = rival(votes, language)
    if other is None:
        return False
    if is_prose and not any(language in spoken for spoken in votes):
        return True
    return other.words >= needed and other.words >= MIN_RATIO * other.against


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
