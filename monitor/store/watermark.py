"""How far ingest has come, partition by partition, and how late calls come: two questions to Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from monitor.records import Partition, Progress
from monitor.store.database import transient_if_unreachable
from monitor.store.tables import consumer_offsets

#: What is looked at to say how late calls come: the first calls of each minute of an hour that ended so long
#: ago that the late ones have come.
SAMPLED_MINUTES, SAMPLED_CALLS, ENDED = 60, 50, timedelta(minutes=10)

# Each minute's calls are found through the index; the constant bounds tell the planner which days are meant.
_LATENESS = sa.text(
    """
    SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY late)
    FROM generate_series(CAST(:first AS timestamptz), :last, interval '1 minute') AS minute
    CROSS JOIN LATERAL (
        SELECT ingested_at - started_at AS late FROM calls
        WHERE started_at >= minute AND started_at < minute + interval '1 minute'
        AND started_at >= :first AND started_at < :stop
        ORDER BY started_at LIMIT :calls
    ) AS sampled
    """
)


def read_progress(engine: sa.Engine, topics: Sequence[str]) -> list[Progress]:
    """How far every partition of these topics has come; those of topics that are no longer read don't matter.

    Raises:
        Transient: Postgres can't be reached.
    """
    table = consumer_offsets.c
    query = sa.select(table.topic, table.partition, table.reached_at, table.updated_at)
    with transient_if_unreachable(), engine.begin() as connection:
        return [
            Progress(Partition(row.topic, row.partition), row.reached_at, row.updated_at)
            for row in connection.execute(query.where(table.topic.in_(topics)))
        ]


def lateness(engine: sa.Engine, now: datetime) -> timedelta | None:
    """How long after its start a call is stored: 99 of 100 within this; ``None`` where there are no calls.

    Of the hour that ended ten minutes before ``now``. A call's own duration is part of it.

    Raises:
        Transient: Postgres can't be reached.
    """
    stop = (now - ENDED).replace(second=0, microsecond=0)
    minute = timedelta(minutes=1)
    span = {"first": stop - SAMPLED_MINUTES * minute, "last": stop - minute, "stop": stop}
    with transient_if_unreachable(), engine.begin() as connection:
        late: timedelta | None = connection.execute(_LATENESS, {**span, "calls": SAMPLED_CALLS}).scalar_one()
        return late
