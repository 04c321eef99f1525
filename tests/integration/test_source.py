"""Reading from a real broker: the contract, and what only a broker can do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from monitor.errors import DeadLetterReason, Transient
from monitor.fetching.batches import MOST_OF_RECORD
from monitor.fetching.fetcher import POLL_BYTES
from monitor.records import Partition, Record
from monitor.source import KafkaSource, Polled
from tests.fetching.build import Name
from tests.services.apache_kafka import ApacheKafka
from tests.services.plugin import Kafka
from tests.source_contract import (
    PATIENCE,
    POLL_S,
    GroupContract,
    SourceContract,
    from_the_beginning,
    poll_until_records,
    read,
    settle,
)

#: A broker gives a member up that is silent for so long; tests want to hear of a rebalance soon.
QUICK = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 100, "fetch_max_wait_ms": 50}


class KafkaCluster:
    """A topic of two partitions on a broker, and a group; closes what it opened."""

    def __init__(self, kafka: Kafka, stack: ExitStack) -> None:
        self._servers = kafka.bootstrap_servers
        self._stack = stack
        self._topic = kafka.create_topic(partitions=2)
        self.partitions: Sequence[Partition] = [Partition(self._topic, n) for n in (0, 1)]
        self._producer = stack.enter_context(
            KafkaProducer(bootstrap_servers=self._servers, max_request_size=16 * 2**20)
        )

    def open(self, *, max_records: int = 2_000, **more: object) -> KafkaSource:
        client = {"bootstrap_servers": self._servers, **QUICK, **more}
        source = KafkaSource([self._topic], f"group-{self._topic}", client, max_records=max_records)
        self._stack.callback(source.close)
        return source

    def delete_before(self, offset: int, partition: int = 0) -> None:
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            admin.delete_records({TopicPartition(self._topic, partition): offset})

    def produce(
        self,
        value: bytes | None,
        partition: int = 0,
        *,
        key: bytes | None = None,
        timestamp: datetime | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        sent = self._producer.send(
            self._topic,
            value,
            key=key,
            partition=partition,
            timestamp_ms=int(timestamp.timestamp() * 1000) if timestamp else None,
            headers=list(headers),
        )
        sent.get(timeout=30)

    def committed(self) -> Mapping[Partition, int]:
        group = f"group-{self._topic}"
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            found = admin.list_group_offsets(group)[group]
        return {Partition(*partition): place.offset for partition, place in found.items()}


@pytest.fixture
def cluster(kafka: Kafka) -> Iterator[KafkaCluster]:
    with ExitStack() as stack:
        yield KafkaCluster(kafka, stack)


class TestKafkaSource(SourceContract):
    pass


class TestKafkaGroup(GroupContract):
    @pytest.fixture(autouse=True)
    def _needs_apache_kafka(self, request: pytest.FixtureRequest) -> None:
        if request.node.callspec.params["kafka"] == "embedded-broker":
            pytest.skip("the embedded broker does not reliably end a rebalance of two members")


def test_a_record_of_five_megabytes_is_read_between_its_neighbours(cluster: KafkaCluster) -> None:
    large = bytes(range(256)) * (5 * 2**20 // 256)
    for value in (b"before", large, b"after"):
        cluster.produce(value)
    source = cluster.open()
    settle(cluster, source)
    from_the_beginning(source)
    assert [record.value for record in read(source, 3)] == [b"before", large, b"after"]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_topic_that_is_compressed_is_read(kafka: Kafka, cluster: KafkaCluster, codec: str) -> None:
    topic, partition = cluster.partitions[0]
    with KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, compression_type=codec, linger_ms=1_000
    ) as producer:
        for n in range(20):
            producer.send(topic, b"%d" % n * 5_000, partition=partition)
    source = cluster.open(max_records=7)
    settle(cluster, source)
    from_the_beginning(source)
    assert [record.value for record in read(source, 20)] == [b"%d" % n * 5_000 for n in range(20)]


def test_a_header_whose_name_is_no_text_stops_nothing(cluster: KafkaCluster) -> None:
    cluster.produce(b"before")
    cluster.produce(b"named", headers=[(Name(b"x-caf\xe9"), b"1")])
    cluster.produce(b"after")
    source = cluster.open()
    settle(cluster, source)
    from_the_beginning(source)
    records = read(source, 3)
    assert [record.value for record in records] == [b"before", b"named", b"after"]
    assert records[1].headers == (("x-caf\ufffd", b"1"),)


def in_one_batch(kafka: Kafka) -> KafkaProducer:
    """A producer that packs all that it is given for a partition into one batch, which is sent at its end."""
    return KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers,
        compression_type="zstd",
        linger_ms=60_000,
        batch_size=2**31,
        max_request_size=2**31 - 1,
    )


def test_a_record_that_is_far_larger_unpacked_costs_itself_and_no_neighbour_in_its_batch(
    kafka: Kafka, cluster: KafkaCluster
) -> None:
    topic, partition = cluster.partitions[0]
    with in_one_batch(kafka) as producer:
        for value in (b"before", bytes(MOST_OF_RECORD), b"after"):
            producer.send(topic, value, partition=partition)
    cluster.produce(b"elsewhere", 1)
    source = cluster.open()
    settle(cluster, source)
    from_the_beginning(source)
    found = {(one.partition, one.offset): one for one in read(source, 4)}
    assert {place: one.value for place, one in found.items()} == {
        (0, 0): b"before",
        (0, 1): None,
        (0, 2): b"after",
        (1, 0): b"elsewhere",
    }
    unread = found[0, 1].unread
    assert unread is not None
    assert unread.reason is DeadLetterReason.TOO_LARGE


def test_a_poll_ends_when_it_has_given_as_much_as_may_be_held(kafka: Kafka, cluster: KafkaCluster) -> None:
    large = bytes(1_000_000)
    with in_one_batch(kafka) as producer:
        for n in range(40):
            producer.send(cluster.partitions[0].topic, large, partition=n % 2)
    source = cluster.open()
    settle(cluster, source)
    from_the_beginning(source)
    sizes: list[int] = []
    while sum(sizes) < 40 * len(large):
        sizes.append(poll_until_records(source).size)
    assert sum(sizes) == 40 * len(large)
    assert max(sizes) <= POLL_BYTES + len(large)


def test_what_a_producer_took_back_is_not_read(kafka: Kafka, cluster: KafkaCluster) -> None:
    topic, partition = cluster.partitions[0]
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic)
    producer.init_transactions()
    for value, end in ((b"taken back", producer.abort_transaction), (b"sent", producer.commit_transaction)):
        producer.begin_transaction()
        producer.send(topic, value, partition=partition).get(timeout=30)
        end()
    producer.close()
    source = cluster.open()
    settle(cluster, source)
    from_the_beginning(source)
    assert [record.value for record in read(source, 1)] == [b"sent"]


def test_a_member_knows_nothing_of_a_topic_without_partitions(kafka: Kafka) -> None:
    source = KafkaSource(["no-such-topic"], "group", {"bootstrap_servers": kafka.bootstrap_servers, **QUICK})
    assert source.poll(0.2) == Polled()
    assert source.assignment() == ()
    source.close()


def test_brokers_that_cannot_be_reached_are_transient_and_leave_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    before = set(threading.enumerate())
    for _ in range(3):
        with pytest.raises(Transient, match="bootstrap"):
            KafkaSource(["t"], "group", {"bootstrap_servers": address, "bootstrap_timeout_ms": 100})
    assert set(threading.enumerate()) <= before


def test_a_member_with_a_name_leaves_when_it_is_closed_although_it_might_come_back(
    own_kafka: ApacheKafka,
) -> None:
    with ExitStack() as stack:
        cluster = KafkaCluster(Kafka(own_kafka.bootstrap_servers), stack)
        long = {"session_timeout_ms": 600_000}  # nobody waits that long for it
        stays, goes = (cluster.open(group_instance_id=name, **long) for name in ("stays", "goes"))
        settle(cluster, stays, goes)
        for _ in range(PATIENCE):  # the second member may be told of nothing first
            if goes.assignment():
                break
            stays.poll(POLL_S)
            goes.poll(POLL_S)
        assert len(goes.assignment()) == 1
        stays.take_rebalanced()
        goes.close()
        settle(cluster, stays)
        assert stays.assignment() == tuple(cluster.partitions)


def test_after_a_broker_was_killed_reading_goes_on_where_it_was(own_kafka: ApacheKafka) -> None:
    with ExitStack() as stack:
        cluster = KafkaCluster(Kafka(own_kafka.bootstrap_servers), stack)
        cluster.produce(b"before")
        source = cluster.open()
        settle(cluster, source)
        from_the_beginning(source)
        assert [record.value for record in read(source, 1)] == [b"before"]
        own_kafka.kill()
        for _ in range(3):
            # Nothing comes, or an answer says that the broker is away: the caller waits in either case.
            with suppress(Transient):
                source.keep_alive()
                assert source.poll(0.1) == Polled()
        own_kafka.start()
        cluster.produce(b"after")
        records: list[Record] = []
        for _ in range(PATIENCE):
            with suppress(Transient):
                polled = source.poll(POLL_S)
                if source.take_rebalanced():
                    source.seek(dict.fromkeys(source.assignment(), 1))
                else:
                    records += polled.records
            if records:
                break
        assert [record.value for record in records] == [b"after"]
