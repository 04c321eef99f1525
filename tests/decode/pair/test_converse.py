from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    ErrorCategory,
    FinishReason,
    Part,
    PartType,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)
from tests.decode.build import call_of, pair, tokens
from tests.decode.pair.test_event_stream import event

SCHEMA = {"type": "object"}
HELLO = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}


def _body(*blocks: dict[str, Any], stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": list(blocks)}},
        "stopReason": stop,
        **fields,
    }


def _asked(**fields: Any) -> Call:
    return call_of(pair("converse", {**HELLO, **fields}, _body({"text": "hi"})))


def _answered(*blocks: dict[str, Any], **fields: Any) -> Call:
    return call_of(pair("converse", HELLO, _body(*blocks, **fields)))


def _format(schema: Any) -> dict[str, Any]:
    return {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "schema": schema}}}
    }


def test_the_schema_is_json_text() -> None:
    call = _asked(outputConfig=_format(json.dumps(SCHEMA)))
    assert call.contract == Contract(ContractKind.JSON_SCHEMA, SCHEMA, name="n")
    assert call.captured.schema


def test_a_schema_that_cant_be_read_is_not_captured() -> None:
    call = _asked(outputConfig=_format("{cut"))
    assert call.contract == Contract(ContractKind.JSON_SCHEMA, None, name="n")
    assert not call.captured.schema


@pytest.mark.parametrize(
    ("choice", "expected", "contract"),
    [
        (None, ToolChoice(), Contract(ContractKind.NONE)),
        ({"auto": {}}, ToolChoice(), Contract(ContractKind.NONE)),
        ({"any": {}}, ToolChoice("required"), Contract(ContractKind.TOOL)),
        ({"tool": {"name": "f"}}, ToolChoice("required", ("f",)), Contract(ContractKind.TOOL, name="f")),
    ],
)
def test_the_tool_choice(choice: Any, expected: ToolChoice, contract: Contract) -> None:
    call = _asked(toolConfig={"toolChoice": choice})
    assert (call.tool_choice, call.contract) == (expected, contract)


def test_the_tools() -> None:
    tools = [
        {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": SCHEMA}, "strict": True}},
        {"systemTool": {"name": "nova_grounding"}},
        {"cachePoint": {"type": "default"}},
    ]
    assert _asked(toolConfig={"tools": tools}).tools == (
        Tool("f", description="d", schema=SCHEMA, strict=True),
        Tool("nova_grounding", "builtin"),
    )


def test_the_conversation() -> None:
    messages = [
        {"role": "user", "content": [{"text": "t"}, {"image": {}}, {"cachePoint": {"type": "default"}}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "r"}}},
                {"toolUse": {"toolUseId": "1", "name": "f", "input": {"a": 1}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "1",
                        "content": [{"text": "a"}, {"json": {"b": 2}}, {"image": {}}],
                    }
                }
            ],
        },
    ]
    call = _asked(messages=messages, system=[{"text": "s"}])
    assert [message.parts for message in call.input] == [
        (Part(content="s"),),
        (Part(content="t"), Part(PartType.MEDIA, name="image"), Part(PartType.OTHER, name="cachePoint")),
        (Part(PartType.REASONING, "r"), Part(PartType.TOOL_CALL, id="1", name="f", arguments='{"a":1}')),
        (Part(PartType.TOOL_RESULT, 'a\n{"b":2}', id="1"), Part(PartType.MEDIA, name="image")),
    ]


@pytest.mark.parametrize(("status", "is_error"), [(None, False), ("success", False), ("error", True)])
def test_a_result_says_whether_the_tool_failed(status: str | None, is_error: bool) -> None:
    result = {"toolUseId": "1", "content": [{"text": "no such city"}], "status": status}
    call = _asked(messages=[{"role": "user", "content": [{"toolResult": result}]}])
    assert call.input[0].parts == (Part(PartType.TOOL_RESULT, "no such city", id="1", is_error=is_error),)


def test_documents_searches_and_guarded_sources_are_context() -> None:
    found = {"searchResult": {"source": "https://a", "title": "A", "content": [{"text": "found"}]}}
    content = [
        {"document": {"name": "d", "format": "txt", "source": {"text": "document"}}},
        {"document": {"name": "p", "format": "pdf", "source": {"bytes": "…"}}},
        found,
        {"guardContent": {"text": {"text": "guarded", "qualifiers": ["grounding_source"]}}},
        {"guardContent": {"text": {"text": "query", "qualifiers": ["query"]}}},
        {"toolResult": {"toolUseId": "1", "content": [found]}},
    ]
    call = _asked(messages=[{"role": "user", "content": content}])
    assert call.documents == (
        Document("document", "d", "message"),
        Document("found", "https://a", "message"),
        Document("guarded", None, "message"),
        Document("found", "https://a", "tool_result"),
    )
    kinds = [part.type for part in call.input[0].parts]
    assert kinds[:3] == [PartType.DOCUMENT, PartType.MEDIA, PartType.DOCUMENT]


def test_a_prompt_kept_at_bedrock_is_not_in_the_record() -> None:
    assert not _asked(promptVariables={"topic": {"text": "x"}}).captured.input


