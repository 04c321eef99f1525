"""Attributes by the names that a mapping looks for: a JSON object comes in, what they hold goes out.

Nothing is read that no one asked for, and a credential not even then.
"""

from __future__ import annotations

from typing import Any

from monitor.decode import credentials
from monitor.decode.dimensions import DEFAULTS, Mapping
from monitor.decode.pair.shapes import at, strings


def attributes(value: dict[str, Any], mapping: Mapping) -> dict[str, Any]:
    """What the mapping looks for in an object, by name.

    A name is a path of keys joined by dots; what follows the first dot may be one key that has dots itself.
    """
    wanted = {name for names in (*DEFAULTS.values(), *mapping.attributes.values()) for name in names}
    found = {name: _find(value, name) for name in wanted if not credentials.is_named(name)}
    return {
        name: held for name, held in found.items() if held is not None and not credentials.is_secret(held)
    }


def tags(values: Any) -> dict[str, str]:
    """The tags of the form ``key:value``, by key; of one that is given twice, the first."""
    pairs = (tag.partition(":") for tag in strings(values) if ":" in tag)
    return {key.strip(): rest.strip() for key, _, rest in reversed(list(pairs))}


def _find(value: dict[str, Any], name: str) -> Any:
    held = at(value, *name.split("."))
    return at(value, *name.split(".", 1)) if held is None else held
