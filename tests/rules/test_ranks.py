"""The ranks that bound a percentile: as sure as they say, and none where values are too few."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.ranks import SURE, bounds


def at_most(k: int, n: int, q: float) -> float:
    """The chance that at most ``k`` of ``n`` values are at or below the quantile."""
    return sum(comb(n, j) * q**j * (1 - q) ** (n - j) for j in range(k + 1))


def ranks(n: int, q: float = 0.95) -> tuple[int, int]:
    low, high = bounds(q, np.array([n]))
    return int(low[0]), int(high[0])


@given(st.integers(1, 400), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_each_bound_is_as_sure_as_it_says_and_the_next_rank_would_not_be(n: int, q: float) -> None:
    low, high = ranks(n, q)
    least, most = SURE - 1e-9, SURE + 1e-9
    assert low == 0 or 1 - at_most(low - 1, n, q) >= least
    assert 1 - at_most(low, n, q) < most
    assert high == 0 or at_most(high - 1, n, q) >= least
    assert at_most((high or n + 1) - 2, n, q) < most


@pytest.mark.parametrize(("values", "upper"), [(0, 0), (1, 0), (58, 0), (59, 59), (100, 99), (1_000, 962)])
def test_of_fewer_than_59_values_a_p95_has_no_upper_bound(values: int, upper: int) -> None:
    assert ranks(values)[1] == upper


@pytest.mark.parametrize("n", [10_000, 3_000_000])
def test_of_many_values_the_bounds_are_the_normal_ones(n: int) -> None:
    low, high = ranks(n)
    half = 1.6449 * (n * 0.95 * 0.05) ** 0.5
    assert low == pytest.approx(0.95 * n - half, abs=2)
    assert high == pytest.approx(0.95 * n + half, abs=2)


def test_every_label_set_has_its_own() -> None:
    low, high = bounds(0.95, np.array([100, 0, 58, 100]))
    assert (low.tolist(), high.tolist()) == ([91, 0, 52, 91], [99, 0, 0, 99])
