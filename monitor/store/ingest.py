"""Saves one batch: calls and waiting parts by binary COPY, dead letters, dirty minutes, next offsets, as one.

In comes what one poll gave; out goes how much of it was new. Either all of it is durable or nothing is.
The next offsets are behind a compare-and-set, so a worker that lost its partition saves nothing; so are the
parts that its calls are made of. A row that Postgres refuses is found by halving the batch and becomes a
dead letter; its neighbours are saved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import sqlalchemy as sa

from monitor.records import Call, DeadLetter, Partition, Place, ScoredCall, Source, Told, Waiting, dimensions
from monitor.store import logged, parts
from monitor.store.copying import copy_calls
from monitor.store.database import server_now, transient_if_unreachable
from monitor.store.letters import Replay, join, keep, key_of, refused_letter, settle
from monitor.store.offsets import OffsetMove, book, move_offsets, read_offsets
from monitor.store.parts import READ_BYTES
from monitor.store.refusals import Cursor, copy_bisecting
from monitor.store.rows import Row, row
from monitor.store.series import MAX_VALUES, SeriesIds
from monitor.store.suspects import acquit, read_suspects
from monitor.store.tables import dirty_minutes


class Parts(msgspec.Struct, frozen=True):
    """What a batch does to the parts that wait.

    ``put`` begin to wait: fragments, and marks of finished calls, which are told apart by their span and by
    their response id. ``taken`` are the ids of those that wait no longer. ``told`` are the calls of the batch
    that were put together: their marks begin to wait too, and if one is refused, each of its parts is a dead
    letter.
    """

    put: tuple[Waiting, ...] = ()
    taken: tuple[int, ...] = ()
    told: tuple[Told, ...] = ()


class Batch(msgspec.Struct, frozen=True):
    """What was read, decoded and scored; or, with no offsets, calls whose parts have waited enough."""

    calls: tuple[ScoredCall, ...]
    dead_letters: tuple[DeadLetter, ...]
    offsets: Mapping[Partition, OffsetMove]
    parts: Parts = Parts()
    refused: Callable[[Call, str], DeadLetter] = refused_letter
    """The dead letter of a call that can't be stored, with the reason that Postgres gave."""
    replay: Replay | None = None
    """The dead letters that this is another try of: no offset moves, and the ledger takes them over."""
    suspects: tuple[Place, ...] = ()
    """The suspected records that were dealt with in it: they are no longer suspected of anything."""


class Saved(msgspec.Struct, frozen=True):
    """What became of a batch: ``stored + duplicates + refused`` is the number of its calls."""

    stored: int
    duplicates: int
    dead_letters: int
    """Dead letters of the batch, the refused rows among them."""
    refused: int = 0

    def counts(self) -> dict[str, int]:
        """What the ledger adds up."""
        return {"stored": self.stored, "duplicates": self.duplicates, "dead_letters": self.dead_letters}


class Store(Protocol):
    """What ingest needs of a store. ``PostgresStore`` and the tests' fake pass the same contract tests."""

    def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        """The next offset of each partition; ``None`` where nothing was saved yet.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def now(self) -> datetime:
        """What time it is by the store's clock.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def save(self, batch: Batch) -> Saved:
        """Make a batch durable, whole or not at all.

        Raises:
            Fenced: another worker moved one of the offsets; nothing was saved.
            Raced: another worker took one of the parts, or finished one of the calls that the batch marks
                as done; nothing was saved.
            Transient: the store can't be reached now; nothing is known to be saved, and the offsets tell.
        """
        ...

    def sizes(self, groups: Collection[str]) -> dict[str, int]:
        """How many bytes wait of each of these groups, as they are kept; without those of which nothing does.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def waiting(self, groups: Collection[str], most: int = READ_BYTES) -> list[Waiting]:
        """The parts of these groups that wait, and the marks of their finished calls, oldest first.

        Of parts that hold more than ``most`` bytes together, only the oldest, up to the one that makes them
        more. Marks are all there.

        A part that can't be read any more, since an older release wrote it, is given up: it becomes a
        dead letter if a call was to come of it, and is counted.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def counted(self, calls: Collection[Call]) -> set[tuple[str | None, str]]:
        """Those calls, by trace and id, of which another part was stored before, as a call of its own.

        Such a call has the same trace and the same id or span, and another start: an event that came long
        before its span, or a span long before its event. Looked for within ``APART`` of the call's start.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def claim_due(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        """At most ``limit`` groups with a part that is due; no other worker is given them for ``lease``.

        The parts are due again when the lease ends, unless a batch has taken them. Marks that are due have
        served their time and are deleted.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def suspects(self) -> set[Place]:
        """The records that are suspected of having ended a worker.

        Raises:
            Transient: the store can't be reached now.
        """
        ...

    def parts_waiting(self) -> int:
        """How many parts wait; marks are not counted.

        Raises:
            Transient: the store can't be reached now.
        """
        ...


