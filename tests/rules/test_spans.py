"""Which minutes a rule compares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules import baseline_span, window_span
from monitor.rules.model import Baseline, RegressionRule, ThresholdRule


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-10T{text}+00:00")


def regression(window: str = "5m", **baseline: str) -> RegressionRule:
    return RegressionRule(
        alert="A", metric="errors", runbook_url="x", window=window, baseline=Baseline(**baseline)
    )


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("12:07:30", "12:02:00", "12:08:00"),
        ("12:07:00", "12:02:00", "12:08:00"),
        ("12:00:59", "11:55:00", "12:01:00"),
    ],
)
def test_a_window_is_whole_minutes_with_the_present_one(now: str, start: str, end: str) -> None:
    span = window_span(regression(previous="1h"), at(now))
    assert (span.start, span.end) == (at(start), at(end))


def test_the_previous_time_ends_where_the_window_begins() -> None:
    span = baseline_span(regression(previous="2h"), at("12:07:30"))
    assert span is not None
    assert (span.start, span.end) == (at("10:02:00"), at("12:02:00"))


def test_an_offset_is_the_window_itself_that_much_earlier() -> None:
    span = baseline_span(regression(offset="1h"), at("12:07:30"))
    assert span is not None
    assert (span.start, span.end) == (at("11:02:00"), at("11:08:00"))


def test_a_threshold_compares_with_nothing() -> None:
    rule = ThresholdRule(alert="A", metric="errors", runbook_url="x", above=0.1)
    assert baseline_span(rule, at("12:00:00")) is None


@given(
    st.integers(0, 10**6).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=n * 601)),
    st.integers(1, 300),
    st.integers(300, 20_000),
    st.booleans(),
)
def test_a_window_holds_its_length_and_never_overlaps_what_came_right_before(
    now: datetime, window: int, length: int, previous: bool
) -> None:
    rule = regression(f"{window}m", **{"previous" if previous else "offset": f"{length}m"})
    span, baseline = window_span(rule, now), baseline_span(rule, now)
    assert baseline is not None
    assert span.start <= now - timedelta(minutes=window) < now < span.end
    assert span.end - span.start == timedelta(minutes=window + 1)
    assert {time.second for time in (span.start, span.end, baseline.start, baseline.end)} == {0}
    if previous:
        assert baseline.end == span.start
