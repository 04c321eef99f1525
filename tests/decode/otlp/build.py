"""OTLP messages as the tests need them, in few words: spans and log records in JSON, and what is in them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from monitor.decode import decode
from monitor.records import Call, DeadLetter, Fragment, Record
from tests.decode.build import RECEIVED, record
from tests.paths import SHARED

OTLP = SHARED / "data" / "otlp"

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"
START_NS = 1_795_000_000_000_000_000


def any_value(value: Any) -> dict[str, Any]:
    """A value as OTLP/JSON has it."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else str(value)}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [any_value(element) for element in value]}}
        case _:
            return {"kvlistValue": {"values": attributes(value)}}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP/JSON has them."""
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def span(values: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A span of 250 ms with these attributes."""
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "chat m",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 250_000_000),
        "attributes": attributes(values),
        **fields,
    }


def chat(**values: Any) -> dict[str, Any]:
    """The attributes of a chat span; double underscores stand for dots, and ``gen_ai.`` is added."""
    plain = {f"gen_ai.{name.replace('__', '.')}": value for name, value in values.items()}
    return {"gen_ai.operation.name": "chat", **plain}


def log(
    event_name: str, body: Any = None, values: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A log record of the span of ``span``."""
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "eventName": event_name,
        "observedTimeUnixNano": str(START_NS + 250_000_000),
        "body": any_value(body),
        "attributes": attributes(values or {}),
        **fields,
    }


def traces(
    *spans: dict[str, Any], scope: str = "test", resource: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A message of these spans."""
    of_scope = {"scope": {"name": scope}, "spans": list(spans)}
    return {
        "resourceSpans": [{"resource": {"attributes": attributes(resource or {})}, "scopeSpans": [of_scope]}]
    }


def logs(*records: dict[str, Any], scope: str = "test") -> dict[str, Any]:
    """A message of these log records."""
    return {"resourceLogs": [{"scopeLogs": [{"scope": {"name": scope}, "logRecords": list(records)}]}]}


def fragments_of(value: Any) -> tuple[Fragment, ...]:
    """The fragments of a value that holds nothing else."""
    decoded = decode(record(value))
    assert not decoded.dead_letters, decoded.dead_letters
    assert not decoded.calls
    return decoded.fragments


def fragment_of(value: Any) -> Fragment:
    """The only fragment of a value."""
    (fragment,) = fragments_of(value)
    return fragment


def call_of(value: Any) -> Call:
    """The call of the only fragment of a value."""
    call = fragment_of(value).call
    assert call is not None
    return call


def dead_letters_of(value: Any) -> tuple[DeadLetter, ...]:
    """The dead letters of a value that holds nothing else."""
    decoded = decode(record(value))
    assert not decoded.fragments
    return decoded.dead_letters


def plain_call(values: dict[str, Any], **fields: Any) -> Call:
    """The call of a span with these attributes."""
    scope = fields.pop("scope", "test")
    return call_of(traces(span(values, **fields), scope=scope))


def told(*parts: dict[str, Any], role: str = "assistant", **fields: Any) -> str:
    """One message of these parts, in a list, as JSON text."""
    return json.dumps([{"role": role, "parts": list(parts), **fields}])


def words(content: str) -> dict[str, Any]:
    """A text part."""
    return {"type": "text", "content": content}


def messages(emitter: str, suffix: str) -> list[Path]:
    """The messages of an emitter in one encoding, in the order they were sent."""
    return sorted(path for path in (OTLP / emitter).glob(f"*.{suffix}") if path.name != "index.json")


def recorded(path: Path, offset: int = 0) -> Record:
    """A recorded message as Kafka gives it."""
    return Record("otlp", 0, offset, path.read_bytes(), timestamp=RECEIVED)
