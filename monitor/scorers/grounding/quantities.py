"""Numbers as they are meant: a text comes in, its numbers and their units come out, however they are written.

"1,300", "1.3k", "1.3 thousand" and "thirteen hundred" are one number; so are "6th", "06" and "six". A unit is
a currency, "%" or a measure, by one name for all its spellings. A separator that may be of thousands or of
decimals is read both ways, since either may be meant: "1.300".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice, permutations
from math import isclose
from typing import Final, NamedTuple

from monitor.scorers.lists import word_set

#: Numbers of a text that are read; more are no prose.
MAX_NUMBERS: Final = 5_000
#: Digits of a number, beyond which it is an identifier and compared as it stands.
MAX_DIGITS: Final = 15
#: Decimals to which a converted number is rounded.
DECIMALS: Final = 6
#: Numbers of a sentence that another may be worked out from, and how far the result may be rounded.
MAX_OPERANDS: Final = 8
ROUGHLY: Final = 0.005
#: Hours until noon.
NOON: Final = 12

_SCALES: Final = {
    "k": 10**3, "thousand": 10**3, "m": 10**6, "mn": 10**6, "mm": 10**6, "million": 10**6, "millions": 10**6,
    "b": 10**9, "bn": 10**9, "billion": 10**9, "billions": 10**9, "tn": 10**12, "trillion": 10**12,
    "hundred": 100,
}  # fmt: skip
_UNITS: Final = {
    spelling: spellings[0]
    for spellings in (
        ("$", "usd", "dollar", "dollars"), ("€", "eur", "euro", "euros"), ("£", "gbp", "pound", "pounds"),
        ("¥", "jpy", "yen"), ("₹", "inr", "rupee", "rupees"), ("%", "percent", "pct"),
        ("km", "kilometer", "kilometers", "kilometre", "kilometres"), ("mile", "miles", "mi"),
        ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
        ("meter", "meters", "metre", "metres", "m"), ("foot", "feet", "ft"), ("inch", "inches"),
        ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
        ("kg", "kilogram", "kilograms", "kilo", "kilos"), ("lb", "lbs"), ("gram", "grams", "g"),
        ("mg", "milligram", "milligrams"), ("ml", "milliliter", "milliliters", "millilitre", "millilitres"),
        ("liter", "liters", "litre", "litres", "l"), ("second", "seconds", "sec", "secs"),
        ("minute", "minutes", "min", "mins"), ("hour", "hours", "hr", "hrs", "h"), ("day", "days"),
        ("week", "weeks"), ("month", "months"), ("year", "years", "yr", "yrs"),
        ("gb", "gigabyte", "gigabytes"), ("mb", "megabyte", "megabytes"), ("tb", "terabyte", "terabytes"),
    )
    for spelling in spellings
}  # fmt: skip
#: Units of one kind, and how many of the smallest each is.
_KINDS: Final[tuple[Mapping[str, int], ...]] = (
    {"mm": 1, "cm": 10, "meter": 1000, "km": 10**6},
    {"mg": 1, "gram": 1000, "kg": 10**6},
    {"ml": 1, "liter": 1000},
    {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800},
    {"day": 1, "month": 30},
    {"month": 1, "year": 12},
)
#: What is a scale behind money, and may be a length behind anything else.
_LENGTHS: Final = frozenset({"m", "mm"})
_SMALL: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS: Final = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_MONTHS: Final = "january february march april may june july august september october november december"
_UNITS_OF_TEN: Final = {word: value for value, word in enumerate(_SMALL.split()) if 0 < value < 10} | {
    word: value for value, word in enumerate(_ORDINALS.split(), start=1) if value < 10
}
_ROUND: Final = {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
_SPELLED: Final = (
    _ROUND
    | {word: value for value, word in enumerate(_SMALL.split())}
    | {word: value for value, word in enumerate(_ORDINALS.split(), start=1)}
    | {word: value for value, word in enumerate(_MONTHS.split(), start=1)}
)
_MONTH_NAMES: Final = tuple(_MONTHS.split())
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Dates of a text that are read.
MAX_DATES: Final = 200
#: From the first hyphen on, since a scan for one character is fast.
_ISO_DATE = re.compile(r"-(?<=\b\d{4}-)\d\d-\d\d(?!\d)", re.ASCII)
#: What spells a number, and is said without one: figures of speech, and what an answer counts by itself.
_CASUAL: Final = word_set("zero one two three four five first second third march may")
#: Words that make a larger number with what follows them, or with what stands before them.
_COMPOSING: Final = _ROUND.keys() | {word for word in _SCALES if len(word) > 2}
_SPELLING: Final = _SPELLED.keys() | _COMPOSING
#: Words that can only be meant as numbers, and the numbers.
SPELLED_OUT: Final = {word: str(value) for word, value in _SPELLED.items() if word not in _CASUAL}
#: What says something of the number before it.
_TELLING: Final = _SCALES.keys() | _UNITS.keys()
#: It begins with a single character, since a scan for one is twice as fast as for a repetition.
_NUMBER = re.compile(
    r"(\d\d{0,39}(?:[.,]\d{1,20}){0,12})"
    r"(?:(?:st|nd|rd|th)\b|((?:[kKmMbB]|[mM][nNmM]|[bB][nN]|[tT][nN])\b))?"
    r"(?:[ \u00a0-]?(%|[a-zA-Z]{2,11}\b|[mglh]\b)(?:[ \u00a0]([a-zA-Z]{2,11})\b)?)?"
)
#: An hour after noon, with its minutes and seconds.
_AFTERNOON = re.compile(r"\b1?\d(?::\d\d){0,2}[ \u00a0]?[pP]\.?[mM]\b")
CURRENCIES: Final = frozenset("$€£¥₹")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_INDIAN = re.compile(r"\d{1,3}(?:,\d{2})*,\d{3}")


class Number(NamedTuple):
    """One number of a text."""

    readings: tuple[str, ...]
    """What it may mean, as plain decimals."""
    unit: str
    """Its unit, or ``""``."""
    start: int
    """Where it stands, in characters."""


def numbers(text: str) -> Iterator[Number]:
    """The numbers of ``text`` that are written in digits, the first ``MAX_NUMBERS``."""
    for count, found in enumerate(_NUMBER.finditer(text)):
        if count == 0:
            afternoons = _afternoons(text)  # only now: most sentences have no number
        elif count == MAX_NUMBERS:
            return
        start = found.start()
        before = text[start - 1 : start] if start else ""
        if before.isalnum() and not (before == "T" and text[start - 2 : start - 1].isdecimal()):
            continue  # part of a name, "H2O", and no time of ISO 8601, "2026-03-05T18:40"
        digits, suffix, after, then = found.groups("")
        after = after.lower()
        if after not in _TELLING:
            after = then = ""
        if before == " " and start > 1:
            before = text[start - 2]
        currency = before if before in CURRENCIES else ""
        if suffix or after or currency:
            readings, unit = _read(digits, suffix, after, then, currency)
        else:
            readings, unit = _meant(digits, 1), ""
        if start in afternoons and digits.isdecimal() and int(digits) < NOON:
            readings += (str(int(digits) + NOON),)
        yield Number(readings, unit, start)


def _read(digits: str, suffix: str, after: str, then: str, currency: str) -> tuple[tuple[str, ...], str]:
    """What a number means, and its unit, by the parts of ``_NUMBER`` and the currency before it."""
    spelling = suffix.lower() or after
    scale = _SCALES.get(spelling, 1)
    readings = _meant(digits, scale)
    if spelling in _LENGTHS and not currency:
        readings += _meant(digits, 1)
    elif scale > 1 and not suffix:
        after = then.lower()
    return readings, _UNITS[currency] if currency else _UNITS.get(after, "")


def _afternoons(text: str) -> frozenset[int]:
    """Where hours after noon stand: "6 pm", "6:40 p.m."."""
    if "pm" in text or "PM" in text or "p.m" in text or "P.M" in text:
        return frozenset([found.start() for found in _AFTERNOON.finditer(text)])
    return frozenset()


def rounded(reading: str) -> tuple[str, ...]:
    """What a plain decimal is when its decimals are rounded away."""
    if "." in reading and (value := _value(reading)) is not None:
        return _decimal(round(value, 1)), str(round(value))
    return ()


def converted(number: Number) -> Iterator[tuple[str, str]]:
    """What ``number`` is in other units of its kind: plain decimals, each with the unit.

    0.12 is 12 %, and $45.97 is 4597, as interfaces count money.
    """
    if not number.unit and number.readings[0].startswith("0."):
        yield from (
            (_decimal(round(100 * value, DECIMALS)), "%") for value in map(_value, number.readings) if value
        )
    if number.unit in CURRENCIES:
        for reading in number.readings:
            if "." in reading and (value := _value(reading)) is not None:
                yield _decimal(round(100 * value)), ""
    for sizes in _KINDS:
        if number.unit not in sizes:
            continue
        for reading in number.readings:
            value = _value(reading)
            for unit, size in sizes.items():
                if value is not None and unit != number.unit:
                    yield _decimal(round(value * sizes[number.unit] / size, DECIMALS)), unit


def _value(reading: str) -> float | None:
    """A plain decimal as a number; an identifier is none."""
    is_plain = len(reading) <= MAX_DIGITS and reading.replace(".", "", 1).isdecimal()
    return float(reading) if is_plain else None


def is_worked_out(number: Number, amounts: Sequence[Number]) -> bool:
    """Whether two of the amounts beside it add up to ``number``, or are its difference, product or ratio.

    An answer that says what it reckoned with ("$610 million of $4.2 billion, 14.5%") shows its working. A
    number without a unit is not worked out: any two years have some difference.
    """
    if not number.unit:
        return False
    wanted = [value for reading in number.readings if (value := _value(reading))]
    known = [value for other in amounts[:MAX_OPERANDS] if (value := _value(other.readings[0]))]
    made = [
        result
        for one, other in permutations(known, 2)
        for result in (one + other, one - other, one * other, one / other, 100 * one / other)
    ]
    return any(isclose(value, result, rel_tol=ROUGHLY) for value in wanted for result in made)


def dates_in_words(text: str) -> list[str]:
    """The months and weekdays of the dates of ISO 8601 in ``text``, in lower case: "2026-11-25"."""
    found = list[str]()
    for written in islice(_ISO_DATE.finditer(text), MAX_DATES):
        try:
            day = date.fromisoformat(text[written.start() - 4 : written.end()])
        except ValueError:
            continue  # no day of the calendar
        found += (_MONTH_NAMES[day.month - 1], _WEEKDAYS[day.weekday()])
    return found


def spelled(found: Sequence[str]) -> set[str]:
    """The numbers that the words ``found`` spell, months among them: "march" is 3, "twenty five" 25."""
    said = _SPELLING.intersection(found)
    values = {str(_SPELLED[word]) for word in said & _SPELLED.keys()}
    if said.isdisjoint(_COMPOSING):
        return values  # nothing is put together: three quarters of all texts, at a fifth of the time
    for place in [place for place, word in enumerate(found) if word in _SPELLED]:
        word = found[place]
        value = _SPELLED[word]
        following = found[place + 1] if place + 1 < len(found) else ""
        if word in _ROUND and following in _UNITS_OF_TEN:
            value += _UNITS_OF_TEN[following]
            values.add(str(value))
            following = found[place + 2] if place + 2 < len(found) else ""
        if len(following) > 2 and following in _SCALES:
            values.add(str(value * _SCALES[following]))
    return values


def _meant(digits: str, factor: int) -> tuple[str, ...]:
    """The plain decimals that ``digits`` may stand for, times ``factor``."""
    if factor == 1 and digits.isdecimal() and digits.isascii() and digits[0] != "0":
        return (digits,)
    return tuple(dict.fromkeys([_plain(reading, factor) for reading in _readings(digits)]))


def _readings(digits: str) -> Iterator[str]:
    """Plain decimals that ``digits`` may stand for."""
    if digits.isdecimal():
        yield digits
        return
    if _GROUPED.fullmatch(digits) or _INDIAN.fullmatch(digits):
        yield digits.replace(",", "").replace(".", "")
    if digits.count(".") + digits.count(",") == 1:
        yield digits.replace(",", ".")
    elif (cut := max(digits.rfind("."), digits.rfind(","))) and digits[cut] not in digits[:cut]:
        yield f"{digits[:cut].replace(',', '').replace('.', '')}.{digits[cut + 1 :]}"
    else:
        yield digits


def _plain(reading: str, factor: int) -> str:
    """``reading`` times ``factor``, without zeros in front or behind."""
    if len(reading) > MAX_DIGITS or reading.count(".") > 1 or "," in reading:
        return reading
    return _decimal(float(reading) * factor)


def _decimal(value: float) -> str:
    """``value`` without zeros behind."""
    return str(int(value)) if value == int(value) else repr(value)
