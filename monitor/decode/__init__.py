"""The decode stage: a record as Kafka or a file gave it comes in, calls and dead letters go out.

Pure: no input or output, no clock, no log. Every module of this folder that describes a format registers
it (``registry.py``), so a new format is a new file; what all formats share is in ``text.py`` (bytes to
JSON), ``typed.py`` (JSON to structs) and ``clean.py`` (values made safe to store).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from monitor.decode import clean, registry, text
from monitor.errors import BadInput, ConfigError, DeadLetterReason
from monitor.records import Call, DeadLetter, Record

registry.load(__name__, __path__)

#: Largest value read unless told otherwise, in bytes.
MAX_BYTES = 5 * 1024 * 1024

AUTO = "auto"


class Window(msgspec.Struct, frozen=True):
    """The times at which an accepted call may have started, both included."""

    earliest: datetime
    latest: datetime


class Decoded(msgspec.Struct, frozen=True):
    """What a record held: every item of it is either a call or a dead letter."""

    calls: tuple[Call, ...]
    dead_letters: tuple[DeadLetter, ...]


def formats() -> tuple[str, ...]:
    """The names of the formats that can be read."""
    return tuple(registry.registered())


def decode(
    record: Record,
    *,
    format: str = AUTO,  # noqa: A002 (fixed interface)
    window: Window | None = None,
    max_bytes: int = MAX_BYTES,
    keep_content: bool = False,
) -> Decoded:
    """The calls of one record. Whatever its bytes are, this returns, and no item costs its neighbour.

    A value that is a JSON array or JSON lines holds several items; each call knows its position.

    Args:
        record: what was read.
        format: the format to expect, or ``auto`` to go by each item's shape.
        window: when an accepted call may have started; ``None`` accepts any time.
        max_bytes: the largest value that is parsed.
        keep_content: whether a dead letter keeps its bytes.

    Raises:
        ConfigError: there is no such format.
    """
    if format != AUTO and format not in registry.registered():
        raise ConfigError(f"no format {format!r}; there are {', '.join((AUTO, *formats()))}")
    try:
        items = text.split(record.value, max_bytes)
    except BadInput as bad:
        return Decoded((), (_dead_letter(record, 0, record.value or b"", bad, keep_content),))
    calls: list[Call] = []
    dead_letters: list[DeadLetter] = []
    # A record that is one item is sized and hashed as it came, with whatever surrounds the JSON.
    whole = record.value if len(items) == 1 else None
    for position, item in enumerate(items):
        try:
            calls.append(_call(item, registry.Context(record, position, item), format, window))
        except BadInput as bad:
            dead_letters.append(_dead_letter(record, position, whole or item, bad, keep_content))
    return Decoded(tuple(calls), tuple(dead_letters))


def _call(item: bytes, context: registry.Context, format_name: str, window: Window | None) -> Call:
    """One item's call. Anything but ``BadInput`` that a decoder raises is a bug of ours, and becomes one."""
    try:
        value = text.parse(item)
        call = clean.clean(_format_of(value, format_name).decode(value, context))
    except RecursionError:
        raise BadInput(DeadLetterReason.TOO_DEEP, "nested too deeply to read") from None
    except BadInput:
        raise
    except Exception as bug:
        raise BadInput(DeadLetterReason.DECODER_FAILED, type(bug).__name__) from bug
    if window is not None:
        _check_time(call.started_at, window)
    return call


def _format_of(value: Any, name: str) -> registry.Format:
    if not isinstance(value, dict):
        raise BadInput(DeadLetterReason.UNKNOWN_FORMAT, "JSON, but not an object")
    if name != AUTO:
        return registry.registered()[name]
    for candidate in registry.registered().values():
        if candidate.recognises(value):
            return candidate
    raise BadInput(DeadLetterReason.UNKNOWN_FORMAT, f"none of {', '.join(formats())} recognises it")


def _check_time(started_at: datetime, window: Window) -> None:
    started = started_at.isoformat()
    if started_at < window.earliest:
        earliest = window.earliest.isoformat()
        raise BadInput(DeadLetterReason.TOO_OLD, f"started at {started}, before {earliest}")
    if started_at > window.latest:
        latest = window.latest.isoformat()
        raise BadInput(DeadLetterReason.FROM_FUTURE, f"started at {started}, after {latest}")


def _dead_letter(record: Record, item: int, value: bytes, bad: BadInput, keep_content: bool) -> DeadLetter:
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        item=item,
        reason=bad.reason.value,
        detail=bad.detail,
        size=len(value),
        sha256=hashlib.sha256(value).digest(),
        value=value if keep_content else None,
    )
