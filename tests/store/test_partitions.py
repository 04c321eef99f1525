"""The days of ``calls``: there for every call that decode accepts, gone when retention has passed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import psycopg
import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.store import PostgresStore, connect
from monitor.store.partitions import DAYS_AHEAD, ROLLUPS, drop_partitions, ensure_partitions, expired
from monitor.store.rollups import rebuild, recompute_dirty
from monitor.store.rows import COLUMNS, row
from monitor.store.tables import calls, dropped_days, metadata, rollup_1m
from tests.examples import NOON as YESTERDAY
from tests.examples import batch, scored
from tests.store.helpers import rows, run_at_once

DAY = timedelta(days=1)

#: Far from the days that the tests' databases have.
NOW = datetime(2031, 3, 1, 12, 0, tzinfo=UTC)

#: Moments at which a day is easily missed.
MOMENTS = [
    NOW,
    datetime(2031, 1, 1, 0, 0, tzinfo=UTC),
    datetime(2031, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2032, 2, 29, 0, 30, tzinfo=timezone(timedelta(hours=9))),
    datetime(2031, 6, 30, 20, 0, tzinfo=timezone(timedelta(hours=-11))),
]
WEEK = 7 * DAY

#: Moments with the default lateness, and a moment with the least and with much.
CASES = [*((now, WEEK) for now in MOMENTS), (NOW, timedelta(minutes=1)), (NOW, 30 * DAY)]


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on a database without partitions, whose work is undone."""
    with engine.connect() as connection:
        for day in days(connection):
            connection.execute(sa.text(f"DROP TABLE {day}"))
        assert days(connection) == []
        yield connection


def ensure_days(
    connection: sa.Connection, now: datetime, *, max_lateness: timedelta = timedelta(days=7)
) -> list[str]:
    """Make the partitions that are missing; gives the names of those of calls."""
    made = ensure_partitions(connection, now, max_lateness=max_lateness)
    return [name for name in made if name.startswith("calls")]


def days(connection: sa.Connection) -> list[str]:
    """The names of the partitions."""
    found = connection.execute(
        sa.text("SELECT CAST(inhrelid AS regclass) FROM pg_inherits WHERE inhparent = 'calls'::regclass")
    )
    return sorted(found.scalars())


def name(day: date) -> str:
    return f"calls_{day:%Y%m%d}"


def insert(connection: sa.Connection, *starts: datetime) -> None:
    """Store a call at each of these times; fails if one has no partition."""
    names = [column for column, _ in COLUMNS]
    values = [
        dict(zip(names, row(scored(str(number), at), 1), strict=True)) for number, at in enumerate(starts)
    ]
    connection.execute(sa.insert(calls), values)


# ---------------------------------------------------------------------------------------------------- making


@pytest.mark.parametrize(("now", "max_lateness"), CASES)
def test_every_accepted_call_has_a_partition(
    connection: sa.Connection, now: datetime, max_lateness: timedelta
) -> None:
    made = ensure_days(connection, now, max_lateness=max_lateness)
    assert days(connection) == made
    insert(connection, now - max_lateness, now, now + DAY, now + (DAYS_AHEAD - 1) * DAY)
    first, last = (datetime.strptime(made[n], "calls_%Y%m%d").replace(tzinfo=UTC) for n in (0, -1))
    assert len(made) == (last - first).days + 1
    insert(connection, *(first + n * DAY + timedelta(hours=h) for n in range(len(made)) for h in (0, 23)))


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_partition_is_a_day_of_utc_whatever_the_session_speaks(
    connection: sa.Connection, zone: str
) -> None:
    connection.execute(sa.text(f"SET timezone = '{zone}'"))
    ensure_partitions(connection, NOW)
    midnight = datetime(2031, 3, 1, tzinfo=UTC)
    insert(connection, midnight, midnight - timedelta(microseconds=1), midnight + DAY)
    found = connection.execute(
        sa.text("SELECT call_id, CAST(CAST(tableoid AS regclass) AS text) FROM calls ORDER BY call_id")
    )
    assert [table for _, table in found] == ["calls_20310301", "calls_20310228", "calls_20310302"]


def test_making_partitions_again_makes_none(connection: sa.Connection) -> None:
    assert ensure_partitions(connection, NOW)
    assert ensure_partitions(connection, NOW) == []


def test_the_next_day_makes_one_more(connection: sa.Connection) -> None:
    before = ensure_days(connection, NOW)
    assert ensure_days(connection, NOW + DAY) == [name(NOW.date() + (1 + DAYS_AHEAD) * DAY)]
    assert days(connection)[:-1] == before


def test_a_day_that_is_missing_in_the_middle_is_made(connection: sa.Connection) -> None:
    made = ensure_days(connection, NOW)
    connection.execute(sa.text(f"DROP TABLE {made[3]}"))
    assert ensure_days(connection, NOW) == [made[3]]
    assert days(connection) == made


