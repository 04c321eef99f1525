"""The reader: what a record costs that loops, eats memory, fails a scorer or is refused by the store."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from monitor.decode import Decoded, Window
from monitor.ingest import reader as reader_module
from monitor.ingest.at_hand import SIZE, AtHand
from monitor.ingest.collected import Collected
from monitor.ingest.guard import Guard
from monitor.ingest.reader import Reader, untried
from monitor.records import Call, Place, Record, Scores
from monitor.telemetry import IngestMetrics
from tests.examples import call, scores

WINDOW = Window(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC))
HEADERS = (("team", b"blue"), ("x-api-key", b"sk-123456789"))


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard(AtHand(mmap.mmap(-1, SIZE)), 1)
    guard.start()
    yield guard
    guard.stop()


def record(offset: int, value: bytes = b"{}") -> Record:
    return Record("calls", 0, offset, value, headers=HEADERS)


def loop() -> None:
    while True:
        pass


def eat_memory() -> None:
    raise MemoryError


def decode(record: Record, _window: Window) -> Decoded:
    """A record is two calls, named after its value; some values are too much for it."""
    if record.value in COSTLY:
        COSTLY[record.value]()
    name = (record.value or b"").decode()
    return Decoded((call(f"{name}1", offset=record.offset), call(f"{name}2", offset=record.offset)), ())


COSTLY: dict[bytes | None, Callable[[], None]] = {b"loop": loop, b"memory": eat_memory}


def score(call: Call) -> Scores:
    if call.call_id.startswith("bad"):
        raise ZeroDivisionError
    return scores()


def read(guard: Guard, *records: Record, keep_content: bool = False) -> tuple[Reader, Collected]:
    metrics = IngestMetrics(CollectorRegistry())
    reader = Reader(
        decode, score, guard, untried, keep_content=keep_content, metrics=metrics, clock=lambda: 0.0
    )
    collected = Collected()
    reader.read(records, WINDOW, (), collected)
    return reader, collected


def test_a_record_that_costs_too_much_costs_itself_and_not_its_neighbours(guard: Guard) -> None:
    values = [b"a", b"loop", b"b", b"memory", b"c"]
    _, collected = read(guard, *(record(offset, value) for offset, value in enumerate(values)))
    assert [one.call.call_id for one in collected.calls] == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert [(letter.offset, letter.reason, letter.detail) for letter in collected.dead_letters] == [
        (1, "took_too_long", "more than 1 s"),
        (3, "out_of_memory", "more than is left of ingest.worker_memory"),
    ]
    assert [letter.size for letter in collected.dead_letters] == [4, 6]


def test_no_record_is_begun_after_many_calls_though_one_may_hold_more(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "CHUNK_CALLS", 3)
    _, collected = read(guard, record(0, b"a"), record(1, b"b"), record(2, b"c"))
    assert [one.call.call_id for one in collected.calls] == ["a1", "a2", "b1", "b2"]


def test_of_calls_that_a_scorer_fails_on_the_first_keeps_the_bytes_they_share(guard: Guard) -> None:
    _, collected = read(guard, record(0, b"bad"), keep_content=True)
    assert [(letter.reason, letter.value) for letter in collected.dead_letters] == [
        ("scorer_failed", b"bad"),
        ("scorer_failed", None),
    ]


def test_a_refused_call_is_told_with_size_hash_and_headers_of_its_record(guard: Guard) -> None:
    reader, collected = read(guard, record(7, b"good"), keep_content=True)
    letter = reader.refused(collected.origins)(collected.calls[0].call, "too long")
    assert (letter.reason, letter.detail, letter.size) == ("refused_by_store", "too long", 4)
    assert letter.sha256 == hashlib.sha256(b"good").digest()
    assert letter.headers == (("team", "blue"),)
    assert letter.value == b"good"


def test_a_refused_call_whose_record_is_gone_is_told_with_its_place(guard: Guard) -> None:
    reader, collected = read(guard, record(7, b"good"))
    letter = reader.refused({})(collected.calls[0].call, "too long")
    assert Place(letter.topic, letter.partition, letter.offset) == Place("calls", 0, 7)
    assert letter.size == 0
