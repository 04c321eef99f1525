"""Dead letters: written with their batch, found again for a replay and for the topic, deleted in time.

Whatever is in a dead letter, it is kept: text that Postgres can't hold is made such, and a letter that it
refuses all the same is kept without what came of the record. One that is there already stays as it is, unless
it is of other bytes at the same place: then the topic was made anew, and the newer one takes its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import structs
from psycopg.types.json import Jsonb

from monitor.errors import DeadLetterReason, Permanent
from monitor.records import Call, DeadLetter, Partition
from monitor.store.database import transient_if_unreachable
from monitor.store.offsets import book
from monitor.store.refusals import Cursor, copy_bisecting
from monitor.store.tables import dead_letters, parts

#: Longest detail that is kept, in characters.
MAX_DETAIL = 500

#: What can have become of a letter by a replay after which none is needed any more; ``SETTLED`` are all.
STORED, DUPLICATE, JOINED, NO_CALL = "stored", "duplicate", "joined", "no_call"
SETTLED = (STORED, DUPLICATE, JOINED, NO_CALL)

#: What becomes of one that is a part of a call: until the part is taken from those that wait, nobody knows
#: whether it could be used.
WAITING = "waiting"

# Where only the place is known (``size`` is 0), nothing says that it is another record.
_INSERT = """
    INSERT INTO dead_letters
        (topic, partition, kafka_offset, item, reason, detail, size, sha256, value, headers, recorded_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (topic, partition, kafka_offset, item) DO UPDATE SET
        reason = excluded.reason, detail = excluded.detail, size = excluded.size, sha256 = excluded.sha256,
        value = excluded.value, headers = excluded.headers, recorded_at = excluded.recorded_at,
        first_seen = now(), replayed_at = NULL, replay = NULL, sent_at = NULL
    WHERE dead_letters.sha256 <> excluded.sha256 AND dead_letters.size > 0 AND excluded.size > 0
"""

_EXPIRE = sa.text(
    """
    DELETE FROM dead_letters
    WHERE (topic, partition, kafka_offset, item) IN (
        SELECT topic, partition, kafka_offset, item FROM dead_letters
        WHERE first_seen < :before ORDER BY first_seen LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    """
)

_JOIN = sa.text(
    """
    UPDATE dead_letters AS letter SET replay = 'joined', replayed_at = now()
    FROM unnest(
        CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:offset AS bigint[]), CAST(:item AS int[])
    ) AS taken (topic, partition, kafka_offset, item)
    WHERE letter.topic = taken.topic AND letter.partition = taken.partition
        AND letter.kafka_offset = taken.kafka_offset AND letter.item = taken.item
        AND letter.replay = 'waiting'
    RETURNING letter.topic, letter.partition, letter.kafka_offset, letter.item
    """
)

_dumps = msgspec.json.Encoder().encode


def still(reason: str) -> str:
    """What became of a letter whose record can't be used by this release either."""
    return f"still {reason}"


class LetterKey(NamedTuple):
    """What a dead letter is known by: the place of its record, and its number within it."""

    topic: str
    partition: int
    offset: int
    item: int


def key_of(letter: DeadLetter) -> LetterKey:
    """What this letter is known by."""
    return LetterKey(letter.topic, letter.partition, letter.offset, letter.item)


class Unsent(msgspec.Struct, frozen=True):
    """A dead letter that is to be written to the topic."""

    letter: DeadLetter
    first_seen: datetime


class Replay(msgspec.Struct, frozen=True):
    """What a batch says of dead letters that it replays; they are of one record.

    ``otherwise`` is what became of them if no call of the batch decides that. ``waiting`` are those that are
    parts, which begin to wait with the batch.
    """

    letters: tuple[LetterKey, ...]
    otherwise: str
    waiting: Collection[LetterKey] = ()

    def outcome(self, letter: LetterKey, stored: int, duplicates: int, refused: int) -> str:
        """What became of one of them, given what became of the batch's calls."""
        if letter in self.waiting:
            return WAITING
        if self.otherwise not in SETTLED:
            return self.otherwise
        if refused:
            return still(DeadLetterReason.REFUSED_BY_STORE)
        return STORED if stored else DUPLICATE if duplicates else self.otherwise


class Wanted(msgspec.Struct, frozen=True):
    """Which dead letters are looked for: of these reasons and topics (none: of any), seen since then."""

    reasons: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    since: datetime | None = None


def keep(connection: sa.Connection, letters: Sequence[DeadLetter]) -> None:
    """Keep these dead letters.

    Raises:
        Permanent: Postgres keeps not even the place and the reason of one.
    """
    safe = [_safe(letter) for letter in letters]
    _, refused = copy_bisecting(connection, safe, _write)
    bare = [
        structs.replace(safe[i], detail=f"{safe[i].detail} ({why})", value=None, headers=(), recorded_at=None)
        for i, why in refused.items()
    ]
    _, refused = copy_bisecting(connection, bare, _write)
    if refused:
        raise Permanent(f"Postgres does not keep a dead letter: {refused[0]}")


def refused_letter(call: Call, why: str) -> DeadLetter:
    """The dead letter of a call that Postgres refused, where nothing is known of its record but its place."""
    source = call.source
    return DeadLetter(
        topic=source.topic,
        partition=source.partition,
        offset=source.offset,
        item=source.item,
        reason=DeadLetterReason.REFUSED_BY_STORE,
        detail=why,
        size=0,
        sha256=b"",
    )


def find(
    engine: sa.Engine, wanted: Wanted, *, after: LetterKey | None = None, limit: int = 100
) -> list[DeadLetter]:
    """Dead letters that no replay has settled, the oldest first, from behind ``after`` on.

    Those of one batch come one after the other, since they have the time of its transaction: so do the parts
    of a call, whatever topics they are in.

    Raises:
        Transient: Postgres can't be reached.
    """
    order = [dead_letters.c.first_seen, *_KEY]
    query = sa.select(dead_letters).where(*_matches(wanted)).order_by(*order).limit(limit)
    if after is not None:
        then = sa.select(dead_letters.c.first_seen).where(sa.tuple_(*_KEY) == after).scalar_subquery()
        query = query.where(sa.tuple_(*order) > sa.tuple_(then, *map(sa.literal, after)))
    with transient_if_unreachable(), engine.begin() as connection:
        return [_letter(row) for row in connection.execute(query)]


def count(engine: sa.Engine, wanted: Wanted) -> int:
    """How many dead letters ``find`` would find in all.

    Raises:
        Transient: Postgres can't be reached.
    """
    query = sa.select(sa.func.count()).select_from(dead_letters).where(*_matches(wanted))
    with transient_if_unreachable(), engine.begin() as connection:
        return connection.execute(query).scalar_one()


def settle(connection: sa.Connection, replay: Replay, stored: int, duplicates: int, refused: int) -> None:
    """Write down what became of replayed letters, in the transaction that saves what they gave.

    In the ledger of their partition, those that are settled by it are no longer dead letters but stored or
    duplicates, so that it still adds up. A letter that another replay has settled meanwhile counts once.
    """
    settled = 0
    for letter in replay.letters:
        outcome = replay.outcome(letter, stored, duplicates, refused)
        if _change(connection, letter, outcome) and outcome in SETTLED:
            settled += 1
    counts = {
        "stored": stored,
        "duplicates": min(duplicates, max(0, settled - stored)),
        "dead_letters": -settled,
    }
    first = replay.letters[0]
    book(connection, Partition(first.topic, first.partition), counts)


def join(
    connection: sa.Connection, taken: Collection[LetterKey], letters: Sequence[DeadLetter]
) -> list[DeadLetter]:
    """Write down what became of replayed letters that waited as parts, in the transaction that takes those.

    Args:
        connection: of the transaction.
        taken: where the parts were read.
        letters: the dead letters of the batch. A part that is one again is not settled.

    Gives those of ``letters`` that are new.
    """
    if not taken:
        return list(letters)
    columns = {name: [getattr(key, name) for key in taken] for name in LetterKey._fields}
    waited = {LetterKey(*row) for row in connection.execute(_JOIN, columns)}
    again = {key: letter for letter in letters if (key := key_of(letter)) in waited}
    for key, letter in again.items():
        connection.execute(
            sa.update(dead_letters).where(sa.tuple_(*_KEY) == key).values(replay=still(letter.reason))
        )
    joined = Counter(Partition(key.topic, key.partition) for key in waited - again.keys())
    for partition, count in sorted(joined.items()):
        book(connection, partition, {"dead_letters": -count})
    return [letter for letter in letters if key_of(letter) not in waited]


def unsent(engine: sa.Engine, limit: int) -> list[Unsent]:
    """Dead letters that were not written to the topic yet, the oldest first.

    Raises:
        Transient: Postgres can't be reached.
    """
    query = (
        sa.select(dead_letters)
        .where(dead_letters.c.sent_at.is_(None))
        .order_by(dead_letters.c.first_seen)
        .limit(limit)
    )
    with transient_if_unreachable(), engine.begin() as connection:
        return [Unsent(_letter(row), row.first_seen) for row in connection.execute(query)]


def mark_sent(engine: sa.Engine, keys: Sequence[LetterKey]) -> None:
    """Write down that these are in the topic.

    Raises:
        Transient: Postgres can't be reached.
    """
    statement = sa.update(dead_letters).where(sa.tuple_(*_KEY).in_(keys)).values(sent_at=sa.func.now())
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(statement)


def expire(engine: sa.Engine, before: datetime, limit: int) -> int:
    """Delete at most ``limit`` dead letters that were first seen before; gives how many.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        return connection.execute(_EXPIRE, {"before": before, "limit": limit}).rowcount


def _change(connection: sa.Connection, letter: LetterKey, outcome: str) -> bool:
    """Write down what a replay made of a letter, unless another one has settled it; whether that was so."""
    statement = (
        sa.update(dead_letters)
        .where(sa.tuple_(*_KEY) == letter, _UNSETTLED)
        .values(replayed_at=sa.func.now(), replay=outcome)
    )
    return connection.execute(statement).rowcount > 0


_KEY = [dead_letters.c[name] for name in ("topic", "partition", "kafka_offset", "item")]
_UNSETTLED = sa.or_(dead_letters.c.replay.is_(None), dead_letters.c.replay.not_in(SETTLED))


# A part that waits is not replayed again.
_WAITS = sa.and_(
    dead_letters.c.replay == WAITING,
    sa.tuple_(*_KEY).in_(
        sa.select(*(parts.c[column.name] for column in _KEY)).where(parts.c.topic.is_not(None))
    ),
)


def _matches(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield _UNSETTLED
    yield sa.not_(sa.func.coalesce(_WAITS, sa.false()))
    if wanted.reasons:
        yield dead_letters.c.reason.in_(wanted.reasons)
    if wanted.topics:
        yield dead_letters.c.topic.in_(wanted.topics)
    if wanted.since is not None:
        yield dead_letters.c.first_seen >= wanted.since


def _write(cursor: Cursor, letters: Sequence[DeadLetter]) -> int:
    cursor.executemany(
        _INSERT,
        [
            (
                letter.topic,
                letter.partition,
                letter.offset,
                letter.item,
                letter.reason,
                letter.detail,
                letter.size,
                letter.sha256,
                letter.value,
                Jsonb(letter.headers, _dumps) if letter.headers else None,
                letter.recorded_at,
            )
            for letter in letters
        ],
    )
    return cursor.rowcount


def _safe(letter: DeadLetter) -> DeadLetter:
    """The letter with text that Postgres takes: neither NUL nor half a character."""
    return structs.replace(
        letter,
        detail=_text(letter.detail[:MAX_DETAIL]),
        headers=tuple((_text(name), _text(value)) for name, value in letter.headers),
    )


def _text(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()


def _letter(row: sa.Row[Any]) -> DeadLetter:
    return DeadLetter(
        topic=row.topic,
        partition=row.partition,
        offset=row.kafka_offset,
        item=row.item,
        reason=row.reason,
        detail=row.detail,
        size=row.size,
        sha256=row.sha256,
        value=row.value,
        headers=tuple((name, value) for name, value in row.headers or ()),
        recorded_at=row.recorded_at,
    )
