from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from monitor.decode import decode
from monitor.decode.dimensions import Mapping
from monitor.records import FinishReason, FragmentKind, Status, Usage
from tests.decode.build import record, tokens
from tests.decode.otlp import build
from tests.decode.otlp.build import chat, fragment_of, fragments_of, plain_call, span, told, traces, words


@pytest.mark.parametrize(
    ("attribute", "value", "provider"),
    [
        ("gen_ai.provider.name", "openai", "openai"),
        ("gen_ai.system", "anthropic", "anthropic"),
        ("gen_ai.system", "az.ai.openai", "azure.ai.openai"),
        ("gen_ai.system", "vertex_ai", "gcp.vertex_ai"),
        ("gen_ai.system", "gemini", "gcp.gemini"),
        ("gen_ai.system", "xai", "x_ai"),
        ("gen_ai.provider.name", "OpenAI", "openai"),
        ("gen_ai.provider.name", "somebody.new", "somebody.new"),
    ],
)
def test_a_provider_has_one_name_whatever_the_generation(attribute: str, value: str, provider: str) -> None:
    assert plain_call({**chat(), attribute: value}).provider == provider


@pytest.mark.parametrize(
    ("values", "provider"),
    [
        (chat(system="openai", openai__api_base="https://api.groq.com/openai/v1/"), "groq"),
        ({**chat(provider__name="openai"), "server.address": "openrouter.ai"}, "openrouter"),
        ({**chat(provider__name="openai"), "server.address": "acme.openai.azure.com"}, "azure.ai.openai"),
        ({**chat(provider__name="openai"), "server.address": "api.openai.com"}, "openai"),
        ({**chat(provider__name="openai"), "server.address": "127.0.0.1"}, "openai"),
        ({**chat(provider__name="openai"), "server.address": "[::"}, "openai"),
        ({**chat(provider__name="anthropic"), "server.address": "api.openai.com"}, "anthropic"),
    ],
)
def test_the_host_says_who_was_asked_with_the_client_of_openai(values: dict[str, Any], provider: str) -> None:
    assert plain_call(values).provider == provider


@pytest.mark.parametrize(
    "values",
    [
        chat(response__id="\u200b"),
        {"openinference.span.kind": "LLM", "output.value": '{"id": "\u200b", "choices": []}'},
        {"ai.operationId": "ai.generateText.doGenerate", "ai.response.id": "\u200b"},
        {"langfuse.observation.type": "generation", "langfuse.observation.metadata.id": "\u200b"},
    ],
)
def test_a_response_id_that_says_nothing_is_none(values: dict[str, Any]) -> None:
    fragment = fragment_of(traces(span(values)))
    assert fragment.call is not None
    assert (fragment.call.call_id, fragment.response_id) == (build.SPAN_ID, None)


def test_the_newer_name_of_a_provider_wins() -> None:
    assert plain_call(chat(provider__name="groq", system="openai")).provider == "groq"


@pytest.mark.parametrize(
    ("values", "operation"),
    [
        ({"gen_ai.operation.name": "chat"}, "chat"),
        ({"gen_ai.operation.name": "generate_content"}, "generate_content"),
        ({"gen_ai.operation.name": "text_completion"}, "text_completion"),
        ({"llm.request.type": "completion", "gen_ai.system": "openai"}, "text_completion"),
        ({"gen_ai.request.model": "m", "gen_ai.usage.completion_tokens": 3}, "chat"),
    ],
)
def test_a_model_answering_is_a_call(values: dict[str, Any], operation: str) -> None:
    assert plain_call(values).operation == operation


@pytest.mark.parametrize(
    "operation",
    ["invoke_agent", "create_agent", "execute_tool", "embeddings", "retrieval", "fetch_response", "", 7],
)
def test_anything_else_is_no_call(operation: Any) -> None:
    values = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": "m",
        "gen_ai.usage.output_tokens": 3,
    }
    assert fragments_of(traces(span(values))) == ()


def test_a_span_without_an_operation_or_an_answer_is_no_call() -> None:
    assert fragments_of(traces(span({"gen_ai.request.model": "m", "gen_ai.system": "openai"}))) == ()


