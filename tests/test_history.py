"""History in memory gives the answers that Postgres gives, of the same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from monitor.history import History, load
from monitor.reading import Rollups
from monitor.store.counters import Counters, Histograms, Table
from tests.examples import NOON
from tests.store.conftest import engine
from tests.store.test_counters import CALLS, COLUMNS, HOUR, MINUTE, counters

__all__ = ["counters", "engine"]

START, STOP = NOON - 2 * HOUR, NOON + 3 * HOUR


@pytest.fixture
def history(counters: Counters) -> History:
    def unshown(days: Iterator[datetime], _: int) -> Iterator[datetime]:
        return days

    return load(counters, START, STOP, COLUMNS, ["duration", "ttft"], unshown)


def rows(table: Table) -> list[tuple[Any, ...]]:
    """What a table says, whatever the order of its rows."""
    return sorted(
        (int(series), int(bucket), *values.round(6).tolist())
        for series, bucket, values in zip(table.series_id, table.bucket, table.values, strict=True)
    )


def totals(table: Table) -> dict[int, list[float]]:
    """What a table says of each series, over all of its buckets."""
    return {
        int(series): table.values[table.series_id == series].sum(axis=0).round(6).tolist()
        for series in np.unique(table.series_id)
    }


def values(found: Histograms) -> dict[tuple[int, int], int]:
    counted: dict[tuple[int, int], int] = {}
    for series, value, n in zip(found.series_id, found.value_bucket, found.n, strict=True):
        key = (int(series), int(value))
        counted[key] = counted.get(key, 0) + int(n)
    return counted


SPANS = [
    (NOON, NOON + MINUTE),
    (NOON - 35 * MINUTE, NOON - 10 * MINUTE),
    (NOON - HOUR, NOON + HOUR),
    (NOON - 95 * MINUTE, NOON + 131 * MINUTE),
    (START, STOP),
    (NOON + 2 * HOUR, NOON + 3 * HOUR),
]


#: Every question, with the form of its answer in which order does not matter.
QUESTIONS: dict[str, Callable[[Rollups, datetime, datetime], object]] = {
    "minutes": lambda asked, start, stop: rows(asked.minutes(start, stop, COLUMNS)),
    "sums": lambda asked, start, stop: totals(asked.sums(start, stop, COLUMNS)),
    "hours": lambda asked, start, stop: rows(asked.hours(whole_hours(start, stop), COLUMNS)),
    "histograms": lambda asked, start, stop: values(asked.histograms(start, stop, "duration")),
    "values of hours": lambda asked, start, stop: values(
        asked.hour_histograms(whole_hours(start, stop), "duration")
    ),
}


def whole_hours(start: datetime, stop: datetime) -> list[datetime]:
    return [start.replace(minute=0) + n * HOUR for n in range((stop - start) // HOUR + 1)]


def test_memory_answers_as_postgres_does(counters: Counters, history: History) -> None:
    for ask, question in QUESTIONS.items():
        for start, stop in SPANS:
            assert question(history, start, stop) == question(counters, start, stop), (ask, start, stop)


def test_memory_knows_the_same_series(counters: Counters, history: History) -> None:
    assert history.series().columns == counters.series().columns
    assert len(CALLS) > len(history.series().ids) > 1


def test_columns_come_in_the_order_they_are_asked_for(history: History) -> None:
    there = history.minutes(START, STOP, COLUMNS)
    turned: Sequence[str] = COLUMNS[::-1]
    assert (history.minutes(START, STOP, turned).values == there.values[:, ::-1]).all()


def test_hours_of_a_fixture_are_the_sums_of_its_minutes(counters: Counters) -> None:
    minutes = counters.minutes(START, STOP, COLUMNS)
    made = History(counters.series(), minutes)
    asked = [START + n * HOUR for n in range(5)]
    assert rows(made.hours(asked, COLUMNS)) == rows(counters.hours(asked, COLUMNS))
