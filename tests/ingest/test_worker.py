"""The ingest loop on fakes: whatever fails, and whenever, every record is saved once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from monitor import telemetry
from monitor.clock import ManualClock
from monitor.decode import Decoded, Window, native
from monitor.decode import decode as decode_record
from monitor.decode.assemble import Assembled, arrived, assemble
from monitor.errors import DeadLetterReason, Fenced, Permanent, TookTooLong, Transient
from monitor.errors import Raced as LostRace
from monitor.ingest.reader import CHUNK_S, place_of
from monitor.ingest.worker import BACKOFF_S, Worker
from monitor.judges import Verdict
from monitor.records import (
    Call,
    DeadLetter,
    GroundingOutcome,
    Partition,
    Place,
    Record,
    Scores,
    Waiting,
)
from monitor.source import Polled
from monitor.store import Batch, Saved
from tests.examples import NOON, PARTITION, batch, call, dead_letter, scored, scores
from tests.fakes import MemoryKafka, MemorySaver, MemorySource, MemoryStore
from tests.fragments import WAITS, content, fragment, whole
from tests.judges.fakes import FakeJudge, HangingJudge, answered_call, with_grounding
from tests.judges.stage import Stage

OTHER = Partition("calls", 1)


class Failing(MemoryStore):
    """A store that fails as it is told to, except where a partition's start is written down.

    Attributes:
        reads: what the next reads of offsets raise, one after the other; ``None``: nothing.
        saves: the same of saves.
        tried: every batch that was to be saved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[Exception | None] = []
        self.saves: list[Exception | None] = []
        self.tried: list[Batch] = []

    def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        if self.reads and (error := self.reads.pop(0)):
            raise error
        return super().offsets(partitions)

    def save(self, batch: Batch) -> Saved:
        if all(move.expected is None for move in batch.offsets.values()):
            return super().save(batch)
        self.tried.append(batch)
        if self.saves and (error := self.saves.pop(0)):
            raise error
        return super().save(batch)


class Seconds:
    """A monotonic clock that moves only when told to.

    Attributes:
        now: what it says.
    """

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Waits:
    """A ``wait`` that takes no time.

    Args:
        then: what happens during a wait; says whether a stop was asked for.

    Attributes:
        seconds: the waits that were asked for.
    """

    def __init__(self, then: Callable[[], bool] = lambda: False) -> None:
        self._then = then
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self._then()


def decode(record: Record, window: Window) -> Decoded:
    """A record is one call, with its value as the id; an empty one is a dead letter."""
    if not record.value:
        return Decoded((), (dead_letter(record.offset),))
    return Decoded((call(record.value.decode(), offset=record.offset),), ())


def make_worker(source: MemorySource, store: MemoryStore, **changes: Any) -> Worker:
    """A worker; the store's clock is the machine's, unless ``store_clock`` is given."""
    settings: dict[str, Any] = {
        "decode": decode,
        "score": lambda _: scores(),
        "clock": ManualClock(NOON),
        "max_lateness": timedelta(days=7),
        "max_skew": timedelta(minutes=10),
        "keep_content": False,
        "metrics": telemetry.IngestMetrics(CollectorRegistry()),
        "wait": Waits(),
        "linger_s": 0.0,
        "saver": MemorySaver(),
        "monotonic": Seconds(),
    }
    settings |= changes
    store.clock = changes.get("store_clock", settings["clock"])
    return Worker(source, store, **{name: value for name, value in settings.items() if name != "store_clock"})


@pytest.fixture
def kafka() -> MemoryKafka:
    return MemoryKafka()


@pytest.fixture
def store() -> Failing:
    return Failing()


def wait_out(worker: Worker, store: Failing, seconds: Seconds) -> None:
    """Turn, and let time go by, until the store has failed as often as it was told to, and once more."""
    while store.saves:
        worker.step()
        seconds.now += BACKOFF_S[1]
    worker.step()


def produce(kafka: MemoryKafka, *values: str) -> None:
    for value in values:
        kafka.produce(value.encode())


def ids(store: MemoryStore) -> list[str]:
    return [call_id for _, call_id in store.calls]


# ------------------------------------------------------------------------------------------------ good turns


