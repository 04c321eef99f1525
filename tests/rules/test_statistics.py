"""The exact test against its definition, and the interval against known values."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import comb, isclose, isfinite, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.statistics import Z95, fisher_greater, ratio, wilson

Table = tuple[int, int, int, int]


@st.composite
def tables(draw: st.DrawFn, largest: int = 200) -> Table:
    """``x`` of ``n`` and ``baseline_x`` of ``baseline_n``."""
    n, baseline_n = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    return draw(st.integers(0, n)), n, draw(st.integers(0, baseline_n)), baseline_n


def by_definition(x: int, n: int, baseline_x: int, baseline_n: int) -> float:
    """Of all ways to place the failures, the share with at least ``x`` of them in the window."""
    failures = x + baseline_x
    ways = sum(comb(n, k) * comb(baseline_n, failures - k) for k in range(x, min(n, failures) + 1))
    return float(Fraction(ways, comb(n + baseline_n, failures)))


@given(tables())
def test_the_chance_is_that_of_the_definition(table: Table) -> None:
    assert isclose(fisher_greater(*table), by_definition(*table), rel_tol=1e-9, abs_tol=1e-300)


@given(tables(largest=10**9))
def test_the_chance_is_one(table: Table) -> None:
    chance = fisher_greater(*table)
    assert isfinite(chance)
    assert 0.0 <= chance <= 1.0


@given(tables())
def test_one_failure_more_is_never_less_telling(table: Table) -> None:
    x, n, baseline_x, baseline_n = table
    if x < n:
        assert fisher_greater(x + 1, n, baseline_x, baseline_n) <= fisher_greater(*table) * (1 + 1e-9)
    if baseline_x < baseline_n:
        assert fisher_greater(x, n, baseline_x + 1, baseline_n) >= fisher_greater(*table) * (1 - 1e-9)


@given(tables())
def test_one_good_call_more_is_never_more_telling(table: Table) -> None:
    x, n, baseline_x, baseline_n = table
    assert fisher_greater(x, n + 1, baseline_x, baseline_n) >= fisher_greater(*table) * (1 - 1e-9)
    assert fisher_greater(x, n, baseline_x, baseline_n + 1) <= fisher_greater(*table) * (1 + 1e-9)


@given(tables())
def test_more_and_less_share_what_is_equal(table: Table) -> None:
    """At least ``x`` in the window is the opposite of at least the rest, and one, in the baseline."""
    x, n, baseline_x, baseline_n = table
    if x > 0 and baseline_x < baseline_n:
        more = fisher_greater(x, n, baseline_x, baseline_n)
        less = fisher_greater(baseline_x + 1, baseline_n, x - 1, n)
        assert isclose(more + less, 1.0, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((0, 0, 0, 0), 1.0),
        ((0, 10, 5, 100), 1.0),
        ((1, 1, 0, 1), 0.5),
        ((3, 4, 1, 4), 17 / 70),  # the lady tasting tea, who told three cups of four
        ((1, 3, 0, 200), 3 / 203),
        ((3, 3, 0, 200), by_definition(3, 3, 0, 200)),
    ],
)
def test_known_chances(table: Table, expected: float) -> None:
    assert isclose(fisher_greater(*table), expected, rel_tol=1e-12)


@pytest.mark.parametrize(
    "table", [(-1, 5, 0, 5), (6, 5, 0, 5), (0, 5, -1, 5), (0, 5, 6, 5), (0, -1, 0, 5)], ids=str
)
def test_counts_that_can_not_be_are_an_error(table: Table) -> None:
    with pytest.raises(ValueError, match="impossible counts"):
        fisher_greater(*table)


def test_a_few_thousand_calls_are_still_exact() -> None:
    table = (60, 2_000, 500, 25_000)
    assert isclose(fisher_greater(*table), by_definition(*table), rel_tol=1e-9)


def test_an_outage_among_millions_of_calls_underflows_to_zero_and_not_into_a_long_loop() -> None:
    for times in range(1_000, 2_000):
        assert fisher_greater(500_000 + times, 1_000_000, times, 1_000_000) == 0.0


@pytest.mark.parametrize("x", [0, 1_000, 19_000, 20_000, 20_001])
def test_a_window_of_a_million_no_worse_than_before_proves_nothing(x: int) -> None:
    assert fisher_greater(x, 1_000_000, 400_000, 20_000_000) > 0.49


def test_at_millions_of_calls_the_chance_is_that_of_the_normal_curve() -> None:
    # Three standard deviations above the mean of the hypergeometric distribution, half a call corrected.
    n, others, failures = 1_000_000, 20_000_000, 420_000
    share = n / (n + others)
    deviation = sqrt(failures * share * (1 - share) * (n + others - failures) / (n + others - 1))
    x = round(failures * share + 3 * deviation + 0.5)
    assert isclose(fisher_greater(x, n, failures - x, others), 0.00135, rel_tol=0.1)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        # From the formula by hand, to four places.
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 20, 0.0089, 0.2361),
        (20, 1_000, 0.0130, 0.0307),
    ],
)
def test_known_intervals(x: int, n: int, low: float, high: float) -> None:
    assert wilson(x, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_lies_within_0_and_1_and_holds_the_rate(counts: tuple[int, int]) -> None:
    x, n = counts
    low, high = wilson(x, n)
    assert 0.0 <= low <= x / n * (1 + 1e-12)
    assert x / n * (1 - 1e-12) <= high <= 1.0


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_ends_of_an_interval_are_where_the_rate_is_just_not_surprising(counts: tuple[int, int]) -> None:
    """Wilson's interval is the score test turned around: at its ends the test's z is the quantile."""
    x, n = counts
    for end in wilson(x, n):
        if 0 < end < 1:
            assert abs(x - n * end) == pytest.approx(Z95 * sqrt(n * end * (1 - end)), rel=1e-4)


def test_an_interval_narrows_with_more_calls() -> None:
    widths = [high - low for low, high in (wilson(n // 50, n) for n in (50, 500, 5_000, 50_000))]
    assert all(wider > narrower for wider, narrower in pairwise(widths))


def test_no_number_says_how_many_times_nothing_is() -> None:
    assert ratio(0.5, 0.0) is None
    assert ratio(0.5, 0.25) == 2.0
