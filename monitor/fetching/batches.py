"""Takes a batch apart: what a broker sent comes in, its records go out, one after the other.

A batch is attacker input like what is in it: some kilobytes of it may say that they are gigabytes. So it is
unpacked piece by piece, a record that no configuration would accept is passed over without being held, and
what can't be read is a record too: one that has a place and says why, so that it becomes a dead letter and
its neighbours are read. The format is that of Apache Kafka's documentation, "Record Batch" (magic 2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from gzip import GzipFile
from io import BytesIO
from typing import Any

import lz4.frame
import snappy
import zstandard
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint
from msgspec import structs

from monitor.errors import DeadLetterReason, MonitorError, Permanent
from monitor.records import Partition, Record, Unread

#: Bytes that are unpacked at once.
PIECE = 256 * 1024

#: Most bytes of one record with its key and headers: twice what ``ingest.max_record_bytes`` can be.
MOST_OF_RECORD = 128 * 1024 * 1024

#: Most bytes of one batch. To unpack so many takes some seconds, in which a worker does nothing else.
MOST_OF_BATCH = 1024 * 1024 * 1024

#: Most bytes that a variable-length number has.
_NUMBER = 10

_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEAD = 16
_BLOCK_SIZE = struct.Struct(">i")


class Corrupt(MonitorError):
    """A batch is not what its format says."""


class TooMuch(MonitorError):
    """A batch is more than is unpacked. The message says how much that is."""


def unpack(
    batch: DefaultRecordBatch,
    partition: Partition,
    *,
    most_of_record: int = MOST_OF_RECORD,
    most_of_batch: int = MOST_OF_BATCH,
) -> Iterator[tuple[int, Record]]:
    """The records of a batch of magic 2, each with its size in bytes.

    One that is too large has no value, and says so; after what can't be unpacked, every place that is left
    in the batch does.

    Raises:
        Permanent: this release can't read the compression.
    """
    place = batch.base_offset
    try:
        stream = _Stream(_pieces(batch), most_of_batch)
        for _ in range(batch.records_count):
            size, record = _next(stream, batch, partition, most_of_record)
            if not place <= record.offset <= batch.last_offset:
                raise Corrupt("a record is not where its batch is")
            place = record.offset + 1
            yield size, record
    except Permanent:
        raise
    except Exception as error:  # noqa: BLE001 - the declared edge: whatever a library says of such bytes
        for offset in range(place, batch.last_offset + 1):
            yield 0, unread(partition, offset, error)


def unread(partition: Partition, offset: int, error: Exception) -> Record:
    """The record at a place where none can be read, and why."""
    if isinstance(error, TooMuch):
        why = Unread(DeadLetterReason.TOO_LARGE, str(error))
    elif isinstance(error, MemoryError):
        why = Unread(DeadLetterReason.OUT_OF_MEMORY, "its batch needs more than ingest.worker_memory leaves")
    else:
        said = str(error) if isinstance(error, Corrupt) else type(error).__name__
        why = Unread(DeadLetterReason.UNREADABLE, said)
    return Record(*partition, offset, None, unread=why)


def time_of(milliseconds: int | None) -> datetime | None:
    """A time as Kafka has it; ``None`` for none, and for what is none."""
    if milliseconds is None or not 0 < milliseconds < 2**43:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class _Stream:
    """The bytes of a batch, of which only a window is held.

    Args:
        pieces: the bytes in their order.
        most: how many there may be.

    Attributes:
        window: what is held.
        at: where in it the next byte is.
    """

    def __init__(self, pieces: Iterator[bytes], most: int) -> None:
        self._pieces = pieces
        self._most = most
        self._left = most
        self.window = b""
        self.at = 0

    def look(self, size: int) -> bool:
        """Have the next so many bytes in the window; whether there are so many."""
        missing = size - (len(self.window) - self.at)
        if missing <= 0:
            return True
        gathered = [self.window[self.at :]]
        while missing > 0 and (piece := self._piece()):
            gathered.append(piece)
            missing -= len(piece)
        self.window, self.at = b"".join(gathered), 0
        return missing <= 0

    def skip(self, size: int) -> None:
        """Pass over so many bytes.

        Raises:
            Corrupt: there are not so many.
            TooMuch: there are too many.
        """
        while (missing := size - (len(self.window) - self.at)) > 0:
            size, self.at = missing, 0
            self.window = self._piece()
            if not self.window:
                raise Corrupt("the batch ends within a record")
        self.at += size

    def number(self) -> int:
        """The next number of variable length.

        Raises:
            Corrupt: there is none.
        """
        self.look(_NUMBER)
        try:
            number, self.at = decode_varint(self.window, self.at)
        except IndexError as error:
            raise Corrupt("the batch ends within a record") from error
        return int(number)

    def _piece(self) -> bytes:
        piece = next(self._pieces, b"")
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuch(f"its batch has more than {self._most} bytes when it is unpacked")
        return piece


def _next(stream: _Stream, batch: DefaultRecordBatch, partition: Partition, most: int) -> tuple[int, Record]:
    size = stream.number()
    if size < 0:
        raise Corrupt("a record of less than no bytes")
    if size > most:
        return size, _passed_over(stream, batch, partition, size, most)
    if not stream.look(size):
        raise Corrupt("the batch ends within a record")
    window, at = stream.window, stream.at
    end = stream.at = at + size
    at += 1  # attributes, of which none is defined
    delta, at = decode_varint(window, at)
    number, at = decode_varint(window, at)
    key, at = _bytes(window, at)
    value, at = _bytes(window, at)
    count, at = decode_varint(window, at)
    headers = []
    for _ in range(count):
        name, at = _bytes(window, at)
        said, at = _bytes(window, at)
        if at > end:
            break
        # Producers may name a header as they like, and brokers take it.
        headers.append(((name or b"").decode(errors="replace"), said or b""))
    if at != end:
        raise Corrupt("a record is not as long as it says")
    timestamp, by_broker = _time(batch, delta)
    offset = batch.base_offset + number
    return size, Record(*partition, offset, value, key, timestamp, tuple(headers), by_broker=by_broker)


def _passed_over(
    stream: _Stream, batch: DefaultRecordBatch, partition: Partition, size: int, most: int
) -> Record:
    """A record that is too large to be held: only its place and its time are read."""
    stream.look(1 + 2 * _NUMBER)
    first = stream.at
    stream.at += 1
    delta, number = stream.number(), stream.number()
    stream.skip(size - (stream.at - first))
    large = TooMuch(f"{size} bytes when it is unpacked; at most {most} are")
    timestamp, by_broker = _time(batch, delta)
    return structs.replace(
        unread(partition, batch.base_offset + number, large), timestamp=timestamp, by_broker=by_broker
    )


def _bytes(window: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(window, at)
    return (None, at) if size < 0 else (window[at : at + size], at + size)


def _time(batch: DefaultRecordBatch, delta: int) -> tuple[datetime | None, bool]:
    """The time of a record, and whether it is the broker's: then it is one for the whole batch."""
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        return time_of(batch.max_timestamp), True
    return time_of(batch.first_timestamp + delta), False


