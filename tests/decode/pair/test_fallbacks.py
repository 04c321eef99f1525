from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from monitor.records import FallbackHint
from monitor.scorers import score
from tests.decode.build import call_of, chat, pair

ANSWER: dict[str, Any] = {"model": "b", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}


def _hint(headers: Any = None, **fields: Any) -> FallbackHint:
    one = chat(response={**ANSWER, **fields})
    return call_of({**one, "response": {**one["response"], "headers": headers}}).fallback


def test_nothing_is_declared_where_nothing_is_said() -> None:
    assert _hint() == FallbackHint()


def test_anthropic_lists_who_was_asked_first() -> None:
    iterations = [{"type": "message", "model": "a"}, {"type": "fallback_message", "model": "b"}]
    for model in ("a", "b"):  # the first one in a stream, whose message starts before it falls back
        answer = {
            "model": model,
            "content": [{"type": "text", "text": "x"}],
            "usage": {"iterations": iterations},
        }
        call = call_of(pair("messages", {"messages": []}, answer))
        assert call.fallback == FallbackHint("fallback", "a", "b", evidence="usage.iterations")
        assert call.model_served == "b"


@pytest.mark.parametrize(
    ("metadata", "hint"),
    [
        ({"requested": "a", "attempt": 1}, FallbackHint("none")),
        ({"requested": "a", "attempt": 3}, FallbackHint("fallback", "a", hop=2)),
        (
            {
                "requested": "a",
                "attempt": 2,
                "attempts": [{"model": "a", "status": 429}, {"model": "b", "status": 200}],
            },
            FallbackHint("fallback", "a", None, "rate_limit", hop=1),
        ),
        (
            {"requested": "b", "attempt": 2, "attempts": [{"model": "b", "status": 503}, {"model": "b"}]},
            FallbackHint("retry", "b", None, "server_error", hop=1),
        ),
        (
            {"requested": "b", "attempt": 2, "attempts": [{"model": "b", "provider": p} for p in "xy"]},
            FallbackHint("fallback", "b", hop=1),
        ),
    ],
)
def test_openrouter_counts_its_attempts(metadata: dict[str, Any], hint: FallbackHint) -> None:
    found = _hint(openrouter_metadata=metadata)
    assert found == structs.replace(hint, evidence="openrouter_metadata.attempt")


FAILED = {"provider": "p", "success": False, "statusCode": 503}
DONE = {"provider": "q", "success": True, "statusCode": 200}


@pytest.mark.parametrize(
    ("routing", "hint"),
    [
        (
            {
                "originalModelId": "a",
                "modelAttempts": [{"modelId": "a"}, {"canonicalSlug": "b"}],
                "attempts": [FAILED, DONE],
            },
            ("fallback", "a", "b", "server_error", 1),
        ),
        ({"originalModelId": "a", "modelAttemptCount": 2}, ("fallback", "a", None, None, 1)),
        (
            {"originalModelId": "v/b", "attempts": [FAILED, FAILED, DONE]},
            ("fallback", "p/b", "q/b", "server_error", 2),
        ),
        ({"originalModelId": "b", "attempts": [DONE]}, ("none", None, None, None, None)),
        ({"x": 1}, ("unknown", None, None, None, None)),
        ({}, ("unknown", None, None, None, None)),
    ],
)
def test_vercel_lists_models_and_providers(routing: dict[str, Any], hint: tuple[Any, ...]) -> None:
    metadata = {"gateway": {"routing": routing}}
    message = {"content": "x", "provider_metadata": metadata}
    for found in (_hint(providerMetadata=metadata), _hint(choices=[{"message": message}])):
        assert (found.declared, found.from_model, found.to_model, found.cause, found.hop) == hint


@pytest.mark.parametrize(
    ("headers", "declared", "evidence"),
    [
        (
            {"X-Portkey-Last-Used-Option-Index": "config.targets[1]"},
            "fallback",
            "x-portkey-last-used-option-index",
        ),
        (
            {"x-portkey-last-used-option-index": "config.targets[0]"},
            "none",
            "x-portkey-last-used-option-index",
        ),
        ({"x-portkey-retry-attempt-count": ["2"]}, "retry", "x-portkey-retry-attempt-count"),
        (
            {
                "x-portkey-retry-attempt-count": "1",
                "x-portkey-last-used-option-index": "config.targets[0].targets[2]",
            },
            "fallback",
            "x-portkey-last-used-option-index",
        ),
        (
            {"x-litellm-attempted-retries": 0, "x-litellm-attempted-fallbacks": 1},
            "fallback",
            "x-litellm-attempted-fallbacks",
        ),
        ({"x-litellm-attempted-retries": 0}, "none", "x-litellm-attempted-retries"),
        ({"x-portkey-retry-attempt-count": "-1"}, "unknown", None),
        ({"x-litellm-attempted-retries": "many", "x-portkey-retry-attempt-count": None}, "unknown", None),
    ],
)
def test_gateways_say_it_in_headers(headers: dict[str, Any], declared: str, evidence: str | None) -> None:
    hint = _hint(headers)
    assert (hint.declared, hint.evidence) == (declared, evidence)
    assert (hint.from_model, hint.to_model, hint.cause) == (None, None, None)
    assert hint.hop == (2 if declared == "retry" else None)


ALONE = {"usage": {"iterations": [{"type": "fallback_message", "model": "claude-opus-4-8"}]}}


@pytest.mark.parametrize(
    ("headers", "requested", "answer", "scored"),
    [
        ({"x-litellm-attempted-fallbacks": 1}, "gpt-5", {"model": "gpt-4o"}, ("fallback", "gpt-5", "gpt-4o")),
        (
            {"x-litellm-attempted-fallbacks": 1},
            "gpt-5",
            {"model": "gpt-5-2025-08-07"},
            ("fallback", None, "gpt-5-2025-08-07"),
        ),
        ({}, "claude-fable-5", ALONE, ("fallback", "claude-fable-5", "claude-opus-4-8")),
        ({}, "claude-opus-4-8", ALONE, ("fallback", None, "claude-opus-4-8")),
        ({"x-portkey-retry-attempt-count": 2}, "gpt-5", {"model": "gpt-5"}, ("retry", "gpt-5", "gpt-5")),
        (
            {"x-portkey-retry-attempt-count": 2},
            "gpt-5",
            {"model": "gpt-4o"},
            ("silent_downgrade", "gpt-5", "gpt-4o"),
        ),
    ],
)
def test_the_score_has_the_models_that_the_call_knows(
    headers: dict[str, Any], requested: str, answer: dict[str, Any], scored: tuple[str | None, ...]
) -> None:
    one = chat({"model": requested}, {**ANSWER, **answer})
    call = call_of({**one, "response": {**one["response"], "headers": headers}})
    found = score(call).fallback
    assert (found.outcome, found.from_model, found.to_model) == scored
