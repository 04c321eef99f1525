"""The formats ``otlp-proto`` and ``otlp-json``: what the Collector's Kafka exporter writes.

A message of one or many resources, spans and log records comes in; the fragments of calls among them go out.
Its encoding ``raw`` can't be read: it keeps the body of a log record, and drops the attributes that would
tell what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import structs

from monitor.decode.otlp import dialect, events, json_wire, proto_wire, truncated
from monitor.decode.otlp.span import Span
from monitor.decode.otlp.wire import Item
from monitor.decode.registry import BinaryFormat, Context, Format, Found, each, register
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Fragment

PROTO = "otlp-proto"
JSON = "otlp-json"


def decode_proto(value: bytes, context: Context) -> Iterator[Found]:
    """The fragments of a serialized TracesData or LogsData."""
    return _found(proto_wire.items(value), context, PROTO)


def decode_json(value: dict[str, Any], context: Context) -> Iterator[Found]:
    """The fragments of a TracesData or LogsData in JSON, or of an object that is both."""
    return _found(json_wire.items(value), context, JSON)


def _found(items: Iterable[Item | BadInput], context: Context, format_name: str) -> Iterator[Found]:
    """What is found in items that each are read by themselves."""
    count = 0
    for item in items:
        here = structs.replace(context, item=context.item + count)
        for found in each([item], lambda item: _read(item, here, format_name)):  # noqa: B023 - used at once
            yield found
            count += 1


def _read(raw: Item | BadInput, context: Context, format_name: str) -> Iterator[Fragment]:
    """The fragments of an item. A broken one matters only where it is part of a call."""
    if isinstance(raw, BadInput):
        raise raw
    read = raw.read()
    item = truncated.with_cuts_missing(read.item)
    reader = dialect.reader(item)
    if reader is None:
        return
    if read.flaw:
        raise BadInput(DeadLetterReason.INVALID_RECORD, read.flaw)
    yield from reader(context, format_name)
    if isinstance(item, Span):
        for record in events.of_span(item):
            if of_event := dialect.reader(record):
                yield from of_event(context, format_name)


register(BinaryFormat(PROTO, proto_wire.recognises, decode_proto))
register(Format(JSON, json_wire.recognises, decode_json))
