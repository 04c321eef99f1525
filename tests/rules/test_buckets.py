"""Buckets of equal calls: a constant world looks the same at any traffic, and order statistics are exact."""

from __future__ import annotations

from math import ceil, comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.buckets import SHARE, Buckets, Floats, exceeding, gather, p95, sizes


def row(*values: float) -> Floats:
    return np.array([values], np.float64)


def world(calls_a_minute: float, rate: float, minutes: int, seed: int) -> tuple[Floats, Floats]:
    """A series whose rate never changes."""
    random = np.random.default_rng(seed)
    calls = random.poisson(calls_a_minute, (1, minutes))
    return calls.astype(np.float64), random.binomial(calls, rate).astype(np.float64)


def test_a_bucket_has_so_many_calls_that_five_failures_are_usual_and_never_fewer_than_the_rule_says() -> None:
    rate = np.array([0.02, 0.5, 0.0, np.nan])
    assert sizes(rate, 50).tolist() == [250, 50, np.inf, np.inf]


def test_minutes_are_gathered_until_a_bucket_is_full_and_what_is_left_at_the_end_is_none() -> None:
    calls, failures = gather(row(100, 100, 0, 60, 300, 10), row(1, 2, 0, 3, 4, 5), np.array([250.0]))
    assert (calls.tolist(), failures.tolist()) == ([[0, 0, 0, 260, 300, 0]], [[0, 0, 0, 6, 4, 0]])


def test_an_empty_minute_is_no_bucket_and_no_rate_of_zero() -> None:
    size = np.array([50.0])
    with_gaps = gather(row(50, 0, 50, 0, 0, 50), row(2, 0, 3, 0, 0, 4), size)
    without = gather(row(50, 50, 50), row(2, 3, 4), size)
    assert p95(*with_gaps, size) == p95(*without, size) == 4
    usual = Buckets(size, np.array([2.0]))
    assert [one.sum() for one in exceeding(*with_gaps, usual)] == [3, 2]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_of_full_buckets_the_p95_is_the_order_statistic_and_is_not_interpolated(failures: list[int]) -> None:
    size = np.array([20.0])
    found = p95(np.full((1, len(failures)), 20.0), row(*failures), size)
    assert found == sorted(failures)[ceil(SHARE * len(failures) - 1e-9) - 1]


@given(st.integers(20, 200), st.data())
def test_of_more_calls_than_a_bucket_holds_every_choice_counts_alike(calls: int, data: st.DataObject) -> None:
    failures, most = data.draw(st.integers(0, calls)), data.draw(st.integers(0, 20))
    count, over = exceeding(row(calls), row(failures), Buckets(np.array([20.0]), np.array([float(most)])))
    ways = sum(comb(failures, k) * comb(calls - failures, 20 - k) for k in range(most + 1, 21))
    chance = ways / comb(calls, 20)
    assert count[0, 0] == calls // 20
    assert over[0, 0] == pytest.approx(chance * (calls // 20), abs=1e-9)


def test_the_bucket_p95_of_a_constant_world_does_not_depend_on_traffic() -> None:
    # The trap of the reference: the p95 of one-minute rates is three times as high at 20 calls a minute.
    size, of_minutes, of_buckets = np.array([250.0]), [], []
    for traffic in (20.0, 50.0, 200.0, 2000.0):
        calls, failures = world(traffic, 0.02, 40_000 if traffic < 100 else 4_000, seed=5)
        of_minutes.append(np.quantile(failures[calls > 0] / calls[calls > 0], 0.95))
        of_buckets.append(float(p95(*gather(calls, failures, size), size)[0] / size[0]))
    assert of_minutes[0] > 3 * of_minutes[-1]
    assert of_buckets == [0.036] * 4


@pytest.mark.parametrize("traffic", [20.0, 200.0, 2000.0])
def test_in_a_constant_world_one_in_twenty_buckets_is_above_the_p95_at_any_traffic(traffic: float) -> None:
    usual = Buckets(np.array([250.0]), np.array([9.0]))
    calls, failures = world(traffic, 0.02, int(1_500_000 / traffic), seed=6)
    count, over = (one.sum() for one in exceeding(*gather(calls, failures, usual.size), usual))
    exact = 1 - sum(comb(250, k) * 0.02**k * 0.98 ** (250 - k) for k in range(10))
    assert exact < 1 - SHARE
    assert over / count == pytest.approx(exact, abs=4 * (exact / count) ** 0.5)


def test_a_label_set_without_a_past_has_no_buckets() -> None:
    calls, failures = world(200, 0.02, 60, seed=1)
    size = np.array([np.inf])
    groups = gather(calls, failures, size)
    assert np.isnan(p95(*groups, size)).all()
    assert [one.sum() for one in exceeding(*groups, Buckets(size, np.array([np.nan])))] == [0, 0]


def test_many_failures_of_large_buckets_are_counted_without_underflow() -> None:
    usual = Buckets(np.array([5_000.0]), np.array([2_560.0]))
    _, over = exceeding(row(50_000, 50_000), row(25_000, 26_500), usual)
    assert over[0, 0] / 10 < 0.06
    assert over[0, 1] / 10 > 0.9
