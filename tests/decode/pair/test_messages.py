from __future__ import annotations

from typing import Any

import pytest

from monitor.records import (
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
TEXT = {"type": "text", "text": "hi"}


def _asked(**fields: Any) -> Any:
    request = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}], **fields}
    return call_of(pair("messages", request, _body(TEXT)))


def _body(*content: dict[str, Any], stop_reason: str = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg",
        "type": "message",
        "model": "m-1",
        "content": content,
        "stop_reason": stop_reason,
        **fields,
    }


def _answered(*content: dict[str, Any], **fields: Any) -> Any:
    return call_of(pair("messages", {"messages": []}, _body(*content, **fields)))


@pytest.mark.parametrize(
    ("fields", "contract"),
    [
        ({}, Contract(ContractKind.NONE)),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            Contract(ContractKind.JSON_SCHEMA, SCHEMA),
        ),
        (
            {"output_format": {"type": "json_schema", "schema": SCHEMA}},
            Contract(ContractKind.JSON_SCHEMA, SCHEMA),
        ),
        ({"tool_choice": {"type": "any"}}, Contract(ContractKind.TOOL)),
        ({"tool_choice": {"type": "tool", "name": "f"}}, Contract(ContractKind.TOOL, name="f")),
        ({"tool_choice": {"type": "auto"}}, Contract(ContractKind.NONE)),
    ],
)
def test_the_contract(fields: dict[str, Any], contract: Contract) -> None:
    assert _asked(**fields).contract == contract


@pytest.mark.parametrize(
    ("value", "choice", "parallel"),
    [
        (None, ToolChoice(), True),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(), False),
        ({"type": "none"}, ToolChoice("none"), True),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice("required"), True),
        ({"type": "tool", "name": "f"}, ToolChoice("required", ("f",)), True),
        ("auto", ToolChoice(), True),
    ],
)
def test_the_tool_choice(value: Any, choice: ToolChoice, parallel: bool) -> None:
    call = _asked(tool_choice=value)
    assert (call.tool_choice, call.parallel_tool_calls) == (choice, parallel)


def test_the_tools() -> None:
    tools = [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True},
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "mcp_toolset", "mcp_server_name": "calendar"},
    ]
    assert _asked(tools=tools, mcp_servers=[{"name": "mail", "url": "https://x"}]).tools == (
        Tool("f", "function", "d", SCHEMA, True),
        Tool("web_search", "builtin"),
        Tool("calendar", "builtin"),
        Tool("mail", "mcp"),
    )


def _document(**source: Any) -> dict[str, Any]:
    return {"type": "document", "title": "t", "source": source}


PDF = _document(type="base64", media_type="application/pdf", data="…")
FACTS = _document(type="text", media_type="text/plain", data="facts")
FOUND = {
    "type": "search_result",
    "source": "https://a",
    "title": "t",
    "content": [{"type": "text", "text": "found"}],
}


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        (TEXT, (Part(content="hi"),)),
        ({"type": "thinking", "thinking": "hm"}, (Part(PartType.REASONING, "hm"),)),
        ({"type": "image", "source": {}}, (Part(PartType.MEDIA, name="image"),)),
        (PDF, (Part(PartType.MEDIA, name="t"),)),
        (FACTS, (Part(PartType.DOCUMENT, "facts", name="t"),)),
        (_document(type="content", content=[TEXT, TEXT]), (Part(PartType.DOCUMENT, "hi\nhi", name="t"),)),
        (FOUND, (Part(PartType.DOCUMENT, "found", name="t"),)),
        (
            {"type": "tool_use", "id": "u", "name": "f", "input": {"a": 1}},
            (Part(PartType.TOOL_CALL, id="u", name="f", arguments='{"a":1}'),),
        ),
        (
            {"type": "tool_result", "tool_use_id": "u", "content": "1"},
            (Part(PartType.TOOL_RESULT, "1", id="u"),),
        ),
        (
            {"type": "tool_result", "tool_use_id": "u", "content": [TEXT, FOUND, PDF]},
            (Part(PartType.TOOL_RESULT, "hi\nfound", id="u"), Part(PartType.MEDIA, name="t")),
        ),
        ({"type": "redacted_thinking", "data": "…"}, (Part(PartType.OTHER, name="redacted_thinking"),)),
    ],
)
def test_the_blocks_of_a_conversation(block: dict[str, Any], parts: tuple[Part, ...]) -> None:
    call = _asked(messages=[{"role": "user", "content": [block]}])
    assert call.input[0].parts == parts


def test_system_prompts_are_messages() -> None:
    for system in ("s", [{"type": "text", "text": "s"}]):
        call = _asked(system=system)
        assert [(message.role, message.parts[0].content) for message in call.input] == [
            ("system", "s"),
            ("user", "hello"),
        ]


def test_documents_say_where_they_come_from() -> None:
    result = {"type": "tool_result", "tool_use_id": "u", "content": [FOUND]}
    call = _asked(messages=[{"role": "user", "content": [FACTS, result]}])
    assert call.documents == (
        Document("facts", "t", "message"),
        Document("found", "https://a", "tool_result"),
    )


