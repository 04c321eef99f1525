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
F = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}
SAID = {"type": "message", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
CALLED = {"type": "function_call", "id": "fc", "call_id": "t1", "name": "f", "arguments": "{}"}


def _body(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp",
        "object": "response",
        "model": "m-1",
        "status": status,
        "output": output,
        "error": None,
        **fields,
    }


def _asked(**fields: Any) -> Any:
    return call_of(pair("responses", {"model": "m", "input": "hello", **fields}, _body(SAID)))


def _answered(*output: dict[str, Any], **fields: Any) -> Any:
    return call_of(pair("responses", {"input": "hello"}, _body(*output, **fields)))


@pytest.mark.parametrize(
    ("fields", "contract"),
    [
        ({}, Contract(ContractKind.NONE)),
        ({"text": {"format": {"type": "text"}}}, Contract(ContractKind.NONE)),
        ({"text": {"format": {"type": "json_object"}}}, Contract(ContractKind.JSON_OBJECT)),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
            Contract(ContractKind.JSON_SCHEMA, SCHEMA, True, "n"),
        ),
        ({"tool_choice": {"type": "function", "name": "f"}}, Contract(ContractKind.TOOL, name="f")),
    ],
)
def test_the_contract(fields: dict[str, Any], contract: Contract) -> None:
    assert _asked(**fields).contract == contract


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ("f",))),
        ({"type": "file_search"}, ToolChoice("required", ("file_search",))),
        ({"type": "mcp", "server_label": "s"}, ToolChoice("required", ("s",))),
        ({"type": "allowed_tools", "mode": "auto", "tools": [F]}, ToolChoice("auto", ("f",))),
        ({"type": "allowed_tools", "mode": "required", "tools": [F]}, ToolChoice("required", ("f",))),
    ],
)
def test_the_tool_choice(value: Any, choice: ToolChoice) -> None:
    assert _asked(tool_choice=value).tool_choice == choice


def test_the_tools() -> None:
    tools = [
        F,
        {"type": "web_search"},
        {"type": "mcp", "server_label": "s"},
        {"type": "namespace", "tools": [F]},
    ]
    function = Tool("f", schema=SCHEMA, strict=True)
    expected = (function, Tool("web_search", "builtin"), Tool("s", "mcp"), function)
    assert _asked(tools=tools).tools == expected


def test_tools_that_were_found_on_the_way_are_offered_too() -> None:
    found = Tool("f", schema=SCHEMA, strict=True)
    assert _asked(input=[{"type": "additional_tools", "tools": [F]}]).tools == (found,)
    assert _answered({"type": "tool_search_output", "tools": [F]}, CALLED).tools == (found,)


def test_the_conversation() -> None:
    items = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "input_text", "text": "t"}, {"type": "input_image"}]},
        {"type": "reasoning", "summary": [{"text": "hm"}]},
        CALLED,
        {
            "type": "function_call_output",
            "call_id": "t1",
            "output": [{"type": "input_text", "text": "1"}, {"type": "input_file", "filename": "a.pdf"}],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    call = _asked(input=items, instructions="i")
    assert [(message.role, message.parts) for message in call.input] == [
        ("system", (Part(content="i"),)),
        ("developer", (Part(content="d"),)),
        ("user", (Part(content="t"), Part(PartType.MEDIA, name="input_image"))),
        ("assistant", (Part(PartType.REASONING, "hm"),)),
        ("assistant", (Part(PartType.TOOL_CALL, id="t1", name="f", arguments="{}"),)),
        ("tool", (Part(PartType.TOOL_RESULT, "1", id="t1"), Part(PartType.MEDIA, name="a.pdf"))),
        ("assistant", (Part(content="no"),)),
    ]
    assert call.captured.input


@pytest.mark.parametrize(
    ("error", "content"),
    [
        ("no such city", "no such city"),
        ({"type": "http_error", "code": 503}, '{"type":"http_error","code":503}'),
        (None, None),
    ],
)
def test_a_call_to_an_mcp_server_that_failed_holds_its_error(error: Any, content: str | None) -> None:
    item = {"type": "mcp_call", "id": "m", "name": "f", "arguments": "{}", "output": None, "error": error}
    call, *results = _asked(input=[item]).input[0].parts
    assert call == Part(PartType.TOOL_CALL, id="m", name="f", arguments="{}")
    expected = [] if content is None else [Part(PartType.TOOL_RESULT, content, id="m", is_error=True)]
    assert results == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp"},
        {"conversation": "conv"},
        {"prompt": {"id": "p"}},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"type": "compaction", "encrypted_content": "…"}]},
    ],
)
def test_what_lies_at_the_provider_leaves_the_context_incomplete(fields: dict[str, Any]) -> None:
    assert not _asked(**fields).captured.input


def test_an_answer() -> None:
    note = {"type": "url_citation", "url": "https://a"}
    text = {
        "type": "message",
        "content": [{"type": "output_text", "text": "It is so.", "annotations": [note]}],
    }
    call = _answered(
        {"type": "reasoning", "summary": [{"text": "hm"}], "content": []},
        text,
        CALLED,
        created_at=1_700_000_000,
        usage={
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3},
        },
    )
    (output,) = call.outputs
    assert (output.text, output.reasoning, output.citations) == ("It is so.", "hm", ("https://a",))
    assert output.tool_calls == (ToolCall("f", "{}", "t1"),)
    assert (output.finish_reason, output.finish_reason_raw) == (FinishReason.TOOL_CALL, "completed")
    assert tokens(call.usage) == Usage(10, 7, 4, reasoning_tokens=3)
    assert (call.call_id, call.model_served, call.started_at.year) == ("resp", "m-1", 2023)