def _pieces(batch: DefaultRecordBatch) -> Iterator[bytes]:
    """The bytes of a batch's records, unpacked."""
    # The client has no other way to say what is in a batch than to unpack all of it.
    packed = memoryview(batch._buffer)[batch.HEADER_STRUCT.size :]
    codec = batch.compression_type
    if codec == batch.CODEC_NONE:
        return iter((bytes(packed),))
    if codec == batch.CODEC_SNAPPY:
        return _unsnapped(bytes(packed))
    file: Any
    if codec == batch.CODEC_GZIP:
        file = GzipFile(fileobj=BytesIO(packed))
    elif codec == batch.CODEC_LZ4:
        file = lz4.frame.LZ4FrameFile(BytesIO(packed))
    elif codec == batch.CODEC_ZSTD:
        file = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    else:
        raise Permanent(
            f"Kafka: a batch is compressed with codec {codec}, which this release can't read: let the topic"
            " (compression.type) or its producers use gzip, snappy, lz4, zstd or none"
        )
    return iter(lambda: file.read(PIECE), b"")


def _unsnapped(packed: bytes) -> Iterator[bytes]:
    """What snappy packed: the Java client's stream of blocks, or one block, as librdkafka sends it."""
    if not packed.startswith(_XERIAL):
        yield _unsnapped_block(packed)
        return
    at = _XERIAL_HEAD
    while at < len(packed):
        (size,) = _BLOCK_SIZE.unpack_from(packed, at)
        at += _BLOCK_SIZE.size
        if size <= 0:
            raise Corrupt("a snappy block of no bytes")
        yield _unsnapped_block(packed[at : at + size])
        at += size


def _unsnapped_block(block: bytes) -> bytes:
    """A block, whose first bytes say how large it will be: the library takes that much memory unasked."""
    size = 0
    for number, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            break
    if size > MOST_OF_RECORD:
        raise TooMuch(f"a snappy block of {size} bytes; at most {MOST_OF_RECORD} are unpacked at once")
    unpacked: bytes = snappy.decompress(block)
    return unpacked
