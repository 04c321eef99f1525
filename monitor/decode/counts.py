"""A usage object as a provider wrote it comes in, its numbers go out flat, under the names they had.

What the counts mean together differs by provider and is normalised where a provider is read; these are kept
beside the result, so that a bill can be checked against them.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from monitor.records import Usage

#: Most numbers kept of one usage object. Recorded ones have up to 17.
MAX_COUNTS = 32
#: Deepest number kept, in names joined by dots.
MAX_DEPTH = 4
#: Longest name kept, in characters, dots included. Recorded ones have up to 53.
MAX_NAME = 100

_NUMBERS = frozenset({int, float})


def raw_counts(value: Any) -> dict[str, int | float] | None:
    """The numbers of a usage object; ``None`` where it has none, or is no object.

    Names of nested numbers are joined by dots: ``prompt_tokens_details.cached_tokens``. Flags, text, null and
    lists are no counts. What is beyond the limits above is left out.
    """
    found: list[tuple[str, int | float]] = []
    if isinstance(value, dict):
        _collect(found, value, "", MAX_DEPTH)
    return dict(found) or None


def _collect(found: list[tuple[str, int | float]], value: dict[str, Any], prefix: str, depth: int) -> None:
    """Add the numbers of an object, until there are enough of them."""
    for name, element in value.items():
        if len(found) == MAX_COUNTS:
            return
        path = prefix + name
        if len(path) > MAX_NAME:
            continue
        if type(element) in _NUMBERS:
            found.append((path, element))
        elif depth > 1 and isinstance(element, dict):
            _collect(found, element, f"{path}.", depth - 1)


def is_counted(usage: Usage) -> bool:
    """Whether tokens were counted under a name that is known, whatever other numbers there are."""
    return structs.replace(usage, raw=None, cost=None) != Usage()
