"""Whether a text carries a word or a number: a conversation comes in, yes or no goes out.

Words are looked up by how they begin, which stands in for a stem. Numbers are compared by what they mean:
``1,000`` and "thousand" are one, ``5%`` is also 0.05, five minutes are 300 seconds, a month is its number.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence

from monitor.scorers.lazy import Lazy

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
#: Digits of a number that are read; a longer one is compared by these.
MAX_DIGITS = 40
#: Characters that are searched for the values of a call; a search takes up to 2.6 ns for each of them.
MAX_SEARCHED = 40_000_000

_SIGNS = (
    "\n\r\t\u00a0\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026\u00b7\u2022\u00b0"
)
_SEPARATORS = str.maketrans(dict.fromkeys(string.punctuation + _SIGNS + "\u20ac\u00a3", " "))
#: What each scale is said by, in lower case, and its letter behind a number: "12 k", "kg". The letter comes
#: first, and no word is an alternative: a scan for one text is much faster than for any of several.
_SCALES = (
    (1e2, ("%", "percent"), None),
    (1e3, ("thousand", "kilo", "liter", "litre"), re.compile(r"k(?:(?<=\dk)\b|(?<=\d k)\b|(?<=\bk)[gm]\b)")),
    (1e6, ("million", "mega"), re.compile(r"m(?:(?<=\dm)|(?<=\d m))\b")),
    (1e9, ("billion", "giga"), re.compile(r"b(?:(?<=\db)|(?<=\d b))n?\b")),
)
_UNITS = {
    "minute": (60.0,),
    "minutes": (60.0,),
    "min": (60.0,),
    "hour": (60.0, 3600.0),
    "hours": (60.0, 3600.0),
    "day": (24.0,),
    "days": (24.0,),
    "week": (7.0,),
    "weeks": (7.0,),
}
_NUMBER_WORDS = """
    zero; one single first; two twice second both couple pair; three third; four fourth; five fifth;
    six sixth; seven seventh; eight eighth; nine ninth; ten tenth; eleven; twelve dozen; thirteen;
    fourteen; fifteen; sixteen; seventeen; eighteen; nineteen; twenty
    """
_SPELT = {
    word: float(number) for number, words in enumerate(_NUMBER_WORDS.split(";")) for word in words.split()
} | {
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "sixty": 60.0,
    "seventy": 70.0,
    "eighty": 80.0,
    "ninety": 90.0,
    "noon": 12.0,
    "half": 0.5,
    "quarter": 0.25,
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
}
_MONTHS = {
    month: float(number)
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}


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
        """Whether this number stands in it, whatever its sign, as it is or by a percent sign or scale."""
        number = abs(number)
        if _rounded(number) in self._numbers:
            return True
        return any(
            by == number or _rounded(number / by) in self._numbers or _rounded(number * by) in self._numbers
            for by in self._scales  # itself, since an hour is 60 minutes
        )

    def _finds(self, text: str, among: str) -> bool:
        self._left -= len(among)
        return self._left < 0 or text in among

    @Lazy
    def _numbers(self) -> frozenset[float]:
        """Numbers in digits and in words, and the months', to six digits."""
        found = {number for text in set(NUMBER.findall(self._text)) for number in readings(text)}
        words = self._distinct
        found.update([_SPELT[word] for word in words & _SPELT.keys()])
        found.update([_MONTHS[start] for start in {word[:3] for word in words} & _MONTHS.keys()])
        return frozenset(map(_rounded, found))

    @Lazy
    def _lower(self) -> str:
        return self._text.lower()

    @Lazy
    def _words(self) -> str:
        return f" {plain(self._lower)} "

    @Lazy
    def _distinct(self) -> frozenset[str]:
        return frozenset(self._words.split())

    @Lazy
    def _scales(self) -> Sequence[float]:
        """What its percent signs, scales and units may make of its numbers, by multiplying or dividing."""
        text = self._lower
        scales = [
            scale
            for scale, names, letter in _SCALES
            if any(name in text for name in names) or (letter is not None and letter.search(text))
        ]
        return [*scales, *{by for unit in self._distinct & _UNITS.keys() for by in _UNITS[unit]}]


def plain(text: str) -> str:
    """The words of ``text``, which is in lower case, one space between them."""
    return " ".join(text.translate(_SEPARATORS).split())


def readings(text: str) -> Iterator[float]:
    """What digits may mean: ``1,000`` a thousand, or one and nothing; ``20230929`` a date."""
    whole = text[:MAX_DIGITS]
    joined = whole.replace(",", "")
    if joined.count(".") <= 1:
        yield float(joined)
    if joined != whole or joined.count(".") > 1:
        yield from [float(piece) for piece in re.split("[.,]", whole) if piece]
    if len(whole) == 8 and whole.isdecimal() and whole[:2] in ("19", "20"):
        yield from (float(whole[:4]), float(whole[4:6]), float(whole[6:]))


def _rounded(number: float) -> float:
    return float(f"{number:.6g}")
