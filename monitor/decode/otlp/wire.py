"""What both encodings of OTLP are read into: items come in as they are encoded, spans and records go out.

An item is read by itself, when its turn comes, so that one that can't be read costs itself only. What is
wrong with one is said, not raised: nobody minds a broken span of somebody's HTTP request.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from monitor.decode.otlp.span import Attributes, LogRecord, Span
from monitor.errors import BadInput, DeadLetterReason

#: Most attributes of one span, record, event or nested map: far more than any emitter writes.
MAX_ATTRIBUTES = 10_000
#: Deepest nesting of one value. Messages with the schemas of tools nest about fifteen deep.
MAX_DEPTH = 64

#: Most resources, or scopes of one resource: the Collector batches by the thousand.
MAX_ORIGINS = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Origin(NamedTuple):
    """What the items of one scope have in common: their resource's attributes and the scope's name."""

    resource: Attributes
    scope: str


class Read(msgspec.Struct, frozen=True):
    """A span or log record that was read, and what it lacks to be used; empty if nothing."""

    item: Span | LogRecord
    flaw: str = ""


class Item(NamedTuple):
    """A span or log record that is yet to be read."""

    raw: Any
    origin: Origin
    reader: Callable[[Any, Origin], Read]

    def read(self) -> Read:
        """The span or log record.

        Raises:
            BadInput: ``invalid_record``, ``too_deep`` or ``too_large``.
        """
        return self.reader(self.raw, self.origin)


def span(*, trace_id: str, span_id: str, started_ns: int, ended_ns: int, **others: Any) -> Read:
    """A span, of ids in hexadecimal and times in nanoseconds since 1970; and what is wrong with those."""
    started_at, ended_at = _time(started_ns), _time(ended_ns)
    flaw = ""
    if not (is_id(trace_id) and is_id(span_id)):
        flaw = "a span without a trace id or a span id"
    elif started_at is None or ended_at is None:
        flaw = "a span without a time at which it started, or ended"
    read = Span(
        trace_id=trace_id,
        span_id=span_id,
        started_at=started_at or _EPOCH,
        ended_at=ended_at or _EPOCH,
        **others,
    )
    return Read(read, flaw)


def log_record(*, times_ns: tuple[int, ...], event_name: str, attributes: Attributes, **others: Any) -> Read:
    """A log record, at the first of these times that there is; and whether there is one.

    Before OpenTelemetry 1.36 the event's name was an attribute.
    """
    at = next((time for given in times_ns if (time := _time(given)) is not None), None)
    named = event_name or attributes.get("event.name")
    read = LogRecord(
        event_name=named if isinstance(named, str) else "", at=at or _EPOCH, attributes=attributes, **others
    )
    return Read(read, "" if at else "a log record without a time")


def moment(nanoseconds: int) -> datetime:
    """The time of an event of a span; 1970 where it is not known, for nothing depends on it."""
    return _time(nanoseconds) or _EPOCH


def is_id(text: str) -> bool:
    """Whether an id says anything: OpenTelemetry has zeros for none."""
    return bool(text.strip("0"))


def bounded(count: int, depth: int) -> None:
    """Check that a map or list is not larger, and a value not deeper, than anybody's.

    Raises:
        BadInput: ``too_large`` or ``too_deep``.
    """
    if count > MAX_ATTRIBUTES:
        raise BadInput(DeadLetterReason.TOO_LARGE, f"{count} attributes; at most {MAX_ATTRIBUTES} are read")
    if depth > MAX_DEPTH:
        raise BadInput(DeadLetterReason.TOO_DEEP, f"an attribute nested more than {MAX_DEPTH} deep")


def _time(nanoseconds: int) -> datetime | None:
    """A time; ``None`` for zero, which OpenTelemetry has for unset, and for one beyond the calendar."""
    if nanoseconds <= 0:
        return None
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None
