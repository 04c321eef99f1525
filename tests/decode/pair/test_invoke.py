"""Bedrock's InvokeModel: the bodies of whatever family the model is of, and the text models' own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from monitor.records import FinishReason, Part, Usage
from tests.decode.build import call_of, dead_letter_of, pair, tokens
from tests.decode.pair.test_event_stream import event

URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke"
TITAN = {"inputText": "hello", "textGenerationConfig": {}}
MESSAGES = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "hello"}]}
NOVA = {"messages": [{"role": "user", "content": [{"text": "hello"}]}], "inferenceConfig": {}}


@pytest.mark.parametrize(
    ("request_", "response", "text", "reason", "usage"),
    [
        (
            TITAN,
            {
                "inputTextTokenCount": 3,
                "results": [{"tokenCount": 2, "outputText": "x", "completionReason": "FINISH"}],
            },
            "x",
            FinishReason.STOP,
            Usage(3, 2),
        ),
        (
            {"prompt": "hello", "max_gen_len": 9},
            {
                "generation": "x",
                "prompt_token_count": 3,
                "generation_token_count": 2,
                "stop_reason": "length",
            },
            "x",
            FinishReason.LENGTH,
            Usage(3, 2),
        ),
        (
            {"prompt": "<s>[INST] hello [/INST]"},
            {"outputs": [{"text": "x", "stop_reason": "stop"}]},
            "x",
            FinishReason.STOP,
            Usage(),
        ),
        (
            MESSAGES,
            {"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"},
            "x",
            FinishReason.STOP,
            Usage(),
        ),
        (
            NOVA,
            {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": "end_turn"},
            "x",
            FinishReason.STOP,
            Usage(),
        ),
        (
            {"messages": [{"role": "user", "content": "hello"}]},
            {
                "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3},
            },
            "x",
            FinishReason.STOP,
            Usage(3),
        ),
        (
            {"message": "hello"},
            {"text": "x", "generation_id": "g", "finish_reason": "COMPLETE"},
            "x",
            FinishReason.STOP,
            Usage(),
        ),
    ],
    ids=["titan", "llama", "mistral", "anthropic", "nova", "ai21", "cohere"],
)
def test_a_body_is_read_as_its_family_writes_it(
    request_: Any, response: Any, text: str, reason: FinishReason, usage: Usage
) -> None:
    call = call_of({"request": {"url": URL, "body": request_}, "response": {"body": response}})
    assert (call.outputs[0].text, call.outputs[0].finish_reason, tokens(call.usage)) == (text, reason, usage)
    assert (call.model_requested, call.provider) == ("m", "aws.bedrock")
    assert any("hello" in part.content for message in call.input for part in message.parts)


@pytest.mark.parametrize(
    ("request_", "chunks"),
    [
        (TITAN, [{"outputText": "Hel"}, {"outputText": "lo", "completionReason": "FINISH"}]),
        (
            {"prompt": "p", "max_gen_len": 9},
            [{"generation": "Hel"}, {"generation": "lo", "stop_reason": "stop"}],
        ),
        (
            {"prompt": "p"},
            [{"outputs": [{"text": "Hel"}]}, {"outputs": [{"text": "lo", "stop_reason": "stop"}]}],
        ),
        (
            MESSAGES,
            [
                {"type": "message_start", "message": {"content": []}},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            ],
        ),
        (
            NOVA,
            [
                {"messageStart": {"role": "assistant"}},
                {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hello"}}},
                {"messageStop": {"stopReason": "end_turn"}},
            ],
        ),
    ],
    ids=["titan", "llama", "mistral", "anthropic", "nova"],
)
def test_a_stream_of_any_family_is_put_together(request_: Any, chunks: list[dict[str, Any]]) -> None:
    wrapped = [{"bytes": base64.b64encode(json.dumps(chunk).encode()).decode()} for chunk in chunks]
    raw = b"".join(event("chunk", one) for one in wrapped)
    for body in ({"__base64__": base64.b64encode(raw).decode()}, [{"chunk": one} for one in wrapped], chunks):
        call = call_of(pair("invoke_stream", request_, body))
        (output,) = call.outputs
        assert (output.text, output.finish_reason, call.stream) == ("Hello", FinishReason.STOP, True)


def test_an_exception_inside_a_stream_is_an_error_with_the_text_so_far() -> None:
    chunk = {"bytes": base64.b64encode(b'{"outputText": "Hel"}').decode()}
    raw = event("chunk", chunk) + event("throttlingException", {"message": "slow"}, "exception")
    call = call_of(pair("invoke_stream", TITAN, {"__base64__": base64.b64encode(raw).decode()}))
    assert call.error is not None
    assert (call.error.type, call.outputs[0].text) == ("throttlingException", "Hel")


def test_a_guardrail_that_intervened_filtered_the_answer() -> None:
    body = {"outputText": "blocked", "amazon-bedrock-guardrailAction": "INTERVENED"}
    assert call_of(pair("invoke", TITAN, body)).outputs[0].finish_reason is FinishReason.CONTENT_FILTER


def test_an_error_is_read_with_the_request_of_its_family() -> None:
    call = call_of(pair("invoke", TITAN, {"message": "no"}, status=400))
    assert call.error is not None
    assert call.input[0].parts == (Part(content="hello"),)


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ({"inputText": "x", "normalize": True}, {"embedding": [0.1], "inputTextTokenCount": 1}),
        ({"texts": ["x"], "input_type": "search_query"}, {"embeddings": {"float": [[0.1]]}, "texts": ["x"]}),
    ],
)
def test_an_embedding_is_no_call(request_: Any, response: Any) -> None:
    letter = dead_letter_of(pair("invoke", request_, response))
    assert (letter.reason, letter.detail) == ("unsupported_api", "provider 'unknown', api 'invoke'")
