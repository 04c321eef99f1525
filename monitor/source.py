"""Reads records from Kafka. In come topics; out come polls of records, in offset order per partition.

Where to go on is not Kafka's to say but the store's: after every change of the assignment the caller reads
the offsets of its partitions from the store and seeks. The rebalance listener runs on the client's network
thread, where nothing may block, so it only sets a flag.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.structs import OffsetAndMetadata

from monitor.errors import Permanent, Transient
from monitor.records import Partition, Record

#: Milliseconds that a member which does not read gives its group. A rebalance is made in steps, and with a
#: millisecond for each a member never gets to the end of it, so that the whole group waits.
KEEP_ALIVE_MS = 200

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")

#: What the client raises for a partition that has just been taken away. The group is run on the network
#: thread, so this can happen between any two calls.
_NOT_OURS = (KafkaError, ValueError, KeyError)


class Polled(msgspec.Struct, frozen=True):
    """What one poll gave.

    ``ends`` is where the log of each partition with records ended, as the broker said with them.
    """

    records: tuple[Record, ...] = ()
    ends: Mapping[Partition, int] = {}


class Source(Protocol):
    """What ingest needs of Kafka. ``KafkaSource`` and the tests' fake pass the same contract tests."""

    def poll(self, timeout_s: float) -> Polled:
        """Records since the last poll; empty after ``timeout_s`` seconds without any.

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

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Go on at these offsets; ``None`` means where a new partition starts.

        Gives where the new partitions start that do not start at their beginning, to be written down:
        ``latest`` is another place tomorrow.

        Raises:
            Transient: one of the partitions is no longer this consumer's.
        """
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
        start: where a partition starts that the store knows nothing of.
        max_records: how many records one poll gives at most.
        linger_s: how long a poll goes on collecting after its first records, so that light traffic makes
            few transactions.

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
        start: Literal["earliest", "latest"] = "earliest",
        max_records: int = 2_000,
        linger_s: float = 0.2,
    ) -> None:
        _require_crc32c()
        _require_usable(client)
        self._start = start
        self._max_records = max_records
        self._linger_s = linger_s
        self._rebalanced = threading.Event()
        try:
            self._consumer = _open(
                group_id=group_id,
                enable_auto_commit=False,
                # Where a new partition starts is for seek(). This is for a place that retention has
                # overtaken, and there everything that is left is wanted.
                auto_offset_reset="earliest",
                max_poll_records=max_records,
                **client,
            )
            self._consumer.subscribe(topics=list(topics), listener=_Listener(self._rebalanced))
        except (AssertionError, TypeError, ValueError) as error:
            raise Permanent(f"kafka: {error}") from error
        except KafkaError as error:
            if type(error).__name__ == "KafkaConfigurationError":
                raise Permanent(f"kafka: {error}") from error
            raise Transient(f"Kafka: {error}") from error

    def poll(self, timeout_s: float) -> Polled:
        """See ``Source.poll``."""
        records: list[Record] = []
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0 and len(records) < self._max_records:
            fetched = self._fetch(left, self._max_records - len(records))
            if fetched and not records:
                deadline = time.monotonic() + self._linger_s
            records += fetched
            if self._rebalanced.is_set():
                break
        return Polled(tuple(records), self._ends(records))

    def _fetch(self, timeout_s: float, max_records: int) -> list[Record]:
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        except KafkaError as error:
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
        return [_record(fetched) for batch in polled.values() for fetched in batch]

    def _ends(self, records: Sequence[Record]) -> dict[Partition, int]:
        """The high watermarks, never below what was read (some brokers lag behind their own log)."""
        ends = {Partition(r.topic, r.partition): r.offset + 1 for r in records}
        for partition, seen in ends.items():
            with suppress(KafkaError):
                ends[partition] = max(seen, self._consumer.highwater(TopicPartition(*partition)) or 0)
        return ends

    def connected(self) -> bool:
        """Whether there is a connection to any broker. The client itself waits for brokers in silence.

        May be asked from another thread, and after ``close``.
        """
        return bool(self._consumer.metrics().get("consumer-metrics", {}).get("connection-count"))

    def take_rebalanced(self) -> bool:
        """See ``Source.take_rebalanced``."""
        if self._rebalanced.is_set():
            self._rebalanced.clear()
            return True
        return False

    def assignment(self) -> tuple[Partition, ...]:
        """See ``Source.assignment``."""
        return tuple(sorted(Partition(*assigned) for assigned in self._consumer.assignment()))

    def seek(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """See ``Source.seek``."""
        starts: dict[Partition, int] = {}
        try:
            for partition, offset in offsets.items():
                target = TopicPartition(*partition)
                if offset is not None:
                    self._consumer.seek(target, offset)
                elif self._start == "earliest":
                    self._consumer.seek_to_beginning(target)
                else:
                    starts[partition] = self._consumer.end_offsets([target])[target]
                    self._consumer.seek(target, starts[partition])
        except _NOT_OURS as error:
            self._rebalanced.set()  # lost between the question and the seek: ask again
            raise Transient(f"Kafka: {type(error).__name__}: {error}") from error
        return starts

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
        self._consumer.close(autocommit=False, timeout_ms=3_000)


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


def _open(**settings: Any) -> KafkaConsumer:
    """Open a consumer. One that can't be opened leaves its network thread running, so that is ended here."""
    with ExitStack() as on_failure:

        def make_client(**config: Any) -> KafkaNetClient:
            client = KafkaNetClient(**config)
            on_failure.callback(client.close)
            return client

        consumer = KafkaConsumer(kafka_client=make_client, **settings)
        on_failure.pop_all()
    return consumer


def _record(fetched: Any) -> Record:
    stamp = fetched.timestamp
    return Record(
        topic=fetched.topic,
        partition=fetched.partition,
        offset=fetched.offset,
        value=fetched.value,
        key=fetched.key,
        timestamp=datetime.fromtimestamp(stamp / 1000, UTC) if stamp and 0 < stamp < 2**43 else None,
        headers=tuple(fetched.headers or ()),
    )


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
