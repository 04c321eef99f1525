"""Alerts that stay open for days: compared with what they were opened against, and over when that is back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from monitor.history import History
from monitor.moves import Moved
from monitor.records import DIMENSIONS
from monitor.rules.histogram import bucket_of
from monitor.rules.model import Baseline, Margin, RegressionRule
from monitor.rules.states import State
from monitor.simulation import Simulation
from monitor.store.counters import Histograms, Series, Table

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)

#: Where it becomes worse: a young installation, that knows no weekdays yet.
WORSE = START + 9 * DAY + 10 * HOUR

#: Between two minutes that are judged once it has been told: each would say the same.
STRIDE = 30 * MINUTE


@cache
def history(days: int) -> History:
    """One service whose calls fail, and are slow, so many days long; by night fewer fail anyway."""
    minutes = np.arange((WORSE - START + (days + 3) * DAY) // MINUTE)
    bucket = int(START.timestamp()) + 60 * minutes
    since = int(WORSE.timestamp())
    bad = (bucket >= since) & (bucket < since + days * 86_400)
    day = minutes // 60 % 24 >= 8
    failures = np.where(bad, 40, 10) * np.where(day, 1.0, 0.5)
    slow = np.where(bad, 80, 4)
    one, calls = np.ones(len(minutes), np.int64), np.full(len(minutes), 200.0)
    series = Series()
    series.add(1, ["shop" if name == "service" else "" for name in DIMENSIONS])
    columns = ("calls", "duration_sum_ms", "errors", "uncaptured_input", "uncaptured_output")
    values = [calls, calls * 0, failures, calls * 0, calls * 0]
    took = [(bucket_of(400.0), 200 - slow), (bucket_of(4_000.0), slow)]
    durations = [Histograms(one, bucket, one * value, count) for value, count in took]
    return History(
        series,
        Table(columns, one, bucket, np.array(values).T),
        histograms={"duration": Histograms(*(np.concatenate(both) for both in zip(*durations, strict=True)))},
    )


def lived(rule: RegressionRule, days: int) -> list[tuple[datetime, Moved]]:
    """Every transition, from before it became worse for so many days until two days after."""
    simulation = Simulation([rule], history(days))
    moved, at = [], WORSE - STRIDE
    while at < WORSE + (days + 2) * DAY:
        for end, some in simulation.run(at, at + MINUTE):
            moved += [(end, one) for one in some]
        at += MINUTE if at < WORSE + HOUR else STRIDE
    return moved


def regression(**settings: object) -> RegressionRule:
    values = {
        "alert": "A",
        "metric": "errors",
        "by": ("service",),
        "keep_firing_for": "1h",
        "runbook_url": "x",
    }
    return RegressionRule(**{**values, **settings})  # type: ignore[arg-type]


RULES = {
    "seasonal": regression(),
    "a median": regression(baseline=Baseline(rolling_median="7d")),
    "an offset": regression(baseline=Baseline(offset="1d")),
    "a window before, tested": regression(
        evidence="fisher", baseline=Baseline(previous="24h"), margin=Margin(relative=1.0, absolute=0.01)
    ),
    "a percentile": regression(metric="duration", margin=Margin(relative=1.0, absolute=0.05)),
    "a percentile before": regression(metric="duration", baseline=Baseline(previous="24h")),
    "days": regression(evidence="days", severity="ticket"),
}


@pytest.mark.parametrize("days", [6, 15])
@pytest.mark.parametrize("name", RULES)
def test_an_alert_is_over_when_it_is_good_again_and_not_before(name: str, days: int) -> None:
    moved = lived(RULES[name], days)
    fired = [end for end, one in moved if one.fired]
    ended = [end for end, one in moved if one.before.open and not one.after.open]
    back = WORSE + days * DAY
    assert (len(fired), len(ended)) == (1, 1)
    assert fired[0] < WORSE + 26 * HOUR
    assert back < ended[0] < back + 26 * HOUR
    assert moved[-1][1].after.state is State.NORMAL, "and it is not blind then, for want of days"


@pytest.mark.parametrize("name", RULES)
def test_a_level_that_moved_for_good_is_the_usual_one_after_four_weeks(name: str) -> None:
    moved = lived(RULES[name], 30)
    ((ended, last),) = [(end, one) for end, one in moved if one.before.open and not one.after.open]
    assert WORSE + 28 * DAY <= ended < WORSE + 29 * DAY + 2 * HOUR
    assert last.reason.startswith("what was worse for four weeks is what is usual now")
    assert moved[-1][1].after.state is State.NORMAL
