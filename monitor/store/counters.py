"""What rules over many series read: rollups of spans as arrays, every series' dimensions, dead letters.

Times come in as minutes or hours; out come tables with one row for each series and bucket. Nothing is grouped
by labels here, so that all rules share one reading of a span.
"""

# ruff: noqa: S608 - every statement is built from our own closed lists
from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from monitor.records import DIMENSIONS
from monitor.store import tables
from monitor.store.arrays import fetch
from monitor.store.database import transient_if_unreachable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: What a rollup has a histogram of.
Of = Literal["duration", "ttft", "input_tokens", "output_tokens", "cost", "tools_risk", "grounding_risk"]


class Table(NamedTuple):
    """Counters and sums of rollups; R rows, C columns.

    A series has at most one row for each bucket; where it had no calls it has none. ``bucket`` is the start
    of the minute, of the hour, or of the whole span, in seconds since the epoch.
    """

    columns: tuple[str, ...]
    series_id: Ints
    bucket: Ints
    values: Floats
    """``[R, C]``, in the order of ``columns``."""

    def total(self, columns: Sequence[str]) -> Floats:
        """The sum of some of the columns, for each row: ``[R]``."""
        places = [self.columns.index(name) for name in columns]
        total: Floats = self.values[:, places].sum(axis=1)
        return total


class Histograms(NamedTuple):
    """How many values fell into each log bucket; see ``monitor.rules.histogram`` for what those hold."""

    series_id: Ints
    bucket: Ints
    """The start of the minute, of the hour, or of the whole span, in seconds since the epoch."""
    value_bucket: Ints
    n: Ints


class Series:
    """The dimensions of every series by columns, in the order in which the series were made; it only grows.

    Attributes:
        ids: the series.
        columns: their values by the name of the dimension, each as long as ``ids``.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.columns: dict[str, list[str]] = {name: [] for name in DIMENSIONS}

    def add(self, series_id: int, values: Sequence[str]) -> None:
        """Add one, with the values of ``DIMENSIONS`` in their order."""
        self.ids.append(series_id)
        for column, value in zip(self.columns.values(), values, strict=True):
            # Few values stand in many series.
            column.append(sys.intern(value))


_EPOCH = "extract(epoch FROM {})::int8"

#: The rows of each time are collected by themselves, through an index: sorting all of them by their times
#: takes longer than anything else.
_COLLECT = f"""
    SELECT {_EPOCH.format("time")}, collected.* FROM {{times}} AS time
    CROSS JOIN LATERAL (SELECT {{arrays}} FROM ({{rows}}) AS rows) AS collected
    WHERE collected.series_id IS NOT NULL
"""

_MINUTES = "generate_series(%(start)s, %(stop)s - interval '1 microsecond', interval '1 minute')"
_HOURS = "unnest(%(hours)s::timestamptz[])"
_SPAN = "unnest(ARRAY[%(start)s::timestamptz])"

_COUNTED = {
    _MINUTES: "SELECT series_id, {columns} FROM rollup_1m WHERE bucket = time",
    # An hour whose minutes are newer than its row is read by the minute, as the SQL function ``rollup`` does.
    _HOURS: """
        SELECT series_id, {columns} FROM rollup_1h
        WHERE bucket = time AND time NOT IN (SELECT hour FROM dirty_hours)
        UNION ALL
        SELECT series_id, {sums} FROM rollup_1m
        WHERE bucket >= time AND bucket < time + interval '1 hour' AND time IN (SELECT hour FROM dirty_hours)
        GROUP BY series_id
    """,
    _SPAN: "SELECT series_id, {sums} FROM rollup(%(start)s, %(stop)s) GROUP BY series_id",
}

_VALUES = {
    _MINUTES: "SELECT series_id, value_bucket, n FROM rollup_1m, {pairs} WHERE bucket = time",
    _HOURS: """
        SELECT series_id, value_bucket, n FROM rollup_1h, {pairs}
        WHERE bucket = time AND time NOT IN (SELECT hour FROM dirty_hours)
        UNION ALL
        SELECT series_id, value_bucket, sum(n)::int8 FROM rollup_1m, {pairs}
        WHERE bucket >= time AND bucket < time + interval '1 hour' AND time IN (SELECT hour FROM dirty_hours)
        GROUP BY series_id, value_bucket
    """,
    _SPAN: """
        SELECT series_id, value_bucket, sum(n)::int8 AS n FROM rollup(%(start)s, %(stop)s), {pairs}
        GROUP BY series_id, value_bucket
    """,
}

_PAIRS = "LATERAL unnest({of}_buckets, {of}_counts) AS pair(value_bucket, n)"

_LETTERS = f"""
    SELECT {_EPOCH.format("date_bin('1 minute', least(recorded_at, first_seen), 'epoch')")}, count(*)
    FROM dead_letters
    WHERE first_seen >= %(start)s
    AND least(recorded_at, first_seen) >= %(start)s AND least(recorded_at, first_seen) < %(stop)s
    GROUP BY 1 ORDER BY 1
