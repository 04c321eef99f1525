"""OpenLLMetry in numbered attributes, of both generations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import Call, ContractKind, FinishReason, PartType, Status
from tests.agreement import OTLP, calls
from tests.decode.otlp.build import call_of, fragments_of, span, traces

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
ASKED = {
    "gen_ai.system": "OpenAI",
    "llm.request.type": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.response.model": "m-1",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be brief.",
    "gen_ai.prompt.1.role": "tool",
    "gen_ai.prompt.1.content": "42 m",
    "gen_ai.prompt.1.tool_call_id": "c0",
    "llm.request.functions.0.name": "look",
    "llm.request.functions.0.parameters": json.dumps(SCHEMA),
}
CALLED = {
    "gen_ai.completion.0.finish_reason": "tool_calls",
    "gen_ai.completion.0.tool_calls.0.id": "c1",
    "gen_ai.completion.0.tool_calls.0.name": "look",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"a": 1',
    "gen_ai.completion.0.tool_calls.1.name": "look",
    "gen_ai.completion.0.tool_calls.1.arguments": '{"a": 2}',
}


def read(values: dict[str, Any], **fields: Any) -> Call:
    return call_of(traces(span(values, **fields)))


def test_messages_tools_and_answer_are_put_together() -> None:
    call = read({**ASKED, **CALLED, "gen_ai.response.id": "r1", "gen_ai.usage.prompt_tokens": 7})
    assert [message.role for message in call.input] == ["system", "tool"]
    assert call.input[1].parts[0].type is PartType.TOOL_RESULT
    assert (call.tools[0].name, call.tools[0].schema) == ("look", SCHEMA)
    assert [called.arguments for called in call.outputs[0].tool_calls] == ['{"a": 1', '{"a": 2}']
    assert (call.call_id, call.provider, call.usage.input_tokens) == ("r1", "openai", 7)
    assert call.captured.input
    assert call.captured.output
    assert call.captured.tools
    assert call.contract.kind is ContractKind.UNKNOWN


def test_the_oldest_names_are_read() -> None:
    call = read(
        {
            "llm.vendor": "OpenAI",
            "llm.request.type": "chat",
            "llm.request.model": "m",
            "llm.response.model": "m-1",
            "llm.prompts.0.role": "user",
            "llm.prompts.0.content": "hi",
            "llm.completions.0.content": "a",
            "llm.completions.0.finish_reason": "stop",
            "llm.completions.1.content": "b",
            "llm.usage.completion_tokens": 3,
        }
    )
    assert [output.text for output in call.outputs] == ["a", "b"]
    assert (call.provider, call.model_requested, call.model_served) == ("openai", "m", "m-1")
    assert call.usage.output_tokens == 3
    assert call.captured.output


@pytest.mark.parametrize(("reason", "whole"), [("tool_calls", False), ("function_call", True)])
def test_a_function_call_may_be_the_first_of_several_tool_calls(reason: str, whole: bool) -> None:
    function = {"function_call.name": "look", "function_call.arguments": "{}", "finish_reason": reason}
    call = read({**ASKED, **{f"llm.completions.0.{name}": value for name, value in function.items()}})
    assert call.outputs[0].tool_calls[0].name == "look"
    assert call.captured.output is whole


def test_a_lost_tool_call_is_not_captured() -> None:
    assert not read({**ASKED, "gen_ai.completion.0.finish_reason": "tool_calls"}).captured.output


def test_a_refusal_stays_one() -> None:
    call = read({**ASKED, "gen_ai.completion.0.refusal": "No.", "gen_ai.completion.0.finish_reason": "stop"})
    assert (call.outputs[0].refusal, call.outputs[0].finish_reason) == ("No.", FinishReason.REFUSAL)
    assert call.captured.output


def test_anthropics_answer_is_one_choice_of_several_blocks() -> None:
    call = read(
        {
            "gen_ai.system": "Anthropic",
            "llm.request.type": "completion",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": json.dumps(
                [
                    {"type": "tool_result", "tool_use_id": "c0", "content": "42 m"},
                    {"type": "document", "source": {"type": "text", "data": "A tower."}},
                ]
            ),
            "gen_ai.completion.0.role": "thinking",
            "gen_ai.completion.0.content": "Hm.",
            "gen_ai.completion.1.role": "assistant",
            "gen_ai.completion.1.content": "Let me look.",
            "gen_ai.completion.1.finish_reason": "tool_use",
            "gen_ai.completion.1.tool_calls.0.name": "look",
            "gen_ai.completion.1.tool_calls.0.arguments": '{"a": 1}',
            "llm.request.functions.0.name": "web_search",
        }
    )
    (output,) = call.outputs
    assert (output.reasoning, output.text, output.finish_reason) == (
        "Hm.",
        "Let me look.",
        FinishReason.TOOL_CALL,
    )
    assert output.tool_calls[0].arguments == '{"a": 1}'
    assert call.documents[0].content == "A tower."
    assert (call.operation, call.tools[0].kind, call.captured.tools) == ("chat", "builtin", True)


def test_blocks_of_openai_are_told_from_text_that_looks_like_json() -> None:
    blocks = read({**ASKED, "gen_ai.prompt.0.content": '[{"type": "text", "text": "hi"}]'})
    assert blocks.input[0].parts[0].content == "hi"
    text = read({**ASKED, "gen_ai.prompt.0.content": '[1, {"a": 2}]'})
    assert text.input[0].parts[0].content == '[1, {"a": 2}]'


def test_a_failure_has_its_prompt_and_no_answer() -> None:
    call = read(ASKED, status={"code": 2, "message": "Error code: 404 - {'code': 'model_not_found'}"})
    assert call.status is Status.ERROR
    assert call.captured.input
    assert not call.captured.output


def test_embeddings_are_no_calls() -> None:
    assert fragments_of(traces(span({**ASKED, "llm.request.type": "embedding"}))) == ()


@pytest.mark.parametrize(
    ("emitter", "count", "answered", "tools"),
    [
        ("traceloop-openai-0.15.13", 25, 13, 14),
        ("traceloop-openai-0.40.14", 29, 28, 18),
        ("traceloop-anthropic-0.40.14", 29, 25, 19),
    ],
)
def test_recorded_calls_are_read(emitter: str, count: int, answered: int, tools: int) -> None:
    found = calls(OTLP / emitter)
    assert len(found) == count
    assert sum(call.captured.output for call in found) == answered
    assert sum(bool(call.tools) for call in found) == tools
    assert all(call.captured.input and call.captured.tools for call in found)
    assert {call.contract.kind for call in found} == {ContractKind.UNKNOWN}
