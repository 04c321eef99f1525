"""Dead letters end to end: poison costs itself only, reaches the topic, and is stored once by a replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from monitor.errors import Transient
from monitor.letters.reread import KafkaLog
from monitor.records import Place
from tests.integration.running import Running
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres

REPOSITORY = Path(__file__).resolve().parents[2]

#: What a poisonous message may do; see ``poison/sitecustomize.py``, which only the service itself imports.
KINDS = ("loop", "memory", "segfault")

POISON = os.pathsep.join([str(Path(__file__).parent / "poison"), str(REPOSITORY)])


def native(call_id: str) -> bytes:
    now = datetime.now(UTC).isoformat()
    return json.dumps({"version": 1, "call_id": call_id, "started_at": now, "service": "neighbour"}).encode()


def replay(running: Running) -> subprocess.CompletedProcess[str]:
    """Replay with the release that has the bug mended."""
    return subprocess.run(
        [sys.executable, "-m", "monitor", "replay", "--config", running.config],
        env={**os.environ, "PYTHONPATH": POISON, "POISON_MENDED": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_poison_costs_itself_only_and_counts_once_when_its_bug_is_mended(
    tmp_path: Path, kafka: Kafka, database: str
) -> None:
    topic, letters = kafka.create_topic(1), kafka.create_topic(1)
    running = Running(
        tmp_path,
        kafka.bootstrap_servers,
        database,
        topic,
        environment={"PYTHONPATH": POISON},
        ingest={"record_timeout": "1s", "worker_memory": 2**30, "dead_letter_topic": letters},
    )
    values = [native("first")]
    for kind in KINDS:
        values += [json.dumps({"poison": kind}).encode(), native(f"after {kind}")]
    with running:
        running.send(values)
        running.wait_for_records(len(values))
        calls = running.query("SELECT call_id FROM calls ORDER BY kafka_offset")
        dead = running.query("SELECT kafka_offset, reason, detail FROM dead_letters ORDER BY kafka_offset")
        suspects = running.query("SELECT * FROM suspects")
        sent = messages(kafka, letters, len(KINDS))
        first, second = replay(running), replay(running)
        ledger = running.ledger()
        stored = running.query("SELECT count(*) FROM calls")
    assert calls == [("first",), *((f"after {kind}",) for kind in KINDS)]
    assert dead == [
        (1, "took_too_long", "more than 1 s"),
        (3, "out_of_memory", "needs more memory than there is"),
        (5, "killed_worker", "SIGSEGV"),
    ]
    assert suspects == []
    assert sent == {f"{topic}/0/{offset}/0": reason for offset, reason, _ in dead}
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "killed_worker" in first.stdout
    assert "stored" in first.stdout
    assert "no dead letter is left" in second.stdout
    assert ledger == (len(values), len(values), 0, 0)
    assert stored == [(len(values),)]


def messages(kafka: Kafka, topic: str, count: int) -> dict[str, str]:
    """The keys of a dead-letter topic's first messages, with their reasons."""
    found: dict[str, str] = {}
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
    )
    with closing(consumer):
        for message in consumer:
            assert message.value == b"", "no content is kept by default"
            found[message.key.decode()] = dict(message.headers)["llm-monitor-reason"].decode()
            if len(found) == count:
                break
    return found


@pytest.fixture
def log(kafka: Kafka) -> Iterator[KafkaLog]:
    log = KafkaLog({"bootstrap_servers": kafka.bootstrap_servers, "group_instance_id": "a-member"})
    yield log
    log.close()


def test_a_record_is_read_again_while_kafka_has_it(kafka: Kafka, log: KafkaLog) -> None:
    topic = kafka.create_topic(2)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    with closing(producer):
        for number in range(3):
            sent = producer.send(topic, b"%d" % number, partition=1, headers=[("n", b"%d" % number)])
            sent.get(timeout=30)
    for offset in (2, 0, 1):
        record = log.read(Place(topic, 1, offset))
        assert record is not None
        assert (record.offset, record.value, record.headers) == (
            offset, b"%d" % offset, (("n", b"%d" % offset),)
        )  # fmt: skip
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        admin.delete_records({TopicPartition(topic, 1): 2})
    assert [log.read(Place(topic, 1, offset)) is not None for offset in range(4)] == [
        False, False, True, False,
    ]  # fmt: skip


def test_a_partition_or_a_topic_that_is_not_there_has_nothing(kafka: Kafka, log: KafkaLog) -> None:
    topic = kafka.create_topic(1)
    assert log.read(Place(topic, 5, 0)) is None
    assert log.read(Place("no-such-topic", 0, 0)) is None


def test_kafka_away_is_transient() -> None:
    log = KafkaLog({"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 100})
    with pytest.raises(Transient):
        log.read(Place("calls", 0, 0))
    log.close()
