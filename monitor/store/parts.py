"""The parts of calls that wait for the rest: put with their batch, found by their group, taken once.

A part lies here with what was said in it, whatever else may be kept, since it is scored when its call is
whole. It lies here only until then: the transaction that saves its call deletes it. The marks of finished
calls hold no content. Every function takes the connection of the transaction that it is one piece of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import psycopg
import sqlalchemy as sa

from monitor.errors import DeadLetterReason, Raced
from monitor.records import DeadLetter, Fragment, FragmentKind, Waiting
from monitor.store.letters import LetterKey
from monitor.store.refusals import Cursor
from monitor.store.tables import parts

#: Bytes of parts that are read at once: twice what a batch collects, unless that is configured otherwise. In
#: memory they are some times as much, far under ``ingest.worker_memory``.
READ_BYTES = 32 * 1024 * 1024

#: Marks whose time is over that one claim deletes: more than come in between two, and soon done.
MARKS_AT_ONCE = 10_000

# JSON rather than MessagePack, which has no integers beyond 64 bits: a tool's schema may.
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Fragment)

_PUT = (
    "COPY parts (group_id, done_span, done_response, arrived_at, due_at,"
    " topic, partition, kafka_offset, item, fragment) FROM STDIN (FORMAT BINARY)"
)
_PUT_TYPES = ["text", "text", "text", "timestamptz", "timestamptz", "text", "int4", "int8", "int4", "bytea"]

# Rows are locked in one order, so that two workers with the same parts can't wait for each other.
_TAKE = sa.text(
    """
    DELETE FROM parts
    WHERE part_id IN (SELECT part_id FROM parts WHERE part_id = ANY(:ids) ORDER BY part_id FOR UPDATE)
    RETURNING topic, partition, kafka_offset, item
    """
)

# Marks hold no content, and without one of them a call would count twice: they are all read.
_READ = sa.text(
    """
    SELECT part_id, arrived_at, due_at, fragment
    FROM (
        SELECT part_id, arrived_at, due_at, done_span, fragment,
            sum(octet_length(fragment)) FILTER (WHERE done_span IS NULL) OVER (
                ORDER BY part_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS before
        FROM parts WHERE group_id = ANY(:groups)
    ) AS found
    WHERE done_span IS NOT NULL OR before IS NULL OR before < :most
    ORDER BY part_id
    """
)

_SIZES = sa.text(
    """
    SELECT group_id, sum(octet_length(fragment)) AS size
    FROM parts WHERE group_id = ANY(:groups) AND done_span IS NULL GROUP BY group_id
    """
)

_UNMARK = sa.text(
    """
    DELETE FROM parts USING unnest(CAST(:groups AS text[]), CAST(:spans AS text[])) AS mark (group_id, span)
    WHERE parts.group_id = mark.group_id AND parts.done_span = mark.span
    """
)

# The parts of a group that are due are claimed together, whichever of them was found.
_CLAIM = sa.text(
    """
    WITH found AS (
        SELECT group_id FROM parts WHERE done_span IS NULL AND due_at <= :now
        ORDER BY due_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ),
    due AS (
        SELECT part_id FROM parts
        WHERE group_id IN (SELECT group_id FROM found) AND done_span IS NULL AND due_at <= :now
        FOR UPDATE SKIP LOCKED
    )
    UPDATE parts SET due_at = :until WHERE part_id IN (SELECT part_id FROM due) RETURNING group_id
    """
)

_FORGET = sa.text(
    """
    DELETE FROM parts
    WHERE part_id IN (
        SELECT part_id FROM parts WHERE done_span IS NOT NULL AND due_at <= :now
        ORDER BY due_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    """
)


class Unreadable(NamedTuple):
    """Parts that an older release wrote and this one can't read. They wait no longer.

    Attributes:
        dead_letters: those that were to become a call, with the place where they can be read again.
        dropped: how many of the others there were: passages and marks, which only add to a call.
    """

    dead_letters: list[DeadLetter]
    dropped: int


def take(connection: sa.Connection, part_ids: Collection[int]) -> list[LetterKey]:
    """End the wait of these parts; gives where those were read that said something of a call.

    Raises:
        Raced: another worker did so before.
    """
    if not part_ids:
        return []
    ids = sorted(set(part_ids))
    taken = connection.execute(_TAKE, {"ids": ids}).all()
    if len(taken) < len(ids):
        raise Raced(f"{len(ids) - len(taken)} of {len(ids)} parts were taken by another worker")
    return [LetterKey(*row) for row in taken if row.topic is not None]


def put(cursor: Cursor, waiting: Sequence[Waiting]) -> int:
    """Let these parts begin to wait; gives how many there were.

    Raises:
        Raced: one of them marks a call that another worker has finished.
    """
    try:
        with cursor.copy(_PUT) as copy:
            copy.set_types(_PUT_TYPES)
            for part in waiting:
                copy.write_row(_row(part))
    except psycopg.errors.UniqueViolation as error:
        raise Raced("another worker finished one of these calls") from error
    return len(waiting)


def unmark(connection: sa.Connection, marks: Collection[Waiting]) -> None:
    """Take these marks away: the call that they mark could not be stored."""
    if marks:
        groups = [mark.fragment.group for mark in marks]
        connection.execute(_UNMARK, {"groups": groups, "spans": [mark.fragment.span_id for mark in marks]})


def in_order(waiting: Collection[Waiting]) -> list[Waiting]:
    """The parts as they are, then the marks in the order of their keys.

    So that two workers that finish the same calls don't wait for each other.
    """
    return sorted(
        waiting, key=lambda part: (part.fragment.group, part.fragment.span_id) if _is_mark(part) else ("", "")
    )


def sizes(connection: sa.Connection, groups: Collection[str]) -> dict[str, int]:
    """How many bytes wait of each of these groups, as they are kept; without those of which nothing does."""
    found = connection.execute(_SIZES, {"groups": sorted(set(groups))})
    return {row.group_id: int(row.size) for row in found}


def read(connection: sa.Connection, groups: Collection[str], most: int) -> tuple[list[Waiting], Unreadable]:
    """The parts of these groups, marks too, in the order they were put; see ``Store.waiting``.

    Those that can't be read are deleted: nobody will ever put them together.
    """
    found: list[Waiting] = []
    unreadable: list[int] = []
    for row in connection.execute(_READ, {"groups": sorted(set(groups)), "most": most}):
        try:
            fragment = _DECODER.decode(row.fragment)
        except msgspec.DecodeError:
            unreadable.append(row.part_id)
        else:
            found.append(Waiting(fragment, row.arrived_at, row.due_at, row.part_id))
    return found, _delete_unreadable(connection, unreadable)


def claim(connection: sa.Connection, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
    """Take at most ``limit`` groups with a part whose wait is over, for ``lease``; see ``Store.claim_due``.

    Marks whose time is over are deleted here.
    """
    connection.execute(_FORGET, {"now": now, "limit": MARKS_AT_ONCE})
    claimed = connection.execute(_CLAIM, {"now": now, "until": now + lease, "limit": limit}).scalars()
    return sorted(set(claimed))


def count(connection: sa.Connection) -> int:
    """How many parts wait, marks not among them."""
    query = sa.select(sa.func.count()).select_from(parts).where(parts.c.done_span.is_(None))
    return connection.execute(query).scalar_one()


def _row(part: Waiting) -> tuple[object, ...]:
    fragment = part.fragment
    done = _is_mark(part)
    source = fragment.call.source if fragment.call else None
    return (
        fragment.group,
        fragment.span_id if done else None,
        fragment.response_id if done else None,
        part.arrived_at,
        part.due_at,
        source.topic if source else None,
        source.partition if source else None,
        source.offset if source else None,
        source.item if source else None,
        _ENCODER.encode(fragment),
    )


def _is_mark(part: Waiting) -> bool:
    return part.fragment.kind is FragmentKind.DONE


def _delete_unreadable(connection: sa.Connection, part_ids: list[int]) -> Unreadable:
    if not part_ids:
        return Unreadable([], 0)
    table = parts.c
    statement = (
        sa.delete(parts)
        .where(table.part_id.in_(part_ids))
        .returning(table.topic, table.partition, table.kafka_offset, table.item)
    )
    rows = connection.execute(statement).all()
    letters = [
        DeadLetter(
            topic=row.topic,
            partition=row.partition,
            offset=row.kafka_offset,
            item=row.item,
            reason=DeadLetterReason.DECODER_FAILED,
            detail="it waited for the rest of its call, and this release can't read what an older one kept",
            size=0,
            sha256=b"",
        )
        for row in rows
        if row.topic is not None
    ]
    return Unreadable(letters, len(rows) - len(letters))
