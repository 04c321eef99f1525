"""The days of ``calls`` and the months of rollups: made ahead of time, dropped whole once retention is over.

A row that falls outside every partition would abort its batch, so partitions exist for the whole range
that decode accepts, and for some days ahead in case nobody makes them for a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import transient_if_unreachable

#: Days that are made ahead of today, so that a control process may be away over a long weekend.
DAYS_AHEAD = 4

#: Days back that are made when nothing else is asked for: the default of ``ingest.max_lateness``.
DAYS_BACK = 7

#: How long we wait for those who read a partition that is to go.
PATIENCE = "2s"

#: Keys of the advisory locks that let one process at a time make partitions, and drop them.
_PARTITION_LOCK = 0x6C6C6D02
_DROP_LOCK = 0x6C6C6D05

_EXISTING = sa.text(
    """
    SELECT child.relname
    FROM pg_inherits
    JOIN pg_class child ON child.oid = pg_inherits.inhrelid
    WHERE pg_inherits.inhparent = CAST(:table AS regclass) AND NOT inhdetachpending
    """
)

#: Every partition that there is a table of, attached or not: one that was detached may not be dropped yet.
_TABLES = sa.text(
    """
    SELECT relname FROM pg_class
    WHERE relkind = 'r'
    AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = CAST(:table AS regclass))
    AND starts_with(relname, :table || '_')
    """
)

#: Whose partition it is, and whether its detaching was begun and not ended; no row where it is none any more.
_PENDING = sa.text(
    """
    SELECT CAST(CAST(inhparent AS regclass) AS text) AS parent, inhdetachpending AS pending
    FROM pg_inherits WHERE inhrelid = to_regclass(:name)
    """
)

# Of a day that has rollups it had calls, too.
_NOTE_DROPPED = sa.text(
    """
    INSERT INTO dropped_days (day)
    SELECT CAST(:day AS date) WHERE EXISTS (
        SELECT FROM rollup_1m
        WHERE bucket >= CAST(:day AS timestamp) AT TIME ZONE 'UTC'
        AND bucket < (CAST(:day AS timestamp) + interval '1 day') AT TIME ZONE 'UTC'
    )
    ON CONFLICT DO NOTHING
    """
)

_NOTE_WHOLE = sa.text("DELETE FROM dropped_days WHERE day = :day")

_FORGET_DROPPED = sa.text(
    """
    DELETE FROM dropped_days WHERE NOT EXISTS (
        SELECT FROM rollup_1m
        WHERE bucket >= CAST(day AS timestamp) AT TIME ZONE 'UTC'
        AND bucket < (CAST(day AS timestamp) + interval '1 day') AT TIME ZONE 'UTC'
    )
    """
)

_TRY_LOCK = sa.text("SELECT pg_try_advisory_lock(:key)")


class Kept(NamedTuple):
    """Tables that are partitioned alike, and how: a partition's name ends in the day that it begins with."""

    tables: tuple[str, ...]
    suffix: str
    """How that day is written (``strftime``)."""
    longest: timedelta
    """What a partition spans at most: a day, or a month of 31."""

    def first(self, day: date) -> date:
        """The day with which the partition of a day begins."""
        return day if self.longest == timedelta(days=1) else day.replace(day=1)

    def after(self, first: date) -> date:
        """The day with which the next partition begins."""
        return self.first(first + self.longest)

    def name(self, table: str, first: date) -> str:
        """The name of a partition."""
        return f"{table}_{first:{self.suffix}}"

    def begins(self, table: str, name: str) -> date | None:
        """The day with which a partition made here begins, or ``None`` for any other."""
        try:
            return datetime.strptime(name, f"{table}_{self.suffix}").replace(tzinfo=UTC).date()
        except ValueError:
            return None


CALLS = Kept(("calls",), "%Y%m%d", timedelta(days=1))
ROLLUPS = Kept(
    ("rollup_1m", "rollup_1h", "rollup_service_1m", "rollup_service_1h"), "%Y%m", timedelta(days=31)
)


