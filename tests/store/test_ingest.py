"""Saving batches: the contract on the fake and on PostgreSQL, and what only PostgreSQL can do wrong."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, timedelta, timezone
from functools import partial
from typing import Any

import msgspec
import psycopg
import pytest
import sqlalchemy as sa

from monitor.errors import DeadLetterReason, Fenced, Transient
from monitor.records import Partition, Place, ScoredCall
from monitor.store import Batch, OffsetMove, PostgresStore, Saved, connect
from monitor.store import ingest as ingest_module
from monitor.store.suspects import suspect
from tests.examples import NOON, PARTITION, batch, dead_letter, scored
from tests.fakes import MemoryStore
from tests.store.contract import Contents, StoreContract, Subject, logged
from tests.store.helpers import contents, end_other_sessions, everything, rows, run_at_once


class MemorySubject:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.suspect = self.store.suspected.add

    def contents(self) -> Contents:
        return Contents(
            sorted(call_id for _, call_id in self.store.calls),
            sorted(offset for _, _, offset, _ in self.store.dead_letters),
            self.store.next_offsets.copy(),
            dict(self.store.ledger),
            self.store.reached.copy(),
        )


class PostgresSubject:
    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.store = PostgresStore(engine)

    def suspect(self, place: Place) -> None:
        suspect(self.engine, place, "killed")

    def contents(self) -> Contents:
        return contents(self.engine)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return MemorySubject()


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def subject(self, engine: sa.Engine) -> Subject:
        return PostgresSubject(engine)


# ------------------------------------------------------------------------------------------------- refusals

#: What PostgreSQL or its driver can't take, by what is wrong with it. Decode lets none of it by.
POISON = {
    "a NUL": scored("bad", offset=1, trace_id="a\x00b"),
    "a lone surrogate": scored("bad", offset=1, trace_id="\ud800"),
    "a text where a number belongs": scored("bad", offset=1, attempt="first"),
    "an int beyond 64 bits": scored("bad", offset=1, attempt=2**70),
    "a time without a zone": scored("bad", NOON.replace(tzinfo=None), offset=1),
    "a required field that is missing": scored("bad", offset=1, status=None),
}


@pytest.mark.parametrize("bad", POISON.values(), ids=POISON)
def test_a_row_that_cannot_be_stored_becomes_a_dead_letter(engine: sa.Engine, bad: ScoredCall) -> None:
    saved = PostgresStore(engine).save(batch([scored("a"), bad, scored("c")]))
    assert saved == Saved(stored=2, duplicates=0, dead_letters=1, refused=1)
    assert contents(engine) == Contents(
        ["a", "c"],
        [1],
        {PARTITION: 3},
        {"records": 3, "stored": 2, "duplicates": 0, "dead_letters": 1},
    )
    (letter,) = rows(engine, "SELECT * FROM dead_letters")
    assert letter.reason == DeadLetterReason.REFUSED_BY_STORE
    assert letter.detail
    assert "\n" not in letter.detail


@pytest.mark.parametrize(
    "poisoned",
    [[0], [6], [3], [0, 6], [2, 3], [0, 2, 4, 6], [0, 1, 2, 3, 4, 5, 6]],
    ids=["first", "last", "middle", "both ends", "neighbours", "every other", "all"],
)
def test_a_poison_row_costs_no_neighbour(engine: sa.Engine, poisoned: Sequence[int]) -> None:
    calls = [
        scored(f"c{n}", offset=n, trace_id="\x00" if n in poisoned else None, service=f"s{n}")
        for n in range(7)
    ]
    saved = PostgresStore(engine).save(batch(calls))
    assert saved == Saved(7 - len(poisoned), 0, len(poisoned), len(poisoned))
    found = contents(engine)
    assert found.calls == [f"c{n}" for n in range(7) if n not in poisoned]
    assert found.dead_letters == poisoned
    assert found.offsets == {PARTITION: 7}


def test_duplicates_are_counted_beside_refusals(engine: sa.Engine) -> None:
    calls = [scored("a"), scored("a"), scored("bad", offset=2, trace_id="\x00"), scored("b"), scored("a")]
    assert PostgresStore(engine).save(batch(calls)) == Saved(2, 2, 1, 1)


def test_a_poison_row_costs_no_neighbour_where_only_the_log_dates_them(engine: sa.Engine) -> None:
    calls = [logged(NOON), logged(NOON, "bad\x00"), logged(NOON, "b"), logged(NOON + timedelta(hours=1))]
    assert PostgresStore(engine).save(batch(calls)) == Saved(2, 1, 1, 1)
    assert contents(engine).calls == ["a", "b"]


def test_two_workers_that_are_sent_one_record_twice_store_it_once(database: str) -> None:
    """Each looks for the other's calls while it is about to store its own."""
    engine = connect(database)
    saved: list[Saved] = []

    def save(number: int) -> None:
        at, topic = NOON + timedelta(seconds=number), Partition("calls", number)
        calls = [logged(at, f"c{n}") for n in range(200)]
        saved.append(PostgresStore(engine).save(batch(calls, partition=topic)))

    run_at_once(*(partial(save, number) for number in range(3)))
    assert sorted(one.stored for one in saved) == [0, 0, 200]
    engine.dispose()


SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(CASE NEW.call_id WHEN 'slowest' THEN 60 ELSE 0.2 END); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON calls FOR EACH ROW EXECUTE FUNCTION slow()
"""


def test_a_batch_that_takes_longer_than_a_statement_may_is_saved_in_halves(database: str) -> None:
    engine = connect(database, statement_timeout_s=1)
    store = PostgresStore(engine)
    with engine.begin() as connection:
        connection.execute(sa.text(SLOW))
    assert store.save(batch([scored(f"c{n}") for n in range(8)])) == Saved(8, 0, 0)
    with pytest.raises(Transient, match="statement timeout"):
        store.save(batch([scored("slowest")], expected=8))
    engine.dispose()


def test_a_refused_call_marks_no_minute(engine: sa.Engine) -> None:
    later = NOON + timedelta(minutes=1)
    PostgresStore(engine).save(batch([scored("a"), scored("bad", later, offset=1, trace_id="\x00")]))
    assert rows(engine, "SELECT minute FROM dirty_minutes") == [(NOON,)]


@pytest.mark.parametrize("days", [-400, 400])
def test_a_day_that_nobody_made_is_waited_for_and_costs_no_call(engine: sa.Engine, days: int) -> None:
    before = everything(engine)
    calls = [scored("a"), scored("b", NOON + timedelta(days=days), offset=1)]
    with pytest.raises(Transient, match="is a replica with control running"):
        PostgresStore(engine).save(batch(calls))
    assert everything(engine) == before


def test_a_fenced_batch_keeps_nothing_of_its_refusals(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([scored("a")]))
    before = everything(engine)
    with pytest.raises(Fenced):
        store.save(batch([scored("b"), scored("bad", trace_id="\x00")], [dead_letter(5)], expected=0))
    assert everything(engine) == before


def test_a_dead_letter_that_comes_again_is_kept_once(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([], [dead_letter(0)]))
    store.save(batch([], [dead_letter(0)], expected=1))
    assert contents(engine).dead_letters == [0]


def test_a_dead_letters_text_may_hold_a_nul(engine: sa.Engine) -> None:
    letter = msgspec.structs.replace(dead_letter(), detail="a\x00b", value=b"\x00\xff")
    PostgresStore(engine).save(batch([], [letter]))
    (kept,) = rows(engine, "SELECT detail, value FROM dead_letters")
    assert (kept.detail, bytes(kept.value)) == ("ab", b"\x00\xff")


# -------------------------------------------------------------------------------------------------- failures


def test_a_failure_before_the_commit_saves_nothing_and_a_retry_saves_once(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(engine)
    store.save(batch([scored("a")]))
    before = everything(engine)
    one = batch([scored("b"), scored("bad", offset=2, trace_id="\x00")], [dead_letter(3)], expected=1)

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "move_offsets", fail)
        with pytest.raises(ZeroDivisionError):
            store.save(one)
    assert everything(engine) == before
    assert store.save(one) == Saved(1, 0, 2, 1)
    assert contents(engine).calls == ["a", "b"]


@pytest.mark.parametrize("step", ["copy_bisecting", "copy_calls", "keep", "move_offsets"])
def test_a_connection_that_breaks_is_transient_wherever_it_breaks(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The store's session is ended from outside, as a crash of the server or a failover does."""
    store = PostgresStore(engine)
    store.save(batch([scored("a")]))
    before = everything(engine)
    one = batch([scored("b"), scored("c")], [dead_letter(3)], expected=1)
    original = getattr(ingest_module, step)

    def broken(*args: Any) -> Any:
        end_other_sessions(engine)
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, step, broken)
        with pytest.raises(Transient):
            store.save(one)
    assert everything(engine) == before
    assert store.save(one) == Saved(2, 0, 1)
    assert contents(engine).offsets == {PARTITION: 4}


