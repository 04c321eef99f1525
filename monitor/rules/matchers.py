"""Matchers, as Alertmanager writes them: text in, which label sets they select out.

``service="checkout"``, ``!=``, ``=~`` and ``!~``; several with commas between, in braces or not. A regular
expression has to match the whole value, and a label that is absent is the empty string. Regular expressions
are attacker input: they run on an engine that takes time in proportion to the text, whatever the pattern
(Rust's ``regex``, without look-around or back-references), and both a pattern's text and what it compiles to
are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal, cast

import jsonschema_rs
import msgspec

#: Characters that one matcher's text may have, as it is written and as it is kept, in quotes.
MAX_TEXT = 2_048
#: Bytes that a compiled pattern may take; a class of Unicode (``\pL``) takes some 50 kB.
MAX_COMPILED = 1 << 18
#: Compiled patterns that are remembered.
REMEMBERED = 128

Operator = Literal["=", "!=", "=~", "!~"]

# What Alertmanager lets stand without quotes in a name; a value may have all but quotes and commas.
_MATCHER = re.compile(
    r"""\s*+
    (?: "(?P<quoted_name>(?:[^"\\]|\\.)*+)" | (?P<name>[^\s{}!=~,\\"'`]++) ) \s*+
    (?P<operator>=~|!~|!=|=) \s*+
    (?: "(?P<quoted>(?:[^"\\]|\\.)*+)" | (?P<value>(?!['`])[^,"]*+) ) \s*+
    (?:,|$)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPE = re.compile(r'\\(["\\nt])')
_UNESCAPED = {"n": "\n", "t": "\t"}


class Matcher(msgspec.Struct, frozen=True):
    """What one label must be, or must not be. Its text is that of ``str``."""

    name: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether this label set has what it asks for; an absent label is empty."""
        actual = labels.get(self.name, "")
        found = _pattern(self.value)(actual) if self.operator.endswith("~") else actual == self.value
        return found is not self.operator.startswith("!")

    def __str__(self) -> str:
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else _quote(self.name)
        return f"{name}{self.operator}{_quote(self.value)}"


Matchers = tuple[Matcher, ...]


def parse(text: str) -> Matchers:
    r"""The matchers of a text such as ``service="checkout", severity!=page`` or ``{route=~"/v1/.*"}``.

    A value without commas and quotes, and a name without ``=``, ``!``, ``~`` and spaces, need no quotes. In
    quotes ``\"``, ``\\``, ``\n`` and ``\t`` stand for one character, and any other backslash for itself.

    Raises:
        ValueError: it is none; says what would be right.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a matcher may have at most {MAX_TEXT:,} characters, not {len(text):,}")
    inner = text.strip()
    if inner.startswith("{"):
        if not inner.endswith("}"):
            raise ValueError(f"{text!r}: the closing brace is missing")
        inner = inner[1:-1]
    found, at = [], 0
    while inner[at:].strip():
        matched = _MATCHER.match(inner, at)
        if matched is None:
            raise ValueError(
                f"{text!r} is no matcher: write name=value, name!=value, name=~regex or name!~regex,"
                ' and quotes around a value with commas or quotes in it: name="a, b"'
            )
        found.append(_matcher(matched))
        at = matched.end()
    return tuple(found)


def selecting(texts: Iterable[str]) -> Matchers:
    """All matchers of these texts, of which one at least does not match the empty string.

    So a mistyped label can't select every alert there is.

    Raises:
        ValueError: one is no matcher, or together they match alerts that have none of these labels.
    """
    matchers = tuple(matcher for text in texts for matcher in parse(text))
    if match(matchers, {}):
        raise ValueError(
            "these matchers select every alert: one at least must not match the empty string,"
            ' as service="checkout" or alertname=~".+"'
        )
    return matchers


def match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether a label set has what all of these ask for."""
    return all(matcher.matches(labels) for matcher in matchers)


def alert_labels(labels: Mapping[str, str], *, alertname: str, severity: str, metric: str) -> dict[str, str]:
    """The labels that matchers see of an alert: its own, and what rule it is of."""
    return {**labels, "alertname": alertname, "severity": severity, "metric": metric}


def _matcher(found: re.Match[str]) -> Matcher:
    name = found["name"] if found["quoted_name"] is None else _unquote(found["quoted_name"])
    value = found["value"].strip() if found["quoted"] is None else _unquote(found["quoted"])
    operator = cast(Operator, found["operator"])
    if not name:
        raise ValueError("a matcher needs the name of a label before its operator")
    if "\0" in name + value:
        raise ValueError("a matcher can't have the character NUL")
    if operator.endswith("~"):
        _pattern(value)
    matcher = Matcher(name, operator, value)
    # What is kept is read again, each time that alerts are told.
    if (length := len(str(matcher))) > MAX_TEXT:
        raise ValueError(f"a matcher may have at most {MAX_TEXT:,} characters, in quotes, not {length:,}")
    return matcher


@lru_cache(REMEMBERED)
def _pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches this pattern as a whole.

    The engine is the one that schemas are checked with. The pattern is compiled alone first: ``a)|(?:b`` is
    one only within the group that anchors it.

    Raises:
        ValueError: it can't be used.
    """
    options = jsonschema_rs.RegexOptions(size_limit=MAX_COMPILED)
    if "[[:" in pattern:
        raise ValueError(f"{pattern!r}: named sets like [[:alpha:]] are not known: write [A-Za-z]")
    try:
        for compiled in (pattern, f"^(?:{pattern})$"):
            validator = jsonschema_rs.Draft202012Validator({"pattern": compiled}, pattern_options=options)
    except (ValueError, jsonschema_rs.ValidationError):
        raise ValueError(
            f"{pattern!r} is no regular expression that can be used: look-around and back-references are not"
            " known, and it must not be too large"
        ) from None
    return validator.is_valid


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    return _ESCAPE.sub(lambda found: _UNESCAPED.get(found[1], found[1]), text)
