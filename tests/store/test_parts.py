"""Parts of calls that wait: what only PostgreSQL can do wrong, and two workers that meet at one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor.errors import DeadLetterReason, Raced, Transient
from monitor.records import (
    Call,
    Contract,
    Document,
    FragmentKind,
    Partition,
    ScoredCall,
    Source,
    Told,
    Waiting,
)
from monitor.store import Batch, OffsetMove, Parts, PostgresStore, Saved, Store, connect
from monitor.store import parts as parts_module
from monitor.store.tables import parts
from tests.examples import NOON, batch, call, part, scored, scores
from tests.fakes import MemoryStore
from tests.store.contract import DUE, GROUPS, LEASE, ids, mark, unnumbered
from tests.store.helpers import contents, empty, rows, run_at_once

PASSAGES = part("s9", kind=FragmentKind.DOCUMENTS, documents=(Document("a passage"),), models=("a", "b"))


def saying(said: Call, span_id: str = "s1") -> Waiting:
    """A part with this call."""
    waiting = part(span_id, parent_span_id="s0", response_id="r1", emitter="scope", piece=True, settled=True)
    return msgspec.structs.replace(waiting, fragment=msgspec.structs.replace(waiting.fragment, call=said))


@pytest.mark.parametrize(
    "waiting",
    [
        PASSAGES,
        mark("s1", response_id="r1"),
        saying(call("s1", provider="🐎", ttft_ms=0.1, started_at=NOON + timedelta(microseconds=1))),
        saying(call("s1", contract=Contract(schema={"maximum": 2**70, "minimum": -1e300, "a": [[None]]}))),
    ],
    ids=["passages", "mark", "text and time", "integers beyond 64 bits"],
)
def test_a_part_comes_back_over_another_connection_as_it_was(engine: sa.Engine, waiting: Waiting) -> None:
    PostgresStore(engine).save(batch(put=[waiting]))
    other = connect(engine.url.render_as_string(False))
    assert unnumbered(PostgresStore(other).waiting(["t1"])) == [waiting]
    other.dispose()


# ---------------------------------------------------------------------------------------------- unusable


@pytest.mark.parametrize(
    "kept",
    [b"", b"{}", b"\xff", b'{"kind": "said otherwise"}', b'["a list"]'],
    ids=["nothing", "a required field", "not UTF-8", "an unknown kind", "another shape"],
)
def test_a_part_of_an_older_release_that_cannot_be_read_stops_nothing(engine: sa.Engine, kept: bytes) -> None:
    """What was to be a call can be read again from Kafka; passages only add to one."""
    store = PostgresStore(engine)
    store.save(batch([scored("a")], put=[part("s1"), PASSAGES, part("s3"), part("s4", "t2")]))
    with engine.begin() as connection:
        old = sa.update(parts).where(parts.c.part_id.in_(ids(store.waiting(["t1"])[:2])))
        connection.execute(old.values(fragment=kept))
    assert unnumbered(store.waiting(["t1"])) == [part("s3")]
    assert unnumbered(store.waiting(GROUPS)) == [part("s3"), part("s4", "t2")]
    assert store.parts_dropped == 1
    (letter,) = rows(engine, "SELECT * FROM dead_letters")
    assert (letter.reason, letter.kafka_offset) == (DeadLetterReason.DECODER_FAILED, 0)
    assert contents(engine).ledger["dead_letters"] == 1


@pytest.mark.parametrize(
    "bad",
    [
        part("bad", "t\x00"),
        part("bad", "\ud800"),
        saying(call("bad", agent="\ud800"), "bad"),
        mark("bad", response_id="r\x00"),
        mark("bad" + "".join(chr(0x4E00 + 37 * n % 20_000) for n in range(4_000))),
    ],
    ids=["a NUL", "a lone surrogate", "one in its content", "a NUL in a mark", "a key too long for an index"],
)
def test_a_part_that_cannot_be_stored_costs_no_other(engine: sa.Engine, bad: Waiting) -> None:
    store = PostgresStore(engine)
    saved = store.save(batch([scored("a")], put=[part("s1"), bad, part("s2")]))
    brought = bad.fragment.call is not None
    assert saved == Saved(1, 0, int(brought))
    assert {one.fragment.span_id for one in store.waiting(["t1"])} == {"s1", "s2"}
    assert contents(engine).ledger["dead_letters"] == len(contents(engine).dead_letters) == int(brought)
    assert store.parts_dropped == int(not brought)


def test_a_call_that_postgres_refuses_is_a_letter_for_each_part_and_leaves_no_mark(engine: sa.Engine) -> None:
    """So that its parts can be replayed at once: the other call of the batch stays marked."""
    store = PostgresStore(engine)
    halves = [saying(call("r1", offset=n), f"s{n}") for n in range(2)]
    bad, good = scored("bad", trace_id="\x00"), scored("good")
    told = (
        Told(bad.call, tuple(halves), (mark("s0", response_id="r1"), mark("s1"))),
        Told(good.call, (part("s5"),), (mark("s5"),)),
    )
    assert store.save(Batch((bad, good), (), {}, Parts(told=told))) == Saved(1, 0, 2, 1)
    letters = rows(engine, "SELECT kafka_offset, reason FROM dead_letters ORDER BY kafka_offset")
    assert [tuple(row) for row in letters] == [(0, "refused_by_store"), (1, "refused_by_store")]
    assert unnumbered(store.waiting(["t1"])) == [mark("s5")]


def test_no_more_marks_are_deleted_at_once_than_a_claim_has_time_for(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_module, "MARKS_AT_ONCE", 2)
    store = PostgresStore(engine)
    store.save(batch(put=[mark(f"s{n}") for n in range(5)]))
    left = []
    for _ in range(3):
        store.claim_due(DUE, limit=1, lease=LEASE)
        left.append(len(store.waiting(["t1"])))
    assert left == [3, 1, 0]


# ----------------------------------------------------------------------------------------------- at once


def test_of_several_workers_that_take_the_same_parts_one_does(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch(put=[part(f"s{n}") for n in range(50)]))
    waiting = store.waiting(["t1"])
    raced: list[Raced] = []

    def work(worker: int) -> None:
        taken = ids(waiting) if worker % 2 else ids(reversed(waiting))
        calls = tuple(scored(f"s{n}", NOON + timedelta(seconds=worker)) for n in range(50))
        try:
            PostgresStore(engine).save(Batch(calls, (), {}, Parts((), taken)))
        except Raced as error:
            raced.append(error)

    run_at_once(*(lambda worker=worker: work(worker) for worker in range(4)))
    assert len(raced) == 3
    assert contents(engine).calls == sorted(f"s{n}" for n in range(50))
    assert store.parts_waiting() == 0


def test_of_several_workers_that_finish_the_same_call_one_does(engine: sa.Engine) -> None:
    """None of its parts waited: each worker had a span of it, and saw no other."""
    raced: list[Raced] = []

    def work(worker: int) -> None:
        marks = [mark(f"w{worker}-{n}", response_id=f"r{n}") for n in range(50)]
        calls = tuple(scored(f"r{n}", NOON + timedelta(seconds=worker)) for n in range(50))
        try:
            PostgresStore(engine).save(Batch(calls, (), {}, Parts(tuple(marks))))
        except Raced as error:
            raced.append(error)

    run_at_once(*(lambda worker=worker: work(worker) for worker in range(4)))
    assert len(raced) == 3
    assert contents(engine).calls == sorted(f"r{n}" for n in range(50))


def test_workers_that_claim_at_once_share_the_groups_among_them(engine: sa.Engine) -> None:
    groups = [f"t{n}" for n in range(60)]
    PostgresStore(engine).save(batch(put=[part("s1", group) for group in groups]))
    claimed: list[str] = []

    def work() -> None:
        store = PostgresStore(engine)
        while found := store.claim_due(DUE, limit=7, lease=LEASE):
            claimed.extend(found)

    run_at_once(work, work, work)
    assert sorted(claimed) == sorted(groups)


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.waiting(["t1"]),
        lambda store: store.claim_due(NOON, limit=1, lease=LEASE),
        lambda store: store.parts_waiting(),
    ],
    ids=["waiting", "claim_due", "parts_waiting"],
)
def test_a_database_that_is_away_is_transient(ask: Callable[[Store], object]) -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(Transient, match=r"^Postgres: "):
        ask(PostgresStore(engine))
    engine.dispose()


# ------------------------------------------------------------------------------------------ two workers

#: How long a part of these waits for the other; marks stay for as long as anything may come.
WAIT = timedelta(minutes=2)
FOREVER = timedelta(days=1)


class Record(NamedTuple):
    """A half of a call: its span, or what was said in it; or a span that has both."""

    call_id: str
    kind: FragmentKind
    whole: bool = False


class Worker:
    """One partition and its reader, which looks, and saves later what it has put together by then.

    Attributes:
        stored: how many calls were new.
    """

    def __init__(self, store: Store, number: int, log: list[Record]) -> None:
        self._store = store
        self._partition = Partition("calls", number)
        self._log = log
        self._next: int | None = None
        self._batch: Batch | None = None
        self.stored = 0

    @property
    def done(self) -> bool:
        """Whether everything is read and saved."""
        return (self._next or 0) == len(self._log)

    def look(self, now: datetime) -> None:
        """Read the next record and what waits of its call; without one, what has waited long enough."""
        start = self._next or 0
        if self.done:
            groups, fresh, moves = self._store.claim_due(now, limit=1, lease=LEASE), [], {}
        else:
            record = self._log[start]
            # Each record has a time of its own, so that a call that is counted twice is two calls.
            at = NOON + timedelta(seconds=start, microseconds=self._partition.partition)
            waiting = part(record.call_id, record.call_id, kind=record.kind, settled=record.whole)
            said = call(record.call_id, at, source=Source("native", *self._partition))
            fragment = msgspec.structs.replace(waiting.fragment, call=said)
            fresh = [Waiting(fragment, now, now + WAIT)]
            groups = [record.call_id]
            moves = {self._partition: OffsetMove(self._next, start + 1, 1, len(self._log))}
        calls, changes = together([*self._store.waiting(groups), *fresh], now)
        self._batch = Batch(calls, (), moves, changes)

    def save(self) -> None:
        """Save what was put together. When another was faster, look again at the next turn."""
        if self._batch is None:
            return
        try:
            self.stored += self._store.save(self._batch).stored
        except Raced:
            pass
        else:
            moves = self._batch.offsets.values()
            self._next = next((move.next for move in moves), self._next)
        self._batch = None


def together(waiting: list[Waiting], now: datetime) -> tuple[tuple[ScoredCall, ...], Parts]:
    """The call of these parts when both halves are there or the wait is over; nothing once it is done."""
    kinds = {one.fragment.kind for one in waiting}
    halves = [one for one in waiting if one.fragment.kind is not FragmentKind.DONE]
    if FragmentKind.DONE in kinds:
        return (), Parts((), ids(halves))
    over = any(one.arrived_at + WAIT <= now for one in halves)
    whole = any(one.fragment.settled for one in halves)
    if halves and (over or whole or len(kinds) == 2):
        said = halves[0].fragment.call
        assert said is not None
        done = mark(said.call_id, said.call_id, due_at=NOON + FOREVER)
        return (ScoredCall(said, scores()),), Parts((done,), ids(halves))
    return (), Parts(tuple(one for one in halves if one.part_id is None))


RECORDS = st.builds(
    Record,
    st.sampled_from(["a", "b"]),
    st.sampled_from([FragmentKind.CALL, FragmentKind.CONTENT]),
    st.booleans(),
)
LOGS = st.tuples(st.lists(RECORDS, max_size=4), st.lists(RECORDS, max_size=4))
STEPS = st.lists(
    st.sampled_from([("look", 0), ("look", 1), ("save", 0), ("save", 1), ("wait", 0)]), max_size=24
)

SPAN, SAID = Record("a", FragmentKind.CALL), Record("a", FragmentKind.CONTENT)
WHOLE = Record("a", FragmentKind.CALL, whole=True)
BOTH_AT_ONCE = [("look", 0), ("look", 1), ("save", 0), ("save", 1)]


def check_each_call_counts_once(
    store: Store, logs: tuple[list[Record], list[Record]], steps: Iterable[tuple[str, int]]
) -> list[str]:
    """Let two workers do these steps and then the rest; gives the ids of the calls that were read."""
    workers = [Worker(store, number, log) for number, log in enumerate(logs)]
    now = NOON
    for what, number in steps:
        if what == "wait":
            now += WAIT
        elif what == "look":
            workers[number].look(now)
        else:
            workers[number].save()
    while not all(worker.done for worker in workers) or store.parts_waiting():
        now += WAIT
        for worker in workers:
            worker.look(now)
            worker.save()
    read = sorted({record.call_id for log in logs for record in log})
    assert sum(worker.stored for worker in workers) == len(read)
    return read


@settings(max_examples=300)
@given(logs=LOGS, steps=STEPS)
@example(logs=([WHOLE], [WHOLE]), steps=BOTH_AT_ONCE)
@example(logs=([SPAN, SAID], [SAID]), steps=[("look", 0), ("save", 0), *BOTH_AT_ONCE])
def test_in_any_order_of_two_workers_steps_a_call_counts_once_in_memory(
    logs: tuple[list[Record], list[Record]], steps: list[tuple[str, int]]
) -> None:
    store = MemoryStore()
    read = check_each_call_counts_once(store, logs, steps)
    assert sorted(call_id for _, call_id in store.calls) == read


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs=LOGS, steps=STEPS)
@example(logs=([WHOLE], [WHOLE]), steps=BOTH_AT_ONCE)
@example(logs=([SPAN, SAID], [SAID]), steps=[("look", 0), ("save", 0), *BOTH_AT_ONCE])
def test_in_any_order_of_two_workers_steps_a_call_counts_once(
    engine: sa.Engine, logs: tuple[list[Record], list[Record]], steps: list[tuple[str, int]]
) -> None:
    empty(engine)
    read = check_each_call_counts_once(PostgresStore(engine), logs, steps)
    assert contents(engine).calls == read
    assert contents(engine).ledger["stored"] == len(read)
