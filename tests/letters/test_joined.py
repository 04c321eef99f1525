"""Calls told in parts, with crashes, races, failures and replays in any order: it ends as without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.config import GroundingConfig, IngestConfig
from monitor.decode import decode
from monitor.decode.assemble import Waits
from monitor.errors import Raced
from monitor.ingest.collected import Collected
from monitor.ingest.joiner import Joiner
from monitor.ingest.reader import Reader, unguarded, untried
from monitor.ingest.work import Work
from monitor.letters.replay import Replayer
from monitor.records import Call, Partition, Place, Record, Scores
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.letters import Wanted
from monitor.store.rollups import rebuild, recompute_dirty
from monitor.telemetry import IngestMetrics
from tests.decode.otlp.build import chat, log, logs, span, told, traces, words
from tests.examples import record
from tests.store.helpers import contents, empty, rows, stored

SPANS, EVENTS = Partition("spans", 0), Partition("events", 0)
WORK = Work(IngestConfig(), GroundingConfig())
A_SECOND = timedelta(seconds=1)


class Scorer:
    """Scores as this release does, or raises as one with a bug would."""

    def __init__(self) -> None:
        self.broken = False

    def __call__(self, call: Call) -> Scores:
        if self.broken:
            raise ZeroDivisionError
        return WORK.score(call)


class Town:
    """Two workers, one for spans and one for events; their logs; and who replays.

    Args:
        engine: of an empty database.
        orders: which calls the records of each log tell of, one after the other.
    """

    def __init__(self, engine: sa.Engine, orders: tuple[Sequence[int], Sequence[int]]) -> None:
        self.clock = ManualClock(datetime.now(UTC))
        self.engine = engine
        self.scorer = Scorer()
        start = int(self.clock.now().timestamp()) * 10**9
        self.logs = {
            SPANS: [record(n, _span(call, start), SPANS) for n, call in enumerate(orders[0])],
            EVENTS: [record(n, _event(call, start), EVENTS) for n, call in enumerate(orders[1])],
        }
        self.next: dict[Partition, int] = dict.fromkeys(self.logs, 0)
        self._batches: dict[Partition, Batch] = {}
        self._store = PostgresStore(engine)
        self._joiners = {partition: self._joiner() for partition in self.logs}
        self._replayer = Replayer(
            engine,
            self,
            WORK,
            guard=unguarded,
            try_alone=untried,
            clock=self.clock,
            max_lateness=timedelta(days=3),
            max_skew=timedelta(minutes=10),
            max_values=100,
        )

    def read(self, place: Place) -> Record | None:
        """See ``Log.read``."""
        return self.logs[Partition(place.topic, place.partition)][place.offset]

    def do(self, what: str, partition: Partition) -> None:
        """One step, which takes a second."""
        self.clock.advance(A_SECOND)
        if what == "look":
            self._look(partition)
        elif what == "save":
            self._save(partition)
        elif what == "crash":
            self._batches.pop(partition, None)
            self._joiners[partition] = self._joiner()
        elif what == "sweep":
            self._joiners[partition].sweep(set())
        elif what == "replay":
            list(self._replayer.replay(Wanted()))
        elif what == "recompute":
            recompute_dirty(self.engine)
        else:
            self.scorer.broken = what == "break"

    def end(self) -> None:
        """The release is mended, everything is read, replayed and put together."""
        self.do("mend", SPANS)
        for partition, records in self.logs.items():
            while self.next[partition] < len(records):
                self.do("look", partition)
                self.do("save", partition)
        for what in ("sweep", "replay", "sweep"):
            self.do(what, SPANS)
        self.clock.advance(timedelta(minutes=3))
        self.do("sweep", SPANS)

    def _joiner(self) -> Joiner:
        metrics = IngestMetrics(CollectorRegistry())
        reader = Reader(
            lambda record, window: decode(record),
            self.scorer,
            unguarded,
            untried,
            keep_content=False,
            metrics=metrics,
        )
        return Joiner(self._store, reader, list, self.clock, Waits(), timedelta(days=3), metrics)

    def _look(self, partition: Partition) -> None:
        start = self.next[partition]
        chunk = self.logs[partition][start : start + 2]
        collected = Collected()
        collected.fragments = [part for one in chunk for part in decode(one).fragments]
        after = start + len(chunk)
        collected.offsets = {partition: OffsetMove(start or None, after, len(chunk), after)}
        if chunk:
            self._batches[partition] = self._joiners[partition].together(collected, set())

    def _save(self, partition: Partition) -> None:
        if (batch := self._batches.pop(partition, None)) is None:
            return
        try:
            self._store.save(batch)
        except Raced:
            return
        self.next[partition] = batch.offsets[partition].next


def _span(call: int, start: int) -> bytes:
    times = {"startTimeUnixNano": str(start + call * 10**9), "endTimeUnixNano": str(start + call * 10**9 + 1)}
    said = chat(request__model="m", response__id=f"r{call}")
    return msgspec.json.encode(traces(span(said, spanId=f"{call:016x}", traceId=f"{call:032x}", **times)))


def _event(call: int, start: int) -> bytes:
    said = chat(input__messages=told(words("Hi"), role="user"), output__messages=told(words("Ho")))
    name = "gen_ai.client.inference.operation.details"
    at = {"observedTimeUnixNano": str(start + call * 10**9)}
    return msgspec.json.encode(
        logs(log(name, values=said, spanId=f"{call:016x}", traceId=f"{call:032x}", **at))
    )


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """The calls of both logs, each in an order of its own and some of them sent again."""
    calls = range(1, 1 + draw(st.integers(1, 3)))
    spans, events = (
        draw(st.permutations([*calls, *draw(st.lists(st.sampled_from(calls), max_size=1))])) for _ in range(2)
    )
    return spans, events


DOING = ["look", "save", "crash", "sweep", "replay", "recompute", "break", "mend"]
STEPS = st.lists(st.tuples(st.sampled_from(DOING), st.sampled_from([SPANS, EVENTS])), max_size=30)

#: A scorer with a bug, met by a worker, by a replay, and then mended.
BROKEN = [
    ("break", SPANS), ("look", SPANS), ("save", SPANS), ("look", EVENTS), ("save", EVENTS),
    ("replay", SPANS), ("sweep", SPANS), ("mend", SPANS), ("replay", SPANS),
]  # fmt: skip


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    engine = connect(module_database)
    yield engine
    empty(engine)
    engine.dispose()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=orders(), steps=STEPS)
@example(orders=([1], [1]), steps=BROKEN)
@example(orders=([1, 2, 1], [2, 1, 2]), steps=BROKEN)
def test_whatever_happens_to_its_parts_a_call_is_stored_once_and_whole(
    engine: sa.Engine, orders: tuple[Sequence[int], Sequence[int]], steps: Sequence[tuple[str, Partition]]
) -> None:
    """Nothing of it is left over: no part, no letter; and the rollups are those of a rebuild."""
    empty(engine)
    town = Town(engine, orders)
    for what, partition in steps:
        town.do(what, partition)
    town.end()

    found = rows(engine, "SELECT call_id, captured_input AND captured_output FROM calls ORDER BY call_id")
    assert [tuple(row) for row in found] == [(f"r{call}", True) for call in sorted(set(orders[0]))]
    assert PostgresStore(engine).parts_waiting() == 0
    assert rows(engine, "SELECT * FROM dead_letters WHERE replay <> 'joined' OR replay IS NULL") == []
    ledger = contents(engine).ledger
    assert (ledger["records"], ledger["stored"]) == (len(orders[0]) + len(orders[1]), len(found))
    assert (ledger["duplicates"], ledger["dead_letters"]) == (0, 0)

    recompute_dirty(engine)
    once = stored(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE rollup_1m SET calls = -1"))
    rebuild(engine, town.clock.now() - timedelta(hours=1), town.clock.now())
    recompute_dirty(engine)
    assert stored(engine) == once
    assert sum(rollup["calls"] for rollup in once.values()) == len(found)
