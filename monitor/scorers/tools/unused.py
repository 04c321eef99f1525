"""What of a request its calls leave out: its numbers and names and their values come in, shares go out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from monitor.scorers.lazy import Lazy
from monitor.scorers.tools.loop import TIME_WORDS
from monitor.scorers.tools.numbers import NUMBER, is_unit, month_of, readings, rounded
from monitor.scorers.tools.support import MIN_PHONE, Support
from monitor.scorers.tools.values import Values
from monitor.scorers.tools.words import split_words, stem

#: Letters by which names are compared: "Philly" is Philadelphia, and a slip of the pen may follow.
START = 4
#: By how much the clock of twenty-four hours is ahead in the afternoon.
NOON = 12.0

#: Numbers, names and quotations that are looked at.
MAX_GIVEN = 200

_LISTED = re.compile(r"(?<![\w-])([A-Z][\w-]++(?:, [A-Z][\w-]++){0,8}+),? (?:and|&) ([A-Z][\w-]++)")


class Used:
    """What the values of an answer's calls take up.

    Args:
        values: those of each call.
        known: stems of what the called tools say of themselves.
        support: the conversation, whose units tell what a number may be said as.
    """

    def __init__(self, values: Sequence[Values], known: frozenset[str], support: Support) -> None:
        self._values = values
        self._words = known.union(*[each.words for each in values])
        self._numbers = frozenset[float]().union(*[each.numbers for each in values])
        self._support = support

    def unused(self, given: Sequence[str]) -> float:
        """The share of a request's numbers, names and quotations, at least one, that is not taken up."""
        given = given[:MAX_GIVEN]
        return 1 - sum(map(self._has, given)) / len(given)

    def leaves_out(self, request: str) -> bool:
        """Whether of names that the request lists, "Rome and Oslo", some are taken up and some are not."""
        if " and " not in request and "&" not in request:
            return False
        for found in _LISTED.finditer(request):
            has = [self._has(name) for name in (*found[1].split(", "), found[2])]
            if any(has) and not all(has):
                return True
        return False

    def _has(self, text: str) -> bool:
        if NUMBER.fullmatch(text):
            return self._has_number(text)
        words = split_words(text)
        if any(stem(word) in self._words for word in words):
            return True
        lower = text.lower()
        if stem(lower) in self._words or any(
            each.placed or lower[0] in each.initials for each in self._values
        ):
            return True
        if text.isupper() and any(initials.startswith(lower) for initials in self._acronyms):
            return True
        if any(word[:START] in self._starts for word in words if len(word) >= START):
            return True
        if not self._numbers:
            return False
        return is_unit(lower) or month_of(lower) in self._numbers or not TIME_WORDS.isdisjoint(words)

    def _has_number(self, text: str) -> bool:
        meant = [*readings(text)]
        if not self._numbers.isdisjoint(meant) or any(text in digits for digits in self._long):
            return True
        return not self._others.isdisjoint(map(rounded, meant))

    @Lazy
    def _starts(self) -> frozenset[str]:
        return frozenset([word[:START] for each in self._values for word in each.words if len(word) >= START])

    @Lazy
    def _acronyms(self) -> list[str]:
        """The first letters of the words of each value."""
        texts = [split_words(text) for each in self._values for text in each.texts]
        return ["".join([word[0] for word in words]) for words in texts]

    @Lazy
    def _long(self) -> list[str]:
        """The digits of the values that are as long as a phone's number."""
        digits = ["".join(filter(str.isdecimal, text)) for each in self._values for text in each.texts]
        return [each for each in digits if len(each) >= MIN_PHONE]

    @Lazy
    def _others(self) -> frozenset[float]:
        """What else the numbers of the values may have been said as, hours by the twelve-hour clock, too."""
        others = {other for number in self._numbers for other in self._support.others(number)}
        return frozenset(others | {number - NOON for number in self._numbers if NOON < number < 2 * NOON})
