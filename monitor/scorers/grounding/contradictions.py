"""Statements against a tool's result: results and claims come in, the places that contradict them go out.

A result that is a JSON object says what its keys are worth: ``{"status": "delayed", "price": 12}``. A claim
that gives such a key another value ("the status is on time", "price: $15") contradicts it, and so does one
that denies what is true of it ("the status is not delayed", "it is not refundable"). Only what says so
outright counts: the key's words, a form of "to be" or a colon, and the value. Conditions and questions don't.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isclose
from typing import Any, Final

from monitor.scorers.grounding.claims import Claim
from monitor.scorers.grounding.quantities import Number, numbers
from monitor.scorers.grounding.words import stems, words
from monitor.scorers.strict import Broken, parse

#: Characters of tool results that are read, and values of a key above which it is a column, not a fact.
MAX_RESULT: Final = 65_536
MAX_VALUES: Final = 4
#: Keys that end in the same word, above which it is a word of them all.
MAX_NAMES: Final = 8
#: Numbers above it are identifiers.
LARGEST: Final = 10**15
#: Words of a value that a claim can be expected to repeat.
MAX_VALUE_WORDS: Final = 3
#: Characters beside "is" that are looked at, and how soon a number has to follow. "Not more than 12" denies
#: nothing, so that a denied one has to follow at once.
REACH: Final = 40
NUMBER_REACH: Final = 12
DENIED_REACH: Final = 2
#: How far a claim may round.
ROUNDING: Final = 0.01

_IS = re.compile(r"\b(?:is|are|was|were)(n['\u2019]t)?\b|[:=]")
_NOT = re.compile(r"[ *]{0,4}not\b")
#: What comes behind one of these is supposed, not said.
_CONDITION = re.compile(r"\b(?:if|whether|when|whenever|unless|once|until|in case)\b", re.IGNORECASE)
#: Short for a name that may be written out: "FR", "EUR".
_CODE = re.compile(r"[A-Z]{2,3}")
_TRUTH: Final = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_CLAUSE_END = re.compile(r"[,;!?\n(]|\.(?:\s|$)|\b(?:and|but|because|since|while|with|for)\b")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Facts = dict[str, dict[tuple[str, ...], set[str]]]


def facts(results: Iterable[str]) -> Facts:
    """What tool results say: by the last word of a key, its words and the values that it has."""
    found: Facts = {}
    read = 0
    for result in results:
        read += len(result)
        if read > MAX_RESULT:
            break
        if not result.lstrip().startswith(("{", "[")):
            continue
        try:
            waiting: list[Any] = [parse(result)]
        except Broken:
            continue
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values()
                for key, item in value.items():
                    name = tuple(word for word in words(_CAMEL.sub(" ", key)) if word != "is")
                    if name and (fact := _fact(item)):
                        found.setdefault(name[-1], {}).setdefault(name, set()).add(fact)
    return found


def _fact(value: Any) -> str:
    """A value that a claim may repeat, as text; ``""`` for any other."""
    if isinstance(value, str):
        return value[: 2 * REACH]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float) and abs(value) < LARGEST else ""


def contradictions(found: Iterable[Claim], known: Facts) -> list[int]:
    """The places, in characters of the answer, at which a claim gives a key another value than the tool."""
    places = []
    for claim in found if known else ():
        if claim.text.rstrip().endswith("?"):
            continue
        condition = _CONDITION.search(claim.text)
        said = claim.text[: condition.start()] if condition else claim.text
        for verb in _IS.finditer(said):
            before = words(said[max(0, verb.start() - REACH) : verb.start()])
            after = said[verb.end() : verb.end() + REACH]
            denies = _NOT.match(after)
            after = after[denies.end() :] if denies else after
            is_denied = bool(denies or verb.group(1))
            values = _values(before, known)
            if (values and _differs(after, values, is_denied)) or _is_untrue(after, known, is_denied):
                places.append(claim.start + verb.start())
    return places


def _is_untrue(after: str, known: Facts, is_denied: bool) -> bool:
    """Whether "refundable" or "not refundable" is said, and nothing more, where it is the other way round."""
    end = _CLAUSE_END.search(after)
    said = words(after[: end.start()] if end else after)
    values = known.get(said[0], {}).get((said[0],), set()) if len(said) == 1 else set()
    return values == {"yes" if is_denied else "no"}


def _values(before: list[str], known: Facts) -> set[str]:
    """What the key that these words end with is worth; nothing if that isn't one key, or too much."""
    names = known.get(before[-1], {}) if before else {}
    if len(names) > MAX_NAMES:
        return set()
    said = [values for name, values in names.items() if set(name) <= set(before)]
    if len(said) != 1 and len(names) == 1:
        said = [*names.values()]
    return said[0] if len(said) == 1 and len(said[0]) <= MAX_VALUES else set()


def _differs(after: str, values: set[str], is_denied: bool) -> bool:
    """Whether what is said right here is none of ``values``, or denies one of them."""
    amounts = [amount for value in values if (amount := _amount(value)) is not None]
    if len(amounts) == len(values):
        number = next(numbers(after), None)
        if number is None or number.start > (DENIED_REACH if is_denied else NUMBER_REACH):
            return False
        return any(_same(number, amount) for amount in amounts) == is_denied
    end = _CLAUSE_END.search(after)
    clause = after[: end.start()] if end else after
    said = words(clause)
    if values <= {"yes", "no"}:
        return len(said) == 1 and not is_denied and said[0] in _TRUTH and _TRUTH[said[0]] not in values
    if any(map(_CODE.fullmatch, values)) and not clause.strip(" *.").isupper():
        return False
    expected = [words(value) for value in values]
    if not said or len(said) > MAX_VALUE_WORDS or any(len(value) > MAX_VALUE_WORDS for value in expected):
        return False
    if is_denied:
        return said in expected and len(expected) == 1
    return set(stems(said)).isdisjoint(stem for value in expected for stem in stems(value))


def _amount(value: str) -> float | None:
    number = next(numbers(value), None)
    if number is None or any(character.isalpha() for character in value):
        return None
    return (
        _float(number.readings[0])
        if value.strip().lstrip("-$€£¥").replace(",", "") in number.readings
        else None
    )


def _same(number: Number, amount: float) -> bool:
    """Whether a number may mean an amount: rounded, as a percentage of one, or in hundredths of a unit."""
    return any(
        isclose(said, abs(amount) * factor, rel_tol=ROUNDING) or said == round(abs(amount) * factor)
        for reading in number.readings
        if (said := _float(reading)) is not None
        for factor in (1.0, 100.0, 0.01)
    )


def _float(reading: str) -> float | None:
    return float(reading) if reading.replace(".", "", 1).isdecimal() else None
