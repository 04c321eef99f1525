"""How bad it was at its worst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.peaks import worst


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([(100, 2), (100, 30), (100, 10)], 0.3),
        ([(100, 2), (1, 1), (100, 10)], 0.1),
        ([(10, 0), (10, 8), (10, 8), (10, 8), (10, 8), (10, 8), (10, 0)], 0.8),
        ([(10, 5), (5, 1)], 0.4),
        ([(0, 0), (100, 7), (0, 0)], 0.07),
        ([(0, 0)], None),
        ([], None),
    ],
    ids=["a minute", "one call is none", "quiet", "too few in all", "empty minutes", "no calls", "nothing"],
)
def test_it_is_of_as_few_minutes_as_hold_enough_calls(
    minutes: list[tuple[float, float]], expected: float | None
) -> None:
    assert worst(minutes, 50) == (None if expected is None else pytest.approx(expected))


def test_where_less_is_worse_it_is_the_lowest() -> None:
    assert worst([(100, 90), (100, 20), (100, 80)], 50, lowest=True) == 0.2


_MINUTES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda one: (one[0], min(one))))


@given(_MINUTES, st.integers(0, 60))
def test_it_is_that_of_some_run_with_enough_calls(minutes: list[tuple[float, float]], least: int) -> None:
    found = worst(minutes, least)
    total = sum(calls for calls, _ in minutes)
    if total == 0:
        assert found is None
        return
    assert found is not None
    runs = [minutes[i:j] for j in range(len(minutes) + 1) for i in range(j)]
    sums = [(sum(c for c, _ in run), sum(f for _, f in run)) for run in runs]
    rates = [f / c for c, f in sums if c >= max(least, 1)] or [sum(f for _, f in minutes) / total]
    assert min(rates) <= found <= max(rates)
    assert any(found == pytest.approx(rate) for rate in rates)
