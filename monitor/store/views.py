"""What the pages ask of Postgres: alerts with their events and deliveries, and a day of every service.

Questions come in with limits, typed rows go out. Nothing here looks at calls: a page is answered from the
rows of alerts and from rollups, through indexes, however many calls are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from monitor.store.alerts import AlertRow
from monitor.store.database import transient_if_unreachable
from monitor.store.tables import (
    alert_events,
    alerts,
    consumer_offsets,
    dead_letters,
    outbox,
    rollup_1m,
    series,
)

#: Rows that one question gives at most.
EVENTS, DELIVERIES, MEMBERS, SERVICES = 200, 200, 50, 50

#: Dead letters that are counted one by one.
LETTERS = 100_000

#: Firing first, then pending, then what has ended.
_STATES = sa.case((alerts.c.state == "firing", 0), (alerts.c.state == "pending", 1), else_=2)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts are meant. What is empty selects all; ``text`` is looked for in rules and label values."""

    state: str = ""
    severity: str = ""
    service: str = ""
    text: str = ""


class EventRow(msgspec.Struct, frozen=True):
    """One transition of an alert."""

    at: datetime
    from_state: str | None
    to_state: str
    reason: str


class DeliveryRow(msgspec.Struct, frozen=True):
    """One notification of an episode, and what became of it."""

    channel: str
    kind: str
    instead_of: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None
    failed_at: datetime | None
    superseded_at: datetime | None
    digest: bool
    last_error: str | None


class HourRow(msgspec.Struct, frozen=True):
    """One hour of one service: the sums of some counters, by their names."""

    service: str
    at: datetime
    counted: dict[str, int]


