from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    Part,
    PartType,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)
from tests.decode.build import call_of, pair, sse, tokens

SCHEMA = {"type": "object"}
HELLO = {"model": "command-x", "messages": [{"role": "user", "content": "hello"}]}


def _body(*content: dict[str, Any], finish: str = "COMPLETE", **message: Any) -> dict[str, Any]:
    return {"id": "r", "message": {"content": list(content), **message}, "finish_reason": finish}


def _asked(**fields: Any) -> Call:
    return call_of(pair("cohere.chat", {**HELLO, **fields}, _body({"type": "text", "text": "hi"})))


def _answered(*content: dict[str, Any], **fields: Any) -> Call:
    return call_of(pair("cohere.chat", HELLO, _body(*content, **fields)))


@pytest.mark.parametrize(
    ("wanted", "contract"),
    [
        (None, Contract(ContractKind.NONE)),
        ({"type": "text"}, Contract(ContractKind.NONE)),
        ({"type": "json_object"}, Contract(ContractKind.JSON_OBJECT)),
        ({"type": "json_object", "json_schema": SCHEMA}, Contract(ContractKind.JSON_SCHEMA, SCHEMA)),
        ({"type": "json_object", "schema": SCHEMA}, Contract(ContractKind.JSON_SCHEMA, SCHEMA)),
    ],
)
def test_the_contract(wanted: Any, contract: Contract) -> None:
    assert _asked(response_format=wanted).contract == contract


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        (None, ToolChoice()),
        ("REQUIRED", ToolChoice("required")),
        ("NONE", ToolChoice("none")),
        ({}, ToolChoice()),
    ],
)
def test_the_tool_choice(value: Any, choice: ToolChoice) -> None:
    assert _asked(tool_choice=value).tool_choice == choice


def test_the_tools() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    assert _asked(tools=tools, strict_tools=True).tools == (Tool("f", schema=SCHEMA, strict=True),)
    assert _asked(tools=tools).tools == (Tool("f", schema=SCHEMA),)


def test_documents_are_context_wherever_they_stand() -> None:
    block = {"type": "document", "document": {"id": "2", "data": {"title": "T", "text": "block"}}}
    call = _asked(
        documents=["plain", {"id": "1", "data": {"text": "given", "year": 3}}, {"id": "3", "data": "text"}],
        messages=[
            {"role": "user", "content": "q"},
            {"role": "tool", "tool_call_id": "t", "content": [block, {"type": "text", "text": "and"}]},
        ],
    )
    assert call.documents == (
        Document("plain", None, "message"),
        Document("given", "1", "message"),
        Document("text", "3", "message"),
        Document("T\nblock", "2", "tool_result"),
    )
    assert call.input[1].parts == (Part(PartType.TOOL_RESULT, "T\nblock\nand", id="t"),)


def test_the_answer() -> None:
    sources = [
        {"type": "document", "id": "doc:0", "document": {"id": "doc:0", "text": "passage", "title": "a.txt"}}
    ]
    calls = [
        {"id": "1", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "2", "function": {"name": "now", "arguments": "null"}},
    ]
    call = _answered(
        {"type": "thinking", "thinking": "thought"},
        {"type": "text", "text": "x"},
        finish="TOOL_CALL",
        tool_calls=calls,
        citations=[{"text": "x", "sources": sources}] * 2,
    )
    (output,) = call.outputs
    assert (output.text, output.reasoning, output.citations) == ("x", "thought", ("a.txt",))
    assert output.tool_calls == (ToolCall("f", '{"a":1}', "1"), ToolCall("now", "{}", "2"))
    assert (output.finish_reason, call.call_id) == (FinishReason.TOOL_CALL, "r")
    assert call.documents == (Document("passage", "doc:0", "citation"),)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("STOP_SEQUENCE", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("ERROR", FinishReason.ERROR),
        ("ERROR_TOXIC", FinishReason.CONTENT_FILTER),
        ("else", FinishReason.UNKNOWN),
    ],
)
def test_the_finish_reason(finish: str, reason: FinishReason) -> None:
    assert _answered({"text": "x"}, finish=finish).outputs[0].finish_reason is reason


def test_tokens_are_those_processed_images_among_them() -> None:
    usage = {
        "billed_units": {"input_tokens": 1},
        "tokens": {"input_tokens": 34, "image_tokens": 259, "output_tokens": 70, "reasoning_tokens": 9},
        "cached_tokens": 7,
    }
    call = call_of(pair("cohere.chat", HELLO, {**_body({"text": "x"}), "usage": usage}))
    assert tokens(call.usage) == Usage(293, 70, cache_read_tokens=7, reasoning_tokens=9)


