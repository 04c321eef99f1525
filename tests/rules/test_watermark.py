"""The watermark: what holds it, what is stalled, which minute is closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Partition, Progress
from monitor.rules.watermark import STALLS_AFTER, Watermark, last_closed_minute, watermark

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def progress(number: int, reached: timedelta | None, updated: timedelta = SECOND) -> Progress:
    """Of a partition: so long ago was what it has reached, and when it was last heard of."""
    return Progress(Partition("calls", number), None if reached is None else NOW - reached, NOW - updated)


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        pytest.param([], Watermark(None, ()), id="nothing is read"),
        pytest.param([progress(0, SECOND)], Watermark(NOW - SECOND, ()), id="one partition"),
        pytest.param(
            [progress(0, SECOND), progress(1, MINUTE)],
            Watermark(NOW - MINUTE, ()),
            id="the one that is furthest behind holds it",
        ),
        pytest.param(
            [progress(0, 7 * 60 * MINUTE), progress(1, SECOND)],
            Watermark(NOW - 7 * 60 * MINUTE, ()),
            id="a backlog that is worked off is late and not stalled",
        ),
        pytest.param(
            [progress(0, SECOND), progress(1, None)],
            Watermark(None, ()),
            id="a partition of which nothing is known yet",
        ),
        pytest.param(
            [progress(1, 9 * MINUTE, 3 * MINUTE), progress(0, 3 * MINUTE, 3 * MINUTE), progress(2, SECOND)],
            Watermark(NOW - 9 * MINUTE, (Partition("calls", 0), Partition("calls", 1))),
            id="two that nobody is heard of",
        ),
        pytest.param(
            [progress(0, None, 3 * MINUTE)],
            Watermark(None, (Partition("calls", 0),)),
            id="one that was never read",
        ),
        pytest.param(
            [progress(0, STALLS_AFTER, STALLS_AFTER)],
            Watermark(NOW - STALLS_AFTER, ()),
            id="one that may still come back",
        ),
    ],
)
def test_the_watermark_is_what_every_partition_has_reached(
    partitions: list[Progress], expected: Watermark
) -> None:
    assert watermark(partitions, NOW) == expected


def test_a_clock_that_is_ahead_moves_no_watermark_into_the_future() -> None:
    assert watermark([progress(0, -MINUTE * 60 * 24)], NOW).at == NOW
    assert watermark([progress(0, -MINUTE), progress(1, SECOND)], NOW).at == NOW - SECOND


@pytest.mark.parametrize("partitions", [[], [progress(0, None)]], ids=["no partition", "one without a time"])
@pytest.mark.parametrize(
    ("waited", "stands"), [(STALLS_AFTER, False), (3 * MINUTE, True)], ids=["not yet", "for long"]
)
def test_a_watermark_that_is_looked_for_in_vain(
    partitions: list[Progress], waited: timedelta, stands: bool
) -> None:
    found = watermark(partitions, NOW, since=NOW - waited)
    assert (found.at, found.stalled, found.stands) == (None, (), stands)


@given(st.timedeltas(timedelta(0), timedelta(days=1)), st.timedeltas(timedelta(0), 60 * MINUTE))
def test_a_closed_minute_ended_as_long_ago_as_calls_may_take_and_the_next_did_not(
    after: timedelta, lateness: timedelta
) -> None:
    at = NOW + after
    minute = last_closed_minute(at, lateness)
    assert minute + MINUTE + lateness <= at < minute + 2 * MINUTE + lateness
    assert (minute.second, minute.microsecond) == (0, 0)
