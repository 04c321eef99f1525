"""The batch that is being collected: what was read, chunk after chunk, comes in until it is handed over.

It keeps how far it moves each partition: from what the store is expected to say, past everything that was
read, with the records that were lost before they could be.
"""

from __future__ import annotations

import msgspec

from monitor import telemetry
from monitor.records import DeadLetter, Fragment, Partition, Place, Record, ScoredCall
from monitor.store import Batch, OffsetMove, Saved


class Collected:
    """What was read and is not saved yet.

    Attributes:
        calls: decoded and scored.
        dead_letters: what could not be used.
        fragments: what has to be put together with other parts.
        offsets: how far it moves each partition.
        suspects: the suspected records in it, which were tried alone.
        origins: the records that its calls were in, for the dead letter of one that the store refuses.
        records: how many were read.
        size: bytes of them, as ``size_of`` counts.
        began_at: when its first record was read, in seconds of the monotonic clock; ``None`` while empty.
    """

    def __init__(self) -> None:
        self.calls: list[ScoredCall] = []
        self.dead_letters: list[DeadLetter] = []
        self.fragments: list[Fragment] = []
        self.offsets: dict[Partition, OffsetMove] = {}
        self.suspects: list[Place] = []
        self.origins: dict[Place, Record] = {}
        self.records = 0
        self.size = 0
        self.began_at: float | None = None

    def move(self, partition: Partition, move: OffsetMove) -> None:
        """Go on from where this partition was moved before, if it was."""
        before = self.offsets.get(partition)
        if before is not None:
            move = OffsetMove(
                before.expected,
                move.next,
                before.records + move.records,
                move.end,
                before.lost + move.lost,
                max(filter(None, (before.reached, move.reached)), default=None),
            )
        self.offsets[partition] = move

    def batch(self) -> Batch:
        """What is whole already, to be saved with the offsets."""
        return Batch(tuple(self.calls), tuple(self.dead_letters), self.offsets, suspects=tuple(self.suspects))


class Unsaved(msgspec.Struct):
    """A batch on its way to the store, with what is known of its attempts.

    While an attempt is under way only the saver's thread touches it.
    """

    collected: Collected
    backoff: float
    """Seconds until the next attempt, should this one fail."""
    batch: Batch | None = None
    """What is to be saved; ``None`` while it has to be put together, for the first time or anew."""
    judged: bool = False
    races: int = 0
    """How many attempts another worker was in the way of, one after the other."""
    under_way: bool = False
    not_before: float = 0.0
    """When the next attempt may begin, in seconds of the monotonic clock."""


def size_of(record: Record) -> int:
    """Bytes that a record holds: in its value, its key and its headers."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += len(name) + len(value or b"")
    return size


def count(metrics: telemetry.IngestMetrics, batch: Batch, saved: Saved) -> None:
    """Count a batch that is durable now."""
    offsets = batch.offsets.items()
    metrics.saved(
        batch.calls,
        batch.dead_letters,
        stored=saved.stored,
        duplicates=saved.duplicates,
        refused=saved.refused,
        records={partition: move.records for partition, move in offsets},
        lost={partition: move.lost for partition, move in offsets if move.lost},
        lag={partition: move.end - move.next for partition, move in offsets},
    )
