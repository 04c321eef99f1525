"""Answers what ``Counters`` answers, from memory: for rules that are tried on stored or on made-up history.

In come minutes, hours and histograms of a span, from Postgres (``load``) or from a fixture; out come the same
tables as from Postgres, thousands of times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from monitor.store.counters import Counters, Floats, Histograms, Ints, Of, Series, Table

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: How far back baselines reach, how long windows are, and how far back what is compared minute by minute
#: reaches: history before what is to be judged.
BASELINES, WINDOWS, FINE = timedelta(days=29), timedelta(days=3), timedelta(days=7, hours=1)

_NO_VALUES = Histograms(*(np.empty(0, np.int64) for _ in range(4)))


class History:
    """Rollups in memory.

    Args:
        series: every series.
        minutes: rollups by the minute.
        hours: rollups by the hour; ``None`` makes them of the minutes.
        histograms: values by the minute, by what they are of.
        hour_histograms: values by the hour; ``None`` makes them of the minutes.
        letters: minutes, in seconds since the epoch, and how many dead letters each had.
    """

    def __init__(
        self,
        series: Series,
        minutes: Table,
        *,
        hours: Table | None = None,
        histograms: dict[Of, Histograms] | None = None,
        hour_histograms: dict[Of, Histograms] | None = None,
        letters: tuple[Ints, Ints] | None = None,
    ) -> None:
        self._series = series
        self._minutes = _by_time(minutes)
        self._hours = _by_time(hours) if hours else _hourly(self._minutes)
        self._values = {of: _in_order(rows) for of, rows in (histograms or {}).items()}
        self._hour_values = (
            {of: _in_order(rows) for of, rows in hour_histograms.items()}
            if hour_histograms is not None
            else {
                of: rows._replace(bucket=rows.bucket - rows.bucket % 3600)
                for of, rows in self._values.items()
            }
        )
        empty = np.empty(0, np.int64)
        self._letters = letters or (empty, empty)

    def minutes(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """As ``Counters.minutes``."""
        return _chosen(_within(self._minutes, start, stop), columns)

    def sums(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """As ``Counters.sums``; by the hour where whole hours lie in the span."""
        first = start.replace(minute=0) + (HOUR if start.minute else timedelta())
        last = stop.replace(minute=0)
        if last - first < 2 * HOUR:
            pieces = [_within(self._minutes, start, stop)]
        else:
            pieces = [
                _within(self._minutes, start, first),
                _within(self._hours, first, last),
                _within(self._minutes, last, stop),
            ]
        series_id = np.concatenate([piece.series_id for piece in pieces])
        values = np.concatenate([_chosen(piece, columns).values for piece in pieces])
        return _summed(tuple(columns), series_id, np.zeros(len(series_id), np.int64), values)

    def hours(self, hours: Sequence[datetime], columns: Sequence[str]) -> Table:
        """As ``Counters.hours``."""
        pieces = [_within(self._hours, hour, hour + HOUR) for hour in hours]
        return Table(
            tuple(columns),
            np.concatenate([piece.series_id for piece in pieces]),
            np.concatenate([piece.bucket for piece in pieces]),
            np.concatenate([_chosen(piece, columns).values for piece in pieces]),
        )

    def histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        """As ``Counters.histograms``; rows of one series and value may come several times."""
        return _values_within(self._values.get(of, _NO_VALUES), start, stop)

    def hour_histograms(self, hours: Sequence[datetime], of: Of) -> Histograms:
        """As ``Counters.hour_histograms``; rows of one series and value may come several times."""
        rows = self._hour_values.get(of, _NO_VALUES)
        pieces = [_values_within(rows, hour, hour + HOUR) for hour in hours]
        return Histograms(*(np.concatenate(column) for column in zip(*pieces, strict=True)))

    def dead_letters(self, start: datetime, stop: datetime) -> tuple[Ints, Ints]:
        """As ``Counters.dead_letters``."""
        minutes, letters = self._letters
        there = (minutes >= start.timestamp()) & (minutes < stop.timestamp())
        return minutes[there], letters[there]

    def series(self) -> Series:
        """Every series."""
        return self._series


def load(
    counters: Counters,
    start: datetime,
    stop: datetime,
    columns: Sequence[str],
    histograms: Sequence[Of],
    progress: Callable[[Iterator[datetime], int], Iterator[datetime]],
    *,
    fine: bool = False,
) -> History:
    """What is needed to judge every minute from ``start`` to ``stop``, read day by day.

    Args:
        counters: where from.
        start: the first minute that is to be judged.
        stop: after the last one.
        columns: counters to read.
        histograms: which histograms.
        progress: shows how far the days are read.
        fine: also what rules need that compare minutes with those of past days.

    Raises:
        Transient: Postgres can't be reached.
    """
    back = FINE if fine else WINDOWS
    days = max(1, (stop - start + back) // DAY + 1)
    first = (start - back).replace(minute=0)
    spans = [(first + n * DAY, min(first + (n + 1) * DAY, stop)) for n in range(days)]
    minutes, values = [], {of: [] for of in histograms}  # type: ignore[var-annotated]
    for since in progress(iter([since for since, _ in spans]), len(spans)):
        until = min(since + DAY, stop)
        minutes.append(counters.minutes(since, until, columns))
        for of, rows in values.items():
            rows.append(counters.minute_histograms(since, until, of))
    count = (stop - start + BASELINES) // HOUR + 2
    hours = [start.replace(minute=0) - BASELINES + n * HOUR for n in range(count)]
    return History(
        counters.series(),
        joined(minutes),
        hours=counters.hours(hours, columns),
        histograms={of: joined_values(rows) for of, rows in values.items()},
        hour_histograms={of: counters.hour_histograms(hours, of) for of in histograms},
        letters=counters.dead_letters(first, stop),
    )


def joined(tables: Sequence[Table]) -> Table:
    """The rows of several tables of the same columns."""
    return Table(
        tables[0].columns,
        np.concatenate([one.series_id for one in tables]),
        np.concatenate([one.bucket for one in tables]),
        np.concatenate([one.values for one in tables]),
    )


def joined_values(rows: Sequence[Histograms]) -> Histograms:
    """The rows of several."""
    return Histograms(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _by_time(table: Table) -> Table:
    order = np.argsort(table.bucket, kind="stable")
    return Table(table.columns, table.series_id[order], table.bucket[order], table.values[order])


def _in_order(rows: Histograms) -> Histograms:
    order = np.argsort(rows.bucket, kind="stable")
    return Histograms(*(column[order] for column in rows))


def _hourly(minutes: Table) -> Table:
    hour = minutes.bucket - minutes.bucket % 3600
    return _by_time(_summed(minutes.columns, minutes.series_id, hour, minutes.values))


def _summed(columns: tuple[str, ...], series_id: Ints, bucket: Ints, values: Floats) -> Table:
    """One row for each series and bucket."""
    width = int(series_id.max(initial=0)) + 1
    keys, place = np.unique(bucket * width + series_id, return_inverse=True)
    total = np.zeros((len(keys), values.shape[1]))
    np.add.at(total, place, values)
    return Table(columns, keys % width, keys // width, total)


def _within(table: Table, start: datetime, stop: datetime) -> Table:
    low, high = np.searchsorted(table.bucket, [start.timestamp(), stop.timestamp()])
    return Table(table.columns, table.series_id[low:high], table.bucket[low:high], table.values[low:high])


def _values_within(rows: Histograms, start: datetime, stop: datetime) -> Histograms:
    low, high = np.searchsorted(rows.bucket, [start.timestamp(), stop.timestamp()])
    return Histograms(*(column[low:high] for column in rows))


def _chosen(table: Table, columns: Sequence[str]) -> Table:
    if tuple(columns) == table.columns:
        return table
    places = [table.columns.index(name) for name in columns]
    return Table(tuple(columns), table.series_id, table.bucket, table.values[:, places])
