"""Recomputes the rollups of dirty minutes, in SQL, from the calls.

Calls are the truth and a rollup is a function of them: late calls, duplicates and replays need no path of
their own, and any minute can be rebuilt at any time while its calls are kept.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from monitor.records import CAPTURES, OUTCOMES
from monitor.store import requests
from monitor.store.database import transient_if_unreachable
from monitor.store.requests import Decide
from monitor.store.tables import OUTCOME_COLUMNS, SUMS, UNCAPTURED_COLUMNS, dirty_minutes, rollup_1m

#: Minutes of one transaction: small enough that Grafana and ingest never wait for long.
SLICE = 120

#: One recomputation at a time, so that an older snapshot can't overwrite a newer one.
_ROLLUP_LOCK = 0x6C6C6D03

_CLAIM = sa.text(
    """
    DELETE FROM dirty_minutes
    WHERE minute IN (SELECT DISTINCT minute FROM dirty_minutes ORDER BY minute DESC LIMIT :slice)
    RETURNING minute
    """
)

_MARK = sa.text(
    """
    INSERT INTO dirty_minutes
    SELECT generate_series(
        date_trunc('minute', greatest(oldest, CAST(:start AS timestamptz))), :end, interval '1 minute'
    )
    FROM (SELECT min(started_at) AS oldest FROM calls) AS kept
    WHERE oldest IS NOT NULL
    """
)

_COUNTERS = ",\n        ".join(
    [
        f"count(*) FILTER (WHERE {score} = '{outcome}') AS {score}_{outcome}"
        for score, outcomes in OUTCOMES.items()
        for outcome in outcomes
    ]
    + [f"count(*) FILTER (WHERE NOT captured_{what}) AS uncaptured_{what}" for what in CAPTURES]
    + [f"{made} AS {name}" for name, made in SUMS.items()]
)

# Each minute is read by itself through the index on started_at, however far apart the minutes are.
_RECOMPUTE = sa.text(
    f"""
    WITH touched AS (
        SELECT minute, call.*
        FROM unnest(CAST(:minutes AS timestamptz[])) AS minute
        CROSS JOIN LATERAL (
            SELECT * FROM calls WHERE started_at >= minute AND started_at < minute + interval '1 minute'
        ) AS call
    ),
    counted AS (
        SELECT minute, series_id,
        count(*) AS calls,
        count(*) FILTER (WHERE status = 'error') AS errors,
        {_COUNTERS},
        coalesce(sum(input_tokens), 0) AS input_tokens,
        coalesce(sum(output_tokens), 0) AS output_tokens,
        coalesce(sum(duration_ms::double precision), 0) AS duration_sum_ms
        FROM touched GROUP BY minute, series_id
    ),
    histograms AS (
        SELECT minute, series_id,
        array_agg(duration_bucket ORDER BY duration_bucket) AS duration_buckets,
        array_agg(n ORDER BY duration_bucket) AS duration_counts
        FROM (
            SELECT minute, series_id, histogram_bucket(duration_ms) AS duration_bucket, count(*)::int AS n
            FROM touched WHERE duration_ms IS NOT NULL GROUP BY 1, 2, 3
        ) AS buckets
        GROUP BY minute, series_id
    )
    INSERT INTO rollup_1m (
        bucket, series_id, calls, errors, {", ".join((*OUTCOME_COLUMNS, *UNCAPTURED_COLUMNS, *SUMS))},
        input_tokens, output_tokens, duration_sum_ms, duration_buckets, duration_counts
    )
    SELECT counted.*, coalesce(duration_buckets, '{{}}'), coalesce(duration_counts, '{{}}')
    FROM counted LEFT JOIN histograms USING (minute, series_id)
    """  # noqa: S608 - built from our own closed lists
)


def recompute_dirty(engine: sa.Engine, *, slice_: int = SLICE, relate: Decide | None = None) -> int:
    """Recompute up to ``slice_`` dirty minutes, newest first; gives how many there were.

    The marks are taken first and the calls read after, in the same transaction: every call whose mark was
    taken is seen, and a call that commits later has a mark of its own. With ``relate``, the calls of a
    request are related before they are counted (``requests.relate``), and the minutes where that changed
    a call are recomputed with the others.

    Raises:
        Transient: Postgres can't be reached; the marks are still there.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ROLLUP_LOCK})
        minutes = set(connection.execute(_CLAIM, {"slice": slice_}).scalars())
        if minutes:
            also = requests.relate(connection, minutes, relate) if relate else set()
            _recompute(connection, sorted(minutes | also))
        return len(minutes)


def rebuild(engine: sa.Engine, start: datetime, end: datetime) -> None:
    """Mark every minute from ``start`` to ``end`` dirty, so that it is computed again from its calls.

    Minutes before the oldest call that is kept stay as they are: their calls were dropped.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(_MARK, {"start": start, "end": end})


def dirty_count(engine: sa.Engine) -> int:
    """How many minutes wait to be recomputed.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        return connection.execute(sa.select(sa.func.count(sa.distinct(dirty_minutes.c.minute)))).scalar_one()


def _recompute(connection: sa.Connection, minutes: list[datetime]) -> None:
    connection.execute(sa.delete(rollup_1m).where(rollup_1m.c.bucket.in_(minutes)))
    connection.execute(_RECOMPUTE, {"minutes": minutes})
