"""The shipper against a producer that only notes what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import ship
from monitor.ship import CAUSES, Shipper


@dataclass(frozen=True)
class Outcome:
    delivered: bool

    def succeeded(self) -> bool:
        return self.delivered


@dataclass
class NotingProducer:
    """Acknowledges what it is sent, unless it is told to refuse it; waits in flush while it is held."""

    delivers: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    messages: list[tuple[str, bytes, dict[str, Any]]] = field(default_factory=list)
    closed: bool = False
    free: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.free.set()

    def __call__(self, **settings: Any) -> NotingProducer:
        self.settings = settings
        return self

    def send(self, topic: str, value: bytes, key: bytes) -> Outcome:
        if self.delivers:
            self.messages.append((topic, key, json.loads(value)))
        return Outcome(self.delivers)

    def flush(self, timeout: float) -> None:
        self.reached.set()
        assert self.free.wait(30)

    def close(self, timeout: float) -> None:
        self.closed = True

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for _, _, record in self.messages]


def shipper(producer: NotingProducer, **arguments: Any) -> Shipper:
    return Shipper("kafka:9092", linger_ms=0, producer_factory=producer, **arguments)


def dropped(**counts: int) -> dict[str, int]:
    return dict.fromkeys(CAUSES, 0) | counts


class Raising(Mapping[str, Any]):
    """A mapping that can't be read."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        raise RuntimeError("len")


def circle() -> dict[str, Any]:
    record: dict[str, Any] = {}
    record["self"] = record
    return record


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


# ---------------------------------------------------------------------------------------- what is shipped


def test_what_is_absent_is_filled_in() -> None:
    producer = NotingProducer()
    before = datetime.now(UTC)
    with shipper(producer, service="shop", environment="prod") as subject:
        assert subject.ship({"provider": "openai"})
    (record,) = producer.records
    assert (record["version"], record["service"], record["environment"]) == (1, "shop", "prod")
    assert len(record["call_id"]) == 32
    assert before <= datetime.fromisoformat(record["started_at"]) <= datetime.now(UTC)
    assert record["provider"] == "openai"


def test_what_is_there_is_kept() -> None:
    given_record = {
        "version": 1,
        "call_id": "c1",
        "started_at": "2026-01-02T03:04:05Z",
        "service": "other",
        "environment": "test",
        "outputs": [{"text": "naïve \u20ac"}],
    }
    producer = NotingProducer()
    with shipper(producer, service="shop", environment="prod") as subject:
        assert subject.ship(given_record)
    assert producer.records == [given_record]


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"call_id": "c1"}, b"c1"),
        ({"call_id": "c1", "request_id": "r1"}, b"r1"),
        ({"call_id": "c1", "request_id": None}, b"c1"),
        ({"call_id": "c1", "request_id": ""}, b"c1"),
        ({"call_id": 7}, b"7"),
        ({"call_id": "\udc00"}, b"?"),
    ],
)
def test_attempts_of_one_request_share_a_key(record: dict[str, Any], key: bytes) -> None:
    producer = NotingProducer()
    with shipper(producer, topic="calls") as subject:
        subject.ship(record)
    assert [(topic, sent_key) for topic, sent_key, _ in producer.messages] == [("calls", key)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:00+00:00"),
        ("a lone \ud800 surrogate", "a lone ? surrogate"),
    ],
)
def test_a_value_is_written_so_that_the_service_can_read_it(value: object, expected: str) -> None:
    producer = NotingProducer()
    with shipper(producer) as subject:
        subject.ship({"started_at": value})
    assert producer.records[0]["started_at"] == expected


def test_records_keep_their_order_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship, "_BATCH", 7)
    producer = NotingProducer()
    with shipper(producer) as subject:
        for number in range(100):
            subject.ship({"call_id": str(number)})
    assert [record["call_id"] for record in producer.records] == [str(number) for number in range(100)]
    assert subject.sent == 100


def test_settings_of_the_application_reach_kafka() -> None:
    producer = NotingProducer()
    with Shipper(
        "a:1,b:2", kafka={"security_protocol": "SSL"}, linger_ms=0, producer_factory=producer
    ) as subject:
        subject.ship({})
    assert producer.settings["bootstrap_servers"] == ["a:1", "b:2"]
    assert producer.settings["security_protocol"] == "SSL"


# ------------------------------------------------------------------------------------------ what is dropped


@pytest.mark.parametrize("record", [None, 1, "text", [1, 2], Raising(), object()])
def test_what_is_no_mapping_is_dropped_at_once(record: Any) -> None:
    with shipper(NotingProducer()) as subject:
        assert not subject.ship(record)
        assert subject.dropped == dropped(invalid=1)


@pytest.mark.parametrize(
    "record",
    [
        {"duration_ms": float("nan")},
        {"duration_ms": float("inf")},
        {"input": object()},
        {"input": b"bytes"},
        {"input": circle()},
        {"input": nested(100_000)},
        {("a", "tuple"): 1},
        {"request_id": Raising()},
    ],
    ids=["nan", "infinity", "object", "bytes", "circle", "deep", "key", "request_id"],
)
def test_what_is_not_json_costs_that_record_only(record: Any) -> None:
    producer = NotingProducer()
    with shipper(producer) as subject:
        subject.ship({"call_id": "before"})
        subject.ship(record)
        subject.ship({"call_id": "after"})
    assert [sent["call_id"] for sent in producer.records] == ["before", "after"]
    assert (subject.sent, subject.dropped, subject.queued) == (2, dropped(invalid=1), 0)


