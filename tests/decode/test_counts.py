"""The numbers that providers wrote themselves: flat, bounded, under their own names, in every format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from monitor.decode.counts import MAX_COUNTS, MAX_NAME, is_counted, raw_counts
from monitor.records import Usage
from tests.decode.build import call_of, chat, native, pair
from tests.decode.gateway_log.build import apisix, kong, proxied
from tests.decode.langfuse.build import call_of as langfuse_call
from tests.decode.langfuse.build import created, updated
from tests.decode.litellm.build import payload, row
from tests.decode.otlp.build import call_of as otlp_call
from tests.decode.otlp.build import span, traces

OPENAI = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens": 3}
FLAT = {"prompt_tokens": 9, "prompt_tokens_details.cached_tokens": 4, "completion_tokens": 3}


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        (OPENAI, FLAT),
        ({"cost": 0.25, "tokens": 3.0}, {"cost": 0.25, "tokens": 3.0}),
        ({"a": {"b": {"c": {"d": 1, "e": {"f": 2}}}}}, {"a.b.c.d": 1}),
        ({"is_byok": False, "tier": "default", "cache": None, "iterations": [{"input_tokens": 1}]}, None),
        ({"x" * MAX_NAME: 1, "x" * (MAX_NAME + 1): 2}, {"x" * MAX_NAME: 1}),
        ({"x" * MAX_NAME: {"y": 1}}, None),
        ({}, None),
        ([1], None),
        (7, None),
        (None, None),
    ],
)
def test_numbers_are_kept_flat_and_nothing_else_is(value: Any, counts: dict[str, Any] | None) -> None:
    assert raw_counts(value) == counts


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=60), inner, max_size=50),
    max_leaves=100,
)


@given(_JSON)
def test_counts_are_few_short_numbers_whatever_comes_in(value: Any) -> None:
    counts = raw_counts(value) or {}
    assert len(counts) <= MAX_COUNTS
    for name, count in counts.items():
        assert len(name) <= MAX_NAME
        assert type(count) in (int, float)
    assert (raw_counts(counts) or {}) == counts


def test_an_object_nested_beyond_any_stack_costs_no_more_than_its_first_levels() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = {"a": value}
    assert raw_counts(value) is None


def test_other_numbers_alone_count_no_tokens() -> None:
    assert not is_counted(Usage(raw={"cost": 1}))
    assert is_counted(Usage(0))


# ------------------------------------------------------------------------------------------------- cleaning


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"a": 1, "b": -1.5}, {"a": 1, "b": -1.5}),
        ({"a": 2**53, "b": 2**53 + 1, "c": -(2**53) - 1, "d": 10**30, "e": 1e300}, {"a": 2**53}),
        ({"a\x00\u202eb": 1, "\n": 2, "": 3}, {"ab": 1}),
        ({"x" * 101: 1}, None),
        ({str(number): number for number in range(99)}, {str(number): number for number in range(32)}),
        ({}, None),
    ],
)
def test_what_an_application_sends_is_cleaned(sent: dict[str, Any], kept: dict[str, Any] | None) -> None:
    assert call_of(native(usage={"input_tokens": 1, "raw": sent})).usage == Usage(1, raw=kept)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_has_no_word_for_is_left_out(number: float) -> None:
    asked = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.cost": number}
    assert otlp_call(traces(span(asked))).usage == Usage(1, raw={"gen_ai.usage.input_tokens": 1})


# -------------------------------------------------------------------------------------------------- formats

SPAN = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
VERCEL = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m"}
OPENINFERENCE = {"openinference.span.kind": "LLM", "llm.model_name": "m"}


@pytest.mark.parametrize(
    ("attributes", "counts"),
    [
        (SPAN, {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.details.audio_tokens": 0}),
        (SPAN, {"gen_ai.usage.prompt_tokens": 9, "llm.usage.total_tokens": 12}),
        (VERCEL, {"ai.usage.inputTokens": 9, "ai.usage.outputTokenDetails.textTokens": 3}),
        (OPENINFERENCE, {"llm.token_count.prompt": 9, "llm.token_count.prompt_details.cache_read": 4}),
    ],
)
def test_a_span_keeps_the_names_of_its_attributes(attributes: dict[str, Any], counts: dict[str, Any]) -> None:
    call = otlp_call(traces(span({**attributes, **counts})))
    assert (call.usage.raw, call.usage.input_tokens) == (counts, 9)


def test_a_span_that_holds_the_provider_s_body_keeps_the_provider_s_names() -> None:
    answer = {"object": "chat.completion", "choices": [{"message": {"content": "hi"}}], "usage": OPENAI}
    bodies = {
        "input.value": json.encode(
            {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        ).decode(),
        "output.value": json.encode(answer).decode(),
        "llm.token_count.prompt": 9,
    }
    assert otlp_call(traces(span({**OPENINFERENCE, **bodies}))).usage.raw == FLAT


def test_a_langfuse_span_keeps_the_names_of_its_details() -> None:
    details: dict[str, int | float] = {"input": 5, "input_cached_tokens": 4, "output": 3}
    observed = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.usage_details": json.encode(details).decode(),
    }
    usage = otlp_call(traces(span(observed))).usage
    assert usage == Usage(9, 3, 4, raw=details)


def test_a_langfuse_generation_keeps_the_names_of_the_field_that_it_is_read_from() -> None:
    usage = {"input": 9, "output": 3, "unit": "TOKENS", "inputCost": 0.5}
    call = langfuse_call(created(), updated(usageDetails={"inputCost": 1}, usage=usage))
    assert call.usage == Usage(9, 3, raw={"input": 9, "output": 3, "inputCost": 0.5})


@pytest.mark.parametrize(
    ("fields", "raw"),
    [
        ({"metadata": {"usage_object": OPENAI}}, FLAT),
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "metadata": {}, "response": {}},
            {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        ),
    ],
)
def test_litellm_s_payloads_and_rows_keep_its_counts_and_no_other_number(
    fields: dict[str, Any], raw: dict[str, Any]
) -> None:
    assert call_of(payload(**fields, response_cost=0.5)).usage.raw == raw
    assert call_of(row(**fields, spend=0.5)).usage.raw == raw


def test_gateways_keep_their_own_spelling() -> None:
    old: dict[str, int | float] = {"prompt_token": 9, "completion_token": 3, "cost": 0.5}
    line = kong({"ai-proxy": {"usage": old, "meta": {"request_model": "m"}}})
    assert call_of(line).usage == Usage(9, 3, raw=old, cost=0.5)
    told: dict[str, int | float] = {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "time_per_token": 133,
        "total_tokens": 12,
    }
    assert call_of(kong(proxied())).usage == Usage(9, 3, raw=told)
    summary = {"request_model": "m", "prompt_tokens": 9, "completion_tokens": 3, "duration": 812}
    call = call_of(apisix(path="/anything", llm_summary=summary))
    assert call.usage == Usage(9, 3, raw={"prompt_tokens": 9, "completion_tokens": 3})


def test_an_answer_that_counts_nothing_leaves_the_gateway_s_count() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    answer = {"object": "chat.completion", "choices": [], "usage": {"cost": 0.5}}
    assert call_of(kong(proxied(asked, answer))).usage.input_tokens == 9


def test_numbers_beside_the_counts_of_a_body_are_left_out() -> None:
    body = {"done": True, "prompt_eval_count": 9, "eval_count": 3, "total_duration": 10**9}
    ollama = call_of(pair("ollama.chat", {}, {**body, "message": {"content": "hi"}}))
    assert ollama.usage.raw == {"prompt_eval_count": 9, "eval_count": 3}
    results = [{"outputText": "a", "tokenCount": 1, "index": 7}, {"outputText": "b", "tokenCount": 2}]
    titan = call_of(
        pair(
            "invoke",
            {"inputText": "x", "textGenerationConfig": {}},
            {"inputTextTokenCount": 9, "results": results},
        )
    )
    assert titan.usage == Usage(
        9, 3, raw={"inputTextTokenCount": 9, "results.0.tokenCount": 1, "results.1.tokenCount": 2}
    )


def test_what_is_normalised_is_kept_as_it_was_too() -> None:
    beside: dict[str, int | float] = {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "reasoning_tokens": 5,
        "total_tokens": 17,
    }
    answer = {"object": "chat.completion", "choices": [{"message": {"content": "hi"}}], "usage": beside}
    assert call_of(chat(response=answer)).usage == Usage(9, 8, reasoning_tokens=5, raw=beside)
