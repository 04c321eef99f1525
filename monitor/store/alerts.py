"""The life of alerts in Postgres: what is open, state changes behind compare-and-set, and the outbox.

A state change, its event and one outbox row a channel are one transaction: there is no change without its
notification and no notification without its change. Two evaluators can't make the same change twice: the
row's present state is the lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.store.database import transient_if_unreachable
from monitor.store.tables import alert_events, alerts, outbox


class AlertRow(msgspec.Struct, frozen=True):
    """An open alert as it is stored."""

    alert_id: int
    rule: str
    labels: dict[str, str]
    severity: str
    state: str
    started_at: datetime
    fired_at: datetime | None
    clear_since: datetime | None
    evidence: dict[str, Any]


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the life of an alert, with what is to be said about it and where.

    ``alert_id`` is ``None`` for a new alert. ``expected_state`` is what the evaluation saw. ``payload`` is
    delivered to each of ``channels``; with no channels the step is recorded and nobody is told.
    """

    alert_id: int | None
    rule: str
    labels: Mapping[str, str]
    severity: str
    expected_state: str | None
    state: str
    at: datetime
    reason: str
    evidence: Mapping[str, Any]
    clear_since: datetime | None = None
    channels: Sequence[str] = ()
    payload: Mapping[str, Any] = {}


class OutboxRow(msgspec.Struct, frozen=True):
    """A notification that is due: what, where, and how often it was tried, this time included.

    ``instead_of`` is the channel that could not take it, where this one stands in; else empty.
    """

    outbox_id: int
    event_id: int
    alert_id: int
    channel: str
    instead_of: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime


def fingerprint(rule: str, labels: Mapping[str, str]) -> str:
    """The identity of an alert: its rule and its label set. Annotations and numbers may change."""
    text = msgspec.json.encode([rule, sorted(labels.items())])
    return hashlib.sha256(text).hexdigest()[:32]


