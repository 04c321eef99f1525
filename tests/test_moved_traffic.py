"""Traffic that moves to a model that always failed more, or was always slow: no kind of regression fires."""

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
from monitor.simulation import Simulation
from monitor.store.counters import Histograms, Series, Table

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
MOVES = START + 9 * DAY + 10 * HOUR


@cache
def history(*, worse: bool) -> History:
    """Two models. When traffic moves, the bad one gets ten times as much; else the good one becomes worse."""
    minutes = np.arange((MOVES - START + 26 * HOUR) // MINUTE)
    bucket = int(START.timestamp()) + 60 * minutes
    after = bucket >= int(MOVES.timestamp())
    calls = {"good": np.where(after & (not worse), 120, 200), "bad": np.where(after & (not worse), 100, 10)}
    failing = {"good": np.where(after & worse, 0.08, 0.01), "bad": np.full(len(minutes), 0.1)}
    slow = {"good": np.where(after & worse, 0.5, 0.0), "bad": np.ones(len(minutes))}
    series, rows, took = Series(), [], []
    for number, name in enumerate(calls, 1):
        of = {"service": "shop", "model_requested": name}
        series.add(number, [of.get(dimension, "") for dimension in DIMENSIONS])
        one, n = np.full(len(minutes), number), calls[name]
        late = (n * slow[name]).astype(np.int64)
        rows.append((one, bucket, np.array([n, late * 4_000.0, n * failing[name], n * 0, n * 0]).T))
        took += [(one, bucket, one * 0 + bucket_of(400.0), n - late)]
        took += [(one, bucket, one * 0 + bucket_of(4_000.0), late)]
    columns = ("calls", "duration_sum_ms", "errors", "uncaptured_input", "uncaptured_output")
    durations = Histograms(*(np.concatenate(one) for one in zip(*took, strict=True)))
    return History(
        series,
        Table(columns, *(np.concatenate(one) for one in zip(*rows, strict=True))),
        histograms={"duration": durations},
    )


def fired(rule: RegressionRule, *, worse: bool) -> list[Moved]:
    """What fires within 25 hours."""
    simulation = Simulation([rule], history(worse=worse))
    found, at = [], MOVES - 5 * MINUTE
    while at < MOVES + 25 * HOUR:
        for _, moved in simulation.run(at, at + MINUTE):
            found += [one for one in moved if one.fired]
        at += MINUTE if at < MOVES + HOUR else HOUR
    return found


def regression(**settings: object) -> RegressionRule:
    values = {"alert": "A", "metric": "errors", "by": ("service",), "runbook_url": "x"}
    return RegressionRule(**{**values, **settings})  # type: ignore[arg-type]


RULES = {
    "seasonal": regression(),
    "a median": regression(baseline=Baseline(rolling_median="7d")),
    "a window before": regression(baseline=Baseline(previous="24h")),
    "an offset": regression(baseline=Baseline(offset="1d")),
    "tested": regression(evidence="fisher", window="5m", baseline=Baseline(previous="24h")),
    "under load": regression(statistic="rate_at_load"),
    "a percentile": regression(metric="duration", margin=Margin(relative=1.0, absolute=0.1)),
    "a percentile before": regression(
        metric="duration", baseline=Baseline(previous="24h"), margin=Margin(relative=1.0, absolute=0.1)
    ),
    "days": regression(evidence="days", severity="ticket"),
    "days of a mean": regression(
        metric="duration", statistic="mean", evidence="days", margin=Margin(relative=0.1, absolute=0.0)
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_traffic_that_merely_moved_is_no_regression(name: str) -> None:
    assert fired(RULES[name], worse=False) == []


@pytest.mark.parametrize("name", RULES)
def test_rates_that_changed_are_one(name: str) -> None:
    assert len(fired(RULES[name], worse=True)) == 1