def ensure_partitions(
    connection: sa.Connection,
    now: datetime,
    *,
    max_lateness: timedelta = timedelta(days=DAYS_BACK),
    of: Sequence[Kept] = (CALLS, ROLLUPS),
) -> list[str]:
    """Make the missing partitions from ``max_lateness`` back to ``DAYS_AHEAD`` ahead of ``now``.

    Gives the names of those that were made. Two processes may do this at once: one waits for the other.
    A table is made beside the others and then attached, which does not block inserts into its neighbours.
    One that was detached, or half detached, and not dropped yet has all its rows, and is attached again.
    A day that has rollups had a partition before, and is noted as dropped: whoever dropped it.
    """
    oldest = (now - max_lateness).astimezone(UTC).date() - timedelta(days=1)
    newest = now.astimezone(UTC).date() + timedelta(days=DAYS_AHEAD)
    if not any(_missing(connection, of, oldest, newest)):
        return []
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PARTITION_LOCK})
    made = []
    for kept, table, first in list(_missing(connection, of, oldest, newest)):
        name = kept.name(table, first)
        _detach(connection, name)
        begun = connection.execute(sa.text("SELECT to_regclass(:name)"), {"name": name}).scalar_one()
        if begun is None:
            connection.execute(sa.text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
        connection.execute(
            sa.text(
                f"ALTER TABLE {table} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ('{first}T00:00:00Z') TO ('{kept.after(first)}T00:00:00Z')"
            )
        )
        if kept is CALLS:
            connection.execute(_NOTE_DROPPED if begun is None else _NOTE_WHOLE, {"day": first})
        made.append(name)
    return made


def expired(connection: sa.Connection, now: datetime, *, keep: timedelta, of: Kept = CALLS) -> list[str]:
    """The names of the partitions whose every row is older than ``keep``; also of those half dropped."""
    oldest = of.first((now - keep).astimezone(UTC).date())
    return [
        name
        for table in of.tables
        for name in sorted(connection.execute(_TABLES, {"table": table}).scalars())
        if (first := of.begins(table, name)) and first < oldest
    ]


def drop_partitions(engine: sa.Engine, now: datetime, *, keep: timedelta, of: Kept = CALLS) -> list[str]:
    """Drop the partitions whose every row is older than ``keep``; gives their names.

    Retention drops whole days of calls and whole months of rollups, never rows. A plain DROP would lock the
    whole table, and everybody would wait behind us for the end of whoever reads it. So a partition is
    detached first, which waits for readers without making anybody wait for us, and dropped when it is a table
    by itself. Where a reader takes longer than ``PATIENCE``, what is half done is finished another time. One
    process at a time does this. A day of calls is noted as dropped as long as its rollups are kept.

    Raises:
        Transient: somebody reads the table for long, or Postgres can't be reached.
    """
    dropped: list[str] = []
    with transient_if_unreachable(), engine.connect() as connection:
        # Detaching concurrently is several transactions, and the lock on doing it outlasts each of them.
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(_TRY_LOCK, {"key": _DROP_LOCK}).scalar_one():
            return []
        try:
            connection.execute(sa.text(f"SET lock_timeout = '{PATIENCE}'"))
            for name in expired(connection, now, keep=keep, of=of):
                if of is CALLS:
                    connection.execute(_NOTE_DROPPED, {"day": of.begins("calls", name)})
                _detach(connection, name)
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
                dropped.append(name)
            if dropped:
                connection.execute(_FORGET_DROPPED)
        finally:
            # The session goes back to the pool: neither the lock nor the setting may stay with it.
            connection.invalidate()
    return dropped


def _detach(connection: sa.Connection, name: str) -> None:
    """Make a partition a table by itself, if it isn't yet."""
    attached = connection.execute(_PENDING, {"name": name}).one_or_none()
    if attached is not None:
        how = "FINALIZE" if attached.pending else "CONCURRENTLY"
        connection.execute(sa.text(f"ALTER TABLE {attached.parent} DETACH PARTITION {name} {how}"))


def _missing(
    connection: sa.Connection, of: Sequence[Kept], oldest: date, newest: date
) -> Iterator[tuple[Kept, str, date]]:
    """The partitions that days between these two need and that are not there: by table and first day."""
    for kept in of:
        for table in kept.tables:
            existing = _existing(connection, table)
            first = kept.first(oldest)
            while first <= newest:
                if kept.name(table, first) not in existing:
                    yield kept, table, first
                first = kept.after(first)


def _existing(connection: sa.Connection, table: str) -> list[str]:
    return sorted(connection.execute(_EXISTING, {"table": table}).scalars())
