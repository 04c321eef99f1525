"""Minutes under load: how many calls are in flight, and which are a lot."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.busy import in_flight, newest, usual_load


def test_calls_in_flight_are_the_sum_of_their_durations_over_the_minute() -> None:
    # 120 calls a minute of 1.5 s each: two a second, so three at once (Little).
    assert in_flight(np.array([120 * 1_500.0])) == 3


def test_the_load_is_the_median_of_the_days_so_that_a_load_test_does_not_move_it() -> None:
    busy = np.tile(np.arange(60.0), (1, 7, 1))
    every = np.ones((1, 7), bool)
    assert usual_load(busy, every) == 56
    busy[:, 3] *= 100
    assert usual_load(busy, every) == 56


def test_days_with_an_incident_and_days_without_calls_say_nothing_of_the_load() -> None:
    busy = np.array([[[1.0] * 60, [5.0] * 60, [9.0] * 60, [0.0] * 60]])
    valid = np.array([[True, True, False, True]])
    assert usual_load(busy, valid) == 5
    assert np.isnan(usual_load(busy, np.zeros((1, 4), bool)))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_the_newest_minutes_that_have_calls_are_at_most_five(minutes: list[tuple[int, int]]) -> None:
    calls, failures = (np.array([column], np.float64) for column in zip(*minutes, strict=True))
    some = [one for one in minutes if one[0] > 0][-5:]
    # A minute without calls has no failures.
    failures = np.where(calls > 0, failures, 0.0)
    found = newest(calls, failures)
    assert [one.item() for one in found] == [sum(n for n, _ in some), sum(x for _, x in some)]
