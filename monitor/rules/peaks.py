"""How bad it was at its worst: counts by the minute in, the highest rate of enough calls out. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def worst(minutes: Sequence[tuple[float, float]], least: float, *, lowest: bool = False) -> float | None:
    """The highest rate (or ``lowest``) of minutes in a row that hold enough calls; ``None`` of no calls.

    Of a busy series that is a single minute, of a quiet one as many as it takes, and all where all together
    hold too few.

    Args:
        minutes: calls of each, and failures (or the sum of what was measured), in the order of time.
        least: calls that are enough.
        lowest: what is worse is lower.
    """
    rates = []
    calls = failures = 0.0
    first = 0
    for more_calls, more_failures in minutes:
        calls, failures = calls + more_calls, failures + more_failures
        while calls - minutes[first][0] >= max(least, 1):
            calls, failures = calls - minutes[first][0], failures - minutes[first][1]
            first += 1
        if calls >= max(least, 1):
            rates.append(failures / calls)
    if not rates and calls > 0:
        rates.append(failures / calls)
    if not rates:
        return None
    return min(rates) if lowest else max(rates)
