"""What a detail may show: names out of an answer come in, those that the application itself gave go out.

A key or a tool's name is the model's own text, and may carry what the answer is about. So only what the
schema declares is written out, and of tools that nobody offered what looks like an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from monitor.scorers.strict import objects

#: Characters of a name that are shown.
MAX_NAME = 60

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def declared(schema: Any) -> frozenset[str]:
    """The property names that stand anywhere in ``schema``."""
    names: set[str] = set()
    for node in objects(schema):
        properties = node.get("properties")
        names.update(properties if isinstance(properties, dict) else ())
    return frozenset(names)


def shown(step: str | int, names: frozenset[str]) -> str:
    """One step into an answer: an index, a key that is among ``names``, or ``*``."""
    if isinstance(step, int):
        return str(step)
    return step[:MAX_NAME] if step in names else "*"


def shown_tool(name: str, offered: Container[str]) -> str:
    """A called tool's name, if it was offered or is an identifier."""
    if name in offered:
        return name[:MAX_NAME]
    return name if _IDENTIFIER.fullmatch(name) else "a tool that was not offered"
