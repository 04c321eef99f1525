from __future__ import annotations

from typing import Any

import pytest

from monitor.records import (
    CallError,
    Contract,
    ContractKind,
    Document,
    ErrorCategory,
    FinishReason,
    GroundingOutcome,
    JsonOutcome,
    Part,
    PartType,
    Status,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)
from monitor.scorers import score
from tests.decode.build import call_of, chat, pair, sse, tokens

SCHEMA = {"type": "object"}
EMPTY = {"type": "object", "properties": {}}
FUNCTION = {"name": "f", "parameters": SCHEMA, "strict": True, "description": "d"}


def _format(**of: Any) -> dict[str, Any]:
    return {"response_format": of}


@pytest.mark.parametrize(
    ("request_", "contract"),
    [
        ({}, Contract(ContractKind.NONE)),
        (_format(type="text"), Contract(ContractKind.NONE)),
        (_format(type="json_object"), Contract(ContractKind.JSON_OBJECT)),
        (_format(type="json_object", schema=SCHEMA), Contract(ContractKind.JSON_SCHEMA, SCHEMA)),
        (
            _format(type="json_schema", json_schema={"name": "n", "schema": SCHEMA, "strict": True}),
            Contract(ContractKind.JSON_SCHEMA, SCHEMA, True, "n"),
        ),
        (
            _format(type="json_schema", json_schema={"name": "n"}),
            Contract(ContractKind.JSON_SCHEMA, name="n"),
        ),
        ({"tool_choice": "required"}, Contract(ContractKind.TOOL)),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            Contract(ContractKind.TOOL, name="f"),
        ),
        ({**_format(type="json_object"), "tool_choice": "required"}, Contract(ContractKind.JSON_OBJECT)),
        (_format(type=["json_object"]), Contract(ContractKind.NONE)),
    ],
)
def test_the_contract(request_: dict[str, Any], contract: Contract) -> None:
    call = call_of(chat(request_))
    assert call.contract == contract
    assert call.captured.schema == (
        contract.kind is not ContractKind.JSON_SCHEMA or contract.schema is not None
    )


ALLOWED = [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        (None, ToolChoice()),
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ("f",))),
        ({"name": "f"}, ToolChoice("required", ("f",))),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("required", ("c",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": ALLOWED}},
            ToolChoice("required", ("f", "g")),
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": ALLOWED}},
            ToolChoice("auto", ("f", "g")),
        ),
        (7, ToolChoice()),
    ],
)
def test_the_tool_choice(value: Any, choice: ToolChoice) -> None:
    assert call_of(chat({"tool_choice": value})).tool_choice == choice


@pytest.mark.parametrize(
    ("request_", "tools"),
    [
        (
            {"tools": [{"type": "function", "function": FUNCTION}]},
            (Tool("f", "function", "d", SCHEMA, True),),
        ),
        ({"tools": [{"function": {"name": "f"}}]}, (Tool("f", schema=EMPTY),)),
        ({"functions": [FUNCTION]}, (Tool("f", "function", "d", SCHEMA, True),)),
        ({"tools": [{"type": "openrouter:web_search"}]}, (Tool("openrouter:web_search", "builtin"),)),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, (Tool("c", "builtin"),)),
        ({"tools": None}, ()),
    ],
)
def test_the_tools(request_: dict[str, Any], tools: tuple[Tool, ...]) -> None:
    assert call_of(chat(request_)).tools == tools


def test_the_conversation() -> None:
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {}}]},
        {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "…"}}]},
        {
            "role": "assistant",
            "reasoning_content": "r",
            "content": None,
            "tool_calls": [_tool_call("f", "{}")],
        },
        {
            "role": "tool",
            "tool_call_id": "t1",
            "content": [{"type": "text", "text": "1"}, {"type": "image_url"}],
        },
    ]
    input_ = call_of(chat({"messages": messages})).input
    assert [message.role for message in input_] == ["system", "user", "user", "assistant", "tool"]
    assert [message.parts for message in input_] == [
        (Part(content="s"),),
        (Part(content="t"), Part(PartType.MEDIA, name="image_url")),
        (Part(PartType.MEDIA, name="a.pdf"),),
        (Part(PartType.REASONING, "r"), Part(PartType.TOOL_CALL, id="t1", name="f", arguments="{}")),
        (Part(PartType.TOOL_RESULT, "1", id="t1"), Part(PartType.MEDIA, name="image_url")),
    ]


