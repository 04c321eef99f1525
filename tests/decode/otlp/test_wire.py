from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.profiles.v1development.profiles_pb2 import ProfilesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from monitor.decode import decode, formats
from monitor.decode.otlp import json_wire, proto_wire, wire
from monitor.decode.otlp.wire import Item
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Record
from tests.decode.build import record
from tests.decode.otlp import build
from tests.decode.otlp.build import (
    chat,
    dead_letters_of,
    fragment_of,
    fragments_of,
    log,
    logs,
    plain_call,
    span,
    traces,
)

NANOSECOND_TIME = datetime(2026, 11, 18, 13, 46, 40, tzinfo=UTC)


def proto_of(value: dict[str, Any]) -> bytes:
    """A message of ``build`` in Protobuf: Protobuf's own JSON has ids in base64."""
    message = TracesData() if "resourceSpans" in value else LogsData()
    plain = json.loads(
        json.dumps(value)
        .replace(build.TRACE_ID, "W47/95gDgQPSabYzgT/GDA==")
        .replace(build.SPAN_ID, "7uGbfsOxdA==")
    )
    return bytes(json_format.ParseDict(plain, message).SerializeToString())


def test_both_formats_are_there() -> None:
    assert {"otlp-proto", "otlp-json"} <= set(formats())


def test_ids_times_and_origin_are_those_of_the_span() -> None:
    message = traces(
        span(chat(), parentSpanId="00f067aa0ba902b7"), scope="emitter", resource={"service.name": "shop"}
    )
    fragment = fragment_of(message)
    assert fragment == fragment_of(message)
    assert (fragment.group, fragment.span_id) == (build.TRACE_ID, build.SPAN_ID)
    assert fragment.parent_span_id == "00f067aa0ba902b7"
    assert fragment.emitter == "emitter"
    assert fragment.call is not None
    assert fragment.call.service == "shop"
    assert fragment.call.duration_ms == 250
    assert fragment.call.request_id == f"{build.TRACE_ID}:00f067aa0ba902b7"
    assert fragment.call.started_at == fragment.started_at


def test_protobuf_says_the_same_as_json() -> None:
    message = traces(
        span(chat(usage__input_tokens=7, request__stream=True)), resource={"service.name": "shop"}
    )
    (of_proto,), of_json = fragments_of(proto_of(message)), fragment_of(message)
    assert of_proto.call is not None
    assert of_json.call is not None
    assert of_proto.call.source.format == "otlp-proto"
    assert of_json.call.source.format == "otlp-json"
    assert of_proto.started_at == of_json.started_at
    assert of_proto.call.usage.input_tokens == of_json.call.usage.input_tokens == 7
    assert of_proto.call.service == of_json.call.service == "shop"


@pytest.mark.parametrize("snake", [False, True])
def test_protobufs_own_json_is_read_too(snake: bool) -> None:
    """It has base64 ids and enums by name; some have the names of the Protobuf files."""
    path = build.messages("otel-genai-anthropic-1.3b0_both", "pb")[0]
    message = TracesData.FromString(path.read_bytes())
    own = json_format.MessageToDict(message, preserving_proto_field_name=snake)
    as_read = [item.read() for item in proto_wire.items(path.read_bytes()) if isinstance(item, Item)]
    assert [item.read() for item in json_wire.items(own) if isinstance(item, Item)] == as_read


@pytest.mark.parametrize("suffix", ["pb", "json"])
def test_a_value_framed_as_confluent_does_is_read(suffix: str) -> None:
    path = build.messages("otel-genai-openai-1.3b0_span", suffix)[0]
    plain = decode(build.recorded(path))
    index = b"\x00" if suffix == "pb" else b""
    framed = decode(Record("otlp", 0, 0, b"\x00\x00\x00\x00\x07" + index + path.read_bytes()))
    assert len(framed.fragments) == len(plain.fragments) > 0


def test_json_lines_and_arrays_hold_several_messages() -> None:
    message = traces(span(chat()))
    assert len(fragments_of([message, message])) == 2
    assert len(fragments_of(f"{json.dumps(message)}\n{json.dumps(message)}\n".encode())) == 2


def test_a_message_may_hold_spans_and_log_records() -> None:
    both = {**traces(span(chat())), **logs(log("gen_ai.user.message", {"content": "hi"}))}
    assert [fragment.kind.value for fragment in fragments_of(both)] == ["call", "content"]