class Views:
    """What pages show. Every method raises ``Transient`` where Postgres can't be reached.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def alerts(self, wanted: Filter, *, limit: int, offset: int = 0) -> list[AlertRow]:
        """The alerts that are wanted, those that fire first, of each state the newest first."""
        order = (_STATES, sa.func.coalesce(alerts.c.resolved_at, alerts.c.started_at).desc())
        query = _rows().where(*_wanted(wanted)).order_by(*order, alerts.c.alert_id.desc())
        return self._alerts(query.limit(limit).offset(offset))

    def alert(self, alert_id: int) -> AlertRow | None:
        """One alert; ``None`` where there is none of that number."""
        found = self._alerts(_rows().where(alerts.c.alert_id == alert_id))
        return found[0] if found else None

    def episode(self, episode: str) -> list[AlertRow]:
        """The alerts that are told together, those that fire first; at most ``MEMBERS``."""
        query = _rows().where(alerts.c.episode == episode)
        return self._alerts(query.order_by(_STATES, alerts.c.alert_id).limit(MEMBERS))

    def services(self) -> list[str]:
        """The services that there are alerts of, sorted."""
        service = alerts.c.labels["service"].astext
        query = sa.select(service).distinct().where(service != "").order_by(service).limit(SERVICES)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return list(connection.execute(query).scalars())

    def events(self, alert_id: int) -> list[EventRow]:
        """The newest transitions of an alert, in order; at most ``EVENTS``."""
        columns = [alert_events.c[name] for name in EventRow.__struct_fields__]
        query = sa.select(*columns).where(alert_events.c.alert_id == alert_id)
        newest = query.order_by(alert_events.c.at.desc(), alert_events.c.event_id.desc()).limit(EVENTS)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [EventRow(**row._mapping) for row in connection.execute(newest)][::-1]

    def deliveries(self, episode: str) -> list[DeliveryRow]:
        """The newest notifications of an episode, in order; at most ``DELIVERIES``."""
        columns = [outbox.c[name] for name in DeliveryRow.__struct_fields__]
        query = sa.select(*columns).where(outbox.c.episode == episode)
        newest = query.order_by(outbox.c.outbox_id.desc()).limit(DELIVERIES)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [DeliveryRow(**row._mapping) for row in connection.execute(newest)][::-1]

    def ended(self, alert_id: int) -> dict[str, Any] | None:
        """What was told of how bad an alert was when it ended; ``None`` where that was told of another."""
        query = (
            sa.select(outbox.c.payload["ended"])
            .where(outbox.c.alert_id == alert_id, outbox.c.kind == "resolve")
            .order_by(outbox.c.outbox_id.desc())
            .limit(1)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            found: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
            return found

    def hours(self, start: datetime, stop: datetime, counters: Sequence[str]) -> list[HourRow]:
        """The sums of counters by service and hour, from ``start`` (a full hour) to before ``stop``.

        Of the services with most calls, at most ``SERVICES``.
        """
        names = [rollup_1m.c[name].name for name in counters]
        span = (sa.cast(at, sa.DateTime(timezone=True)) for at in (start, stop))
        rolled = sa.func.rollup(*span).table_valued(
            sa.column("series_id", sa.Integer),
            sa.column("bucket", sa.DateTime(timezone=True)),
            *(sa.column(name, sa.Integer) for name in names),
        )
        hour = sa.func.date_trunc("hour", rolled.c.bucket, "UTC")
        query = (
            sa.select(
                series.c.service,
                hour.label("at"),
                *(sa.func.coalesce(sa.func.sum(rolled.c[name]), 0).label(name) for name in names),
            )
            .select_from(rolled.join(series, rolled.c.series_id == series.c.series_id))
            .group_by(series.c.service, hour)
            .order_by(series.c.service, hour)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            rows = [
                HourRow(row.service, row.at, {name: int(getattr(row, name)) for name in names})
                for row in connection.execute(query)
            ]
        return _busiest(rows, names)

    def lag(self, topics: Sequence[str]) -> int:
        """How many records of these topics are written and not read yet, as far as workers have told."""
        behind = sa.func.greatest(consumer_offsets.c.end_offset - consumer_offsets.c.next_offset, 0)
        query = sa.select(sa.func.coalesce(sa.func.sum(behind), 0))
        with transient_if_unreachable(), self._engine.begin() as connection:
            return int(connection.execute(query.where(consumer_offsets.c.topic.in_(topics))).scalar_one())

    def letters(self, since: datetime) -> int:
        """How many dead letters came since then; counted up to ``LETTERS``."""
        some = sa.select(sa.literal(1)).where(dead_letters.c.first_seen >= since).limit(LETTERS)
        query = sa.select(sa.func.count()).select_from(some.subquery())
        with transient_if_unreachable(), self._engine.begin() as connection:
            return int(connection.execute(query).scalar_one())

    def _alerts(self, query: sa.Select[Any]) -> list[AlertRow]:
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [AlertRow(**row._mapping) for row in connection.execute(query)]


def _rows() -> sa.Select[Any]:
    """Whole alerts."""
    return sa.select(*(alerts.c[name] for name in AlertRow.__struct_fields__))


def _wanted(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.state:
        found.append(alerts.c.state == wanted.state)
    if wanted.severity:
        found.append(alerts.c.severity == wanted.severity)
    if wanted.service:
        found.append(alerts.c.labels["service"].astext == wanted.service)
    if wanted.text:
        values = sa.func.jsonb_path_query_array(alerts.c.labels, sa.text("'$.*'")).cast(sa.Text)
        found.append(
            alerts.c.rule.icontains(wanted.text, autoescape=True)
            | values.icontains(wanted.text, autoescape=True)
        )
    return found


def _busiest(rows: Sequence[HourRow], names: Sequence[str]) -> list[HourRow]:
    """The rows of the services with most of the first counter."""
    total: dict[str, int] = {}
    for row in rows:
        total[row.service] = total.get(row.service, 0) + row.counted[names[0]]
    kept = sorted(total, key=lambda service: (-total[service], service))[:SERVICES]
    return [row for row in rows if row.service in kept]
