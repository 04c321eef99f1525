"""Durations as people write them (``90s``, ``5m``, ``24h``, ``7d``), for configuration and rules."""

from __future__ import annotations

from typing import Annotated

import msgspec

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

#: A duration in a file: a whole number and a unit. Its seconds are ``seconds(value)``. It has so few digits
#: that a time minus a duration is always a time that Python and Postgres know.
Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([0-9]{1,6}(ms|s|m)|[0-9]{1,4}(h|d|w))\Z",
        description="a duration like 90s, 5m, 24h or 7d",
    ),
]


def seconds(text: str) -> float:
    """The seconds of a duration that was checked against ``Duration``: ``5m`` is 300.

    Raises:
        ValueError: it is not a duration.
    """
    digits = text.rstrip("mshdw")
    unit = text[len(digits) :]
    if not digits.isdecimal() or unit not in _UNITS:
        raise ValueError(f"{text!r} is not a duration: write a whole number and ms, s, m, h, d or w")
    return int(digits) * _UNITS[unit]