def test_things_found_are_numbered_within_their_record() -> None:
    message = logs(*(log("gen_ai.user.message", {"content": "hi"}) for _ in range(3)))
    calls = [fragment.call for fragment in fragments_of([message, message])]
    assert [call.source.item for call in calls if call] == [0, 1, 2, 3, 4, 5]


# ------------------------------------------------------------------------------------------ not calls at all


@pytest.mark.parametrize(
    "value",
    [
        {"resourceSpans": []},
        {"resourceMetrics": [{"scopeMetrics": []}]},
        {"resource_profiles": []},
        traces(span({"http.request.method": "POST"})),
        traces(span({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"})),
        logs(log("", "a line of a log")),
    ],
)
def test_what_is_no_call_is_no_dead_letter(value: Any) -> None:
    assert fragments_of(value) == ()


@pytest.mark.parametrize("path", build.messages("openlit-1.45", "pb")[-2:], ids=lambda path: path.name)
def test_metrics_hold_nothing(path: Any) -> None:
    assert MetricsData.FromString(path.read_bytes()).resource_metrics
    assert fragments_of(path.read_bytes()) == ()


def test_profiles_hold_nothing() -> None:
    profiles = ProfilesData()
    profile = profiles.resource_profiles.add().scope_profiles.add().profiles.add()
    profile.period = 10
    profile.time_unix_nano = build.START_NS
    profiles.dictionary.string_table.append("cpu")
    assert fragments_of(profiles.SerializeToString()) == ()


# ---------------------------------------------------------------------------------------------- broken items


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"traceId": ""}, "a span without a trace id or a span id"),
        ({"traceId": "0" * 32}, "a span without a trace id or a span id"),
        ({"spanId": "not an id"}, "a span without a trace id or a span id"),
        ({"startTimeUnixNano": "0"}, "a span without a time at which it started, or ended"),
        ({"endTimeUnixNano": None}, "a span without a time at which it started, or ended"),
        ({"startTimeUnixNano": 10**30}, "a span without a time at which it started, or ended"),
    ],
)
def test_an_inference_span_without_ids_or_times_is_a_dead_letter(fields: dict[str, Any], detail: str) -> None:
    (letter,) = dead_letters_of(traces(span(chat(), **fields)))
    assert (letter.reason, letter.detail) == ("invalid_record", detail)
    assert dead_letters_of(traces(span({"http.route": "/"}, **fields))) == ()


def test_a_span_that_ended_before_it_started_has_no_duration() -> None:
    assert plain_call(chat(), endTimeUnixNano="1").duration_ms is None


def test_one_broken_span_costs_its_neighbours_nothing() -> None:
    decoded = decode(record(traces(span(chat()), span(chat(), traceId="x"), span(chat()))))
    assert [fragment.call.source.item for fragment in decoded.fragments if fragment.call] == [0, 2]
    assert [letter.item for letter in decoded.dead_letters] == [1]


def test_one_broken_span_of_protobuf_costs_its_neighbours_nothing() -> None:
    whole = proto_of(traces(span(chat(), name="broken name"), span(chat())))
    decoded = decode(record(whole.replace(b"broken name", b"broken \xff\xfe\xfd\xfc")))
    assert len(decoded.fragments) == 1
    assert [(letter.reason, letter.detail) for letter in decoded.dead_letters] == [
        ("invalid_record", "not a Protobuf Span")
    ]


def test_one_broken_resource_costs_its_neighbours_nothing() -> None:
    broken, sound = traces(span(chat()), resource={"team": "unreadable"}), traces(span(chat()))
    value = proto_of(broken).replace(b"unreadable", b"\xff" * 10) + proto_of(sound)
    decoded = decode(record(value))
    assert len(decoded.fragments) == 1
    assert [letter.detail for letter in decoded.dead_letters] == ["not a Protobuf Resource"]


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_nested_deeper_than_anybodys_is_refused() -> None:
    assert fragments_of(traces(span(chat(x=nested(wire.MAX_DEPTH)))))
    (letter,) = dead_letters_of(traces(span(chat(x=nested(wire.MAX_DEPTH + 2)))))
    assert letter.reason == "too_deep"


def test_a_span_with_more_attributes_than_anybodys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ATTRIBUTES", 5)
    assert fragments_of(traces(span(chat(a=1, b=2, c=3, d=4))))
    (letter,) = dead_letters_of(traces(span(chat(a=1, b=2, c=3, d=4, e=5))))
    assert letter.reason == "too_large"