#: How far apart the parts of one call may have started that became calls of their own.
APART = timedelta(hours=1)

# The constant bounds tell the planner which days are meant.
_COUNTED = sa.text(
    """
    SELECT DISTINCT wanted.trace_id, wanted.call_id
    FROM unnest(
        CAST(:traces AS text[]), CAST(:spans AS text[]), CAST(:ids AS text[]), CAST(:starts AS timestamptz[])
    ) AS wanted (trace_id, span_id, call_id, started_at)
    JOIN calls ON hashtextextended(calls.trace_id, 0) = hashtextextended(wanted.trace_id, 0)
        AND calls.trace_id = wanted.trace_id
        AND calls.started_at BETWEEN wanted.started_at - :apart AND wanted.started_at + :apart
    WHERE calls.started_at BETWEEN :first AND :last
        AND (calls.call_id = wanted.call_id OR calls.span_id = wanted.span_id)
        AND (calls.started_at, calls.call_id) <> (wanted.started_at, wanted.call_id)
    """
)


class PostgresStore:
    """The store in Postgres.

    Args:
        engine: where.
        max_values: values that one dimension may have before the rest becomes ``other``.

    Attributes:
        series: the ids of series, with the count of folded values.
        parts_dropped: how many passages and marks were given up, since they could not be stored or read.
    """

    def __init__(self, engine: sa.Engine, *, max_values: int = MAX_VALUES) -> None:
        self._engine = engine
        self.series = SeriesIds(max_values)
        self.parts_dropped = 0

    def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        """See ``Store.offsets``."""
        with transient_if_unreachable(), self._engine.begin() as connection:
            return read_offsets(connection, partitions)

    def now(self) -> datetime:
        """See ``Store.now``."""
        return server_now(self._engine)

    def save(self, batch: Batch) -> Saved:
        """See ``Store.save``."""
        with transient_if_unreachable():
            keys = [dimensions(scored.call) for scored in batch.calls]
            ids = self.series.resolve(self._engine, keys)
            rows = [
                (scored.call, row(scored, ids[key])) for scored, key in zip(batch.calls, keys, strict=True)
            ]
            told = {_key(one.call): one for one in batch.parts.told}
            put = parts.in_order(
                [*batch.parts.put, *(mark for one in batch.parts.told for mark in one.marks)]
            )
            with self._engine.begin() as connection:
                taken = parts.take(connection, batch.parts.taken)
                _, refused_parts = copy_bisecting(connection, put, parts.put)
                stored, refused = copy_bisecting(connection, rows, _copy_new)
                kept = [scored for i, scored in enumerate(batch.calls) if i not in refused]
                letters = [
                    *batch.dead_letters,
                    *(
                        batch.refused(said, why)
                        for i, why in refused.items()
                        for said in _said(batch.calls[i].call, told)
                    ),
                    *(
                        batch.refused(call, why)
                        for i, why in refused_parts.items()
                        if (call := put[i].fragment.call)
                    ),
                ]
                for i in refused:
                    if (one := told.get(_key(batch.calls[i].call))) is not None:
                        parts.unmark(connection, one.marks)
                letters = join(connection, taken, letters)
                saved = Saved(stored, len(kept) - stored, len(letters), len(refused))
                keep(connection, letters)
                _mark_dirty(connection, kept)
                acquit(connection, batch.suspects)
                if batch.offsets:
                    move_offsets(connection, batch.offsets, saved.counts())
                elif batch.replay:
                    settle(connection, batch.replay, saved.stored, saved.duplicates, saved.refused)
                else:
                    for place in _places(kept, letters)[:1]:
                        book(connection, place, saved.counts())
        self.parts_dropped += sum(not put[i].fragment.call for i in refused_parts)
        return saved

    def sizes(self, groups: Collection[str]) -> dict[str, int]:
        """See ``Store.sizes``."""
        with transient_if_unreachable(), self._engine.begin() as connection:
            return parts.sizes(connection, groups)

    def waiting(self, groups: Collection[str], most: int = READ_BYTES) -> list[Waiting]:
        """See ``Store.waiting``."""
        if not groups:
            return []
        with transient_if_unreachable(), self._engine.begin() as connection:
            found, unreadable = parts.read(connection, groups, most)
            letters = join(connection, list(map(key_of, unreadable.dead_letters)), unreadable.dead_letters)
            keep(connection, letters)
            for place in _places((), letters):
                book(connection, place, Saved(0, 0, 1).counts())
        self.parts_dropped += unreadable.dropped
        return found

    def counted(self, calls: Collection[Call]) -> set[tuple[str | None, str]]:
        """See ``Store.counted``."""
        traced = [call for call in calls if call.trace_id]
        if not traced:
            return set()
        starts = [call.started_at for call in traced]
        wanted = {
            "traces": [call.trace_id for call in traced],
            "spans": [call.span_id for call in traced],
            "ids": [call.call_id for call in traced],
            "starts": starts,
            "first": min(starts) - APART,
            "last": max(starts) + APART,
            "apart": APART,
        }
        with transient_if_unreachable(), self._engine.begin() as connection:
            return {(row.trace_id, row.call_id) for row in connection.execute(_COUNTED, wanted)}

    def claim_due(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        """See ``Store.claim_due``."""
        with transient_if_unreachable(), self._engine.begin() as connection:
            return parts.claim(connection, now, limit=limit, lease=lease)

    def suspects(self) -> set[Place]:
        """See ``Store.suspects``."""
        with transient_if_unreachable(), self._engine.begin() as connection:
            return read_suspects(connection)

    def parts_waiting(self) -> int:
        """See ``Store.parts_waiting``."""
        with transient_if_unreachable(), self._engine.begin() as connection:
            return parts.count(connection)


def _copy_new(cursor: Cursor, calls: Sequence[tuple[Call, Row]]) -> int:
    """Write the rows of the calls that are new; gives how many those were."""
    known = logged.known(cursor, [call for call, _ in calls])
    return copy_calls(cursor, [values for place, (_, values) in enumerate(calls) if place not in known])


def _key(call: Call) -> tuple[datetime, str, Source]:
    """What tells the calls of a batch apart, also those that are the same."""
    return call.started_at, call.call_id, call.source


def _said(call: Call, told: Mapping[tuple[datetime, str, Source], Told]) -> list[Call]:
    """What each part of a call said; the call itself, where it came whole."""
    one = told.get(_key(call))
    if one is None:
        return [call]
    return [said for part in one.parts if (said := part.fragment.call) is not None]


def _places(calls: Sequence[ScoredCall], letters: Sequence[DeadLetter]) -> list[Partition]:
    """Where these were read."""
    return [
        *(Partition(scored.call.source.topic, scored.call.source.partition) for scored in calls),
        *(Partition(letter.topic, letter.partition) for letter in letters),
    ]


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
