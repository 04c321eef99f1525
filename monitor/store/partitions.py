"""The days of ``calls``: made ahead of time, dropped whole when retention has passed.

A row that falls outside every partition would abort its batch, so partitions exist for the whole range
that decode accepts, and for some days ahead in case nobody makes them for a while.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from monitor.store.database import transient_if_unreachable

#: Days that are made ahead of today, so that a control process may be away over a long weekend.
DAYS_AHEAD = 4

#: Days back that are made when nothing else is asked for: the default of ``ingest.max_lateness``.
DAYS_BACK = 7

_EXISTING = sa.text(
    """
    SELECT child.relname
    FROM pg_inherits
    JOIN pg_class child ON child.oid = pg_inherits.inhrelid
    WHERE pg_inherits.inhparent = 'calls'::regclass
    """
)

#: Every day that there is a table of, attached or not: a day that was detached may not be dropped yet.
_DAYS = sa.text(
    """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'calls'::regclass)
    AND relname LIKE 'calls\\_%'
    """
)

#: Whether a day's detaching was begun and not ended; no row where it is detached or gone.
_PENDING = sa.text(
    """
    SELECT inhdetachpending FROM pg_inherits
    WHERE inhparent = 'calls'::regclass AND inhrelid = to_regclass(:name)
    """
)

_TRY_LOCK = sa.text("SELECT pg_try_advisory_lock(:key)")

#: How long we wait for those who read a day that is to go.
PATIENCE = "2s"


def ensure_partitions(
    connection: sa.Connection, now: datetime, *, max_lateness: timedelta = timedelta(days=DAYS_BACK)
) -> list[str]:
    """Make the missing daily partitions from ``max_lateness`` back to ``DAYS_AHEAD`` ahead of ``now``.

    Gives the names of those that were made. Two processes may do this at once: one waits for the other.
    A table is made beside ``calls`` and then attached, which does not block inserts into its neighbours.
    """
    first = (now - max_lateness).astimezone(UTC).date() - timedelta(days=1)
    last = now.astimezone(UTC).date() + timedelta(days=DAYS_AHEAD)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    existing = set(connection.execute(_EXISTING).scalars())
    if not [day for day in days if _name(day) not in existing]:
        return []
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PARTITION_LOCK})
    existing = set(connection.execute(_EXISTING).scalars())
    missing = [day for day in days if _name(day) not in existing]
    for day in missing:
        connection.execute(sa.text(f"CREATE TABLE {_name(day)} (LIKE calls INCLUDING ALL)"))
        connection.execute(
            sa.text(
                f"ALTER TABLE calls ATTACH PARTITION {_name(day)} "
                f"FOR VALUES FROM ('{day}T00:00:00Z') TO ('{day + timedelta(days=1)}T00:00:00Z')"
            )
        )
    return [_name(day) for day in missing]


def expired(connection: sa.Connection, now: datetime, *, keep: timedelta) -> list[str]:
    """The names of the days whose every call is older than ``keep``, of a half dropped one too."""
    oldest = (now - keep).astimezone(UTC).date()
    names = connection.execute(_DAYS).scalars()
    return [name for name in sorted(names) if (d := _day(name)) and d < oldest]


def drop_partitions(engine: sa.Engine, now: datetime, *, keep: timedelta) -> list[str]:
    """Drop the days whose every call is older than ``keep``; gives their names.

    Retention drops whole days, never rows. A plain DROP would lock all of ``calls``, and every insert would
    wait behind us for the end of whoever reads it. So a day is detached first, which waits for readers
    without making anybody wait for us, and dropped when it is a table by itself. Where a reader takes longer
    than ``PATIENCE``, what is half done is finished another time. One process at a time does this.

    Raises:
        Transient: somebody reads ``calls`` for long, or Postgres can't be reached.
    """
    dropped: list[str] = []
    with transient_if_unreachable(), engine.connect() as connection:
        # Detaching concurrently is several transactions, and the lock on doing it outlasts each of them.
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(_TRY_LOCK, {"key": _DROP_LOCK}).scalar_one():
            return []
        try:
            connection.execute(sa.text(f"SET lock_timeout = '{PATIENCE}'"))
            for name in expired(connection, now, keep=keep):
                _detach(connection, name)
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
                dropped.append(name)
        finally:
            # The session goes back to the pool: neither the lock nor the setting may stay with it.
            connection.invalidate()
    return dropped


def _detach(connection: sa.Connection, name: str) -> None:
    """Make a day a table by itself, if it isn't yet."""
    pending = connection.execute(_PENDING, {"name": name}).scalar_one_or_none()
    if pending is not None:
        how = "FINALIZE" if pending else "CONCURRENTLY"
        connection.execute(sa.text(f"ALTER TABLE calls DETACH PARTITION {name} {how}"))


#: Keys of the advisory locks that let one process at a time make partitions, and drop them.
_PARTITION_LOCK = 0x6C6C6D02
_DROP_LOCK = 0x6C6C6D05


def _name(day: date) -> str:
    return f"calls_{day:%Y%m%d}"


def _day(name: str) -> date | None:
    """The day of a partition made here, or ``None`` for any other."""
    try:
        return datetime.strptime(name, "calls_%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