@pytest.mark.parametrize(
    ("item", "tool_call", "documents", "whole"),
    [
        (
            {"type": "web_search_call", "id": "w", "action": {"query": "q"}},
            ToolCall("web_search", '{"query":"q"}', "w", server_side=True),
            (),
            False,
        ),
        (
            {"type": "file_search_call", "id": "w", "results": [{"text": "found", "filename": "a.txt"}]},
            ToolCall("file_search", "{}", "w", server_side=True),
            (Document("found", "a.txt", "retrieval"),),
            True,
        ),
        (
            {"type": "mcp_call", "id": "w", "name": "events", "arguments": "{}", "output": "none"},
            ToolCall("events", "{}", "w", server_side=True),
            (Document("none", "events", "tool_result"),),
            True,
        ),
        (
            {
                "type": "code_interpreter_call",
                "id": "w",
                "code": "1+1",
                "outputs": [{"type": "logs", "logs": "2"}],
            },
            ToolCall("code_interpreter", "1+1", "w", server_side=True),
            (Document("2", None, "tool_result"),),
            True,
        ),
        (
            {"type": "tool_search_call", "id": "w", "execution": "server", "arguments": {}},
            ToolCall("tool_search", "{}", "w", server_side=True),
            (),
            True,
        ),
        (
            {"type": "custom_tool_call", "call_id": "w", "name": "c", "input": "x = 1"},
            ToolCall("c", "x = 1", "w"),
            (),
            True,
        ),
    ],
)
def test_built_in_tools(
    item: dict[str, Any], tool_call: ToolCall, documents: tuple[Document, ...], whole: bool
) -> None:
    call = _answered(item, SAID)
    assert call.outputs[0].tool_calls == (tool_call,)
    assert (call.documents, call.captured.input) == (documents, whole)
    assert call.outputs[0].finish_reason is (
        FinishReason.STOP if tool_call.server_side else FinishReason.TOOL_CALL
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, FinishReason.STOP),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            FinishReason.LENGTH,
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            FinishReason.CONTENT_FILTER,
        ),
        ({"status": "in_progress"}, FinishReason.UNKNOWN),
        ({"status": "failed", "error": {"code": "server_error"}}, FinishReason.ERROR),
    ],
)
def test_the_finish_reason(fields: dict[str, Any], reason: FinishReason) -> None:
    assert _answered(SAID, **fields).outputs[0].finish_reason is reason


def test_a_refusal_is_why_the_model_stopped() -> None:
    refused = {"type": "message", "content": [{"type": "refusal", "refusal": "I can't."}]}
    (output,) = _answered(refused).outputs
    assert (output.refusal, output.text, output.finish_reason) == ("I can't.", "", FinishReason.REFUSAL)


def test_a_response_that_is_still_queued_has_no_output_to_judge() -> None:
    call = _answered(status="queued")
    assert (call.outputs, call.status.value, call.captured.output) == ((), "ok", False)


CREATED = {"type": "response.created", "response": _body(status="in_progress")}


def _added(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _delta(kind: str, delta: str, index: int = 0) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": delta}


def _stream(*events: dict[str, Any]) -> Any:
    return call_of(pair("responses", {"input": "hello", "stream": True}, sse(*events)))


def test_a_stream_is_its_last_event() -> None:
    completed = {"type": "response.completed", "response": _body(SAID, CALLED)}
    call = _stream(CREATED, _delta("output_text", "something else"), completed)
    assert (call.outputs, call.stream) == (_answered(SAID, CALLED).outputs, True)


def test_a_stream_whose_last_event_has_no_output_is_put_together() -> None:
    done = {"type": "response.output_item.done", "output_index": 0, "item": SAID}
    call = _stream(CREATED, done, {"type": "response.completed", "response": _body()})
    assert (call.outputs[0].text, call.outputs[0].finish_reason) == ("hi", FinishReason.STOP)


def test_a_cut_stream_keeps_what_came() -> None:
    call = _stream(
        CREATED,
        _added(0, type="reasoning"),
        _delta("reasoning_summary_text", "hm", 0),
        _added(1, type="message", content=[]),
        _delta("output_text", "Hel", 1),
        _delta("output_text", "lo", 1),
        _added(2, type="function_call", call_id="t1", name="f", arguments=""),
        _delta("function_call_arguments", '{"a": ', 2),
    )
    (output,) = call.outputs
    assert (output.reasoning, output.text, output.finish_reason) == ("hm", "Hello", FinishReason.UNKNOWN)
    assert output.tool_calls == (ToolCall("f", '{"a": ', "t1"),)
    assert (call.status.value, call.captured.output) == ("ok", False)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "server_error", "message": "…"},
        {"type": "error", "error": {"code": "server_error", "message": "…"}},
        {"type": "response.failed", "response": _body(status="failed", error={"code": "server_error"})},
    ],
)
def test_an_error_in_a_stream_is_an_error_with_the_text_so_far(event: dict[str, Any]) -> None:
    call = _stream(CREATED, _added(0, type="message"), _delta("output_text", "so f"), event)
    assert (call.status.value, call.error.type, call.outputs[0].text) == ("error", "server_error", "so f")
