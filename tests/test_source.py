"""Reading from Kafka without a broker: the contract on the fake, and what a client can do to its caller."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import IllegalStateError, KafkaError, TopicAuthorizationFailedError

from monitor import source as source_module
from monitor.errors import Permanent, Transient
from monitor.records import Partition, Record
from monitor.source import KafkaSource
from tests.fakes import MemoryKafka, MemorySource
from tests.source_contract import Cluster, GroupContract, SourceContract


class MemoryCluster:
    def __init__(self) -> None:
        self._kafka = MemoryKafka(partitions=2)
        self.partitions: Sequence[Partition] = sorted(self._kafka.logs)
        self.produce = self._kafka.produce
        self.delete_before = self._kafka.delete_before

    def open(self, *, max_records: int = 2_000) -> MemorySource:
        return MemorySource(self._kafka, max_records=max_records)

    def committed(self) -> Mapping[Partition, int]:
        return self._kafka.committed


class TestMemorySource(SourceContract, GroupContract):
    @pytest.fixture
    def cluster(self) -> Cluster:
        return MemoryCluster()


# ---------------------------------------------------------------------------------------------------- client


class Client:
    """Stands in for kafka-python's consumer: gives or raises what it is told to, poll after poll."""

    def __init__(self, *polls: Any) -> None:
        self.polls = list(polls)
        self.listener: Any = None
        self.resumed: list[Any] = []
        self.gone: Exception | None = None

    def subscribe(self, *, topics: list[str], listener: Any) -> None:
        self.listener = listener

    def poll(self, *, timeout_ms: int) -> dict[Any, list[Any]]:
        step = self.polls.pop(0) if self.polls else []
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step = step()
        return {TopicPartition("t", 0): step} if step else {}

    def highwater(self, _partition: object) -> int | None:
        if self.gone:
            raise self.gone
        return None

    def assignment(self) -> set[Any]:
        return {"p0"}

    def paused(self) -> set[Any]:
        return {"p0", "p1"}

    def pause(self, *_partitions: object) -> None:
        if self.gone:
            raise self.gone

    def resume(self, partition: object) -> None:
        if self.gone:
            raise self.gone
        self.resumed.append(partition)

    def seek(self, *_: object) -> None:
        if self.gone:
            raise self.gone

    def beginning_offsets(self, _partitions: object, *, timeout_ms: int) -> dict[Any, int]:
        if self.gone:
            raise self.gone
        return {}

    def partitions_for_topic(self, _topic: str) -> set[int] | None:
        if self.gone:
            raise self.gone
        return None

    end_offsets = beginning_offsets

    def position(self, _partition: object, *, timeout_ms: int) -> int:
        if self.gone:
            raise self.gone
        return 7


def fetched(offset: int, timestamp: datetime | None = None, *, by_broker: bool = False) -> Record:
    """A record as the client gives it."""
    return Record("t", 0, offset, b"v", timestamp=timestamp, by_broker=by_broker)


def make(monkeypatch: pytest.MonkeyPatch, client: Client, **settings: Any) -> KafkaSource:
    monkeypatch.setattr(source_module, "KafkaConsumer", lambda **_: client)
    monkeypatch.setattr(source_module, "read_carefully", lambda _: None)
    return KafkaSource(["t"], "group", {}, **settings)


def offsets(source: KafkaSource, timeout_s: float = 60.0) -> list[int]:
    return [record.offset for record in source.poll(timeout_s).records]


def test_a_poll_gives_what_came_first_and_collects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(monkeypatch, Client([fetched(0)], [fetched(1)]))
    assert offsets(source) == [0]
    assert offsets(source) == [1]


@pytest.mark.parametrize("by_broker", [False, True], ids=["by-producer", "by-broker"])
def test_the_time_at_which_the_broker_wrote_is_told_where_it_is_the_brokers(
    monkeypatch: pytest.MonkeyPatch, by_broker: bool
) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    client = Client([fetched(0, at - timedelta(1), by_broker=by_broker), fetched(1, at, by_broker=by_broker)])
    assert make(monkeypatch, client).poll(60.0).written == (at if by_broker else None)


@pytest.mark.parametrize("event", ["on_partitions_revoked", "on_partitions_assigned", "on_partitions_lost"])
def test_a_rebalance_is_told_once(monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    def rebalance() -> list[Any]:
        getattr(client.listener, event)([])
        return [fetched(1)]

    client = Client([fetched(0)], rebalance, [fetched(2)])
    source = make(monkeypatch, client)
    assert [offsets(source), source.take_rebalanced()] == [[0], False]
    assert [offsets(source), source.take_rebalanced()] == [[1], True]
    assert [offsets(source), source.take_rebalanced()] == [[2], False]


def test_a_failed_poll_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(monkeypatch, Client(TopicAuthorizationFailedError("t")))
    with pytest.raises(Transient, match="TopicAuthorizationFailedError"):
        source.poll(60.0)


@pytest.mark.parametrize(
    "gone", [ValueError("Unassigned partition"), KeyError("p0"), IllegalStateError("p0")]
)
def test_a_partition_may_go_away_between_any_two_calls(
    monkeypatch: pytest.MonkeyPatch, gone: Exception
) -> None:
    client = Client()
    source = make(monkeypatch, client)
    client.gone = gone
    with pytest.raises(Transient):
        source.seek({Partition("t", 0): 7})
    assert source.take_rebalanced()
    for ask in (source.beginnings, source.ends):
        with pytest.raises(Transient):
            ask([Partition("t", 0)])
    with pytest.raises(Transient):
        source.keep_alive()
    assert source.position(Partition("t", 0)) is None


def test_the_end_of_a_partition_that_went_away_is_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client([fetched(6)])
    client.gone = IllegalStateError("Partition is not assigned")
    assert make(monkeypatch, client).poll(60.0).ends == {Partition("t", 0): 7}


def test_no_partition_stays_paused_when_staying_alive_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(KafkaError("no broker"))
    with pytest.raises(Transient):
        make(monkeypatch, client).keep_alive()
    assert sorted(client.resumed) == ["p0", "p1"]


# -------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"bootstrap_server": "localhost"}, "bootstrap_server"),
        ({"bootstrap_servers": "localhost:port"}, "port"),
        ({"group_id": "another"}, "group_id"),
        ({"security_protocol": "SASL-SSL"}, "SASL_SSL"),
        ({"security_protocol": "ssl"}, "SSL"),
        ({"security_protocol": "SSL", "ssl_cafile": "/nowhere/ca.pem"}, "ssl_cafile names no file"),
        ({"session_timeout_ms": 1_000, "heartbeat_interval_ms": 5_000}, "eartbeat"),
        ({"request_timeout_ms": 1}, "request_timeout_ms"),
    ],
)
def test_a_setting_that_the_client_refuses_is_permanent(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Permanent, match=complaint):
        KafkaSource(["t"], "group", {"api_version": (2, 6), **settings})


def test_without_the_fast_checksum_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crc32c", None)
    with pytest.raises(Permanent, match=r"pip install 'kafka-python\[crc32c\]'"):
        KafkaSource(["t"], "group", {})
