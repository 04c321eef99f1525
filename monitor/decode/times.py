"""Times as logs write them: a number or a text comes in, a time in UTC goes out, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from monitor.decode.pair.shapes import text


def moment(value: Any, *, per_second: int = 1) -> datetime | None:
    """The time that a log means; ``None`` where it is none.

    Args:
        value: a count since 1970, as a number or its text; or ISO 8601, where no zone means UTC.
        per_second: how many of its units are a second: 1000 for milliseconds.
    """
    try:
        count = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        count = None
    try:
        if count is not None:
            return datetime.fromtimestamp(count / per_second, UTC)
        found = datetime.fromisoformat(text(value))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Milliseconds from one time to another; ``None`` where one of them is unknown."""
    return None if start is None or end is None else (end - start).total_seconds() * 1000