def test_a_record_over_the_limit_is_dropped() -> None:
    producer = NotingProducer()
    with shipper(producer, max_record_bytes=1_000) as subject:
        subject.ship({"call_id": "small"})
        subject.ship({"call_id": "large", "input": "x" * 1_000})
    assert [record["call_id"] for record in producer.records] == ["small"]
    assert subject.dropped == dropped(too_large=1)


def test_a_full_queue_drops_the_newest() -> None:
    producer = NotingProducer()
    producer.free.clear()
    with shipper(producer, max_queue=3) as subject:
        subject.ship({"call_id": "0"})
        assert producer.reached.wait(30)
        assert [subject.ship({"call_id": str(number)}) for number in range(1, 5)] == [
            True,
            True,
            False,
            False,
        ]
        assert (subject.queued, subject.dropped) == (3, dropped(queue_full=2))
        producer.free.set()
    assert [record["call_id"] for record in producer.records] == ["0", "1", "2"]


def test_a_record_shipped_after_close_is_dropped() -> None:
    subject = shipper(NotingProducer())
    subject.close()
    assert not subject.ship({})
    assert subject.dropped == dropped(closed=1)


def test_what_kafka_does_not_acknowledge_has_failed_and_the_producer_is_replaced() -> None:
    refusing, accepting = NotingProducer(delivers=False), NotingProducer()
    producers = iter([refusing, accepting])
    with Shipper("kafka:9092", linger_ms=0, producer_factory=lambda **_: next(producers)) as subject:
        subject.ship({})
        assert subject.flush()
        subject.ship({})
        assert subject.flush()
    assert (subject.sent, subject.dropped) == (1, dropped(failed=1))
    assert (refusing.closed, len(accepting.records), accepting.closed) == (True, 1, True)


def test_a_producer_that_raises_costs_its_batch_only() -> None:
    class Broken(NotingProducer):
        def send(self, topic: str, value: bytes, key: bytes) -> Outcome:
            raise ValueError("no such topic")

        def close(self, timeout: float) -> None:
            raise ValueError("closed twice")

    producers = iter([Broken(), NotingProducer()])
    with Shipper("kafka:9092", linger_ms=0, producer_factory=lambda **_: next(producers)) as subject:
        subject.ship({})
        assert subject.flush()
        subject.ship({})
    assert (subject.sent, subject.dropped) == (1, dropped(failed=1))


# --------------------------------------------------------------------------- while Kafka can't be reached


def test_records_wait_until_kafka_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship, "_FIRST_PAUSE_S", 0.0)
    producer = NotingProducer()
    answers: Iterator[OSError | NotingProducer] = iter([OSError("refused"), OSError("refused"), producer])

    def connect(**_: Any) -> NotingProducer:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with Shipper("kafka:9092", linger_ms=0, producer_factory=connect) as subject:
        subject.ship({"call_id": "early"})
        assert subject.flush()
    assert (subject.sent, [record["call_id"] for record in producer.records]) == (1, ["early"])


def test_close_counts_what_was_never_sent() -> None:
    def refuse(**_: Any) -> NotingProducer:
        raise OSError("refused")

    subject = Shipper("kafka:9092", linger_ms=0, producer_factory=refuse)
    for _ in range(5):
        subject.ship({})
    assert not subject.flush(timeout=0)
    subject.close(timeout=30)
    assert (subject.sent, subject.dropped, subject.queued) == (0, dropped(failed=5), 0)


def test_close_does_not_wait_for_a_producer_that_hangs() -> None:
    producer = NotingProducer()
    producer.free.clear()
    subject = shipper(producer)
    subject.ship({})
    assert producer.reached.wait(30)
    subject.close(timeout=0)
    counted = (subject.sent, dict(subject.dropped), subject.queued)
    producer.free.set()
    assert counted == (0, dropped(failed=1), 0)
    assert (subject.sent, subject.dropped, subject.queued) == counted


# ------------------------------------------------------------------------------------------ as a guest


@given(
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes()
        ),
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(st.text(), inner),
            st.dictionaries(st.sampled_from(["call_id", "request_id", "started_at", "version"]), inner),
            st.dictionaries(st.integers() | st.tuples(st.text()) | st.none(), inner),
        ),
    )
)
def test_nothing_raises_and_every_record_is_counted(record: Any) -> None:
    with shipper(NotingProducer()) as subject:
        subject.ship(record)
    assert subject.sent + sum(subject.dropped.values()) == 1
    assert subject.queued == 0


def run_python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_imports_without_anything_but_the_standard_library() -> None:
    program = """
import sys
before = set(sys.modules)
import monitor.ship
monitor.ship.Shipper("kafka:9092").close()
imported = set(sys.modules) - before
print(*sorted(name for name in imported if name.split(".")[0] not in sys.stdlib_module_names))
"""
    assert run_python(program).split() == ["monitor", "monitor.ship"]


def test_a_forked_child_goes_on_with_a_queue_of_its_own() -> None:
    program = """
import os
from monitor.ship import Shipper

class Producer:
    def __init__(self, **settings):
        self.process = os.getpid()
    def send(self, topic, value, key):
        assert self.process == os.getpid()
        return self
    def succeeded(self):
        return True
    def flush(self, timeout):
        pass
    def close(self, timeout):
        assert self.process == os.getpid()

shipper = Shipper("kafka:9092", linger_ms=0, producer_factory=Producer)
shipper.ship({})
assert shipper.flush()
child = os.fork()
shipper.ship({})
shipper.ship({})
assert shipper.flush()
if child:
    os.waitpid(child, 0)
print("parent" if child else "child", shipper.sent, shipper.queued, flush=True)
"""
    assert run_python(program).splitlines() == ["child 2 0", "parent 3 0"]
