"""The rollups of a few series: what a picture of one alert is drawn from.

``Counters`` reads whole spans for all rules at once; here the series are known, and their rows are found by
the key of the rollups. Where the series are many their rows come added up, as those of one series.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from monitor.records import DIMENSIONS
from monitor.store import tables
from monitor.store.arrays import fetch
from monitor.store.counters import Histograms, Of, Series, Table
from monitor.store.database import transient_if_unreachable

#: Series whose rows are read one by one.
FEW = 150

#: The series that stands for many.
TOGETHER = 1

_WHOLE = """
    SELECT array_agg(bucket) AS bucket, array_agg(series_id) AS series_id, {arrays} FROM (
        SELECT extract(epoch FROM date_bin(%(step)s, bucket, 'epoch'))::int8 AS bucket,
            {series} AS series_id, {columns}
        FROM {rollup} WHERE series_id = ANY(%(ids)s) AND {times} GROUP BY 1, 2{more}
    ) AS rows HAVING count(*) > 0
"""

_SPAN = "bucket >= %(start)s AND bucket < %(stop)s"

#: Hours that a rollup has; one that waits to be made anew is read by the minute.
_HOURS = (
    "(SELECT * FROM rollup_1h WHERE bucket NOT IN (SELECT hour FROM dirty_hours) AND bucket = ANY(%(hours)s)"
    " UNION ALL SELECT minutes.* FROM dirty_hours JOIN rollup_1m AS minutes"
    " ON bucket >= hour AND bucket < hour + interval '1 hour' WHERE hour = ANY(%(hours)s)) AS rolled"
)


class Narrow:
    """The rollups of those series that have these values. Methods raise ``Transient`` without Postgres.

    Args:
        engine: where.
        where: the values that a dimension may have, by dimension; others are free.

    Attributes:
        series: those series, or one that stands for all of them.
        together: whether it is one for all.
    """

    def __init__(self, engine: sa.Engine, where: Mapping[str, Collection[str]]) -> None:
        self._engine = engine
        found = tables.series.c
        query = (
            sa.select(found.series_id, *(found[name] for name in DIMENSIONS))
            .where(*(found[name].in_(list(values)) for name, values in where.items()))
            .order_by(found.series_id)
        )
        with transient_if_unreachable(), engine.begin() as connection:
            rows = connection.execute(query).all()
        self._ids = [row.series_id for row in rows]
        self.together = len(rows) > FEW
        self.series = Series()
        if self.together:
            only = {name: next(iter(values)) for name, values in where.items() if len(values) == 1}
            self.series.add(TOGETHER, [only.get(name, "") for name in DIMENSIONS])
        else:
            for series_id, *values in rows:
                self.series.add(series_id, values)

    def minutes(self, start: datetime, stop: datetime, columns: Sequence[str], step: timedelta) -> Table:
        """The minutes from ``start`` to before ``stop``, by steps of some of them."""
        return self._table("rollup_1m", _SPAN, {"start": start, "stop": stop, "step": step}, columns)

    def hours(self, hours: Sequence[datetime], columns: Sequence[str]) -> Table:
        """These whole hours."""
        values = {"hours": list(hours), "step": timedelta(hours=1)}
        return self._table(_HOURS, "true", values, columns)

    def minute_histograms(self, start: datetime, stop: datetime, of: Of, step: timedelta) -> Histograms:
        """The values of the minutes from ``start`` to before ``stop``, by steps of some of them."""
        return self._histograms("rollup_1m", _SPAN, {"start": start, "stop": stop, "step": step}, of)

    def hour_histograms(self, hours: Sequence[datetime], of: Of) -> Histograms:
        """The values of these whole hours."""
        return self._histograms(_HOURS, "true", {"hours": list(hours), "step": timedelta(hours=1)}, of)

    def _table(self, rollup: str, times: str, values: Mapping[str, Any], columns: Sequence[str]) -> Table:
        names = [tables.rollup_1m.c[name].name for name in columns]
        sums = ", ".join(f"coalesce(sum({name}), 0)::float8 AS {name}" for name in names)
        bucket, series_id, *read = self._read(rollup, times, values, names, sums, "")
        numbers = np.array(read, np.float64).reshape(len(names), len(series_id)).T
        return Table(tuple(names), series_id.astype(np.int64), bucket.astype(np.int64), numbers)

    def _histograms(self, rollup: str, times: str, values: Mapping[str, Any], of: Of) -> Histograms:
        pairs = f"{rollup}, LATERAL unnest({of}_buckets, {of}_counts) AS pair(value_bucket, n)"
        columns = "value_bucket::int8 AS value_bucket, sum(n)::int8 AS n"
        read = self._read(pairs, times, values, ("value_bucket", "n"), columns, ", value_bucket")
        bucket, series_id, value_bucket, n = (column.astype(np.int64) for column in read)
        return Histograms(series_id, bucket, value_bucket, n)

    def _read(
        self,
        rollup: str,
        times: str,
        values: Mapping[str, Any],
        names: Sequence[str],
        columns: str,
        more: str,
    ) -> Sequence[Any]:
        """The buckets and series of the rows, and these columns of them, each as one array."""
        statement = _WHOLE.format(
            rollup=rollup,
            times=times,
            series=f"{TOGETHER}::int4" if self.together else "series_id",
            arrays=", ".join(f"array_agg({name}) AS {name}" for name in names),
            columns=columns,
            more=more,
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            rows = fetch(connection, statement, {**values, "ids": self._ids})
        return rows[0] if rows else [np.empty(0, np.int64)] * (2 + len(names))
