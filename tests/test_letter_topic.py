"""The topic of dead letters: what a message holds, and what becomes of a letter that is too large."""

from __future__ import annotations

import uuid
from contextlib import closing
from datetime import UTC, datetime

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from msgspec import structs

from monitor.errors import Transient
from monitor.letter_topic import LEFT_OUT, MAX_BYTES, LetterTopic
from monitor.store.letters import Unsent
from tests.examples import dead_letter
from tests.services.plugin import Kafka

SEEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
FORGED = (("team", "blue"), ("llm-monitor-reason", "forged"))


def test_a_letter_is_a_message_that_says_what_is_known_of_it(kafka: Kafka) -> None:
    topic = kafka.create_topic(1)
    letter = structs.replace(dead_letter(7), item=2, value=b"not json", headers=FORGED)
    large = structs.replace(dead_letter(8), value=bytes(MAX_BYTES + 1))
    letters = LetterTopic(topic, {"bootstrap_servers": kafka.bootstrap_servers, "session_timeout_ms": 6_000})
    with closing(letters):
        letters.send([Unsent(letter, SEEN), Unsent(large, SEEN)])
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
    )
    with closing(consumer):
        first, second = next(consumer), next(consumer)
    assert (first.key, first.value) == (b"calls/0/7/2", b"not json")
    assert [(name, value.decode()) for name, value in first.headers] == [
        ("team", "blue"),
        ("llm-monitor-topic", "calls"),
        ("llm-monitor-partition", "0"),
        ("llm-monitor-offset", "7"),
        ("llm-monitor-item", "2"),
        ("llm-monitor-reason", "not_json"),
        ("llm-monitor-detail", "expected a value"),
        ("llm-monitor-size", "8"),
        ("llm-monitor-sha256", letter.sha256.hex()),
        ("llm-monitor-first-seen", SEEN.isoformat()),
    ]
    assert (second.key, second.value) == (b"calls/0/8/0", b"")


def test_a_letter_that_is_larger_than_the_topic_takes_goes_with_less_of_it_and_holds_up_no_other(
    kafka: Kafka,
) -> None:
    topic = f"letters-{uuid.uuid4().hex}"
    small = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "8192"}}
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        admin.create_topics({topic: small}, wait_for_metadata=True)
    letters = [
        structs.replace(dead_letter(1), headers=tuple((f"h{n}", "x" * 1_000) for n in range(60))),
        structs.replace(dead_letter(2), value=bytes(20_000), headers=(("team", "blue"),)),
        *(structs.replace(dead_letter(n), value=b"x" * 3_000) for n in range(3, 9)),
    ]
    sends = LetterTopic(topic, {"bootstrap_servers": kafka.bootstrap_servers})
    with closing(sends):
        sends.send([Unsent(letter, SEEN) for letter in letters])
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
    )
    with closing(consumer):
        found = {one.key: one for one in (next(consumer) for _ in letters)}
    left_out = {key: dict(one.headers).get(LEFT_OUT) for key, one in found.items()}
    assert left_out.pop(b"calls/0/1/0") == b"value, headers, detail"
    assert left_out.pop(b"calls/0/2/0") == b"value"
    assert dict(found[b"calls/0/2/0"].headers)["team"] == b"blue"
    assert left_out == {b"calls/0/%d/0" % n: None for n in range(3, 9)}
    assert dict(found[b"calls/0/1/0"].headers)["llm-monitor-reason"] == b"not_json"
    assert {one.value for one in found.values()} == {b"", b"x" * 3_000}


def test_a_broker_that_is_away_is_transient() -> None:
    letters = LetterTopic("letters", {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 100})
    with closing(letters), pytest.raises(Transient):
        letters.send([Unsent(dead_letter(), SEEN)])
