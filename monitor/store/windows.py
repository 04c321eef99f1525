"""What rules and pages ask of the rollups: counts of a metric over spans of minutes, by labels.

Metrics and spans come as plain values; out come counts. Everything but the example calls is answered from
rollups, by the hour where a span holds whole ones (the SQL function ``rollup``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from monitor.records import DIMENSIONS, RISKY
from monitor.store.database import transient_if_unreachable
from monitor.store.tables import ERROR_CLASS, REQUEST, calls, dead_letters, series

TimeSpan = tuple[datetime, datetime]


class Query(msgspec.Struct, frozen=True):
    """Whose calls, and which of their counters.

    ``numerator`` and ``denominator`` are columns of ``rollup_1m``, or ``dead_letters``; ``where`` maps a
    dimension to the values it may have.
    """

    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    where: Mapping[str, Sequence[str]] = {}


class Count(msgspec.Struct, frozen=True):
    """``failures`` of ``calls`` for one combination of labels."""

    labels: dict[str, str]
    calls: int
    failures: int


class Example(msgspec.Struct, frozen=True):
    """One call that shows what is wrong, without its content."""

    call_id: str
    request_id: str
    trace_id: str | None
    started_at: datetime
    model_served: str
    prompt_version: str
    outcome: str
    detail: str | None


class Windows:
    """Counts from Postgres.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def counts(self, query: Query, span: TimeSpan, by: Sequence[str] = DIMENSIONS) -> list[Count]:
        """The counts over a span of minutes, one for each combination of ``by`` that has any calls.

        Raises:
            Transient: Postgres can't be reached.
        """
        if "dead_letters" in query.numerator:
            return [self._dead_letters(span)]
        rolled = _rollups(span, {*query.denominator, *query.numerator})
        labels = [series.c[name] for name in by]
        statement = (
            sa.select(
                *labels,
                sa.func.count().label("rows"),
                _total(rolled, query.denominator).label("calls"),
                _total(rolled, query.numerator).label("failures"),
            )
            .select_from(rolled.join(series, rolled.c.series_id == series.c.series_id))
            .where(*_where(query))
            .group_by(*labels)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [
                Count({name: getattr(row, name) for name in by}, int(row.calls), int(row.failures))
                for row in connection.execute(statement)
                if row.rows
            ]

    def _dead_letters(self, span: TimeSpan) -> Count:
        """Dead letters by the time of their records, among all that was read of that time."""
        letters = sa.select(sa.func.count()).select_from(dead_letters).where(*_within(span))
        good = sa.select(_total(_rollups(span, {"calls"}), ["calls"]))
        with transient_if_unreachable(), self._engine.begin() as connection:
            bad = connection.execute(letters).scalar_one()
            return Count({}, bad + int(connection.execute(good).scalar_one()), bad)

    def examples(
        self,
        query: Query,
        span: TimeSpan,
        *,
        score: str | None,
        outcomes: Sequence[str],
        above: float | None = None,
        limit: int = 3,
    ) -> list[Example]:
        """The newest calls of the span with one of these outcomes; errors where ``score`` is ``None``.

        With ``above``, ``score`` is what was measured, and those are meant whose value is higher; it is their
        detail, and the outcome its name. Without a score but with an outcome, every call is meant.

        With ``error_category`` as the score, errors of these classes are meant.

        A score may also be a flag, where calls without it are meant, or a graded risk, where those are meant
        that have a high one; then the outcome is the name that is given to that.

        ``score`` may also be a flag of what was captured: then those calls that lack it.

        Raises:
            Transient: Postgres can't be reached.
        """
        if "dead_letters" in query.numerator:
            return self._example_letters(span, limit)
        outcome: sa.ColumnElement[Any]
        detail: sa.ColumnElement[Any]
        matches: sa.ColumnElement[bool]
        if score is None and outcomes:
            outcome, detail, matches = sa.literal(outcomes[0]), sa.null(), sa.true()
        elif score is None:
            outcome, detail = ERROR_CLASS, calls.c.error_type
            matches = calls.c.status == "error"
        elif score == "error_category":
            outcome, detail = ERROR_CLASS, calls.c.error_type
            matches = (calls.c.status == "error") & outcome.in_(outcomes)
        elif above is not None:
            outcome, detail = sa.literal(outcomes[0]), sa.cast(calls.c[score], sa.Text)
            matches = calls.c[score] > above
        elif isinstance(calls.c[score].type, sa.Boolean):
            outcome, detail = sa.literal(outcomes[0]), sa.null()
            matches = ~calls.c[score]
        elif isinstance(calls.c[score].type, sa.REAL):
            outcome, detail = sa.literal(outcomes[0]), _DETAILS[score.removesuffix("_risk")]
            matches = calls.c[score] >= RISKY
        else:
            outcome = calls.c[score]
            detail = _DETAILS.get(score, sa.null())
            matches = outcome.in_(outcomes)
        statement = (
            sa.select(
                calls.c.call_id,
                REQUEST.label("request_id"),
                calls.c.trace_id,
                calls.c.started_at,
                series.c.model_served,
                series.c.prompt_version,
                outcome.label("outcome"),
                detail.label("detail"),
            )
            .select_from(calls.join(series, calls.c.series_id == series.c.series_id))
            .where(calls.c.started_at >= span[0], calls.c.started_at < span[1], matches, *_where(query))
            .order_by(calls.c.started_at.desc())
            .limit(limit)
        )
        return self._read_examples(statement)

    def _example_letters(self, span: TimeSpan, limit: int) -> list[Example]:
        letter = dead_letters.c
        place = sa.func.concat(letter.topic, "/", letter.partition, "/", letter.kafka_offset)
        statement = (
            sa.select(
                place.label("call_id"),
                sa.literal("").label("request_id"),
                sa.null().label("trace_id"),
                _letter_at().label("started_at"),
                sa.literal("").label("model_served"),
                sa.literal("").label("prompt_version"),
                letter.reason.label("outcome"),
                letter.detail.label("detail"),
            )
            .where(*_within(span))
            .order_by(_letter_at().desc())
            .limit(limit)
        )
        return self._read_examples(statement)

    def _read_examples(self, statement: sa.Select[Any]) -> list[Example]:
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [Example(**row._mapping) for row in connection.execute(statement)]


#: The column that explains an outcome, by score.
_DETAILS = {
    "json": calls.c.json_detail,
    "tools": calls.c.tools_detail,
    "grounding": calls.c.grounding_detail,
    "fallback": calls.c.fallback_to,
    "instructions": calls.c.instructions_detail,
    "judge": calls.c.judge_detail,
}


def _rollups(span: TimeSpan, names: Collection[str]) -> sa.TableValuedAlias:
    """The rollups of a span, of which these counters are read."""
    columns = [sa.column("series_id", sa.Integer), *(sa.column(name, sa.Integer) for name in sorted(names))]
    start, stop = (sa.cast(at, sa.DateTime(timezone=True)) for at in span)
    return sa.func.rollup(start, stop).table_valued(*columns).alias("rolled")


def _total(rolled: sa.FromClause, columns: Sequence[str]) -> sa.ColumnElement[Any]:
    """The sum of counters; where nothing was counted a counter is null."""
    first, *rest = [sa.func.coalesce(sa.func.sum(rolled.c[name]), 0) for name in columns]
    total: sa.ColumnElement[Any] = first
    for column in rest:
        total = total + column
    return total


def _letter_at() -> sa.ColumnElement[Any]:
    """The time of a dead letter: its record's, as calls are counted by theirs.

    So a backlog that is worked off looks as it would have looked in time. A record that says it is of the
    future is of when it was seen.
    """
    return sa.func.least(dead_letters.c.recorded_at, dead_letters.c.first_seen)


def _within(span: TimeSpan) -> list[sa.ColumnElement[bool]]:
    """Dead letters of a span; the first condition says nothing more, but has an index."""
    at = _letter_at()
    return [dead_letters.c.first_seen >= span[0], at >= span[0], at < span[1]]


def _where(query: Query) -> list[sa.ColumnElement[bool]]:
    return [series.c[name].in_(list(values)) for name, values in query.where.items()]
