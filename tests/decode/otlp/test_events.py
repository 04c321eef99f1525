from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from monitor.decode import decode
from monitor.decode.assemble import Waits, arrived, assemble
from monitor.decode.otlp.events import DETAILS
from monitor.records import Call, ContractKind, FinishReason, Fragment, FragmentKind, Part, PartType, ToolCall
from tests.decode.build import RECEIVED, record
from tests.decode.otlp import build
from tests.decode.otlp.build import (
    OTLP,
    attributes,
    chat,
    fragment_of,
    fragments_of,
    log,
    logs,
    messages,
    recorded,
    span,
    told,
    traces,
    words,
)

WEATHER = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ro'}}
CONTENT = {
    "gen_ai.input.messages": told(words("hi"), role="user"),
    "gen_ai.output.messages": told(words("hello")),
}


def piece_of(name: str, body: Any, **fields: Any) -> Call:
    """What the only fragment of one event says, which is a piece of a call."""
    fragment = fragment_of(logs(log(name, body, **fields)))
    assert fragment.kind is FragmentKind.CONTENT
    assert fragment.piece
    assert fragment.call is not None
    return fragment.call


# ---------------------------------------------------------------------------------------- a call in one event


def test_the_event_of_a_call_is_content_of_its_span() -> None:
    values = {**chat(response__id="r1", usage__input_tokens=7, request__model="m"), **CONTENT}
    fragment = fragment_of(logs(log(DETAILS, None, values)))
    assert fragment.kind is FragmentKind.CONTENT
    assert not fragment.piece
    assert (fragment.group, fragment.span_id, fragment.response_id) == (build.TRACE_ID, build.SPAN_ID, "r1")
    call = fragment.call
    assert call is not None
    assert (call.model_requested, call.usage.input_tokens, call.duration_ms) == ("m", 7, None)
    assert call.outputs[0].text == "hello"
    assert call.captured.input
    assert call.captured.output


def test_structured_attributes_say_the_same_as_json_text() -> None:
    structured = {name: json.loads(value) for name, value in CONTENT.items()}
    as_text = fragment_of(logs(log(DETAILS, None, {**chat(), **CONTENT})))
    assert fragment_of(logs(log(DETAILS, None, {**chat(), **structured}))) == as_text


@pytest.mark.parametrize("operation", ["invoke_agent", "embeddings"])
def test_the_event_of_another_operation_is_no_content(operation: str) -> None:
    assert fragments_of(logs(log(DETAILS, None, {**CONTENT, "gen_ai.operation.name": operation}))) == ()


def test_openlits_event_belongs_to_its_response_whatever_span_it_names() -> None:
    values = {**chat(response__id="r1"), **CONTENT}
    events = (log(DETAILS, None, values | {"gen_ai.usage.output_tokens": count}) for count in (1, 2))
    first, second = fragments_of(logs(*events, scope="openlit.x"))
    assert first.group == second.group == build.TRACE_ID
    assert len({first.span_id, second.span_id, build.SPAN_ID}) == 3
    assert first.response_id == "r1"


@pytest.mark.parametrize("ids", [{"traceId": "", "spanId": ""}, {"traceId": "0" * 32, "spanId": "0" * 16}])
def test_an_event_outside_of_any_span_is_by_itself(ids: dict[str, str]) -> None:
    values = {**chat(), **CONTENT}
    asked = (values, values, {**values, "gen_ai.request.model": "other"})
    first, again, other = fragments_of(logs(*(log(DETAILS, None, said, **ids) for said in asked)))
    assert first.group == first.span_id == again.group == again.span_id
    assert other.group == other.span_id != first.group


@pytest.mark.parametrize(
    ("index", "choice"), [(0, 0), (2, 2), (None, 0), (-1, 0), (10**30, 0), ("1", 0)], ids=str
)
def test_a_choice_has_its_number(index: Any, choice: int) -> None:
    body = {"index": index, "finish_reason": "stop", "message": {"content": "hi"}}
    assert (
        fragment_of(logs({**log("gen_ai.choice"), "body": {"stringValue": json.dumps(body)}})).choice
        == choice
    )


def test_an_event_without_a_time_is_a_dead_letter() -> None:
    event = log("gen_ai.choice", {}, observedTimeUnixNano="0")
    assert [letter.reason for letter in decode(record(logs(event))).dead_letters] == ["invalid_record"]


# ---------------------------------------------------------------------------------- an event for each message


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_an_event_of_a_message_has_the_role_of_its_name(role: str) -> None:
    (message,) = piece_of(f"gen_ai.{role}.message", {"content": "hi"}).input
    assert (message.role, message.parts) == (role, (Part(content="hi"),))


def test_an_event_is_known_by_its_field_or_by_its_attribute() -> None:
    by_attribute = log("", {"content": "hi"}, {"event.name": "gen_ai.user.message"})
    assert fragment_of(logs(by_attribute)).call == piece_of("gen_ai.user.message", {"content": "hi"})


