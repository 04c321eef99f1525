"""Of the numbers that a provider reports, those that no column of tokens says: what ``usage_raw`` keeps.

A provider repeats itself: ``prompt_tokens`` is the column ``input_tokens``, ``total_tokens`` the sum of two
columns, and most details are zero. Such numbers are two thirds of a row if they are kept as JSON. What is
left out is only what can be told from the row: a number under a name whose meaning is a column, where it is
equal to that column; and zero, which is what a number that isn't there means.
"""

from __future__ import annotations

from monitor.records import Usage

_Numbers = dict[str, int | float]

#: The names, in any format, of what is a column: raw names as ``decode.counts`` writes them.
_INPUT = (
    "input_tokens",
    "prompt_tokens",
    "inputTokens",
    "promptTokens",
    "promptTokenCount",
    "prompt_eval_count",
    "inputTextTokenCount",
    "tokens.input_tokens",
)
_OUTPUT = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "candidatesTokenCount",
    "eval_count",
    "totalOutputTextTokenCount",
    "tokens.output_tokens",
)
_CACHE_READ = (
    "cached_tokens",
    "cache_read_input_tokens",
    "cacheReadInputTokens",
    "cacheReadInputTokenCount",
    "cachedContentTokenCount",
    "prompt_cache_hit_tokens",
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
)
_CACHE_WRITE = (
    "cache_creation_input_tokens",
    "cacheWriteInputTokens",
    "cacheWriteInputTokenCount",
    "prompt_tokens_details.cache_write_tokens",
    "input_tokens_details.cache_write_tokens",
)
_REASONING = (
    "reasoning_tokens",
    "thoughtsTokenCount",
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_tokens_details.thinking_tokens",
    "tokens.reasoning_tokens",
)
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")

#: A raw name to the place of what it means in ``_columns``.
_MEANINGS = {
    name: place
    for place, names in enumerate((_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE, _REASONING, _TOTAL))
    for name in names
}


def untold(usage: Usage) -> _Numbers | None:
    """The raw numbers that the row doesn't say otherwise; ``None`` where there are none."""
    if not usage.raw:
        return None
    columns = _columns(usage)
    kept = {
        name: number
        for name, number in usage.raw.items()
        if number and ((place := _MEANINGS.get(name)) is None or columns[place] != number)
    }
    return kept or None


def _columns(usage: Usage) -> tuple[int | None, ...]:
    given, written = usage.input_tokens, usage.output_tokens
    total = None if given is None or written is None else given + written
    return (
        given,
        written,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        total,
    )
