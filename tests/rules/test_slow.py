"""A day compared with the days before it."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.rules.baseline import Floats, of_windows
from monitor.rules.slow import SHIFTED, shift, usual_mean

CALLS = np.full((1, 28), 100_000.0)
SAME = np.ones(1)


@pytest.mark.parametrize(("ratio", "told"), [(1.0, False), (1.03, False), (1.15, True)], ids=str)
def test_a_day_is_told_from_days_that_are_alike_by_its_size(ratio: float, told: bool) -> None:
    score = shift(CALLS[:, 0], CALLS[:, 0] * 0.02 * ratio, of_windows(CALLS, CALLS * 0.02), SAME)
    assert (score[0] >= SHIFTED) == told


def test_a_day_whose_mix_explains_its_rate_is_as_expected() -> None:
    today = CALLS[:, 0] * 0.03
    score = shift(CALLS[:, 0], today, of_windows(CALLS, CALLS * 0.02), np.array([1.5]))
    assert score[0] == pytest.approx(0.0, abs=0.05)


def test_days_that_differ_ask_for_more() -> None:
    past = CALLS * 0.02 * np.random.default_rng(1).normal(1, 0.1, CALLS.shape)
    today = CALLS[:, 0] * 0.023
    calm, rough = (
        shift(CALLS[:, 0], today, of_windows(CALLS, failures), SAME) for failures in (CALLS * 0.02, past)
    )
    assert rough[0] < SHIFTED < calm[0]


def test_without_calls_or_without_days_nothing_is_said() -> None:
    zero = np.zeros(1)
    assert np.isnan(shift(zero, zero, of_windows(CALLS, CALLS * 0.02), SAME)[0])
    assert np.isnan(shift(CALLS[:, 0], zero, of_windows(CALLS * 0, CALLS * 0), SAME)[0])


def days(*means: float) -> Floats:
    """The mean of each past day, the newest first; the others had no calls."""
    return np.pad(np.array([means]), ((0, 0), (0, 28 - len(means))), constant_values=np.nan)


def test_a_usual_mean_is_that_of_fourteen_days_and_differs_as_they_do() -> None:
    usual, deviation = usual_mean(days(*[97.0, 103.0] * 7, *[1_000.0] * 14))
    assert usual[0] == pytest.approx(100.0)
    assert deviation[0] == pytest.approx(3 * (14 / 13 * (1 + 1 / 14)) ** 0.5)


def test_means_that_never_differed_may_differ_by_a_hair() -> None:
    usual, deviation = usual_mean(days(*[100.0] * 14))
    assert (usual[0], deviation[0]) == (100.0, pytest.approx(0.1))


def test_two_days_of_a_mean_are_too_few() -> None:
    assert np.isnan(usual_mean(days(100.0, 101.0))).all()
