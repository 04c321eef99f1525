"""Recomputes the rollups of dirty minutes, in SQL, from the calls, and those of dirty hours from the minutes.

Calls are the truth and a rollup is a function of them: late calls, duplicates and replays need no path of
their own, and any minute can be rebuilt at any time while its calls are kept. What the rollups of series say
is added up by service and environment in the same transaction.
"""

# ruff: noqa: S608 - every statement is built from our own closed lists
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.records import CAPTURES, OUTCOMES, ErrorCategory
from monitor.store import requests
from monitor.store.database import transient_if_unreachable
from monitor.store.requests import Decide
from monitor.store.tables import COUNTED, HISTOGRAMS, SUMS, dirty_minutes, dropped_days, rollup_1m

#: Minutes of one transaction, and hours: so few that Grafana and ingest never wait for long.
SLICE, HOURS = 120, 4

#: How long the marks of a minute that is not over wait for more, so that its calls are read a few times and
#: not with every batch; and how long an hour that is over waits, whose calls may still come late.
MINUTE_WAITS, HOUR_WAITS = timedelta(seconds=15), timedelta(minutes=5)

#: How long after its end a minute's calls are awaited that were on their way.
_SETTLES = timedelta(seconds=5)

#: One recomputation at a time, so that an older snapshot can't overwrite a newer one.
_ROLLUP_LOCK = 0x6C6C6D03

#: What sorts the calls of a slice in memory. Only one session does this.
_MEMORY = sa.text("SET LOCAL work_mem = '64MB'")

_LOCK = sa.text("SELECT pg_advisory_xact_lock(:key)")

# A minute is due when it is over, or has waited: with the times of this server, which the marks have too.
_CLAIM = sa.text(
    """
    WITH due AS (
        SELECT minute FROM dirty_minutes
        GROUP BY minute
        HAVING minute + interval '1 minute' <= clock_timestamp() - CAST(:settles AS interval)
        OR min(marked_at) <= clock_timestamp() - CAST(:waits AS interval)
        ORDER BY minute DESC LIMIT :slice
    )
    DELETE FROM dirty_minutes USING due WHERE dirty_minutes.minute = due.minute
    RETURNING dirty_minutes.minute, marked_at
    """
)

_CLAIM_HOURS = sa.text(
    """
    DELETE FROM dirty_hours WHERE hour IN (
        SELECT hour FROM dirty_hours
        WHERE greatest(hour + interval '1 hour', marked_at) <= clock_timestamp() - CAST(:waits AS interval)
        ORDER BY hour DESC LIMIT :slice
    )
    RETURNING hour
    """
)

_DELETE = "DELETE FROM {tier} WHERE bucket = ANY(CAST(:buckets AS timestamptz[]))"

_MARK_HOURS = sa.text(
    """
    INSERT INTO dirty_hours (hour)
    SELECT DISTINCT date_bin('1 hour', minute, 'epoch') FROM unnest(CAST(:minutes AS timestamptz[])) AS minute
    ON CONFLICT DO NOTHING
    """
)

# What is marked as of the epoch has all its calls related anew.
_MARK = sa.text(
    """
    INSERT INTO dirty_minutes (minute, marked_at)
    SELECT generate_series(
        date_trunc('minute', greatest(oldest, CAST(:start AS timestamptz))),
        least(newest, CAST(:end AS timestamptz)), interval '1 minute'
    ), 'epoch'
    FROM (SELECT min(started_at) AS oldest, max(started_at) AS newest FROM calls) AS kept
    WHERE oldest IS NOT NULL
    """
)

_MARKED = sa.text(
    """
    SELECT count(DISTINCT minute) FROM dirty_minutes
    WHERE marked_at = 'epoch' AND minute >= date_trunc('minute', CAST(:start AS timestamptz))
    AND minute <= :end
    """
)

_WAITING = sa.text(
    """
    SELECT count(DISTINCT minute) AS minutes,
        extract(epoch FROM now() - min(marked_at) FILTER (WHERE marked_at > 'epoch')) AS age
    FROM dirty_minutes
    """
)

_COUNTERS = {
    **{
        f"{score}_{outcome}": f"count(*) FILTER (WHERE {score} = '{outcome}')"
        for score, outcomes in OUTCOMES.items()
        for outcome in outcomes
    },
    **{f"uncaptured_{what}": f"count(*) FILTER (WHERE NOT captured_{what})" for what in CAPTURES},
    # A failure that nobody named is of class ``other``, as in ``tables.ERROR_CLASS``.
    **{
        f"errors_{category}": "count(*) FILTER (WHERE status = 'error'"
        f" AND coalesce(error_category, 'other') = '{category}')"
        for category in ErrorCategory
    },
    **SUMS,
}


