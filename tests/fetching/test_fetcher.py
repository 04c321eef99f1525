"""What the client's fetcher gives of a broker's answer, in place of what it would give by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from kafka.record import MemoryRecords
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.structs import TopicPartition

from monitor.errors import DeadLetterReason
from monitor.fetching.fetcher import CarefulRecords
from monitor.records import Record
from tests.fetching.build import CODECS, batch_bytes, repacked

UNREADABLE = DeadLetterReason.UNREADABLE


def answer(*whole: bytes, fetch_offset: int = 0) -> CarefulRecords:
    """A broker's answer that holds these batches."""
    return CarefulRecords(fetch_offset, TopicPartition("calls", 0), MemoryRecords(b"".join(whole)))


def all_of(part: CarefulRecords) -> list[Record]:
    taken: list[Record] = []
    while part:
        taken += part.take(3)
    return taken


def said_of(records: Sequence[Record]) -> list[tuple[int, bytes | DeadLetterReason | None]]:
    """The value at each place, or why it can't be had."""
    return [(one.offset, one.unread.reason if one.unread else one.value) for one in records]


def old_message(codec: int, *values: bytes) -> bytes:
    """A message of before Kafka 0.11; of several values, a packed one."""
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=codec, batch_size=2**20)
    for number, value in enumerate(values):
        builder.append(number, timestamp=1_795_348_800_123, key=None, value=value)
    return bytes(builder.build())


def test_what_is_before_the_place_that_was_asked_for_is_left_out() -> None:
    part = answer(batch_bytes([b"a", b"b", b"c"], codec="gzip"), fetch_offset=1)
    assert said_of(all_of(part)) == [(1, b"b"), (2, b"c")]
    assert part.next_fetch_offset == 3


def test_a_batch_that_can_not_be_unpacked_costs_its_places_and_no_other() -> None:
    bad = repacked(batch_bytes([b"", b""], base=1), b"no gzip", CODECS["gzip"])
    part = answer(batch_bytes([b"a"]), bad, batch_bytes([b"d"], base=3))
    assert said_of(all_of(part)) == [(0, b"a"), (1, UNREADABLE), (2, UNREADABLE), (3, b"d")]


def test_a_wrong_checksum_costs_one_place_and_then_the_broker_is_asked_again() -> None:
    wrong = bytearray(batch_bytes([b"bbbb", b"cccc"], base=1))
    wrong[-3] ^= 1
    part = answer(batch_bytes([b"a"]), bytes(wrong), batch_bytes([b"d"], base=3))
    assert said_of(all_of(part)) == [(0, b"a"), (1, UNREADABLE)]
    assert part.next_fetch_offset == 2


@pytest.mark.parametrize("length", [4, 20])
def test_a_batch_that_is_shorter_than_its_head_costs_one_place(length: int) -> None:
    short = bytes(8) + length.to_bytes(4) + bytes(4) + b"\x02" + bytes(length - 5 if length > 5 else 0)
    part = answer(batch_bytes([b"a"]), short[: 12 + length])
    assert said_of(all_of(part)) == [(0, b"a"), (1, UNREADABLE)]


def test_an_error_ends_the_answer_so_that_the_next_poll_does_not_ask_it_again() -> None:
    unknown = repacked(batch_bytes([b"b"], base=1), b"", 7)
    part = answer(batch_bytes([b"a"]), unknown)
    assert said_of(part.take(10)) == [(0, b"a")]
    assert not part
    again = answer(unknown, fetch_offset=1)
    with pytest.raises(Exception, match="codec 7"):
        again.take(10)
    assert not again


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4"])
def test_messages_of_an_old_format_are_read(codec: str) -> None:
    values = [b"a"] if codec == "none" else [b"a", b"b"]
    assert [record.value for record in all_of(answer(old_message(CODECS[codec], *values)))] == values


def test_an_old_message_that_can_not_be_read_costs_itself() -> None:
    wrong = bytearray(old_message(0, b"aaaa"))
    wrong[-1] ^= 1
    assert said_of(all_of(answer(bytes(wrong), batch_bytes([b"b"], base=1)))) == [(0, UNREADABLE), (1, b"b")]


@pytest.mark.parametrize("codec", CODECS)
def test_no_more_is_taken_than_there_is_room_for(codec: str) -> None:
    part = answer(batch_bytes([bytes(1_000)] * 7, codec=codec))
    part.room = 2_500
    sizes = []
    while part:
        sizes.append(len(part.take(500)))
    assert [size for size in sizes if size] == [3, 3, 1]
