"""Makes a consumer of kafka-python give ``Record``s, as ``batches`` takes them out of what it fetched.

The client's own way stops a partition for ever at the first record that it can't read: its generator ends
with the error, and the next poll asks that generator again and again without end. It also unpacks a batch in
one piece, however large, and one poll may give any number of bytes. Nothing of this can be set, so its class
of fetchers is replaced. What is used of it is not public: pyproject.toml holds the client to the releases for
which ``tests/fetching`` and ``tests/integration/test_source.py`` were run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords
from kafka.structs import TopicPartition

from monitor.fetching.batches import Corrupt, time_of, unpack, unread
from monitor.records import Partition, Record

#: Bytes of records after which a poll gives what it has. The last of them may be as large as one may be.
POLL_BYTES = 16 * 1024 * 1024


def read_carefully(consumer: KafkaConsumer) -> None:
    """Let this consumer's polls give ``Record``s, and nothing that was fetched stop it."""
    consumer._fetcher.__class__ = CarefulFetcher


class CarefulRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python has no types
    """The records of one partition in one answer of a broker.

    Attributes:
        room: bytes after which ``take`` gives what it has.
    """

    room = POLL_BYTES

    def take(self, n: int | None = None) -> list[Record]:
        """The next records: at most ``n``, and no more than fill the ``room``."""
        self._maybe_raise_next_inline_exception()
        taken: list[Record] = []
        until = self.bytes_read + self.room
        try:
            for record in islice(self.record_iterator, n):
                taken.append(record)
                if self.bytes_read >= until:
                    break
        except Exception as error:
            if not taken:
                raise
            self._next_inline_exception = error
        return taken

    def _unpack_records(self, tp: TopicPartition, records: MemoryRecords, *_: object) -> Iterator[Record]:
        """All records, in place of the client's. Whatever is raised, the next answer is read anew."""
        try:
            while (batch := self._next_batch(records)) is not None:
                if isinstance(batch, Corrupt):
                    # Nothing that it says of itself can be believed, not even where it ends: only the broker
                    # knows what comes after this place, and is asked for it.
                    yield self._read(0, unread(Partition(*tp), self.next_fetch_offset, batch))
                    break
                if batch.magic < 2:
                    yield from self._unpacked_old(Partition(*tp), batch)
                else:
                    yield from self._unpacked(Partition(*tp), batch)
        except Exception:
            self.drain()
            raise
        self.drain()

    def _next_batch(self, records: MemoryRecords) -> Any:
        """The next batch, what is wrong with it, or ``None`` after the last."""
        try:
            batch = records.next_batch()
        except (CorruptRecordError, struct.error):
            return Corrupt("its batch is shorter than the head of one")
        if batch is not None and batch.magic >= 2 and self.check_crcs and not batch.validate_crc():
            return Corrupt("its checksum is wrong")
        return batch

    def _unpacked(self, partition: Partition, batch: Any) -> Iterator[Record]:
        self.leader_epoch = batch.leader_epoch
        if not self._holds_none(batch):
            for size, record in unpack(batch, partition):
                yield self._read(size, record)
        # Compaction may have left less of it than it was.
        self.next_fetch_offset = batch.next_offset

    def _unpacked_old(self, partition: Partition, batch: Any) -> Iterator[Record]:
        """The records of a message of before Kafka 0.11, or of the messages that are packed in it."""
        try:
            for old in batch:
                if self.check_crcs and not old.validate_crc():
                    raise Corrupt("its checksum is wrong")
                by_broker = old.timestamp_type == batch.LOG_APPEND_TIME
                record = Record(
                    *partition, old.offset, old.value, old.key, time_of(old.timestamp), by_broker=by_broker
                )
                yield self._read(old.size_in_bytes, record)
        except Exception as error:  # noqa: BLE001 - the declared edge: whatever a library says of such bytes
            # A packed message has the offset of the last one in it.
            for offset in range(self.next_fetch_offset, batch.base_offset + 1):
                yield self._read(0, unread(partition, offset, error))

    def _holds_none(self, batch: Any) -> bool:
        """Whether a batch is the mark of a transaction's end, or was taken back by its producer."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)

    def _read(self, size: int, record: Record) -> Record:
        self.records_read += 1
        self.bytes_read += size
        self.next_fetch_offset = record.offset + 1
        return record


class CarefulFetcher(Fetcher):  # type: ignore[misc]  # kafka-python has no types
    """What asks the brokers, and gives what they answered."""

    PartitionRecords = CarefulRecords

    def fetched_records(
        self, max_records: int | None = None, update_offsets: bool = True
    ) -> tuple[dict[TopicPartition, list[Record]], bool]:
        """What was fetched: at most ``max_records``, and no more than fill ``POLL_BYTES``."""
        self._room = POLL_BYTES
        found: tuple[dict[TopicPartition, list[Record]], bool] = super().fetched_records(
            max_records, update_offsets
        )
        return found

    def _append(self, drained: Any, part: CarefulRecords, max_records: int, update_offsets: bool) -> int:
        before, part.room = part.bytes_read, self._room
        taken: int = super()._append(drained, part, max_records, update_offsets)
        self._room -= part.bytes_read - before
        return taken if self._room > 0 else max_records
