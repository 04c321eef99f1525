"""Finds the place: what the store and the logs say comes in, where to go on and what was lost goes out.

A log may have lost its oldest records before they were read (retention overtook us), may have gained
partitions, or may not be the one that was read before. Each is told by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from monitor import telemetry
from monitor.errors import Permanent
from monitor.ingest.collected import count
from monitor.records import Partition, Record
from monitor.source import Polled, Source
from monitor.store import Batch, OffsetMove, Store

Start = Literal["earliest", "latest"]


class Finder:
    """Where to go on.

    Args:
        source: knows where the logs begin and end.
        store: knows what was saved of them.
        start: where to begin in a topic of which the store knows no partition.
        metrics: where to count.
    """

    def __init__(self, source: Source, store: Store, start: Start, metrics: telemetry.IngestMetrics) -> None:
        self._source = source
        self._store = store
        self._start = start
        self._metrics = metrics

    def offsets(self, assigned: Sequence[Partition]) -> dict[Partition, int]:
        """Where each of these partitions goes on.

        Where a new one starts, and what was lost meanwhile, is saved before anything is read: both are other
        numbers tomorrow.

        Raises:
            Transient: the store or the brokers can't be reached, or another worker was quicker.
        """
        if not assigned:
            return {}
        known = self._store.offsets(assigned)
        if self._start == "latest" and None in known.values():
            self._start_topics()
            known = self._store.offsets(assigned)
        moves = {}
        for partition, begins_at in self._source.beginnings(assigned).items():
            expected = known[partition]
            if expected is None:
                moves[partition] = OffsetMove(None, begins_at, 0, begins_at)
            elif begins_at > expected:
                moves[partition] = OffsetMove(expected, begins_at, 0, begins_at, begins_at - expected)
                self._metrics.losing(partition, expected, begins_at)
        self._save(moves)
        found = {partition: offset for partition, offset in known.items() if offset is not None}
        return found | {partition: move.next for partition, move in moves.items()}

    def _start_topics(self) -> None:
        """Let topics of which the store knows no partition start at their end.

        All partitions of a topic at once, whoever reads them: so one that is not known later is a new one,
        and nothing that is in it was meant to be left out.
        """
        known = self._store.offsets(self._source.partitions())
        begun = {partition.topic for partition, offset in known.items() if offset is not None}
        ends = self._source.ends([partition for partition in known if partition.topic not in begun])
        self._save({partition: OffsetMove(None, end, 0, end) for partition, end in ends.items()})

    def _save(self, moves: Mapping[Partition, OffsetMove]) -> None:
        if moves:
            batch = Batch((), (), moves)
            count(self._metrics, batch, self._store.save(batch))

    def fresh(self, polled: Polled, expected: Mapping[Partition, int]) -> dict[Partition, Sequence[Record]]:
        """The records that the store does not have yet: a reset position must not move it back.

        A log that ends before the place that the store has reached is not the log that was read: the topic
        was deleted and made again, or a broker lost its end. Going on would skip what is new in it.

        Raises:
            Permanent: a log ends before what was saved of it.
        """
        fresh: dict[Partition, Sequence[Record]] = {}
        stale = 0
        for partition, chunk in polled.chunks.items():
            place = expected.get(partition, chunk[-1].offset + 1)
            if partition in expected and (end := polled.ends[partition]) < place:
                raise Permanent(
                    f"{partition.topic}/{partition.partition} ends at {end}, but {place} of it are saved:"
                    " was the topic made anew? To read it from its start, delete its rows in consumer_offsets"
                )
            new = chunk if chunk[0].offset >= place else [one for one in chunk if one.offset >= place]
            stale += len(chunk) - len(new)
            if new:
                fresh[partition] = new
        if stale:
            self._metrics.stale(stale)
        return fresh

    def lost(
        self, firsts: Mapping[Partition, int], expected: Mapping[Partition, int]
    ) -> dict[Partition, int]:
        """How many records were deleted between where each partition was and the first that came.

        Compaction and the markers of transactions leave gaps too, in which nothing was lost: only what lies
        before the beginning of the log was. The brokers are asked only about gaps.

        Raises:
            Transient: the brokers can't be reached.
        """
        gaps = {
            partition: expected[partition] for partition in firsts if firsts[partition] > expected[partition]
        }
        lost: dict[Partition, int] = {}
        for partition, begins_at in self._source.beginnings(gaps).items():
            until = min(begins_at, firsts[partition])
            if until > gaps[partition]:
                lost[partition] = until - gaps[partition]
                self._metrics.losing(partition, gaps[partition], until)
        return lost
