"""Tries dead letters again with this release: letters come in, from the table; what became of each goes out.

The bytes are those that were kept, or Kafka's while it has them. What they give is saved in one transaction
with what became of the letter, and moves no offset; so a replay that is cut off, made twice, or made by two
at once ends in the same calls and the same ledger.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby

import sqlalchemy as sa
from msgspec import structs
from prometheus_client import CollectorRegistry

from monitor.clock import Clock, SystemClock
from monitor.config import Config
from monitor.decode import Window, item_with_hash
from monitor.decode.assemble import arrived
from monitor.durations import seconds
from monitor.errors import ConfigError, DeadLetterReason
from monitor.ingest.at_hand import SIZE, AtHand
from monitor.ingest.collected import Collected
from monitor.ingest.guard import Guard, TryAlone
from monitor.ingest.reader import Guarding, Reader, TryingAlone
from monitor.ingest.work import Work
from monitor.letters.reread import KafkaLog, Log
from monitor.records import Call, DeadLetter, Place, Record
from monitor.store import Batch, Parts, PostgresStore
from monitor.store.database import server_now, transient_if_unreachable
from monitor.store.letters import JOINED, NO_CALL, SETTLED, LetterKey, Replay, Wanted, find, key_of, still
from monitor.store.partitions import ensure_partitions
from monitor.telemetry import IngestMetrics

#: Letters that are in memory at once; each may have some megabytes.
PAGE = 50

#: What became of a letter whose record can't be had: Kafka has it no more, or another one in its place.
GONE, CHANGED = "gone", "changed"

#: What becomes of a letter in a rehearsal if it could be used.
USABLE = "usable"

#: Reasons for which a record is tried in a process of its own first.
_COSTLY = frozenset(
    {DeadLetterReason.KILLED_WORKER, DeadLetterReason.TOOK_TOO_LONG, DeadLetterReason.OUT_OF_MEMORY}
)


class Replayer:
    """Replays dead letters.

    Args:
        engine: where they are, and where calls are saved.
        log: Kafka, for those whose bytes were not kept.
        work: what is done with a record.
        guard: watches over the work on one record.
        try_alone: what becomes of a record in a process of its own.
        clock: what time it is.
        max_lateness: how long ago a call may have started.
        max_skew: how far ahead a call may be.
        max_values: values that one dimension may have.
    """

    def __init__(
        self,
        engine: sa.Engine,
        log: Log,
        work: Work,
        *,
        guard: Guarding,
        try_alone: TryingAlone,
        clock: Clock,
        max_lateness: timedelta,
        max_skew: timedelta,
        max_values: int,
    ) -> None:
        self._engine = engine
        self._store = PostgresStore(engine, max_values=max_values)
        self._log = log
        self._clock = clock
        self._max_lateness = max_lateness
        self._max_skew = max_skew
        self._reader = Reader(
            work.decode,
            work.score,
            guard,
            try_alone,
            keep_content=False,
            metrics=IngestMetrics(CollectorRegistry()),
        )

    def replay(
        self, wanted: Wanted, *, limit: int | None = None, rehearse: bool = False
    ) -> Iterator[tuple[DeadLetter, str]]:
        """Try the letters that are wanted, at most ``limit``; gives each with what became of it.

        A rehearsal saves nothing.

        Raises:
            Transient: Kafka or Postgres can't be reached; what was replayed until then stays so.
        """
        after, left = None, limit
        while left != 0:
            found = find(self._engine, wanted, after=after, limit=min(PAGE, left or PAGE))
            if not found:
                return
            for _, same in groupby(found, key=_item):
                yield from self._try(list(same), rehearse=rehearse)
            after = key_of(found[-1])
            left = None if left is None else left - len(found)

    def _try(self, letters: Sequence[DeadLetter], *, rehearse: bool) -> list[tuple[DeadLetter, str]]:
        """Try one item, which all these letters are about; gives what became of each."""
        record = self._record(letters)
        if isinstance(record, str):
            read, otherwise = Collected(), record
        else:
            read = self._read(record, DeadLetterReason(letters[0].reason))
            if not letters[0].size:
                read = _alone(read, letters[0].item)
            otherwise = _otherwise(read)
        if rehearse:
            return [(letter, USABLE if otherwise in SETTLED else otherwise) for letter in letters]
        keys = [key_of(letter) for letter in letters]
        parts = {_place(fragment.call) for fragment in read.fragments if fragment.call}
        replay = Replay(tuple(keys), otherwise, parts.intersection(keys))
        put = tuple(arrived(read.fragments, self._store.now()))
        saved = self._store.save(Batch(tuple(read.calls), (), {}, Parts(put), replay=replay))
        return [
            (letter, replay.outcome(key, saved.stored, saved.duplicates, saved.refused))
            for letter, key in zip(letters, keys, strict=True)
        ]

    def _record(self, letters: Sequence[DeadLetter]) -> Record | str:
        """What these letters are about, as a record of its own; or why it can't be had.

        Kept bytes are the original ones if no credential had to be taken out of them. If one had, Kafka's
        come first: a call without an id is known by its bytes, and may be stored already.
        """
        letter = letters[0]
        kept = next((one.value for one in letters if one.value is not None), None)
        if kept is not None and hashlib.sha256(kept).digest() == letter.sha256:
            return _as_record(letter, kept)
        found = self._log.read(Place(letter.topic, letter.partition, letter.offset))
        if found is not None:
            if not letter.size:  # the letter of a part of a call, say, knows only its place
                return found
            value = item_with_hash(found, letter.sha256)
            if value is not None:
                return structs.replace(found, value=value)
        if kept is not None:
            return _as_record(letter, kept)
        return GONE if found is None else CHANGED

    def _read(self, record: Record, reason: DeadLetterReason) -> Collected:
        """Decode and score it as a worker would, but for the judge, who isn't asked."""
        own, theirs = self._clock.now(), self._store.now()
        window = Window(theirs - self._max_lateness, max(own, theirs) + self._max_skew)
        place = Place(record.topic, record.partition, record.offset)
        read = Collected()
        self._reader.read([record], window, {place} if reason in _COSTLY else (), read)
        return read