def test_an_answer() -> None:
    citation = {"type": "char_location", "cited_text": "facts", "document_title": "t"}
    call = _answered(
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "It is ", "citations": [citation]},
        {"type": "text", "text": "so."},
        {"type": "tool_use", "id": "u", "name": "f", "input": {}},
        stop_reason="tool_use",
        usage={
            "input_tokens": 5,
            "cache_read_input_tokens": 3,
            "cache_creation_input_tokens": 2,
            "output_tokens": 4,
        },
    )
    (output,) = call.outputs
    assert (output.text, output.reasoning, output.citations) == ("It is so.", "hm", ("t",))
    assert output.tool_calls == (ToolCall("f", "{}", "u"),)
    assert (output.finish_reason, call.model_served, call.call_id) == (FinishReason.TOOL_CALL, "m-1", "msg")
    assert tokens(call.usage) == Usage(10, 4, 3, 2)
    assert call.documents == (Document("facts", "t", "citation"),)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_call"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("new_reason", "unknown"),
    ],
)
def test_the_stop_reason(raw: str, reason: str) -> None:
    (output,) = _answered(TEXT, stop_reason=raw).outputs
    assert (output.finish_reason.value, output.finish_reason_raw) == (reason, raw)


def test_a_refusal_is_explained() -> None:
    (output,) = _answered(stop_reason="refusal", stop_details={"explanation": "not that"}).outputs
    assert output.refusal == "not that"


def test_what_a_server_tool_found_is_context_and_its_call_is_not_the_applications() -> None:
    page = {"type": "web_fetch_result", "url": "https://a", "content": FACTS}
    call = _answered(
        {"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {"url": "https://a"}},
        {"type": "web_fetch_tool_result", "tool_use_id": "s", "content": page},
        TEXT,
    )
    assert call.outputs[0].tool_calls == (
        ToolCall("web_fetch", '{"url":"https://a"}', "s", server_side=True),
    )
    assert call.documents == (Document("facts", "https://a", "retrieval"),)
    assert call.captured.input


@pytest.mark.parametrize(
    ("result", "is_error"),
    [
        ({"type": "tool_result", "content": "no such city"}, False),
        ({"type": "tool_result", "content": "no such city", "is_error": False}, False),
        ({"type": "tool_result", "content": "no such city", "is_error": True}, True),
        ({"type": "mcp_tool_result", "content": [{"type": "text", "text": "x"}], "is_error": True}, True),
        (
            {
                "type": "web_search_tool_result",
                "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
            },
            True,
        ),
        ({"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result"}}, False),
    ],
)
def test_a_result_says_whether_the_tool_failed(result: dict[str, Any], is_error: bool) -> None:
    call = _asked(messages=[{"role": "user", "content": [{"tool_use_id": "u", **result}]}])
    (part,) = call.input[0].parts
    assert (part.type, part.is_error) == (PartType.TOOL_RESULT, is_error)


def test_an_encrypted_web_search_leaves_the_context_incomplete() -> None:
    call = _answered({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}, TEXT)
    assert not call.captured.input


def test_a_declared_fallback_is_believed() -> None:
    usage = {"iterations": [{"type": "message"}, {"type": "fallback_message"}]}
    assert _answered(TEXT, usage=usage).fallback.declared == "fallback"


START = {
    "type": "message_start",
    "message": {
        "id": "msg",
        "type": "message",
        "model": "m-1",
        "content": [],
        "usage": {"input_tokens": 5, "output_tokens": 1},
    },
}
STOP = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}


def _begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _stream(*events: dict[str, Any]) -> Any:
    return call_of(pair("messages", {"messages": [], "stream": True}, sse(*events)))


def test_a_stream_is_put_together() -> None:
    call = _stream(
        START,
        _begin(0, type="thinking", thinking=""),
        _delta(0, type="thinking_delta", thinking="hm"),
        _begin(1, type="text", text=""),
        {"type": "ping"},
        _delta(1, type="text_delta", text="Hel"),
        _delta(1, type="text_delta", text="lo"),
        _delta(1, type="citations_delta", citation={"cited_text": "c", "url": "https://a"}),
        _begin(2, type="tool_use", id="u", name="f", input={}),
        _delta(2, type="input_json_delta", partial_json=""),
        _delta(2, type="input_json_delta", partial_json='{"a": '),
        _delta(2, type="input_json_delta", partial_json="1}"),
        _begin(3, type="tool_use", id="v", name="g", input={}),
        _delta(3, type="input_json_delta", partial_json=""),
        STOP,
        {"type": "message_stop"},
    )
    (output,) = call.outputs
    assert (output.reasoning, output.text, output.citations) == ("hm", "Hello", ("https://a",))
    assert output.tool_calls == (ToolCall("f", '{"a": 1}', "u"), ToolCall("g", "{}", "v"))
    assert (output.finish_reason, call.call_id) == (FinishReason.TOOL_CALL, "msg")
    assert tokens(call.usage) == Usage(5, 9)


def test_a_cut_stream_keeps_what_came() -> None:
    begun = _begin(0, type="tool_use", id="u", name="f", input={})
    (output,) = _stream(START, begun, _delta(0, type="input_json_delta", partial_json='{"a": ')).outputs
    assert (output.tool_calls, output.finish_reason) == (
        (ToolCall("f", '{"a": ', "u"),),
        FinishReason.UNKNOWN,
    )


def test_an_error_in_a_stream_is_an_error() -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "…"}}
    call = _stream(
        START, _begin(0, type="text", text=""), _delta(0, type="text_delta", text="so f"), overloaded
    )
    assert (call.status.value, call.error.type, call.outputs[0].text) == ("error", "overloaded_error", "so f")
    assert _stream(overloaded).outputs == ()
