"""The days of ``calls``: made ahead of time, dropped whole when retention has passed.

A row that falls outside every partition would abort its batch, so partitions exist for the whole range
that decode accepts, and for some days ahead in case nobody makes them for a while.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

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


def drop_partitions(connection: sa.Connection, now: datetime, *, keep: timedelta) -> list[str]:
    """Drop the partitions whose every call is older than ``keep``; gives their names.

    Retention drops whole days, never rows. Two processes may do this at once.
    """
    oldest = (now - keep).astimezone(UTC).date()
    names = [
        name for name in sorted(connection.execute(_EXISTING).scalars()) if (d := _day(name)) and d < oldest
    ]
    for name in names:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
    return names


#: Key of the advisory lock that lets one process at a time make partitions.
_PARTITION_LOCK = 0x6C6C6D02


def _name(day: date) -> str:
    return f"calls_{day:%Y%m%d}"


def _day(name: str) -> date | None:
    """The day of a partition made here, or ``None`` for any other."""
    try:
        return datetime.strptime(name, "calls_%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
