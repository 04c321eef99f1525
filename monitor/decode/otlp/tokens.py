"""A span's attributes come in, the tokens that they count go out, whichever names a dialect has for them.

By the conventions input includes what was cached, and output what was thought. Emitters that pass counts on
as a provider has them leave them out: Anthropic and Bedrock count what was cached beside the input, Gemini
thoughts beside the output. Who did is not said, so that only impossible counts are corrected, where a part is
larger than its whole; and of what was cached only for those two: xAI's own counts are impossible.
References: ``gen_ai.usage.input_tokens`` in https://github.com/open-telemetry/semantic-conventions-genai,
https://docs.claude.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html, and
https://ai.google.dev/api/generate-content#UsageMetadata.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from monitor.decode.counts import raw_counts
from monitor.decode.otlp.attributes import first
from monitor.decode.otlp.span import Attributes
from monitor.decode.pair.shapes import dollars, integer
from monitor.records import Usage

#: Who counts what was cached beside the input.
_CACHED_BESIDE = frozenset({"anthropic", "aws.bedrock"})

#: How the names of attributes begin that count tokens, or what they cost.
_COUNTED = ("gen_ai.usage.", "llm.usage.", "llm.token_count.", "ai.usage.")


#: What it cost in US dollars, as OpenLIT, LiteLLM and OpenInference call it.
_COSTS = ("gen_ai.usage.cost", "gen_ai.cost.total_cost", "llm.cost.total")


def usage_of(attributes: Attributes, names: Mapping[str, tuple[str, ...]], provider: str) -> Usage:
    """The tokens of a span.

    Args:
        attributes: the span's.
        names: for each field of ``Usage``, the attributes that may hold it, the best first.
        provider: who served the call, under OpenTelemetry's name.
    """
    counted = {name: value for name, value in attributes.items() if name.startswith(_COUNTED)}
    tokens = {field: integer(first(counted, *candidates)) for field, candidates in names.items()}
    cost = dollars(*(attributes.get(name) for name in _COSTS))
    usage = Usage(**tokens, raw=raw_counts(counted), cost=cost)
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    return structs.replace(
        usage,
        input_tokens=_including(usage.input_tokens, cached if provider in _CACHED_BESIDE else 0),
        output_tokens=_including(usage.output_tokens, usage.reasoning_tokens or 0),
    )


def _including(tokens: int | None, part: int) -> int | None:
    """A count with its part, where that cannot be in it yet."""
    return tokens + part if tokens is not None and 0 <= tokens < part else tokens
