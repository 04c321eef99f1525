"""Attributes by the names that a mapping looks for: a JSON object comes in, what they hold goes out.

Nothing is read that no one asked for, and a credential not even then.
"""

from __future__ import annotations

import re
from typing import Any

from monitor.decode.dimensions import DEFAULTS, Mapping
from monitor.decode.pair.shapes import at, strings

#: How the names of headers and fields that hold a credential end. ``…_key_alias`` is none, ``…_key_hash`` is.
_SECRET_NAME = re.compile(
    r"(?:^|[-_.])(?:(?:proxy-)?authorization|auth|cookies?2?|apikey|key(?:[-_]hash)?|token|secret|password"
    r"|credentials?|signature)$",
    re.IGNORECASE,
)

#: How a credential itself begins, under whatever name.
_SECRET_VALUE = re.compile(r"\s*(?:(?:bearer|basic|digest|negotiate|token)\s|sk-|pk-lf-)", re.IGNORECASE)


def attributes(value: dict[str, Any], mapping: Mapping) -> dict[str, Any]:
    """What the mapping looks for in an object, by name.

    A name is a path of keys joined by dots; what follows the first dot may be one key that has dots itself.
    """
    wanted = {name for names in (*DEFAULTS.values(), *mapping.attributes.values()) for name in names}
    found = {name: _find(value, name) for name in wanted if not _SECRET_NAME.search(name)}
    return {name: held for name, held in found.items() if held is not None and not is_secret(held)}


def tags(values: Any) -> dict[str, str]:
    """The tags of the form ``key:value``, by key; of one that is given twice, the first."""
    pairs = (tag.partition(":") for tag in strings(values) if ":" in tag)
    return {key.strip(): rest.strip() for key, _, rest in reversed(list(pairs))}


def _find(value: dict[str, Any], name: str) -> Any:
    held = at(value, *name.split("."))
    return at(value, *name.split(".", 1)) if held is None else held


def is_secret(held: Any) -> bool:
    """Whether a value looks like a credential, whatever its name."""
    return isinstance(held, str) and _SECRET_VALUE.match(held) is not None
