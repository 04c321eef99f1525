"""A usage object as a provider wrote it comes in, its numbers go out flat, under the names they had.

What the counts mean together differs by provider and is normalised where a provider is read; these are kept
beside the result, so that a bill can be checked against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from msgspec import structs

from monitor.records import Usage

#: Most numbers kept of one usage object. Recorded ones have up to 17.
MAX_COUNTS = 32
#: Deepest number kept, in names joined by dots.
MAX_DEPTH = 4
#: Longest name kept, in characters, dots included. Recorded ones have up to 53.
MAX_NAME = 100


def raw_counts(value: Any) -> dict[str, int | float] | None:
    """The numbers of a usage object; ``None`` where it has none, or is no object.

    Names of nested numbers are joined by dots: ``prompt_tokens_details.cached_tokens``. Flags, text, null and
    lists are no counts. What is beyond the limits above is left out.
    """
    return dict(islice(_numbers(value, "", MAX_DEPTH), MAX_COUNTS)) or None


def _numbers(value: Any, prefix: str, depth: int) -> Iterator[tuple[str, int | float]]:
    if not isinstance(value, dict) or depth == 0:
        return
    for name, element in value.items():
        path = prefix + name
        if len(path) > MAX_NAME:
            continue
        if isinstance(element, dict):
            yield from _numbers(element, f"{path}.", depth - 1)
        elif isinstance(element, int | float) and not isinstance(element, bool):
            yield path, element


def is_counted(usage: Usage) -> bool:
    """Whether tokens were counted under a name that is known, whatever other numbers there are."""
    return structs.replace(usage, raw=None, cost=None) != Usage()
