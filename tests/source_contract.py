"""What every ``Source`` keeps to. The fake and the real one run these same tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import pytest

from monitor.errors import Transient
from monitor.records import Partition, Record
from monitor.source import Polled, Source

#: Seconds of one poll; records come sooner.
POLL_S = 0.2

#: Polls after which what a test waits for does not come.
PATIENCE = 300


class Cluster(Protocol):
    """A topic of two partitions, and a consumer group that reads it."""

    @property
    def partitions(self) -> Sequence[Partition]: ...

    def open(self, *, max_records: int = 2_000) -> Source:
        """A new member of the group."""
        ...

    def produce(
        self,
        value: bytes | None,
        partition: int = 0,
        *,
        key: bytes | None = None,
        timestamp: datetime | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> object:
        """Append a record."""
        ...

    def delete_before(self, offset: int, partition: int = 0) -> None:
        """Delete the oldest records of a partition, as retention does."""
        ...

    def committed(self) -> Mapping[Partition, int]:
        """The offsets that Kafka was told."""
        ...


class SourceContract:
    """The tests of one member; a class that inherits them has a fixture ``cluster``."""

    def test_a_new_member_is_told_of_its_assignment_once(self, cluster: Cluster) -> None:
        source = cluster.open()
        settle(cluster, source)
        assert source.assignment() == tuple(cluster.partitions)
        source.poll(POLL_S)
        assert not source.take_rebalanced()

    def test_without_an_offset_the_earliest_record_comes_first(self, cluster: Cluster) -> None:
        for n in range(6):
            cluster.produce(b"%d" % n, partition=n % 2)
        source = cluster.open()
        settle(cluster, source)
        from_the_beginning(source)
        records = read(source, 6)
        for number, partition in enumerate(cluster.partitions):
            mine = [record for record in records if (record.topic, record.partition) == partition]
            assert [record.offset for record in mine] == [0, 1, 2]
            assert [record.value for record in mine] == [b"%d" % n for n in range(number, 6, 2)]
        assert source.poll(POLL_S) == Polled()

    def test_the_logs_say_where_they_begin_and_end(self, cluster: Cluster) -> None:
        for n in range(3):
            cluster.produce(b"%d" % n)
        source = cluster.open()
        settle(cluster, source)
        assert source.partitions() == tuple(cluster.partitions)
        assert source.beginnings(cluster.partitions) == dict.fromkeys(cluster.partitions, 0)
        assert source.ends(cluster.partitions) == dict(zip(cluster.partitions, (3, 0), strict=True))
        assert source.beginnings([]) == source.ends([]) == {}

    def test_the_position_is_after_what_was_read(self, cluster: Cluster) -> None:
        for n in range(3):
            cluster.produce(b"%d" % n)
        source = cluster.open()
        settle(cluster, source)
        source.seek({cluster.partitions[0]: 1})
        assert source.position(cluster.partitions[0]) == 1
        read(source, 2)
        assert source.position(cluster.partitions[0]) == 3
        assert source.position(Partition("elsewhere", 0)) is None

    def test_of_what_retention_deleted_the_oldest_that_is_left_comes_first(self, cluster: Cluster) -> None:
        for n in range(5):
            cluster.produce(b"%d" % n)
        source = cluster.open()
        settle(cluster, source)
        cluster.delete_before(3)
        assert source.beginnings(cluster.partitions[:1]) == {cluster.partitions[0]: 3}
        source.seek({cluster.partitions[0]: 1})
        assert [record.offset for record in read(source, 2)] == [3, 4]

    def test_a_seek_goes_to_each_partitions_own_offset(self, cluster: Cluster) -> None:
        for n in range(5):
            cluster.produce(b"a%d" % n, partition=0)
            cluster.produce(b"b%d" % n, partition=1)
        source = cluster.open()
        settle(cluster, source)
        source.seek(dict(zip(cluster.partitions, (4, 2), strict=True)))
        assert {record.value for record in read(source, 4)} == {b"a4", b"b2", b"b3", b"b4"}

    def test_a_seek_back_reads_again(self, cluster: Cluster) -> None:
        cluster.produce(b"a")
        cluster.produce(b"b")
        source = cluster.open()
        settle(cluster, source)
        for _ in range(2):
            source.seek({cluster.partitions[0]: 1})
            assert [record.value for record in read(source, 1)] == [b"b"]

    def test_a_poll_gives_no_more_than_its_limit_and_loses_nothing(self, cluster: Cluster) -> None:
        for n in range(10):
            cluster.produce(b"%d" % n)
        source = cluster.open(max_records=3)
        settle(cluster, source)
        from_the_beginning(source)
        sizes: list[int] = []
        values: list[bytes | None] = []
        while len(values) < 10:
            records = read(source, 1)
            sizes.append(len(records))
            values += [record.value for record in records]
        assert max(sizes) <= 3
        assert values == [b"%d" % n for n in range(10)]

    def test_a_poll_says_where_the_log_ended(self, cluster: Cluster) -> None:
        for n in range(5):
            cluster.produce(b"%d" % n)
        source = cluster.open(max_records=2)
        settle(cluster, source)
        from_the_beginning(source)
        polled = poll_until_records(source)
        assert polled.ends == {cluster.partitions[0]: 5}

    def test_a_record_comes_with_key_headers_and_time(self, cluster: Cluster) -> None:
        at = datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)
        headers = (("traceparent", b"00-ab"), ("traceparent", b"\xff"), ("empty", b""))
        cluster.produce(b"value", 1, key=b"key", timestamp=at, headers=headers)
        source = cluster.open()
        settle(cluster, source)
        from_the_beginning(source)
        topic = cluster.partitions[1].topic
        assert read(source, 1) == [Record(topic, 1, 0, b"value", b"key", at, headers)]

    def test_a_tombstone_and_an_empty_value_are_told_apart(self, cluster: Cluster) -> None:
        cluster.produce(None, key=b"key")
        cluster.produce(b"")
        source = cluster.open()
        settle(cluster, source)
        from_the_beginning(source)
        assert [record.value for record in read(source, 2)] == [None, b""]

    def test_staying_alive_reads_nothing_and_skips_nothing(self, cluster: Cluster) -> None:
        source = cluster.open(max_records=2)
        settle(cluster, source)
        from_the_beginning(source)
        for n in range(6):
            cluster.produce(b"%d" % n)
        values = [record.value for record in read(source, 1)]
        while len(values) < 6:
            source.keep_alive()
            source.keep_alive()
            values += [record.value for record in read(source, 1)]
        assert values == [b"%d" % n for n in range(6)]

    def test_kafka_is_told_the_offsets(self, cluster: Cluster) -> None:
        cluster.produce(b"a")
        source = cluster.open()
        settle(cluster, source)
        from_the_beginning(source)
        read(source, 1)
        source.commit({cluster.partitions[0]: 1})
        for _ in range(PATIENCE):
            source.poll(POLL_S)
            if cluster.committed():
                break
        assert cluster.committed() == {cluster.partitions[0]: 1}


class GroupContract:
    """The tests of a group of two; a class that inherits them has a fixture ``cluster``."""

    def test_both_members_are_told_of_a_rebalance_and_share_the_partitions(self, cluster: Cluster) -> None:
        first = cluster.open()
        settle(cluster, first)
        second = cluster.open()
        settle(cluster, first, second)
        assert len(first.assignment()) == len(second.assignment()) == 1

    def test_the_partitions_of_a_member_that_leaves_go_to_the_other(self, cluster: Cluster) -> None:
        first, second = cluster.open(), cluster.open()
        settle(cluster, first, second)
        second.close()
        settle(cluster, first)
        assert first.assignment() == tuple(cluster.partitions)

    def test_a_seek_in_a_partition_that_went_away_is_transient_and_asks_again(self, cluster: Cluster) -> None:
        first = cluster.open()
        settle(cluster, first)
        before = first.assignment()
        settle(cluster, first, cluster.open())
        with pytest.raises(Transient):
            first.seek(dict.fromkeys(before, 0))
        assert first.take_rebalanced()

    def test_a_member_that_only_stays_alive_takes_part_in_a_rebalance(self, cluster: Cluster) -> None:
        first = cluster.open()
        settle(cluster, first)
        second = cluster.open()
        for _ in range(PATIENCE):
            first.keep_alive()
            second.poll(POLL_S)
            if len(second.assignment()) == len(first.assignment()) == 1:
                break
        assert first.take_rebalanced()
        assert second.take_rebalanced()
        assert {*first.assignment(), *second.assignment()} == set(cluster.partitions)


def settle(cluster: Cluster, *members: Source) -> None:
    """Poll until these members share the partitions, and each was told of it."""
    told: set[int] = set()
    for _ in range(PATIENCE):
        for number, member in enumerate(members):
            member.poll(POLL_S)
            if member.take_rebalanced():
                told.add(number)
        owned = sorted(partition for member in members for partition in member.assignment())
        if owned == list(cluster.partitions) and len(told) == len(members):
            return
    raise AssertionError(
        f"after {PATIENCE} polls: {[member.assignment() for member in members]}, told {told}"
    )


def from_the_beginning(source: Source) -> None:
    """Go to the beginning of every partition that is the source's."""
    source.seek(source.beginnings(source.assignment()))


def poll_until_records(source: Source) -> Polled:
    """The first poll that gives records."""
    for _ in range(PATIENCE):
        polled = source.poll(POLL_S)
        assert not source.take_rebalanced()
        if polled.records:
            return polled
    raise AssertionError(f"no record in {PATIENCE} polls")


def read(source: Source, count: int) -> list[Record]:
    """Poll until there are at least so many records."""
    records: list[Record] = []
    while len(records) < count:
        records += poll_until_records(source).records
    return records
