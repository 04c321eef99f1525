"""What Kafka may do to the service: lose a broker or all of them, grow, forget what nobody has read yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from monitor.demo.embedded import PostgresServer
from tests.faults.account import behind, compare, ends
from tests.faults.proof import Proof, Row
from tests.faults.stage import PARTITIONS, Stage, staged
from tests.services.apache_kafka import ApacheKafka, KafkaCluster


@pytest.fixture(scope="module")
def stage(
    kafka_cluster: KafkaCluster, own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A service that reads a topic of which every broker has a copy."""
    folder = tmp_path_factory.mktemp("stage")
    with staged(folder, kafka_cluster.bootstrap_servers, own_postgres, copies=3) as shared:
        yield shared


def test_nothing_is_lost_when_the_broker_that_leads_is_killed(
    proof: Proof, kafka_cluster: KafkaCluster, long_form: bool
) -> None:
    with proof.of("broker that leads a partition killed, of three"):
        for number in range(12 if long_form else 1):
            broker = leader(kafka_cluster, "__consumer_offsets" if number % 2 else proof.traffic.topic)
            broker.kill()
            proof.mended()
            broker.start()
            proof.mended(0)


def test_nothing_is_lost_when_all_brokers_are_killed_and_started_again(
    proof: Proof, kafka_cluster: KafkaCluster, long_form: bool
) -> None:
    with proof.of("all three brokers killed and started again"):
        for _ in range(5 if long_form else 1):
            kafka_cluster.kill()
            kafka_cluster.start()
            proof.mended()


def test_nothing_is_lost_when_the_topic_gains_partitions(
    proof: Proof, kafka_cluster: KafkaCluster, long_form: bool
) -> None:
    with proof.of("topic gains a partition"):
        for number in range(PARTITIONS + 1, PARTITIONS + (6 if long_form else 2)):
            with KafkaAdminClient(bootstrap_servers=kafka_cluster.bootstrap_servers) as admin:
                admin.create_partitions({proof.traffic.topic: number})
            proof.service.wait_for(
                "the new partition",
                lambda: len(proof.service.query("SELECT FROM consumer_offsets")) == number,  # noqa: B023
            )
            proof.mended()


def test_what_retention_took_before_it_was_read_is_counted_as_lost_and_nothing_else_is(
    kafka_cluster: KafkaCluster, own_postgres: PostgresServer, tmp_path: Path, record: Callable[[Row], None]
) -> None:
    with staged(tmp_path, kafka_cluster.bootstrap_servers, own_postgres, copies=3) as (service, traffic):
        traffic.send(1_000)
        service.wait_for_records(traffic.sent)
        service.stop()
        traffic.send(2_000)
        log = ends(service.bootstrap_servers, traffic.topic)
        saved = dict(service.query("SELECT partition, next_offset FROM consumer_offsets"))
        cut = {partition: (saved[partition] + end) // 2 for partition, (_, end) in log.items()}
        with KafkaAdminClient(bootstrap_servers=service.bootstrap_servers) as admin:
            admin.delete_records({TopicPartition(traffic.topic, n): offset for n, offset in cut.items()})
        service.start()
        began = time.monotonic()
        service.wait_for("what is left", lambda: behind(service, log) == 0)
        took = time.monotonic() - began
        deleted = sum(cut[partition] - saved[partition] for partition in cut)
        account = compare(service, traffic, lost_before=deleted)
        # Of each partition, as many records are read and lost as were produced; see ``compare``.
        assert account.problems == []
        assert account.doubled == 0
        assert 0 < account.lost <= deleted
        record(
            Row(
                fault="log truncated below the next offset",
                times=1,
                produced=account.produced,
                stored=account.stored,
                lost=account.lost,
                doubled=account.doubled,
                recovery_s=took,
                note=f"{deleted} records were deleted unread, and {deleted} are counted as lost",
            )
        )


def leader(cluster: KafkaCluster, topic: str) -> ApacheKafka:
    """The broker that leads the first partition of a topic."""
    with KafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers) as admin:
        [described] = admin.describe_topics([topic])
    [first] = [partition for partition in described["partitions"] if partition["partition_index"] == 0]
    return cluster.brokers[int(first["leader_id"]) - 1]
