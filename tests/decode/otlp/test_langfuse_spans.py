"""Spans of Langfuse's SDKs: generations and retrievers, as OpenAI's client and as applications write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.decode import decode
from monitor.decode.dimensions import Mapping
from monitor.records import Call, ContractKind, Document, ErrorCategory, FragmentKind, Status
from tests.agreement import OTLP, calls
from tests.decode.build import record
from tests.decode.otlp.build import START_NS, call_of, fragment_of, fragments_of, span, traces

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CLIENT = {"temperature": 1, "max_tokens": "Infinity", "frequency_penalty": 0, "presence_penalty": 0}
ASKED = [{"role": "user", "content": "How tall?"}]
FUNCTION = {"name": "look", "parameters": SCHEMA}
CALL = {"id": "c1", "function": {"name": "look", "arguments": "{"}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}
WRITTEN = ['{\n  "output": 7\n}', "[1, 2]", '```json\n{"a": 1}\n```', "7", '[{"a": 1}]']
FIRST_TOKEN = datetime.fromtimestamp(START_NS / 1e9, UTC) + timedelta(milliseconds=50)


def read(given: Any = ASKED, output: Any = "42 m", *, client: bool = True, **values: Any) -> Call:
    observed = {
        "type": "generation",
        "input": given if isinstance(given, str) else json.dumps(given),
        "output": output if isinstance(output, str) else json.dumps(output),
        "model.name": "gpt-4o-1",
        "model.parameters": json.dumps(CLIENT if client else {"temperature": 1}),
        **{name.replace("__", "."): value for name, value in values.items()},
    }
    fields = values.pop("fields", {})
    return call_of(traces(span({f"langfuse.observation.{n}": v for n, v in observed.items()}, **fields)))


def test_messages_and_text_are_a_call() -> None:
    counts = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
    call = read(usage_details=json.dumps(counts), completion_start_time=json.dumps(FIRST_TOKEN.isoformat()))
    assert (call.input[0].role, call.outputs[0].text) == ("user", "42 m")
    assert (call.usage.input_tokens, call.usage.cache_read_tokens) == (7, 2)
    assert call.stream
    assert call.ttft_ms == pytest.approx(50.0)
    assert (call.provider, call.contract.kind) == ("openai", ContractKind.NONE)
    assert call.captured.input
    assert call.captured.output
    assert call.captured.tools


def test_openais_client_names_the_model_that_answered_and_others_the_one_they_asked() -> None:
    ours, theirs = read(), read(client=False)
    assert (ours.model_requested, ours.model_served) == ("", "gpt-4o-1")
    assert (theirs.model_requested, theirs.model_served) == ("gpt-4o-1", "")
    assert theirs.contract.kind is ContractKind.UNKNOWN
    assert not theirs.captured.tools


def test_tools_formats_and_calls_are_read() -> None:
    format_ = {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}
    given = {"tools": [{"function": FUNCTION}], "messages": ASKED}
    call = read(given, CALLED, metadata__response_format=json.dumps(format_))
    assert (call.contract.kind, call.contract.schema, call.contract.strict) == (
        ContractKind.JSON_SCHEMA,
        SCHEMA,
        True,
    )
    assert (call.tools[0].name, call.tools[0].schema) == ("look", SCHEMA)
    assert call.outputs[0].tool_calls[0].arguments == "{"


def test_items_of_the_responses_api_are_read() -> None:
    given = {"input": ASKED, "tools": [{"type": "function", **FUNCTION}], "tool_choice": "required"}
    item = {"type": "function_call", "name": "look", "arguments": '{"a": 1}', "call_id": "c1"}
    call = read(given, item)
    assert call.outputs[0].tool_calls[0].arguments == '{"a": 1}'
    assert (call.tool_choice.mode, call.contract.kind) == ("required", ContractKind.TOOL)
    blocks = [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ho"}]}
    kept = json.dumps({"id": "conv_1"})
    call = read(blocks, [message], metadata__conversation=kept, metadata__id='"resp_1"')
    assert call.call_id == "resp_1"
    assert (call.input[0].parts[0].content, call.outputs[0].text) == ("hi", "ho")
    assert call.contract.kind is ContractKind.UNKNOWN
    assert not call.captured.input


@pytest.mark.parametrize("answer", WRITTEN)
def test_json_that_the_model_wrote_stays_as_it_wrote_it(answer: str) -> None:
    assert read(output=answer).outputs[0].text == answer


def test_where_nothing_is_left_of_an_answer_it_is_not_captured() -> None:
    assert not read(output={"role": "assistant", "content": None}).captured.output
    assert not read(output="", metadata__finish_reason='"tool_calls"').captured.output


def test_an_error_is_one_even_if_only_its_level_says_so() -> None:
    call = read(level="ERROR", status_message="Error code: 429 - slow down")
    assert (call.status, call.model_requested) == (Status.ERROR, "gpt-4o-1")
    assert call.error
    assert call.error.category is ErrorCategory.RATE_LIMIT


@pytest.mark.parametrize("output", [["It is 42 m."], {"documents": [{"page_content": "It is 42 m."}]}])
def test_a_retriever_brings_passages(output: Any) -> None:
    values = {"langfuse.observation.type": "retriever", "langfuse.observation.output": json.dumps(output)}
    fragment = fragment_of(traces(span(values)))
    assert (fragment.kind, fragment.documents) == (
        FragmentKind.DOCUMENTS,
        (Document("It is 42 m.", None, "retrieval"),),
    )


@pytest.mark.parametrize("kind", ["span", "agent", "tool", "embedding", "event", 7])
def test_other_observations_are_no_calls(kind: Any) -> None:
    assert fragments_of(traces(span({"langfuse.observation.type": kind}))) == ()


def test_recorded_generations_are_read() -> None:
    found = calls(OTLP / "langfuse-py-5")
    assert len(found) == 25
    assert sum(call.status is Status.ERROR for call in found) == 4
    assert sum(call.captured.output for call in found) == 20
    assert sum(call.stream is True for call in found) == 12
    assert all(call.ttft_ms is not None for call in found if call.stream)
    assert sum(bool(call.outputs and call.outputs[0].tool_calls) for call in found) == 11


@pytest.mark.parametrize(
    ("values", "agent"),
    [
        ({"langfuse.trace.tags": ["prod", "agent:billing"]}, "billing"),
        ({"langfuse.trace.tags": '["agent:billing"]'}, "billing"),
        ({"langfuse.trace.metadata.team": "search"}, "search"),
        ({"langfuse.observation.metadata.team": "mine", "langfuse.trace.metadata.team": "all"}, "mine"),
        ({"langfuse.trace.metadata.api_key": "LEAK"}, ""),
        ({"langfuse.trace.metadata.other": "x"}, ""),
    ],
)
def test_tags_and_metadata_can_be_dimensions(values: dict[str, Any], agent: str) -> None:
    mapping = Mapping({"agent": ("metadata.api_key", "tag.agent", "metadata.team")})
    value = traces(span({"langfuse.observation.type": "generation", **values}))
    (fragment,) = decode(record(value), mapping=mapping).fragments
    assert fragment.call is not None
    assert fragment.call.agent == agent
