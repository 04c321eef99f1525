"""Vercel's AI SDK. Nothing of it is recorded: its spans stand here as its source and documents have them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import Call, ContractKind, FinishReason, PartType, ToolChoice
from tests.decode.otlp.build import call_of, fragment_of, fragments_of, span, traces

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CALL = {"type": "tool-call", "toolCallId": "c0", "toolName": "look", "input": {"city": "Paris"}}
IMAGE = {"type": "file", "mediaType": "image/png"}
CALLED = [{"toolCallId": "c1", "toolName": "look", "input": {"city": "Rome"}}]
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "How tall?"}, IMAGE]},
    {"role": "assistant", "content": [CALL]},
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c0",
                "toolName": "look",
                "output": {"type": "json", "value": {"m": 42}},
            }
        ],
    },
]
GENERATE = {
    "operation.name": "ai.generateText.doGenerate",
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "openai.chat",
    "ai.model.id": "gpt-4o",
    "ai.prompt.messages": json.dumps(MESSAGES),
    "ai.prompt.tools": [
        json.dumps({"type": "function", "name": "look", "inputSchema": SCHEMA}),
        json.dumps({"type": "provider-defined", "name": "web_search", "id": "openai.web_search"}),
    ],
    "ai.prompt.toolChoice": '{"type": "tool", "toolName": "look"}',
    "ai.response.finishReason": "tool-calls",
    "ai.response.id": "r1",
    "ai.response.model": "gpt-4o-2024-08-06",
    "ai.response.text": "",
    "ai.response.toolCalls": json.dumps(CALLED),
    "ai.usage.inputTokens": 7,
    "ai.usage.outputTokens": 3,
    "ai.usage.cachedInputTokens": 2,
    "gen_ai.system": "openai.chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "r1",
}


def read(**values: Any) -> Call:
    return call_of(traces(span({**GENERATE, **values}), scope="ai"))


@pytest.mark.parametrize(
    ("result", "content", "is_error"),
    [
        ({"output": {"type": "json", "value": {"m": 42}}}, '{"m":42}', False),
        ({"output": {"type": "error-text", "value": "no such city"}}, "no such city", True),
        ({"output": {"type": "error-json", "value": {"code": 7}}}, '{"code":7}', True),
        ({"result": "no such city", "isError": True}, "no such city", True),
        ({"result": "42", "isError": False}, "42", False),
    ],
)
def test_the_result_of_a_tool_that_failed_is_an_error(
    result: dict[str, Any], content: str, is_error: bool
) -> None:
    part = {"type": "tool-result", "toolCallId": "c0", "toolName": "look", **result}
    call = read(**{"ai.prompt.messages": json.dumps([{"role": "tool", "content": [part]}])})
    (told,) = call.input[0].parts
    assert (told.content, told.is_error) == (content, is_error)


def test_a_generation_is_a_call() -> None:
    call = read()
    assert (call.call_id, call.provider) == ("r1", "openai")
    assert (call.model_requested, call.model_served) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert [part.type for message in call.input for part in message.parts] == [
        PartType.TEXT,
        PartType.TEXT,
        PartType.MEDIA,
        PartType.TOOL_CALL,
        PartType.TOOL_RESULT,
    ]
    assert call.input[3].parts[0].content == '{"m":42}'
    assert [(tool.name, tool.kind, tool.schema) for tool in call.tools] == [
        ("look", "function", SCHEMA),
        ("web_search", "builtin", None),
    ]
    assert call.tool_choice == ToolChoice("required", ("look",))
    assert (call.outputs[0].finish_reason, call.outputs[0].tool_calls[0].arguments) == (
        FinishReason.TOOL_CALL,
        '{"city":"Rome"}',
    )
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.cache_read_tokens) == (7, 3, 2)
    assert (call.stream, call.ttft_ms, call.contract.kind) == (False, None, ContractKind.UNKNOWN)
    assert call.captured.input
    assert call.captured.output
    assert call.captured.tools


def test_a_fragment_waits_for_nothing() -> None:
    fragment = fragment_of(traces(span(GENERATE), scope="ai"))
    assert (fragment.response_id, fragment.settled) == ("r1", True)


@pytest.mark.parametrize("arguments", ['{"city": "Rome"}', '{"city": "Ro'])
def test_older_versions_write_arguments_as_the_model_did(arguments: str) -> None:
    called = [{"toolCallType": "function", "toolCallId": "c1", "toolName": "look", "args": arguments}]
    assert (
        read(**{"ai.response.toolCalls": json.dumps(called)}).outputs[0].tool_calls[0].arguments == arguments
    )


def test_a_stream_tells_when_its_first_chunk_came() -> None:
    call = read(**{"ai.operationId": "ai.streamText.doStream", "ai.response.msToFirstChunk": 12.5})
    assert (call.stream, call.ttft_ms) == (True, 12.5)


@pytest.mark.parametrize(
    ("values", "kind", "captured"),
    [
        ({}, ContractKind.JSON_SCHEMA, False),
        ({"ai.schema": json.dumps(SCHEMA)}, ContractKind.JSON_SCHEMA, True),
        ({"ai.settings.output": "no-schema"}, ContractKind.JSON_OBJECT, True),
    ],
)
def test_an_object_is_json_that_was_asked_for(
    values: dict[str, Any], kind: ContractKind, captured: bool
) -> None:
    operation = {"ai.operationId": "ai.generateObject.doGenerate", "ai.response.object": '{"city":"Rome"}'}
    called = dict.fromkeys(("ai.response.text", "ai.response.toolCalls"))
    call = read(**operation, **called, **{"ai.response.finishReason": "stop"}, **values)
    assert (call.contract.kind, call.captured.schema) == (kind, captured)
    assert call.outputs[0].text == '{"city":"Rome"}'


def test_inputs_and_outputs_that_were_not_recorded_are_not_captured() -> None:
    bare = {name: None for name in GENERATE if name.startswith(("ai.prompt", "ai.response.t"))}
    call = read(**bare)
    assert not call.captured.input
    assert not call.captured.output
    assert not call.captured.tools


@pytest.mark.parametrize(
    "operation", ["ai.generateText", "ai.streamText", "ai.toolCall", "ai.embed.doEmbed", "ai.embed", "", 7]
)
def test_what_stands_around_calls_is_none(operation: Any) -> None:
    assert fragments_of(traces(span({**GENERATE, "ai.operationId": operation}), scope="ai")) == ()


@pytest.mark.parametrize(
    ("named", "model", "provider", "requested"),
    [
        ("gateway", "anthropic/claude-sonnet-4", "anthropic", "claude-sonnet-4"),
        ("gateway", "claude", "gateway", "claude"),
        ("azure-openai.chat", "d", "azure.ai.openai", "d"),
        ("amazon-bedrock", "b", "aws.bedrock", "b"),
        ("google.generative-ai", "g", "gcp.gemini", "g"),
        ("google.vertex.chat", "g", "gcp.vertex_ai", "g"),
    ],
)
def test_providers_have_their_names(named: str, model: str, provider: str, requested: str) -> None:
    call = read(**{"ai.model.provider": named, "ai.model.id": model})
    assert (call.provider, call.model_requested) == (provider, requested)


def test_the_gateway_says_what_it_tried() -> None:
    attempts = [
        {"provider": "azure", "success": False, "statusCode": 429},
        {"provider": "openai", "success": True},
    ]
    models = {"originalModelId": "openai/gpt-4o", "modelAttempts": [{"modelId": "a"}, {"modelId": "b"}]}
    for routing, expected in (
        ({**models, "attempts": attempts}, ("fallback", "openai/gpt-4o", "b", "rate_limit")),
        (
            {"originalModelId": "openai/gpt-4o", "modelAttemptCount": 1, "attempts": attempts},
            ("fallback", "azure/gpt-4o", "openai/gpt-4o", "rate_limit"),
        ),
        ({"modelAttemptCount": 1, "attempts": attempts[1:]}, ("none", None, None, None)),
        ({}, ("unknown", None, None, None)),
    ):
        hint = read(
            **{"ai.response.providerMetadata": json.dumps({"gateway": {"routing": routing}})}
        ).fallback
        assert (hint.declared, hint.from_model, hint.to_model, hint.cause) == expected
