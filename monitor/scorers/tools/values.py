"""What a call's argument values stand on: arguments come in, how much of them nothing supports goes out.

A value is supported if its words and numbers stand in the conversation. No question is what the tool's schema
lists (a choice), what the model is meant to write (queries, code, messages, long texts), knows (codes in
capitals, coordinates) or computes (dates, where time is spoken of), and truth values, 0 and 1. Of identifiers
the number counts, and where the conversation isn't English words may be translations. Placeholders are told
by their form.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any, NamedTuple

from monitor.scorers.tools.numbers import NUMBER, readings
from monitor.scorers.tools.support import Support
from monitor.scorers.tools.words import FUNCTION_WORDS, ToolWords, name_words, split_words, stem, words_of

#: Characters above which a value is taken for a text that the model composed, and words.
MAX_VALUE, MAX_VALUE_WORDS = 200, 14
#: Letters of a code: a language's, a country's, a currency's, an airport's, a share's.
MIN_CODE, MAX_CODE = 2, 5
#: Letters of one that is written small, as languages, countries and currencies are.
MAX_SMALL_CODE = 3
#: The largest number that is looked at; there are integers that no float holds.
MAX_NUMBER = 1e300
#: Letters of a word that is compared by how it begins, and how many of them.
MIN_LONG, LONG_START = 7, 4
#: Letters from which on a word is looked up; shorter ones are units, states and articles.
MIN_WORD = 3

_DATE_OR_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}")
# What may stand around a placeholder; alone it is one if it is dots or question marks.
_SIGNS = string.whitespace + "\"'`*_.,;:!?()-=/|#~+@\u2018\u2019\u201c\u201d\u2026"
_PLACEHOLDER = re.compile(
    r"""
      <[^<>]{1,60}> | \{\{?[^{}]{1,60}\}\}? | \$\{\w{3,40}\}
    | \[(?:your|insert|enter|the)\b[^\]]{0,60}\] | your[_\ -][\w\ -]{1,40}
    | (?:insert|enter|replace)[_\ -][\w\ -]{1,40} | [\w-]{1,40}[_-]here
    | string | example | sample | placeholder | todo | tbd | tba | unknown | undefined | null | nil | n/?a
    | not[_\ ](?:provided|specified|given|available) | unspecified | x{3,} | foo(?:bar)?
    | dummy | lorem\ ipsum[\w\ ]{0,40} | 1234567(?:8(?:90?)?)? | yyyy-mm-dd | path/to/[\w./-]{1,80}
    | \w{1,20}@(?:example|domain|email)\.\w{2,5} | (?:john|jane)[_\ .]doe
    | (?:https?://)?(?:www\.)?example\.(?:com|org|net)\b.{0,80}
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Parameters of these names take what the model writes, judges, chooses or goes through, and of those what it
# knows of a place.
_WRITTEN = frozenset(
    words_of(
        """
        body cmd code command comment content contents description explanation expression fact feedback
        instructions keyword keywords message pattern plan prompt q queries query question reason reasoning
        regex script search sql step steps subject summary task tasks term terms thought thoughts title todo
        todos url urls
        category confidence intent label labels mood priority sentiment severity tag tags tone topic urgency
        agent department
        cwd dir directory exclude file filename filepath files folder glob include path paths
        """
    )
)
# Of those the value has the form of a placeholder.
_MARKED = frozenset(words_of("format html markup pattern regex tag template xml"))
_CODED = frozenset(words_of("lang language locale country currency code source target from to"))
# How many of a unit, by which a parameter is named, one has that people say.
_NAMED_UNITS = {"cent": 1e2, "cents": 1e2, "pence": 1e2, "ms": 1e3, "millis": 1e3, "milliseconds": 1e3}
_YEARS = range(1990, 2100)
_PLACED = frozenset(words_of("coordinates lat latitude lng lon longitude"))
# One word with a number in it: an order's, a flight's.
_IDENTIFIER = re.compile(r"[#\w-]*\d[\w-]*")


class Values(NamedTuple):
    """How much of one call's argument values nothing supports."""

    required: float
    """Sum over the required arguments of the share of each that is unsupported."""
    invented: int
    """Values of which no word or number is supported."""
    placeholders: int
    words: frozenset[str]
    """Stems of all values."""
    numbers: frozenset[float]
    """Numbers of all values."""
    initials: frozenset[str]
    """With what the codes among them begin, in lower case: a code stands for a name that it begins like."""
    texts: tuple[str, ...]
    """How they are written, the long ones cut."""
    placed: bool
    """Whether there are coordinates among them, which stand for a name."""


def judge_values(
    arguments: dict[str, Any],
    schema: dict[str, Any] | bool | None,
    tool: ToolWords,
    support: Support,
    at_most: int,
) -> Values:
    """How much of ``arguments`` nothing in ``support`` carries; of their values, so many are looked at."""
    names = schema.get("required") if isinstance(schema, dict) else None
    required = 0.0
    invented = placeholders = 0
    said: set[str] = set()
    found: set[float] = set()
    initials: set[str] = set()
    texts: list[str] = []
    placed = False
    for name, value in arguments.items():
        shares: list[float] = []
        words_of_name = name_words(name)
        leaves = (value,) if isinstance(value, str) and at_most > 0 else _leaves(value, at_most)
        for leaf in leaves:
            at_most -= 1
            words, numbers = _content(leaf)
            said.update(map(stem, words))
            found.update([number for reading in numbers for number in reading])
            texts.append(str(leaf)[:MAX_VALUE])
            is_code = isinstance(leaf, str) and _is_code(leaf, words_of_name)
            if is_code:
                initials.add(texts[-1][0].lower())
            if (leaf.lower() if isinstance(leaf, str) else leaf) in tool.listed:
                continue
            if words_of_name.isdisjoint(_MARKED):
                placeholders += isinstance(leaf, str) and _is_placeholder(leaf, support)
            is_placed = isinstance(leaf, float) and not words_of_name.isdisjoint(_PLACED)
            placed |= is_placed
            if is_code or is_placed or not words_of_name.isdisjoint(_WRITTEN):
                continue
            if (share := _unsupported(leaf, words, numbers, support, words_of_name)) is not None:
                shares.append(share)
                invented += share == 1
        if shares and isinstance(names, list) and name in names:
            required += sum(shares) / len(shares)
    return Values(
        required,
        invented,
        placeholders,
        frozenset(said),
        frozenset(found),
        frozenset(initials),
        tuple(texts),
        placed,
    )


def _leaves(value: Any, at_most: int) -> Iterator[str | float]:
    """The strings and numbers in ``value``, at most so many; truth values and nulls are none."""
    waiting = [value]
    while waiting and at_most > 0:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, str) or (
            isinstance(node, (int, float)) and not isinstance(node, bool) and abs(node) <= MAX_NUMBER
        ):
            at_most -= 1
            yield node


