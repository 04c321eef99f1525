"""The shipper against a real broker: everything arrives once, keyed, and an outage costs only records."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition

from monitor.ship import CAUSES, Shipper
from tests.services.apache_kafka import ApacheKafka
from tests.services.plugin import Kafka


class Arrived(NamedTuple):
    partition: int
    key: str
    call_id: str


def read(kafka: Kafka, topic: str, count: int) -> list[Arrived]:
    """Everything in the topic: waits for ``count`` messages, then looks whether there are more."""
    arrived: list[Arrived] = []
    with KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest") as consumer:
        consumer.assign(
            [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
        )
        while batch := consumer.poll(timeout_ms=10_000 if len(arrived) < count else 200):
            for messages in batch.values():
                for message in messages:
                    call_id = json.loads(message.value)["call_id"]
                    arrived.append(Arrived(message.partition, message.key.decode(), call_id))
    return arrived


def test_what_was_shipped_is_there_once_and_keyed_by_request(kafka: Kafka) -> None:
    topic = kafka.create_topic(partitions=3)
    with Shipper(kafka.bootstrap_servers, topic) as shipper:
        for number in range(2_000):
            assert shipper.ship({"call_id": f"call-{number}", "request_id": f"request-{number // 4}"})
        assert shipper.flush(60)
    assert (shipper.sent, shipper.dropped) == (2_000, dict.fromkeys(CAUSES, 0))

    arrived = read(kafka, topic, 2_000)
    assert sorted(message.call_id for message in arrived) == sorted(
        f"call-{number}" for number in range(2_000)
    )
    assert all(message.key == f"request-{int(message.call_id[5:]) // 4}" for message in arrived)
    assert len({(message.key, message.partition) for message in arrived}) == 500
    assert {message.partition for message in arrived} == {0, 1, 2}


def test_what_is_queued_at_exit_is_sent(kafka: Kafka) -> None:
    topic = kafka.create_topic()
    program = f"""
from monitor.ship import Shipper
shipper = Shipper({kafka.bootstrap_servers!r}, {topic!r}, linger_ms=10)
shipper.ship({{"call_id": "first"}})
assert shipper.flush(30)
shipper.ship({{"call_id": "last"}})
"""
    assert run_python(program) == ""
    assert [message.call_id for message in read(kafka, topic, 2)] == ["first", "last"]


def test_a_forked_child_ships_over_a_connection_of_its_own(kafka: Kafka) -> None:
    topic = kafka.create_topic()
    program = f"""
import os
from monitor.ship import Shipper
shipper = Shipper({kafka.bootstrap_servers!r}, {topic!r}, linger_ms=10)
shipper.ship({{"call_id": "before"}})
assert shipper.flush(30)
child = os.fork()
shipper.ship({{"call_id": "parent" if child else "child"}})
if child:
    assert os.waitpid(child, 0) == (child, 0)
"""
    assert run_python(program) == ""
    assert sorted(message.call_id for message in read(kafka, topic, 3)) == ["before", "child", "parent"]


def test_while_kafka_is_down_records_wait_up_to_the_queue_and_then_arrive(own_kafka: ApacheKafka) -> None:
    kafka = Kafka(own_kafka.bootstrap_servers)
    topic = kafka.create_topic()
    own_kafka.kill()
    with Shipper(own_kafka.bootstrap_servers, topic, max_queue=10) as shipper:
        accepted = [shipper.ship({"call_id": str(number)}) for number in range(15)]
        own_kafka.start()
        assert shipper.flush(60)
    assert accepted == [True] * 10 + [False] * 5
    assert (shipper.sent, shipper.dropped["queue_full"]) == (10, 5)
    assert [message.call_id for message in read(kafka, topic, 10)] == [str(number) for number in range(10)]


def test_an_outage_ends_with_every_record_counted(own_kafka: ApacheKafka) -> None:
    kafka = Kafka(own_kafka.bootstrap_servers)
    topic = kafka.create_topic()
    shipper = Shipper(own_kafka.bootstrap_servers, topic)
    shipper.ship({"call_id": "up"})
    assert shipper.flush(30)
    own_kafka.kill()
    for _ in range(100):
        shipper.ship({})
    shipper.close(timeout=0.1)
    own_kafka.start()
    assert (shipper.sent, shipper.dropped["failed"], shipper.queued) == (1, 100, 0)


def run_python(program: str) -> str:
    """Run a program to its end; gives what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr
