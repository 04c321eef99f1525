from __future__ import annotations

from typing import Any

import pytest

from monitor.decode import decode
from monitor.decode.dimensions import Mapping
from monitor.records import (
    CallError,
    Captured,
    Contract,
    ContractKind,
    Document,
    ErrorCategory,
    FallbackHint,
    Status,
    Usage,
)
from tests.decode.build import call_of, dead_letter_of, record, tokens
from tests.decode.litellm.build import answer, failed, payload

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
ASKED_JSON = {"response_format": {"type": "json_object"}}


def test_a_payload_is_a_call() -> None:
    call = call_of(payload(model_parameters={"tools": [TOOL], "tool_choice": "required"}))
    assert (call.call_id, call.request_id, call.route) == ("chatcmpl-1", "t1", "chat")
    assert (call.provider, call.model_requested, call.model_served) == (
        "openai",
        "gpt-4o",
        "gpt-4o-2024-08-06",
    )
    assert (call.duration_ms, call.ttft_ms, call.stream) == (2000.0, None, False)
    assert call.started_at.isoformat() == "2026-11-22T09:13:33+00:00"
    assert [tool.name for tool in call.tools] == ["look_up"]
    assert call.contract.kind is ContractKind.TOOL
    assert (call.outputs[0].text, call.captured) == ("hi", Captured())
    assert (call.attempt, call.fallback) == (1, FallbackHint()), "others say how attempts relate"


def test_a_payload_may_be_wrapped() -> None:
    assert call_of({"event": "success", "payload": payload()}).call_id == "chatcmpl-1"


@pytest.mark.parametrize(
    "call_type", ["embedding", "aembedding", "aimage_generation", "arerank", "", None, 3]
)
def test_what_asks_no_model_is_no_call(call_type: Any) -> None:
    decoded = decode(record(payload(call_type=call_type, response={"object": "list", "data": []})))
    assert not decoded.calls
    assert not decoded.dead_letters


def test_what_was_passed_through_is_known_by_its_answer() -> None:
    assert call_of(payload(call_type="pass_through_endpoint")).outputs[0].text == "hi"


MODELS = {
    "a provider in front": ("openai", "openai/gpt-4o", "gpt-4o", "openai"),
    "no provider in front": ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5", "anthropic"),
    "a router's own vendors": ("openrouter", "openrouter/openai/gpt-4o", "openai/gpt-4o", "openrouter"),
    "a vendor that is no provider": ("openai", "openai/meta-llama/llama-4", "meta-llama/llama-4", "openai"),
    "a provider that OpenTelemetry names": (
        "azure",
        "azure/my-deployment",
        "my-deployment",
        "azure.ai.openai",
    ),
    "Bedrock": ("bedrock", "bedrock/anthropic.claude-v2", "anthropic.claude-v2", "aws.bedrock"),
    "none": (None, "gpt-4o", "gpt-4o", ""),
}


@pytest.mark.parametrize(("provider", "model", "requested", "named"), MODELS.values(), ids=MODELS.keys())
def test_a_model_is_named_without_its_provider(
    provider: str | None, model: str, requested: str, named: str
) -> None:
    call = call_of(payload(custom_llm_provider=provider, model=model))
    assert (call.model_requested, call.provider) == (requested, named)


TIMES = {
    "epoch seconds": (1795338813.5, 1795338814.0),
    "their text": ("1795338813.5", "1795338814"),
    "as Python prints it": ("2026-11-22 09:13:33.500000", "2026-11-22 09:13:34"),
    "ISO 8601": ("2026-11-22T09:13:33.500Z", "2026-11-22T10:13:34+01:00"),
}


@pytest.mark.parametrize(("start", "end"), TIMES.values(), ids=TIMES.keys())
def test_times_are_read_however_they_are_written(start: Any, end: Any) -> None:
    call = call_of(payload(startTime=start, endTime=end))
    assert call.started_at.isoformat() == "2026-11-22T09:13:33.500000+00:00"
    assert call.duration_ms == 500.0


@pytest.mark.parametrize("start", [None, "soon", [], float(10**300), True])
def test_a_call_without_a_time_started_when_it_was_received(start: Any) -> None:
    call = call_of(payload(startTime=start))
    assert call.started_at == record({}).timestamp
    assert (call.duration_ms, call.ttft_ms) == (None, None)