@pytest.mark.parametrize(
    ("values", "usage"),
    [
        ({"usage.prompt_tokens": 1, "usage.completion_tokens": 2}, Usage(1, 2)),
        (
            {
                "usage.input_tokens": 10,
                "usage.output_tokens": 9,
                "usage.cache_read.input_tokens": 3,
                "usage.cache_creation.input_tokens": 4,
                "usage.reasoning.output_tokens": 5,
            },
            Usage(10, 9, 3, 4, 5),
        ),
        ({"usage.cache_write.input_tokens": 4, "usage.reasoning_tokens": 5}, Usage(None, None, None, 4, 5)),
        ({"usage.input_tokens": 0, "usage.output_tokens": "many"}, Usage(0)),
        ({"usage.input_tokens": -1, "usage.cache_read.input_tokens": 5}, Usage(None, None, 5)),
        (
            {
                "usage.input_tokens": 5,
                "usage.cache_read.input_tokens": 100,
                "usage.cache_creation.input_tokens": 10,
            },
            Usage(115, None, 100, 10),
        ),
        (
            {
                "usage.input_tokens": 7,
                "usage.cache_read.input_tokens": 4,
                "usage.cache_creation.input_tokens": 4,
            },
            Usage(15, None, 4, 4),
        ),
        ({"usage.input_tokens": 100, "usage.cache_read.input_tokens": 100}, Usage(100, None, 100)),
        ({"usage.output_tokens": 3, "usage.reasoning.output_tokens": 50}, Usage(None, 53, None, None, 50)),
        ({"usage.output_tokens": 50, "usage.reasoning.output_tokens": 50}, Usage(None, 50, None, None, 50)),
    ],
)
def test_tokens_are_read_under_their_names_of_all_generations(values: dict[str, Any], usage: Usage) -> None:
    named = {f"gen_ai.{name}": value for name, value in values.items()}
    assert tokens(plain_call({**chat(provider__name="anthropic"), **named}).usage) == usage


@pytest.mark.parametrize(
    ("provider", "input_tokens"),
    [("anthropic", 105), ("aws.bedrock", 105), ("AWS_Bedrock", 105), ("openai", 5)],
)
def test_what_was_cached_counts_where_a_provider_leaves_it_out(provider: str, input_tokens: int) -> None:
    named = {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 100}
    assert plain_call({**chat(provider__name=provider), **named}).usage.input_tokens == input_tokens


def test_models_and_ids_are_those_of_the_response() -> None:
    values = chat(request__model="gpt-4o", response__model="gpt-4o-2024-08-06", response__id="chatcmpl-1")
    fragment = fragment_of(traces(span(values)))
    assert fragment.call is not None
    assert (fragment.call.model_requested, fragment.call.model_served) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert fragment.call.call_id == fragment.response_id == "chatcmpl-1"
    assert (fragment.call.trace_id, fragment.call.span_id) == (build.TRACE_ID, build.SPAN_ID)


def test_a_call_without_a_response_has_the_id_of_its_span_and_its_trace() -> None:
    call = plain_call(chat())
    assert (call.call_id, call.request_id) == (build.SPAN_ID, build.TRACE_ID)


@pytest.mark.parametrize(
    ("values", "ttft_ms"),
    [
        (chat(response__time_to_first_chunk=0.25), 250.0),
        (chat(request__stream=True, server__time_to_first_token=0.125), 125.0),
        (chat(request__stream=False, server__time_to_first_token=0.25), None),
        (chat(), None),
        (chat(response__time_to_first_chunk="soon"), None),
        (chat(response__time_to_first_chunk=0.2505), 250.5),
        (chat(response__time_to_first_chunk=0.3), None),
    ],
)
def test_the_time_to_the_first_token_is_never_the_duration(
    values: dict[str, Any], ttft_ms: float | None
) -> None:
    assert plain_call(values).ttft_ms == ttft_ms


@pytest.mark.parametrize(
    ("values", "stream"),
    [
        (chat(request__stream=True), True),
        (chat(is_streaming=False), False),
        ({**chat(), "llm.is_streaming": "False"}, None),
        (chat(), None),
    ],
)
def test_streaming_is_what_the_span_says(values: dict[str, Any], stream: bool | None) -> None:
    assert plain_call(values).stream is stream


def test_dimensions_are_mapped_from_the_span_then_from_its_resource() -> None:
    values = chat(agent__name="planner", prompt__name="plan", prompt__version=3)
    message = traces(
        span({**values, "team": "blue"}),
        resource={"service.name": "shop", "deployment.environment.name": "prod", "team": "red"},
    )
    (fragment,) = decode(record(message), mapping=Mapping({"route": ("team",)})).fragments
    call = fragment.call
    assert call is not None
    assert (call.service, call.environment, call.route) == ("shop", "prod", "blue")
    assert (call.agent, call.prompt_name, call.prompt_version) == ("planner", "plan", "3")