def test_the_first_turn_finds_the_place_and_the_next_one_saves(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a", "", "b")
    worker = make_worker(MemorySource(kafka), store)
    assert worker.step() is None
    assert store.tried == []
    assert worker.step() == Saved(2, 0, 1)
    assert store.next_offsets == {PARTITION: 3}
    assert worker.step() is None


def test_items_without_a_call_are_counted(kafka: MemoryKafka, store: Failing) -> None:
    registry = CollectorRegistry()
    metrics = telemetry.IngestMetrics(registry)
    produce(kafka, "a", "b")
    worker = make_worker(
        MemorySource(kafka), store, decode=lambda _, __: Decoded((), (), empty=3), metrics=metrics
    )
    worker.step()
    worker.step()
    assert registry.get_sample_value("llm_monitor_items_without_call_total") == 6


def test_a_worker_goes_on_where_the_store_is_not_where_kafka_says(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a", "b", "c")
    store.save(batch([scored("a")]))
    kafka.committed = {PARTITION: 2}
    worker = make_worker(MemorySource(kafka), store)
    worker.step()
    worker.step()
    assert ids(store) == ["a", "b", "c"]


def test_kafka_is_told_the_offsets_once_they_are_saved(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a")
    store.saves = [Fenced("not yours")]
    worker = make_worker(MemorySource(kafka), store)
    worker.step()
    worker.step()
    assert kafka.committed == {}
    worker.step()
    worker.step()
    assert kafka.committed == {PARTITION: 1}


def test_a_gap_in_the_log_is_jumped(kafka: MemoryKafka, store: Failing) -> None:
    """Compaction and transactions leave gaps: the offset that is expected is the store's."""
    produce(kafka, "a", "b", "c", "d")
    worker = make_worker(MemorySource(kafka, max_records=1), store)
    worker.step()
    worker.step()
    del kafka.logs[PARTITION][1:3]
    worker.step()
    assert [(move.expected, move.next) for tried in store.tried for move in tried.offsets.values()] == [
        (0, 1),
        (1, 4),
    ]


def test_the_end_of_the_log_goes_with_the_batch(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a", "b", "c")
    worker = make_worker(MemorySource(kafka, max_records=2), store)
    worker.step()
    worker.step()
    (move,) = store.tried[0].offsets.values()
    assert (move.next, move.records, move.end) == (2, 2, 3)


def test_decode_is_given_the_window_of_the_moment(kafka: MemoryKafka, store: Failing) -> None:
    windows: list[Window] = []

    def decode_and_note(record: Record, window: Window) -> Decoded:
        windows.append(window)
        return decode(record, window)

    clock, seconds = ManualClock(NOON), Seconds()
    worker = make_worker(MemorySource(kafka), store, decode=decode_and_note, clock=clock, monotonic=seconds)
    worker.step()
    for value in "ab":
        produce(kafka, value)
        worker.step()
        clock.advance(timedelta(hours=1))
        seconds.now += 3600
    first = Window(NOON - timedelta(days=7), NOON + timedelta(minutes=10))
    hour = timedelta(hours=1)
    assert windows == [first, Window(first.earliest + hour, first.latest + hour)]


MINUTE, LONG = timedelta(minutes=1), timedelta(days=20_000)

#: How far the clocks of worker, store and broker are off (``None``: the topic doesn't have that), and
#: the one by which a call may start latest.
WRONG_CLOCKS = {
    "behind by minutes": (-11 * MINUTE, timedelta(), None, timedelta()),
    "in 1970": (-LONG, timedelta(), None, timedelta()),
    "ahead": (60 * MINUTE, timedelta(), None, 60 * MINUTE),
    "the store's behind": (timedelta(), -11 * MINUTE, None, timedelta()),
    "both behind, and the broker's right": (-11 * MINUTE, -LONG, timedelta(), timedelta()),
}


@pytest.mark.parametrize(
    ("own", "stores", "brokers", "latest"), WRONG_CLOCKS.values(), ids=WRONG_CLOCKS.keys()
)
def test_no_clock_that_is_wrong_makes_a_live_call_one_of_the_future(
    store: Failing, own: timedelta, stores: timedelta, brokers: timedelta | None, latest: timedelta
) -> None:
    windows: list[Window] = []

    def note(record: Record, window: Window) -> Decoded:
        windows.append(window)
        return decode(record, window)

    kafka = MemoryKafka(appends_time=brokers is not None)
    seconds, store_clock = Seconds(), ManualClock(NOON + stores)
    worker = make_worker(
        MemorySource(kafka),
        store,
        decode=note,
        clock=ManualClock(NOON + own),
        store_clock=store_clock,
        monotonic=seconds,
    )
    worker.step()
    for passed in (timedelta(), timedelta(hours=2)):
        seconds.now += passed.total_seconds()
        kafka.produce(b"a", timestamp=NOON)
        worker.step()
    assert windows[0] == Window(NOON + stores - timedelta(days=7), NOON + latest + 10 * MINUTE)
    assert windows[1].earliest == windows[0].earliest + timedelta(hours=2), "the store is away meanwhile"


def test_the_watermark_is_no_later_than_the_look_at_the_log(kafka: MemoryKafka, store: Failing) -> None:
    """By a worker's clock that is ahead it would be that of the save, after records that came meanwhile."""
    ahead, seconds = ManualClock(NOON + timedelta(hours=1)), Seconds()
    settings = {"clock": ahead, "store_clock": ManualClock(NOON), "monotonic": seconds}
    worker = make_worker(MemorySource(kafka), store, **settings)
    worker.step()
    worker.step()
    assert store.reached == {PARTITION: NOON}


@pytest.mark.parametrize("keep_content", [False, True])
def test_a_scorer_that_raises_costs_that_call_only(
    kafka: MemoryKafka, store: Failing, keep_content: bool
) -> None:
    bad = "sk-live-4f9a"

    def score(call: Call) -> Scores:
        if call.call_id == bad:
            raise ZeroDivisionError
        return scores()

    produce(kafka, "a", bad, "c")
    worker = make_worker(MemorySource(kafka), store, score=score, keep_content=keep_content)
    worker.step()
    assert worker.step() == Saved(2, 0, 1)
    assert ids(store) == ["a", "c"]
    (letter,) = store.dead_letters.values()
    assert (letter.reason, letter.detail) == (DeadLetterReason.SCORER_FAILED, "ZeroDivisionError")
    assert (letter.offset, letter.size, letter.sha256) == (1, 12, hashlib.sha256(bad.encode()).digest())
    assert letter.value == (b"sk-*********" if keep_content else None)


# ------------------------------------------------------------------------------------------------ rebalances


def test_a_rebalance_drops_what_was_read_and_seeks_to_the_stores_offset(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, "a", "b", "c")
    worker = make_worker(MemorySource(kafka), store)
    worker.step()
    kafka.rebalance()
    store.save(batch([scored("a"), scored("b")], expected=0))  # by whoever had it meanwhile
    assert worker.step() is None
    assert ids(store) == ["a", "b"]
    assert worker.step() == Saved(1, 0, 0)
    assert store.next_offsets == {PARTITION: 3}


def test_a_partition_that_went_away_is_read_by_its_new_owner(store: Failing) -> None:
    kafka = MemoryKafka(partitions=2)
    for partition in (0, 1):
        kafka.produce(f"p{partition}".encode(), partition)
    first = make_worker(MemorySource(kafka), store)
    first.step()
    second = make_worker(MemorySource(kafka), store)
    for worker in (first, second) * 2:
        worker.step()
    assert sorted(ids(store)) == ["p0", "p1"]
    assert all(len(tried.offsets) == 1 for tried in store.tried)


def test_a_log_that_ends_before_what_was_saved_of_it_stops_the_worker(store: Failing) -> None:
    old = MemoryKafka()
    produce(old, "a", "b", "c")
    worker = make_worker(MemorySource(old), store)
    for _ in range(2):
        worker.step()
    anew = MemoryKafka()
    produce(anew, "d")
    source = MemorySource(anew)
    worker = make_worker(source, store)
    worker.step()
    source.seek({PARTITION: 0})  # as the client does when its place is past the end
    with pytest.raises(Permanent, match=r"ends at 1, but 3 of it are saved: was the topic made anew\?"):
        worker.step()
    assert ids(store) == ["a", "b", "c"]


def test_a_start_at_the_latest_is_written_down_so_that_a_restart_loses_nothing(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, "from before we were asked")
    first = make_worker(MemorySource(kafka), store, start="latest")
    first.step()
    assert store.next_offsets == {PARTITION: 1}
    produce(kafka, "while nobody was there")
    kafka.members.clear()
    second = make_worker(MemorySource(kafka), store, start="latest")
    for _ in range(2):
        second.step()
    assert ids(store) == ["while nobody was there"]


def test_while_the_offsets_cannot_be_read_nothing_is_saved(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a", "b")
    store.save(batch([scored("a")]))
    store.tried.clear()
    store.reads = [Transient("away"), Transient("away")]
    worker = make_worker(MemorySource(kafka), store)
    for _ in store.reads[:]:
        with pytest.raises(Transient):
            worker.step()
    assert store.tried == []
    worker.step()
    worker.step()
    assert [len(tried.calls) for tried in store.tried] == [1]
    assert ids(store) == ["a", "b"]


def test_a_partition_lost_before_the_seek_is_asked_for_again(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a")
    source = MemorySource(kafka)

    class TakesAway(Failing):
        def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
            source.assign([])
            return super().offsets(partitions)

    worker = make_worker(source, TakesAway())
    with pytest.raises(Transient):
        worker.step()
    assert worker.step() is None


def test_records_below_the_expected_offset_are_ignored(kafka: MemoryKafka, store: Failing) -> None:
    """A position that Kafka reset, because its own was gone, must not move the store back."""
    produce(kafka, "a", "b", "c")
    source = MemorySource(kafka)
    worker = make_worker(source, store)
    worker.step()
    worker.step()
    source.seek({PARTITION: 1})
    assert worker.step() is None
    source.seek({PARTITION: 0})
    produce(kafka, "d")
    assert worker.step() == Saved(1, 0, 0)
    assert store.ledger["records"] == 4


def test_records_of_a_partition_that_is_not_ours_yet_are_ignored(store: Failing) -> None:
    kafka = MemoryKafka(partitions=2)
    source = MemorySource(kafka)
    source.assign([PARTITION])
    worker = make_worker(source, store)
    worker.step()
    kafka.produce(b"a", 1)
    source.assign([PARTITION, OTHER])
    source.take_rebalanced()  # the listener has not been called yet
    worker.step()
    assert all(OTHER not in tried.offsets for tried in store.tried)
    assert store.calls == {}


def test_a_fenced_worker_reads_the_offsets_anew(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a", "b")
    worker = make_worker(MemorySource(kafka), store)
    worker.step()
    store.save(batch([scored("a")], expected=0))
    assert worker.step() is None
    assert worker.step() is None
    assert worker.step() == Saved(1, 0, 0)
    assert ids(store) == ["a", "b"]
    assert store.ledger["duplicates"] == 0


# --------------------------------------------------------------------------------------- how far it has come

MINUTE = timedelta(minutes=1)


def turn(worker: Worker, seconds: Seconds, clock: ManualClock, times: int = 2) -> None:
    """So many turns, with a minute before each."""
    for _ in range(times):
        seconds.now += 60.0
        clock.advance(MINUTE)
        worker.step()


@pytest.mark.parametrize(
    ("timestamp", "reached"),
    [
        pytest.param(NOON - MINUTE, {PARTITION: NOON - MINUTE}, id="the past"),
        pytest.param(NOON + MINUTE, {PARTITION: NOON}, id="the future"),
        pytest.param(None, {}, id="no time"),
    ],
)
def test_while_there_is_more_to_read_it_has_come_as_far_as_its_newest_record(
    kafka: MemoryKafka, store: Failing, timestamp: Any, reached: dict[Partition, Any]
) -> None:
    for value in (b"a", b"b", b"c"):
        kafka.produce(value, timestamp=timestamp)
    worker = make_worker(MemorySource(kafka, max_records=2), store)
    worker.step()
    worker.step()
    assert ids(store) == ["a", "b"]
    assert store.reached == reached


def test_where_nothing_comes_it_has_come_as_far_as_it_has_looked(store: Failing) -> None:
    kafka = MemoryKafka(partitions=2)
    kafka.produce(b"a", timestamp=NOON - MINUTE)
    seconds, clock = Seconds(), ManualClock(NOON)
    worker = make_worker(MemorySource(kafka), store, monotonic=seconds, clock=clock)
    worker.step()
    assert store.reached == {}
    worker.step()
    assert store.reached == {PARTITION: NOON - MINUTE, OTHER: NOON}
    turn(worker, seconds, clock)
    assert store.reached == {PARTITION: NOON + 2 * MINUTE, OTHER: NOON + 2 * MINUTE}
    assert store.next_offsets == {PARTITION: 1, OTHER: 0}
    assert store.ledger["records"] == 1


def test_a_log_that_ends_with_marks_is_read_to_its_end(
    kafka: MemoryKafka, store: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.produce(b"a", timestamp=NOON - MINUTE)
    source = MemorySource(kafka)
    monkeypatch.setattr(source, "ends", lambda partitions: dict.fromkeys(partitions, 2))
    seconds, clock = Seconds(), ManualClock(NOON)
    worker = make_worker(source, store, monotonic=seconds, clock=clock)
    worker.step()
    turn(worker, seconds, clock)
    assert store.reached == {PARTITION: NOON - MINUTE}
    monkeypatch.setattr(source, "position", lambda _: 2)
    turn(worker, seconds, clock, times=1)
    assert store.reached == {PARTITION: NOON + 3 * MINUTE}
    assert store.next_offsets == {PARTITION: 1}


def test_what_is_on_its_way_is_saved_before_it_is_said_that_all_is(
    kafka: MemoryKafka, store: Failing
) -> None:
    seconds, clock = Seconds(), ManualClock(NOON)
    worker = make_worker(MemorySource(kafka), store, monotonic=seconds, clock=clock)
    worker.step()
    kafka.produce(b"a", timestamp=NOON - MINUTE)
    worker.step()
    assert store.reached == {PARTITION: NOON - MINUTE}
    kafka.produce(b"b", timestamp=NOON - MINUTE)
    store.saves = [Transient("away")] * 3
    turn(worker, seconds, clock, times=3)
    assert (ids(store), store.reached) == (["a"], {PARTITION: NOON - MINUTE})
    turn(worker, seconds, clock, times=1)
    assert ids(store) == ["a", "b"]
    assert store.reached[PARTITION] > NOON


# ------------------------------------------------------------------------------------------------- pipeline


def test_a_batch_waits_for_more_records_until_its_linger_is_over(kafka: MemoryKafka, store: Failing) -> None:
    seconds = Seconds()
    worker = make_worker(MemorySource(kafka), store, monotonic=seconds, linger_s=1.0)
    worker.step()
    for value in "abc":
        produce(kafka, value)
        assert worker.step() is None
        seconds.now += 0.4
    assert worker.step() == Saved(3, 0, 0)


def test_of_a_chunk_that_takes_too_long_the_rest_is_read_when_the_loop_has_turned(store: Failing) -> None:
    kafka, seconds, turns = MemoryKafka(partitions=2), Seconds(), list[float]()
    for partition in (0, 1):
        for number in range(3):
            kafka.produce(f"{partition}-{number}".encode(), partition)

    def decode_slowly(record: Record, window: Window) -> Decoded:
        seconds.now += CHUNK_S / 2
        return decode(record, window)

    worker = make_worker(
        MemorySource(kafka),
        store,
        monotonic=seconds,
        decode=decode_slowly,
        on_turn=lambda: turns.append(seconds.now),
    )
    for _ in range(12):
        worker.step()
    assert sorted(ids(store)) == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
    assert max(len(batch.calls) for batch in store.tried) < 6
    assert max(later - earlier for earlier, later in pairwise(turns)) <= CHUNK_S / 2


@pytest.mark.parametrize("limits", [{"batch_records": 4}, {"batch_bytes": 4}], ids=["records", "bytes"])
def test_a_full_batch_waits_for_nothing(kafka: MemoryKafka, store: Failing, limits: dict[str, int]) -> None:
    produce(kafka, *"abcdef")
    worker = make_worker(MemorySource(kafka, max_records=2), store, linger_s=60.0, **limits)
    worker.step()
    assert [worker.step() for _ in range(3)] == [None, Saved(4, 0, 0), None]


def test_a_batch_is_full_of_calls_however_few_records_hold_them(kafka: MemoryKafka, store: Failing) -> None:
    def decode_to_two(record: Record, window: Window) -> Decoded:
        return Decoded(tuple(call(f"{record.offset}-{n}", offset=record.offset) for n in range(2)), ())

    produce(kafka, *"abc")
    worker = make_worker(
        MemorySource(kafka, max_records=1), store, decode=decode_to_two, linger_s=60.0, batch_records=4
    )
    worker.step()
    assert [worker.step() for _ in range(3)] == [None, Saved(4, 0, 0), None]


def test_the_next_batch_is_scored_while_one_is_saved_and_expects_what_that_leaves_behind(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, *"abcdef")
    saver = MemorySaver(at_once=False)
    worker = make_worker(MemorySource(kafka, max_records=2), store, saver=saver, batch_records=4)
    worker.step()
    assert [worker.step() for _ in range(3)] == [None, None, None]
    assert store.tried == []
    saver.run()
    assert worker.step() == Saved(2, 0, 0)
    saver.run()
    assert worker.step() == Saved(4, 0, 0)
    moves = [(move.expected, move.next) for tried in store.tried for move in tried.offsets.values()]
    assert moves == [(0, 2), (2, 6)]


def test_a_fence_drops_what_was_collected_behind_it_too(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, *"abcdef")
    saver = MemorySaver(at_once=False)
    worker = make_worker(MemorySource(kafka, max_records=2), store, saver=saver)
    for _ in range(3):
        worker.step()
    store.save(batch([scored("a")], expected=0))
    for _ in range(8):
        saver.run()
        worker.step()
    assert ids(store) == [*"abcdef"]
    assert store.ledger == {"records": 6, "stored": 6, "duplicates": 0, "dead_letters": 0}


def test_a_rebalance_waits_for_the_save_under_way_and_stays_in_the_group(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, *"abcd")
    looks = iter([False, False, True])
    saver = MemorySaver(at_once=False, meanwhile=lambda: next(looks))
    source = MemorySource(kafka, max_records=2)
    worker = make_worker(source, store, saver=saver)
    for _ in range(2):
        worker.step()
    kafka.rebalance()
    worker.step()
    assert (source.kept_alive, store.next_offsets) == (2, {PARTITION: 2})
    worker.step()
    saver.run()
    assert worker.step() == Saved(2, 0, 0)


def test_a_stop_leaves_the_save_under_way_its_time_to_end(kafka: MemoryKafka, store: Failing) -> None:
    def stop_and_decode(record: Record, window: Window) -> Decoded:
        worker.stop()
        return decode(record, window)

    produce(kafka, "a")
    saver = MemorySaver(at_once=False)
    worker: Worker = make_worker(MemorySource(kafka), store, saver=saver, decode=stop_and_decode)
    worker.run()
    assert ids(store) == ["a"]
    assert (kafka.committed, saver.closed) == ({PARTITION: 1}, True)


def test_a_save_that_hangs_does_not_keep_a_stopped_worker(kafka: MemoryKafka, store: Failing) -> None:
    def stop() -> bool:
        worker.stop()
        return False

    produce(kafka, "a")
    saver = MemorySaver(at_once=False, meanwhile=stop)
    worker: Worker = make_worker(MemorySource(kafka), store, saver=saver)
    worker.step()
    worker.step()
    kafka.rebalance()
    worker.run()
    assert store.calls == {}


# ------------------------------------------------------------------------------------------------- retention


def counted(registry: CollectorRegistry, name: str) -> float:
    """What a metric of the only partition counts."""
    return registry.get_sample_value(name, {"topic": "calls", "partition": "0"}) or 0.0


def test_what_retention_deleted_while_nobody_read_is_counted_as_lost(
    kafka: MemoryKafka, store: Failing
) -> None:
    registry = CollectorRegistry()
    produce(kafka, *"abcdef")
    store.save(batch([scored("a")]))
    kafka.delete_before(4)
    worker = make_worker(MemorySource(kafka), store, metrics=telemetry.IngestMetrics(registry))
    worker.step()
    assert (store.next_offsets, store.ledger["lost"]) == ({PARTITION: 4}, 3)
    worker.step()
    assert ids(store) == ["a", "e", "f"]
    assert counted(registry, "llm_monitor_records_lost_total") == 3


def test_what_retention_deletes_ahead_of_a_running_worker_is_counted_as_lost(
    kafka: MemoryKafka, store: Failing
) -> None:
    registry = CollectorRegistry()
    produce(kafka, *"abcdef")
    worker = make_worker(
        MemorySource(kafka, max_records=1), store, metrics=telemetry.IngestMetrics(registry), linger_s=60.0
    )
    worker.step()
    worker.step()
    kafka.delete_before(4)
    worker.step()
    assert counted(registry, "llm_monitor_records_lost_total") == 0, "it is not durable yet"
    kafka.rebalance()
    worker.step()
    assert (store.next_offsets, store.ledger["lost"]) == ({PARTITION: 4}, 4)
    assert counted(registry, "llm_monitor_records_lost_total") == 4


def test_a_loss_is_said_with_its_place(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, *"abcdef")
    worker = make_worker(MemorySource(kafka, max_records=1), store)
    worker.step()
    worker.step()
    kafka.delete_before(4)
    with capture_logs() as logged:
        assert worker.step() == Saved(1, 0, 0)
    assert (store.ledger["records"], store.ledger["lost"]) == (2, 3)
    (line,) = (line for line in logged if "records lost" in line["event"])
    said = {name: line[name] for name in ("topic", "partition", "first", "last", "records")}
    assert said == {"topic": "calls", "partition": 0, "first": 1, "last": 3, "records": 3}


def test_a_gap_without_loss_is_jumped_and_not_counted(kafka: MemoryKafka, store: Failing) -> None:
    """Compaction and transactions leave gaps; also beyond a beginning that has moved up to what was read."""
    produce(kafka, *"abcdef")
    worker = make_worker(MemorySource(kafka, max_records=1), store)
    worker.step()
    worker.step()
    kafka.delete_before(1)
    del kafka.logs[PARTITION][:3]
    worker.step()
    assert (ids(store), store.ledger["lost"]) == (["a", "e"], 0)


@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_a_partition_that_a_topic_gains_is_read_from_its_beginning(store: Failing, start: str) -> None:
    kafka = MemoryKafka(partitions=2)
    produce(kafka, "before")
    workers = [make_worker(MemorySource(kafka), store, start=start) for _ in range(2)]
    for worker in workers * 2:
        with suppress(Fenced):
            worker.step()
    new = kafka.add_partition()
    kafka.produce(b"in the new one", new.partition)
    for worker in workers * 3:
        worker.step()
    assert ids(store) == ["before"] * (start == "earliest") + ["in the new one"]


# ---------------------------------------------------------------------------------------------------- poison


class Watch:
    """A guard that notes what it watches over, and stops records that ask for it.

    Attributes:
        seen: the places that were watched over.
        inside: whether something is being watched over now.
    """

    def __init__(self) -> None:
        self.seen: list[Place] = []
        self.inside = False

    @contextmanager
    def __call__(self, place: Place) -> Iterator[None]:
        self.seen.append(place)
        self.inside = True
        try:
            yield
        finally:
            self.inside = False


def raising(error: BaseException, at: str) -> Callable[[Record, Window], Decoded]:
    """A decoder that raises at the record with this value."""

    def decode_or_raise(record: Record, window: Window) -> Decoded:
        if record.value == at.encode():
            raise error
        return decode(record, window)

    return decode_or_raise


COSTLY = [
    (TookTooLong("more than 10 s"), DeadLetterReason.TOOK_TOO_LONG, "more than 10 s"),
    (MemoryError(), DeadLetterReason.OUT_OF_MEMORY, "more than is left of ingest.worker_memory"),
]


@pytest.mark.parametrize(("error", "reason", "detail"), COSTLY, ids=["time", "memory"])
@pytest.mark.parametrize("stage", ["decode", "score"])
def test_a_record_that_costs_too_much_costs_itself_only(
    kafka: MemoryKafka,
    store: Failing,
    stage: str,
    error: BaseException,
    reason: DeadLetterReason,
    detail: str,
) -> None:
    def score(call: Call) -> Scores:
        assert watch.inside
        if stage == "score" and call.call_id == "b":
            raise error
        return scores()

    watch = Watch()
    produce(kafka, "a", "b", "c")
    worker = make_worker(
        MemorySource(kafka),
        store,
        decode=raising(error, "b" if stage == "decode" else "none"),
        score=score,
        guard=watch,
    )
    worker.step()
    assert worker.step() == Saved(2, 0, 1)
    assert ids(store) == ["a", "c"]
    (letter,) = store.dead_letters.values()
    assert (letter.offset, letter.reason, letter.detail) == (1, reason, detail)
    assert {place.offset for place in watch.seen} == {0, 1, 2}


@pytest.mark.parametrize("survives", [True, False], ids=["survives", "does not"])
def test_a_suspect_is_tried_alone_once_and_then_read_or_a_dead_letter(
    kafka: MemoryKafka, store: Failing, survives: bool
) -> None:
    def try_alone(record: Record) -> DeadLetter | None:
        tried.append(record)
        return None if survives else dead_letter(record.offset)

    tried: list[Record] = []
    produce(kafka, "a", "b", "c")
    store.suspected = {Place(*PARTITION, 1), Place(*OTHER, 1)}
    seconds = Seconds()
    worker = make_worker(MemorySource(kafka), store, try_alone=try_alone, monotonic=seconds)
    worker.step()
    store.saves = [Transient("away")]
    wait_out(worker, store, seconds)
    assert [record.value for record in tried] == [b"b"]
    assert ids(store) == (["a", "b", "c"] if survives else ["a", "c"])
    assert [letter.offset for letter in store.dead_letters.values()] == ([] if survives else [1])
    assert store.suspected == {Place(*OTHER, 1)}


@pytest.mark.parametrize("survives", [True, False], ids=["survives", "does not"])
def test_a_call_of_several_records_one_of_which_is_suspected_is_tried_alone_as_a_whole(
    store: Failing, survives: bool
) -> None:
    def try_alone(record: Record) -> DeadLetter | None:
        tried.append(record.value or b"")
        return None if survives or b"call_id" not in tried[-1] else dead_letter(record.offset)

    tried: list[bytes] = []
    kafka = MemoryKafka()
    produce(kafka, "span", "event")
    call = assemble([*arrived([TOLD["span"], TOLD["event"]], NOON)], NOON, WAITS).calls[0]
    store.suspected = {place_of(call)}
    worker = make_worker(MemorySource(kafka), store, decode=decode_parts, try_alone=try_alone, waits=WAITS)
    worker.step()
    worker.step()
    assert ids(store) == (["r"] if survives else [])
    assert len(store.dead_letters) == (0 if survives else 1)
    assert decode_record(native.record(call)).calls[0].call_id == "r"
    assert [value for value in tried if b"call_id" in value] == [native.record(call).value]
    assert store.suspected == set()


def test_while_nothing_can_be_tried_alone_a_suspect_waits(kafka: MemoryKafka, store: Failing) -> None:
    def try_alone(record: Record) -> DeadLetter | None:
        if len(failures) < 2:
            failures.append(record)
            raise Transient("no process can be started")
        return None

    failures: list[Record] = []
    produce(kafka, "a", "b")
    store.suspected = {Place(*PARTITION, 1)}
    worker = make_worker(MemorySource(kafka), store, try_alone=try_alone)
    for _ in range(2):
        worker.step()
        with pytest.raises(Transient):
            worker.step()
    worker.step()
    worker.step()
    assert ids(store) == ["a", "b"]


# ---------------------------------------------------------------------------------- a store or a Kafka away


def test_while_the_store_is_away_the_batch_is_kept_and_the_waits_grow(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, "a")
    seconds = Seconds()
    worker = make_worker(MemorySource(kafka), store, monotonic=seconds)
    worker.step()
    store.saves = [Transient("away")] * 8
    tried_at: list[float] = []
    while not store.calls:
        before = len(store.tried)
        worker.step()
        tried_at += [seconds.now for tried in store.tried[before:] if tried.calls]
        seconds.now += 0.2
    waits = [round(later - earlier, 1) for earlier, later in pairwise(tried_at)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert all(tried == store.tried[0] for tried in store.tried if tried.calls)


def test_the_waits_start_small_again_with_the_next_batch(kafka: MemoryKafka, store: Failing) -> None:
    seconds = Seconds()
    worker = make_worker(MemorySource(kafka), store, monotonic=seconds)
    worker.step()
    for value in "ab":
        produce(kafka, value)
        store.saves = [Transient("away")] * 2
        worker.step()
        for wait in (0.2, 0.4):
            seconds.now += wait
            saved = worker.step()
        assert saved == Saved(1, 0, 0)


def test_while_the_store_is_away_the_next_batch_is_collected_and_no_more_is_read(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, *"abcdefgh")
    source, seconds, turns = MemorySource(kafka, max_records=1), Seconds(), Waits()
    worker = make_worker(source, store, monotonic=seconds, batch_records=3, on_turn=lambda: turns(0))
    worker.step()
    store.saves = [Transient("away")] * 9
    for _ in range(20):
        worker.step()
    assert source.position(PARTITION) == 4
    assert source.kept_alive == 16
    assert len(turns.seconds) == 21 + 4  # every turn, and every record that was read
    store.saves.clear()
    seconds.now += BACKOFF_S[1]
    for _ in range(6):
        worker.step()
    assert "".join(ids(store)) == "abcdefgh"
    assert [len(tried.calls) for tried in store.tried if tried != store.tried[0]] == [3, 1, 1, 1, 1]


@pytest.mark.parametrize("part", ["value", "key", "headers"])
def test_records_of_many_bytes_fill_a_batch_too(kafka: MemoryKafka, store: Failing, part: str) -> None:
    for letter in "abcdef":
        large = letter.encode() * 400
        kafka.produce(
            large if part == "value" else letter.encode(),
            key=large if part == "key" else None,
            headers=[("trace", large)] if part == "headers" else (),
        )
    source = MemorySource(kafka, max_records=1)
    worker = make_worker(source, store, batch_bytes=1_000)
    worker.step()
    store.saves = [Transient("away")] * 9
    for _ in range(9):
        worker.step()
    assert source.position(PARTITION) == 1 + 3


def test_a_rebalance_while_the_store_is_away_drops_what_is_not_saved(
    kafka: MemoryKafka, store: Failing
) -> None:
    produce(kafka, "a", "b", "c")
    worker = make_worker(MemorySource(kafka, max_records=1), store)
    worker.step()
    store.saves = [Transient("away")]
    worker.step()
    worker.step()
    kafka.rebalance()
    store.save(batch([scored("a")], expected=0))  # by whoever had it meanwhile
    worker.step()
    while worker.step():
        pass
    assert ids(store) == ["a", "b", "c"]
    assert store.ledger == {"records": 3, "stored": 3, "duplicates": 0, "dead_letters": 0}


def test_a_batch_that_was_saved_although_the_answer_was_lost_is_not_saved_again(
    kafka: MemoryKafka, store: Failing
) -> None:
    class LosesAnswer(Failing):
        def save(self, batch: Batch) -> Saved:
            saved = super().save(batch)
            if batch.calls and len(self.tried) == 1:
                raise Transient("the connection broke at the commit")
            return saved

    produce(kafka, "a", "b")
    losing, seconds = LosesAnswer(), Seconds()
    worker = make_worker(MemorySource(kafka), losing, monotonic=seconds)
    worker.step()
    assert worker.step() is None
    seconds.now += BACKOFF_S[0]
    assert worker.step() is None
    worker.step()
    produce(kafka, "c")
    worker.step()
    assert ids(losing) == ["a", "b", "c"]
    assert losing.ledger == {"records": 3, "stored": 3, "duplicates": 0, "dead_letters": 0}


def test_when_kafka_fails_while_the_store_is_away_what_is_not_saved_is_read_again(
    kafka: MemoryKafka, store: Failing
) -> None:
    class Unreachable(MemorySource):
        def keep_alive(self) -> None:
            raise Transient("no broker")

    produce(kafka, "a", "b", "c")
    worker = make_worker(Unreachable(kafka, max_records=1), store, batch_records=1)
    worker.step()
    store.saves = [Transient("away")]
    for _ in range(2):
        worker.step()
    with pytest.raises(Transient, match="no broker"):
        worker.step()
    for _ in range(4):
        worker.step()
    assert ids(store) == ["a", "b", "c"]


def test_a_poll_that_fails_after_it_read_loses_nothing(kafka: MemoryKafka, store: Failing) -> None:
    class FailsOnce(MemorySource):
        failed = False

        def poll(self, timeout_s: float) -> Polled:
            polled = super().poll(timeout_s)
            if polled.records and store.calls and not self.failed:
                self.failed = True
                raise Transient("the broker went away")
            return polled

    produce(kafka, "a", "b", "c")
    worker = make_worker(FailsOnce(kafka, max_records=1), store)
    worker.step()
    worker.step()
    with pytest.raises(Transient):
        worker.step()
    for _ in range(3):
        worker.step()
    assert ids(store) == ["a", "b", "c"]


# ------------------------------------------------------------------------------------------------------ run


def test_a_stop_while_the_store_is_away_ends_the_loop_with_nothing_saved(
    kafka: MemoryKafka, store: Failing
) -> None:
    def stop_at_last() -> None:
        if len(store.tried) == 3:
            worker.stop()
        seconds.now += BACKOFF_S[1]

    produce(kafka, "a")
    saver, seconds = MemorySaver(), Seconds()
    worker: Worker = make_worker(
        MemorySource(kafka), store, saver=saver, monotonic=seconds, on_turn=stop_at_last
    )
    store.saves = [Transient("away")] * 9
    worker.run()
    assert (store.calls, store.next_offsets, kafka.committed) == ({}, {PARTITION: 0}, {})
    assert saver.closed


def test_a_stop_ends_the_loop_after_the_batch_it_is_at(kafka: MemoryKafka, store: Failing) -> None:
    produce(kafka, "a", "b")

    def stop_and_score(_: Call) -> Scores:
        worker.stop()
        return scores()

    worker: Worker = make_worker(MemorySource(kafka, max_records=1), store, score=stop_and_score)
    worker.run()
    assert ids(store) == ["a"]


def test_the_loop_waits_out_what_is_transient_and_starts_small_again(
    kafka: MemoryKafka, store: Failing
) -> None:
    def stop_at_last() -> bool:
        if len(waits.seconds) == 4:
            worker.stop()
        return False

    waits = Waits(stop_at_last)
    worker: Worker = make_worker(MemorySource(kafka), store, wait=waits, on_turn=kafka.rebalance)
    store.reads = [Transient("away"), Transient("away"), None, Transient("away"), Transient("away")]
    worker.run()
    assert waits.seconds == [0.2, 0.4] * 2


def test_the_loops_waits_grow_to_their_limit(kafka: MemoryKafka, store: Failing) -> None:
    def stop_at_last() -> bool:
        if not store.reads:
            worker.stop()
        return False

    waits = Waits(stop_at_last)
    worker: Worker = make_worker(MemorySource(kafka), store, wait=waits)
    store.reads = [Transient("away")] * 8
    worker.run()
    assert waits.seconds == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert (waits.seconds[0], waits.seconds[-1]) == BACKOFF_S


def test_what_is_permanent_ends_the_loop(kafka: MemoryKafka, store: Failing) -> None:
    store.reads = [Permanent("the table is gone")]
    with pytest.raises(Permanent):
        make_worker(MemorySource(kafka), store).run()


# -------------------------------------------------------------------------------------------- interleavings


class World:
    """Two workers, one store and one topic, and a script of what happens at each moment.

    A moment is the outer loop's, or one inside a worker's turn: a record is decoded, a save is tried or
    has been made, the saver is waited for. So one worker acts, a save ends, or the assignment changes, in the
    middle of the other's turn or of a worker's own. A save that was under way when its worker was killed may
    still reach the store, at any time after.
    """

    def __init__(self, script: Sequence[str]) -> None:
        self._script: Iterator[str] = iter(())
        self._busy: set[int] = set()
        self._failures: set[str] = set()
        self._seconds = Seconds()
        self.produced: list[str] = []
        self.kafka = MemoryKafka(partitions=3)
        self.store = self._make_store()
        self._sources = [self._make_source() for _ in range(2)]
        self._savers = [self._make_saver() for _ in range(2)]
        self._orphans: list[MemorySaver] = []
        self._workers = [self._make_worker(number) for number in range(2)]
        for worker in self._workers:
            worker.step()
        self._script = iter(script)

    def play(self) -> None:
        """Play the script to its end; then let both workers read what is left, and find their place anew."""
        while self.moment():
            pass
        self._failures.clear()
        for turn in range(40 + 4 * len(self.produced)):
            if turn == 20 + 2 * len(self.produced):
                self.kafka.rebalance()
            self._step(turn % 2)
            self._savers[turn % 2].run()

    def moment(self) -> bool:
        """Whatever the script says happens now; false at its end."""
        action = next(self._script, None)
        if action in ("0", "1", "2"):
            self.produced.append(f"c{len(self.produced)}")
            self.kafka.produce(self.produced[-1].encode(), int(action))
        elif action in ("first", "second"):
            self._step(int(action == "second"))
        elif action in ("the first saves", "the second saves"):
            self._savers[int(action == "the second saves")].run()
        elif action in ("kill the first", "kill the second"):
            self._kill(int(action == "kill the second"))
        elif action == "an orphan saves" and self._orphans:
            self._orphans.pop().run()
        elif action == "retention":
            log = self.kafka.logs[PARTITION]
            self.kafka.delete_before(log[len(log) // 2].offset if log else self.kafka.end(PARTITION))
        elif action == "rebalance":
            self.kafka.rebalance()
        elif action is not None:
            self._failures.add(action)
        return action is not None

    def may_fail(self, at: str) -> None:
        """Fail here, if the script said so."""
        if at in self._failures:
            self._failures.remove(at)
            raise Transient(at)

    def _step(self, number: int) -> None:
        if number in self._busy:
            return
        self._busy.add(number)
        self._seconds.now += 0.2
        try:
            self._workers[number].step()
        except Transient:
            pass
        finally:
            self._busy.remove(number)

    def _kill(self, number: int) -> None:
        """Another worker takes the place of this one, which is gone as it stood, unless it is in its turn."""
        if number in self._busy:
            return
        self._sources[number].close()
        self._orphans.append(self._savers[number])
        self._sources[number] = self._make_source()
        self._savers[number] = self._make_saver()
        self._workers[number] = self._make_worker(number)

    def _make_worker(self, number: int) -> Worker:
        return make_worker(
            self._sources[number],
            self.store,
            decode=self._decode,
            saver=self._savers[number],
            monotonic=self._seconds,
            linger_s=0.5,
            batch_records=6,
        )

    def _make_saver(self) -> MemorySaver:
        def meanwhile() -> bool:
            self.moment()
            return True

        return MemorySaver(at_once=False, meanwhile=meanwhile)

    def _decode(self, record: Record, window: Window) -> Decoded:
        self.moment()
        return decode(record, window)

    def _make_store(self) -> MemoryStore:
        world = self

        class Scripted(MemoryStore):
            def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
                world.moment()
                world.may_fail("fail to read the offsets")
                return super().offsets(partitions)

            def save(self, batch: Batch) -> Saved:
                world.moment()
                world.may_fail("fail before the commit")
                saved = super().save(batch)
                world.may_fail("fail after the commit")
                return saved

        return Scripted()

    def _make_source(self) -> MemorySource:
        world = self

        class Scripted(MemorySource):
            def poll(self, timeout_s: float) -> Polled:
                polled = super().poll(timeout_s)
                world.may_fail("fail to poll")
                return polled

            def keep_alive(self) -> None:
                world.may_fail("fail to keep alive")

        return Scripted(self.kafka, max_records=3)


ACTIONS = [
    *("0", "1", "2", "first", "second", "the first saves", "the second saves", "rebalance"),
    *("kill the first", "kill the second", "an orphan saves"),
    *("fail to read the offsets", "fail before the commit", "fail after the commit"),
    *("fail to poll", "fail to keep alive"),
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(ACTIONS), min_size=20, max_size=150))
def test_whatever_happens_every_record_is_saved_exactly_once(script: list[str]) -> None:
    world = World(script)
    world.play()
    assert sorted(ids(world.store)) == sorted(world.produced)
    assert world.store.ledger["records"] == len(world.produced)
    assert world.store.ledger["duplicates"] == 0


@settings(max_examples=200)
@given(st.lists(st.sampled_from([*ACTIONS, "retention"]), min_size=20, max_size=150))
def test_whatever_retention_deletes_every_record_is_saved_once_or_counted_as_lost(script: list[str]) -> None:
    world = World(script)
    world.play()
    ledger = world.store.ledger
    assert set(ids(world.store)) <= set(world.produced)
    assert ledger["stored"] == ledger["records"] == len(world.store.calls)
    assert ledger["records"] + ledger["lost"] == len(world.produced)


# --------------------------------------------------------------------------------------------- parts of calls

TOLD = {
    "span": fragment("s", response_id="r"),
    "event": content("s"),
    "whole": whole("w"),
    "again": fragment("w", 0.01, 0.9, emitter="sdk", parent_span_id="w"),
}


def decode_parts(record: Record, window: Window) -> Decoded:
    """A record's value is the name of a fragment of ``TOLD``."""
    return Decoded((), (), (TOLD[(record.value or b"").decode()],))


class Raced:
    """Two workers of one store, each with a topic of its own, and the time that both see.

    The first one's own clock may be ahead.
    """

    def __init__(self, store: MemoryStore, ahead: timedelta = timedelta()) -> None:
        self.clock = ManualClock(NOON)
        self.seconds = Seconds()
        self.topics = (MemoryKafka(), MemoryKafka(topic="events"))
        self.workers = [
            make_worker(
                MemorySource(topic),
                store,
                decode=decode_parts,
                clock=ManualClock(NOON + own),
                store_clock=self.clock,
                waits=WAITS,
                monotonic=self.seconds,
            )
            for topic, own in zip(self.topics, (ahead, timedelta()), strict=True)
        ]
        for worker in self.workers:
            worker.step()

    def read(self, which: int, value: str) -> None:
        """Let one of the workers read one fragment."""
        produce(self.topics[which], value)
        self.workers[which].step()

    def later(self, seconds: float) -> None:
        """Time goes by, and the first worker turns."""
        self.clock.advance(timedelta(seconds=seconds))
        self.seconds.now += seconds
        self.workers[0].step()


@pytest.mark.parametrize("order", [("span", "event"), ("event", "span")])
def test_a_span_and_its_event_are_one_call_whichever_worker_reads_which(
    store: Failing, order: tuple[str, str]
) -> None:
    two = Raced(store)
    two.read(0, order[0])
    assert ids(store) == []
    two.clock.advance(timedelta(seconds=100))
    two.read(1, order[1])
    assert ids(store) == ["r"]
    two.later(600)
    assert ids(store) == ["r"]
    assert store.ledger["stored"] == 1


@pytest.mark.parametrize("ahead", [0, 1, -1], ids=["right clocks", "one ahead", "one behind"])
def test_a_part_whose_rest_never_comes_is_a_call_when_its_wait_ends(store: Failing, ahead: int) -> None:
    two = Raced(store, ahead * timedelta(hours=1))
    two.read(1, "span")
    two.later(119)
    assert ids(store) == []
    two.later(2)
    assert ids(store) == ["r"]


def test_a_part_that_another_worker_took_meanwhile_is_put_together_anew(store: Failing) -> None:
    two = Raced(store)
    two.read(0, "span")
    produce(two.topics[1], "event")
    saved = store.save

    def steal(batch: Batch) -> Saved:
        """The other worker finds the wait over just before this batch is saved."""
        store.save = saved  # type: ignore[method-assign]
        two.later(600)
        return saved(batch)

    store.save = steal  # type: ignore[method-assign]
    two.workers[1].step()
    assert ids(store) == ["r"]


def test_a_batch_that_is_raced_again_and_again_goes_on_without_its_parts(store: Failing) -> None:
    """Nobody is faster: it is a bug of ours. The partition goes on, and the sweep finishes the call."""
    two = Raced(store)
    saved = store.save

    def race(batch: Batch) -> Saved:
        if batch.offsets and batch.parts.told:
            raise LostRace("a bug of ours")
        return saved(batch)

    store.save = race  # type: ignore[method-assign]
    two.read(0, "span")
    two.read(0, "event")
    assert store.next_offsets[PARTITION] == 2
    assert ids(store) == []
    two.later(15)
    assert ids(store) == ["r"]


def test_a_second_span_of_a_call_that_was_finished_is_not_counted(store: Failing) -> None:
    two = Raced(store)
    two.read(0, "whole")
    two.read(1, "again")
    two.later(600)
    assert ids(store) == ["w"]


@pytest.mark.parametrize(("first", "then", "counted"), [("span", "event", "r"), ("event", "span", "s")])
def test_a_part_that_comes_long_after_the_other_was_counted_is_not_counted_again(
    store: Failing, first: str, then: str, counted: str
) -> None:
    two = Raced(store)
    two.read(0, first)
    two.later(600)
    two.later(600)
    assert (ids(store), store.parts) == ([counted], {})
    two.read(1, then)
    two.later(600)
    assert ids(store) == [counted]


def test_a_call_of_another_trace_with_the_id_of_a_late_part_is_counted(
    store: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOLD, "late", whole("s", 1, response_id="r"))
    monkeypatch.setitem(TOLD, "other", whole("o", 2, response_id="r", group="another trace"))
    two = Raced(store)
    two.read(0, "span")
    two.later(600)
    two.later(600)
    produce(two.topics[0], "late", "other")
    two.workers[0].step()
    assert [(scored.call.trace_id, scored.call.call_id) for scored in store.calls.values()] == [
        ("t", "r"),
        ("another trace", "r"),
    ]


def test_parts_that_putting_together_fails_on_cost_themselves_only(
    store: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(group: list[Waiting], *others: Any) -> Assembled:
        if any(part.fragment.span_id == "w" for part in group):
            raise KeyError("secret")
        return assemble(group, *others)

    monkeypatch.setattr("monitor.ingest.reader.assemble", broken)
    monkeypatch.setitem(TOLD, "other", whole("o", group="another trace"))
    two = Raced(store)
    produce(two.topics[0], "whole", "other")
    two.workers[0].step()
    assert ids(store) == ["o"]
    assert [(letter.reason, letter.detail) for letter in store.dead_letters.values()] == [
        ("decoder_failed", "KeyError, when its parts were put together")
    ]


def test_while_the_store_is_away_parts_that_were_read_are_kept(store: Failing) -> None:
    two = Raced(store)
    produce(two.topics[0], "span", "event")
    store.saves = [Transient("away")] * 3
    wait_out(two.workers[0], store, two.seconds)
    assert ids(store) == ["r"]


# ------------------------------------------------------------------------------------------- a second opinion


def decode_answers(record: Record, window: Window) -> Decoded:
    """A record is one answer to a document, with its value as the id."""
    return Decoded((answered_call((record.value or b"").decode(), offset=record.offset),), ())


def suspect(_: Call) -> Scores:
    return with_grounding(GroundingOutcome.SUSPECT)


def judged(store: MemoryStore) -> dict[str, str | None]:
    """What the judge said of each stored call."""
    return {scored.call.call_id: scored.scores.judge.detail for scored in store.calls.values()}


def test_a_judge_that_hangs_costs_one_wait_and_no_call(kafka: MemoryKafka, store: Failing) -> None:
    judge = HangingJudge()
    stage = Stage(judge, wait=lambda _: judge.asked.acquire(timeout=30))
    produce(kafka, "a", "b", "c", "d")
    source = MemorySource(kafka, max_records=2)
    worker = make_worker(source, store, decode=decode_answers, score=suspect, judge=stage.judged)
    for _ in range(3):
        worker.step()
    assert stage.waits == [2.0]
    assert judged(store) == dict.fromkeys("ab", "fake: timeout") | dict.fromkeys("cd", "fake: busy")
    assert store.ledger == {"records": 4, "stored": 4, "duplicates": 0, "dead_letters": 0}
    judge.released.set()
    stage.close()


def test_a_batch_that_is_tried_again_is_not_judged_again(kafka: MemoryKafka, store: Failing) -> None:
    judge = FakeJudge(Verdict(0.9))
    stage = Stage(judge)
    produce(kafka, "a", "b")
    seconds = Seconds()
    worker = make_worker(
        MemorySource(kafka),
        store,
        decode=decode_answers,
        score=suspect,
        judge=stage.judged,
        monotonic=seconds,
    )
    worker.step()
    store.saves = [Transient("away")] * 3
    wait_out(worker, store, seconds)
    assert judge.asked == ["a", "b"]
    assert judged(store) == {"a": "fake", "b": "fake"}
    stage.close()


def test_parts_that_are_put_together_anew_are_not_judged_again(store: Failing) -> None:
    judge = FakeJudge(Verdict(0.9))
    stage = Stage(judge)
    kafka, seconds = MemoryKafka(), Seconds()
    worker = make_worker(
        MemorySource(kafka),
        store,
        decode=decode_parts,
        score=suspect,
        judge=stage.judged,
        waits=WAITS,
        monotonic=seconds,
    )
    worker.step()
    produce(kafka, "span", "event")
    store.saves = [Transient("away")] * 3
    wait_out(worker, store, seconds)
    assert judge.asked == ["r"]
    assert judged(store) == {"r": "fake"}
    stage.close()