def test_a_body_may_be_json_text() -> None:
    as_text = piece_of("gen_ai.user.message", '{"content": "hi"}')
    assert as_text == piece_of("gen_ai.user.message", {"content": "hi"})


def test_a_body_that_names_a_role_is_believed() -> None:
    (message,) = piece_of("gen_ai.user.message", {"content": "hi", "role": "developer"}).input
    assert message.role == "developer"


def test_a_tools_message_answers_its_call() -> None:
    (message,) = piece_of("gen_ai.tool.message", {"content": "sunny", "id": "c1"}).input
    assert message.parts == (Part(PartType.TOOL_RESULT, "sunny", id="c1"),)


@pytest.mark.parametrize(
    "body",
    [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"role": "assistant", "tool_calls": [WEATHER]},
        },
        {"index": 0, "finish_reason": "tool_calls", "message": {"content": ""}, "tool_calls": [WEATHER]},
    ],
)
def test_arguments_of_a_choice_are_what_the_model_wrote_wherever_the_calls_stand(
    body: dict[str, Any],
) -> None:
    call = piece_of("gen_ai.choice", body)
    (output,) = call.outputs
    assert output.tool_calls == (ToolCall("weather", '{"city": "Ro', "c1"),)
    assert output.finish_reason is FinishReason.TOOL_CALL
    assert call.captured.output
    assert not call.captured.input


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gen_ai.user.message", {}),
        ("gen_ai.user.message", None),
        ("gen_ai.user.message", "cut off {"),
        ("gen_ai.assistant.message", {"tool_calls": [{"id": "c1", "function": {"name": "weather"}}]}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}),
    ],
)
def test_an_event_without_content_captures_nothing(name: str, body: Any) -> None:
    captured = piece_of(name, body).captured
    assert not captured.input
    assert not captured.output


def test_a_piece_says_nothing_of_tools_or_of_what_was_promised() -> None:
    call = piece_of("gen_ai.choice", {"message": {"content": "hi"}})
    assert not call.captured.tools
    assert call.contract.kind is ContractKind.UNKNOWN


def test_events_that_a_span_carries_itself_are_content_too() -> None:
    said = {"gen_ai.event.content": '{"message": {"content": "hello"}, "finish_reason": "stop"}'}
    event = {"name": "gen_ai.choice", "timeUnixNano": str(build.START_NS), "attributes": attributes(said)}
    call, content = fragments_of(traces(span(chat(), events=[event, {"name": "exception"}])))
    assert (call.kind, content.kind) == (FragmentKind.CALL, FragmentKind.CONTENT)
    assert content.span_id == call.span_id
    assert content.call is not None
    assert content.call.outputs[0].text == "hello"


def test_the_body_alone_as_the_encoding_raw_leaves_it_is_of_no_format() -> None:
    decoded = decode(record({"content": "hi"}))
    assert [letter.reason for letter in decoded.dead_letters] == ["unknown_format"]


# ---------------------------------------------------------------------------------- spans and events together


def _calls(emitter: str) -> tuple[Call, ...]:
    """The calls of an emitter's messages, when nothing more is waited for."""
    found: list[Fragment] = []
    for offset, path in enumerate(messages(emitter, "pb")):
        found += decode(recorded(path, offset)).fragments
    return assemble(arrived(found, RECEIVED), RECEIVED + timedelta(hours=1), Waits()).calls


@pytest.mark.parametrize(
    ("emitter", "calls", "inputs", "outputs"),
    [
        ("openlit-1.45", 40, 37, 37),
        ("otel-genai-anthropic-1.3b0_both", 30, 25, 28),
        ("otel-genai-openai-1.3b0_both", 40, 37, 37),
        ("otel-genai-openai-1.3b0_event", 40, 39, 38),
        ("otel-genai-openai-1.3b0_nocontent", 10, 0, 0),
        ("otel-genai-openai-1.3b0_span", 40, 40, 39),
        ("otel-openai-v2-2.1b0_legacy-events", 24, 24, 21),
        ("otel-openai-v2-2.4b0_default", 30, 30, 28),
        ("otel-openai-v2-2.4b0_experimental", 19, 19, 17),
        ("traceloop-anthropic-0.62.4", 30, 30, 29),
        ("traceloop-openai-0.62.4", 40, 40, 38),
    ],
)
def test_spans_and_events_of_one_call_become_one_call(
    emitter: str, calls: int, inputs: int, outputs: int
) -> None:
    found = _calls(emitter)
    assert len(found) == calls
    assert sum(call.captured.input for call in found) == inputs
    assert sum(call.captured.output for call in found) == outputs


def test_a_recorded_call_has_the_id_of_its_trace() -> None:
    index = json.loads((OTLP / "otel-genai-openai-1.3b0_event" / "index.json").read_bytes())
    traced = {call["trace_id"] for call in index["calls"]}
    assert {call.trace_id for call in _calls("otel-genai-openai-1.3b0_event")} == traced