STREAMS = {
    "a stream": ({"stream": True, "completionStartTime": 1795338813.25}, (True, 250.0)),
    "a stream whose first token is not known": ({"stream": True}, (True, None)),
    "a plain answer": ({"completionStartTime": 1795338814.0}, (False, None)),
}


@pytest.mark.parametrize(("fields", "told"), STREAMS.values(), ids=STREAMS.keys())
def test_the_duration_never_stands_for_the_time_to_the_first_token(
    fields: dict[str, Any], told: tuple[bool, float | None]
) -> None:
    call = call_of(payload(**fields))
    assert (call.stream, call.ttft_ms) == told


@pytest.mark.parametrize("hit", [True, "True", "true"])
def test_an_answer_out_of_the_cache_is_a_call_without_times_and_tokens(hit: Any) -> None:
    counts = {"prompt_tokens": 9, "completion_tokens": 3, "metadata": {"usage_object": {"prompt_tokens": 9}}}
    call = call_of(payload(cache_hit=hit, stream=True, completionStartTime=1795338814.0, **counts))
    assert (call.duration_ms, call.ttft_ms, call.usage) == (None, None, Usage())
    assert (call.outputs[0].text, call.captured.output) == ("hi", True)


@pytest.mark.parametrize("miss", [False, None, "False", "None", "", 1, {}])
def test_an_answer_of_a_model_has_its_times_and_tokens(miss: Any) -> None:
    call = call_of(payload(cache_hit=miss, prompt_tokens=9, completion_tokens=3))
    assert (call.duration_ms, call.usage.input_tokens) == (2000.0, 9)


def test_who_answered_a_stream_is_unknown_where_the_requested_name_stands() -> None:
    echoed = {**answer("hi"), "model": "gpt-4o"}
    assert call_of(payload(stream=True, response=echoed)).model_served == ""
    assert call_of(payload(response=echoed)).model_served == "gpt-4o"
    assert call_of(payload(stream=True)).model_served == "gpt-4o-2024-08-06"


FAILURES = {
    "a status": ({"error_code": "429", "error_class": "RateLimitError"}, "RateLimitError", "rate_limit", 429),
    "a name": (
        {"error_code": "tool_use_failed", "error_class": "BadRequestError"},
        "tool_use_failed",
        "tool_use_failed",
        400,
    ),
    "a class only": ({"error_class": "Timeout"}, "Timeout", "timeout", 408),
    "a full context": (
        {"error_code": "400", "error_class": "ContextWindowExceededError"},
        "context_length_exceeded",
        "context_length",
        400,
    ),
    "a full context, normalised": (
        {
            "error_code": "400",
            "error_class": "BadRequestError",
            "normalized_error": "400_CONTEXT_WINDOW_EXCEEDED",
        },
        "context_length_exceeded",
        "context_length",
        400,
    ),
    "a policy": (
        {"error_class": "ContentPolicyViolationError"},
        "content_policy_violation",
        "content_filter",
        None,
    ),
    "its status, normalised": (
        {"error_code": "x", "error_class": "NewError", "normalized_error": "503_X"},
        "x",
        "server_error",
        503,
    ),
    "nothing": ({}, "unknown", "other", None),
    "another type": ({"error_code": [], "error_class": 3}, "unknown", "other", None),
}


@pytest.mark.parametrize(
    ("information", "name", "category", "status"), FAILURES.values(), ids=FAILURES.keys()
)
def test_a_failure_has_its_name_its_category_and_its_status(
    information: dict[str, Any], name: str, category: str, status: int | None
) -> None:
    call = call_of({**failed(**information), "error_str": "it said: the prompt"})
    assert call.error == CallError(name, ErrorCategory(category), status)
    assert (call.status, call.call_id, call.outputs) == (Status.ERROR, "4f5e", ())
    assert call.captured.output, "there is nothing more to know"
    assert call.stream is None


def test_a_failure_counts_no_tokens() -> None:
    counts = {"prompt_tokens": 0, "completion_tokens": 0}
    assert tokens(call_of({**failed(), **counts}).usage) == Usage()