def _tool_call(name: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "t1", "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def _message(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("message", "calls"),
    [
        ({"tool_calls": [_tool_call("f", '{"a": 1,}')]}, (ToolCall("f", '{"a": 1,}', "t1"),)),
        ({"tool_calls": [_tool_call("f", {"a": 1})]}, (ToolCall("f", '{"a":1}', "t1"),)),
        ({"tool_calls": [_tool_call("f", None)]}, (ToolCall("f", "", "t1"),)),
        ({"tool_calls": [_tool_call("", "")], "function_call": {"name": "", "arguments": ""}}, ()),
        (
            {"tool_calls": [{"id": "t1", "custom": {"name": "c", "input": "x = 1"}}]},
            (ToolCall("c", "x = 1", "t1"),),
        ),
        ({"function_call": {"name": "f", "arguments": "{}"}}, (ToolCall("f", "{}"),)),
        ({"tool_calls": None, "content": "x"}, ()),
    ],
)
def test_tool_calls_keep_what_the_model_wrote(message: dict[str, Any], calls: tuple[ToolCall, ...]) -> None:
    assert call_of(chat(response=_message(**message))).outputs[0].tool_calls == calls


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "x", "reasoning_content": "r"}, "x", "r"),
        ({"content": "x", "reasoning": "r"}, "x", "r"),
        ({"content": "x", "reasoning": "r", "reasoning_content": "r"}, "x", "r"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                    {"type": "text", "text": "x"},
                ]
            },
            "x",
            "r",
        ),
        ({"content": None}, "", None),
    ],
)
def test_text_and_reasoning_of_the_dialects(
    message: dict[str, Any], text: str, reasoning: str | None
) -> None:
    (output,) = call_of(chat(response=_message(**message))).outputs
    assert (output.text, output.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("tool_calls", FinishReason.TOOL_CALL),
        ("function_call", FinishReason.TOOL_CALL),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("error", FinishReason.ERROR),
        ("", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
        ("new_reason", FinishReason.UNKNOWN),
    ],
)
def test_the_finish_reason(raw: str | None, reason: FinishReason) -> None:
    (output,) = call_of(chat(response={"choices": [{"message": {}, "finish_reason": raw}]})).outputs
    assert (output.finish_reason, output.finish_reason_raw) == (reason, raw or None)


def test_a_refusal_is_why_the_model_stopped() -> None:
    (output,) = call_of(chat(response=_message(content=None, refusal="I can't."))).outputs
    assert (output.refusal, output.finish_reason) == ("I can't.", FinishReason.REFUSAL)


def test_citations_and_what_was_looked_up() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://a", "content": "cited"}}
    found = {"title": "t", "url": "https://b", "snippet": "found"}
    body = {
        **_message(content="x", annotations=[note, note]),
        "citations": ["https://b"],
        "search_results": [found],
    }
    call = call_of(chat(response=body))
    assert call.outputs[0].citations == ("https://a", "https://b")
    assert Document("cited", "https://a", "citation") in call.documents
    assert Document("found", "https://b", "retrieval") in call.documents
    assert call.captured.input


@pytest.mark.parametrize(
    ("message", "body"),
    [
        ({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a"}}]}, {}),
        ({}, {"citations": ["https://a"]}),
        ({}, {"search_results": [{"title": "t", "url": "https://a"}]}),
    ],
)
def test_a_page_of_which_only_the_address_is_there_leaves_the_context_incomplete(
    message: dict[str, Any], body: dict[str, Any]
) -> None:
    call = call_of(chat(response={**_message(content="The tower is 330 m high.", **message), **body}))
    assert (call.captured.input, score(call).grounding.outcome) == (False, GroundingOutcome.UNKNOWN)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (
            {
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 7,
                    "total_tokens": 17,
                    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                    "completion_tokens_details": {"reasoning_tokens": 3},
                }
            },
            Usage(10, 7, 4, 2, 3),
        ),
        (
            {
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 7,
                    "total_tokens": 20,
                    "completion_tokens_details": {"reasoning_tokens": 3},
                }
            },
            Usage(10, 10, reasoning_tokens=3),
        ),
        ({"usage": {"prompt_tokens": 10, "prompt_cache_hit_tokens": 4}}, Usage(10, cache_read_tokens=4)),
        ({"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}, Usage(1, 2)),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 10**30}}, Usage()),
        ({"usage": None}, Usage()),
    ],
)
def test_usage_includes_cache_and_reasoning(body: dict[str, Any], usage: Usage) -> None:
    assert tokens(call_of(chat(response={**_message(content="x"), **body})).usage) == usage


def test_openrouter_says_whether_it_fell_back() -> None:
    routed = {"model": "b", "openrouter_metadata": {"requested": "a", "attempt": 2}}
    found = score(call_of(chat(response={**_message(content="x"), **routed}))).fallback
    assert (found.outcome, found.from_model, found.to_model) == ("fallback", "a", "b")
    assert call_of(chat()).fallback.declared == "unknown"


