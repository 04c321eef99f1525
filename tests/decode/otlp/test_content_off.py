"""Emitters that tell of a message's parts without what is in them: that half of the call isn't captured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.scorers import score
from tests.decode.otlp.build import chat, fragment_of, plain_call, span, told, traces, words
from tests.decode.otlp.test_indexed import ASKED
from tests.decode.otlp.test_vercel import GENERATE

TOOL = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
CONVENTIONS = chat(
    output__type="json",
    tool__definitions=json.dumps([TOOL]),
    input__messages=told(words("hi"), role="user"),
    output__messages=told(words("{}"), finish_reason="stop"),
)
INDEXED = {**ASKED, "gen_ai.completion.0.finish_reason": "stop", "gen_ai.completion.0.content": "hi"}
INFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.invocation_parameters": '{"response_format": {"type": "json_object"}}',
    "llm.tools.0.tool.json_schema": json.dumps({"type": "function", "function": TOOL}),
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "hi",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "{}",
}
CALLED = "llm.output_messages.0.message.tool_calls.0.tool_call.function."

CASES: dict[str, tuple[dict[str, Any], set[str], tuple[bool, bool]]] = {
    "all of it": (CONVENTIONS, set(), (True, True)),
    "a text": ({**CONVENTIONS, "gen_ai.output.messages": told({"type": "text"})}, set(), (True, False)),
    "a refusal": (
        {**CONVENTIONS, "gen_ai.output.messages": told({"type": "refusal"})},
        set(),
        (True, False),
    ),
    "an empty text": ({**CONVENTIONS, "gen_ai.output.messages": told(words(""))}, set(), (True, True)),
    "thoughts": (
        {**CONVENTIONS, "gen_ai.output.messages": told({"type": "reasoning"}, words("{}"))},
        set(),
        (True, True),
    ),
    "one text of two": (
        {**CONVENTIONS, "gen_ai.output.messages": told(words("{}"), {"type": "text"})},
        set(),
        (True, False),
    ),
    "arguments": (
        {**CONVENTIONS, "gen_ai.output.messages": told({"type": "tool_call", "name": "look"})},
        set(),
        (True, False),
    ),
    "null for arguments": (
        {
            **CONVENTIONS,
            "gen_ai.output.messages": told({"type": "tool_call", "name": "look", "arguments": None}),
        },
        set(),
        (True, False),
    ),
    "a sent text": ({**CONVENTIONS, "gen_ai.input.messages": told({"type": "text"})}, set(), (False, True)),
    "sent arguments": (
        {**CONVENTIONS, "gen_ai.input.messages": told({"type": "tool_call", "name": "look"})},
        set(),
        (False, True),
    ),
    "a tool's result": (
        {**CONVENTIONS, "gen_ai.input.messages": told({"type": "tool_call_response", "id": "c"})},
        set(),
        (False, True),
    ),
    "OpenLLMetry": (INDEXED, set(), (True, True)),
    "OpenLLMetry's answer": (INDEXED, {"gen_ai.completion.0.content"}, (True, False)),
    "OpenLLMetry's arguments": (
        {**INDEXED, "gen_ai.completion.0.tool_calls.0.name": "look"},
        set(),
        (True, False),
    ),
    "OpenLLMetry's function": (
        {**INDEXED, "gen_ai.completion.0.function_call.name": "look"},
        {"gen_ai.completion.0.content"},
        (True, False),
    ),
    "OpenLLMetry's prompt": (INDEXED, {"gen_ai.prompt.0.content"}, (False, True)),
    "OpenInference": (INFERENCE, set(), (True, True)),
    "OpenInference's answer": (INFERENCE, {"llm.output_messages.0.message.content"}, (True, False)),
    "OpenInference's arguments": ({**INFERENCE, f"{CALLED}name": "look"}, set(), (True, False)),
    "OpenInference's prompt": (INFERENCE, {"llm.input_messages.0.message.content"}, (False, True)),
    "Vercel's arguments": (
        {**GENERATE, "ai.response.toolCalls": json.dumps([{"toolCallId": "c1", "toolName": "look"}])},
        set(),
        (True, False),
    ),
}


@pytest.mark.parametrize(("values", "without", "captured"), CASES.values(), ids=CASES.keys())
def test_a_part_without_its_content_is_not_captured(
    values: dict[str, Any], without: set[str], captured: tuple[bool, bool]
) -> None:
    call = plain_call({name: value for name, value in values.items() if name not in without})
    assert (call.captured.input, call.captured.output) == captured
    if not call.captured.output:
        scores = score(call)
        assert scores.json.outcome in ("unknown", "not_applicable")
        assert scores.tools.outcome == "unknown"


def test_a_tool_call_without_its_arguments_is_known_by_its_name() -> None:
    (output,) = plain_call(CASES["arguments"][0]).outputs
    assert [(call.name, call.arguments) for call in output.tool_calls] == [("look", "")]


@pytest.mark.parametrize(("case", "settled"), [("all of it", True), ("a text", False)])
def test_what_a_span_leaves_out_may_come_in_an_event(case: str, settled: bool) -> None:
    assert fragment_of(traces(span(CASES[case][0]))).settled is settled
