"""What a baseline makes of past days: weekdays, gaps, incidents and series that never failed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.baseline import DAYS, _without_incidents, of_windows, seasonal


def days(rate: float = 0.02, calls: float = 10_000.0) -> tuple[np.ndarray, np.ndarray]:
    """Calls and failures of 28 days of one series, all alike."""
    n = np.full((1, DAYS), calls)
    return n, n * rate


def test_days_that_are_alike_give_their_rate_and_no_drift() -> None:
    found = of_windows(*days())
    assert found.rate[0] == pytest.approx(0.02, rel=1e-3)
    assert found.drift[0] == 0.0
    assert 0 < found.error[0] < 0.05


@pytest.mark.parametrize(("seen", "weekly"), [(20, False), (21, True), (28, True)])
def test_weekdays_are_known_from_the_third_week_on(seen: int, weekly: bool) -> None:
    n, x = days()
    n[:, seen:] = 0
    assert of_windows(n, x).weekly[0] == weekly


@pytest.mark.parametrize(("seen", "known"), [(0, False), (2, False), (3, True)])
def test_three_windows_are_the_least(seen: int, known: bool) -> None:
    n, x = days()
    n[:, seen:] = 0
    found = of_windows(n, x)
    assert np.isfinite(found.rate[0]) == known
    assert found.windows[0] == seen


def test_a_weekday_that_differs_is_its_own_baseline() -> None:
    n, x = days()
    x[:, 6::7] *= 1.5
    assert of_windows(n, x).rate[0] == pytest.approx(0.03, rel=0.02)


def test_weekdays_that_differ_by_chance_alone_are_drawn_together() -> None:
    n = np.full((200, DAYS), 1200.0)
    x = np.random.default_rng(3).binomial(1200, 0.02, n.shape).astype(float)
    alone = x[:, 6::7].sum(axis=1) / n[:, 6::7].sum(axis=1)
    assert of_windows(n, x).rate.std() < 0.7 * alone.std()


def test_an_incident_of_one_day_is_no_habit() -> None:
    n, x = days()
    x[:, 6] = 5_000
    assert of_windows(n, x).rate[0] == pytest.approx(0.02, rel=0.15)


@given(st.integers(0, 2**32 - 1))
def test_the_usual_rate_of_past_days_is_their_median(seed: int) -> None:
    rng = np.random.default_rng(seed)
    calls = np.asarray(100 * rng.integers(0, 3, (4, DAYS)), np.float64)
    came = rng.poisson(5, (4, DAYS)) * rng.choice([1, 10], (4, DAYS))
    failures = np.minimum(came, calls).astype(np.float64)
    usual = np.array(
        [
            np.median((x / np.maximum(n, 1))[n > 0]) if n.any() else 0.0
            for n, x in zip(calls, failures, strict=True)
        ]
    )[:, None]
    expected = calls * usual
    most = 1.5 * expected + 3.0 * np.sqrt(expected + 1.0)
    assert _without_incidents(calls, failures) == pytest.approx(np.minimum(failures, most))


def test_days_that_are_not_valid_are_not_learned_from() -> None:
    n, x = days()
    x[:, :3] = 5_000
    valid = np.ones((1, DAYS), dtype=bool)
    valid[:, :3] = False
    assert of_windows(n, x, valid=valid).rate[0] == pytest.approx(0.02, rel=1e-3)


def test_days_that_differ_more_than_chance_are_a_drift() -> None:
    rng = np.random.default_rng(4)
    n = np.full((300, DAYS), 100_000.0)
    x = rng.binomial(100_000, 0.02 * np.exp(rng.normal(0, 0.1, n.shape))).astype(float)
    assert np.median(of_windows(n, x).drift) == pytest.approx(0.1, rel=0.15)


def test_a_series_that_never_failed_has_a_rate_above_zero() -> None:
    n, x = days(rate=0.0)
    found = of_windows(n, x)
    assert 0 < found.rate[0] < 1e-4
    assert np.isfinite(found.error[0])
    assert np.isfinite(found.drift[0])


def test_no_calls_at_all_is_no_baseline_and_no_warning() -> None:
    found = of_windows(np.zeros((2, DAYS)), np.zeros((2, DAYS)))
    assert np.isnan(found.rate).all()
    assert (found.windows == 0).all()


@pytest.mark.parametrize(
    ("fraction", "calls"), [(0.0, 300.0), (0.5, 400.0), (1.0, 500.0)], ids=["o'clock", "half past", "end"]
)
def test_the_window_slides_over_the_hours(fraction: float, calls: float) -> None:
    hours = np.broadcast_to([100.0, 200.0, 300.0], (1, DAYS, 3))
    assert seasonal(hours, hours * 0.02, fraction).calls[0] == DAYS * calls


@given(st.integers(0, 2**32 - 1))
def test_a_series_is_judged_the_same_alone_and_among_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 500, (3, DAYS)).astype(float)
    x = rng.binomial(n.astype(int), 0.05).astype(float)
    together, alone = of_windows(n, x), of_windows(n[1:2], x[1:2])
    for name in ("rate", "error", "drift", "windows"):
        np.testing.assert_allclose(getattr(together, name)[1:2], getattr(alone, name))
