"""OpenInference: bodies where spans have them, flattened attributes where they don't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import Call, ContractKind, Document, ErrorCategory, FinishReason, FragmentKind, Status
from tests.agreement import OTLP, calls
from tests.decode.otlp.build import call_of, fragment_of, fragments_of, span, traces

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
REQUEST = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "How tall?"}],
    "tools": [TOOL],
    "tool_choice": "required",
    "stream": True,
}
CALLED = {"id": "c1", "function": {"name": "look", "arguments": '{"a": 1}'}}
RESPONSE = {
    "id": "r1",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"message": {"tool_calls": [CALLED]}, "finish_reason": "tool_calls"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}
FLAT = {
    "llm.model_name": "m-1",
    "llm.provider": "openai",
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.contents.0.message_content.type": "text",
    "llm.input_messages.0.message.contents.0.message_content.text": "Be brief.",
    "llm.input_messages.1.message.role": "tool",
    "llm.input_messages.1.message.tool_call_id": "c0",
    "llm.input_messages.1.message.content": "42 m",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"a": 1}',
    "llm.finish_reason": "tool_calls",
    "llm.tools.0.tool.json_schema": json.dumps({"name": "look", "input_schema": SCHEMA}),
    "llm.invocation_parameters": '{"model": "m", "response_format": {"type": "json_object"}}',
    "llm.token_count.prompt": 7,
    "llm.token_count.completion": 3,
    "llm.token_count.prompt_details.cache_read": 2,
}


def read(values: dict[str, Any], **fields: Any) -> Call:
    return call_of(traces(span({"openinference.span.kind": "LLM", **values}, **fields)))


def raw(request: Any = REQUEST, response: Any = RESPONSE, **values: Any) -> Call:
    return read({"input.value": json.dumps(request), "output.value": json.dumps(response), **values})


def test_bodies_are_read_as_the_pair_that_they_are() -> None:
    call = raw(**{"llm.model_name": "gpt-4o-2024-08-06", "llm.system": "openai"})
    assert (call.call_id, call.provider, call.stream) == ("r1", "openai", True)
    assert (call.model_requested, call.model_served) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert call.contract.kind is ContractKind.TOOL
    assert call.tools[0].schema == SCHEMA
    assert call.outputs[0].tool_calls[0].arguments == '{"a": 1}'
    assert (call.usage.input_tokens, call.usage.output_tokens) == (7, 3)
    assert call.captured.input
    assert call.captured.output


def test_a_fragment_has_the_providers_id_and_waits_for_nothing() -> None:
    values = {"openinference.span.kind": "LLM", "input.value": json.dumps(REQUEST)}
    fragment = fragment_of(traces(span({**values, "output.value": json.dumps(RESPONSE)}), scope="oi"))
    assert (fragment.response_id, fragment.emitter, fragment.settled) == ("r1", "oi", True)


def test_a_refusal_stays_one() -> None:
    choice = {"message": {"refusal": "I can't."}, "finish_reason": "stop"}
    assert raw(response={"choices": [choice]}).outputs[0].refusal == "I can't."


def test_what_a_client_sends_besides_is_part_of_the_request() -> None:
    format_ = {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}
    contract = raw({**REQUEST, "extra_body": {"response_format": format_}}).contract
    assert (contract.kind, contract.schema, contract.strict) == (ContractKind.JSON_SCHEMA, SCHEMA, True)


@pytest.mark.parametrize(
    ("system", "tool"),
    [("openai", TOOL), ("anthropic", {"name": "look", "input_schema": SCHEMA})],
)
def test_a_request_without_an_answer_is_read_as_its_provider_has_it(system: str, tool: Any) -> None:
    exception = {"name": "exception", "timeUnixNano": "1"}
    call = read(
        {"input.value": json.dumps({**REQUEST, "tools": [tool]}), "llm.system": system},
        status={"code": 2, "message": "RateLimitError: Error code: 429 - slow down"},
        events=[exception],
    )
    assert call.status is Status.ERROR
    assert call.error
    assert (call.error.category, call.error.http_status) == (ErrorCategory.RATE_LIMIT, 429)
    assert call.tools[0].schema == SCHEMA
    assert call.captured.input
    assert not call.captured.output


def test_flattened_attributes_stand_in_for_bodies() -> None:
    call = read(FLAT)
    assert [(message.role, message.parts[0].content) for message in call.input] == [
        ("system", "Be brief."),
        ("tool", "42 m"),
    ]
    (output,) = call.outputs
    assert (output.finish_reason, output.tool_calls[0].arguments) == (FinishReason.TOOL_CALL, '{"a": 1}')
    assert call.tools[0].schema == SCHEMA
    assert call.contract.kind is ContractKind.JSON_OBJECT
    assert (call.model_requested, call.model_served, call.provider) == ("m", "m-1", "openai")
    assert (call.usage.input_tokens, call.usage.cache_read_tokens) == (7, 2)
    assert call.captured.input
    assert call.captured.output


def test_a_frameworks_own_shapes_are_no_bodies() -> None:
    call = read({**FLAT, "input.value": '{"messages": [[{"lc": 1}]]}', "output.value": '{"generations": []}'})
    assert len(call.input) == 2
    assert call.outputs[0].tool_calls


def test_a_streams_text_is_its_answer() -> None:
    call = read({"input.value": json.dumps(REQUEST), "output.value": "It is 42 m."})
    assert call.outputs[0].text == "It is 42 m."
    assert call.model_requested == "gpt-4o"
    assert call.captured.output


def test_hidden_content_is_not_captured() -> None:
    values = {"input.value": "__REDACTED__", "output.value": "__REDACTED__", "llm.model_name": "m"}
    hidden = read(values)
    assert not hidden.captured.input
    assert not hidden.captured.output
    text = {
        "llm.input_messages.0.message.content": "__REDACTED__",
        "llm.input_messages.0.message.role": "user",
    }
    assert not read(text).captured.input


def test_without_parameters_nobody_knows_what_was_promised() -> None:
    assert read({"llm.input_messages.0.message.content": "hi"}).contract.kind is ContractKind.UNKNOWN


def test_an_answer_that_lost_its_tool_call_is_not_captured() -> None:
    values = {"llm.output_messages.0.message.role": "assistant", "llm.finish_reason": "tool_calls"}
    assert not read(values).captured.output


@pytest.mark.parametrize("kind", ["CHAIN", "AGENT", "TOOL", "EMBEDDING", "PROMPT", "GUARDRAIL", "?", 7])
def test_other_kinds_are_no_calls(kind: Any) -> None:
    assert fragments_of(traces(span({**FLAT, "openinference.span.kind": kind}))) == ()


def test_a_retriever_brings_passages() -> None:
    flat = {
        "retrieval.documents.0.document.content": "It is 42 m.",
        "retrieval.documents.0.document.metadata": '{"source": "kb://1"}',
    }
    ranked = {
        "reranker.output_documents.0.document.content": "42",
        "reranker.output_documents.0.document.id": "7",
    }
    listed = {"output.value": '{"documents": [{"page_content": "It is 42 m.", "id": "1"}]}'}
    for kind, values, expected in (
        ("RETRIEVER", flat, Document("It is 42 m.", "kb://1", "retrieval")),
        ("RERANKER", ranked, Document("42", "7", "retrieval")),
        ("RETRIEVER", listed, Document("It is 42 m.", "1", "retrieval")),
    ):
        fragment = fragment_of(traces(span({"openinference.span.kind": kind, **values})))
        assert (fragment.kind, fragment.documents) == (FragmentKind.DOCUMENTS, (expected,))


def test_a_retriever_that_found_nothing_brings_nothing() -> None:
    assert fragments_of(traces(span({"openinference.span.kind": "RETRIEVER"}))) == ()


def test_recorded_calls_are_whole() -> None:
    openai, anthropic = (
        calls(OTLP / name) for name in ("openinference-openai-0.1.66", "openinference-anthropic-3.1.0")
    )
    assert (len(openai), len(anthropic)) == (40, 30)
    assert all(call.captured.output or call.error for call in (*openai, *anthropic))
    assert sum(call.captured.schema and call.contract.schema is not None for call in openai) == 7
    assert sum(call.stream is True for call in openai) == 12


def test_recorded_calls_of_langchain_stand_on_what_its_retriever_found() -> None:
    found = calls(OTLP / "openinference-langchain-0.1.80_rag")
    assert [len(call.documents) for call in found] == [3] * 15
    assert {(call.model_requested, call.model_served) for call in found} == {("gpt-4o", "gpt-4-0613")}