@contextmanager
def replaying(config: Config, engine: sa.Engine, max_lateness: timedelta | None = None) -> Iterator[Replayer]:
    """A replayer as the configuration has it, in this process; its watch over records ends with the block.

    Args:
        config: the configuration.
        engine: its database.
        max_lateness: how long ago a call may have started, where ``ingest.max_lateness`` is too short.

    Raises:
        ConfigError: calls so old would be dropped again at once.
        Transient: Postgres can't be reached.
    """
    ingest, clock = config.ingest, SystemClock()
    if max_lateness is None:
        max_lateness = timedelta(seconds=seconds(ingest.max_lateness))
    elif max_lateness > timedelta(seconds=seconds(config.retention.calls)) - timedelta(days=2):
        raise ConfigError(
            f"--max-lateness must be two days less than retention.calls ({config.retention.calls})"
        )
    now = server_now(engine)
    with transient_if_unreachable(), engine.begin() as connection:
        ensure_partitions(connection, now, max_lateness=max_lateness)
    timeout_s = seconds(ingest.record_timeout)
    work = Work(ingest, config.grounding)
    log = KafkaLog(config.kafka.client)
    guard = Guard(AtHand(mmap.mmap(-1, SIZE)), timeout_s)
    guard.start()
    try:
        yield Replayer(
            engine,
            log,
            work,
            guard=guard,
            try_alone=TryAlone(
                work, timeout_s=timeout_s, memory=ingest.worker_memory, keep_content=ingest.keep_content
            ),
            clock=clock,
            max_lateness=max_lateness,
            max_skew=timedelta(seconds=seconds(ingest.max_skew)),
            max_values=ingest.max_values_per_dimension,
        )
    finally:
        guard.stop()
        log.close()


def _otherwise(read: Collected) -> str:
    """What became of a record that gave no call to be stored; or that can't be used, whatever it gave."""
    if read.dead_letters:
        return still(read.dead_letters[0].reason)
    return JOINED if read.fragments else NO_CALL


def _alone(read: Collected, item: int) -> Collected:
    """What was read of one item, with what stands around calls; everything where nothing has that number."""
    alone = Collected()
    alone.calls = [scored for scored in read.calls if scored.call.source.item == item]
    alone.fragments = [part for part in read.fragments if not part.call or part.call.source.item == item]
    alone.dead_letters = [letter for letter in read.dead_letters if letter.item == item]
    found = alone.calls or alone.dead_letters or any(part.call for part in alone.fragments)
    return alone if found else read


def _place(call: Call) -> LetterKey:
    """Where the part of a call was read."""
    return LetterKey(call.source.topic, call.source.partition, call.source.offset, call.source.item)


def _as_record(letter: DeadLetter, value: bytes) -> Record:
    return Record(letter.topic, letter.partition, letter.offset, value, timestamp=letter.recorded_at)


def _item(letter: DeadLetter) -> tuple[str, int, int, bytes, int]:
    """What a letter is about: letters of one item have its hash in common, those without one their number."""
    return letter.topic, letter.partition, letter.offset, letter.sha256, 0 if letter.size else letter.item
