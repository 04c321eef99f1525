"""A span and a log record as OpenTelemetry means them, whichever encoding they came in.

Ids are lower-case hexadecimal text and times are in UTC. Attribute values are plain Python: text, numbers,
flags, bytes, lists and dicts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

Attributes = dict[str, Any]

#: ``Status.code`` of a span that failed.
STATUS_ERROR = 2


class Event(msgspec.Struct, frozen=True):
    """One event of a span: an exception, a message, a chunk."""

    name: str
    at: datetime
    attributes: Attributes


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span, with the resource and the instrumentation scope that it came under."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    started_at: datetime
    ended_at: datetime
    attributes: Attributes
    resource: Attributes
    scope: str
    status_code: int = 0
    status_message: str = ""
    events: tuple[Event, ...] = ()


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One log record. ``event_name`` is its field, or the attribute ``event.name`` of older emitters."""

    trace_id: str
    span_id: str
    event_name: str
    at: datetime
    body: Any
    attributes: Attributes
    resource: Attributes
    scope: str