def _event(kind: str, message: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


EVENTS: list[dict[str, Any]] = [
    {"type": "message-start", "id": "r", "delta": {"message": {"role": "assistant"}}},
    _event("tool-plan-delta", {"tool_plan": "a plan"}),
    _event("content-start", {"content": {"type": "text", "text": ""}}),
    _event("content-delta", {"content": {"text": "Hel"}}),
    _event("content-delta", {"content": {"text": "lo"}}),
    _event("tool-call-start", {"tool_calls": {"id": "1", "function": {"name": "f", "arguments": ""}}}),
    _event("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"a":'}}}),
    _event("tool-call-delta", {"tool_calls": {"function": {"arguments": "1}"}}}),
    _event("citation-start", {"citations": {"text": "x", "sources": [{"type": "tool", "id": "t:0"}]}}),
    {
        "type": "message-end",
        "delta": {"finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 3}}},
    },
]


@pytest.mark.parametrize(
    "body", [sse(*EVENTS), EVENTS, "\n".join(map(json.dumps, EVENTS))], ids=["sse", "list", "lines"]
)
def test_a_stream_is_put_together(body: Any) -> None:
    call = call_of(pair("cohere.chat", HELLO, body))
    (output,) = call.outputs
    assert (output.text, output.reasoning, output.citations) == ("Hello", "a plan", ("t:0",))
    assert output.tool_calls == (ToolCall("f", '{"a":1}', "1"),)
    assert (tokens(call.usage), call.call_id, call.stream) == (Usage(3), "r", True)


def test_a_message_that_ends_in_an_error_is_an_error_with_its_text() -> None:
    end = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "internal"}}
    call = call_of(pair("cohere.chat", HELLO, sse(*EVENTS[:5], end)))
    assert call.error is not None
    assert (call.outputs[0].text, call.outputs[0].finish_reason) == ("Hello", FinishReason.ERROR)


# ---------------------------------------------------------------------------------------------- version 1

FIRST = {
    "model": "command-x",
    "preamble": "s",
    "message": "and now",
    "chat_history": [
        {"role": "USER", "message": "hi"},
        {"role": "CHATBOT", "message": "yes", "tool_calls": [{"name": "f", "parameters": {"a": 1}}]},
    ],
    "tool_results": [{"call": {"name": "f"}, "outputs": [{"b": 2}]}],
    "documents": [{"id": "1", "title": "T", "snippet": "passage"}],
    "tools": [
        {
            "name": "f",
            "description": "d",
            "parameter_definitions": {"a": {"type": "int", "required": True}, "b": {"type": "List[str]"}},
        }
    ],
}
ANSWER = {
    "text": "x",
    "generation_id": "g",
    "finish_reason": "COMPLETE",
    "citations": [{"text": "x", "document_ids": ["1"]}],
    "documents": [{"id": "web", "snippet": "looked up", "url": "https://a"}],
    "meta": {"tokens": {"input_tokens": 3, "output_tokens": 2}},
}


def test_the_first_versions_request() -> None:
    call = call_of(pair("cohere.chat.v1", FIRST, ANSWER))
    assert [(message.role, message.parts) for message in call.input] == [
        ("system", (Part(content="s"),)),
        ("user", (Part(content="hi"),)),
        ("assistant", (Part(content="yes"), Part(PartType.TOOL_CALL, name="f", arguments='{"a":1}'))),
        ("user", (Part(content="and now"),)),
        ("tool", (Part(PartType.TOOL_RESULT, '[{"b":2}]', name="f"),)),
    ]
    properties: dict[str, Any] = {"a": {"type": "integer"}, "b": {}}
    schema = {"type": "object", "properties": properties, "required": ["a"]}
    assert call.tools == (Tool("f", description="d", schema=schema),)


def test_the_first_versions_answer() -> None:
    call = call_of(pair("cohere.chat.v1", FIRST, ANSWER))
    (output,) = call.outputs
    assert (output.text, output.citations, output.finish_reason) == ("x", ("1",), FinishReason.STOP)
    assert (tokens(call.usage), call.call_id) == (Usage(3, 2), "g")
    assert call.documents == (
        Document("T\npassage", "1", "message"),
        Document("looked up", "web", "retrieval"),
    )


def test_the_first_version_calls_tools_and_says_that_it_completed() -> None:
    called = {**ANSWER, "text": "", "tool_calls": [{"name": "f", "parameters": {"a": 1}}]}
    (output,) = call_of(pair("cohere.chat.v1", FIRST, called)).outputs
    assert output.tool_calls == (ToolCall("f", '{"a":1}'),)
    assert output.finish_reason is FinishReason.TOOL_CALL


FIRST_EVENTS: list[dict[str, Any]] = [
    {"is_finished": False, "event_type": "stream-start", "generation_id": "g"},
    {"is_finished": False, "event_type": "text-generation", "text": "Hel"},
    {"is_finished": False, "event_type": "text-generation", "text": "lo"},
]


def test_the_first_versions_stream_ends_with_the_response() -> None:
    end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": ANSWER}
    call = call_of(pair("cohere.chat", FIRST, "\n".join(json.dumps(one) for one in (*FIRST_EVENTS, end))))
    assert (call.outputs[0].text, tokens(call.usage)) == ("x", Usage(3, 2))


def test_the_first_versions_cut_stream_keeps_its_text() -> None:
    (output,) = call_of(pair("cohere.chat.v1", FIRST, FIRST_EVENTS)).outputs
    assert (output.text, output.finish_reason) == ("Hello", FinishReason.UNKNOWN)


def test_an_answer_of_another_api_at_the_path_is_read_as_what_it_is() -> None:
    answer = {
        "object": "chat.completion",
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
    }
    call = call_of(
        {"request": {"url": "https://api.writer.com/v1/chat", "body": HELLO}, "response": {"body": answer}}
    )
    assert (call.outputs[0].text, call.provider) == ("x", "api.writer.com")
