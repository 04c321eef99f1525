from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from monitor.decode.pair import bodies
from monitor.records import CallError, Captured, ContractKind, ErrorCategory, FinishReason
from tests.decode.build import sse

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {"id": "r", "model": "m-1", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}


def _read(request: Any, response: Any, **known: Any) -> bodies.Read:
    found = bodies.read(request, response, **known)
    assert found is not None
    return found


def test_two_bodies_are_read() -> None:
    read = _read(CHAT, ANSWER)
    assert (read.api, read.provider, read.operation) == ("chat.completions", "openai", "chat")
    assert (read.model_requested, read.model_served, read.stream) == ("m", "m-1", False)
    assert (read.answer.outputs[0].text, read.asked.input[0].parts[0].content) == ("x", "hello")
    assert (read.error, read.captured) == (None, Captured())


def test_without_a_request_what_was_asked_is_unknown() -> None:
    read = _read(None, ANSWER)
    assert read.asked.contract.kind is ContractKind.UNKNOWN
    assert read.captured == Captured(input=False, output=True, tools=False, schema=True)


def test_without_a_response_there_is_no_output_and_no_error() -> None:
    read = _read(CHAT, None)
    assert (read.answer.outputs, read.error, read.stream) == ((), None, None)
    assert read.captured == Captured(input=True, output=False)


def test_a_status_alone_is_an_error() -> None:
    error = CallError("http_429", ErrorCategory.RATE_LIMIT, 429)
    assert _read(CHAT, None, status=429).error == error


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (None, None),
        ({}, {}),
        ({"hello": "world"}, {"hello": "world"}),
        ("plain text", 7),
        ([], [[]]),
        ({"input": "x"}, {"object": "list", "data": [{"embedding": [0.1]}]}),
        ({"input": "x", "encoding_format": "float"}, {"error": {"message": "no"}}),
    ],
)
def test_bodies_of_no_api_are_not_read(request_: Any, response: Any) -> None:
    assert bodies.read(request_, response) is None


@pytest.mark.parametrize(
    ("request_", "api"),
    [
        (CHAT, "chat.completions"),
        ({**CHAT, "model": "claude-x", "max_tokens": 9}, "messages"),
        ({**CHAT, "tools": [{"name": "f", "input_schema": {}}]}, "messages"),
        ({**CHAT, "model": "command-x"}, "cohere.chat"),
        ({**CHAT, "options": {}}, "ollama.chat"),
        ({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}, "converse"),
        ({"contents": []}, "generateContent"),
        ({"input": "hello"}, "responses"),
        ({"message": "hello"}, "cohere.chat.v1"),
        ({"prompt": "hello"}, "completions"),
        ({"prompt": "hello", "options": {}}, "ollama.generate"),
        ({"prompt": "hello", "max_gen_len": 9}, "bedrock.text"),
    ],
)
def test_an_error_is_of_the_api_whose_request_was_sent(request_: dict[str, Any], api: str) -> None:
    assert _read(request_, {"error": {"message": "no"}}, status=500).api == api
    assert _read(request_, None).api == api


@pytest.mark.parametrize(
    ("response", "api"),
    [
        (ANSWER, "chat.completions"),
        ({"choices": [{"text": "x"}]}, "completions"),
        ({"object": "text_completion", "choices": []}, "completions"),
        ({"type": "message", "content": []}, "messages"),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "messages"),
        (sse({"type": "ping"}, {"type": "message_start", "message": {}}), "messages"),
        ({"object": "response", "output": []}, "responses"),
        ([{"type": "response.created"}], "responses"),
        ({"candidates": []}, "generateContent"),
        ({"stopReason": "end_turn"}, "converse"),
        ([{"messageStart": {}}], "converse"),
        ({"message": {}, "finish_reason": "COMPLETE"}, "cohere.chat"),
        ([{"type": "message-start"}], "cohere.chat"),
        ({"text": "x", "generation_id": "g"}, "cohere.chat.v1"),
        ([{"is_finished": False, "event_type": "stream-start"}], "cohere.chat.v1"),
        ({"done": True, "message": {}}, "ollama.chat"),
        ({"done": True, "response": "x"}, "ollama.generate"),
        ({"results": [{"outputText": "x"}]}, "bedrock.text"),
        ({"generation": "x"}, "bedrock.text"),
        ({"outputs": [{"text": "x"}]}, "bedrock.text"),
    ],
)
def test_an_answer_shows_its_api(response: Any, api: str) -> None:
    assert _read(None, response).api == api


