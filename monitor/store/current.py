"""Reads alerts as they stand now: all of them, lightly, and of a few also what proves them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from monitor.store.database import transient_if_unreachable
from monitor.store.tables import alert_events, alerts


class CurrentAlert(msgspec.Struct, frozen=True):
    """An alert without what proves it; the columns of the table ``alerts``."""

    alert_id: int
    rule: str
    labels: dict[str, str]
    severity: str
    fingerprint: str
    state: str
    standing: str
    started_at: datetime
    fired_at: datetime | None
    onset_at: datetime | None
    resolved_at: datetime | None
    episode: str | None
    muted_by: str | None
    told: bool


class Proof(msgspec.Struct, frozen=True):
    """What an alert fired on, and why it last changed its state."""

    evidence: dict[str, Any]
    reason: str


class Current:
    """The alerts of now in Postgres.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def alerts(self, *, resolved_since: datetime, also: Collection[int] = ()) -> list[CurrentAlert]:
        """Every alert that is open or was resolved since, and ``also`` those by number; oldest first.

        Raises:
            Transient: Postgres can't be reached.
        """
        columns = [alerts.c[field.name] for field in msgspec.structs.fields(CurrentAlert)]
        wanted = (
            (alerts.c.state != "resolved")
            | (alerts.c.resolved_at >= resolved_since)
            | alerts.c.alert_id.in_(list(also))
        )
        query = sa.select(*columns).where(wanted).order_by(alerts.c.alert_id)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [CurrentAlert(**row._mapping) for row in connection.execute(query)]

    def proofs(self, numbers: Collection[int]) -> dict[int, Proof]:
        """What proves each of the alerts with these numbers.

        Raises:
            Transient: Postgres can't be reached.
        """
        reason = (
            sa.select(alert_events.c.reason)
            .where(alert_events.c.alert_id == alerts.c.alert_id)
            .order_by(alert_events.c.event_id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = sa.select(alerts.c.alert_id, alerts.c.evidence, sa.func.coalesce(reason, "").label("reason"))
        with transient_if_unreachable(), self._engine.begin() as connection:
            rows = connection.execute(query.where(alerts.c.alert_id.in_(list(numbers))))
            return {row.alert_id: Proof(row.evidence, row.reason) for row in rows}
