"""Taking a batch apart: what was put into it comes out, and what can't be read costs no neighbour."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch

from monitor.errors import DeadLetterReason, Permanent
from monitor.fetching import batches
from monitor.fetching.batches import unpack
from monitor.records import Partition, Record
from tests.fetching.build import CODECS, FIRST_MS, Name, batch, batch_bytes, repacked

HERE = Partition("calls", 3)
FIRST = datetime.fromtimestamp(FIRST_MS / 1000, UTC)
EVERY_CODEC = pytest.mark.parametrize("codec", CODECS)

maybe_bytes = st.none() | st.binary(max_size=300)


def records_of(whole: bytes, **limits: int) -> list[Record]:
    return [record for _, record in unpack(batch(whole), HERE, **limits)]


def said_of(records: list[Record]) -> list[tuple[int, bytes | DeadLetterReason | None]]:
    """The value at each place, or why it can't be had."""
    return [(one.offset, one.unread.reason if one.unread else one.value) for one in records]


@given(
    codec=st.sampled_from(sorted(CODECS)),
    values=st.lists(maybe_bytes, min_size=1, max_size=20),
    key=maybe_bytes,
    headers=st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=10)), max_size=4),
    base=st.integers(0, 2**40),
)
def test_what_was_put_into_a_batch_comes_out(
    codec: str,
    values: list[bytes | None],
    key: bytes | None,
    headers: list[tuple[str, bytes]],
    base: int,
) -> None:
    whole = batch_bytes(values, codec=codec, base=base, key=key, headers=headers)
    assert records_of(whole) == [
        Record(*HERE, base + n, value, key, FIRST + timedelta(milliseconds=n), tuple(headers))
        for n, value in enumerate(values)
    ]


@EVERY_CODEC
def test_a_batch_of_many_pieces_is_read_to_its_end(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PIECE", 7)
    values = [bytes([n]) * (n * 5) for n in range(1, 40)]
    assert [record.value for record in records_of(batch_bytes(values, codec=codec))] == values


def test_a_header_whose_name_is_no_text_costs_nothing() -> None:
    (record,) = records_of(batch_bytes([b"v"], headers=[(Name(b"x-caf\xe9"), b"1"), ("none", None)]))
    assert (record.value, record.headers) == (b"v", (("x-caf\ufffd", b"1"), ("none", b"")))


@EVERY_CODEC
def test_a_record_that_is_too_large_is_passed_over_and_says_so(codec: str) -> None:
    whole = batch_bytes([b"before", bytes(2 * batches.PIECE), b"after"], codec=codec, base=7)
    records = records_of(whole, most_of_record=1_000)
    assert said_of(records) == [(7, b"before"), (8, DeadLetterReason.TOO_LARGE), (9, b"after")]
    assert records[1].timestamp == FIRST + timedelta(milliseconds=1)
    assert records[1].unread is not None
    assert "524" in records[1].unread.detail


def test_of_a_batch_that_is_too_large_every_place_that_is_left_says_so() -> None:
    values = [b"before", bytes(2 * batches.PIECE), b"after", b"last"]
    records = records_of(batch_bytes(values, codec="gzip"), most_of_record=1_000, most_of_batch=batches.PIECE)
    too_large = DeadLetterReason.TOO_LARGE
    assert said_of(records) == [(0, b"before"), (1, too_large), (2, too_large), (3, too_large)]


@pytest.mark.parametrize(
    ("codec", "packed"),
    [
        ("none", b""),
        ("none", b"\xff" * 40),
        ("none", b"\x01\x00"),
        ("gzip", b"no gzip"),
        ("gzip", zlib.compress(b"no gzip either")),
        ("snappy", b""),
        ("snappy", b"\x82SNAPPY\x00"),
        ("snappy", b"\x82SNAPPY\x00" + bytes(12)),
        ("snappy", b"\x82SNAPPY\x00" + bytes(11)),
        ("lz4", b"no lz4"),
        ("zstd", b"no zstd"),
    ],
)
def test_of_a_batch_that_is_none_every_place_is_unreadable(codec: str, packed: bytes) -> None:
    whole = repacked(batch_bytes([b"a", b"b"], base=5), packed, CODECS[codec])
    unreadable = DeadLetterReason.UNREADABLE
    assert said_of(records_of(whole)) == [(5, unreadable), (6, unreadable)]


@pytest.mark.parametrize("xerial", [False, True], ids=["one-block", "blocks"])
def test_a_snappy_block_that_says_it_is_huge_is_not_believed(xerial: bool) -> None:
    block = b"\xff\xff\xff\xff\x0f" + bytes(20)
    packed = b"\x82SNAPPY\x00" + bytes(8) + len(block).to_bytes(4) + block if xerial else block
    whole = repacked(batch_bytes([b"a"]), packed, CODECS["snappy"])
    assert said_of(records_of(whole)) == [(0, DeadLetterReason.TOO_LARGE)]


def test_a_batch_for_which_there_is_no_memory_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(**_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(batches, "GzipFile", none_left)
    whole = batch_bytes([b"a" * 1_000, b"b"], codec="gzip")
    assert said_of(records_of(whole)) == [
        (0, DeadLetterReason.OUT_OF_MEMORY),
        (1, DeadLetterReason.OUT_OF_MEMORY),
    ]


@pytest.mark.parametrize("number", [5, 6, 7])
def test_a_codec_that_this_release_does_not_know_is_for_a_person(number: int) -> None:
    with pytest.raises(Permanent, match=rf"codec {number}.*compression\.type"):
        records_of(repacked(batch_bytes([b"a"]), b"", number))


@given(codec=st.sampled_from(sorted(CODECS)), junk=st.binary(max_size=200), at=st.integers(0, 400))
def test_whatever_is_in_a_batch_each_place_comes_once_and_in_order(codec: str, junk: bytes, at: int) -> None:
    good = batch_bytes([bytes([n]) * 30 for n in range(8)], codec=codec, base=100)
    packed = bytearray(good[DefaultRecordBatch.HEADER_STRUCT.size :])
    packed[at : at + len(junk)] = junk
    offsets = [record.offset for record in records_of(repacked(good, bytes(packed)))]
    assert offsets == sorted(set(offsets))
    assert set(offsets) <= set(range(100, 108))
    assert offsets[-1] == 107 or len(offsets) == 8


def test_the_time_is_the_brokers_where_the_broker_sets_it() -> None:
    whole = batch_bytes([b"a", b"b"])
    records = whole[DefaultRecordBatch.HEADER_STRUCT.size :]
    by_broker = records_of(repacked(whole, records, DefaultRecordBatch.TIMESTAMP_TYPE_MASK))
    last = FIRST + timedelta(milliseconds=1)
    assert [(record.timestamp, record.by_broker) for record in by_broker] == [(last, True)] * 2
    assert [record.by_broker for record in records_of(whole)] == [False, False]


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (None, None),
        (-1, None),
        (0, None),
        (1, datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC)),
        (1_795_348_800_123, datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)),
        (2**43, None),
        (2**63 - 1, None),
    ],
)
def test_a_timestamp_that_is_none_or_absurd_is_no_time(
    milliseconds: int | None, expected: datetime | None
) -> None:
    assert batches.time_of(milliseconds) == expected
