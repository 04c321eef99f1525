"""How numbers, lengths of time and times are said to people, on a page as in a message."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta


def measure(value: float, unit: str) -> str:
    """A value for people: ``4.2 %`` of a rate, else with its unit (``3.1 s``, ``1,240 tokens``)."""
    if not math.isfinite(value):
        return "?"
    if not unit:
        return f"{value * 100:.1f} %" if value >= 0.001 or value == 0 else f"{value * 100:.2g} %"
    if unit == "ms":
        return f"{value / 1000:.3g} s" if value >= 1_000 else f"{value:.3g} ms"
    if unit == "USD":
        return f"${value:.4g}"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def lasting(length: timedelta | float) -> str:
    """A length of time for people: ``2 h 5 min``."""
    total = length.total_seconds() if isinstance(length, timedelta) else length
    minutes = round(total / 60)
    if minutes < 1:
        return f"{total:.0f} s"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 min"


def moment(at: datetime) -> str:
    """A time in UTC: ``2026-03-10 12:02 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(start: datetime, end: datetime) -> str:
    """A span of time in UTC: ``2026-03-10 12:02 to 12:07 UTC``, with both days where there are two."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {last} UTC"
