"""The decode stage: a record as Kafka or a file gave it comes in; calls, fragments and dead letters go out.

Pure: no input or output, no clock, no log. Every module of this folder that describes a format registers
it (``registry.py``), so a new format is a new file; what all formats share is in ``text.py`` (bytes to
JSON), ``typed.py`` (JSON to structs), ``dimensions.py`` (attributes to dimensions) and ``clean.py`` (values
made safe to store). Fragments become calls in ``assemble.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from monitor.decode import clean, registry, text
from monitor.decode.dimensions import Mapping
from monitor.decode.letters import Letters, dead_letter
from monitor.decode.registry import BinaryFormat, Context, Format, Found
from monitor.errors import BadInput, ConfigError, DeadLetterReason
from monitor.records import Call, DeadLetter, Fragment, Record

registry.load(__name__, __path__)

#: Largest value read unless told otherwise, in bytes.
MAX_BYTES = 5 * 1024 * 1024

AUTO = "auto"

#: Confluent's framing: a zero byte and a schema's id before the value; before Protobuf, a message index too.
_FRAME = 5


class Window(msgspec.Struct, frozen=True):
    """The times at which an accepted call may have started, both included."""

    earliest: datetime
    latest: datetime


class Decoded(msgspec.Struct, frozen=True):
    """What a record held. It may be nothing: HTTP spans and their like are no calls."""

    calls: tuple[Call, ...]
    dead_letters: tuple[DeadLetter, ...]
    fragments: tuple[Fragment, ...] = ()
    empty: int = 0
    """Items that were read and held nothing of a call."""


def formats() -> tuple[str, ...]:
    """The names of the formats that can be read."""
    registered = registry.registered().values()
    return tuple(sorted(one.name for one in registered if isinstance(one, BinaryFormat) or not one.refused))


def is_binary(value: bytes) -> bool:
    """Whether a value is of a format that is not JSON."""
    return bool(value) and _binary(value, AUTO) is not None


def decode(
    record: Record,
    *,
    format: str = AUTO,  # noqa: A002 (fixed interface)
    window: Window | None = None,
    max_bytes: int = MAX_BYTES,
    max_items: int = text.MAX_ITEMS,
    keep_content: bool = False,
    mapping: Mapping = Mapping(),  # noqa: B008 - frozen
) -> Decoded:
    """What one record holds. Whatever its bytes are, this returns, and no item costs its neighbour.

    A value that is a JSON array or JSON lines holds several items, and an item may hold several calls;
    each thing found has its number within the record.

    Args:
        record: what was read.
        format: the format to expect, or ``auto`` to go by each item's shape.
        window: when an accepted call may have started; ``None`` accepts any time.
        max_bytes: the largest value that is parsed.
        max_items: most items that are read, and most things that are found; the rest is one dead letter.
        keep_content: whether a dead letter keeps its bytes, without the credentials in them. Of several in
            one item the first does.
        mapping: which attributes become which dimensions.

    Raises:
        ConfigError: there is no such format.
    """
    if format != AUTO and format not in formats():
        raise ConfigError(f"no format {format!r}; there are {', '.join((AUTO, *formats()))}")
    if record.unread is not None:
        bad = BadInput(record.unread.reason, record.unread.detail)
        return Decoded((), (dead_letter(record, bad, keep_content=False),))
    try:
        binary, items = _taken_apart(text.within(record.value, max_bytes), format, max_items)
    except BadInput as bad:
        return Decoded((), (dead_letter(record, bad, keep_content=keep_content),))
    calls: list[Call] = []
    fragments: list[Fragment] = []
    dead_letters: list[DeadLetter] = []
    empty = number = 0
    for raw in items:
        # A record that is one item is sized and hashed as it came, with whatever surrounds the JSON.
        letters = Letters(record, record.value or raw if len(items) == 1 else raw, keep_content)
        context = Context(record, number, raw, mapping)
        first = number
        for found in registry.each([raw], lambda raw: _read(raw, binary, format, context)):  # noqa: B023
            if len(calls) + len(fragments) + len(dead_letters) == max_items:
                beyond = BadInput(
                    DeadLetterReason.TOO_LARGE, f"more than {max_items} calls or parts of calls"
                )
                dead_letters.append(letters.letter(number, beyond))
                return Decoded(tuple(calls), tuple(dead_letters), tuple(fragments), empty)
            usable = _usable(found, number, window)
            if isinstance(usable, Call):
                calls.append(usable)
            elif isinstance(usable, Fragment):
                fragments.append(usable)
            else:
                dead_letters.append(letters.letter(number, usable))
            number += 1
        if number == first:
            empty += 1
            number += 1
    return Decoded(tuple(calls), tuple(dead_letters), tuple(fragments), empty)


def item_with_hash(record: Record, sha256: bytes) -> bytes | None:
    """The bytes of the record or of the one of its items that a dead letter with this hash is about.

    ``None`` where none of them has it: the record is another one.
    """
    value = record.value or b""
    if hashlib.sha256(value).digest() == sha256:
        return value
    try:
        _, items = _taken_apart(text.within(value, len(value)), AUTO, text.MAX_ITEMS)
    except BadInput:
        return None
    return next((item for item in items if hashlib.sha256(item).digest() == sha256), None)


def _taken_apart(value: bytes, format_name: str, max_items: int) -> tuple[BinaryFormat | None, list[bytes]]:
    """The items of a value, and the format they have in common if it is a binary one.

    Raises:
        BadInput: it has none, or too many, or is a broken array.
    """
    value = _unframed(value)
    binary = _binary(value, format_name)
    return binary, [value] if binary else text.split(value, max_items)


def _unframed(value: bytes) -> bytes:
    """The value without Confluent's framing, which begins with a byte that no format here begins with."""
    if not value.startswith(b"\x00") or len(value) <= _FRAME:
        return value
    return value[_FRAME:].removeprefix(b"\x00")


