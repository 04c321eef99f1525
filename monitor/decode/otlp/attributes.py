"""Attribute values as emitters write them: structured, or as JSON text, under one of several names.

Values come in as OpenTelemetry carried them; what they say goes out. JSON text that an SDK cut at its
attribute length limit says nothing: it counts as absent, never as something malformed.
"""

from __future__ import annotations

from typing import Any

from monitor.decode import text
from monitor.decode.otlp.span import Attributes
from monitor.errors import BadInput


def first(attributes: Attributes, *names: str) -> Any:
    """The value of the first of these attributes that is there; ``None`` where none is."""
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def structured(value: Any) -> Any:
    """A structured value as it is, and JSON text parsed; ``None`` for text that is cut, or no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return text.parse(value)
    except BadInput:
        return None


def elements(value: Any) -> list[Any] | None:
    """The list that an attribute holds, structured or as JSON text; ``None`` where it holds none."""
    found = structured(value)
    return found if isinstance(found, list) else None