USAGES = {
    "LiteLLM's own count": (
        {
            "prompt_tokens": 20,
            "completion_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 5, "cache_creation_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        Usage(20, 9, 5, 3, 4),
    ),
    "Anthropic's cache": (
        {"prompt_tokens": 20, "completion_tokens": 9, "cache_creation_input_tokens": 7},
        Usage(20, 9, None, 7),
    ),
    "nothing counted": ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
}


@pytest.mark.parametrize(("counted", "usage"), USAGES.values(), ids=USAGES.keys())
def test_tokens_are_those_that_litellm_counted(counted: dict[str, Any], usage: Usage) -> None:
    assert tokens(call_of(payload(metadata={"usage_object": counted})).usage) == usage
    assert tokens(call_of(payload(response={**answer("hi"), "usage": counted})).usage) == usage


def test_a_refusal_that_litellm_keeps_aside_is_a_refusal() -> None:
    aside = answer(None, provider_specific_fields={"refusal": "I can't do that."})
    (output,) = call_of(payload(response=aside)).outputs
    assert (output.text, output.refusal) == ("", "I can't do that.")


def test_what_a_vector_store_found_is_a_document() -> None:
    found = {"file_id": "f1", "filename": "terms.pdf", "content": [{"type": "text", "text": "30 days"}]}
    hidden = {"file_id": "f2", "content": [{"text": "REDACTED_BY_LITELM"}]}
    stores = [{"vector_store_search_response": {"data": [found, hidden]}}]
    call = call_of(payload(metadata={"vector_store_request_metadata": stores}))
    assert call.documents == (Document("30 days", "terms.pdf", "retrieval"),)


REDACTED = "redacted-by-litellm"


def test_what_was_redacted_is_not_captured() -> None:
    call = call_of(
        payload(
            messages=[{"role": "user", "content": REDACTED}],
            response=answer(REDACTED),
            model_parameters=ASKED_JSON,
            metadata={"usage_object": {"prompt_tokens": 20, "completion_tokens": 9}},
        )
    )
    assert call.captured == Captured(input=False, output=False)
    assert (call.input, call.outputs) == ((), ())
    assert (call.contract.kind, call.model_served) == (ContractKind.JSON_OBJECT, "gpt-4o-2024-08-06")
    assert tokens(call.usage) == Usage(20, 9)


@pytest.mark.parametrize(
    "response",
    [{"text": REDACTED}, REDACTED, answer(None, tool_calls=[{"function": {"arguments": REDACTED}}])],
)
def test_an_answer_is_redacted_in_several_shapes(response: Any) -> None:
    call = call_of(payload(response=response))
    assert (call.captured.output, call.status, call.outputs) == (False, Status.OK, ())


def test_an_answer_about_redaction_is_an_answer() -> None:
    assert call_of(payload(response=answer(f'it says "{REDACTED}"'))).captured.output


def test_what_was_not_logged_is_unknown() -> None:
    call = call_of(payload(messages=None, model_parameters=None, response=None))
    assert call.captured == Captured(input=False, output=False, tools=False)
    assert call.contract == Contract()


def test_a_text_is_what_the_user_said() -> None:
    assert call_of(payload(messages="hello")).input == call_of(payload()).input


def test_a_response_of_the_responses_api_is_read() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    response = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [said]}
    call = call_of(payload(call_type="aresponses", messages="hello", response=response))
    assert (call.outputs[0].text, call.input[0].parts[0].content) == ("hi", "hello")


def test_what_anthropic_was_asked_is_read_where_openai_s_dialect_answers() -> None:
    tool = {"name": "look_up", "input_schema": {"type": "object"}}
    call = call_of(payload(call_type="anthropic_messages", model_parameters={"tools": [tool]}))
    assert ([tool.name for tool in call.tools], call.outputs[0].text) == (["look_up"], "hi")


MAPPING = Mapping(
    {
        "service": ("metadata.user_api_key_team_alias",),
        "environment": ("tag.stage",),
        "agent": ("metadata.agent.name",),
        "prompt_version": ("cache_hit",),
    }
)


def test_attributes_become_dimensions_as_configured() -> None:
    metadata = {"user_api_key_team_alias": "billing", "agent.name": "clerk"}
    logged = payload(metadata=metadata, request_tags=["prod", "stage:prod", "stage:later"], cache_hit=True)
    (call,) = decode(record(logged), mapping=MAPPING).calls
    assert (call.service, call.environment, call.prompt_version) == ("billing", "prod", "true")
    assert (call.agent, call.route) == ("clerk", "chat")


def test_a_managed_prompt_has_its_name() -> None:
    managed = {"prompt_management_metadata": {"prompt_id": "greeting"}}
    assert call_of(payload(metadata=managed)).prompt_name == "greeting"


def test_a_payload_without_an_id_is_refused() -> None:
    assert dead_letter_of(payload(id=None, litellm_call_id=None)).reason == "invalid_record"
