"""How numbers and times are said to people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.phrases import lasting, measure, moment, span

NOON = datetime(2026, 3, 10, 12, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.042, "", "4.2 %"),
        (0.0, "", "0.0 %"),
        (0.00042, "", "0.042 %"),
        (float("nan"), "", "?"),
        (3120.0, "ms", "3.12 s"),
        (312.4, "ms", "312 ms"),
        (0.01234, "USD", "$0.01234"),
        (1240.0, "tokens", "1,240 tokens"),
        (0.25, "risk", "0.25 risk"),
    ],
)
def test_a_value_has_its_unit(value: float, unit: str, expected: str) -> None:
    assert measure(value, unit) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [(5, "5 s"), (60, "1 min"), (7_500, "2 h 5 min"), (timedelta(days=1), "1 d"), (0, "0 s")],
    ids=str,
)
def test_a_length_of_time_is_said_in_its_largest_parts(length: timedelta | float, expected: str) -> None:
    assert lasting(length) == expected


def test_times_are_said_in_utc_and_a_day_once() -> None:
    assert moment(NOON) == "2026-03-10 12:02 UTC"
    assert span(NOON, NOON + timedelta(minutes=5)) == "2026-03-10 12:02 to 12:07 UTC"
    assert span(NOON, NOON + timedelta(days=1)) == "2026-03-10 12:02 to 2026-03-11 12:02 UTC"