def _aggregates(made: dict[str, str]) -> str:
    """The SQL of each counter and sum, with null for 0."""
    return ",\n        ".join(f"nullif({made[name]}, 0) AS {name}" for name in COUNTED)


def _insert(
    tier: str, counted: str, measured: str, histograms: dict[str, str], key: str = "series_id"
) -> sa.TextClause:
    """The statement that fills a tier from rows of ``touched``, whose ``bucket`` is that of the tier.

    A row of the tier adds up those that share bucket and ``key``. ``counted`` aggregates them. ``measured``
    are the columns that histograms are made of, which are put aside: to read the rows again for each
    histogram takes longer than all else. ``histograms`` makes of those rows of (value_bucket, n) for each.
    """
    pairs = ", ".join(f"{of}_buckets, {of}_counts" for of in HISTOGRAMS)
    merged = "".join(
        f""",
    {of} AS (
        SELECT bucket, {key}, array_agg(value_bucket ORDER BY value_bucket) AS {of}_buckets,
            array_agg(n ORDER BY value_bucket) AS {of}_counts
        FROM (
            SELECT bucket, {key}, {histograms[of]} GROUP BY bucket, {key}, value_bucket
        ) AS counts
        GROUP BY bucket, {key}
    )"""
        for of in HISTOGRAMS
    )
    joined = " ".join(f"LEFT JOIN {of} USING (bucket, {key})" for of in HISTOGRAMS)
    return sa.text(
        f"""
    WITH touched AS NOT MATERIALIZED (
        {_TOUCHED[tier]}
    ),
    counted AS (
        SELECT bucket, {key},
        {counted}
        FROM touched GROUP BY bucket, {key}
    ),
    measured AS MATERIALIZED (
        SELECT bucket, {key}, {measured} FROM touched
    ){merged}
    INSERT INTO {tier} (bucket, series_id, calls, {", ".join(COUNTED)}, {pairs})
    SELECT bucket, series_id, calls, {", ".join(COUNTED)}, {pairs} FROM counted {joined}
    """
    )


#: The columns of a rollup but the first.
_COLUMNS = ", ".join(column.name for column in rollup_1m.columns if column.name != "bucket")

_OF_SERVICES = """
        SELECT service, environment, rolled.* FROM unnest(CAST(:buckets AS timestamptz[])) AS at
        CROSS JOIN LATERAL (
            SELECT * FROM {tier} WHERE bucket = at AND bucket >= :first AND bucket < :last OFFSET 0
        ) AS rolled
        JOIN series USING (series_id)"""

# Each minute or hour is read by itself through an index, however far apart they are: OFFSET 0 keeps the
# planner from joining them to all that lies between. The constant bounds tell it which partitions are meant;
# planning for every day that is kept took longer than a thin slice.
_TOUCHED = {
    "rollup_1m": """
        SELECT bucket, call.* FROM unnest(CAST(:buckets AS timestamptz[])) AS bucket
        CROSS JOIN LATERAL (
            SELECT * FROM calls WHERE started_at >= bucket AND started_at < bucket + interval '1 minute'
            AND started_at >= :first AND started_at < :last OFFSET 0
        ) AS call""",
    "rollup_1h": f"""
        SELECT hour AS bucket, minutes.* FROM unnest(CAST(:buckets AS timestamptz[])) AS hour
        CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM rollup_1m
            WHERE rollup_1m.bucket >= hour AND rollup_1m.bucket < hour + interval '1 hour'
            AND rollup_1m.bucket >= :first AND rollup_1m.bucket < :last OFFSET 0
        ) AS minutes""",
    "rollup_service_1m": _OF_SERVICES.format(tier="rollup_1m"),
    "rollup_service_1h": _OF_SERVICES.format(tier="rollup_1h"),
}

_MINUTES = _insert(
    "rollup_1m",
    f"count(*) AS calls,\n        {_aggregates(_COUNTERS)}",
    ", ".join(f"{value} AS {of}_bucket" for of, value in HISTOGRAMS.items()),
    {
        of: f"{of}_bucket AS value_bucket, count(*)::int AS n FROM measured WHERE {of}_bucket IS NOT NULL"
        for of in HISTOGRAMS
    },
)

#: Rollups added up: their sums, the columns of their histograms, and these merged.
_ADDED_UP = "sum(calls) AS calls,\n        " + _aggregates({name: f"sum({name})" for name in COUNTED})
_PAIRS = ", ".join(f"{of}_buckets, {of}_counts" for of in HISTOGRAMS)
_MERGED = {
    of: "value_bucket, sum(n)::int AS n FROM measured"
    f" CROSS JOIN LATERAL unnest({of}_buckets, {of}_counts) AS pair(value_bucket, n)"
    for of in HISTOGRAMS
}

