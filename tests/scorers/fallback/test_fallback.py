"""The ``fallback`` score, and the model names behind it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import FallbackCause, FallbackHint, FallbackOutcome, FallbackScore
from monitor.scorers.fallback.models import Match, compare
from monitor.scorers.fallback.ranks import is_lesser
from monitor.scorers.fallback.score import MAX_HOP, MAX_TEXT, score_fallback
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
    # Bedrock: foundation models, inference profiles, regions, context sizes.
    (
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0",
        "claude-3-5-sonnet-20241022",
    ),
    (
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
        "claude-sonnet-4",
    ),
    ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
    ("bedrock/us-east-1/anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
    ("us.deepseek.r1-v1:0", "deepseek-r1"),
    ("amazon.nova-lite-v1:0:300k", "us.amazon.nova-lite-v1:0"),
    ("mistral.mixtral-8x7b-instruct-v0:1", "mixtral-8x7b"),
    ("openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
    ("qwen.qwen3-coder-480b-a35b-v1:0", "qwen3-coder-480b-a35b"),
    ("meta.llama3-1-70b-instruct-v1:0:128k", "llama-3.1-70b"),
    # Vertex AI's publishers.
    ("projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
    ("publishers/anthropic/models/claude-opus-4@20250514", "claude-opus-4-20250514"),
    ("mistral-large@2411", "mistral-large-2411"),
    ("meta/llama-3.3-70b-instruct-maas", "llama-3.3-70b"),
    # Azure: deployments that are called like their model, and a model that was tuned.
    ("gpt4o", "gpt-4o-2024-08-06"),
    ("gpt-4o-prod", "gpt-4o-2024-08-06"),
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18.ft-0e208cf33a6a466994aff31a08aba678"),
    # OpenRouter's variants.
    ("deepseek/deepseek-r1:nitro", "deepseek/deepseek-r1"),
    ("anthropic/claude-3.7-sonnet:thinking", "claude-3-7-sonnet-20250219"),
    ("meta-llama/llama-3.3-70b-instruct:floor", "meta-llama/llama-3.3-70b-instruct"),
    # Mistral's moving names.
    ("open-mistral-nemo", "open-mistral-nemo-2407"),
    ("codestral-latest", "codestral-2501"),
    ("magistral-medium-latest", "magistral-medium-2509"),
    ("mistral-medium-latest", "mistral-medium-2505"),
    ("mistral-small-latest", "mistral-small-2506"),
    # Fireworks: a path, and the deployment behind it.
    ("accounts/fireworks/models/qwen2p5-72b-instruct", "qwen2.5-72b-instruct"),
    (
        "accounts/fireworks/models/llama-v3p1-8b-instruct#accounts/acme/deployments/3f2a",
        "accounts/fireworks/models/llama-v3p1-8b-instruct",
    ),
    # Ollama's tags, quantisation, files.
    ("llama3.1:8b", "llama3.1:8b-instruct-q4_K_M"),
    ("llama3.1:8b-instruct-q8_0", "llama3.1:8b"),
    ("mistral:7b-instruct-v0.3-q4_0", "mistral:7b"),
    ("qwen2.5-coder:1.5b", "qwen2.5-coder:1.5b-instruct-fp16"),
    ("phi3:mini", "phi3:mini"),
    ("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/Llama-3.3-70B-Instruct-FP8"),
    ("Qwen/Qwen2.5-72B-Instruct-AWQ", "qwen2.5-72b-instruct"),
    ("neuralmagic/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "llama-3.1-8b-instruct"),
    ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", "llama-3.2-3b"),
    ("/models/Llama-3.3-70B-Instruct-AWQ/", "llama-3.3-70b-instruct"),
    ("mlx-community/Llama-3.2-3B-Instruct-4bit", "llama-3.2-3b-instruct"),
    # Fine-tunes.
    ("ft:gpt-4o-mini:acme::x1", "ft:gpt-4o-mini-2024-07-18:acme::x1"),
    ("openai/ft:gpt-4o-mini-2024-07-18:acme::x1", "ft:gpt-4o-mini-2024-07-18:acme::x1"),
    # Others.
    ("gpt-4-vision-preview", "gpt-4-1106-vision-preview"),
    ("models/gemini-1.5-flash", "models/gemini-1.5-flash-002"),
    ("gemini-2.5-flash-lite-preview-06-17", "gemini-2.5-flash-lite"),
    ("databricks-claude-sonnet-4", "claude-sonnet-4-20250514"),
    ("text-embedding-ada-002", "text-embedding-ada-002-v2"),
    ("vertex_ai/claude-3-5-haiku@20241022", "claude-3-5-haiku-20241022"),
    ("grok-4-latest", "grok-4-0709"),
    ("kimi-k2-0711-preview", "kimi-k2"),
    ("qwen-max-latest", "qwen-max-2025-01-25"),
    ("command-r-plus", "cohere.command-r-plus-v1:0"),
    ("gpt-5", "gpt-5-2025-08-07"),
    ("o1", "o1-2024-12-17"),
    ("gpt-5-chat-latest", "gpt-5-chat-latest"),
    ("claude-opus-4-1", "claude-opus-4-1-20250805"),
    ("azure/gpt-4.1", "gpt-4.1-2025-04-14"),
    ("gemini-3-pro-preview", "gemini-3-pro-preview-11-2025"),
    ("grok-4-fast-reasoning", "grok-4-fast-reasoning-latest"),
    ("sonar-deep-research", "perplexity/sonar-deep-research"),
    ("gpt-35-turbo-16k", "gpt-3.5-turbo-16k-0613"),
    ("gpt-4-32k", "gpt-4-32k-0613"),
    ("command-a-03-2025", "cohere/command-a"),
    ("claude-3-7-sonnet-thinking", "claude-3-7-sonnet-20250219"),
    ("gpt-5-thinking", "gpt-5-2025-08-07"),
    ("kimi-k2-thinking", "moonshotai/kimi-k2-thinking"),
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
    ("openai/ft:gpt-4o-mini:acme::x1", "gpt-4o-mini-2024-07-18"),
    ("text-embedding-3-large", "text-embedding-3-small"),
    ("mistral.mistral-7b-instruct-v0:2", "mistral.mistral-large-2402-v1:0"),
    ("llama3.1:70b", "llama3.1:8b-instruct-q4_K_M"),
    (
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0",
        "anthropic.claude-3-haiku-20240307-v1:0",
    ),
    ("qwen2.5:1.5b", "qwen2.5:0.5b"),
    ("us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"),
    ("meta-llama/Llama-3.3-70B-Instruct-FP8", "llama-3.1-8b-instruct-fp8"),
    ("gpt-5.1-codex", "gpt-5.1-codex-mini"),
    ("ft:gpt-4o-mini:acme::x1", "ft:gpt-4o-mini:acme::x2"),
    # Another kind of model, whose name has the other's in it.
    ("deepseek-reasoner", "deepseek-chat"),
    ("deepseek-chat", "deepseek-reasoner"),
    ("sonar-deep-research", "sonar"),
    ("sonar-reasoning-pro", "sonar-pro"),
    ("grok-4-fast-reasoning", "grok-4-fast-non-reasoning"),
    ("grok-4-fast-non-reasoning", "grok-4-fast-reasoning"),
    ("gpt-4-32k", "gpt-4"),
    ("gpt-4o-audio-preview", "gpt-4o-2024-08-06"),
    ("command-r", "command-light"),
    ("command-r-08-2024", "command"),
    ("command-a-03-2025", "command-r"),
    ("kimi-k2-thinking", "kimi-k2"),
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
    ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/o9mgq0sajkq1", "claude-sonnet-4"),
    ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/o1abc2d3", "claude-3-haiku"),
    ("projects/p/locations/l/endpoints/1234567890", "gemini-2.0-flash"),
    ("my-gpt4o-deploy", "gpt-4o"),
    ("2024-08-06", "latest"),
    ("prod", "gpt-4o"),
    ("acme/custom-rag", "acme-chat"),
    ("x" * 300, "x" * 300),
]


#: Names as hostile as any, and such as are put together of what names are made of.
_NAMES = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["gpt", "claude", "4o", "3.5", "mini", "sonnet", "70b", "8x7b", "fp8", "-", ":", "/"]
        ),
        max_size=6,
    ).map("-".join),
)


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
        ({"model_served": "gpt-4o-mini"}, FallbackOutcome.SILENT_DOWNGRADE),
        ({"model_served": "claude-3-5-sonnet"}, FallbackOutcome.SILENT_DOWNGRADE),
        ({"model_requested": "gpt-4o-mini", "model_served": "gpt-4o"}, FallbackOutcome.FALLBACK),
        ({"model_requested": "gpt-4", "model_served": "gpt-4o"}, FallbackOutcome.FALLBACK),
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
        ({"fallback": FallbackHint("exhausted")}, FallbackOutcome.EXHAUSTED),
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
        FallbackCause.RATE_LIMIT,
        "router header",
    )


@pytest.mark.parametrize(
    ("requested", "served", "outcome", "evidence"),
    [
        ("gpt-4o", "gpt-4o-mini-2024-07-18", "silent_downgrade", "a lesser model"),
        ("gpt-4o", "moonshotai/kimi-k2", "silent_downgrade", "another model"),
        ("gpt-4o-mini", "gpt-4o", "fallback", "a greater model"),
    ],
)
def test_a_swap_names_both_models_and_says_what_is_known_of_them(
    requested: str, served: str, outcome: str, evidence: str
) -> None:
    score = score_fallback(call(model_requested=requested, model_served=served))
    assert score == FallbackScore(
        FallbackOutcome(outcome),
        requested,
        served,
        FallbackCause.UNKNOWN,
        f"{evidence} answered than was asked for",
    )


@pytest.mark.parametrize(
    ("fields", "hop"),
    [
        ({"model_served": "gpt-4o"}, 0),
        ({"fallback": FallbackHint("none")}, 0),
        ({"attempt": 3}, 2),
        ({"attempt": 3, "fallback": FallbackHint("retry", hop=4)}, 4),
        ({"fallback": FallbackHint("fallback", hop=10**9)}, MAX_HOP),
        ({"fallback": FallbackHint("fallback", hop=-3)}, None),
        ({"fallback": FallbackHint("fallback")}, None),  # one or more
        ({"model_served": "gpt-4o-mini"}, None),
        ({}, None),
    ],
)
def test_the_hop_is_what_is_known_to_have_come_before(fields: dict[str, Any], hop: int | None) -> None:
    assert score_fallback(call(model_requested="gpt-4o", **fields)).hop == hop


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        *((cause.value, cause) for cause in FallbackCause),
        (None, FallbackCause.UNKNOWN),
        # LiteLLM's exceptions.
        ("RateLimitError", FallbackCause.RATE_LIMIT),
        ("BudgetExceededError", FallbackCause.RATE_LIMIT),
        ("Timeout", FallbackCause.TIMEOUT),
        ("APITimeoutError", FallbackCause.TIMEOUT),
        ("InternalServerError", FallbackCause.SERVER_ERROR),
        ("ServiceUnavailableError", FallbackCause.SERVER_ERROR),
        ("BadGatewayError", FallbackCause.SERVER_ERROR),
        ("APIConnectionError", FallbackCause.SERVER_ERROR),
        ("ContentPolicyViolationError", FallbackCause.CONTENT_FILTER),
        ("ContextWindowExceededError", FallbackCause.CONTEXT_LENGTH),
        ("AuthenticationError", FallbackCause.OTHER),
        ("NotFoundError", FallbackCause.OTHER),
        # Codes of OpenAI, Anthropic, Google and Bedrock.
        ("context_length_exceeded", FallbackCause.CONTEXT_LENGTH),
        ("insufficient_quota", FallbackCause.RATE_LIMIT),
        ("overloaded_error", FallbackCause.SERVER_ERROR),
        ("RESOURCE_EXHAUSTED", FallbackCause.RATE_LIMIT),
        ("DEADLINE_EXCEEDED", FallbackCause.TIMEOUT),
        ("PROHIBITED_CONTENT", FallbackCause.CONTENT_FILTER),
        ("ThrottlingException", FallbackCause.RATE_LIMIT),
        ("ModelTimeoutException", FallbackCause.TIMEOUT),
        ("ModelNotReadyException", FallbackCause.RATE_LIMIT),
        # Statuses, and what people write.
        ("429", FallbackCause.RATE_LIMIT),
        ("http_503", FallbackCause.SERVER_ERROR),
        ("HTTP 504", FallbackCause.TIMEOUT),
        ("404", FallbackCause.OTHER),
        ("prompt is too long: 201,000 tokens > 200,000 maximum", FallbackCause.CONTEXT_LENGTH),
        ("empty response", FallbackCause.NO_ANSWER),
        ("budget of the team", FallbackCause.RATE_LIMIT),
        ("manual", FallbackCause.OTHER),
        ("x" * 10**6 + "timeout", FallbackCause.OTHER),
    ],
)
def test_a_cause_in_any_words_is_one_of_the_list(word: str | None, cause: FallbackCause) -> None:
    hint = FallbackHint("fallback", cause=word)
    assert score_fallback(call(model_requested="gpt-4o", fallback=hint)).cause is cause


@pytest.mark.parametrize(
    ("word", "evidence"),
    [
        ("RateLimitError", "a header: RateLimitError"),
        ("rate_limit", "a header"),
        (None, "a header"),
        ("429", "a header: 429"),
        ("my patient John Doe has been waiting", "a header"),
        ("x" * 65, "a header"),
    ],
)
def test_an_emitters_own_word_is_shown_if_it_is_a_name(word: str | None, evidence: str) -> None:
    hint = FallbackHint("retry", cause=word, evidence="a header")
    assert score_fallback(call(model_requested="gpt-4o", fallback=hint)).evidence == evidence


@given(
    st.builds(
        FallbackHint,
        st.sampled_from(["none", "retry", "fallback", "exhausted", "unknown"]),
        *[st.none() | st.text(max_size=20)] * 4,
        st.none() | st.integers(),
    ),
    st.integers(1, MAX_HOP),
    _NAMES,
    _NAMES,
)
def test_any_declaration_gives_values_of_the_lists(
    hint: FallbackHint, attempt: int, requested: str, served: str
) -> None:
    fields = {"model_requested": requested, "model_served": served, "attempt": attempt}
    score = score_fallback(call(fallback=hint, **fields))
    assert isinstance(score.outcome, FallbackOutcome)
    assert score.cause is None or isinstance(score.cause, FallbackCause)
    assert (score.cause is None) == (score.outcome in ("none", "unknown"))
    assert score.hop is None or 0 <= score.hop <= MAX_HOP
    assert score == score_fallback(call(fallback=hint, **fields))


def test_what_an_emitter_declares_is_bounded() -> None:
    hint = FallbackHint("fallback", "m" * 10**6, "n" * 10**6, "c" * 10**6, "e" * 10**6)
    score = score_fallback(call(fallback=hint))
    assert [len(text or "") for text in (score.from_model, score.to_model, score.evidence)] == [MAX_TEXT] * 3


@pytest.mark.parametrize(
    ("requested", "served", "lesser"),
    [
        ("claude-3-5-sonnet", "claude-3-5-haiku", True),
        ("claude-sonnet-4-5", "claude-sonnet-4", True),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite", True),
        ("us.amazon.nova-pro-v1:0", "us.amazon.nova-micro-v1:0", True),
        ("mistral-large-latest", "mistral-small-2503", True),
        ("o3", "o1", True),
        ("llama-3.1-405b", "llama-3.1-70b", True),
        ("mixtral-8x22b", "mixtral-8x7b", True),
        ("claude-instant-1.2", "claude-2.1", False),
        ("claude-sonnet-4", "claude-sonnet-4-5", False),
        ("gpt-4", "gpt-4.1", False),
        ("o1", "o1-pro", False),
        ("gpt-4", "gpt-4-turbo-2024-04-09", False),
        ("gpt-4", "gpt-4o", False),
        ("gpt-4o", "gpt-4.1", False),
        ("gpt-4o", "gpt-3.5-turbo-0125", True),
        ("deepseek-reasoner", "deepseek-chat", True),
        ("sonar-deep-research", "sonar", True),
        ("grok-4-fast-reasoning", "grok-4-fast-non-reasoning", True),
        ("gpt-4-32k", "gpt-4", True),
        # One thing says lesser and another greater, or nothing says which.
        ("claude-3-opus", "claude-haiku-4-5", None),
        ("gpt-4", "gpt-4o-mini", None),
        ("sonar-reasoning", "sonar-pro", None),
        ("gpt-4o-audio-preview", "gpt-4o-realtime-preview", None),
        ("command-r", "command-light", None),
        ("qwen-max", "qwen-turbo", None),
        ("mistral-small", "mistral-7b", None),
        ("llama-4-maverick-17b-128e", "llama-4-scout-17b-16e", None),
        ("phi-3-mini", "phi-3-small", None),
        ("gpt-4o", "claude-3-5-sonnet", None),
        ("prod", "gpt-4o", None),
    ],
)
def test_of_two_siblings_the_lesser_is_known_by_tier_version_and_size(
    requested: str, served: str, lesser: bool | None
) -> None:
    assert is_lesser(requested, served) is lesser
    assert is_lesser(served, requested) is (None if lesser is None else not lesser)


@given(_NAMES, _NAMES)
def test_of_any_two_names_one_is_lesser_if_the_other_is_greater(one: str, other: str) -> None:
    lesser = is_lesser(one, other)
    assert is_lesser(other, one) is (None if lesser is None else not lesser)
    assert compare(one, one) in (Match.SAME, Match.UNKNOWN)


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
