"""Reads records from Kafka. In come topics; out come small chunks of records, in offset order per partition.

Where to go on is not Kafka's to say but the store's: after every change of the assignment the caller reads
the offsets of its partitions from the store and seeks. The rebalance listener runs on the client's network
thread, where nothing may block, so it only sets a flag.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import MemberToRemove
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.structs import OffsetAndMetadata

from monitor.errors import Permanent, Transient
from monitor.fetching.fetcher import read_carefully
from monitor.records import Partition, Record

#: Milliseconds that a member which does not read gives its group. A rebalance is made in steps, and with a
#: millisecond for each a member never gets to the end of it, so that the whole group waits.
KEEP_ALIVE_MS = 200

#: Records that one poll gives at most. Some thousandths of a second are enough to decode and score them, so
#: whoever reads notices soon what else there is to do.
CHUNK_RECORDS = 500

#: Seconds that a broker has to say where a log begins or ends.
ASK_S = 10.0

#: What the client does unless the configuration says otherwise. It keeps what was fetched and not yet given:
#: up to ``fetch_max_bytes`` for each broker. New partitions are looked for every ``metadata_max_age_ms``.
_DEFAULTS = {
    "fetch_max_bytes": 16 * 1024 * 1024,
    "metadata_max_age_ms": 60_000,
    # What a producer took back was never sent.
    "isolation_level": "read_committed",
}

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")

#: What the client raises for a partition that has just been taken away. The group is run on the network
#: thread, so this can happen between any two calls.
_NOT_OURS = (KafkaError, ValueError, KeyError)


class Polled(msgspec.Struct, frozen=True):
    """What one poll gave.

    ``chunks`` are the records of each partition that has any, in their order; ``ends`` is where the log of
    each of these partitions ended, as the broker said with them. ``written`` is the newest time at which the
    broker itself wrote one of the records, where the topic keeps that (``LogAppendTime``).
    """

    chunks: Mapping[Partition, Sequence[Record]] = {}
    ends: Mapping[Partition, int] = {}
    written: datetime | None = None

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all partitions."""
        return tuple(record for chunk in self.chunks.values() for record in chunk)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return sum(len(record.value) for chunk in self.chunks.values() for record in chunk if record.value)