def test_a_name_or_a_url_is_believed_where_the_response_shows_nothing() -> None:
    assert _read(None, None, api="messages").api == "messages"
    assert _read(CHAT, {}, url="https://api.anthropic.com/v1/messages").api == "messages"
    assert bodies.read(CHAT, ANSWER, api="something.else") is None
    assert bodies.read(CHAT, ANSWER, url="https://api.openai.com/v1/embeddings") is None


def test_a_response_of_another_api_than_named_is_read_as_what_it_is() -> None:
    assert _read(CHAT, ANSWER, api="cohere.chat").answer.outputs[0].text == "x"


@pytest.mark.parametrize("model", ["m", "models/m"])
def test_the_model_is_the_bodys_then_the_urls(model: str) -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/models/other:generateContent"
    assert _read({"contents": [], "model": model}, None, url=url).model_requested == "m"
    assert _read({"contents": []}, None, url=url).model_requested == "other"
    assert _read({"messages": [], "modelId": model, "inferenceConfig": {}}, None).model_requested == "m"


STREAM = [{"choices": [{"delta": {"content": text}}]} for text in ("Hel", "lo")]
LINES = "\n".join(map(json.dumps, STREAM))


@pytest.mark.parametrize(
    "response",
    [
        sse(*STREAM),
        STREAM,
        json.dumps(STREAM),
        LINES,
        LINES + '\n{"cut',
        {"__base64__": base64.b64encode(LINES.encode()).decode()},
        json.dumps({"__base64__": base64.b64encode(sse(*STREAM).encode()).decode()}),
    ],
    ids=["sse", "list", "json", "lines", "cut lines", "bytes of lines", "bytes of sse"],
)
def test_a_stream_is_read_however_it_was_kept(response: Any) -> None:
    read = _read(CHAT, response)
    assert (read.answer.outputs[0].text, read.stream) == ("Hello", True)
    assert read.answer.outputs[0].finish_reason is FinishReason.UNKNOWN


@pytest.mark.parametrize("encoded", ["%%%", "AAAA", "3q2+7w==", "", None, 7, ["AAAA"]])
def test_bytes_that_cant_be_read_are_missing(encoded: Any) -> None:
    read = _read(CHAT, {"__base64__": encoded})
    assert (read.error, read.captured.output) == (None, False)


WRITTEN = json.dumps(ANSWER).encode()

#: Brotli and zstd: what their libraries make of ``WRITTEN``.
COMPRESSED = {
    "gzip": gzip.compress(WRITTEN),
    "zlib": zlib.compress(WRITTEN),
    "deflate": zlib.compress(WRITTEN, wbits=-15),
    "brotli": base64.b64decode(
        "G18AgKwObPdY9LMRBUX85hD+tcjeVsuMIUvLNjm81mHp6hsgJfKlkwPW/9stCtuSPBAq8JBFUbYX484hweUy8hWpfpAl7IM9"
        "G4uFDCpDkjs="
    ),
    "zstd": base64.b64decode(
        "KLUv/SBgpQIAQsURF5C1bUttI4EiuXajSSPzc9cNnECWujuGrWgX8OrlLqkM1Lp6/Ej7YG2uZXN2+ASU7kxnxOE7jTIyg5B+"
        "+EAeTj9y9cMfPQsDBAF1BjhFmokH"
    ),
}


@pytest.mark.parametrize("compressed", COMPRESSED.values(), ids=COMPRESSED.keys())
def test_compressed_bytes_that_a_log_keeps_as_text_are_missing(compressed: bytes) -> None:
    in_base64 = base64.b64encode(compressed).decode()
    texts = (compressed.decode("latin-1"), compressed.decode("utf-8", "replace"), in_base64, in_base64[:-5])
    for kept in (*texts, {"__base64__": in_base64}):
        read = _read(CHAT, kept, status=200)
        assert (read.error, read.captured) == (None, Captured(output=False)), kept


@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes])
@pytest.mark.parametrize("written", [WRITTEN, sse(*STREAM).encode()])
def test_a_text_in_base64_is_read(encode: Callable[[bytes], bytes], written: bytes) -> None:
    encoded = encode(written).decode()
    assert _read(CHAT, encoded).answer == _read(CHAT, written.decode()).answer
    assert _read(encoded, ANSWER, api="chat.completions").captured.input is (written == WRITTEN)


@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html>\r\n<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>",
        "upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
        "Forbidden",
        "no_healthy_upstream",
        "Zu viele Anfragen – später erneut versuchen",
        "<html>" + "ok " * 200 + "\ufffd\x00",
    ],
)
def test_a_page_that_a_person_can_read_is_not_what_was_promised(page: str) -> None:
    for kept in (page, {"__base64__": base64.b64encode(page.encode()).decode()}):
        read = _read(CHAT, kept, status=200)
        assert read.error == CallError("unparsable_response", ErrorCategory.OTHER, 200)
