"""Bytes to JSON values: strict about what JSON is (RFC 8259), forgiving about characters and numbers.

Bytes or text come in; parsed values go out, whose strings can be encoded as UTF-8 and whose numbers are
finite. What isn't JSON raises ``BadInput``, with a detail that never quotes the input.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import msgspec

from monitor.errors import BadInput, DeadLetterReason

#: Most items one record may hold. A record of five million zeros must not become as many dead letters.
MAX_ITEMS = 10_000

_BOM = b"\xef\xbb\xbf"
_JSON_SPACE = b" \t\r\n"


def within(value: bytes | None, max_bytes: int) -> bytes:
    """The value, if there is one and it is not too large to be read.

    Raises:
        BadInput: ``empty`` or ``too_large``.
    """
    if value is None:
        raise BadInput(DeadLetterReason.EMPTY, "the record has no value")
    if len(value) > max_bytes:
        raise BadInput(DeadLetterReason.TOO_LARGE, f"{len(value)} bytes; at most {max_bytes} are read")
    if not value:
        raise BadInput(DeadLetterReason.EMPTY, "the value has no bytes")
    return value


def split(value: bytes) -> list[bytes]:
    """The items of a value, each as JSON text to be parsed by itself.

    A JSON array holds its elements, JSON lines hold a value a line, and anything else is one item.

    Raises:
        BadInput: ``empty``, ``too_large``, or what ``parse`` says of a broken array.
    """
    text = value.removeprefix(_BOM).strip(_JSON_SPACE)
    if not text:
        raise BadInput(DeadLetterReason.EMPTY, "the value holds nothing but white space")
    items = _elements(text) if text.startswith(b"[") else _lines(text)
    if not items:
        raise BadInput(DeadLetterReason.EMPTY, "the value is an array without elements")
    if len(items) > MAX_ITEMS:
        raise BadInput(DeadLetterReason.TOO_LARGE, f"{len(items)} items; at most {MAX_ITEMS} are read")
    return items


def parse(text: bytes | str) -> Any:
    """One JSON value.

    Bad UTF-8 and lone surrogates become U+FFFD; numbers that neither an integer of a few thousand
    digits nor a finite float can hold become null.

    Raises:
        BadInput: ``not_json`` or ``too_deep``.
    """
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise BadInput(DeadLetterReason.TOO_DEEP, "nested too deeply to parse") from None
    except ValueError:
        return _parse_tolerantly(text)


def _elements(array: bytes) -> list[bytes]:
    try:
        return [msgspec.json.encode(element) for element in parse(array)]
    except RecursionError:
        raise BadInput(DeadLetterReason.TOO_DEEP, "nested too deeply to take apart") from None


def _lines(text: bytes) -> list[bytes]:
    """JSON lines if at least one line is an object by itself, else the whole text as the only item."""
    if b"\n" not in text or _is_object(text):
        return [text]
    lines = [line for line in text.split(b"\n") if line.strip(_JSON_SPACE)]
    many = len(lines) > MAX_ITEMS  # too many to look at each, whatever they are
    return lines if many or any(_is_object(line) for line in lines) else [text]


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(parse(text), dict)
    except BadInput:
        return False


def _parse_tolerantly(text: bytes | str) -> Any:
    """What msgspec refuses but RFC 8259 allows, or what a replacement character repairs."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer, parse_float=_finite)
        return _without_lone_surrogates(value)
    except RecursionError:
        raise BadInput(DeadLetterReason.TOO_DEEP, "nested too deeply to parse") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadInput(DeadLetterReason.NOT_JSON, f"{error.msg} at {where}") from None


def _refuse(constant: str) -> NoReturn:
    """NaN and the infinities are not JSON."""
    raise BadInput(DeadLetterReason.NOT_JSON, f"{constant} is not JSON")


def _integer(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # longer than sys.get_int_max_str_digits()
        return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_lone_surrogates(element) for element in value]
    if isinstance(value, dict):
        clean = _without_lone_surrogates
        return {clean(key): clean(element) for key, element in value.items()}
    return value