"""


class Counters:
    """The rollups, by series. One thread at a time may use it.

    Every method raises ``Transient`` where Postgres can't be reached. Columns are those of ``rollup_1m``; one
    that isn't there is a ``KeyError``.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._series = Series()

    def minutes(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """The minutes from the one that begins at ``start`` to before ``stop``."""
        return self._table(_MINUTES, {"start": start, "stop": stop}, columns)

    def sums(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """The minutes from ``start`` to before ``stop``, together: by the hour where that can be."""
        return self._table(_SPAN, {"start": start, "stop": stop}, columns)

    def hours(self, hours: Sequence[datetime], columns: Sequence[str]) -> Table:
        """These whole hours, each named once, however far apart."""
        return self._table(_HOURS, {"hours": list(hours)}, columns)

    def histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        """The values of the minutes from ``start`` to before ``stop``, together."""
        return self._histograms(_SPAN, {"start": start, "stop": stop}, of)

    def minute_histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        """The values of each of the minutes from the one that begins at ``start`` to before ``stop``."""
        return self._histograms(_MINUTES, {"start": start, "stop": stop}, of)

    def hour_histograms(self, hours: Sequence[datetime], of: Of) -> Histograms:
        """The values of each of these whole hours, each named once."""
        return self._histograms(_HOURS, {"hours": list(hours)}, of)

    def dead_letters(self, start: datetime, stop: datetime) -> tuple[Ints, Ints]:
        """Minutes, in seconds since the epoch, and how many records of each were dead letters.

        As calls are counted by their own time, letters are by their records'; a record that says it is of the
        future is of when it was seen.
        """
        found = np.array(self._fetch(_LETTERS, {"start": start, "stop": stop}), np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def dirty(self, start: datetime, stop: datetime) -> datetime | None:
        """The first minute from ``start`` to before ``stop`` whose calls are not all rolled up yet."""
        column = tables.dirty_minutes.c.minute
        first = sa.select(sa.func.min(column)).where(column >= start, column < stop)
        with transient_if_unreachable(), self._engine.begin() as connection:
            minute: datetime | None = connection.execute(first).scalar_one()
            return minute

    def series(self) -> Series:
        """Every series there is, those with the values ``other`` among them.

        Read it after the rows that are to be grouped: a row's series is always older than the row. It is the
        same object each time, with what is new at its end.
        """
        table = tables.series.c
        last = self._series.ids[-1] if self._series.ids else 0
        new = (
            sa.select(table.series_id, *(table[name] for name in DIMENSIONS))
            .where(table.series_id > last)
            .order_by(table.series_id)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            for series_id, *values in connection.execute(new):
                self._series.add(series_id, values)
        return self._series

    def _table(self, times: str, values: Mapping[str, Any], columns: Sequence[str]) -> Table:
        names = [tables.rollup_1m.c[name].name for name in columns]
        rows = _COUNTED[times].format(
            columns=", ".join(f"coalesce({name}, 0)::float8 AS {name}" for name in names),
            sums=", ".join(f"coalesce(sum({name}), 0)::float8 AS {name}" for name in names),
        )
        bucket, series_id, *read = self._collected(times, rows, values, names)
        # One column after the other, as they are read.
        numbers = np.array(read, np.float64).reshape(len(names), len(series_id)).T
        return Table(tuple(names), series_id, bucket, numbers)

    def _histograms(self, times: str, values: Mapping[str, Any], of: Of) -> Histograms:
        rows = _VALUES[times].format(pairs=_PAIRS.format(of=of))
        bucket, series_id, value_bucket, n = self._collected(times, rows, values, ("value_bucket", "n"))
        return Histograms(series_id, bucket, value_bucket, n)

    def _collected(
        self, times: str, rows: str, values: Mapping[str, Any], names: Sequence[str]
    ) -> list[NDArray[Any]]:
        """The times and series of these rows, and these columns of them, each as one array."""
        arrays = ", ".join(f"array_agg({name}) AS {name}" for name in ("series_id", *names))
        found = self._fetch(_COLLECT.format(times=times, arrays=arrays, rows=rows), values)
        buckets = np.repeat(np.array([row[0] for row in found], np.int64), [len(row[1]) for row in found])
        return [buckets, *(_joined([row[place] for row in found]) for place in range(1, len(names) + 2))]

    def _fetch(self, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with transient_if_unreachable(), self._engine.begin() as connection:
            return fetch(connection, statement, values)


def _joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One array of them all, in the byte order of this machine."""
    if not pieces:
        return np.empty(0, np.int64)
    return np.concatenate(pieces, dtype=np.int64 if pieces[0].dtype.kind == "i" else np.float64)
