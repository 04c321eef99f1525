"""LiteLLM's callback: a call, and its content in a span below."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.decode.assemble import Waits, arrived, assemble
from monitor.records import Call, ContractKind, FragmentKind, Status
from tests.agreement import OTLP, calls
from tests.decode.otlp.build import call_of, fragment_of, fragments_of, span, told, traces, words
from tests.fragments import NOON

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
REQUEST = {
    "gen_ai.operation.name": "acompletion",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "r1",
    "gen_ai.input.messages": told(words("hi"), role="user"),
    "gen_ai.output.messages": told(finish_reason="tool_calls"),
    "gen_ai.response.finish_reasons": '["tool_calls"]',
    "gen_ai.completion.0.function_call.name": "look",
    "gen_ai.completion.0.function_call.arguments": '{"a": 1}',
    "gen_ai.completion.1.function_call.name": "look",
    "gen_ai.completion.1.function_call.arguments": '{"a": 2}',
    "llm.request.functions.0.name": "look",
    "llm.request.functions.0.parameters": json.dumps(SCHEMA),
    "llm.is_streaming": "False",
    "litellm.model_group": "chat-primary",
    "litellm.call_id": "l1",
}
RAW = {
    "llm.openai.messages": "[{'role': 'user', 'content': \"What's up?\"}]",
    "llm.openai.response_format": repr({"type": "json_schema", "json_schema": {"schema": SCHEMA}}),
    "llm.openai.tool_choice": "required",
    "llm.openai.extra_body": "{}",
    "llm.openai.id": "r1",
    "llm.openai.model": "gpt-4o-2024-08-06",
    "llm.openai.choices": "[{'finish_reason': 'stop', 'message': {'content': None, 'refusal': 'No.'}}]",
    "llm.openai.usage": "{'prompt_tokens': 7, 'completion_tokens': 3}",
}
BELOW = {"name": "raw_gen_ai_request", "spanId": "00000000000000aa", "parentSpanId": "eee19b7ec3c1b174"}


def read(**values: Any) -> Call:
    return call_of(traces(span({**REQUEST, **values}, name="litellm_request"), scope="litellm"))


def raw(**values: Any) -> Call:
    return call_of(traces(span({**RAW, **values}, **BELOW), scope="litellm"))


def test_a_choice_has_its_tool_calls() -> None:
    call = read()
    assert [called.arguments for called in call.outputs[0].tool_calls] == ['{"a": 1}', '{"a": 2}']
    assert (call.tools[0].schema, call.route, call.stream) == (SCHEMA, "chat-primary", False)
    assert call.contract.kind is ContractKind.UNKNOWN
    assert call.captured.output


def test_whose_tool_calls_they_are_is_unknown_of_several_choices() -> None:
    answers = json.dumps([{"role": "assistant", "parts": [], "finish_reason": "tool_calls"}] * 2)
    reasons = '["tool_calls", "tool_calls"]'
    call = read(**{"gen_ai.output.messages": answers, "gen_ai.response.finish_reasons": reasons})
    assert [output.tool_calls for output in call.outputs] == [(), ()]
    assert not call.captured.output


@pytest.mark.parametrize("parts", [(), (words(""),)])
def test_an_answer_of_which_nothing_is_left_is_not_captured(parts: Any) -> None:
    bare = {name: None for name in REQUEST if name.startswith("gen_ai.completion")}
    refused = {"gen_ai.output.messages": told(*parts, finish_reason="stop")}
    assert not read(**bare, **refused, **{"gen_ai.response.finish_reasons": '["stop"]'}).captured.output


def test_the_router_says_that_an_attempt_is_a_fallback_or_a_retry() -> None:
    for headers, declared in (
        ({"x-litellm-attempted-fallbacks": 1, "x-litellm-attempted-retries": 0}, "fallback"),
        ({"x-litellm-attempted-fallbacks": 0, "x-litellm-attempted-retries": 2}, "retry"),
        ({"x-litellm-attempted-fallbacks": 0}, "unknown"),
        (None, "unknown"),
    ):
        hidden = {"hidden_params": json.dumps({"additional_headers": headers})}
        assert read(**hidden).fallback.declared == declared
    below = span({**REQUEST, **hidden}, parentSpanId="0000000000000001")
    assert call_of(traces(below)).fallback.declared == "unknown"


@pytest.mark.parametrize("name", ["aembedding", "atranscription", "arerank", "", 7])
def test_other_functions_are_no_calls(name: Any) -> None:
    assert fragments_of(traces(span({**REQUEST, "gen_ai.operation.name": name}))) == ()


# ----------------------------------------------------------------------------------------------------- raw


def test_raw_bodies_are_content_of_the_span_above() -> None:
    fragment = fragment_of(traces(span(RAW, **BELOW), scope="litellm"))
    assert (fragment.kind, fragment.span_id, fragment.response_id) == (
        FragmentKind.CONTENT,
        "eee19b7ec3c1b174",
        "r1",
    )
    call = raw()
    assert call.input[0].parts[0].content == "What's up?"
    assert (call.contract.schema, call.tool_choice.mode) == (SCHEMA, "required")
    assert call.outputs[0].refusal == "No."
    assert (call.usage.input_tokens, call.model_requested) == (7, "")


def test_the_two_make_one_call() -> None:
    bare = {name: value for name, value in REQUEST.items() if not name.startswith("gen_ai.completion")}
    above = span({**bare, "gen_ai.output.messages": told(words(""))}, name="litellm_request")
    found = fragments_of(traces(span(RAW, **BELOW), above, scope="litellm"))
    (call,) = assemble(arrived(found, NOON), NOON, Waits()).calls
    assert (call.call_id, call.contract.schema, call.outputs[0].refusal) == ("r1", SCHEMA, "No.")


def test_of_a_stream_there_is_the_request() -> None:
    call = raw(**dict.fromkeys(("llm.openai.id", "llm.openai.choices", "llm.openai.usage")))
    assert call.contract.schema == SCHEMA
    assert call.captured.input
    assert not call.captured.output


def test_an_orphan_says_nothing() -> None:
    assert fragments_of(traces(span(RAW, name="raw_gen_ai_request"))) == ()


@pytest.mark.parametrize(
    "source",
    [
        "[__import__('os').getcwd()]",
        "[" * 100_000,
        "{" + "-" * 100_000 + "1: 2}",
        "[1, 2",
        "{[]: 1}",
        "[1j]",
        "[b'a', {1, 2}, " + "9" * 30 + "]",
        "['\\ud800']",
        "[" + "'a' 'b'," * 1000 + "]",
        "[1e999, ...]",
        "[{'role': 'user', 'content': <object at 0x1>}]",
    ],
    ids=lambda source: str(source)[:20],
)
def test_what_is_no_literal_counts_as_absent(source: str) -> None:
    call = raw(**{"llm.openai.messages": source})
    assert call.input == ()
    assert (call.captured.input, call.captured.tools, call.captured.output) == (False, False, True)
    assert call.contract.kind is ContractKind.UNKNOWN


def test_recorded_attempts_are_put_together() -> None:
    found = calls(OTLP / "litellm-1.106.2")
    assert len(found) == 57
    assert sum(call.status is Status.ERROR for call in found) == 25
    answered = [call for call in found if call.status is Status.OK]
    assert all(call.captured.input and call.captured.output and call.captured.tools for call in answered)
    assert all(call.contract.kind is not ContractKind.UNKNOWN for call in answered)
    assert sum(call.contract.schema is not None for call in answered) == 6
    assert {call.route for call in found} == {"chat-primary", "chat-backup", "chat-last-resort"}
