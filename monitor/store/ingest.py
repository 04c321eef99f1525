"""Saves one batch: calls by binary COPY, dead letters, dirty minutes and next offsets, in one transaction.

In comes what one poll gave; out goes how much of it was new. Either all of it is durable or nothing is.
The next offsets are behind a compare-and-set, so a worker that lost its partition saves nothing. A row
that Postgres refuses is found by halving the batch and becomes a dead letter; its neighbours are saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.errors import DeadLetterReason, Fenced
from monitor.records import DeadLetter, Partition, ScoredCall, dimensions
from monitor.store.database import one_line, transient_if_unreachable
from monitor.store.rows import COLUMNS, Row, row
from monitor.store.series import MAX_VALUES, SeriesIds
from monitor.store.tables import consumer_offsets, dead_letters, dirty_minutes


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


class Batch(msgspec.Struct, frozen=True):
    """What one poll gave, decoded and scored."""

    calls: tuple[ScoredCall, ...]
    dead_letters: tuple[DeadLetter, ...]
    offsets: Mapping[Partition, OffsetMove]


class Saved(msgspec.Struct, frozen=True):
    """What became of a batch: ``stored + duplicates + refused`` is the number of its calls."""

    stored: int
    duplicates: int
    dead_letters: int
    """Dead letters of the batch, the refused rows among them."""
    refused: int = 0


class Store(Protocol):
    """What ingest needs of a store. ``PostgresStore`` and the tests' fake pass the same contract tests."""

    def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        """The next offset of each partition; ``None`` where nothing was saved yet.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def save(self, batch: Batch) -> Saved:
        """Make a batch durable, whole or not at all.

        Raises:
            Fenced: another worker moved one of the offsets; nothing was saved.
            Transient: the store can't be reached now; nothing is known to be saved, and the offsets tell.
        """
        ...


_STAGE = "CREATE TEMP TABLE IF NOT EXISTS staged_calls (LIKE calls INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
_NAMES = ", ".join(name for name, _ in COLUMNS)
_COPY = f"COPY staged_calls ({_NAMES}) FROM STDIN (FORMAT BINARY)"
_MOVE = f"INSERT INTO calls ({_NAMES}) SELECT {_NAMES} FROM staged_calls ON CONFLICT DO NOTHING"  # noqa: S608
_TYPES = [type_ for _, type_ in COLUMNS]

#: What one row that can't be stored raises: Postgres its own errors (the last of them for a key too long
#: for an index), and the driver Python's, while it packs the row into bytes.
_REFUSALS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    TypeError,
    ValueError,
    OverflowError,
)


class PostgresStore:
    """The store in Postgres.

    Args:
        engine: where.
        max_values: values that one dimension may have before the rest becomes ``other``.

    Attributes:
        series: the ids of series, with the count of folded values.
    """

    def __init__(self, engine: sa.Engine, *, max_values: int = MAX_VALUES) -> None:
        self._engine = engine
        self.series = SeriesIds(max_values)

    def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        """See ``Store.offsets``."""
        table = consumer_offsets.c
        query = sa.select(table.topic, table.partition, table.next_offset).where(
            sa.tuple_(table.topic, table.partition).in_(list(partitions))
        )
        result: dict[Partition, int | None] = dict.fromkeys(partitions)
        with transient_if_unreachable(), self._engine.begin() as connection:
            for found in connection.execute(query):
                result[Partition(found.topic, found.partition)] = found.next_offset
        return result

    def save(self, batch: Batch) -> Saved:
        """See ``Store.save``."""
        with transient_if_unreachable():
            ids = self.series.resolve(self._engine, {dimensions(scored.call) for scored in batch.calls})
            rows = [row(scored, ids[dimensions(scored.call)]) for scored in batch.calls]
            with self._engine.begin() as connection:
                stored, refused = _copy(connection, rows)
                kept = [scored for i, scored in enumerate(batch.calls) if i not in refused]
                letters = [
                    *batch.dead_letters,
                    *(_refused_letter(batch.calls[i], why) for i, why in refused.items()),
                ]
                saved = Saved(stored, len(kept) - stored, len(letters), len(refused))
                _insert_dead_letters(connection, letters)
                _mark_dirty(connection, kept)
                _move_offsets(connection, batch, saved)
        return saved


def _copy(connection: sa.Connection, rows: Sequence[Row]) -> tuple[int, dict[int, str]]:
    """COPY the rows; gives how many were new, and by position why Postgres refused the others."""
    if not rows:
        return 0, {}
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine's driver is fixed in connect()
    stored = 0
    refused: dict[int, str] = {}
    with driver.cursor() as cursor:
        cursor.execute(_STAGE)
        pending = [(0, len(rows))]
        while pending:
            start, end = pending.pop()
            try:
                with driver.transaction():
                    stored += _copy_once(cursor, rows[start:end])
            except _REFUSALS as error:
                if end - start == 1:
                    refused[start] = one_line(error)
                else:
                    middle = (start + end) // 2
                    pending += [(start, middle), (middle, end)]
    return stored, refused


def _copy_once(cursor: psycopg.Cursor[tuple[object, ...]], rows: Sequence[Row]) -> int:
    """Stage the rows and move the new ones into ``calls``; gives how many were new."""
    with cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for values in rows:
            copy.write_row(values)
    cursor.execute(_MOVE)
    moved = cursor.rowcount
    cursor.execute("DELETE FROM staged_calls")
    return moved


def _refused_letter(scored: ScoredCall, why: str) -> DeadLetter:
    """A dead letter for a call that Postgres refused. The record can be read again from Kafka."""
    source = scored.call.source
    return DeadLetter(
        topic=source.topic,
        partition=source.partition,
        offset=source.offset,
        item=source.item,
        reason=DeadLetterReason.REFUSED_BY_STORE,
        detail=why[:500],
        size=0,
        sha256=b"",
    )


def _insert_dead_letters(connection: sa.Connection, letters: Sequence[DeadLetter]) -> None:
    if letters:
        connection.execute(
            insert(dead_letters).on_conflict_do_nothing(),
            [
                {
                    "topic": letter.topic,
                    "partition": letter.partition,
                    "kafka_offset": letter.offset,
                    "item": letter.item,
                    "reason": letter.reason,
                    "detail": letter.detail.replace("\x00", ""),
                    "size": letter.size,
                    "sha256": letter.sha256,
                    "value": letter.value,
                }
                for letter in letters
            ],
        )


def _mark_dirty(connection: sa.Connection, calls: Sequence[ScoredCall]) -> None:
    """Mark the minutes that the batch touched.

    Marks are appended, never updated: a mark becomes visible together with its calls, so whoever takes it
    away also sees them, and no worker ever waits for another.
    """
    minutes = {_minute(scored.call.started_at) for scored in calls}
    if minutes:
        connection.execute(sa.insert(dirty_minutes), [{"minute": minute} for minute in sorted(minutes)])


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _move_offsets(connection: sa.Connection, batch: Batch, saved: Saved) -> None:
    """Move every partition's next offset, or raise ``Fenced``.

    The counts of the batch go to its partitions as a ledger; a batch of several partitions books them on
    the first, so only their sum over all partitions means anything.
    """
    counts = {"stored": saved.stored, "duplicates": saved.duplicates, "dead_letters": saved.dead_letters}
    table = consumer_offsets
    for partition, move in sorted(batch.offsets.items()):
        where = {"topic": partition.topic, "partition": partition.partition}
        values = {"next_offset": move.next, "end_offset": move.end, "updated_at": sa.func.now()}
        statement: sa.Insert | sa.Update
        if move.expected is None:
            statement = (
                insert(table)
                .values(**where, **values, records=move.records, **counts)
                .on_conflict_do_nothing()
            )
        else:
            statement = (
                sa.update(table)
                .filter_by(**where)
                .where(table.c.next_offset == move.expected)
                .values(
                    **values,
                    records=table.c.records + move.records,
                    **{name: table.c[name] + count for name, count in counts.items()},
                )
            )
        if connection.execute(statement.returning(table.c.partition)).first() is None:
            raise Fenced(f"offset of {partition.topic}/{partition.partition} is no longer {move.expected}")
        counts = dict.fromkeys(counts, 0)
