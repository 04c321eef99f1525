"""Reading JSON whose shape nobody guarantees: a value of another type than expected counts as absent.

Providers and gateways speak dialects of three APIs, so a body is read for what it holds and never
refused for what else it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

_CAPITAL = re.compile(r"[A-Z]")


def at(value: Any, *path: str) -> Any:
    """What lies at a path of object keys; ``None`` where the path ends early."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, in order."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def string(value: Any) -> str | None:
    """The value if it is a string."""
    return value if isinstance(value, str) else None


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def strings(value: Any) -> list[str]:
    """The strings of a list, in order."""
    return [element for element in value if isinstance(element, str)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def integer(value: Any) -> int | None:
    """The value if it is a number without a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def number(value: Any) -> float | None:
    """The value if it is a number that a float can hold."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def dollars(*candidates: Any) -> float | None:
    """What a call cost, of the first candidate that is more than nothing.

    Gateways write 0 where they know no price, so 0 says nothing.
    """
    costs = (number(candidate) for candidate in candidates)
    return next((cost for cost in costs if cost is not None and cost > 0), None)


def numbers(values: Iterable[Any]) -> tuple[float, ...]:
    """The numbers among these values, in their order."""
    return tuple(found for value in values if (found := number(value)) is not None)


def flag(value: Any) -> bool | None:
    """The value if it is true or false."""
    return value if isinstance(value, bool) else None


def schema(value: Any) -> dict[str, Any] | bool | None:
    """The value if it can be a JSON Schema."""
    return value if isinstance(value, dict | bool) else None


def json_text(value: Any) -> str:
    """A string as it is, anything else as JSON text: tool arguments, which some APIs send parsed."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def merged_text(blocks: Any, key: str, separator: str = "") -> str:
    """A string as it is, or the strings that a list's objects have under a key, joined."""
    if isinstance(blocks, str):
        return blocks
    return separator.join(filter(None, (text(block.get(key)) for block in objects(blocks))))


def field(value: Any, name: str) -> Any:
    """The value under a name in camel case or, as Protobuf's JSON allows too, in snake case."""
    if not isinstance(value, dict):
        return None
    return value[name] if name in value else value.get(_snake_case(name))


@cache
def _snake_case(name: str) -> str:
    return _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name)