class Source(Protocol):
    """What ingest needs of Kafka. ``KafkaSource`` and the tests' fake pass the same contract tests."""

    def poll(self, timeout_s: float) -> Polled:
        """The next records, as soon as there are any; empty after ``timeout_s`` seconds without.

        Raises:
            Transient: the brokers can't be reached now. Records may have been read and dropped: seek.
        """
        ...

    def take_rebalanced(self) -> bool:
        """Whether the assignment changed since this was last asked: what was read must then be dropped."""
        ...

    def assignment(self) -> tuple[Partition, ...]:
        """The partitions that are this consumer's now, sorted."""
        ...

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        """Go on at these offsets.

        Raises:
            Transient: one of the partitions is no longer this consumer's.
        """
        ...

    def partitions(self) -> tuple[Partition, ...]:
        """Every partition of every topic that is read, whoever it is assigned to, sorted.

        Raises:
            Transient: the brokers can't be reached now.
        """
        ...

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset of the oldest record that each log still has, or would have.

        Raises:
            Transient: the brokers can't be reached now, or don't have such a partition any more.
        """
        ...

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset that the next record of each log will have.

        Raises:
            Transient: the brokers can't be reached now, or don't have such a partition any more.
        """
        ...

    def position(self, partition: Partition) -> int | None:
        """Where the next poll goes on in a log, past what holds no record; ``None``: it isn't known now."""
        ...

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell Kafka the offsets, as a courtesy to lag tools; failures do not matter."""
        ...

    def keep_alive(self) -> None:
        """Stay in the group without reading, while a batch can't be saved.

        Raises:
            Transient: the brokers can't be reached now, or the assignment is changing.
        """
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class KafkaSource:
    """Kafka, by kafka-python.

    Args:
        topics: what to read.
        group_id: the consumer group; every worker of one monitor shares it.
        client: settings passed through to ``KafkaConsumer`` (bootstrap_servers, TLS, SASL, timeouts).
        max_records: how many records one poll gives at most.

    Raises:
        Transient: the brokers can't be reached.
        Permanent: a setting that the client does not accept.
    """

    def __init__(
        self,
        topics: Sequence[str],
        group_id: str,
        client: Mapping[str, Any],
        *,
        max_records: int = CHUNK_RECORDS,
    ) -> None:
        self._topics = tuple(topics)
        self._group_id = group_id
        self._client = dict(client)
        self._rebalanced = threading.Event()
        self._consumer = open_consumer(
            client,
            group_id=group_id,
            # For a place that retention has overtaken: there everything that is left is wanted.
            auto_offset_reset="earliest",
            max_poll_records=max_records,
        )
        self._consumer.subscribe(topics=list(self._topics), listener=_Listener(self._rebalanced))

    def poll(self, timeout_s: float) -> Polled:
        """See ``Source.poll``."""
        try:
            polled = self._consumer.poll(timeout_ms=math.ceil(timeout_s * 1000))
        except KafkaError as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
        chunks = {Partition(*target): chunk for target, chunk in polled.items()}
        ends = {partition: self._end(partition, chunks[partition]) for partition in chunks}
        newest = (chunk[-1] for chunk in chunks.values())
        written = [one.timestamp for one in newest if one.by_broker and one.timestamp is not None]
        return Polled(chunks, ends, max(written, default=None))

    def _end(self, partition: Partition, chunk: Sequence[Record]) -> int:
        """The high watermark, never below what was read (some brokers lag behind their own log)."""
        end = chunk[-1].offset + 1
        with suppress(*_NOT_OURS):
            end = max(end, self._consumer.highwater(TopicPartition(*partition)) or 0)
        return end

    def connected(self) -> bool:
        """Whether there is a connection to any broker. The client itself waits for brokers in silence.

        May be asked from another thread, and after ``close``. A client that is told to keep no metrics can't
        say, and is taken to be connected.
        """
        said = self._consumer.metrics()
        return said is None or bool(said.get("consumer-metrics", {}).get("connection-count"))

    def take_rebalanced(self) -> bool:
        """See ``Source.take_rebalanced``."""
        if self._rebalanced.is_set():
            self._rebalanced.clear()
            return True
        return False

    def assignment(self) -> tuple[Partition, ...]:
        """See ``Source.assignment``."""
        return tuple(sorted(Partition(*assigned) for assigned in self._consumer.assignment()))

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        """See ``Source.seek``."""
        try:
            for partition, offset in offsets.items():
                self._consumer.seek(TopicPartition(*partition), offset)
        except _NOT_OURS as error:
            self._rebalanced.set()  # lost between the question and the seek: ask again
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error

    def partitions(self) -> tuple[Partition, ...]:
        """See ``Source.partitions``."""
        try:
            found = {topic: self._consumer.partitions_for_topic(topic) or () for topic in self._topics}
        except KafkaError as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
        return tuple(sorted(Partition(topic, number) for topic in found for number in found[topic]))

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """See ``Source.beginnings``."""
        return self._asked(self._consumer.beginning_offsets, partitions)

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """See ``Source.ends``."""
        return self._asked(self._consumer.end_offsets, partitions)

    def position(self, partition: Partition) -> int | None:
        """See ``Source.position``."""
        with suppress(*_NOT_OURS):
            position: int | None = self._consumer.position(TopicPartition(*partition), timeout_ms=0)
            return position
        return None

    def _asked(
        self, ask: Callable[..., dict[Any, int]], partitions: Collection[Partition]
    ) -> dict[Partition, int]:
        if not partitions:
            return {}
        try:
            said = ask([TopicPartition(*partition) for partition in partitions], timeout_ms=int(ASK_S * 1000))
        except _NOT_OURS as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
        return {Partition(*target): offset for target, offset in said.items()}

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See ``Source.commit``."""
        with suppress(KafkaError):
            self._consumer.commit_async(
                {
                    TopicPartition(*partition): OffsetAndMetadata(offset, "", -1)
                    for partition, offset in offsets.items()
                }
            )

    def keep_alive(self) -> None:
        """See ``Source.keep_alive``."""
        try:
            self._consumer.pause(*self._consumer.assignment())
            self._consumer.poll(timeout_ms=KEEP_ALIVE_MS)
        except _NOT_OURS as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
        finally:
            for paused in self._consumer.paused():
                with suppress(*_NOT_OURS):
                    self._consumer.resume(paused)

    def close(self) -> None:
        """See ``Source.close``."""
        connected = self.connected()
        self._consumer.close(autocommit=False, timeout_ms=3_000)
        if connected and self._client.get("group_instance_id") is not None:
            self._leave()

    def _leave(self) -> None:
        """Leave the group by name: the client takes it for granted that a member with a name comes back.

        Where that fails, the others wait until the member's session is over.
        """
        settings = {
            key: value for key, value in self._client.items() if key in KafkaAdminClient.DEFAULT_CONFIG
        }
        member = MemberToRemove(group_instance_id=self._client["group_instance_id"])
        with suppress(KafkaError), KafkaAdminClient(**{**settings, "bootstrap_timeout_ms": 2_000}) as admin:
            admin.remove_group_members(self._group_id, [member])


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Sets a flag. It runs on the network thread, where anything that blocks would stop heartbeats."""

    def __init__(self, rebalanced: threading.Event) -> None:
        self._rebalanced = rebalanced

    def on_partitions_revoked(self, _revoked: object) -> None:
        """The partitions are about to go elsewhere."""
        self._rebalanced.set()

    def on_partitions_assigned(self, _assigned: object) -> None:
        """A new assignment stands."""
        self._rebalanced.set()


def open_consumer(client: Mapping[str, Any], *, group_id: str | None, **ours: Any) -> KafkaConsumer:
    """A consumer with the settings of the configuration, and with ours, whose polls give ``Record``s.

    Raises:
        Transient: the brokers can't be reached.
        Permanent: a setting that the client does not accept.
    """
    _require_crc32c()
    _require_usable(client)
    try:
        return _open(group_id=group_id, enable_auto_commit=False, **{**_DEFAULTS, **client, **ours})
    except (AssertionError, TypeError, ValueError) as error:
        raise Permanent(f"kafka: {error}") from error
    except KafkaError as error:
        if type(error).__name__ == "KafkaConfigurationError":
            raise Permanent(f"kafka: {error}") from error
        raise Transient(f"Kafka: {error}") from error


def _open(**settings: Any) -> KafkaConsumer:
    """Open a consumer. One that can't be opened leaves its network thread running, so that is ended here."""
    with ExitStack() as on_failure:

        def make_client(**config: Any) -> KafkaNetClient:
            client = KafkaNetClient(**config)
            on_failure.callback(client.close)
            return client

        consumer = KafkaConsumer(kafka_client=make_client, **settings)
        read_carefully(consumer)
        on_failure.pop_all()
    return consumer


def _require_crc32c() -> None:
    """Refuse to start without the C checksum: the pure Python one is thirty times slower.

    Raises:
        Permanent: the ``crc32c`` package is missing.
    """
    try:
        import crc32c  # noqa: F401
    except ImportError as error:
        raise Permanent("the crc32c package is missing: pip install 'kafka-python[crc32c]'") from error


def _require_usable(client: Mapping[str, Any]) -> None:
    """Refuse what the client would not.

    It takes a misspelt protocol for one without TLS and without a login, and of a certificate that is not
    there it only says, for ever, that no broker can be reached.

    Raises:
        Permanent: there is no such protocol, or no such file.
    """
    protocol = client.get("security_protocol", _PROTOCOLS[0])
    if protocol not in _PROTOCOLS:
        raise Permanent(f"kafka: security_protocol is {protocol}, not one of {', '.join(_PROTOCOLS)}")
    for key in _FILES:
        if client.get(key) is not None and not Path(str(client[key])).is_file():
            raise Permanent(f"kafka: {key} names no file: {client[key]}")
