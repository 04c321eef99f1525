"""The model behind the risks: weights and values in, a risk and its reasons out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Signal
from monitor.scorers.risk import MAX_RENDERED, combine, rendered

WEIGHTS = {"bias": -1.0, "numbers": 2.0, "names": 0.5, "supported": -1.5}


@pytest.mark.parametrize(
    ("values", "risk"),
    [({}, 0.2689), ({"numbers": 0.5}, 0.5), ({"numbers": 100}, 1.0), ({"supported": 100}, 0.0)],
)
def test_the_risk_is_the_logistic_function_of_what_the_signals_add(
    values: dict[str, float], risk: float
) -> None:
    assert combine(WEIGHTS, values)[0] == risk


def test_the_signal_that_adds_or_takes_most_comes_first() -> None:
    _, signals = combine(WEIGHTS, {"names": 1, "numbers": 0.5, "supported": 1})
    assert signals == (
        Signal("supported", 1, -1.5),
        Signal("numbers", 0.5, 1.0),
        Signal("names", 1, 0.5),
    )


def test_what_was_not_found_or_has_no_weight_is_no_reason() -> None:
    assert combine(WEIGHTS, {"numbers": 0, "weather": 3})[1] == ()


@given(st.dictionaries(st.sampled_from([*WEIGHTS]), st.floats(-1e300, 1e300)))
def test_any_values_give_a_risk_between_0_and_1(values: dict[str, float]) -> None:
    assert 0 <= combine(WEIGHTS, values)[0] <= 1


def test_a_person_reads_what_raises_the_risk() -> None:
    _, signals = combine(WEIGHTS, {"names": 2, "numbers": 0.33333, "supported": 1})
    assert rendered(signals) == "names 2, numbers 0.333"
    assert rendered([Signal("words", 1234, 1)]) == "words 1234"


def test_no_more_than_a_few_signals_are_written_out() -> None:
    every = [Signal(f"signal_{number}", 1, 1) for number in range(20)]
    assert rendered(every).count(",") == MAX_RENDERED - 1