def _is_placeholder(value: str, support: Support) -> bool:
    """Whether ``value`` looks like one and was not said so."""
    if len(value) > MAX_VALUE:
        return False
    core = value.strip(_SIGNS)
    is_one = _PLACEHOLDER.fullmatch(core) if core else "?" in value or "..." in value
    return bool(is_one) and not support.has_text(value)


def _content(value: str | float) -> tuple[list[str], list[list[float]]]:
    """The words of a value, and the readings of each number in it."""
    if not isinstance(value, str):
        return [], [[float(abs(value))]]
    opening = value[: MAX_VALUE + 1]
    return split_words(opening), [[*readings(text)] for text in NUMBER.findall(opening)]


def _unsupported(
    value: str | float, words: list[str], numbers: list[list[float]], support: Support, names: frozenset[str]
) -> float | None:
    """The share of a value that nothing supports, or ``None`` where that is no question.

    Args:
        value: it.
        words: its words.
        numbers: the readings of each of its numbers.
        support: what may support it.
        names: the words of its argument's name.
    """
    if not isinstance(value, str):
        if value in (0, 1):
            return None
        if support.has_number(value) or support.has_joined(str(value)):
            return 0.0
        by_name = [value / _NAMED_UNITS[unit] for unit in names & _NAMED_UNITS.keys()]
        return 0.0 if any(map(support.has_number, by_name)) else 1.0
    if len(value) > MAX_VALUE or len(words) + len(numbers) > MAX_VALUE_WORDS:
        return None
    is_time = bool(numbers) and _DATE_OR_TIME.search(value) is not None
    if is_time and (support.speaks_of_time or support.is_foreign):
        return None
    is_spoken = not support.is_foreign or "@" in value
    if numbers and not is_time and _IDENTIFIER.fullmatch(value):
        is_spoken = False
    looked_up = [word for word in words if is_spoken and len(word) >= MIN_WORD and word not in FUNCTION_WORDS]
    missing = sum([not (support.has(stem(word)) or _is_misspelt(word, support)) for word in looked_up])
    if missing and len(looked_up) > 1 and support.has_phrase("".join([word[0] for word in looked_up])):
        missing = 0  # the conversation has its initials
    asked = [found for found in numbers if not (is_time and _goes_without_saying(found))]
    missing += sum([not _any_number(found, support, is_time=is_time) for found in asked])
    total = len(looked_up) + len(asked)
    if missing and numbers and support.has_joined(value):
        return 0.0
    return missing / total if total else None


def _is_misspelt(word: str, support: Support) -> bool:
    """Whether a long word may be a slip of the pen in the conversation, or be cut short there."""
    return len(word) >= MIN_LONG and support.has(word[:LONG_START])


def _goes_without_saying(found: list[float]) -> bool:
    """Whether a number of a date or time is one that nobody says: nought, and the year that it is."""
    return not any(found) or (len(found) == 1 and found[0] in _YEARS)


def _is_code(value: str, names: frozenset[str]) -> bool:
    """Whether a value is a code, by its capitals or its argument's name."""
    if not (MIN_CODE <= len(value) <= MAX_CODE and value.isalpha()):
        return False
    return value.isupper() or (len(value) <= MAX_SMALL_CODE and not names.isdisjoint(_CODED))


def _any_number(found: list[float], support: Support, *, is_time: bool) -> bool:
    """Whether one reading of a number is in ``support``; of an hour, also by the twelve-hour clock."""
    return any(
        support.has_number(number) or (is_time and 12 < number < 24 and support.has_number(number - 12))
        for number in found
    )
