"""What is kept of alerts while they are open: which baseline, at which hour, and for how long."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.rules.baseline import Baseline
from monitor.rules.compare import of_value
from monitor.rules.frozen import LONGEST, Bools, Frozen

#: A minute at midnight, since the epoch.
MIDNIGHT = 20_000 * 1440
HOUR, DAY = 60, 1440
NAN = float("nan")


def some(*places: int, of: int = 3) -> Bools:
    """Which of so many label sets."""
    return np.isin(np.arange(of), places)


def rates(*values: float) -> Baseline:
    return of_value(np.array(values))


def keep(frozen: Frozen, which: Bools, baseline: Baseline, minute: int, *, hourly: bool = True) -> None:
    onset = np.full(len(which), minute)
    frozen.keep(which, onset, baseline, [baseline.rate * 100], minute, hourly=hourly)


def kept(frozen: Frozen, baseline: Baseline, minute: int) -> list[float]:
    found, (level,) = frozen.kept(baseline, [np.full(len(baseline.rate), 7.0)], minute)
    known = found.rate != baseline.rate
    assert level[known].tolist() == pytest.approx((found.rate * 100)[known].tolist())
    return [float(one) for one in found.rate]


def test_what_was_kept_of_an_hour_is_judged_by_at_that_hour_and_else_what_is_found() -> None:
    frozen = Frozen()
    keep(frozen, some(1), rates(0.1, 0.2, 0.3), MIDNIGHT)
    keep(frozen, some(1), rates(0.1, 0.4, 0.3), MIDNIGHT + HOUR)
    keep(frozen, some(1), rates(0.1, 0.9, 0.3), MIDNIGHT + DAY)
    now = rates(0.5, 0.6, 0.7)
    assert kept(frozen, now, MIDNIGHT + 3 * DAY + 59) == [0.5, 0.2, 0.7]
    assert kept(frozen, now, MIDNIGHT + 3 * DAY + HOUR) == [0.5, 0.4, 0.7]
    assert kept(frozen, now, MIDNIGHT + 3 * DAY + 2 * HOUR) == [0.5, 0.6, 0.7]


def test_an_hour_that_was_never_seen_has_what_the_alert_was_opened_against() -> None:
    frozen = Frozen()
    keep(frozen, some(1), rates(0.1, 0.2, 0.3), MIDNIGHT)
    assert kept(frozen, rates(0.5, NAN, 0.7), MIDNIGHT + 5 * HOUR) == [0.5, 0.2, 0.7]


def test_what_is_no_matter_of_the_hour_is_kept_for_all_of_them() -> None:
    frozen = Frozen()
    keep(frozen, some(0, 2), rates(0.1, 0.2, 0.3), MIDNIGHT, hourly=False)
    assert kept(frozen, rates(0.5, 0.6, 0.7), MIDNIGHT + 5 * HOUR) == [0.1, 0.6, 0.3]


def test_nothing_is_kept_where_there_was_nothing_to_compare_with() -> None:
    frozen = Frozen()
    keep(frozen, some(0, 1), rates(NAN, 0.2, 0.3), MIDNIGHT)
    assert len(frozen) == 1


def test_after_four_weeks_what_was_kept_is_let_go() -> None:
    frozen = Frozen()
    keep(frozen, some(0), rates(0.1, 0.2, 0.3), MIDNIGHT)
    now = rates(0.5, 0.6, 0.7)
    assert (kept(frozen, now, MIDNIGHT + LONGEST - DAY)[0], frozen.is_old(0, MIDNIGHT + LONGEST - DAY)) == (
        0.1,
        False,
    )
    assert (kept(frozen, now, MIDNIGHT + LONGEST)[0], frozen.is_old(0, MIDNIGHT + LONGEST)) == (0.5, True)
    keep(frozen, some(0), now, MIDNIGHT + LONGEST)
    assert kept(frozen, now, MIDNIGHT + LONGEST)[0] == 0.5, "it is not kept anew while the alert is open"


def test_what_is_dropped_is_of_these_alone() -> None:
    frozen = Frozen()
    keep(frozen, some(0, 1), rates(0.1, 0.2, 0.3), MIDNIGHT)
    frozen.drop(some(0))
    assert kept(frozen, rates(0.5, 0.6, 0.7), MIDNIGHT) == [0.5, 0.2, 0.7]


def test_what_is_kept_comes_back_from_its_bytes() -> None:
    frozen = Frozen()
    keep(frozen, some(0, 2), rates(0.1, 0.2, 0.3), MIDNIGHT)
    back = Frozen.decode(frozen.encode())
    now = rates(0.5, 0.6, 0.7)
    assert kept(back, now, MIDNIGHT) == kept(frozen, now, MIDNIGHT)
