"""Whether words can be compared: answer and context come in, why they can't be goes out.

Words are compared by how they begin, in the Latin script only. In Chinese, Japanese or Thai nothing parts
words; in Arabic and Hebrew they change at the front; and an answer in another language than its context
shares no words with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

#: Distinct words of up to three letters that it takes on either side to compare languages.
MIN_SHORT_IN_ANSWER: Final = 5
MIN_SHORT_IN_CONTEXT: Final = 20

#: Blocks of letters that aren't Latin ones; symbols and emoji are in none of them.
_OTHER_LETTER = re.compile(
    "[\u0370-\u1dff\u1f00-\u1fff\u2c80-\u2dff\u3040-\ua71f\ua800-\ufdff\ufe70-\ufeff\uff66-\uffdc"
    "\U00010000-\U0001efff\U00020000-\U0003ffff]"
)
_CHINESE_NUMERAL = re.compile("[〇零一二三四五六七八九十百千万萬億亿]")


def is_latin(text: str) -> bool:
    """Whether ``text`` is written in the Latin script, but for at most a tenth of its letters."""
    if text.isascii():
        return True
    others = len(_OTHER_LETTER.findall(text))
    return not others or 10 * others <= sum(map(str.isalpha, text))


def is_foreign(answer: Iterable[str], context: frozenset[str]) -> bool:
    """Whether an answer is in another language than its context, by the shortest words of both."""
    short = _short(answer)
    if len(short) < MIN_SHORT_IN_ANSWER or 4 * len(short & context) >= len(short):
        return False
    return len(_short(context)) >= MIN_SHORT_IN_CONTEXT


def _short(found: Iterable[str]) -> frozenset[str]:
    """The words of up to three letters: function words, in most languages of this script."""
    return frozenset([word for word in found if len(word) <= 3 and word.isalpha()])


def writes_numbers_out(text: str) -> bool:
    """Whether ``text`` has numbers in Chinese characters, so that digits elsewhere may be the same ones."""
    return not text.isascii() and _CHINESE_NUMERAL.search(text) is not None
