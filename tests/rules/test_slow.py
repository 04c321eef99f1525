"""A day compared with the days before it."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.rules.slow import MEAN_SHIFTED, SHIFTED, mean_shift, shift

CALLS = np.full((1, 28), 100_000.0)


@pytest.mark.parametrize(("ratio", "told"), [(1.0, False), (1.03, False), (1.15, True)], ids=str)
def test_a_day_is_told_from_days_that_are_alike_by_its_size(ratio: float, told: bool) -> None:
    score, usual = shift(CALLS[:, 0], CALLS[:, 0] * 0.02 * ratio, CALLS, CALLS * 0.02)
    assert (score[0] >= SHIFTED) == told
    assert usual[0] == pytest.approx(0.02, rel=1e-3)


def test_days_that_differ_ask_for_more() -> None:
    past = CALLS * 0.02 * np.random.default_rng(1).normal(1, 0.1, CALLS.shape)
    today = CALLS[:, 0] * 0.023
    calm, _ = shift(CALLS[:, 0], today, CALLS, CALLS * 0.02)
    rough, _ = shift(CALLS[:, 0], today, CALLS, past)
    assert rough[0] < SHIFTED < calm[0]


def test_without_calls_or_without_days_nothing_is_said() -> None:
    zero = np.zeros(1)
    assert np.isnan(shift(zero, zero, CALLS, CALLS * 0.02)[0][0])
    assert np.isnan(shift(CALLS[:, 0], zero, CALLS * 0, CALLS * 0)[0][0])


@pytest.mark.parametrize(("today", "told"), [(100.0, False), (103.0, False), (140.0, True)], ids=str)
def test_a_mean_is_told_by_how_much_days_differ(today: float, told: bool) -> None:
    past = 100 + np.tile([-3.0, 0.0, 3.0, 1.0], 7)[None]
    beyond, usual = mean_shift(np.array([today]), past)
    assert (beyond[0] >= MEAN_SHIFTED) == told
    assert usual[0] == pytest.approx(100.0)


def test_means_that_never_differed_tell_no_hair() -> None:
    past = np.full((1, 28), 100.0)
    same, more = (mean_shift(np.array([today]), past)[0][0] for today in (100.0, 100.1))
    assert same == 0.0
    assert more < MEAN_SHIFTED


def test_two_days_of_a_mean_are_too_few() -> None:
    past = np.full((1, 28), np.nan)
    past[:, :2] = [100.0, 101.0]
    assert np.isnan(mean_shift(np.array([500.0]), past)).all()
