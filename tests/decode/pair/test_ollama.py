from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.records import (
    Contract,
    ContractKind,
    FinishReason,
    Part,
    PartType,
    Tool,
    ToolCall,
    Usage,
)
from tests.decode.build import call_of, pair, tokens

SCHEMA = {"type": "object"}
HELLO = {"model": "llama", "messages": [{"role": "user", "content": "hello"}]}
DONE = {
    "model": "llama",
    "created_at": "2026-11-22T11:00:00.123456789Z",
    "done": True,
    "done_reason": "stop",
    "total_duration": 1_500_000_000,
    "prompt_eval_count": 3,
    "eval_count": 2,
}
ANSWER = {**DONE, "message": {"role": "assistant", "content": "x"}}


@pytest.mark.parametrize(
    ("wanted", "contract"),
    [
        (None, Contract(ContractKind.NONE)),
        ("", Contract(ContractKind.NONE)),
        ("json", Contract(ContractKind.JSON_OBJECT)),
        (SCHEMA, Contract(ContractKind.JSON_SCHEMA, SCHEMA)),
    ],
)
def test_the_contract(wanted: Any, contract: Contract) -> None:
    assert call_of(pair("ollama.chat", {**HELLO, "format": wanted}, ANSWER)).contract == contract
    generated = {**DONE, "response": "x"}
    assert call_of(pair("ollama.generate", {"prompt": "p", "format": wanted}, generated)).contract == contract


def test_the_conversation() -> None:
    messages = [
        {"role": "user", "content": "t", "images": ["…"]},
        {
            "role": "assistant",
            "thinking": "r",
            "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "7", "tool_name": "f"},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    call = call_of(pair("ollama.chat", {"messages": messages, "tools": tools}, ANSWER))
    assert [message.parts for message in call.input] == [
        (Part(content="t"), Part(PartType.MEDIA, name="image")),
        (Part(PartType.REASONING, "r"), Part(PartType.TOOL_CALL, name="f", arguments='{"a":1}')),
        (Part(PartType.TOOL_RESULT, "7", name="f"),),
    ]
    assert call.tools == (Tool("f", schema=SCHEMA),)


def test_times_are_nanoseconds() -> None:
    call = call_of(pair("ollama.chat", HELLO, ANSWER))
    assert call.duration_ms == 1500.0
    assert call.started_at == datetime(2026, 11, 22, 11, 0, 0, 123456, tzinfo=UTC)
    assert call_of(pair("ollama.chat", HELLO, ANSWER, duration_ms=7)).duration_ms == 7.0


def test_the_answer() -> None:
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}]
    message = {"content": "x", "thinking": "thought", "tool_calls": calls}
    call = call_of(pair("ollama.chat", HELLO, {**DONE, "message": message}))
    (output,) = call.outputs
    assert (output.text, output.reasoning, output.finish_reason) == ("x", "thought", FinishReason.TOOL_CALL)
    assert output.tool_calls == (ToolCall("f", '{"a":1}'),)
    assert (tokens(call.usage), call.model_served, call.stream) == (Usage(3, 2), "llama", False)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", FinishReason.STOP), ("length", FinishReason.LENGTH), ("load", FinishReason.UNKNOWN)],
)
def test_the_finish_reason(reason: str, expected: FinishReason) -> None:
    (output,) = call_of(pair("ollama.chat", HELLO, {**ANSWER, "done_reason": reason})).outputs
    assert output.finish_reason is expected


def _pieces(**fields: Any) -> list[dict[str, Any]]:
    """Two pieces of a stream, with one character of every field in each."""
    halves: list[dict[str, Any]] = [{}, {}]
    for name, text in fields.items():
        for half, piece in zip(halves, text, strict=True):
            half[name] = piece
    return halves


CHAT = [{"done": False, "message": half} for half in _pieces(content="ab", thinking="cd")]
CHAT.append({"done": False, "message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}})
CHAT.append({**DONE, "message": {"content": ""}})
GENERATED = [{"done": False, **half} for half in _pieces(response="ab", thinking="cd")] + [
    {**DONE, "response": ""}
]


@pytest.mark.parametrize(("api", "events"), [("ollama.chat", CHAT), ("ollama.generate", GENERATED)])
def test_a_stream_is_json_lines(api: str, events: list[dict[str, Any]]) -> None:
    for body in ("\n".join(map(json.dumps, events)), events):
        call = call_of(pair(api, {}, body))
        (output,) = call.outputs
        assert (output.text, output.reasoning, call.stream) == ("ab", "cd", True)
        assert tokens(call.usage) == Usage(3, 2)
        assert len(output.tool_calls) == (api == "ollama.chat")


@pytest.mark.parametrize(("api", "events"), [("ollama.chat", CHAT), ("ollama.generate", GENERATED)])
def test_a_stream_is_whole_when_it_is_done_whether_or_not_it_says_why(
    api: str, events: list[dict[str, Any]]
) -> None:
    unexplained = [
        {name: value for name, value in event.items() if name != "done_reason"} for event in events
    ]
    assert call_of(pair(api, {}, events)).captured.output
    assert call_of(pair(api, {}, unexplained)).captured.output
    assert not call_of(pair(api, {}, events[:-1])).captured.output


@pytest.mark.parametrize(("api", "events"), [("ollama.chat", CHAT), ("ollama.generate", GENERATED)])
def test_an_error_inside_a_stream_keeps_the_text(api: str, events: list[dict[str, Any]]) -> None:
    call = call_of(pair(api, {}, [events[0], {"error": "out of memory"}]))
    assert call.error is not None
    assert (call.outputs[0].text, "memory" in repr(call.error)) == ("a", False)


def test_generate_takes_a_prompt() -> None:
    request = {"prompt": "p", "system": "s", "suffix": "end", "images": ["…"]}
    call = call_of(pair("ollama.generate", request, {**DONE, "response": "x"}))
    assert [message.role for message in call.input] == ["system", "user", "user", "user"]
    assert (call.captured.input, call.operation) == (True, "text_completion")
    continued = call_of(pair("ollama.generate", {**request, "context": [1, 2]}, {**DONE, "response": "x"}))
    assert not continued.captured.input
