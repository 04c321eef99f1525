"""Rates of groups: small ones are drawn towards all, each counts once and has its turn each quarter hour."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.shrunk import QUARTER, SHARE, Floats, last_quarters, p95, prior, turns

ONE = np.zeros(200, np.int64)


def groups(random: np.random.Generator, spread: float) -> tuple[Floats, Floats]:
    """Two hundred groups of 5 to 500 calls, whose rates differ so much about 5 %."""
    calls = random.integers(5, 500, 200).astype(np.float64)
    strength = 1 / spread - 1
    rate = random.beta(0.05 * strength, 0.95 * strength, 200) if spread else np.full(200, 0.05)
    return calls, random.binomial(calls.astype(np.int64), rate).astype(np.float64)


def test_groups_that_were_alike_can_still_be_seen_to_differ() -> None:
    of = np.zeros(2, np.int64)
    alike = prior(np.array([400.0, 400.0]), np.array([40.0, 40.0]), of, 1, part=0.1)
    assert alike.strength.tolist() == [40], "as many calls as a group has of what is judged at once"
    found = alike.shrunk(np.array([40.0, 40.0]), np.array([4.0, 20.0]), of)
    assert found.tolist() == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize("seed", range(3))
def test_how_much_groups_differ_is_found_by_the_method_of_moments(seed: int) -> None:
    found = prior(*groups(np.random.default_rng(seed), 0.05), ONE, 1)
    assert found.mean[0] == pytest.approx(0.05, rel=0.2)
    assert found.strength[0] == pytest.approx(19, rel=0.4)


def test_a_small_group_is_not_the_worst_for_being_small() -> None:
    calls, failures = groups(np.random.default_rng(1), 0.01)
    found = prior(calls, failures, ONE, 1).shrunk(calls, failures, ONE)
    assert calls[np.argmax(failures / calls)] < 50, "of raw rates the worst is a small one"
    assert found[np.argmin(calls)] == pytest.approx(0.05, rel=0.3)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=2, max_size=30))
def test_a_shrunk_rate_lies_between_its_own_and_that_of_all(pairs: list[tuple[int, int]]) -> None:
    calls = np.array([n for n, _ in pairs], np.float64)
    failures = np.minimum(calls, [x for _, x in pairs])
    of = np.zeros(len(pairs), np.int64)
    found = prior(calls, failures, of, 1)
    own = failures / calls
    low, high = np.minimum(own, found.mean), np.maximum(own, found.mean)
    drawn = found.shrunk(calls, failures, of)
    assert ((drawn >= low - 1e-9) & (drawn <= high + 1e-9)).all()


@given(st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1)), max_size=60))
def test_the_p95_is_an_order_statistic_and_each_group_counts_once(rates: list[float]) -> None:
    found = p95(np.array(rates, np.float64), np.zeros(len(rates), np.int64), 1)
    some = sorted(rate for rate in rates if rate == rate)
    if some:
        assert found[0] == some[ceil(SHARE * len(some) - 1e-9) - 1]
    else:
        assert np.isnan(found[0])


def test_every_label_set_has_its_own() -> None:
    of = np.array([1, 0, 1, 0])
    assert p95(np.array([0.3, 0.1, 0.4, np.nan]), of, 3).tolist() == pytest.approx(
        [0.1, 0.4, np.nan], nan_ok=True
    )
    means = prior(np.array([10.0, 20, 30, 40]), np.array([1.0, 2, 6, 4]), of, 3).mean
    assert means.tolist() == pytest.approx([0.1, 0.175, np.nan], nan_ok=True)


def test_every_group_has_its_turn_once_in_a_quarter_hour_at_the_same_minute() -> None:
    names = [f"route-{n}" for n in range(40)]
    found = turns(names, minute=29_000_000, minutes=60)
    assert (found.sum(axis=1) == 60 // QUARTER).all()
    assert np.array_equal(found[:, :45], found[:, 15:])
    later = turns(names, minute=29_000_001, minutes=60)
    assert np.array_equal(found[:, 1:], later[:, :-1])
    assert len({*np.argmax(found, axis=1).tolist()}) > 10, "they are spread over the minutes"


def test_a_quarter_hour_is_the_minute_that_ends_it_and_the_fourteen_before() -> None:
    assert last_quarters(np.arange(17.0)[None]).tolist() == [[105.0, 120.0, 135.0]]
