"""Batches as a broker sends them, of whatever a producer may put into one."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from crc32c import crc32c
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

#: The codecs by their names, with their numbers in a batch.
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

#: The time of the first record, in milliseconds; each one that follows is a millisecond later.
FIRST_MS = 1_795_348_800_123


class Name(str):
    """The name of a header, of bytes that need be no text. Some producers take any."""

    def __new__(cls, said: bytes) -> Name:
        """The name that these bytes are."""
        return super().__new__(cls, said, "latin-1")

    def encode(self, *_: object) -> bytes:
        """What goes over the wire."""
        return super().encode("latin-1")


def batch_bytes(
    values: Sequence[bytes | None],
    *,
    codec: str = "none",
    base: int = 0,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> bytes:
    """A batch of these values, each with this key and these headers."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**31,
    )
    for number, value in enumerate(values):
        builder.append(number, timestamp=FIRST_MS + number, key=key, value=value, headers=list(headers))
    whole = bytearray(builder.build())
    struct.pack_into(">q", whole, 0, base)
    return bytes(whole)


def repacked(batch: bytes, packed: bytes, attributes: int | None = None) -> bytes:
    """The batch with other bytes for its records, and with the checksum that belongs to them."""
    head = bytearray(batch[: DefaultRecordBatch.HEADER_STRUCT.size])
    if attributes is not None:
        struct.pack_into(">h", head, DefaultRecordBatch.ATTRIBUTES_OFFSET, attributes)
    struct.pack_into(">i", head, 8, len(head) + len(packed) - DefaultRecordBatch.AFTER_LEN_OFFSET)
    whole = head + packed
    checked = bytes(whole[DefaultRecordBatch.ATTRIBUTES_OFFSET :])
    struct.pack_into(">I", whole, DefaultRecordBatch.CRC_OFFSET, crc32c(checked))
    return bytes(whole)


def batch(whole: bytes) -> DefaultRecordBatch:
    """The batch as the client has it."""
    return DefaultRecordBatch(whole)