def test_a_record_of_too_many_calls_is_read_to_the_limit() -> None:
    decoded = decode(record(traces(*(span(chat()) for _ in range(5)))), max_items=3)
    assert len(decoded.fragments) == 3
    assert [letter.reason for letter in decoded.dead_letters] == ["too_large"]


@pytest.mark.parametrize(
    "value",
    [
        b"\x0a\x00" * 12,
        b"\x0a\x18" + b"\x12\x00" * 12,
        b"\x0a\x1a\x12\x18" + b"\x12\x00" * 12,
        b"\x0a\x1c\x12\x1a\x12\x18" + b"\x18\x00" * 12,
    ],
    ids=["resources", "scopes", "spans", "fields of a span"],
)
def test_a_message_of_more_fields_than_anybodys_is_refused(
    value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dead_letters_of(value) == ()
    monkeypatch.setattr(proto_wire, "MAX_FIELDS", 10)
    (letter,) = dead_letters_of(value)
    assert (letter.reason, letter.detail) == ("too_large", "Protobuf with more than 10 fields")


def test_a_span_of_more_events_than_anybodys_is_refused() -> None:
    data = TracesData()
    item = data.resource_spans.add().scope_spans.add().spans.add(kind=SpanProto.SPAN_KIND_CLIENT)
    for _ in range(wire.MAX_ATTRIBUTES + 1):
        item.events.add()
    (letter,) = dead_letters_of(data.SerializeToString())
    assert letter.reason == "too_large"


@pytest.mark.parametrize(
    "message",
    [
        {"resourceSpans": [{}, {}, {}]},
        {"resourceLogs": [{}, {}, {}]},
        {"resourceSpans": [{"scopeSpans": [{}, {}, {}]}]},
    ],
)
def test_a_message_of_more_resources_or_scopes_than_anybodys_is_refused(
    message: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dead_letters_of(message) == ()
    monkeypatch.setattr(wire, "MAX_ORIGINS", 2)
    (letter,) = dead_letters_of(message)
    assert letter.reason == "too_large"


# ------------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"stringValue": "a"}, "a"),
        ({"string_value": "a"}, "a"),
        ({"boolValue": False}, False),
        ({"intValue": "-12"}, -12),
        ({"intValue": 12}, 12),
        ({"intValue": "9" * 5000}, 0),
        ({"intValue": "\u0661\u0662"}, 0),
        ({"intValue": "--1"}, 0),
        ({"intValue": "-"}, 0),
        ({"doubleValue": 1.5}, 1.5),
        ({"doubleValue": "NaN"}, None),
        ({"bytesValue": "aGk="}, b"hi"),
        ({"arrayValue": {"values": [{"intValue": 1}, {}]}}, [1, None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}, {"a": "b"}),
        ({"kvlistValue": {}}, {}),
        ({}, None),
        ("text", None),
    ],
)
def test_every_kind_of_value_is_read(value: Any, read: Any) -> None:
    message = logs({**log("e"), "body": value})
    (item,) = json_wire.items(message)
    assert isinstance(item, Item)
    assert item.read().item.body == read  # type: ignore[union-attr]


def test_a_double_that_json_cannot_hold_is_none_in_protobuf_too() -> None:
    data = LogsData()
    item = data.resource_logs.add().scope_logs.add().log_records.add()
    item.observed_time_unix_nano = build.START_NS
    item.body.double_value = float("inf")
    (found,) = proto_wire.items(data.SerializeToString())
    assert isinstance(found, Item)
    assert found.read().item.body is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "value",
    [
        b"\n",
        b"\n\x05abc",
        b"\x0a\x02\x08\x01\x08\x01",
        b"\n{}",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ],
)
def test_bytes_that_are_no_message_are_not_recognised(value: bytes) -> None:
    assert not proto_wire.recognises(value)


def test_what_is_no_message_is_a_dead_letter_where_one_was_expected() -> None:
    decoded = decode(record(b"\x0a\x05abc"), format="otlp-proto")
    assert [letter.reason for letter in decoded.dead_letters] == [DeadLetterReason.INVALID_RECORD]


def test_an_item_that_could_not_be_read_says_why() -> None:
    (bad,) = proto_wire.items(b"\x0a\x01\x0f")
    assert isinstance(bad, BadInput)