def test_a_batch_that_was_saved_after_all_is_fenced_when_it_is_tried_again(engine: sa.Engine) -> None:
    """After a failure in mid-commit nobody knows; the compare-and-set does."""
    store = PostgresStore(engine)
    for expected, one in ((None, batch([scored("a")])), (1, batch([scored("b")], expected=1))):
        store.save(one)
        before = everything(engine)
        with pytest.raises(Fenced, match=f"no longer {expected}"):
            store.save(one)
        assert everything(engine) == before


def test_a_database_that_is_read_only_is_transient(database: str) -> None:
    """As after a failover, when the address leads to the standby."""
    engine = connect(database)
    store = PostgresStore(engine)
    store.save(batch([scored("a")]))
    name = sa.make_url(database).database
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()
    with pytest.raises(Transient, match="read-only"):
        store.save(batch([scored("b")], expected=1))
    with pytest.raises(Transient, match="read-only"):
        store.save(batch([scored("c", service="a new one")], expected=1))
    assert store.offsets([PARTITION]) == {PARTITION: 1}
    engine.dispose()


def test_a_save_that_waits_for_a_lock_too_long_is_transient(database: str) -> None:
    engine = connect(database)
    store = PostgresStore(engine)
    store.save(batch([scored("a")]))
    name = sa.make_url(database).database
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET lock_timeout = '50ms'"))
    engine.dispose()
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE consumer_offsets")
        with pytest.raises(Transient, match="lock timeout"):
            store.save(batch([scored("b")], expected=1))
    assert store.save(batch([scored("b")], expected=1)).stored == 1
    engine.dispose()


def test_two_workers_that_own_one_partition_save_each_offset_once(engine: sa.Engine) -> None:
    """A worker that lost its partition races the new owner for every batch; one of them is fenced."""
    stores = [PostgresStore(engine), PostgresStore(engine)]
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def work(store: PostgresStore) -> None:
        for n in range(20):
            start.wait()
            try:
                store.save(batch([scored(f"c{n}", NOON + timedelta(seconds=n))], expected=n or None))
                outcomes.append("saved")
            except Fenced:
                outcomes.append("fenced")

    run_at_once(*(lambda store=store: work(store) for store in stores))
    assert sorted(outcomes) == ["fenced"] * 20 + ["saved"] * 20
    found = contents(engine)
    assert found.calls == sorted(f"c{n}" for n in range(20))
    assert found.ledger == {"records": 20, "stored": 20, "duplicates": 0, "dead_letters": 0}


def test_the_same_calls_on_two_partitions_at_once_count_once(engine: sa.Engine) -> None:
    """In opposite order, so that the two transactions wait for each other; the loser tries again."""
    calls = [scored(f"c{n}") for n in range(200)]
    start = threading.Barrier(2)
    saved: list[Saved] = []

    def work(partition: Partition, calls: list[ScoredCall]) -> None:
        store = PostgresStore(engine)
        move = {partition: OffsetMove(None, 200, 200, 200)}
        start.wait()
        while True:
            try:
                saved.append(store.save(Batch(tuple(calls), (), move)))
            except Transient:
                continue
            return

    run_at_once(
        lambda: work(Partition("calls", 0), calls),
        lambda: work(Partition("calls", 1), calls[::-1]),
    )
    assert sum(one.stored for one in saved) == 200
    assert sum(one.duplicates for one in saved) == 200
    assert len(contents(engine).calls) == 200


# --------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("microsecond", [1, 123_456, 999_999])
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=45))], ids=str)
def test_a_start_is_kept_to_the_microsecond(engine: sa.Engine, zone: timezone, microsecond: int) -> None:
    started_at = (NOON + timedelta(microseconds=microsecond)).astimezone(zone)
    PostgresStore(engine).save(batch([scored("a", started_at)]))
    (kept,) = rows(engine, "SELECT started_at FROM calls")
    assert kept.started_at == started_at
    assert kept.started_at.utcoffset() == timedelta()


def test_the_minutes_of_a_batch_are_marked(engine: sa.Engine) -> None:
    seconds = [0, 59.999999, 60, 3_600]
    PostgresStore(engine).save(batch([scored(f"c{s}", NOON + timedelta(seconds=s)) for s in seconds]))
    marked = rows(engine, "SELECT minute FROM dirty_minutes ORDER BY minute")
    assert [mark.minute - NOON for mark in marked] == [timedelta(minutes=m) for m in (0, 1, 60)]


def test_thousands_of_calls_go_in_one_batch(engine: sa.Engine) -> None:
    calls = [scored(f"c{n}", NOON + timedelta(seconds=n), service=f"s{n % 7}") for n in range(5_000)]
    assert PostgresStore(engine).save(batch(calls)).stored == 5_000
