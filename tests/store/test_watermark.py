"""How far ingest has come and how late calls come, on a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.records import Partition, Progress
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.tables import calls, consumer_offsets
from monitor.store.watermark import ENDED, SAMPLED_CALLS, SAMPLED_MINUTES, lateness, read_progress
from tests.examples import NOON, PARTITION, scored

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)

#: When the hour that is looked at has just ended.
NOW = NOON + ENDED


def test_the_progress_of_the_topics_that_are_read_is_told(engine: sa.Engine) -> None:
    other, gone = Partition("calls", 1), Partition("calls-of-last-year", 0)
    moves = {
        PARTITION: OffsetMove(None, 5, 5, 9, reached=NOON),
        other: OffsetMove(None, 0, 0, 0),
        gone: OffsetMove(None, 1, 1, 1, reached=NOON - MINUTE),
    }
    with engine.begin() as connection:
        before = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    PostgresStore(engine).save(Batch((), (), moves))
    found = sorted(read_progress(engine, ["calls", "calls-to-come"]))
    assert found == [
        Progress(PARTITION, NOON, found[0].updated_at),
        Progress(other, None, found[1].updated_at),
    ]
    assert min(one.updated_at for one in found) >= before
    assert read_progress(engine, []) == []


def test_no_partition_comes_further_than_the_clock_of_postgres(engine: sa.Engine) -> None:
    store, ahead = PostgresStore(engine), datetime.now(UTC) + timedelta(days=1)
    store.save(Batch((), (), {PARTITION: OffsetMove(None, 1, 1, 1, reached=ahead)}))
    first = read_progress(engine, ["calls"])[0]
    assert first.reached_at == first.updated_at
    # As an earlier release may have left it.
    with engine.begin() as connection:
        connection.execute(sa.update(consumer_offsets).values(reached_at=ahead))
    store.save(Batch((), (), {PARTITION: OffsetMove(1, 2, 1, 2, reached=NOON)}))
    second = read_progress(engine, ["calls"])[0]
    assert second.reached_at == second.updated_at


def test_lateness_is_what_99_of_100_calls_keep_to(engine: sa.Engine) -> None:
    hour = [NOON - n * MINUTE for n in range(1, SAMPLED_MINUTES + 1)]
    store(engine, [(at + twin * SECOND, 2 * SECOND) for at in hour for twin in range(4)])
    assert lateness(engine, NOW) == 2 * SECOND
    store(engine, [(hour[0] + 30 * SECOND, 40 * SECOND), (hour[1] + 30 * SECOND, 41 * SECOND)])
    assert lateness(engine, NOW) == 2 * SECOND
    store(engine, [(hour[2] + 30 * SECOND, 42 * SECOND)])
    assert lateness(engine, NOW) == 40 * SECOND


def test_what_is_before_the_hour_or_too_new_to_tell_is_not_looked_at(engine: sa.Engine) -> None:
    assert lateness(engine, NOW) is None
    store(engine, [(NOON - (SAMPLED_MINUTES + 1) * MINUTE, SECOND), (NOON, SECOND)])
    assert lateness(engine, NOW) is None


def test_of_a_busy_minute_only_the_first_calls_are_looked_at(engine: sa.Engine) -> None:
    first = [(NOON - MINUTE + n * SECOND / 10, SECOND) for n in range(SAMPLED_CALLS)]
    later = [(NOON - MINUTE + n * SECOND, MINUTE) for n in range(10, 20)]
    store(engine, [*first, *later])
    assert lateness(engine, NOW) == SECOND


def store(engine: sa.Engine, started: list[tuple[datetime, timedelta]]) -> None:
    """Store calls that started then, and were stored so long after."""
    made = [scored(f"c{number}", at) for number, (at, _) in enumerate(started)]
    PostgresStore(engine).save(Batch(tuple(made), (), {}))
    with engine.begin() as connection:
        late = (
            sa.update(calls)
            .where(calls.c.started_at == sa.bindparam("at"))
            .values(ingested_at=sa.bindparam("stored"))
        )
        connection.execute(late, [{"at": at, "stored": at + took} for at, took in started])


def test_a_database_that_is_away_is_transient() -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(Transient, match=r"^Postgres: "):
        read_progress(engine, ["calls"])
    with pytest.raises(Transient, match=r"^Postgres: "):
        lateness(engine, NOON)
    engine.dispose()
