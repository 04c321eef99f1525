"""What was recorded of real providers: the normalised tokens are what each provider's own numbers come to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from monitor.records import Usage
from tests.agreement import LANGFUSE, OTLP, calls, emitters, joined
from tests.decode.litellm.test_litellm_recorded import calls as litellm_calls
from tests.decode.pair.test_recorded import calls as pair_calls
from tests.decode.pair.test_recorded import pairs


class Rule(NamedTuple):
    """Which of a provider's numbers add up to the input and to the output."""

    input: tuple[str, ...]
    output: tuple[str, ...]


#: By the name that only its numbers have.
RULES = {
    "prompt_tokens": Rule(("prompt_tokens",), ("completion_tokens",)),
    "input_tokens": Rule(
        ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), ("output_tokens",)
    ),
    "promptTokenCount": Rule(
        ("promptTokenCount", "toolUsePromptTokenCount"), ("candidatesTokenCount", "thoughtsTokenCount")
    ),
    "inputTokens": Rule(("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"), ("outputTokens",)),
    "tokens.input_tokens": Rule(("tokens.input_tokens", "tokens.image_tokens"), ("tokens.output_tokens",)),
    "prompt_eval_count": Rule(("prompt_eval_count",), ("eval_count",)),
    "inputTextTokenCount": Rule(("inputTextTokenCount",), ("totalOutputTextTokenCount",)),
}

#: Calls with numbers, by API and rule. Under Invoke are the bodies of several families.
COUNTED = {
    ("chat.completions", "prompt_tokens"): 443,
    ("responses", "input_tokens"): 276,
    ("messages", "input_tokens"): 194,
    ("generateContent", "promptTokenCount"): 168,
    ("cohere.chat", "tokens.input_tokens"): 50,
    ("cohere.chat", "prompt_tokens"): 6,  # Writer's
    ("converse", "inputTokens"): 42,
    ("converse_stream", "inputTokens"): 21,
    ("completions", "prompt_tokens"): 32,
    ("invoke", "input_tokens"): 11,
    ("invoke", "inputTokens"): 4,
    ("invoke", "prompt_tokens"): 1,
    ("invoke_stream", "input_tokens"): 6,
    ("invoke_stream", "inputTokens"): 5,
    ("invoke_stream", "inputTextTokenCount"): 2,
    ("ollama.chat", "prompt_eval_count"): 9,
    ("ollama.generate", "prompt_eval_count"): 1,
}


def _rule(usage: Usage) -> str:
    (name,) = (name for name in RULES if name in (usage.raw or {}))
    return name


def _sum(usage: Usage, names: tuple[str, ...]) -> float:
    return sum((usage.raw or {}).get(name, 0) for name in names)


def test_every_recorded_usage_keeps_its_numbers() -> None:
    usages = {name: call.usage for name, call in pair_calls().items()}
    counted = Counter((pairs()[name]["api"], _rule(usage)) for name, usage in usages.items() if usage.raw)
    assert counted == COUNTED
    uncounted = [usage for usage in usages.values() if usage == Usage()]
    assert (counted.total(), len(uncounted), len(usages)) == (1271, 102, 1373)


def test_input_and_output_are_what_the_provider_s_numbers_add_up_to() -> None:
    for name, call in pair_calls().items():
        if call.usage.raw:
            rule = RULES[_rule(call.usage)]
            assert call.usage.input_tokens == _sum(call.usage, rule.input), name
            assert call.usage.output_tokens == _sum(call.usage, rule.output), name


# ------------------------------------------------------------------------------------------------- emitters

CONVENTIONS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
OLDER = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens")
OLDEST = ("llm.usage.prompt_tokens", "llm.usage.completion_tokens")

