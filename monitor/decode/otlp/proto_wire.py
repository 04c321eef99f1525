"""OTLP as Protobuf, one bare TracesData or LogsData: bytes come in, items that can be read one by one go out.

Traces, logs and metrics nest alike, and nothing says which of them a message is; it shows in the fields of
the innermost messages. Metrics and profiles hold no calls. Reference:
https://github.com/open-telemetry/opentelemetry-proto.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from monitor.decode.otlp import wire
from monitor.decode.otlp.proto_fields import BYTES, FIXED32, FIXED64, VARINT, Fields
from monitor.decode.otlp.span import Attributes, Event
from monitor.decode.otlp.wire import Item, Origin, Read
from monitor.errors import BadInput, DeadLetterReason

#: The tag of a length-delimited field 1, with which every OTLP message begins.
_FIRST_BYTE = 0x0A

#: Fields of TracesData and its like. Only the one of profiles has a dictionary.
_RESOURCES, _DICTIONARY = 1, 2
#: Fields of ResourceSpans and its like, and of ScopeSpans and its like.
_COMMON, _PARTS = 1, 2

#: What only a span has: ``kind``, ``start_time_unix_nano``, ``end_time_unix_nano``.
_OF_SPANS = frozenset({(6, VARINT), (7, FIXED64), (8, FIXED64)})
#: What only a log record has: ``time_unix_nano``, ``severity_number``, ``flags`` and
#: ``observed_time_unix_nano``.
_OF_LOGS = frozenset({(1, FIXED64), (2, VARINT), (8, FIXED32), (11, FIXED64)})


#: Most fields that are looked at to find the spans and log records of a message: six or so for each of these.
MAX_FIELDS = 300_000

#: A message of fewer bytes can't have more than ``wire.MAX_ATTRIBUTES`` fields.
_SMALL = 2 * wire.MAX_ATTRIBUTES


def recognises(value: bytes) -> bool:
    """Whether a value is an OTLP message: its fields, up to its last byte, are those of one."""
    if value[0] != _FIRST_BYTE:
        return False
    try:
        found = Fields(value, MAX_FIELDS).within(0, len(value))
        return all(field[:2] in ((_RESOURCES, BYTES), (_DICTIONARY, BYTES)) for field in found)
    except BadInput as bad:
        # So many are nothing else, either: it is for ``items`` to say so.
        return bad.reason is DeadLetterReason.TOO_LARGE


def items(value: bytes) -> Iterator[Item | BadInput]:
    """The spans and log records of a message, yet to be read, and what is wrong with the rest of it."""
    fields = Fields(value, MAX_FIELDS)
    try:
        within = _nested(fields, 0, len(value))
    except BadInput as bad:
        yield bad
        return
    if _DICTIONARY in within:
        return
    for start, end in within.get(_RESOURCES, ()):
        try:
            yield from _of_resource(value, fields, start, end)
        except BadInput as bad:
            yield bad
            if bad.reason is DeadLetterReason.TOO_LARGE:
                return


def _of_resource(value: bytes, fields: Fields, start: int, end: int) -> Iterator[Item]:
    within = _nested(fields, start, end)
    resource = _attributes(_parsed(Resource, *_bytes(value, within.get(_COMMON))).attributes)
    for start, end in within.get(_PARTS, ()):
        nested = _nested(fields, start, end)
        origin = Origin(resource, _parsed(InstrumentationScope, *_bytes(value, nested.get(_COMMON))).name)
        for start, end in nested.get(_PARTS, ()):
            if reader := _reader(fields, start, end):
                yield Item(value[start:end], origin, reader)


def _nested(fields: Fields, start: int, end: int) -> dict[int, list[tuple[int, int]]]:
    """Where the length-delimited fields of a message begin and end, by their numbers."""
    found: dict[int, list[tuple[int, int]]] = {}
    for number, wire_type, begin, finish in fields.within(start, end):
        if wire_type == BYTES:
            found.setdefault(number, []).append((begin, finish))
    return found


def _bytes(value: bytes, places: list[tuple[int, int]] | None) -> Iterator[bytes]:
    return (value[start:end] for start, end in places or ())


def _reader(fields: Fields, start: int, end: int) -> Callable[[Any, Origin], Read] | None:
    """What reads an item, by the first field that only spans or only log records have."""
    for number, wire_type, _, _ in fields.within(start, end):
        if (number, wire_type) in _OF_LOGS:
            return _log_record
        if (number, wire_type) in _OF_SPANS:
            return _span
    return None


def _parsed(message_type: Any, *messages: bytes) -> Any:
    """A message of a type; several are merged, as Protobuf has it.

    Raises:
        BadInput: ``invalid_record``, or ``too_large`` for one with more fields than are worth the memory.
    """
    value = b"".join(messages)
    if len(value) > _SMALL:
        for _ in Fields(value, wire.MAX_ATTRIBUTES).within(0, len(value)):
            pass
    try:
        return message_type.FromString(value)
    except DecodeError:
        name = message_type.DESCRIPTOR.name
        raise BadInput(DeadLetterReason.INVALID_RECORD, f"not a Protobuf {name}") from None


def _span(raw: bytes, origin: Origin) -> Read:
    span = _parsed(Span, raw)
    return wire.span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        name=span.name,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        resource=origin.resource,
        scope=origin.scope,
        status_code=span.status.code,
        status_message=span.status.message,
        events=tuple(
            Event(event.name, wire.moment(event.time_unix_nano), _attributes(event.attributes))
            for event in span.events
        ),
    )


def _log_record(raw: bytes, origin: Origin) -> Read:
    record = _parsed(LogRecord, raw)
    return wire.log_record(
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        event_name=record.event_name,
        times_ns=(record.time_unix_nano, record.observed_time_unix_nano),
        body=_value(record.body),
        attributes=_attributes(record.attributes),
        resource=origin.resource,
        scope=origin.scope,
    )


def _attributes(pairs: Iterable[KeyValue], depth: int = 0) -> Attributes:
    found = {pair.key: _value(pair.value, depth) for pair in pairs}
    wire.bounded(len(found), depth)
    return found


def _value(value: AnyValue, depth: int = 0) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values, depth + 1)
    if kind == "array_value":
        wire.bounded(0, depth)
        return [_value(element, depth + 1) for element in value.array_value.values]
    plain = getattr(value, kind)
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
