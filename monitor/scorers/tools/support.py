"""Whether a text carries a word or a number: a conversation comes in, yes or no goes out.

Words are looked up by how they begin, which stands in for a stem, and numbers by what they mean.
"""

from __future__ import annotations

import string
from collections.abc import Iterator

from monitor.scorers.lazy import Lazy
from monitor.scorers.tools.numbers import NUMBER, Units, readings, rounded, spelt

#: Characters that are searched for the values of a call; a search takes up to 2.6 ns for each of them.
MAX_SEARCHED = 40_000_000
#: How many characters could be searched while a number is looked up by one unit.
NUMBER_SEARCH = 400
#: Letters and digits from which on a number is one of a card, an account or a phone, that may be parted;
#: digits of a code of a country at most; and of a phone's number without it at least.
MIN_JOINED, MAX_COUNTRY_CODE, MIN_PHONE = 5, 3, 7

_SIGNS = (
    "\n\r\t\u00a0\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026\u00b7\u2022\u00b0"
)
_SEPARATORS = str.maketrans(dict.fromkeys(string.punctuation + _SIGNS + "\u20ac\u00a3", " "))
# The same for ASCII, several times as fast.
_ASCII_SEPARATORS = "".join(map(chr, range(128))).translate(_SEPARATORS).ljust(256).encode()


class Support:
    """Everything that a value may come from.

    Once ``MAX_SEARCHED`` characters of it were searched, everything is taken for said: nothing is held
    against what was not looked up.

    Args:
        text: all of it.
        is_foreign: whether the users speak another language than English: arguments may be translations.
        speaks_of_time: whether they speak of time: dates and times are computed from what they say.
    """

    def __init__(self, text: str, *, is_foreign: bool, speaks_of_time: bool) -> None:
        self.is_foreign = is_foreign
        self.speaks_of_time = speaks_of_time
        self._text = text
        self._left = MAX_SEARCHED

    def has(self, start: str) -> bool:
        """Whether a word that begins so stands in it."""
        return self._finds(f" {start}", self._words)

    def has_phrase(self, phrase: str) -> bool:
        """Whether these whole words, as ``plain`` leaves them, stand in it."""
        return self._finds(f" {phrase} ", self._words)

    def has_text(self, text: str) -> bool:
        """Whether ``text`` itself stands in it, in any case; a single word not inside another."""
        text = text.lower()
        return self.has_phrase(text) if text.isalnum() else self._finds(text, self._lower)

    def has_number(self, number: float) -> bool:
        """Whether this number stands in it, whatever its sign, as it is or by the units it names."""
        number = abs(number)
        if self._says(rounded(number)):
            return True
        self._left -= NUMBER_SEARCH * len(self._units)
        if self._left < 0 or number in self._units.scales:  # an hour is 60 minutes
            return True
        return any(map(self._says, self._units.others(number)))

    def others(self, number: float) -> Iterator[float]:
        """What else a number may be said as by the units it names; nothing once enough was searched."""
        self._left -= NUMBER_SEARCH * len(self._units)
        return self._units.others(number) if self._left >= 0 else iter(())

    def has_joined(self, value: str) -> bool:
        """Whether a long number stands in it with other signs between, or without the code of its country."""
        joined = "".join(filter(str.isalnum, value.lower()))
        if len(joined) < MIN_JOINED or not any(map(str.isdecimal, joined)):
            return False
        if self._finds(joined, self._joined):
            return True
        rest = joined[MAX_COUNTRY_CODE:] if joined.isdecimal() else ""
        return len(rest) >= MIN_PHONE and self._finds(rest, self._joined)

    def _finds(self, text: str, among: str) -> bool:
        self._left -= len(among)
        return self._left < 0 or text in among

    def _says(self, number: float) -> bool:
        return number in self._digits or number in self._spelt

    @Lazy
    def _units(self) -> Units:
        """The units that it names."""
        return Units(self._lower, self._distinct)

    @Lazy
    def _digits(self) -> frozenset[float]:
        """Its numbers in digits, to six of them."""
        texts = set(NUMBER.findall(self._text))
        return frozenset([rounded(number) for text in texts for number in readings(text)])

    @Lazy
    def _spelt(self) -> frozenset[float]:
        """Its numbers in words, and the months'."""
        return frozenset(map(rounded, spelt(self._words, self._distinct)))

    @Lazy
    def _joined(self) -> str:
        """Its words without what stands between them."""
        return self._words.replace(" ", "")

    @Lazy
    def _lower(self) -> str:
        return self._text.lower()

    @Lazy
    def _words(self) -> str:
        return f" {plain(self._lower)} "

    @Lazy
    def _distinct(self) -> frozenset[str]:
        return frozenset(self._words.split())


def plain(text: str) -> str:
    """The words of ``text``, which is in lower case, one space between them."""
    if text.isascii():
        return " ".join(text.encode().translate(_ASCII_SEPARATORS).decode().split())
    return " ".join(text.translate(_SEPARATORS).split())
