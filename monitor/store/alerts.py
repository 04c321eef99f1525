"""The life of alerts in Postgres: what rules remember, what is open, every transition, and the outbox.

What an evaluation of one minute found is one transaction (``Alerts.commit``): the memory of every rule, each
transition as an event, the alerts that changed, and what is to be told. Each rule's memory moves on from the
minute that the evaluation saw, or nothing is written at all: two evaluators can't make the same change twice,
and a crash leaves the minute either whole or not begun.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.dialects.postgresql import distinct_on, insert

from monitor.store.current import CurrentAlert
from monitor.store.database import transient_if_unreachable
from monitor.store.outbox import Destination, enqueue
from monitor.store.tables import acknowledgements, alert_events, alerts, outbox, rule_states


class AlertRow(CurrentAlert, frozen=True):
    """An alert as it is stored, with what proves it: open, or resolved not long ago."""

    evidence: dict[str, Any]


class StoredMemory(msgspec.Struct, frozen=True):
    """What a rule remembers at the end of a minute, and of which definition of it."""

    rule: str
    definition: str
    at: datetime
    state: bytes
    expected_at: datetime | None = None
    """The minute that it goes on from; ``None`` where nothing was stored."""


class AlertChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert is from now on.

    ``state`` is pending, firing or resolved, and ``before`` what that was, if it was open; ``standing`` is
    its state in full. ``evidence`` of ``None`` leaves what is stored.
    """

    rule: str
    labels: Mapping[str, str]
    severity: str
    state: str
    before: str | None
    standing: str
    at: datetime
    onset_at: datetime | None = None
    episode: str | None = None
    muted_by: str | None = None
    told: bool = False
    evidence: Mapping[str, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint(self.rule, self.severity, self.labels)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of a label set under a rule, whether it has an alert or not."""

    rule: str
    labels: Mapping[str, str]
    fingerprint: str
    at: datetime
    from_state: str | None
    to_state: str
    reason: str
    evidence: Mapping[str, Any]


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be delivered to some channels, about the episode of an alert that is stored."""

    fingerprint: str
    episode: str
    kind: str
    destinations: Sequence[Destination]
    payload: Mapping[str, Any]
    ends_acknowledgement: bool = False
    """The episode had ended and goes on: whoever took care of it then may not know."""


class Evaluated(msgspec.Struct, frozen=True):
    """What an evaluation of one minute found."""

    memories: Sequence[StoredMemory] = ()
    changes: Sequence[AlertChange] = ()
    events: Sequence[Event] = ()
    tellings: Sequence[Telling] = ()


class Incident(msgspec.Struct, frozen=True):
    """A time in which an alert fired: no baseline learns from it."""

    rule: str
    labels: dict[str, str]
    start: datetime
    end: datetime | None


class Acknowledged(msgspec.Struct, frozen=True):
    """Who takes care of an episode. ``source`` is ``page``, ``command`` or the name of a channel."""

    episode: str
    at: datetime
    by: str
    source: str


def fingerprint(rule: str, severity: str, labels: Mapping[str, str]) -> str:
    """The identity of an alert: its rule, severity and label set. Annotations and numbers may change."""
    text = msgspec.json.encode([rule, severity, sorted(labels.items())])
    return hashlib.sha256(text).hexdigest()[:32]


class Alerts:
    """The alerts in Postgres.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open(self, *, resolved_since: datetime | None = None) -> list[AlertRow]:
        """Every alert that is pending or firing, and those that were resolved since, oldest first.

        Raises:
            Transient: Postgres can't be reached.
        """
        wanted: sa.ColumnElement[bool] = alerts.c.state != "resolved"
        if resolved_since is not None:
            wanted = wanted | (alerts.c.resolved_at >= resolved_since)
        columns = [alerts.c[field.name] for field in msgspec.structs.fields(AlertRow)]
        query = sa.select(*columns).where(wanted).order_by(alerts.c.alert_id)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [AlertRow(**row._mapping) for row in connection.execute(query)]

    def memories(self) -> dict[str, StoredMemory]:
        """What every rule remembers, by rule.

        Raises:
            Transient: Postgres can't be reached.
        """
        columns = rule_states.c
        query = sa.select(columns.rule, columns.definition, columns.at, columns.state)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return {row.rule: StoredMemory(**row._mapping) for row in connection.execute(query)}

    def incidents(self, since: datetime) -> list[Incident]:
        """The times in which alerts fired, that ended after ``since`` or have not ended.

        They begin where the evidence began, which is before it was enough.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = sa.select(
            alerts.c.rule,
            alerts.c.labels,
            sa.func.coalesce(alerts.c.onset_at, alerts.c.started_at).label("start"),
            alerts.c.resolved_at.label("end"),
        ).where(
            alerts.c.fired_at.is_not(None),
            alerts.c.resolved_at.is_(None) | (alerts.c.resolved_at > since),
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return [Incident(**row._mapping) for row in connection.execute(query)]

    def expire_events(self, before: datetime, limit: int) -> int:
        """Delete at most ``limit`` events of before that no alert is about; gives how many.

        Raises:
            Transient: Postgres can't be reached.
        """
        event = alert_events.c
        over = (
            sa.select(event.event_id)
            .where(event.alert_id.is_(None), event.at < before)
            .order_by(event.at)
            .limit(limit)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return connection.execute(sa.delete(alert_events).where(event.event_id.in_(over))).rowcount

    def told(self, episode: str) -> list[str]:
        """The channels that were given anything about an episode, sorted.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = sa.select(outbox.c.channel).where(outbox.c.episode == episode).distinct()
        with transient_if_unreachable(), self._engine.begin() as connection:
            return sorted(connection.execute(query).scalars())

    def repeat(self, telling: Telling, now: datetime, since: datetime) -> None:
        """Tell again of an alert that fires, on those channels that were told nothing of it after ``since``.

        Raises:
            Transient: Postgres can't be reached, and nothing is written.
        """
        fires = (
            sa.select(alerts.c.alert_id)
            .where(alerts.c.fingerprint == telling.fingerprint, alerts.c.state == "firing")
            .with_for_update()  # two evaluators take turns, and the second finds what the first wrote
        )
        told = sa.select(outbox.c.channel).where(
            outbox.c.episode == telling.episode, outbox.c.instead_of == "", outbox.c.created_at > since
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            if connection.execute(fires).scalar_one_or_none() is None:
                return
            lately = set(connection.execute(told).scalars())
            due = [one for one in telling.destinations if one.channel not in lately]
            _tell(connection, structs.replace(telling, destinations=due), now)

    def told_at(self, episodes: Collection[str]) -> dict[tuple[str, str], datetime]:
        """When each channel was last given anything about each of these episodes.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = (
            sa.select(outbox.c.episode, outbox.c.channel, sa.func.max(outbox.c.created_at))
            .where(outbox.c.episode.in_(list(episodes)), outbox.c.instead_of == "")
            .group_by(outbox.c.episode, outbox.c.channel)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def acknowledged(self, episodes: Collection[str]) -> dict[str, Acknowledged]:
        """Who takes care of which of these episodes.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = sa.select(acknowledgements).where(acknowledgements.c.episode.in_(list(episodes)))
        with transient_if_unreachable(), self._engine.begin() as connection:
            return {row.episode: Acknowledged(**row._mapping) for row in connection.execute(query)}

    def acknowledge(self, episode: str, *, by: str, source: str, now: datetime) -> Acknowledged | None:
        """Note who takes care of an episode that goes on, and tell every channel that heard of it.

        The channel that it came from (``source``) knows. Gives who takes care of it, perhaps somebody who was
        first; ``None`` where nothing of this episode fires.

        Raises:
            Transient: Postgres can't be reached, and nothing is noted.
        """
        fires = sa.select(alerts.c.alert_id).where(alerts.c.episode == episode, alerts.c.state == "firing")
        noting = insert(acknowledgements).values(episode=episode, at=now, by=by, source=source)
        newest = (
            sa.select(outbox)
            .ext(distinct_on(outbox.c.channel))
            .where(outbox.c.episode == episode, outbox.c.instead_of == "", outbox.c.channel != source)
            .order_by(outbox.c.channel, outbox.c.outbox_id.desc())
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            if connection.execute(fires.limit(1)).scalar_one_or_none() is None:
                return None
            noted = noting.on_conflict_do_nothing().returning(acknowledgements.c.episode)
            if connection.execute(noted).scalar_one_or_none() is None:
                first = sa.select(acknowledgements).where(acknowledgements.c.episode == episode)
                return Acknowledged(**connection.execute(first).one()._mapping)
            said = {"by": by, "at": now.isoformat(), "source": source}
            for row in connection.execute(newest).all():
                # What a channel was not told yet, and is not to be told now, holds this back too.
                waits = row.attempts == 0 and row.delivered_at is None and row.superseded_at is None
                held = Destination(row.channel, row.next_attempt_at, row.digest)
                enqueue(
                    connection,
                    [held if waits else Destination(row.channel)],
                    {**row.payload, "kind": "acknowledge", "acknowledged": said, "at": now.isoformat()},
                    now,
                    episode=episode,
                    kind="acknowledge",
                    event_id=row.event_id,
                    alert_id=row.alert_id,
                )
            return Acknowledged(episode, now, by, source)

    def commit(self, found: Evaluated, now: datetime) -> bool:
        """Write what an evaluation found, whole; ``False`` when somebody else was there first.

        Raises:
            Transient: Postgres can't be reached, and nothing is written.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            # In one order everywhere, so that two evaluators wait for each other instead of for ever.
            moved = [_move(connection, one) for one in sorted(found.memories, key=lambda one: one.rule)]
            if not all(moved):
                connection.rollback()
                return False
            ids = {change.fingerprint: _change(connection, change) for change in found.changes}
            _record(connection, found.events, ids)
            for telling in found.tellings:
                _tell(connection, telling, now)
            return True


def _move(connection: sa.Connection, memory: StoredMemory) -> bool:
    """Store a memory that goes on from the one that is there; ``False`` where another is there, or itself."""
    values = {"definition": memory.definition, "at": memory.at, "state": memory.state}
    statement: sa.Insert | sa.Update
    if memory.expected_at is None:
        statement = insert(rule_states).values(rule=memory.rule, **values).on_conflict_do_nothing()
    else:
        statement = (
            sa.update(rule_states)
            .where(
                rule_states.c.rule == memory.rule,
                rule_states.c.at == memory.expected_at,
                # Whether the log is read may change without another minute.
                (rule_states.c.at != memory.at) | (rule_states.c.state != memory.state),
            )
            .values(values)
        )
    moved = connection.execute(statement.returning(rule_states.c.rule))
    return moved.scalar_one_or_none() is not None


def _change(connection: sa.Connection, change: AlertChange) -> int | None:
    """Open an alert or change the one that is open; gives its id."""
    values: dict[str, Any] = {
        "state": change.state,
        "standing": change.standing,
        "updated_at": change.at,
        "episode": change.episode,
        "muted_by": change.muted_by,
        "told": change.told,
        "onset_at": change.onset_at,
    }
    if change.evidence is not None:
        values["evidence"] = change.evidence
    if change.state == "resolved":
        values["resolved_at"] = change.at
        ending = (
            sa.update(alerts)
            .where(alerts.c.fingerprint == change.fingerprint, alerts.c.state != "resolved")
            .values(values)
        )
        return connection.execute(ending.returning(alerts.c.alert_id)).scalar_one_or_none()
    fired_at = change.at if change.state == "firing" else None
    opening = insert(alerts).values(
        rule=change.rule,
        labels=change.labels,
        fingerprint=change.fingerprint,
        severity=change.severity,
        started_at=change.at,
        fired_at=fired_at,
        **{"evidence": {}, **values},
    )
    alert_id: int = connection.execute(
        opening.on_conflict_do_update(
            index_elements=["fingerprint"],
            index_where=sa.text("state <> 'resolved'"),
            set_={**values, "fired_at": sa.func.coalesce(alerts.c.fired_at, opening.excluded.fired_at)},
        ).returning(alerts.c.alert_id)
    ).scalar_one()
    return alert_id


def _record(connection: sa.Connection, events: Sequence[Event], ids: Mapping[str, int | None]) -> None:
    """Store transitions, with the alert that each is of, if there is one."""
    if events:
        rows = [{**msgspec.structs.asdict(one), "alert_id": ids.get(one.fingerprint)} for one in events]
        connection.execute(sa.insert(alert_events), rows)


def _tell(connection: sa.Connection, telling: Telling, now: datetime) -> None:
    """Put what is to be told into the outbox, under the newest event of its alert."""
    event = connection.execute(
        sa.select(alert_events.c.event_id, alert_events.c.alert_id)
        .where(alert_events.c.fingerprint == telling.fingerprint, alert_events.c.alert_id.is_not(None))
        .order_by(alert_events.c.event_id.desc())
        .limit(1)
    ).one()
    if telling.ends_acknowledgement:
        connection.execute(sa.delete(acknowledgements).where(acknowledgements.c.episode == telling.episode))
    payload = {**telling.payload, "alert_id": event.alert_id}
    enqueue(
        connection,
        telling.destinations,
        payload,
        now,
        episode=telling.episode,
        kind=telling.kind,
        event_id=event.event_id,
        alert_id=event.alert_id,
    )