def _delta(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "r", "model": "m-1", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def _piece(arguments: str, **fields: Any) -> dict[str, Any]:
    """One piece of a tool call, as a delta has it."""
    name = fields.pop("name", None)
    return {**fields, "function": {"arguments": arguments, **({"name": name} if name else {})}}


def _stream(*chunks: dict[str, Any] | str) -> Any:
    return call_of(pair("chat.completions", {"messages": [], "stream": True}, sse(*chunks)))


def test_a_stream_is_put_together() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    call = _stream(
        _delta(role="assistant", content=""),
        _delta(content="Hel"),
        _delta(content="lo"),
        _delta(finish="stop"),
        usage,
        "[DONE]",
    )
    (output,) = call.outputs
    assert (output.text, output.finish_reason, output.finish_reason_raw) == (
        "Hello",
        FinishReason.STOP,
        "stop",
    )
    assert (call.call_id, call.model_served, tokens(call.usage)) == ("r", "m-1", Usage(3, 2))


def test_choices_of_a_stream_are_kept_apart() -> None:
    call = _stream(
        _delta(1, content="b"), _delta(0, content="a"), _delta(1, "length"), _delta(0, "stop", content="A")
    )
    assert [(output.text, output.finish_reason.value) for output in call.outputs] == [
        ("aA", "stop"),
        ("b", "length"),
    ]


TOOL_STREAMS = {
    "by index": (
        [
            _piece('{"a"', index=0, id="x", name="f"),
            _piece("{}", index=1, id="y", name="g"),
            _piece(":1}", index=0),
        ],
        [("x", "f", '{"a":1}'), ("y", "g", "{}")],
    ),
    "all numbered 0": (
        [_piece("{}", index=0, id="x", name="f"), _piece("{}", index=0, id="y", name="g")],
        [("x", "f", "{}"), ("y", "g", "{}")],
    ),
    "not numbered": (
        [_piece("{", id="x", name="f"), _piece("}"), _piece("[]", id="y", name="g")],
        [("x", "f", "{}"), ("y", "g", "[]")],
    ),
    "id and name in every piece": (
        [_piece("{", index=0, id="x", name="f"), _piece("}", index=0, id="x", name="f")],
        [("x", "f", "{}")],
    ),
    "cut": ([_piece('{"a": ', index=0, id="x", name="f")], [("x", "f", '{"a": ')]),
}


@pytest.mark.parametrize(("pieces", "calls"), TOOL_STREAMS.values(), ids=TOOL_STREAMS.keys())
def test_streamed_tool_calls_are_put_together(pieces: list[Any], calls: list[tuple[str, str, str]]) -> None:
    (output,) = _stream(*(_delta(tool_calls=[piece]) for piece in pieces)).outputs
    assert [(call.id, call.name, call.arguments) for call in output.tool_calls] == calls


def test_streamed_reasoning_refusals_and_function_calls_are_put_together() -> None:
    (output,) = _stream(
        _delta(reasoning="th"),
        _delta(reasoning="ink", refusal="n"),
        _delta(refusal="o", function_call={"name": "f", "arguments": "{"}),
        _delta(function_call={"arguments": "}"}),
    ).outputs
    assert (output.reasoning, output.refusal, output.tool_calls) == ("think", "no", (ToolCall("f", "{}"),))


def test_streamed_thinking_blocks_stand_among_texts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    (output,) = _stream(_delta(content=[thinking]), _delta(content="a"), _delta(content="b")).outputs
    assert (output.text, output.reasoning) == ("ab", "hm")


def test_an_error_in_a_stream_is_an_error_with_the_text_so_far() -> None:
    call = _stream(_delta(content="so f"), {"error": {"message": "…", "code": "server_error"}})
    assert (call.status.value, call.error.type, call.outputs[0].text) == ("error", "server_error", "so f")
    assert call.outputs[0].finish_reason is FinishReason.UNKNOWN


@pytest.mark.parametrize("key", ["message", "delta"])
@pytest.mark.parametrize(("reason", "content"), [("error", '{"a":'), (None, "")])
def test_an_error_of_a_choice_is_an_error_of_the_call(key: str, reason: str | None, content: str) -> None:
    error = {"code": 429, "message": "…"}
    choice = {"index": 0, key: {"content": content}, "finish_reason": reason, "error": error}
    body: Any = {"choices": [choice]}
    asked = {"messages": [], "response_format": {"type": "json_object"}}
    call = call_of(pair("chat.completions", asked, body if key == "message" else sse(body, "[DONE]")))
    assert (call.status, call.error) == (Status.ERROR, CallError("http_429", ErrorCategory.RATE_LIMIT, 429))
    assert (call.outputs[0].text, score(call).json.outcome) == (content, JsonOutcome.NOT_APPLICABLE)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_failed_generation_is_what_the_model_wrote(streamed: bool) -> None:
    error = {"error": {"code": "tool_use_failed", "failed_generation": "<f>{}</f>", "status_code": 400}}
    body: Any = sse(_delta(content="<f>{}</f>"), error) if streamed else error
    call = call_of(pair("chat.completions", {"messages": []}, body, status=200 if streamed else 400))
    assert (call.error and call.error.category.value) == "tool_use_failed"
    assert call.error is not None
    assert call.error.http_status == 400
    assert (call.outputs[0].text, call.outputs[0].finish_reason) == (
        "<f>{}</f>",
        FinishReason.MALFORMED_TOOL_CALL,
    )