_HOURS = _insert("rollup_1h", _ADDED_UP, _PAIRS, _MERGED)
_OF_MINUTES, _OF_HOURS = (
    _insert(tier, f"min(series_id) AS series_id, {_ADDED_UP}", _PAIRS, _MERGED, "service, environment")
    for tier in ("rollup_service_1m", "rollup_service_1h")
)


def recompute_dirty(
    engine: sa.Engine, *, slice_: int = SLICE, relate: Decide | None = None, waits: timedelta = timedelta()
) -> int:
    """Recompute up to ``slice_`` dirty minutes, newest first; gives how many there were.

    The marks are taken first and the calls read after, in the same transaction: every call whose mark was
    taken is seen, and a call that commits later has a mark of its own. The hours of the minutes are marked
    in the same transaction. The minutes of a day whose calls were dropped stay as they are: what is left of
    their calls is not all of them.

    Args:
        engine: where.
        slice_: minutes, at most.
        relate: where given, the calls that came since a minute was last recomputed are related to the others
            of their request (``requests.relate``) before they are counted, and the minutes where that
            changed a call are recomputed with the others.
        waits: how long the marks of a minute that is not over wait for more.

    Raises:
        Transient: Postgres can't be reached; the marks are still there.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(_LOCK, {"key": _ROLLUP_LOCK})
        connection.execute(_MEMORY)
        settles = min(waits, _SETTLES)
        marks = connection.execute(_CLAIM, {"slice": slice_, "waits": waits, "settles": settles}).all()
        dropped = set(connection.execute(sa.select(dropped_days.c.day)).scalars())
        since: dict[datetime, datetime] = {}
        for minute, marked_at in marks:
            since[minute] = min(marked_at, since.get(minute, marked_at))
        if since:
            also = requests.relate(connection, since, relate) if relate else set()
            whole = sorted(minute for minute in since.keys() | also if minute.date() not in dropped)
            if whole:
                _recompute(connection, whole)
        return len(since)


def recompute_hours(engine: sa.Engine, *, slice_: int = HOURS, waits: timedelta = timedelta()) -> int:
    """Recompute up to ``slice_`` dirty hours that are over, newest first; gives how many there were.

    Args:
        engine: where.
        slice_: hours, at most.
        waits: how long an hour waits for more, once it is over and marked.

    Raises:
        Transient: Postgres can't be reached; the marks are still there.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(_LOCK, {"key": _ROLLUP_LOCK})
        connection.execute(_MEMORY)
        hours = sorted(connection.execute(_CLAIM_HOURS, {"slice": slice_, "waits": waits}).scalars())
        if hours:
            _replace(
                connection, hours, timedelta(hours=1), {"rollup_1h": _HOURS, "rollup_service_1h": _OF_HOURS}
            )
        return len(hours)


def rebuild(engine: sa.Engine, start: datetime, end: datetime) -> int:
    """Mark every minute from ``start`` to ``end`` dirty, so that it is computed again from its calls.

    Gives how many minutes that are. Those before the oldest call that is kept stay as they are, as their
    calls were dropped; those after the newest have none.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        return connection.execute(_MARK, {"start": start, "end": end}).rowcount


def still_to_rebuild(engine: sa.Engine, start: datetime, end: datetime) -> int:
    """How many minutes that ``rebuild`` marked from ``start`` to ``end`` are not recomputed yet.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        return int(connection.execute(_MARKED, {"start": start, "end": end}).scalar_one())


def waiting(engine: sa.Engine) -> tuple[int, float]:
    """How many minutes wait to be recomputed, and for how many seconds the call that waits longest does.

    Minutes that a person had marked count, and their time does not.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        row = connection.execute(_WAITING).one()
        return row.minutes, float(row.age or 0)


def oldest_dirty(engine: sa.Engine) -> datetime | None:
    """The oldest minute that waits to be recomputed, if any does: its calls are needed for that.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        oldest: datetime | None = connection.execute(
            sa.select(sa.func.min(dirty_minutes.c.minute))
        ).scalar_one()
        return oldest


def _recompute(connection: sa.Connection, minutes: list[datetime]) -> None:
    """Replace the rollups of these minutes, and mark their hours."""
    filled = {"rollup_1m": _MINUTES, "rollup_service_1m": _OF_MINUTES}
    _replace(connection, minutes, timedelta(minutes=1), filled)
    connection.execute(_MARK_HOURS, {"minutes": minutes})


def _replace(
    connection: sa.Connection, buckets: list[datetime], width: timedelta, filled: Mapping[str, sa.TextClause]
) -> None:
    """Make the rows of these buckets, in order, anew in each tier, by the statement that fills it."""
    span: dict[str, Any] = {"buckets": buckets, "first": buckets[0], "last": buckets[-1] + width}
    for tier, fill in filled.items():
        connection.execute(sa.text(_DELETE.format(tier=tier)), {"buckets": buckets})
        connection.execute(fill, span)
