from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.times import between, moment

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
READ = {
    "seconds": (NOON.timestamp(), 1),
    "milliseconds": (NOON.timestamp() * 1000, 1000),
    "text of seconds": (str(NOON.timestamp()), 1),
    "UTC": ("2026-11-22T12:00:00Z", 1),
    "an offset": ("2026-11-22T13:00:00+01:00", 1),
    "no offset": ("2026-11-22 12:00:00", 1),
}


@pytest.mark.parametrize(("value", "per_second"), READ.values(), ids=READ.keys())
def test_a_time_is_read_however_it_is_written(value: Any, per_second: int) -> None:
    assert moment(value, per_second=per_second) == NOON


@pytest.mark.parametrize("value", [None, True, "", "soon", "nan", "inf", 1e300, 10**400, "9" * 400, [], {}])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert moment(value) is None


@given(st.integers() | st.floats() | st.text(max_size=30) | st.none())
def test_a_time_has_a_zone_or_is_none(value: Any) -> None:
    found = moment(value)
    assert found is None or found.tzinfo is not None


def test_between_two_times_are_milliseconds() -> None:
    later = (NOON + timedelta(seconds=1.5)).astimezone(timezone(timedelta(hours=2)))
    assert between(NOON, later) == 1500.0
    assert between(None, NOON) is None
    assert between(NOON, None) is None
