"""Durations: what counts as one, and how long it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.durations import Duration, seconds

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", 0),
        ("250ms", 0.25),
        ("90s", 90),
        ("5m", 300),
        ("24h", 86_400),
        ("7d", 604_800),
        ("2w", 1_209_600),
    ],
)
def test_a_duration_has_its_seconds(text: str, expected: float) -> None:
    assert msgspec.convert(text, Duration) == text
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "m",
        "5 m",
        " 5m",
        "5m ",
        "5m\n",
        "-5m",
        "+5m",
        "1.5h",
        "5M",
        "5min",
        "1h30m",
        "٣m",
        "99999d",
        "5y",
    ],
    ids=ascii,
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Duration)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "1.5h", "h5", "5m\n"], ids=ascii)
def test_seconds_of_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


@given(st.integers(0, 9_999), st.sampled_from(sorted(UNITS)))
def test_any_count_of_any_unit_is_a_duration(count: int, unit: str) -> None:
    text = msgspec.convert(f"{count}{unit}", Duration)
    assert seconds(text) == count * UNITS[unit]


def test_a_window_and_a_baseline_of_the_longest_duration_lie_within_the_times_there_are() -> None:
    longest = timedelta(seconds=seconds(msgspec.convert("9999w", Duration)))
    assert (datetime(2026, 1, 1, tzinfo=UTC) - longest - longest).year > 1_000
