"""The delay nobody beats, and the smallest rise that the lanes tell in time."""

from __future__ import annotations

import pytest

from monitor.rules.detector import PAGE_LANES
from monitor.rules.floor import least_delay, minimum_effect


@pytest.mark.parametrize(
    ("calls", "ratio", "minutes"),
    [(20, 1.5, 162), (200, 1.15, 168), (20, 2.0, 53), (200, 2.0, 7), (20, 5.0, 6), (200, 1.5, 22)],
)
def test_the_floor_is_that_of_the_reference(calls: float, ratio: float, minutes: float) -> None:
    assert least_delay(calls, 0.02, ratio) == pytest.approx(minutes, rel=0.1)


def test_what_is_no_rise_has_no_delay() -> None:
    with pytest.raises(ValueError, match="no rise"):
        least_delay(200, 0.02, 1.0)


def test_more_calls_and_more_time_tell_smaller_rises() -> None:
    effects = [
        minimum_effect(PAGE_LANES, calls, 0.02, minutes)
        for calls, minutes in ((20, 30), (20, 240), (200, 240), (2000, 240))
    ]
    found = [effect for effect in effects if effect is not None]
    assert len(found) == len(effects)
    assert found == sorted(found, reverse=True)
    assert found[-1] > 1


@pytest.mark.parametrize(
    ("calls", "rate", "minutes"),
    [(0, 0.02, 60), (200, 0.0, 60), (200, 0.02, 1), (0.001, 0.02, 60)],
    ids=["no traffic", "no failures", "too soon", "a call a day"],
)
def test_what_can_not_be_told_is_none(calls: float, rate: float, minutes: float) -> None:
    assert minimum_effect(PAGE_LANES, calls, rate, minutes) is None
