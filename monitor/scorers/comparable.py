"""Whether words can be compared: answer and context come in, why they can't be goes out.

Words are compared by how they begin, in the Latin script only. In Chinese, Japanese or Thai nothing parts
words; in Arabic and Hebrew they change at the front; and an answer in another language than its context
shares no words with it.
"""

from __future__ import annotations

import re
from typing import Final

#: Distinct words of up to three letters that it takes on either side to compare languages.
MIN_SHORT_IN_ANSWER: Final = 5
MIN_SHORT_IN_CONTEXT: Final = 20

_OTHER_LETTER = re.compile(r"(?![\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uff21-\uff5a])[^\W\d_\u0000-\u036f]")
_CHINESE_NUMERAL = re.compile("[〇零一二三四五六七八九十百千万萬億亿]")


def is_latin(text: str) -> bool:
    """Whether ``text`` is written in the Latin script, but for at most a tenth of its letters."""
    if text.isascii():
        return True
    return 10 * len(_OTHER_LETTER.findall(text)) <= sum(map(str.isalpha, text))


def is_foreign(answer: frozenset[str], context: frozenset[str]) -> bool:
    """Whether an answer is in another language than its context, by the shortest words of both."""
    if len(answer) < MIN_SHORT_IN_ANSWER or len(context) < MIN_SHORT_IN_CONTEXT:
        return False
    return 4 * len(answer & context) < len(answer)


def writes_numbers_out(text: str) -> bool:
    """Whether ``text`` has numbers in Chinese characters, so that digits elsewhere may be the same ones."""
    return not text.isascii() and _CHINESE_NUMERAL.search(text) is not None
