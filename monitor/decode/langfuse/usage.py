"""``usageDetails`` and the older ``usage`` come in, in each of their spellings; the tokens go out."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from monitor.decode import halves
from monitor.decode.counts import is_counted, raw_counts
from monitor.decode.pair.shapes import at, dollars, integer, mapping
from monitor.records import Usage

#: The names of single counts, the most usual first.
_CACHE_READ = (
    "cache_read_input_tokens",
    "input_cache_read",
    "input_cached_tokens",
    "input_cache_read_tokens",
)
_CACHE_WRITE = ("cache_creation_input_tokens", "input_cache_creation", "input_cache_creation_tokens")
_REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")


def read(body: dict[str, Any]) -> Usage:
    """The tokens that an observation's body counts."""
    for counts in (mapping(body.get("usageDetails")), mapping(body.get("usage"))):
        found = _read(counts)
        if is_counted(found):
            cost = dollars(at(body, "costDetails", "total"), counts.get("totalCost"))
            return structs.replace(found, raw=raw_counts(counts), cost=cost)
    return Usage()


def _read(counts: dict[str, Any]) -> Usage:
    if counts.get("unit") not in (None, "TOKENS"):
        return Usage()
    if "prompt_tokens" in counts:
        return halves.answer({"choices": [], "usage": counts}, "chat.completions").usage
    if "input_tokens_details" in counts or "output_tokens_details" in counts:
        return halves.answer({"output": [], "usage": counts}, "responses").usage
    if "promptTokens" in counts or "completionTokens" in counts:
        return Usage(integer(counts.get("promptTokens")), integer(counts.get("completionTokens")))
    return _buckets(counts)


def _buckets(counts: dict[str, Any]) -> Usage:
    """Langfuse's own counts: each token is in one of them, so those that begin alike are added up.

    Unless the total says that input and output hold the others already.
    https://langfuse.com/docs/observability/features/token-and-cost-tracking
    """
    read, written, reasoning = (_first(counts, names) for names in (_CACHE_READ, _CACHE_WRITE, _REASONING))
    input_, output = (_first(counts, (name, f"{name}_tokens")) for name in ("input", "output"))
    total = _first(counts, ("total", "total_tokens"))
    if total is None or total != (input_ or 0) + (output or 0):
        input_ = _sum(counts, ("input", "cache_"))
        output = _sum(counts, ("output", "reasoning_"))
    return Usage(input_, output, read, written, reasoning)


def _first(counts: dict[str, Any], names: tuple[str, ...]) -> int | None:
    found = (integer(counts.get(name)) for name in names)
    return next((count for count in found if count is not None), None)


def _sum(counts: dict[str, Any], beginnings: tuple[str, ...]) -> int | None:
    """What all counts of one side come to; costs are none."""
    named = [name for name in counts if name.startswith(beginnings) and not name.lower().endswith("cost")]
    found = [count for name in named if (count := integer(counts[name])) is not None]
    return sum(found) if found else None
