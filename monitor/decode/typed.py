"""Parsed JSON to typed structs, with an explanation that a stranger may read."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from monitor.errors import BadInput, DeadLetterReason

T = TypeVar("T")

_QUOTED_VALUE = re.compile(r" '.*'", re.DOTALL)


def convert(value: Any, to: type[T], *, strict: bool = True) -> T:
    """The value as this type.

    Args:
        value: parsed JSON.
        to: what it should be.
        strict: whether ``"1"`` is refused where a number, or an epoch second where a time is wanted.

    Raises:
        BadInput: ``invalid_record``, with the path and the expected type, never with the value found.
    """
    try:
        return msgspec.convert(value, to, strict=strict)
    except msgspec.ValidationError as error:
        explanation = _QUOTED_VALUE.sub("", str(error))
        raise BadInput(DeadLetterReason.INVALID_RECORD, explanation) from None