# ------------------------------------------------------------------------------------------ what was captured

QUESTION = told(words("hi"), role="user")
ANSWER = told(words("hello"), finish_reason="stop")


def test_messages_on_the_span_are_captured_and_nothing_more_is_awaited() -> None:
    values = chat(input__messages=QUESTION, output__messages=ANSWER, tool__definitions="[]")
    fragment = fragment_of(traces(span(values)))
    assert fragment.call is not None
    assert fragment.call.captured.input
    assert fragment.call.captured.output
    assert fragment.settled


def test_structured_messages_are_read_like_those_in_json_text() -> None:
    structured = [{"role": "user", "parts": [words("hi")]}]
    assert (
        plain_call(chat(input__messages=structured)).input == plain_call(chat(input__messages=QUESTION)).input
    )


def test_a_span_without_messages_may_find_them_in_an_event() -> None:
    fragment = fragment_of(traces(span(chat(response__finish_reasons=["stop"]))))
    assert fragment.kind is FragmentKind.CALL
    assert not fragment.settled
    assert fragment.call is not None
    assert not fragment.call.captured.input
    assert not fragment.call.captured.output
    assert fragment.call.outputs[0].finish_reason is FinishReason.STOP


@pytest.mark.parametrize("length", [1, 20, len(ANSWER) - 1])
def test_messages_that_the_sdk_cut_are_not_captured(length: int) -> None:
    call = plain_call(chat(input__messages=QUESTION, output__messages=ANSWER[:length]))
    assert call.captured.input
    assert not call.captured.output
    assert call.outputs == ()


@pytest.mark.parametrize(
    "value",
    [
        "<redacted>",
        "[REDACTED]",
        "__REDACTED__",
        "",
        "null",
        "{}",
        7,
        ["hi"],
        [{"role": "user"}],
        [{"parts": 1}],
    ],
)
def test_a_placeholder_for_messages_is_no_content(value: Any) -> None:
    call = plain_call(chat(input__messages=value, output__messages=value))
    assert not call.captured.input
    assert not call.captured.output


def test_cut_system_instructions_leave_the_input_incomplete() -> None:
    call = plain_call(chat(input__messages=QUESTION, system_instructions='[{"type":"te'))
    assert not call.captured.input


def test_an_empty_answer_was_captured_unless_the_call_failed() -> None:
    assert plain_call(chat(output__messages="[]")).captured.output
    failed = plain_call(chat(output__messages="[]"), status={"code": 2})
    assert failed.status is Status.ERROR
    assert not failed.captured.output


def test_a_failed_call_with_its_input_is_settled() -> None:
    values = chat(input__messages=QUESTION, tool__definitions="[]")
    assert fragment_of(traces(span(values, status={"code": 2}))).settled


# -------------------------------------------------------------------------------------- neighbouring dialects


def test_a_retrieval_brings_its_documents_to_the_trace() -> None:
    found = [{"id": "1", "score": 0.9, "content": "Paris is in France."}, {"id": "2", "score": 0.1}]
    values = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": found}
    fragment = fragment_of(traces(span(values)))
    assert fragment.kind is FragmentKind.DOCUMENTS
    assert [(document.id, document.content) for document in fragment.documents] == [
        ("1", "Paris is in France.")
    ]
    assert fragment.ended_at - fragment.started_at == timedelta(milliseconds=250)


@pytest.mark.parametrize("documents", ["[{", [], [{"id": "1", "score": 1}], None])
def test_a_retrieval_without_texts_grounds_nothing(documents: Any) -> None:
    values = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": documents}
    assert fragments_of(traces(span(values))) == ()


def test_the_anthropic_sdks_own_span_waits_for_what_another_says() -> None:
    values = {**chat(response__id="msg_1"), "anthropic.message.stop_reason": "tool_use"}
    fragment = fragment_of(traces(span(values), scope="com.anthropic.sdk.python"))
    assert not fragment.settled
    assert fragment.call is not None
    assert fragment.call.outputs[0].finish_reason is FinishReason.TOOL_CALL
    assert not fragment.call.captured.output
