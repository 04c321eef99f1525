"""Strict JSON: text comes in, a value or the reason why it is not JSON goes out.

Validity is RFC 8259 as msgspec reads it: no ``NaN``, no byte order mark, no second value, no lone
surrogate. Two things that RFC 8259 §9 lets a parser limit are limited: numbers, to what a double holds, and
nesting, so that whatever leaves here is safe to walk and to hand to the validator. Neither is a mistake of
whoever wrote the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

#: Values nested deeper than this are refused: no answer needs it, and native code may overflow its stack.
MAX_DEPTH = 128

#: Above this many characters the second pass for duplicate keys is not made.
MAX_DUPLICATES_TEXT = 1 << 20

_TRUNCATED = "Input data was truncated"
_OUT_OF_RANGE = "Number out of range"
_QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Broken(Exception):
    """The text is not one JSON value.

    Attributes:
        truncated: the text ends inside a value that was well-formed so far.
        beyond: it may well be JSON, but goes over a limit of this parser.
        reason: one line without any of the text: what the parser expected, and where.
    """

    def __init__(self, reason: str, *, truncated: bool = False, beyond: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.truncated = truncated
        self.beyond = beyond


def parse(text: str) -> Any:
    """The value of ``text`` by RFC 8259.

    Raises:
        Broken: it is not one JSON value, it is nested deeper than ``MAX_DEPTH``, or a number is too large for
            a double.
    """
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise Broken("nested too deep", beyond=_is_balanced(text)) from None
    except ValueError as error:  # msgspec.DecodeError, and UnicodeEncodeError for a lone surrogate
        if str(error).startswith(_OUT_OF_RANGE):
            raise Broken("a number out of range", beyond=_is_whole(text)) from None
        if isinstance(error, UnicodeError):
            raise Broken("not Unicode: a lone surrogate") from None
        if str(error) != _TRUNCATED or text.lstrip()[:1] not in ("{", "["):
            raise Broken(str(error)) from None
        if _is_whole(text):
            raise Broken("a lone surrogate in an escape") from None
        raise Broken("ends inside a value", truncated=True) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and depth(value) > MAX_DEPTH:
        raise Broken("nested too deep", beyond=True)
    return value


def _is_whole(text: str) -> bool:
    """Whether a laxer parser reads ``text``, with lone surrogates and any number.

    msgspec takes a lone surrogate's escape for the text's end, and stops at a number out of range.
    """
    try:
        json.loads(text, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        return False
    return True


def _is_balanced(text: str) -> bool:
    """Whether ``text``, too deep for any parser, closes as many objects and arrays as it opens."""
    if text.rstrip()[-1:] not in ("}", "]"):
        return False
    outside = _QUOTED.sub("", text)
    return all(outside.count(opened) == outside.count(closed) for opened, closed in ("{}", "[]"))


def depth(value: Any, at_most: int = MAX_DEPTH) -> int:
    """How many containers ``value`` nests, or ``at_most + 1`` if more. Goes level by level: no recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for levels in range(at_most + 1):
        if not level:
            return levels
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
    return at_most + 1


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in ``value``, at any depth. No recursion."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def duplicate_key(text: str) -> str | None:
    """The first object key that ``text`` repeats within one object, or ``None``.

    RFC 8259 §4 calls repeated names unpredictable and I-JSON (RFC 7493 §2.3) forbids them; msgspec keeps the
    last. ``text`` must have passed ``parse``; above ``MAX_DUPLICATES_TEXT`` characters it is not looked at.
    """
    if len(text) > MAX_DUPLICATES_TEXT:
        return None
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> None:
        if len(items) != len(keys := dict(items)):
            seen = list(keys)
            repeated.append(
                next(key for index, (key, _) in enumerate(items) if seen[index : index + 1] != [key])
            )

    json.loads(text, object_pairs_hook=pairs, parse_int=len, parse_float=len)
    return repeated[0] if repeated else None
