"""The log-probabilities of the tokens of an answer, where each API has them, streamed or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.decode.build import call_of, chat, native, pair, sse
from tests.decode.recorded import call_of_pair

TOKENS = [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1}]}]
MORE = [{"token": "c", "logprob": -2}]
BOTH = (-0.5, -2.0)

CHAT_CHOICE = {"index": 0, "message": {"content": "ac"}, "logprobs": {"content": TOKENS + MORE}}
SAID = {"type": "output_text", "text": "ac", "logprobs": TOKENS + MORE}
RESPONSE = {"object": "response", "status": "completed", "output": [{"type": "message", "content": [SAID]}]}
CANDIDATE = {
    "content": {"parts": [{"text": "ac"}]},
    "finishReason": "STOP",
    "avgLogprobs": -1.25,
    "logprobsResult": {"chosenCandidates": [{"logProbability": -0.5}, {"logProbability": -2}]},
}
COHERE = {
    "message": {"content": [{"type": "text", "text": "ac"}]},
    "finish_reason": "COMPLETE",
    "logprobs": [{"text": "ac", "token_ids": [1, 2], "logprobs": [-0.5, -2]}],
}
OLLAMA = {"done": True, "message": {"content": "ac"}, "response": "ac", "logprobs": TOKENS + MORE}


def _texts(*tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Chunks of a Chat Completions stream, each with its tokens."""
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": part}}]}
        for part in tokens
    ]
    return [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "logprobs": None}]}]


def _completion(**choice: Any) -> dict[str, Any]:
    return {"object": "text_completion", "choices": [{"index": 0, "text": "x", **choice}]}


@pytest.mark.parametrize(
    ("api", "request_", "response"),
    [
        ("chat.completions", {}, {"choices": [CHAT_CHOICE]}),
        ("chat.completions", {}, sse(*_texts(TOKENS, [], MORE), "[DONE]")),
        ("completions", {}, _completion(logprobs={"token_logprobs": [None, -0.5, -2]})),
        (
            "completions",
            {},
            sse(
                _completion(logprobs={"token_logprobs": [-0.5]}),
                _completion(logprobs={"token_logprobs": [-2]}, finish_reason="stop"),
            ),
        ),
        ("responses", {}, RESPONSE),
        ("responses", {}, sse({"type": "response.completed", "response": RESPONSE})),
        ("generateContent", {}, {"candidates": [CANDIDATE]}),
        (
            "generateContent",
            {},
            sse(
                {"candidates": [{"logprobsResult": {"chosenCandidates": [{"logProbability": -0.5}]}}]},
                {
                    "candidates": [
                        {
                            "logprobs_result": {"chosen_candidates": [{"log_probability": -2}]},
                            "finishReason": "STOP",
                        }
                    ]
                },
            ),
        ),
        ("cohere.chat", {}, COHERE),
        (
            "cohere.chat",
            {},
            sse(
                {"type": "message-start", "id": "r"},
                {"type": "content-delta", "index": 0, "logprobs": {"logprobs": [-0.5]}},
                {"type": "content-delta", "index": 0, "logprobs": {"logprobs": [-2]}},
                {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
            ),
        ),
        ("ollama.chat", {}, OLLAMA),
        ("ollama.generate", {}, OLLAMA),
        (
            "ollama.chat",
            {},
            "\n".join(
                json.dumps({"done": done, "message": {"content": "x"}, "logprobs": part})
                for done, part in ((False, TOKENS), (True, MORE))
            ),
        ),
        (
            "ollama.generate",
            {},
            "\n".join(
                json.dumps({"done": done, "response": "x", "logprobs": part})
                for done, part in ((False, TOKENS), (True, MORE))
            ),
        ),
    ],
)
def test_the_chosen_tokens_have_their_log_probabilities(api: str, request_: Any, response: Any) -> None:
    (output,) = call_of(pair(api, request_, response)).outputs
    assert output.logprobs == BOTH


@pytest.mark.parametrize(
    "logged",
    [None, [], {"content": None}, {"content": [{"logprob": "-1"}, {"logprob": None}, 7]}, {"content": "x"}],
)
def test_what_is_no_list_of_numbers_counts_as_none(logged: Any) -> None:
    (output,) = call_of(chat({}, {"choices": [{**CHAT_CHOICE, "logprobs": logged}]})).outputs
    assert output.logprobs == ()


@pytest.mark.parametrize("items", [None, 7, [7], [{"logprobs": 7}], [{"logprobs": [None, "x"]}]])
def test_coheres_items_may_be_anything(items: Any) -> None:
    (output,) = call_of(pair("cohere.chat", {}, {**COHERE, "logprobs": items})).outputs
    assert output.logprobs == ()


def test_a_mean_over_the_tokens_is_no_tokens_probability() -> None:
    candidate = {**CANDIDATE, "logprobsResult": None}
    (output,) = call_of(pair("generateContent", {}, {"candidates": [candidate]})).outputs
    assert output.logprobs == ()


def test_a_native_record_has_them_by_choice() -> None:
    call = call_of(native(outputs=[{"text": "ac", "logprobs": [-0.5, -2]}, {"text": "b"}]))
    assert [output.logprobs for output in call.outputs] == [BOTH, ()]


def test_a_recorded_stream_has_those_that_were_asked_for() -> None:
    (output,) = call_of_pair("6452f898e057e359").outputs
    assert len(output.logprobs) == 2
    assert all(-1 < value <= 0 for value in output.logprobs)
