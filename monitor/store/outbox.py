"""The outbox: what is to be delivered, in rows that are written with what they tell of.

In come pages as plain values and where they go; out come the rows that are due, leased to whoever asks, and
back come what channels answered. Of one episode and channel one row is under way at a time, so that nothing
overtakes what came before it; of several that wait only the newest is sent, as it says all there is to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.store.database import transient_if_unreachable
from monitor.store.tables import channel_states, outbox

#: How often a channel that works is written down as such.
SAID_EVERY = timedelta(minutes=1)


class Destination(msgspec.Struct, frozen=True):
    """A channel, and from when on it may be told; with ``digest`` together with others."""

    channel: str
    not_before: datetime | None = None
    digest: bool = False


class OutboxRow(msgspec.Struct, frozen=True):
    """A notification that is due: what, where, and how often it was tried, this time included.

    ``instead_of`` is the channel that could not take it, where this one stands in; else empty. ``receipt`` is
    what the channel gave back when it last took one of the same episode.
    """

    outbox_id: int
    event_id: int | None
    alert_id: int | None
    episode: str
    channel: str
    instead_of: str
    kind: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    receipt: dict[str, str] | None = None


class ChannelState(msgspec.Struct, frozen=True):
    """How a channel did last.

    ``failing_since`` is ``None`` while it takes what it is given; ``refused_at`` is when it last refused
    something for good, ``error`` what it said when it last failed.
    """

    channel: str
    sent_at: datetime | None
    failing_since: datetime | None
    error: str | None
    refused_at: datetime | None = None


class Outbox:
    """The outbox in Postgres.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, channel: str, now: datetime, *, lease: timedelta, limit: int = 1) -> list[OutboxRow]:
        """Take notifications of a channel that are due, oldest first, for ``lease``; others leave them alone.

        Raises:
            Transient: Postgres can't be reached.
        """
        values = {"channel": channel, "now": now, "until": now + lease, "limit": limit}
        with transient_if_unreachable(), self._engine.begin() as connection:
            rows = connection.execute(_CLAIM, values)
            return sorted((OutboxRow(**row._mapping) for row in rows), key=lambda row: row.outbox_id)

    def gather(
        self,
        channel: str,
        now: datetime,
        build: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]],
        readable: Callable[[Mapping[str, Any]], bool],
    ) -> int:
        """Put what waits for a channel's digest, and is due, into one notification; gives how many that were.

        ``build`` makes its payload from theirs, oldest first. What is not ``readable`` is in no digest, and
        due by itself.

        Raises:
            Transient: Postgres can't be reached, and nothing has changed.
        """
        due = (
            sa.select(outbox.c.outbox_id, outbox.c.payload)
            .where(outbox.c.channel == channel, outbox.c.digest, outbox.c.next_attempt_at <= now, _OPEN)
            .order_by(outbox.c.outbox_id)
            .with_for_update(skip_locked=True)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            every = connection.execute(due).all()
            rows = [row for row in every if readable(row.payload)]
            if odd := [row.outbox_id for row in every if row not in rows]:
                connection.execute(sa.update(outbox).where(outbox.c.outbox_id.in_(odd)).values(digest=False))
            if rows:
                payload = build([row.payload for row in rows])
                enqueue(
                    connection,
                    [Destination(channel)],
                    payload,
                    now,
                    episode=payload["episode"],
                    kind=payload["kind"],
                )
                ids = [row.outbox_id for row in rows]
                connection.execute(
                    sa.update(outbox).where(outbox.c.outbox_id.in_(ids)).values(superseded_at=now)
                )
            return len(rows)

    def put(self, channel: str, payload: Mapping[str, Any], now: datetime) -> int:
        """Put a notification of no alert in; gives its number.

        Raises:
            Transient: Postgres can't be reached.
        """
        episode, kind = payload["episode"], payload["kind"]
        with transient_if_unreachable(), self._engine.begin() as connection:
            [number] = enqueue(connection, [Destination(channel)], payload, now, episode=episode, kind=kind)
            return number

    def put_leased(
        self, channel: str, payload: Mapping[str, Any], now: datetime, *, lease: timedelta
    ) -> OutboxRow:
        """Put a notification of no alert in and take it at once, as ``claim`` does.

        Raises:
            Transient: Postgres can't be reached.
        """
        episode, kind = payload["episode"], payload["kind"]
        held = Destination(channel, now + lease)
        with transient_if_unreachable(), self._engine.begin() as connection:
            [number] = enqueue(connection, [held], payload, now, episode=episode, kind=kind)
        return OutboxRow(number, None, None, episode, channel, "", kind, dict(payload), 1, now)

    def delivered(self, row: OutboxRow, now: datetime, receipt: Mapping[str, str] | None = None) -> None:
        """The channel took it, and gave this back; see ``all_delivered``."""
        self.all_delivered([(row, receipt)], now)

    def all_delivered(
        self, taken: Sequence[tuple[OutboxRow, Mapping[str, str] | None]], now: datetime
    ) -> None:
        """One channel took these, at least one, and gave something back for each, or nothing.

        Raises:
            Transient: Postgres can't be reached; the notifications will be sent again after their lease,
                with the same ids.
        """
        marking = (
            sa.update(outbox)
            .where(outbox.c.outbox_id == sa.bindparam("number"))
            .values(delivered_at=now, last_error=None, receipt=sa.bindparam("given"))
        )
        marks = [{"number": row.outbox_id, "given": receipt or sa.null()} for row, receipt in taken]
        with transient_if_unreachable(), self._engine.begin() as connection:
            connection.execute(marking, marks)
            _works(connection, taken[0][0].channel, now)

    def retry(self, row: OutboxRow, now: datetime, next_attempt_at: datetime, error: str) -> None:
        """The channel could not take it now.

        Raises:
            Transient: Postgres can't be reached.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            connection.execute(_touch(row).values(next_attempt_at=next_attempt_at, last_error=error))
            _failing(connection, row.channel, now, error)

    def failed(self, row: OutboxRow, now: datetime, error: str, *, instead: str | None) -> None:
        """The channel will never take it: record it, and say it on the channel ``instead``.

        Raises:
            Transient: Postgres can't be reached.
        """
        ending = (
            _touch(row).where(_OPEN).values(failed_at=now, last_error=error).returning(outbox.c.outbox_id)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            if connection.execute(ending).scalar_one_or_none() is None:
                return  # another, whose lease ours outlasted, has said so
            _refused(connection, row.channel, now, error)
            if instead is not None and not _hears_the_end(connection, row, instead):
                payload = {**row.payload, "undeliverable": {"channel": row.channel, "error": error}}
                enqueue(
                    connection,
                    [Destination(instead)],
                    payload,
                    now,
                    episode=row.episode,
                    kind=row.kind,
                    event_id=row.event_id,
                    alert_id=row.alert_id,
                    instead_of=row.channel,
                )

    def works(self, channel: str, now: datetime) -> None:
        """A channel took what it was given without a row of the outbox.

        Raises:
            Transient: Postgres can't be reached.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            _works(connection, channel, now)

    def fails(self, channel: str, now: datetime, error: str) -> datetime:
        """A channel did not take what it was given without a row of the outbox; gives since when it does not.

        Raises:
            Transient: Postgres can't be reached.
        """
        with transient_if_unreachable(), self._engine.begin() as connection:
            return _failing(connection, channel, now, error)

    def pending(self, now: datetime) -> tuple[int, datetime | None]:
        """How many notifications wait, and when the oldest came of those that are not held back on purpose.

        Raises:
            Transient: Postgres can't be reached.
        """
        late = (outbox.c.attempts > 0) | (outbox.c.next_attempt_at <= now)
        oldest = sa.func.min(outbox.c.created_at).filter(late)
        query = sa.select(sa.func.count(), oldest).where(_OPEN)
        with transient_if_unreachable(), self._engine.begin() as connection:
            count, since = connection.execute(query).one()
            return count, since

    def channels(self) -> list[str]:
        """The channels for which anything waits, by name.

        Raises:
            Transient: Postgres can't be reached.
        """
        query = sa.select(outbox.c.channel).where(_OPEN).distinct().order_by(outbox.c.channel)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return list(connection.execute(query).scalars())

    def states(self) -> list[ChannelState]:
        """How each channel did last, by name.

        Raises:
            Transient: Postgres can't be reached.
        """
        columns = channel_states.c
        query = sa.select(*columns)
        with transient_if_unreachable(), self._engine.begin() as connection:
            rows = connection.execute(query.order_by(columns.channel))
            return [ChannelState(**row._mapping) for row in rows]


def enqueue(
    connection: sa.Connection,
    destinations: Sequence[Destination],
    payload: Mapping[str, Any],
    now: datetime,
    *,
    episode: str,
    kind: str,
    event_id: int | None = None,
    alert_id: int | None = None,
    instead_of: str = "",
) -> list[int]:
    """Write one for each destination, in the transaction of what it tells of; gives their numbers.

    A transition that a channel was told of already is not told again.
    """
    if not destinations:
        return []
    rows = [
        {
            "event_id": event_id,
            "alert_id": alert_id,
            "episode": episode,
            "channel": one.channel,
            "instead_of": instead_of,
            "kind": kind,
            "payload": payload,
            "created_at": now,
            "next_attempt_at": max(now, one.not_before or now),
            "digest": one.digest,
        }
        for one in destinations
    ]
    inserting = insert(outbox).values(rows).on_conflict_do_nothing().returning(outbox.c.outbox_id)
    return list(connection.execute(inserting).scalars())


def _touch(row: OutboxRow) -> sa.Update:
    return sa.update(outbox).where(outbox.c.outbox_id == row.outbox_id)


def _hears_the_end(connection: sa.Connection, row: OutboxRow, channel: str) -> bool:
    """Whether a channel is told by itself of the end that this row tells of."""
    ends = sa.select(outbox.c.outbox_id).where(
        outbox.c.episode == row.episode,
        outbox.c.channel == channel,
        outbox.c.kind == "resolve",
        outbox.c.failed_at.is_(None),
    )
    return row.kind == "resolve" and connection.execute(ends.limit(1)).first() is not None


def _refused(connection: sa.Connection, channel: str, now: datetime, error: str) -> None:
    refuses = insert(channel_states).values(channel=channel, refused_at=now, error=error)
    connection.execute(
        refuses.on_conflict_do_update(index_elements=["channel"], set_={"refused_at": now, "error": error})
    )


def _works(connection: sa.Connection, channel: str, now: datetime) -> None:
    works = insert(channel_states).values(channel=channel, sent_at=now)
    connection.execute(
        works.on_conflict_do_update(
            index_elements=["channel"],
            # What it refused is told for a while, with what it said.
            set_={
                "sent_at": now,
                "failing_since": None,
                "error": sa.case((channel_states.c.refused_at.is_not(None), channel_states.c.error)),
            },
            where=channel_states.c.failing_since.is_not(None)
            | channel_states.c.sent_at.is_(None)
            | (channel_states.c.sent_at < now - SAID_EVERY),
        )
    )


def _failing(connection: sa.Connection, channel: str, now: datetime, error: str) -> datetime:
    fails = insert(channel_states).values(channel=channel, failing_since=now, error=error)
    since = sa.func.coalesce(channel_states.c.failing_since, now)
    written = connection.execute(
        fails.on_conflict_do_update(
            index_elements=["channel"], set_={"failing_since": since, "error": error}
        ).returning(channel_states.c.failing_since)
    )
    first: datetime = written.scalar_one()
    return first


#: Not delivered, not given up, and nothing else has said it.
_OPEN = sa.and_(
    outbox.c.delivered_at.is_(None), outbox.c.failed_at.is_(None), outbox.c.superseded_at.is_(None)
)

# Of each episode the oldest that waits decides when; what is sent is the newest that says everything, of
# those that are due and of the same kind: standing in for another channel is news of its own. An
# acknowledgement says less than what was not told yet, so it takes nothing over.
_CLAIM = sa.text(
    """
    WITH due AS (
        SELECT first.outbox_id, first.episode, first.instead_of FROM outbox AS first
        WHERE channel = :channel AND NOT digest AND next_attempt_at <= :now
        AND delivered_at IS NULL AND failed_at IS NULL AND superseded_at IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.episode = first.episode AND earlier.channel = first.channel
            AND earlier.outbox_id < first.outbox_id AND NOT earlier.digest AND earlier.delivered_at IS NULL
            AND earlier.failed_at IS NULL AND earlier.superseded_at IS NULL
        )
        ORDER BY outbox_id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ), waiting AS (
        SELECT due.outbox_id AS first, later.outbox_id, later.kind, later.next_attempt_at,
            bool_or(later.instead_of <> due.instead_of)
                OVER (PARTITION BY due.outbox_id ORDER BY later.outbox_id) AS of_another
        FROM due JOIN outbox AS later ON later.episode = due.episode AND later.channel = :channel
        WHERE later.outbox_id >= due.outbox_id AND NOT later.digest AND later.delivered_at IS NULL
        AND later.failed_at IS NULL AND later.superseded_at IS NULL
    ), chosen AS (
        SELECT first, max(outbox_id) AS newest FROM waiting
        WHERE outbox_id = first
        OR (kind IN ('update', 'repeat', 'resolve') AND next_attempt_at <= :now AND NOT of_another)
        GROUP BY first
    ), told_by_a_later_one AS (
        UPDATE outbox SET superseded_at = :now FROM chosen JOIN waiting USING (first)
        WHERE outbox.outbox_id = waiting.outbox_id AND waiting.outbox_id < chosen.newest
    )
    UPDATE outbox AS taken SET next_attempt_at = :until, attempts = attempts + 1 FROM chosen
    WHERE taken.outbox_id = chosen.newest
    RETURNING taken.outbox_id, taken.event_id, taken.alert_id, taken.episode, taken.channel, taken.instead_of,
        taken.kind, taken.payload, taken.attempts, taken.created_at, (
            SELECT receipt FROM outbox AS before
            WHERE before.episode = taken.episode AND before.channel = taken.channel
            AND before.receipt IS NOT NULL
            ORDER BY before.outbox_id DESC LIMIT 1
        ) AS receipt
    """
)
