"""Which evidence is a reason to wake somebody: margins, blips, enough calls, and recovery."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.rules.baseline import Baseline
from monitor.rules.detector import PAGE_LANES, Evidence, step
from monitor.rules.gates import BLIP_MINUTES, PAGE_GATES, TICKET_GATES, enough, recovered, risen

BASE = Baseline(
    np.array([0.02]),
    np.array([0.02]),
    np.array([0.06]),
    np.zeros(1),
    np.zeros(1),
    np.array([4.0]),
    np.ones(1) > 0,
)


def pages(rates: list[float], calls: int = 200) -> list[int]:
    """The minutes after which a page is sent, of exact rates after a quiet half hour."""
    played = [0.02] * 30 + rates
    evidence, told = Evidence.empty(1, PAGE_LANES), []
    for at, rate in enumerate(played):
        evidence = step(evidence, np.array([float(calls)]), np.array([rate * calls]), BASE, PAGE_LANES)
        short = np.array([sum(played[max(0, at - 4) : at + 1]) * calls])
        if risen(evidence, np.array([5.0 * calls]), short, PAGE_LANES, PAGE_GATES)[0]:
            told.append(at - 29)
    return told


@pytest.mark.parametrize("length", range(1, 9))
@pytest.mark.parametrize("rate", [0.15, 0.3, 0.5], ids=str)
@pytest.mark.parametrize("calls", [20, 200, 2000])
def test_a_blip_of_up_to_eight_minutes_does_not_page(length: int, rate: float, calls: int) -> None:
    assert pages([rate] * length + [0.02] * 60, calls) == []


@pytest.mark.parametrize("rate", [0.15, 0.3, 0.5], ids=str)
def test_what_looked_like_a_blip_and_stays_pages(rate: float) -> None:
    assert pages([rate] * 30)[0] == BLIP_MINUTES


@pytest.mark.parametrize(("rate", "within"), [(0.04, 20), (0.1, 6), (0.9, 6)], ids=["x2", "x5", "outage"])
def test_a_rise_that_stays_pages_soon(rate: float, within: int) -> None:
    assert pages([rate] * 60)[0] <= within


def test_a_rise_within_the_margin_never_pages() -> None:
    assert pages([0.0245] * 600, calls=2000) == []


@pytest.mark.parametrize(
    ("calls", "failures", "rate", "is_enough"),
    [
        (1000.0, 0.0, 0.02, True),
        (49.0, 40.0, 0.5, False),
        (200.0, 4.0, 0.02, False),
        (200.0, 5.0, 0.02, True),
        (1000.0, 500.0, float("nan"), False),
    ],
    ids=["plenty", "few calls", "few failures", "failures came", "no baseline"],
)
def test_too_little_is_said_to_be_too_little(
    calls: float, failures: float, rate: float, is_enough: bool
) -> None:
    counts = np.array([calls]), np.array([failures])
    assert enough(*counts, np.array([rate]), PAGE_GATES)[0] == is_enough


@pytest.mark.parametrize(
    ("calls", "failures", "well"),
    [
        (10_000.0, 200.0, True),
        (10_000.0, 222.0, True),
        (10_000.0, 240.0, False),
        (1_000_000.0, 24_000.0, True),
        (10_000.0, 400.0, False),
        (49.0, 0.0, False),
        (0.0, 0.0, False),
    ],
    ids=["as before", "within half", "perhaps within", "surely within", "doubled", "too few", "none"],
)
def test_recovery_is_a_test_of_its_own(calls: float, failures: float, well: bool) -> None:
    found = recovered(np.array([calls]), np.array([failures]), np.array([0.02]), PAGE_GATES)
    assert found[0] == well


def test_tickets_have_smaller_margins_than_pages() -> None:
    assert TICKET_GATES.relative < PAGE_GATES.relative
    assert TICKET_GATES.absolute < PAGE_GATES.absolute
