"""Where each partition goes on, and the ledger of what was read of it: one row a partition.

In comes how far a batch moves each partition; either all of them move or the batch is fenced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.errors import Fenced
from monitor.records import Partition
from monitor.store.tables import consumer_offsets


class OffsetMove(msgspec.Struct, frozen=True):
    """How far a batch moves one partition.

    ``expected`` is what the store last said (``None``: it has no row yet), not the first record's offset:
    compaction and transaction markers leave gaps.
    """

    expected: int | None
    next: int
    records: int
    end: int
    """Where the log ended when the batch was read: ``end - next`` records are still to come."""
    lost: int = 0
    """Records on the way to ``next`` that retention had deleted before they could be read."""
    reached: datetime | None = None
    """Up to when all that was written is before ``next``; ``None`` where nothing is known of that."""


def read_offsets(connection: sa.Connection, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
    """The next offset of each partition; ``None`` where nothing was saved yet."""
    table = consumer_offsets.c
    query = sa.select(table.topic, table.partition, table.next_offset).where(
        sa.tuple_(table.topic, table.partition).in_(list(partitions))
    )
    result: dict[Partition, int | None] = dict.fromkeys(partitions)
    for found in connection.execute(query):
        result[Partition(found.topic, found.partition)] = found.next_offset
    return result


def move_offsets(
    connection: sa.Connection, offsets: Mapping[Partition, OffsetMove], counts: Mapping[str, int]
) -> None:
    """Move every partition's next offset.

    The counts (``stored``, ``duplicates``, ``dead_letters``) go to the partitions as a ledger; those of
    several partitions are booked on the first, so only their sum over all partitions means anything.

    Raises:
        Fenced: one of them is no longer where it was expected.
    """
    table = consumer_offsets
    for partition, move in sorted(offsets.items()):
        where = {"topic": partition.topic, "partition": partition.partition}
        values = {"next_offset": move.next, "end_offset": move.end, "updated_at": sa.func.now()}
        # A worker's clock that is ahead says nothing of what is still to be written: Postgres' own is asked.
        reached = None if move.reached is None else sa.func.least(move.reached, sa.func.now())
        statement: sa.Insert | sa.Update
        if move.expected is None:
            statement = (
                insert(table)
                .values(
                    **where,
                    **values,
                    reached_at=reached,
                    records=move.records,
                    lost=move.lost,
                    **counts,
                )
                .on_conflict_do_nothing()
            )
        else:
            statement = (
                sa.update(table)
                .filter_by(**where)
                .where(table.c.next_offset == move.expected)
                .values(
                    **values,
                    # Never back, and as far as before where nothing is known: greatest() leaves out nulls.
                    reached_at=sa.func.greatest(_not_ahead(table.c.reached_at), reached),
                    **_added({"records": move.records, "lost": move.lost, **counts}),
                )
            )
        if connection.execute(statement.returning(table.c.partition)).first() is None:
            raise Fenced(f"offset of {partition.topic}/{partition.partition} is no longer {move.expected}")
        counts = dict.fromkeys(counts, 0)


def book(connection: sa.Connection, partition: Partition, counts: Mapping[str, int]) -> None:
    """Add counts to the ledger of a partition that does not move, if it has one."""
    connection.execute(
        sa.update(consumer_offsets)
        .filter_by(topic=partition.topic, partition=partition.partition)
        .values(**_added(counts))
    )


def _not_ahead(at: sa.Column[datetime]) -> sa.ColumnElement[datetime]:
    """A stored time; the present where it is in the future."""
    return sa.case((at > sa.func.now(), sa.func.now()), else_=at)


def _added(counts: Mapping[str, int]) -> dict[str, sa.ColumnElement[int]]:
    return {name: consumer_offsets.c[name] + count for name, count in counts.items()}
