"""Reads single records from Kafka again: places come in, records go out where Kafka still has them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from monitor.errors import Transient
from monitor.records import Place, Record
from monitor.source import open_consumer

#: Seconds that a broker has to answer.
PATIENCE_S = 30.0


class Log(Protocol):
    """What a replay needs of Kafka."""

    def read(self, place: Place) -> Record | None:
        """The record at this place; ``None`` where there is none any more.

        Raises:
            Transient: the brokers can't be reached now.
        """
        ...


class KafkaLog:
    """Kafka, read without a group, so that nobody's offsets change. It is contacted when it is needed.

    Args:
        client: settings passed through to ``KafkaConsumer``.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._client = client
        self._opened: KafkaConsumer | None = None

    def read(self, place: Place) -> Record | None:
        """See ``Log.read``. A setting that the client does not accept is ``Permanent``."""
        if self._opened is None:
            self._opened = open_consumer(
                self._client, group_id=None, group_instance_id=None, allow_auto_create_topics=False
            )
        try:
            return _read(self._opened, TopicPartition(place.topic, place.partition), place.offset)
        except KafkaError as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let go of the brokers."""
        if self._opened is not None:
            self._opened.close(autocommit=False)


def _read(consumer: KafkaConsumer, target: TopicPartition, offset: int) -> Record | None:
    if target.partition not in (consumer.partitions_for_topic(target.topic) or ()):
        return None
    limit_ms = int(PATIENCE_S * 1000)
    first = consumer.beginning_offsets([target], timeout_ms=limit_ms)[target]
    end = consumer.end_offsets([target], timeout_ms=limit_ms)[target]
    if not first <= offset < end:
        return None
    consumer.assign([target])
    consumer.seek(target, offset)
    deadline = time.monotonic() + PATIENCE_S
    while (left := deadline - time.monotonic()) > 0:
        found: Record
        for found in consumer.poll(timeout_ms=int(left * 1000), max_records=1).get(target, ()):
            # A compacted log goes on with a later one.
            return found if found.offset == offset else None
    raise Transient(f"Kafka: nothing of {target.topic}/{target.partition} for {PATIENCE_S:g} s")
