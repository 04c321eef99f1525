"""The ``fallback`` score, and the model names behind it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.records import FallbackHint, FallbackOutcome
from monitor.scorers.fallback import score_fallback
from monitor.scorers.models import Match, compare
from tests.paths import PAIRS
from tests.scorers.build import call

SAME = [
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "GPT-4o"),
    ("openai/gpt-4o", "gpt-4o-2024-11-20"),
    ("gpt-3.5-turbo", "gpt-35-turbo-0125"),
    ("gpt-4-turbo-preview", "gpt-4-0125-preview"),
    ("gpt-4-turbo", "gpt-4-1106-preview"),
    ("gpt-4.1-mini", "azure/gpt-4.1-mini-2025-04-14"),
    ("o3-mini", "o3-mini-2025-01-31"),
    ("gpt-5.6", "gpt-5.6-sol"),
    ("gpt-4o-audio-preview", "gpt-4o-audio-preview-2025-06-03"),
    ("ft:gpt-4o-mini-2024-07-18:acme::x1", "ft:gpt-4o-mini-2024-07-18:acme::x1"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("claude-sonnet-4@20250514", "claude-sonnet-4-20250514"),
    ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-20241022"),
    ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet-20241022"),
    ("anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
    ("anthropic/claude-haiku-4.5", "anthropic/claude-4.5-haiku-20251001"),
    ("anthropic/claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("mistral/mistral-large-latest", "mistral-large-2411"),
    ("mistral.mistral-large-2402-v1:0", "mistral-large-latest"),
    ("models/gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("gemini-2.5-pro", "gemini-2.5-pro-preview-05-06"),
    ("gemini-flash-latest", "gemini-2.5-flash"),
    ("gemini-pro", "gemini-1.5-pro-001"),
    ("publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
    ("google/gemini-2.0-flash-exp:free", "google/gemini-2.0-flash-exp"),
    ("accounts/fireworks/models/llama-v3p1-405b-instruct", "llama-3.1-405b-instruct"),
    ("llama3.3-70b", "llama-3.3-70b"),
    ("llama-3.3-70b-versatile", "meta-llama/Llama-3.3-70B-Instruct"),
    ("Meta-Llama-3.1-70B-Instruct", "meta-llama/llama-3.1-70b-instruct"),
    ("us.meta.llama3-3-70b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0"),
    ("llama3:latest", "llama3"),
    ("gemma3", "gemma3:4b"),
    ("command-r", "command-r-08-2024"),
    ("command-r7b-12-2024", "command-r7b"),
    ("kimi-k2", "moonshotai/kimi-k2-0905"),
    ("qwen3-235b-a22b", "qwen/qwen3-235b-a22b-2507"),
    ("deepseek-ai/DeepSeek-R1", "deepseek-r1-0528"),
    ("acme-chat", "acme-chat"),
]

ALIASES = [
    ("openrouter/auto", "anthropic/claude-sonnet-4.5"),
    ("model-router", "gpt-5-mini-2025-08-07"),
    ("default-prompt-router/anthropic.claude:1", "us.anthropic.claude-3-5-sonnet-20240620-v1:0"),
    ("deepseek-chat", "deepseek-v4-flash"),
    ("mistral-tiny", "open-mistral-7b"),
]

OTHERS = [
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4o-2024-08-06", "gpt-3.5-turbo-0125"),
    ("gpt-4", "gpt-4o-2024-08-06"),
    ("gpt-4", "gpt-4-turbo-2024-04-09"),
    ("gpt-4", "gpt-4-0125-preview"),
    ("gpt-4.1", "gpt-4.1-nano"),
    ("gpt-5", "gpt-5-mini"),
    ("gpt-5.6-sol", "gpt-5.6-luna"),
    ("o1", "o1-mini"),
    ("o4-mini", "gpt-4o-mini"),
    ("gpt-4", "gpt-oss-20b"),
    ("ft:gpt-4o-mini-2024-07-18:acme::x1", "gpt-4o-mini-2024-07-18"),
    ("claude-opus-4-1", "claude-sonnet-4-20250514"),
    ("claude-sonnet-4-5", "claude-sonnet-4-20250514"),
    ("claude-3-5-sonnet-20241022", "claude-3-5-haiku-20241022"),
    ("gemini-2.5-pro", "gemini-2.5-flash"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("gemini-2.5-flash", "gemini-2.0-flash"),
    ("mistral-large-latest", "mistral-small-2503"),
    ("meta-llama/llama-3.1-405b-instruct", "meta-llama/llama-3.1-70b-instruct"),
    ("meta-llama/llama-4-maverick-17b-128e-instruct", "meta-llama/llama-4-scout-17b-16e-instruct"),
    ("gpt-oss-120b", "gpt-oss-20b"),
    ("deepseek-r1", "deepseek-r1-distill-llama-70b"),
    ("deepseek-chat", "gpt-4o-mini"),
    ("gpt-4.1-mini", "moonshotai/kimi-k2"),
    ("google/gemini-2.0-flash-exp:free", "x-ai/grok-4"),
]

UNKNOWN = [
    ("prod-chat-deployment", "gpt-4o-2024-08-06"),
    ("openllmetry-testing", "gpt-35-turbo"),
    (
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
        "claude-sonnet-4-20250514",
    ),
    ("gpt-4o", "acme-finetune-7"),
    ("", "gpt-4o"),
]


@pytest.mark.parametrize(
    ("requested", "served", "match"),
    [
        *((*names, Match.SAME) for names in SAME),
        *((*names, Match.ALIAS) for names in ALIASES),
        *((*names, Match.OTHER) for names in OTHERS),
        *((*names, Match.UNKNOWN) for names in UNKNOWN),
    ],
)
def test_a_served_model_is_the_requested_one_under_any_of_its_names(
    requested: str, served: str, match: Match
) -> None:
    assert compare(requested, served) == match


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"model_served": "gpt-4o-2024-08-06"}, FallbackOutcome.NONE),
        ({"model_served": "gpt-3.5-turbo"}, FallbackOutcome.SILENT_DOWNGRADE),
        ({"model_served": ""}, FallbackOutcome.UNKNOWN),
        ({"model_requested": "", "model_served": "gpt-4o"}, FallbackOutcome.UNKNOWN),
        ({"model_requested": "my-deployment", "model_served": "gpt-4o"}, FallbackOutcome.UNKNOWN),
        ({"model_requested": "openrouter/auto", "model_served": "grok-4"}, FallbackOutcome.NONE),
        ({"attempt": 2, "model_served": "gpt-4o"}, FallbackOutcome.RETRY),
        ({"attempt": 2, "model_served": ""}, FallbackOutcome.RETRY),
        ({"attempt": 2, "model_served": "gpt-4o-mini"}, FallbackOutcome.FALLBACK),
        ({"attempt": 2, "fallback": FallbackHint(from_model="claude-opus-4-1")}, FallbackOutcome.FALLBACK),
        ({"attempt": 2, "fallback": FallbackHint(from_model="gpt-4o-2024-08-06")}, FallbackOutcome.RETRY),
        ({"fallback": FallbackHint("retry"), "model_served": "gpt-4o"}, FallbackOutcome.RETRY),
        ({"fallback": FallbackHint("retry"), "model_served": "gpt-4o-2024-08-06"}, FallbackOutcome.RETRY),
        (
            {"fallback": FallbackHint("retry"), "model_served": "gpt-3.5-turbo"},
            FallbackOutcome.SILENT_DOWNGRADE,
        ),
        ({"fallback": FallbackHint("fallback")}, FallbackOutcome.FALLBACK),
        ({"fallback": FallbackHint("none")}, FallbackOutcome.NONE),
        ({"fallback": FallbackHint("none"), "attempt": 2}, FallbackOutcome.NONE),
        (
            {"fallback": FallbackHint("none"), "model_served": "gpt-3.5-turbo"},
            FallbackOutcome.SILENT_DOWNGRADE,
        ),
    ],
)
def test_a_call_is_judged_by_what_is_declared_then_attempted_then_served(
    fields: dict[str, Any], outcome: FallbackOutcome
) -> None:
    assert score_fallback(call(**{"model_requested": "gpt-4o", **fields})).outcome == outcome


def test_a_fallback_tells_where_from_where_to_and_why() -> None:
    hint = FallbackHint("fallback", "claude-opus-4-1", "gpt-4o", "rate_limit", "router header")
    score = score_fallback(call(model_requested="gpt-4o", fallback=hint))
    assert (score.from_model, score.to_model, score.cause, score.evidence) == (
        "claude-opus-4-1",
        "gpt-4o",
        "rate_limit",
        "router header",
    )


def test_a_silent_downgrade_names_both_models() -> None:
    score = score_fallback(call(model_requested="gpt-4o", model_served="gpt-4o-mini-2024-07-18"))
    assert (score.from_model, score.to_model) == ("gpt-4o", "gpt-4o-mini-2024-07-18")


#: Recorded requests that truly were answered by another model: the recordings' own gateways swapped it.
SWAPPED = {("google/gemini-2.0-flash-exp:free", "x-ai/grok-4"), ("gpt-4.1-mini", "moonshotai/kimi-k2")}


def test_no_recorded_answer_is_called_a_downgrade_but_those_that_are() -> None:
    couples = set()
    for api in ("chat.completions", "responses", "messages"):
        for path in PAIRS.glob(f"*/*.{api}.*.json"):
            pair = msgspec.json.decode(path.read_bytes())
            request, response = pair["request"]["body"], pair["response"]["body"]
            if isinstance(request, dict) and isinstance(response, dict) and response.get("model"):
                couples.add((str(request.get("model")), str(response["model"])))
    assert len(couples) > 60
    assert {couple for couple in couples if compare(*couple) == Match.OTHER} <= SWAPPED
