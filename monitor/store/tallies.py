"""What a page asks of the rollups: one metric's counts of each series over some spans, or minute by minute.

Metrics and spans come as plain values; out come counts. Everything is answered from rollups, by the hour
where a span holds whole ones, so that no question is large.
"""

# ruff: noqa: S608 - every statement is built from our own closed lists
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from monitor.records import DIMENSIONS
from monitor.store.database import transient_if_unreachable
from monitor.store.windows import TimeSpan

#: Longest time that is read minute by minute; what lasts longer is read by the hour.
BY_MINUTE = timedelta(hours=24)

_HOUR = timedelta(hours=1)


class Counting(msgspec.Struct, frozen=True):
    """Whose calls, and what is counted of them.

    ``numerator`` and ``denominator`` are columns of ``rollup_1m``; ``where`` maps a dimension to the values
    that it may have. With ``of``, failures are the calls that have these values. With a ``histogram``, calls
    are its values, and failures those ``above`` a bucket of it, where one is given.
    """

    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    where: Mapping[str, Sequence[str]] = {}
    of: Mapping[str, Sequence[str]] = {}
    histogram: str = ""
    above: int | None = None


class Tally(msgspec.Struct, frozen=True):
    """The counts of one series, all spans together.

    ``more`` are further columns; ``spans`` are the places of the spans in which it had calls.
    """

    labels: dict[str, str]
    calls: float
    failures: float
    more: dict[str, float] = {}
    spans: tuple[int, ...] = ()


class Served(msgspec.Struct, frozen=True):
    """A model that answered in a service."""

    service: str
    environment: str
    model_requested: str
    model_served: str


class Tallies:
    """Counts from Postgres. Every method raises ``Transient`` where it can't be reached.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def over(self, counting: Counting, spans: Sequence[TimeSpan], more: Sequence[str] = ()) -> list[Tally]:
        """The counts of each series over all spans together, and the sums of ``more`` columns."""
        if not spans:
            return []
        calls, failures, values = _counted(counting)
        sums = "".join(f", {_sum(name)} AS {name}" for name in more)
        statement = f"""
            SELECT {", ".join(DIMENSIONS)}, {calls} AS counted, {failures} AS failing{sums},
                array_agg(DISTINCT span) AS spans
            FROM ({_spans(spans, values)}) AS rolled JOIN series USING (series_id)
            WHERE {_where(counting.where, values)} GROUP BY {", ".join(DIMENSIONS)}
        """
        return [
            Tally(
                {name: getattr(row, name) for name in DIMENSIONS},
                row.counted,
                row.failing,
                {name: getattr(row, name) for name in more},
                tuple(row.spans),
            )
            for row in self._rows(statement, values)
        ]

    def minutes(self, counting: Counting, span: TimeSpan) -> list[tuple[float, float]]:
        """Calls and failures of each minute of a span, in order; of a long one, of each hour."""
        calls, failures, values = _counted(counting)
        tier = "rollup_1m" if span[1] - span[0] <= BY_MINUTE else "rollup_1h"
        values |= {"start": span[0], "stop": span[1]}
        statement = f"""
            SELECT {calls} AS counted, {failures} AS failing FROM {tier} JOIN series USING (series_id)
            WHERE bucket >= :start AND bucket < :stop AND {_where(counting.where, values)}
            GROUP BY bucket ORDER BY bucket
        """
        return [(row.counted, row.failing) for row in self._rows(statement, values)]

    def served(self, where: Mapping[str, Sequence[str]], span: TimeSpan) -> set[Served]:
        """The models that answered in a span."""
        values: dict[str, Any] = {}
        names = ", ".join(Served.__struct_fields__)
        statement = f"""
            SELECT DISTINCT {names} FROM ({_spans([span], values)}) AS rolled JOIN series USING (series_id)
            WHERE model_served <> '' AND {_where(where, values)}
        """
        return {Served(**row._mapping) for row in self._rows(statement, values)}

    def first_minute(self, model: Served, span: TimeSpan) -> datetime | None:
        """The first minute of a span in which a model answered."""
        same = " AND ".join(f"{name} = :{name}" for name in Served.__struct_fields__)
        statement = f"""
            SELECT min(bucket) AS first FROM rollup_1m JOIN series USING (series_id)
            WHERE bucket >= :start AND bucket < :stop AND {same}
        """
        values = {"start": span[0], "stop": span[1], **msgspec.structs.asdict(model)}
        first: datetime | None = self._rows(statement, values)[0].first
        return first

    def letters(self, span: TimeSpan) -> list[tuple[str, int]]:
        """How many records of a span were dead letters, by reason, the most first."""
        statement = """
            SELECT reason, count(*) AS n FROM dead_letters
            WHERE first_seen >= :start AND least(recorded_at, first_seen) >= :start
            AND least(recorded_at, first_seen) < :stop
            GROUP BY reason ORDER BY n DESC, reason
        """
        return [(row.reason, row.n) for row in self._rows(statement, {"start": span[0], "stop": span[1]})]

    def _rows(self, statement: str, values: Mapping[str, Any]) -> Sequence[sa.Row[Any]]:
        with transient_if_unreachable(), self._engine.begin() as connection:
            return connection.execute(sa.text(statement), values).all()


def _counted(counting: Counting) -> tuple[str, str, dict[str, Any]]:
    """The SQL of calls and of failures, and its values."""
    values: dict[str, Any] = {}
    calls, failures = _sum(*counting.denominator or ("calls",)), _sum(*counting.numerator)
    if counting.of:
        matching = _where(counting.of, values, "of")
        failures = f"coalesce(sum(calls) FILTER (WHERE {matching}), 0)::float8"
    if of := counting.histogram:
        each = f"SELECT sum(n) FROM unnest({of}_buckets, {of}_counts) AS pair(value_bucket, n)"
        calls = f"coalesce(sum(({each})), 0)::float8"
        if counting.above is not None:
            values["above"] = counting.above
            failures = f"coalesce(sum(({each} WHERE value_bucket > :above)), 0)::float8"
    return calls, failures, values


def _sum(*columns: str) -> str:
    return "(" + " + ".join(f"coalesce(sum({name}), 0)" for name in columns) + ")::float8"


def _spans(spans: Sequence[TimeSpan], values: dict[str, Any]) -> str:
    """The rollups of these spans, each with its place; adds their times to the values."""
    parts = []
    for n, (start, stop) in enumerate(spans):
        values |= {f"start_{n}": start, f"stop_{n}": stop}
        times = f"CAST(:start_{n} AS timestamptz), CAST(:stop_{n} AS timestamptz)"
        parts.append(f"SELECT {n} AS span, * FROM rollup({times})")
    return " UNION ALL ".join(parts)


def _where(where: Mapping[str, Sequence[str]], values: dict[str, Any], prefix: str = "where") -> str:
    """The condition on dimensions; adds its values."""
    values |= {f"{prefix}_{name}": list(allowed) for name, allowed in where.items()}
    return " AND ".join(f"series.{name} = ANY(:{prefix}_{name})" for name in where) or "true"
