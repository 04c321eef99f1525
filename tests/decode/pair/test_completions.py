from __future__ import annotations

from typing import Any

import pytest

from monitor.records import Contract, ContractKind, FinishReason, Usage
from tests.decode.build import call_of, pair, sse, tokens

CHOICE = {"index": 0, "text": "x", "finish_reason": "stop"}
ANSWER = {"id": "r", "object": "text_completion", "model": "m-1", "choices": [CHOICE]}


@pytest.mark.parametrize(
    ("prompt", "texts", "whole"),
    [
        ("p", ["p"], True),
        (["p", "q"], ["p", "q"], True),
        ([1, 2, 3], [], False),
        ([[1, 2], [3]], [], False),
        (None, [], False),
    ],
)
def test_the_prompt(prompt: Any, texts: list[str], whole: bool) -> None:
    call = call_of(pair("completions", {"model": "m", "prompt": prompt}, ANSWER))
    assert [message.parts[0].content for message in call.input] == texts
    assert call.captured.input is whole


def test_what_comes_after_is_context_too() -> None:
    call = call_of(pair("completions", {"prompt": "p", "suffix": "s"}, ANSWER))
    assert [message.parts[0].content for message in call.input] == ["p", "s"]


@pytest.mark.parametrize(
    ("wanted", "contract"),
    [
        (None, Contract(ContractKind.NONE)),
        ({"type": "json_object"}, Contract(ContractKind.JSON_OBJECT)),
        ({"type": "json_schema", "json_schema": {"schema": {}}}, Contract(ContractKind.JSON_SCHEMA, {})),
    ],
)
def test_the_contract(wanted: Any, contract: Contract) -> None:
    request = {"prompt": "p", "response_format": wanted}
    assert call_of(pair("completions", request, ANSWER)).contract == contract


def test_the_answer() -> None:
    body = {
        **ANSWER,
        "choices": [CHOICE, {"text": "y"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    call = call_of(pair("completions", {"prompt": "p"}, body))
    assert [(output.text, output.finish_reason) for output in call.outputs] == [
        ("x", FinishReason.STOP),
        ("y", FinishReason.UNKNOWN),
    ]
    assert (tokens(call.usage), call.model_served, call.operation) == (Usage(3, 2), "m-1", "text_completion")


def _chunk(text: str, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    return {**ANSWER, "choices": [{"index": index, "text": text, "finish_reason": finish}]}


def test_a_stream_is_put_together() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    chunks = (_chunk("a", 1), _chunk("Hel"), _chunk("lo"), _chunk("", finish="length"), usage, "[DONE]")
    call = call_of(pair("completions", {"prompt": "p"}, sse(*chunks)))
    assert [(output.text, output.finish_reason) for output in call.outputs] == [
        ("Hello", FinishReason.LENGTH),
        ("a", FinishReason.UNKNOWN),
    ]
    assert (tokens(call.usage), call.stream, call.call_id) == (Usage(3, 2), True, "r")


def test_writer_streams_values() -> None:
    call = call_of(pair("completions", {"prompt": "p"}, sse({"value": "Hel"}, {"value": "lo"})))
    assert call.outputs[0].text == "Hello"


@pytest.mark.parametrize(
    "failed", [{"error": {"type": "server_error"}}, {"choices": [{"error": {"type": "server_error"}}]}]
)
def test_an_error_inside_a_stream_keeps_the_text(failed: dict[str, Any]) -> None:
    call = call_of(pair("completions", {"prompt": "p"}, sse(_chunk("Hel"), failed)))
    assert call.error is not None
    assert (call.error.type, call.outputs[0].text) == ("server_error", "Hel")


def test_a_chat_path_is_not_a_completions_path() -> None:
    chat = {"choices": [{"message": {"content": "x"}}]}
    for path, body in (("chat/completions", chat), ("completions", ANSWER)):
        one = {"request": {"url": f"https://h/v1/{path}", "body": {}}, "response": {"body": body}}
        assert call_of(one).outputs[0].text == "x"
