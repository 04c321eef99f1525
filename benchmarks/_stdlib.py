"""The reference for JSON: what the standard library says."""

from __future__ import annotations

import json


def accepts(text: str | bytes) -> bool:
    """Whether ``json.loads`` takes it."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