def _binary(value: bytes, name: str) -> BinaryFormat | None:
    """The binary format of a value, if it is of one."""
    if name != AUTO:
        named = registry.registered()[name]
        return named if isinstance(named, BinaryFormat) else None
    binaries = (found for found in registry.registered().values() if isinstance(found, BinaryFormat))
    return next((binary for binary in binaries if binary.recognises(value)), None)


def _read(item: bytes, binary: BinaryFormat | None, name: str, context: Context) -> Iterable[Found]:
    if binary is not None:
        return binary.decode(item, context)
    value = text.parse(item)
    return _format_of(value, name).decode(value, context)


def _format_of(value: Any, name: str) -> Format:
    if not isinstance(value, dict):
        raise BadInput(DeadLetterReason.UNKNOWN_FORMAT, "JSON, but not an object")
    candidates = [one for one in registry.registered().values() if isinstance(one, Format)]
    refused = next((one for one in candidates if one.refused and one.recognises(value)), None)
    if refused is not None:  # whatever it was said to be
        return refused
    for candidate in candidates:
        if candidate.name == name or (name == AUTO and candidate.recognises(value)):
            return candidate
    raise BadInput(DeadLetterReason.UNKNOWN_FORMAT, f"none of {', '.join(formats())} recognises it")


def _usable(found: Found, number: int, window: Window | None) -> Found:
    """What was found, made safe to store and numbered; or why it can't be used."""
    try:
        if isinstance(found, Call):
            return _checked(found, number, window)
        if isinstance(found, Fragment):
            _check_time(found.started_at, window)
            call = None if found.call is None else _checked(found.call, number, window)
            return structs.replace(clean.fragment(found), call=call)
    except BadInput as bad:
        return bad.with_traceback(None)
    return found


def _checked(call: Call, number: int, window: Window | None) -> Call:
    if call.source.item != number:
        call = structs.replace(call, source=structs.replace(call.source, item=number))
    call = clean.clean(call)
    _check_time(call.started_at, window)
    return call


def _check_time(started_at: datetime, window: Window | None) -> None:
    if window is None:
        return
    started = started_at.isoformat()
    if started_at < window.earliest:
        earliest = window.earliest.isoformat()
        raise BadInput(DeadLetterReason.TOO_OLD, f"started at {started}, before {earliest}")
    if started_at > window.latest:
        latest = window.latest.isoformat()
        raise BadInput(DeadLetterReason.FROM_FUTURE, f"started at {started}, after {latest}")
