"""What is in a database, for tests to compare; and work done by several threads at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa

from monitor.records import Partition
from monitor.store.alerts import AlertChange, Evaluated, Event, Telling
from monitor.store.outbox import Destination
from monitor.store.tables import calls, consumer_offsets, dead_letters, dirty_minutes, metadata
from tests.store.contract import Contents

Rollups = dict[tuple[datetime, str, str], dict[str, Any]]

_LEDGER = ("records", "stored", "duplicates", "dead_letters", "lost")


def contents(engine: sa.Engine) -> Contents:
    """What ingest has saved."""
    with engine.begin() as connection:
        ids = connection.execute(sa.select(calls.c.call_id)).scalars()
        letters = connection.execute(sa.select(dead_letters.c.kafka_offset)).scalars()
        places = connection.execute(sa.select(consumer_offsets)).all()
        return Contents(
            sorted(ids),
            sorted(letters),
            {Partition(place.topic, place.partition): place.next_offset for place in places},
            {
                name: booked
                for name in _LEDGER
                if (booked := sum(getattr(place, name) for place in places)) or name != "lost"
            },
            {
                Partition(place.topic, place.partition): place.reached_at
                for place in places
                if place.reached_at
            },
        )


def everything(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that a save may write, but for the series."""
    with engine.begin() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in (calls, dead_letters, dirty_minutes, consumer_offsets)
        }


def rows(engine: sa.Engine, query: sa.Select[Any] | str) -> Sequence[sa.Row[Any]]:
    """The rows of a query."""
    with engine.begin() as connection:
        return connection.execute(sa.text(query) if isinstance(query, str) else query).all()


def stored(engine: sa.Engine, tier: str = "rollup_1m") -> Rollups:
    """The rollups, by minute (or hour), service and model, with zeros for what is null.

    Those of services have no model.
    """
    model = "''" if "service" in tier else "model_served"
    found = rows(
        engine,
        f"SELECT service, {model} AS model, rolled.*"
        f" FROM {tier} AS rolled JOIN series USING (series_id) ORDER BY bucket",
    )
    return {
        (row.bucket, row.service, row.model): {
            name: value or ([] if name.endswith(("_buckets", "_counts")) else 0)
            for name, value in row._mapping.items()
            if name not in ("bucket", "service", "model", "series_id")
        }
        for row in found
    }


def empty(engine: sa.Engine) -> None:
    """Delete every row of every table."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))


def run_at_once(*work: Callable[[], object]) -> None:
    """Do each of these in a thread of its own, and wait for all; raises what one of them raised."""
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(one) for one in work]:
            done.result()


def end_other_sessions(engine: sa.Engine) -> None:
    """End every session on this database but the one that does so."""
    with psycopg.connect(engine.url.set(drivername="postgresql").render_as_string(False)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def evaluated(
    *changes: AlertChange, channels: Sequence[str] = (), payload: Mapping[str, Any] | None = None
) -> Evaluated:
    """An evaluation with these changes, an event for each, and each told to these channels."""
    return Evaluated(
        changes=changes,
        events=[
            Event(
                rule=one.rule,
                labels=one.labels,
                fingerprint=one.fingerprint,
                at=one.at,
                from_state=one.before,
                to_state=one.standing,
                reason="because",
                evidence={},
            )
            for one in changes
        ],
        tellings=[
            Telling(
                fingerprint=one.fingerprint,
                episode=one.episode or one.rule,
                kind=_KINDS[one.state],
                destinations=[Destination(name) for name in channels],
                payload=payload or {},
            )
            for one in changes
        ],
    )


_KINDS = {"pending": "update", "firing": "trigger", "resolved": "resolve", "normal": "update"}
