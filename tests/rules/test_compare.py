"""What a rate is compared with beside the time of day: counts, medians, and the present mix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.compare import PRIOR, median_of_days, mix_index, of_counts, of_value

EVERY = np.ones((1, 28), bool)


@pytest.mark.parametrize(
    ("calls", "failures", "rate"),
    [(1_000, 20, 0.02), (200, 0, 0.0), (200, 200, 1.0), (199, 20, np.nan), (0, 0, np.nan)],
    ids=["some", "none fails", "all fail", "too few", "nothing"],
)
def test_a_span_has_a_rate_when_it_has_enough_calls(calls: int, failures: int, rate: float) -> None:
    found = of_counts(np.array([float(calls)]), np.array([float(failures)]), 200)
    assert found.rate[0] == pytest.approx(rate, nan_ok=True)
    assert not np.isfinite(rate) or np.isfinite(found.error[0])


@given(st.integers(200, 10**6), st.floats(0, 1), st.integers(2, 100))
def test_more_calls_of_one_rate_are_surer(calls: int, share: float, times: int) -> None:
    failures = round(calls * share)
    few, many = (
        of_counts(np.array([float(calls * n)]), np.array([float(failures * n)]), 1) for n in (1, times)
    )
    assert many.error[0] < few.error[0]


def test_a_known_value_has_no_error() -> None:
    found = of_value(np.array([0.03, np.nan]))
    assert found.rate[0] == 0.03
    assert found.error.tolist() == found.drift.tolist() == [0.0, 0.0]


def days(*rates: float) -> tuple[np.ndarray, np.ndarray]:
    """Calls and failures of the last days, alike in all three hours; NaN is a day without."""
    some = np.full(28, np.nan)
    some[: len(rates)] = rates
    calls = np.where(np.isnan(some), 0.0, 1_000.0)
    by_hour = np.repeat(calls[:, np.newaxis], 3, axis=1)[np.newaxis]
    return by_hour, by_hour * np.nan_to_num(some)[np.newaxis, :, np.newaxis]


@pytest.mark.parametrize(
    ("rates", "rate"),
    [
        ([0.02, 0.02, 0.9], 0.02),
        ([0.01, 0.03, 0.02, 0.05, 0.04], 0.03),
        ([0.01, 0.02, 0.03, 0.04], 0.025),
        ([0.02, 0.02], np.nan),
        ([], np.nan),
        ([0.02] * 7 + [0.5] * 21, 0.02),
    ],
    ids=[
        "one bad day",
        "the middle",
        "of an even number",
        "too few days",
        "no day",
        "older ones do not count",
    ],
)
def test_the_median_of_seven_days(rates: list[float], rate: float) -> None:
    found = median_of_days(*days(*rates), 0.5, valid=EVERY, days=7)
    assert found.rate[0] == pytest.approx(rate, nan_ok=True)


def test_a_day_with_an_incident_is_in_no_median() -> None:
    valid = EVERY.copy()
    valid[0, :2] = False
    found = median_of_days(*days(0.5, 0.5, 0.01, 0.02, 0.03), 0.5, valid=valid, days=7)
    assert found.rate[0] == pytest.approx(0.02)


# ------------------------------------------------------------------------------------------------- the mix


A_LOT = 10_000_000.0


def index(past: dict[int, tuple[float, float]], now: dict[int, float], size: int = 1) -> float:
    """Of one label set: by series its past calls and rate, and its present calls."""
    series = np.array([*past], np.int64)
    calls = np.array([n for n, _ in past.values()])
    rates = np.array([rate for _, rate in past.values()])
    found = mix_index(
        (series, np.zeros(len(past), np.int64), calls, calls * rates),
        (np.array([*now], np.int64), np.zeros(len(now), np.int64), np.array([*now.values()])),
        size,
    )
    return float(found[0])


@pytest.mark.parametrize(
    ("past", "now", "expected"),
    [
        ({1: (A_LOT, 0.02), 2: (A_LOT, 0.10)}, {1: 50.0, 2: 50.0}, 1.0),
        ({1: (A_LOT, 0.02), 2: (A_LOT, 0.10)}, {2: 100.0}, 0.10 / 0.06),
        ({1: (A_LOT, 0.02), 2: (A_LOT, 0.10)}, {1: 100.0}, 0.02 / 0.06),
        ({1: (9 * A_LOT, 0.02), 2: (A_LOT, 0.10)}, {1: 30.0, 2: 70.0}, 0.076 / 0.028),
        ({1: (A_LOT, 0.02)}, {3: 100.0}, 1.0),
        ({1: (A_LOT, 0.02), 2: (A_LOT, 0.10)}, {3: 100.0}, 1.0),
        ({1: (A_LOT, 0.02)}, {}, 1.0),
        ({}, {1: 100.0}, 1.0),
        ({}, {}, 1.0),
        ({1: (A_LOT, 0.0)}, {1: 100.0}, 1.0),
    ],
    ids=[
        "the same mix",
        "all to the worse",
        "all to the better",
        "most to the worse",
        "what is new is no mix",
        "nor beside others",
        "nothing now",
        "no past",
        "nothing at all",
        "what never failed",
    ],
)
def test_the_rate_that_the_mix_alone_would_give(
    past: dict[int, tuple[float, float]], now: dict[int, float], expected: float
) -> None:
    assert index(past, now) == pytest.approx(expected, rel=1e-3)


def test_a_series_that_was_hardly_seen_is_taken_for_one_like_the_others() -> None:
    """Of 20 calls that all failed nothing follows: its rate is drawn to that of its label set."""
    found = index({1: (A_LOT, 0.02), 2: (20.0, 1.0)}, {2: 100.0})
    assert found == pytest.approx((20 + PRIOR * 0.02) / (20 + PRIOR) / 0.02, rel=1e-3)


def test_label_sets_do_not_mix_with_one_another() -> None:
    past = (
        np.array([1, 2, 3, 4]),
        np.array([0, 0, 1, 1]),
        np.full(4, A_LOT),
        A_LOT * np.array([0.1, 0.3, 0.2, 0.2]),
    )
    now = (np.array([2, 3, 4, 9]), np.array([0, 1, 1, -1]), np.array([10.0, 1.0, 99.0, 50.0]))
    assert mix_index(past, now, 3) == pytest.approx([1.5, 1.0, 1.0], rel=1e-3)


shares = st.lists(st.floats(1, 1_000), min_size=1, max_size=6)


@given(shares, st.floats(0.001, 0.9), st.data())
def test_between_series_of_one_rate_traffic_may_move_as_it_likes(
    past: list[float], rate: float, data: st.DataObject
) -> None:
    now = data.draw(st.lists(st.floats(0, 1_000), min_size=len(past), max_size=len(past)))
    found = index({n: (1_000 * calls, rate) for n, calls in enumerate(past)}, dict(enumerate(now)))
    assert found == pytest.approx(1.0)
