"""OTLP as JSON: an object of spans, log records, or both comes in, items to be read one by one go out.

Names may be in lowerCamelCase, as the specification has them, or as in the Protobuf files; ids in
hexadecimal, or in base64, as Protobuf's own JSON has bytes; 64-bit numbers as text or as numbers; enums as
numbers or names.
Reference: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from monitor.decode.otlp import wire
from monitor.decode.otlp.span import STATUS_ERROR, Attributes, Event
from monitor.decode.otlp.wire import Item, Origin, Read
from monitor.decode.pair.shapes import at, flag, integer, mapping, number, objects, text
from monitor.errors import BadInput, DeadLetterReason

#: Digits of the longest 64-bit number, with its sign.
_LONGEST_INTEGER = 20

_DIGITS = re.compile("-?[0-9]+")

_STATUS_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": STATUS_ERROR}

#: How each signal's lists are named, from the outermost. Metrics and profiles hold no calls.
_TRACES = ("resourceSpans", "scopeSpans", "spans")
_LOGS = ("resourceLogs", "scopeLogs", "logRecords")
_OTHERS = ("resourceMetrics", "resourceProfiles")

_SNAKE = {
    name: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    for name in (
        *_TRACES,
        *_LOGS,
        *_OTHERS,
        "traceId",
        "spanId",
        "parentSpanId",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "timeUnixNano",
        "observedTimeUnixNano",
        "eventName",
    )
}


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object is an OTLP message, of whatever signal."""
    return any(name in value or _SNAKE[name] in value for name in (_TRACES[0], _LOGS[0], *_OTHERS))


def items(value: dict[str, Any]) -> Iterator[Item | BadInput]:
    """The spans and log records of a message, yet to be read, and what is wrong with the rest of it."""
    for names, reader in ((_TRACES, _span), (_LOGS, _log_record)):
        try:
            resources = _origins(value, names[0])
        except BadInput as bad:
            yield bad
            continue
        for resource in resources:
            try:
                yield from _of_resource(resource, names, reader)
            except BadInput as bad:
                yield bad


def _origins(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The resources of a message, or the scopes of a resource.

    Raises:
        BadInput: ``too_large``.
    """
    found = objects(_field(value, name))
    if len(found) > wire.MAX_ORIGINS:
        raise BadInput(
            DeadLetterReason.TOO_LARGE, f"{len(found)} {name}; at most {wire.MAX_ORIGINS} are read"
        )
    return found


def _of_resource(
    resource: dict[str, Any], names: tuple[str, ...], reader: Callable[[Any, Origin], Read]
) -> Iterator[Item]:
    attributes = _attributes(at(resource, "resource", "attributes"))
    for scope in _origins(resource, names[1]):
        origin = Origin(attributes, text(at(scope, "scope", "name")))
        for raw in objects(_field(scope, names[2])):
            yield Item(raw, origin, reader)


def _span(raw: dict[str, Any], origin: Origin) -> Read:
    status = mapping(raw.get("status"))
    return wire.span(
        trace_id=_id(_field(raw, "traceId"), 16),
        span_id=_id(_field(raw, "spanId"), 8),
        parent_span_id=_id(_field(raw, "parentSpanId"), 8) or None,
        name=text(raw.get("name")),
        started_ns=_integer(_field(raw, "startTimeUnixNano")),
        ended_ns=_integer(_field(raw, "endTimeUnixNano")),
        attributes=_attributes(raw.get("attributes")),
        resource=origin.resource,
        scope=origin.scope,
        status_code=_STATUS_CODES.get(text(status.get("code"))) or _integer(status.get("code")),
        status_message=text(status.get("message")),
        events=tuple(_event(event) for event in objects(raw.get("events"))),
    )


def _event(raw: dict[str, Any]) -> Event:
    at_ = wire.moment(_integer(_field(raw, "timeUnixNano")))
    return Event(text(raw.get("name")), at_, _attributes(raw.get("attributes")))


def _log_record(raw: dict[str, Any], origin: Origin) -> Read:
    return wire.log_record(
        trace_id=_id(_field(raw, "traceId"), 16),
        span_id=_id(_field(raw, "spanId"), 8),
        event_name=text(_field(raw, "eventName")),
        times_ns=(_integer(_field(raw, "timeUnixNano")), _integer(_field(raw, "observedTimeUnixNano"))),
        body=_value(raw.get("body")),
        attributes=_attributes(raw.get("attributes")),
        resource=origin.resource,
        scope=origin.scope,
    )


def _field(value: dict[str, Any], name: str) -> Any:
    """A field, under either of its names."""
    found = value.get(name)
    return value.get(_SNAKE.get(name, name)) if found is None else found


def _id(value: Any, size: int) -> str:
    """An id of so many bytes as lower-case hexadecimal; empty where it is none."""
    written = text(value)
    try:
        if len(written) == 2 * size:
            return bytes.fromhex(written).hex()
        if len(written) == 4 * ((size + 2) // 3):
            return base64.b64decode(written, validate=True).hex()
    except (ValueError, binascii.Error):
        return ""
    return ""


def _integer(value: Any) -> int:
    """A 64-bit number or an enum's; 0 where it is neither, as Protobuf has it."""
    if not isinstance(value, str):
        return integer(value) or 0
    return int(value) if len(value) <= _LONGEST_INTEGER and _DIGITS.fullmatch(value) else 0


def _attributes(pairs: Any, depth: int = 0) -> Attributes:
    found = {text(pair.get("key")): _value(pair.get("value"), depth) for pair in objects(pairs)}
    wire.bounded(len(found), depth)
    return found


def _value(value: Any, depth: int = 0) -> Any:
    """What an ``AnyValue`` holds: an object with one field, which says what the value is."""
    for name, held in mapping(value).items():
        if name in _KINDS and held is not None:
            return _KINDS[name](held, depth)
    return None


def _array(value: Any, depth: int) -> list[Any]:
    wire.bounded(0, depth)
    return [_value(element, depth + 1) for element in objects(mapping(value).get("values"))]


def _map(value: Any, depth: int) -> Attributes:
    return _attributes(mapping(value).get("values"), depth + 1)


def _double(value: Any) -> float | None:
    """A number; infinities and NaN, which are texts here, are none."""
    known = number(value)
    return known if known is not None and math.isfinite(known) else None


def _bytes(value: Any) -> bytes | None:
    try:
        return base64.b64decode(text(value))
    except binascii.Error:
        return None


_KINDS: dict[str, Callable[[Any, int], Any]] = {
    name: read
    for names, read in (
        (("stringValue", "string_value"), lambda value, _: value if isinstance(value, str) else None),
        (("boolValue", "bool_value"), lambda value, _: flag(value)),
        (("intValue", "int_value"), lambda value, _: _integer(value)),
        (("doubleValue", "double_value"), lambda value, _: _double(value)),
        (("bytesValue", "bytes_value"), lambda value, _: _bytes(value)),
        (("arrayValue", "array_value"), _array),
        (("kvlistValue", "kvlist_value"), _map),
    )
    for name in names
}