def test_citations_are_text_and_passages() -> None:
    citation = {"title": "facts", "sourceContent": [{"text": "passage"}]}
    web = {"location": {"web": {"url": "https://a"}}}
    call = _answered({"citationsContent": {"content": [{"text": "answer"}], "citations": [citation, web]}})
    assert (call.outputs[0].text, call.outputs[0].citations) == ("answer", ("facts", "https://a"))
    assert call.documents == (Document("passage", "facts", "citation"),)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("tool_use", FinishReason.TOOL_CALL),
        ("guardrail_intervened", FinishReason.CONTENT_FILTER),
        ("content_filtered", FinishReason.CONTENT_FILTER),
        ("malformed_tool_use", FinishReason.MALFORMED_TOOL_CALL),
        ("malformed_model_output", FinishReason.ERROR),
        ("else", FinishReason.UNKNOWN),
    ],
)
def test_the_finish_reason(stop: str, reason: FinishReason) -> None:
    assert _answered({"text": "x"}, stop=stop).outputs[0].finish_reason is reason


def test_a_tool_that_bedrock_runs_is_server_side_and_what_it_found_is_unseen() -> None:
    use = {"toolUseId": "1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}
    call = _answered({"toolUse": use}, {"text": "x"})
    assert call.outputs[0].tool_calls == (ToolCall("nova_grounding", "{}", "1", server_side=True),)
    assert not call.captured.input


def test_input_tokens_include_the_cache() -> None:
    counts = {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 3}
    nova = {
        "inputTokens": 5,
        "outputTokens": 2,
        "cacheReadInputTokenCount": 10,
        "cacheWriteInputTokenCount": 3,
    }
    for usage in (counts, nova):
        assert tokens(_answered({"text": "x"}, usage=usage).usage) == Usage(18, 2, 10, 3)


def test_a_prompt_router_names_the_model_that_answered() -> None:
    invoked = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-x"
    call = _answered(
        {"text": "x"}, trace={"promptRouter": {"invokedModelId": invoked}}, metrics={"latencyMs": 12}
    )
    assert (call.model_served, call.duration_ms) == ("us.anthropic.claude-x", 12.0)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("us.anthropic.claude-x-v1%3A0/converse", "us.anthropic.claude-x-v1:0"),
        ("us.anthropic.claude-x-v1:0/converse-stream", "us.anthropic.claude-x-v1:0"),
        ("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Feu.x-v1%3A0/converse", "eu.x-v1:0"),
        (
            "arn:aws:bedrock:us-east-1:1:default-prompt-router%2Fanthropic.claude:1/converse",
            "default-prompt-router/anthropic.claude:1",
        ),
    ],
)
def test_the_url_names_the_model(path: str, model: str) -> None:
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{path}"
    one = {"request": {"url": url, "body": HELLO}, "response": {"status": 403, "body": {"message": "no"}}}
    call = call_of(one)
    assert (call.model_requested, call.provider) == (model, "aws.bedrock")
    assert call.stream is path.endswith("stream")


def test_the_name_of_an_error_stands_in_a_header() -> None:
    headers = {"x-amzn-ErrorType": "ThrottlingException:http://internal.amazon.com/"}
    response = {"status": 429, "body": {"message": "slow down"}, "headers": headers}
    error = call_of({"api": "converse", "request": {"body": HELLO}, "response": response}).error
    assert error is not None
    assert (error.type, error.category) == ("ThrottlingException", ErrorCategory.RATE_LIMIT)


EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "thought"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hel"}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "lo"}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"citation": {"title": "facts"}}}),
    ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "1", "name": "f"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"a":'}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "1}"}}}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {"latencyMs": 9}}),
]


def _framed(*events: tuple[str, dict[str, Any]]) -> dict[str, str]:
    raw = b"".join(event(*one) for one in events)
    return {"__base64__": base64.b64encode(raw).decode()}


@pytest.mark.parametrize(
    "body",
    [
        _framed(*EVENTS),
        [{name: payload} for name, payload in EVENTS],
        "\n".join(json.dumps({name: payload}) for name, payload in EVENTS),
    ],
    ids=["bytes", "list", "lines"],
)
def test_a_stream_is_put_together(body: Any) -> None:
    call = call_of(pair("converse_stream", HELLO, body))
    (output,) = call.outputs
    assert (output.text, output.reasoning, output.citations) == ("Hello", "thought", ("facts",))
    assert output.tool_calls == (ToolCall("f", '{"a":1}', "1"),)
    assert (output.finish_reason, tokens(call.usage)) == (FinishReason.TOOL_CALL, Usage(3, 2))
    assert (call.stream, call.duration_ms) == (True, 9.0)


def test_an_exception_inside_a_stream_is_an_error_with_the_text_so_far() -> None:
    raw = base64.b64decode(_framed(*EVENTS[:3])["__base64__"])
    raw += event("modelStreamErrorException", {"message": "it broke"}, "exception")
    call = call_of(pair("converse_stream", HELLO, {"__base64__": base64.b64encode(raw).decode()}))
    assert call.error is not None
    assert (call.error.type, call.error.category) == ("modelStreamErrorException", ErrorCategory.SERVER_ERROR)
    assert (call.outputs[0].text, call.outputs[0].finish_reason) == ("Hel", FinishReason.UNKNOWN)
