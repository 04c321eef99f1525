"""Numbers and what else they may be said as: digits, words and units come in, numbers go out.

``1,000`` and "a thousand" are one, ``5%`` is also 0.05, five minutes are 300 seconds, $25.50 are 2,550 cents,
two years 24 months, 68 °F are 20 °C, a month is its number. A unit counts where a text names it at all, not
only behind the number in question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
#: Digits of a number that are read; a longer one is compared by these.
MAX_DIGITS: Final = 40
#: Below it a whole number has no more than six digits.
MILLION: Final = 1e6
#: How far a measure that was converted and rounded may be off: a share, and degrees.
ROUNDED_OFF, DEGREES_OFF = 0.01, 0.6

#: What each scale is said by, in lower case, and its letter behind a number: "12 k", "kg". The letter comes
#: first, and no word is an alternative: a scan for one text is much faster than for any of several.
_SCALES = (
    (1e2, ("%", "percent", "$", "\u20ac", "\u00a3", "dollar", "euro"), None),
    (1e3, ("thousand", "kilo", "liter", "litre"), re.compile(r"k(?:(?<=\dk)\b|(?<=\d k)\b|(?<=\bk)[gm]\b)")),
    (1e6, ("million", "mega"), re.compile(r"m(?:(?<=\dm)|(?<=\d m))\b")),
    (1e9, ("billion", "giga"), re.compile(r"b(?:(?<=\db)|(?<=\d b))n?\b")),
)
_BYTES = (1e3, 1024.0, 1e6, 2.0**20, 1e9, 2.0**30)
#: How many of smaller units a unit has: by its names, and by the short ones that only count behind a number.
_UNITS = {
    name: made
    for names, made in (
        ("second seconds", (1e3,)),
        ("minute minutes min mins", (60.0, 6e4)),
        ("hour hours", (60.0, 3600.0, 3.6e6)),
        ("day days", (24.0, 1440.0, 86400.0)),
        ("week weeks", (7.0, 604800.0)),
        ("month months", (30.0,)),
        ("year years", (12.0, 365.0)),
        ("dozen dozens", (12.0,)),
        ("pound pounds cent cents", (1e2,)),
    )
    for name in names.split()
}
_SHORT_UNITS = {
    name: made
    for names, made in (
        ("s sec secs", (1e3,)),
        ("m", (60.0,)),
        ("h hr hrs", (60.0, 3600.0)),
        ("d", (24.0,)),
        ("w wk wks", (7.0,)),
        ("y yr yrs", (12.0,)),
        ("kb mb gb tb", _BYTES),
    )
    for name in names.split()
}
#: What a unit of one system of measures is in the other's.
_MEASURES = {
    name: by
    for names, by in (
        ("mile miles mi km kilometers kilometres", 1.609344),
        ("foot feet ft", 0.3048),
        ("inch inches", 2.54),
        ("pound pounds lb lbs kg kilos kilograms", 0.45359237),
        ("ounce ounces oz", 28.349523),
        ("gallon gallons", 3.785412),
    )
    for name in names.split()
}
_DEGREES = frozenset({"f", "c", "degrees", "fahrenheit", "celsius"})
_BEHIND = re.compile(r"\d ?\u00b0?([a-z]{1,12})\b")

_NUMBER_WORDS = """
    zero; one single first; two twice second both couple pair; three third; four fourth; five fifth;
    six sixth; seven seventh; eight eighth; nine ninth; ten tenth; eleven; twelve dozen; thirteen;
    fourteen; fifteen; sixteen; seventeen; eighteen; nineteen; twenty
    """
_TENS = {"twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0} | {
    "seventy": 70.0,
    "eighty": 80.0,
    "ninety": 90.0,
}
_SPELT = {
    word: float(number) for number, words in enumerate(_NUMBER_WORDS.split(";")) for word in words.split()
} | {"noon": 12.0, "half": 0.5, "quarter": 0.25, "hundred": 1e2, "thousand": 1e3, "million": 1e6, **_TENS}
_MONTHS = {
    month: float(number)
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}


class Units:
    """The units that a text names.

    Args:
        text: it, in lower case.
        words: its words, in lower case.

    Attributes:
        scales: how many of a smaller unit one of them has.
    """

    def __init__(self, text: str, words: frozenset[str]) -> None:
        behind = set(_BEHIND.findall(text))
        known = words | behind
        self.scales = {
            *[
                scale
                for scale, names, letter in _SCALES
                if any(name in text for name in names) or (letter is not None and letter.search(text))
            ],
            *[by for unit in known & _UNITS.keys() for by in _UNITS[unit]],
            *[by for unit in behind & _SHORT_UNITS.keys() for by in _SHORT_UNITS[unit]],
        }
        self._measures = {_MEASURES[unit] for unit in known & _MEASURES.keys()}
        self._degrees = not _DEGREES.isdisjoint(behind) or not (_DEGREES & words).isdisjoint(
            _DEGREES - {*"fc"}
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.scales) + len(self._measures) + self._degrees

    def others(self, number: float) -> Iterator[float]:
        """What else ``number`` may be said as by these units, to six digits."""
        for scale in self.scales:
            yield rounded(number / scale)
            yield rounded(number * scale)
        for by in self._measures:
            for exact in (number / by, number * by):
                yield from [told for told in _told(exact) if abs(told - exact) <= ROUNDED_OFF * exact]
        if self._degrees:
            for exact in (number * 9 / 5 + 32, (number - 32) * 5 / 9):
                yield from [told for told in _told(exact) if abs(told - exact) <= DEGREES_OFF]


def _told(exact: float) -> tuple[float, ...]:
    """What people make of a measure."""
    return (float(round(exact)), round(exact, 1)) if exact < 1e9 else ()


def spelt(words: str, distinct: frozenset[str]) -> set[float]:
    """The numbers that words say, and the months'.

    Args:
        words: in lower case, one space between them and around them.
        distinct: the same.
    """
    found = {_SPELT[word] for word in distinct & _SPELT.keys()}
    found.update([_MONTHS[start] for start in {word[:3] for word in distinct} & _MONTHS.keys()])
    for tens in distinct & _TENS.keys():
        found.update([_TENS[tens] + _SPELT[ones] for ones in _ones_after(tens, words)])
    if " and a half " in words:
        found.update([number + 0.5 for number in (1.0, *found) if number < 10])
    return found


def _ones_after(tens: str, words: str) -> list[str]:
    after = [rest.partition(" ")[0] for rest in words.split(f" {tens} ")[1:]]
    return [word for word in after if 1 <= _SPELT.get(word, 0) <= 9]


def month_of(word: str) -> float | None:
    """The number of the month that ``word``, in lower case, is or begins like."""
    return _MONTHS.get(word[:3])


def is_unit(word: str) -> bool:
    """Whether ``word``, in lower case, names a unit, which a value has in its number."""
    return word in _UNITS or word in _SHORT_UNITS or word in _MEASURES or word in _DEGREES


def readings(text: str) -> Iterator[float]:
    """What digits may mean: ``1,000`` a thousand, or one and nothing; ``20230929`` a date."""
    if text.isdecimal() and len(text) < 8:
        yield float(text)  # as most are: there is nothing else that it may mean
        return
    whole = text[:MAX_DIGITS]
    joined = whole.replace(",", "")
    if joined.count(".") <= 1:
        yield float(joined)
    if joined != whole or joined.count(".") > 1:
        yield from [float(piece) for piece in re.split("[.,]", whole) if piece]
    if len(whole) == 8 and whole.isdecimal() and whole[:2] in ("19", "20"):
        yield from (float(whole[:4]), float(whole[4:6]), float(whole[6:]))


def rounded(number: float) -> float:
    """A number to six digits, by which they are compared."""
    if -MILLION < number < MILLION and number % 1 == 0:
        return number  # it has no more
    return float(f"{number:.6g}")
