"""Words, numbers, names, links: answer and context go in, what the context does not carry comes out.

A word is looked up by its first five letters, which stands in for a stem ("regulation", "regulatory") at the
cost of a slice; function words are no content. Only the Latin script is read: elsewhere words are not parted
by spaces, or change at the front, and a count would mean nothing.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import NamedTuple

#: Letters by which words are compared.
PREFIX = 5
#: Distinct links and addresses of an answer that are looked up, each through all of the context.
MAX_LINKS = 100
#: Distinct words of up to three letters that it takes on either side to compare languages.
MIN_SHORT_IN_ANSWER, MIN_SHORT_IN_CONTEXT = 5, 20


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``, which white space separates."""
    return frozenset(text.split())


_FUNCTION_WORDS = word_set("""
    a about above after again against all also although always am an and any are aren as at be because been
    before being below between both but by can cannot could couldn did didn do does doesn doing don done
    down during each either else etc even ever every few for from further get got had hadn has hasn have
    haven having he hence her here hers herself him himself his how however i if in into is isn it its
    itself just like ll made make many may me might more most much must my myself neither no nor not now of
    off often on once one only onto or other otherwise our ours out over own per perhaps rather re really
    same say says she should shouldn since so some such than that the their theirs them themselves then
    there therefore these they this those though through thus to too under until up upon us use used using
    ve very via was wasn we well were weren what when where whether which while who whom whose why will with
    within without won would wouldn yes yet you your yours yourself
""")
_DASHES_AND_QUOTES = (
    "\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026\u00b7\u2022\u00a0"
)
_SEPARATORS = str.maketrans(dict.fromkeys(string.punctuation + _DASHES_AND_QUOTES, " "))
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ENUMERATOR = re.compile(r"^[ \t]*(?:[-*] )?\(?\d{1,3}[.):](?=\s)", re.MULTILINE)
_NAME = re.compile(r"(?<=[a-z0-9,;)'\"] )[A-Z][^\W\d_]{2,}")
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'`)\]}]+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", re.IGNORECASE
)
_OTHER_LETTER = re.compile(r"(?![\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uff21-\uff5a])[^\W\d_\u0000-\u036f]")


class Support:
    """What a context carries.

    Args:
        text: all of the context.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.prefixes = frozenset([word[:PREFIX] for word in _split(text)])

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers of the context, without thousands separators."""
        return frozenset(map(_plain, _NUMBER.findall(self._text)))

    @cached_property
    def short(self) -> frozenset[str]:
        """The words of up to three letters: function words, in most languages of this script."""
        return _short(self.prefixes)

    @cached_property
    def lower(self) -> str:
        """The context in lower case."""
        return self._text.lower()


class Unsupported(NamedTuple):
    """How many of an answer's terms its context does not carry."""

    content: int
    """Content words of the answer, supported or not."""
    words: int
    numbers: int
    names: int
    """Words with a capital inside a sentence; they are among ``words``, too."""
    links: int
    """Links and e-mail addresses, of the first ``MAX_LINKS``."""
    foreign: bool
    """Few of the answer's shortest words are in the context: it is written in another language."""


def unsupported(answer: str, support: Support) -> Unsupported:
    """What of ``answer`` does not stand in the context."""
    links = _LINK.findall(answer) if "@" in answer or "http" in answer or "www." in answer else []
    text = _LINK.sub(" ", answer) if links else answer
    words = _split(text)
    content = [
        word[:PREFIX] for word in words if len(word) > 2 and word not in _FUNCTION_WORDS and word.isalpha()
    ]
    numbers = set(map(_plain, _NUMBER.findall(_ENUMERATOR.sub("", text))))
    names = {name[:PREFIX].lower() for name in _NAME.findall(text)}
    return Unsupported(
        content=len(content),
        words=sum([prefix not in support.prefixes for prefix in content]),
        numbers=len(numbers - support.numbers) if numbers else 0,
        names=len(names - support.prefixes),
        links=sum(link not in support.lower for link in islice(_distinct(links), MAX_LINKS)),
        foreign=_is_foreign(_short(words), support.short),
    )


def _distinct(links: list[str]) -> dict[str, None]:
    """The links without the punctuation behind them, each once, in their order."""
    return dict.fromkeys([link.rstrip(".,;:!?").lower() for link in links])


def is_latin(text: str) -> bool:
    """Whether ``text`` is written in the Latin script, but for at most a tenth of its letters."""
    if text.isascii():
        return True
    return 10 * len(_OTHER_LETTER.findall(text)) <= sum(map(str.isalpha, text))


def _is_foreign(answer: frozenset[str], context: frozenset[str]) -> bool:
    if len(answer) < MIN_SHORT_IN_ANSWER or len(context) < MIN_SHORT_IN_CONTEXT:
        return False
    return 4 * len(answer & context) < len(answer)


def _short(words: Iterable[str]) -> frozenset[str]:
    return frozenset([word for word in words if len(word) <= 3 and word.isalpha()])


def _split(text: str) -> list[str]:
    """The words of ``text`` in lower case."""
    return text.lower().translate(_SEPARATORS).split()


def _plain(number: str) -> str:
    return number.replace(",", "")
