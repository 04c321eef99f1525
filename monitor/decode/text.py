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

#: Most items that are read of one record, and most things that are found in it, unless told otherwise. A
#: record of five million zeros must not become as many dead letters.
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


def split(value: bytes, max_items: int = MAX_ITEMS) -> list[bytes]:
    """The items of a value, each as JSON text to be parsed by itself.

    A JSON array holds its elements, JSON lines hold a value a line, of which an array holds its elements,
    and anything else is one item.

    Raises:
        BadInput: ``empty``, ``too_large``, or what ``parse`` says of a broken array.
    """
    text = value.removeprefix(_BOM).strip(_JSON_SPACE)
    if not text:
        raise BadInput(DeadLetterReason.EMPTY, "the value holds nothing but white space")
    lines = _lines(text, max_items)
    items: list[bytes] = []
    for line in lines:
        items += _items(line, alone=len(lines) == 1)
        if len(items) > max_items:
            raise BadInput(DeadLetterReason.TOO_LARGE, f"more than {max_items} items; no more are read")
    if not items:
        raise BadInput(DeadLetterReason.EMPTY, "the value is an array without elements")
    return [bytes(item) for item in items]


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


def _lines(text: bytes, max_items: int) -> list[bytes]:
    """JSON lines if at least one line is an object or an array by itself, else the whole text alone."""
    if b"\n" not in text or _holds_items(text):
        return [text]
    lines = [line for line in text.split(b"\n") if line.strip(_JSON_SPACE)]
    many = len(lines) > max_items  # too many to look at each, whatever they are
    return lines if many or any(map(_holds_items, lines)) else [text]


def _items(line: bytes, *, alone: bool) -> list[bytes]:
    """The elements of an array, or the line itself. A broken array among lines is one item, to be refused."""
    if not line.lstrip(_JSON_SPACE).startswith(b"["):
        return [line]
    try:
        return _elements(line)
    except BadInput:
        if alone:
            raise
        return [line]


def _elements(array: bytes) -> list[bytes]:
    try:
        # Views of the array: nothing is built of what is inside, nor copied before it is counted.
        return list(msgspec.json.decode(array, type=list[msgspec.Raw]))
    except RecursionError:
        raise BadInput(DeadLetterReason.TOO_DEEP, "nested too deeply to take apart") from None
    except ValueError:
        return [msgspec.json.encode(element) for element in _parse_tolerantly(array)]


def _holds_items(text: bytes) -> bool:
    """Whether a text is one JSON object or array."""
    if text.lstrip(_JSON_SPACE)[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except RecursionError:
        return False
    except ValueError:
        return _is_tolerable(text)
    return True


def _is_tolerable(text: bytes) -> bool:
    try:
        _parse_tolerantly(text)
    except BadInput:
        return False
    return True


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