class Alerts:
    """The alerts in Postgres.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open(self) -> dict[str, AlertRow]:
        """Every alert that is pending or firing, by fingerprint.

        Raises:
            Transient: Postgres can't be reached.
        """
        names = [field.name for field in msgspec.structs.fields(AlertRow)]
        query = sa.select(alerts.c.fingerprint, *(alerts.c[name] for name in names)).where(
            alerts.c.state != "resolved"
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return {
                row.fingerprint: AlertRow(**{name: getattr(row, name) for name in names})
                for row in connection.execute(query)
            }

    def change(self, change: StateChange) -> int | None:
        """Make one state change with its event and its notifications.

        Gives the alert's id, or ``None`` when somebody else made a change first: then nothing was done.

        Raises:
            Transient: Postgres can't be reached.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            alert_id = _set_state(connection, change)
            if alert_id is None:
                return None
            event_id = connection.execute(
                sa.insert(alert_events)
                .values(
                    alert_id=alert_id,
                    at=change.at,
                    from_state=change.expected_state,
                    to_state=change.state,
                    reason=change.reason,
                    evidence=change.evidence,
                    rule=change.rule,
                    labels=change.labels,
                    fingerprint=fingerprint(change.rule, change.labels),
                )
                .returning(alert_events.c.event_id)
            ).scalar_one()
            for channel in change.channels:
                payload = {**change.payload, "alert_id": alert_id}
                _enqueue(connection, event_id, alert_id, channel, payload, change.at)
            return alert_id

    def told(self, alert_id: int) -> list[str]:
        """The channels that were given anything about an alert, sorted.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = sa.select(outbox.c.channel).where(outbox.c.alert_id == alert_id).distinct()
        with transient_if_unreachable(), self._engine.begin() as connection:
            return sorted(connection.execute(query).scalars())

    def claim(self, now: datetime, *, lease: timedelta, limit: int = 20) -> list[OutboxRow]:
        """Take the notifications that are due, oldest first, for ``lease``; others leave them alone.

        Of one alert and channel only the oldest undelivered is given, so that a resolve never overtakes
        its trigger.

        Raises:
            Transient: Postgres can't be reached.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            rows = connection.execute(_CLAIM, {"now": now, "until": now + lease, "limit": limit})
            return sorted((OutboxRow(**row._mapping) for row in rows), key=lambda row: row.outbox_id)

    def delivered(self, outbox_id: int, now: datetime) -> None:
        """The channel took it.

        Raises:
            Transient: Postgres can't be reached; the notification will be sent again after its lease,
                with the same id.
        """
        self._update(outbox_id, delivered_at=now, last_error=None)

    def retry(self, outbox_id: int, next_attempt_at: datetime, error: str) -> None:
        """The channel could not take it now.

        Raises:
            Transient: Postgres can't be reached.
        """
        self._update(outbox_id, next_attempt_at=next_attempt_at, last_error=error)

    def failed(self, row: OutboxRow, now: datetime, error: str, *, instead: str | None) -> None:
        """The channel will never take it: record it, and say it on the channel ``instead``.

        Raises:
            Transient: Postgres can't be reached.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            connection.execute(_touch(row.outbox_id).values(failed_at=now, last_error=error))
            if instead is not None:
                payload = {**row.payload, "undeliverable": {"channel": row.channel, "error": error}}
                _enqueue(connection, row.event_id, row.alert_id, instead, payload, now, row.channel)

    def pending(self) -> int:
        """How many notifications are not yet delivered and not given up.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = sa.select(sa.func.count()).where(
            outbox.c.delivered_at.is_(None), outbox.c.failed_at.is_(None)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return connection.execute(query).scalar_one()

    def _update(self, outbox_id: int, **values: Any) -> None:
        with transient_if_unreachable(), self._engine.begin() as connection:
            connection.execute(_touch(outbox_id).values(**values))


_CLAIM = sa.text(
    """
    UPDATE outbox SET next_attempt_at = :until, attempts = attempts + 1
    WHERE outbox_id IN (
        SELECT outbox_id FROM outbox AS due
        WHERE delivered_at IS NULL AND failed_at IS NULL AND next_attempt_at <= :now
        AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.alert_id = due.alert_id AND earlier.channel = due.channel
            AND earlier.outbox_id < due.outbox_id
            AND earlier.delivered_at IS NULL AND earlier.failed_at IS NULL
        )
        ORDER BY outbox_id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    RETURNING outbox_id, event_id, alert_id, channel, instead_of, payload, attempts, created_at
    """
)


def _touch(outbox_id: int) -> sa.Update:
    return sa.update(outbox).where(outbox.c.outbox_id == outbox_id)


def _enqueue(
    connection: sa.Connection,
    event_id: int,
    alert_id: int,
    channel: str,
    payload: Mapping[str, Any],
    now: datetime,
    instead_of: str = "",
) -> None:
    connection.execute(
        insert(outbox)
        .values(
            event_id=event_id,
            alert_id=alert_id,
            channel=channel,
            instead_of=instead_of,
            payload=payload,
            created_at=now,
            next_attempt_at=now,
        )
        .on_conflict_do_nothing()
    )


def _set_state(connection: sa.Connection, change: StateChange) -> int | None:
    """Insert or move the alert's row; gives its id, or ``None`` when it was not as expected."""
    times: dict[str, Any] = {"clear_since": change.clear_since, "updated_at": change.at}
    if change.state == "firing" and change.expected_state != "firing":
        times["fired_at"] = change.at
    if change.state == "resolved":
        times["resolved_at"] = change.at
    if change.alert_id is None:
        return connection.execute(
            insert(alerts)
            .values(
                rule=change.rule,
                labels=change.labels,
                fingerprint=fingerprint(change.rule, change.labels),
                state=change.state,
                severity=change.severity,
                started_at=change.at,
                evidence=change.evidence,
                **times,
            )
            .on_conflict_do_nothing()
            .returning(alerts.c.alert_id)
        ).scalar_one_or_none()
    return connection.execute(
        sa.update(alerts)
        .where(alerts.c.alert_id == change.alert_id, alerts.c.state == change.expected_state)
        .values(state=change.state, **times)
        .returning(alerts.c.alert_id)
    ).scalar_one_or_none()