#: Calls with numbers, and the attributes of input and output, for each emitter that has attributes for them.
ATTRIBUTES = {
    "litellm-1.106.2": (32, CONVENTIONS),
    "openinference-langchain-0.1.80_rag": (15, ("llm.token_count.prompt", "llm.token_count.completion")),
    "openlit-1.45": (37, CONVENTIONS),
    "otel-genai-anthropic-1.3b0_both": (28, CONVENTIONS),
    "otel-genai-openai-1.3b0_both": (36, CONVENTIONS),
    "otel-genai-openai-1.3b0_event": (34, CONVENTIONS),
    "otel-genai-openai-1.3b0_nocontent": (10, CONVENTIONS),
    "otel-genai-openai-1.3b0_span": (37, CONVENTIONS),
    "otel-openai-v2-2.1b0_legacy-events": (21, CONVENTIONS),
    "otel-openai-v2-2.4b0_default": (24, CONVENTIONS),
    "otel-openai-v2-2.4b0_experimental": (16, CONVENTIONS),
    "pydantic-ai_fallbackmodel": (10, CONVENTIONS),
    "pydantic-ai_v2": (13, CONVENTIONS),
    "pydantic-ai_v3": (14, CONVENTIONS),
    "pydantic-ai_v4": (13, CONVENTIONS),
    "pydantic-ai_v5": (15, CONVENTIONS),
    "traceloop-anthropic-0.40.14": (20, OLDER),
    "traceloop-anthropic-0.62.4": (29, CONVENTIONS),
    "traceloop-langchain-0.62.4_rag": (15, CONVENTIONS),
    "traceloop-openai-0.15.13": (19, OLDEST),
    "traceloop-openai-0.40.14": (20, OLDER),
    "traceloop-openai-0.62.4": (34, CONVENTIONS),
    "traceloop-openai-0.62.4_events": (35, CONVENTIONS),
}

#: Calls with numbers, for each emitter that has the provider's usage object itself.
OBJECTS = {
    "langfuse-py-5": 19,
    "langfuse_ingestion_v2": 22,
    "openinference-anthropic-3.1.0": 25,
    "openinference-openai-0.1.66": 32,
}


def _counted(name: str) -> list[Usage]:
    """The usages with numbers of an emitter's calls; the others have nothing at all."""
    usages = [call.usage for call in calls(LANGFUSE if name == LANGFUSE.name else OTLP / name)]
    assert all(usage.raw or usage == Usage() for usage in usages)
    return [usage for usage in usages if usage.raw]


def test_every_emitter_is_counted() -> None:
    assert {path.name for path in OTLP.iterdir()} | {LANGFUSE.name} == ATTRIBUTES.keys() | OBJECTS.keys()


@pytest.mark.parametrize("emitter", ATTRIBUTES)
def test_numbers_in_attributes_keep_their_names(emitter: str) -> None:
    number, (given, written) = ATTRIBUTES[emitter]
    usages = _counted(emitter)
    assert len(usages) == number
    for usage in usages:
        raw = usage.raw or {}
        assert all(name.startswith(("gen_ai.usage.", "llm.usage.", "llm.token_count.")) for name in raw)
        assert (usage.input_tokens, usage.output_tokens) == (raw[given], raw[written])


@pytest.mark.parametrize("emitter", OBJECTS)
def test_numbers_in_the_provider_s_object_keep_its_names(emitter: str) -> None:
    usages = _counted(emitter)
    assert len(usages) == OBJECTS[emitter]
    for usage in usages:
        rule = RULES[_rule(usage)]
        assert (usage.input_tokens, usage.output_tokens) == (
            _sum(usage, rule.input),
            _sum(usage, rule.output),
        )


def test_litellm_s_payloads_keep_its_numbers() -> None:
    usages = [call.usage for call in litellm_calls().values() if call.usage.raw]
    assert len(usages) == 30
    for usage in usages:
        raw = usage.raw or {}
        assert (usage.input_tokens, usage.output_tokens) == (raw["prompt_tokens"], raw["completion_tokens"])


#: Outputs that an emitter counts otherwise than the provider: of a stream it adds what Anthropic said first.
OTHERWISE = {"traceloop-anthropic-0.62.4": 7}


@pytest.mark.parametrize("folder", emitters(), ids=lambda folder: folder.name)
def test_every_emitter_s_totals_are_those_of_the_pair(folder: Path) -> None:
    both = [(pair.call.usage, call.usage) for pair, call in joined(folder) if call]
    compared = [(ours, theirs) for ours, theirs in both if ours.raw and theirs.raw]
    assert compared
    assert all(ours.input_tokens == theirs.input_tokens for ours, theirs in compared)
    apart = sum(ours.output_tokens != theirs.output_tokens for ours, theirs in compared)
    assert apart == OTHERWISE.get(folder.name, 0)