def test_a_partition_has_the_key_and_the_index_of_its_parent(connection: sa.Connection) -> None:
    ensure_partitions(connection, NOW)
    found = connection.execute(
        sa.text(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{name(NOW.date())}'")
    )
    request = "hashtextextended(COALESCE(request_id, trace_id, call_id), (0)::bigint)"
    definitions = sorted(definition.split(" USING ")[1] for definition in found.scalars())
    assert definitions == [
        f"btree ({request}, started_at)",
        f"btree ({request}, started_at) WHERE (NOT answered)",
        f"btree ({request}, started_at) WHERE (request_attempts <> 1)",
        "btree (hashtextextended(trace_id, (0)::bigint), started_at) WHERE (trace_id IS NOT NULL)",
        "btree (series_id, started_at)",
        "btree (started_at, hashtextextended(call_id, (0)::bigint))",
    ]
    inherited = connection.execute(
        sa.text(
            "SELECT count(*) FROM pg_inherits WHERE inhparent IN ('calls_started_at_call_id_key'::regclass,"
            " 'calls_series_id_started_at_idx'::regclass)"
        )
    )
    assert inherited.scalar_one() == 2 * len(days(connection))


def test_making_partitions_does_not_block_a_save(database: str) -> None:
    engine = connect(database)
    with engine.connect() as maker:
        assert ensure_partitions(maker, NOW)
        with psycopg.connect(database, autocommit=True) as other:
            other.execute(f"ALTER DATABASE {engine.url.database} SET lock_timeout = '1s'".encode())
        saver = connect(database)
        assert PostgresStore(saver).save(batch([scored()])).stored == 1
        saver.dispose()
    engine.dispose()


def test_two_processes_may_make_partitions_at_once(database: str) -> None:
    engine = connect(database)

    def make() -> None:
        with engine.begin() as connection:
            made.append(ensure_partitions(connection, NOW))

    made: list[list[str]] = []
    run_at_once(make, make, make)
    assert sorted(map(bool, made)) == [False, False, True]
    engine.dispose()


# -------------------------------------------------------------------------------------------------- dropping


def test_a_day_is_dropped_once_its_last_call_is_too_old(connection: sa.Connection) -> None:
    ensure_partitions(connection, NOW, max_lateness=10 * DAY)
    before = days(connection)
    last = datetime(2031, 2, 22, 23, 59, 59, 999_999, tzinfo=UTC)
    insert(connection, last)
    place = before.index(name(last))
    assert expired(connection, last + 7 * DAY, keep=7 * DAY) == before[:place]
    one_later = last + timedelta(microseconds=1)
    assert expired(connection, one_later + 7 * DAY, keep=7 * DAY) == before[: place + 1]


@pytest.mark.parametrize(("now", "max_lateness"), CASES)
def test_a_day_that_may_still_receive_is_never_dropped(
    connection: sa.Connection, now: datetime, max_lateness: timedelta
) -> None:
    """The configuration wants retention to be two days longer than the lateness."""
    made = ensure_days(connection, now, max_lateness=max_lateness)
    assert made
    assert expired(connection, now, keep=max_lateness + 2 * DAY) == []


def test_dropping_leaves_what_it_did_not_make(connection: sa.Connection) -> None:
    ensure_partitions(connection, NOW)
    own = {"calls_archive": 1990, "calls_2030": 1991, "calls_20301399": 1992}
    for table, year in own.items():
        bounds = f"FROM ('{year}-01-01Z') TO ('{year}-02-01Z')"
        connection.execute(sa.text(f"CREATE TABLE {table} PARTITION OF calls FOR VALUES {bounds}"))
    found = expired(connection, NOW, keep=timedelta())
    assert found
    assert not own.keys() & set(found)


def test_two_processes_may_drop_partitions_at_once(database: str) -> None:
    engine = connect(database)
    later = datetime.now(UTC) + 30 * DAY

    def drop() -> None:
        dropped.extend(drop_partitions(engine, later, keep=timedelta()))

    dropped: list[str] = []
    run_at_once(drop, drop, drop)
    assert dropped
    assert len(dropped) == len(set(dropped))
    assert rows(engine, "SELECT 1 FROM pg_inherits WHERE inhparent = 'calls'::regclass") == []
    engine.dispose()


def test_dropping_a_day_makes_no_save_wait_however_long_somebody_reads(database: str) -> None:
    """The reader began before; the save has one second to get every lock that it needs."""
    engine = connect(database)
    later = datetime.now(UTC) + 30 * DAY
    with psycopg.connect(database, autocommit=True) as admin, psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM calls")
        admin.execute(f"ALTER DATABASE {engine.url.database} SET lock_timeout = '1s'".encode())
        saver = connect(database)
        store = PostgresStore(saver)

        def drop() -> None:
            with pytest.raises(Transient, match="lock timeout"):
                drop_partitions(engine, later, keep=35 * DAY)
            dropping.set()

        def save() -> None:
            number = 0
            while not dropping.is_set():
                one = batch([scored(str(number))], expected=number or None)
                assert store.save(one).stored == 1
                number += 1
            assert number

        dropping = threading.Event()
        run_at_once(drop, save)
    dropped = drop_partitions(engine, later, keep=35 * DAY)
    assert dropped
    assert drop_partitions(engine, later, keep=35 * DAY) == []
    found = rows(engine, "SELECT relname FROM pg_class WHERE relkind = 'r'")
    assert not {name for (name,) in found} & set(dropped)
    saver.dispose()
    engine.dispose()


HALF_DROPPED = "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = '{name}'::regclass"


@pytest.mark.parametrize(
    "leave", ["ALTER TABLE calls DETACH PARTITION {name}", HALF_DROPPED], ids=["detached", "half detached"]
)
def test_a_day_whose_dropping_was_begun_is_whole_again_when_it_is_needed(database: str, leave: str) -> None:
    engine, now = connect(database), datetime.now(UTC)
    store = PostgresStore(engine)
    store.save(batch([scored("a", YESTERDAY)]))
    assert counted(engine) == [1]
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO dropped_days VALUES (:day)"), {"day": YESTERDAY.date()})
        connection.execute(sa.text(leave.format(name=name(YESTERDAY))))
    with engine.begin() as connection:
        assert ensure_partitions(connection, now + DAY)[0] == name(YESTERDAY)
        assert ensure_partitions(connection, now + DAY) == []
    assert store.save(batch([scored("a"), scored("b")], expected=1)).stored == 1
    assert counted(engine) == [2]
    engine.dispose()


def counted(engine: sa.Engine) -> list[int]:
    """The calls of every minute that has a rollup, in order."""
    while recompute_dirty(engine):
        pass
    return [row.calls for row in rows(engine, sa.select(rollup_1m).order_by(rollup_1m.c.bucket))]


@pytest.mark.parametrize("by_hand", [False, True], ids=["by retention", "by hand"])
def test_a_minute_whose_calls_were_dropped_keeps_its_rollup(database: str, by_hand: bool) -> None:
    engine, now = connect(database), datetime.now(UTC)
    store = PostgresStore(engine)
    store.save(batch([scored(str(number)) for number in range(3)]))
    assert counted(engine) == [3]
    if by_hand:
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP TABLE {name(YESTERDAY)}"))
    else:
        assert name(YESTERDAY) in drop_partitions(engine, YESTERDAY + 31 * DAY, keep=30 * DAY)
    with engine.begin() as connection:
        assert name(YESTERDAY) in ensure_partitions(connection, now)
    store.save(batch([scored("late"), scored("later", YESTERDAY + DAY)], expected=3))
    rebuild(engine, YESTERDAY - DAY, YESTERDAY + 2 * DAY)
    assert counted(engine) == [3, 1]
    engine.dispose()


def test_a_dropped_day_is_forgotten_with_its_rollups(database: str) -> None:
    engine = connect(database)
    PostgresStore(engine).save(batch([scored()]))
    assert counted(engine) == [1]
    drop_partitions(engine, YESTERDAY + 31 * DAY, keep=30 * DAY)
    assert [row.day for row in rows(engine, sa.select(dropped_days))] == [YESTERDAY.date()]
    drop_partitions(engine, YESTERDAY + 500 * DAY, keep=400 * DAY, of=ROLLUPS)
    assert rows(engine, sa.select(dropped_days)) == []
    engine.dispose()


# -------------------------------------------------------------------------------------------------- rollups


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_every_minute_and_hour_of_a_call_has_a_month(connection: sa.Connection, now: datetime) -> None:
    ensure_partitions(connection, now)
    for table in map(metadata.tables.__getitem__, ROLLUPS.tables):
        for number, at in enumerate((now - WEEK, now, now + DAY)):
            connection.execute(sa.insert(table).values(bucket=at, series_id=number, calls=1))


def test_a_month_of_rollups_goes_once_its_last_day_is_too_old(connection: sa.Connection) -> None:
    ensure_partitions(connection, NOW)
    gone = [f"{tier}_203102" for tier in ROLLUPS.tables]
    year = 365 * DAY

    def old(now: datetime) -> list[str]:
        return [name for name in expired(connection, now, keep=year, of=ROLLUPS) if "2031" in name]

    assert old(datetime(2032, 2, 28, 23, 59, tzinfo=UTC)) == []
    assert old(datetime(2032, 2, 29, tzinfo=UTC)) == gone
    assert old(datetime(2032, 3, 30, tzinfo=UTC)) == gone


def test_dropping_a_month_leaves_the_others_and_the_calls(database: str) -> None:
    engine = connect(database)
    now = datetime.now(UTC)
    with engine.begin() as connection:
        before = days(connection)
    assert drop_partitions(engine, now, keep=31 * DAY, of=ROLLUPS) == []
    dropped = drop_partitions(engine, now + 500 * DAY, keep=31 * DAY, of=ROLLUPS)
    assert {name.rpartition("_")[0] for name in dropped} == {*ROLLUPS.tables}
    with engine.begin() as connection:
        assert days(connection) == before
        assert set(dropped) <= set(ensure_partitions(connection, now))
    engine.dispose()
