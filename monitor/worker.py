"""The ingest loop: poll, decode, put together, score, judge, save, again and again. A poll is a transaction.

In come a source and a store; out go batches. The loop trusts the store alone about where it is: it seeks
after every rebalance, drops what it read when it is fenced, keeps the batch and waits when the store is
away, and never lets one record stop the others. Parts of calls wait in the store, not here: what was read
is put together with what waits there, and calls whose wait ended are finished between two polls, by
whichever worker comes first.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from monitor import telemetry
from monitor.clock import Clock
from monitor.decode import Decoded, Window
from monitor.decode.assemble import Assembled, Waits, arrived, assemble, given_up
from monitor.decode.redact import redact
from monitor.errors import DeadLetterReason, Fenced, Permanent, Raced, Transient
from monitor.records import Call, DeadLetter, Fragment, Partition, Record, ScoredCall, Scores, Waiting
from monitor.source import Polled, Source
from monitor.store import Batch, OffsetMove, Parts, Saved, Store

#: Seconds of one poll without records. Also how soon a stop is noticed.
POLL_S = 0.5

#: First and longest wait, in seconds, before an unsaved batch is tried again.
BACKOFF_S = (0.2, 10.0)

#: How often a worker looks for parts whose wait ended, how many of them one transaction takes, and how many
#: transactions may follow one another before the next poll.
SWEEP = timedelta(seconds=1)
SWEEP_PARTS = 500
SWEEP_ROUNDS = 10

#: How long a worker has to finish what it claimed before another does.
LEASE = timedelta(seconds=30)


class _Read(msgspec.Struct, frozen=True):
    """What one poll held: what is whole already, and what has to be put together."""

    calls: tuple[ScoredCall, ...]
    dead_letters: tuple[DeadLetter, ...]
    fragments: tuple[Fragment, ...]
    offsets: dict[Partition, OffsetMove]


class Worker:
    """One member of the consumer group.

    Args:
        source: where records come from.
        store: where batches go, and who knows the offsets.
        decode: one record to calls and dead letters, within a window of accepted start times.
        score: one call to its scores.
        judge: scored calls to the same calls, some with the score of a judge; does not raise, and takes a
            bounded time. It is given a batch again when the batch is put together anew.
        clock: what time it is, for the window.
        max_lateness: how old a call may be.
        max_skew: how far ahead a call may be.
        keep_content: whether a dead letter may keep the record's bytes, without the credentials in them.
        waits: how long parts of calls wait for the rest.
        metrics: where to count.
        on_turn: called at every turn of the loop, for the health check.
        wait: waits that many seconds or until a stop, and says whether a stop was asked for.
    """

    def __init__(
        self,
        source: Source,
        store: Store,
        *,
        decode: Callable[[Record, Window], Decoded],
        score: Callable[[Call], Scores],
        judge: Callable[[Sequence[ScoredCall]], Sequence[ScoredCall]] = lambda calls: calls,
        clock: Clock,
        max_lateness: timedelta,
        max_skew: timedelta,
        keep_content: bool,
        metrics: telemetry.IngestMetrics,
        waits: Waits = Waits(),  # noqa: B008 - frozen
        on_turn: Callable[[], None] = lambda: None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._source = source
        self._store = store
        self._decode = decode
        self._score = score
        self._judge = judge
        self._clock = clock
        self._max_lateness = max_lateness
        self._max_skew = max_skew
        self._keep_content = keep_content
        self._metrics = metrics
        self._waits = waits
        self._swept: datetime | None = None
        self._on_turn = on_turn
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._next: dict[Partition, int | None] = {}
        self._lost = True

    def stop(self) -> None:
        """Ask the loop to end after the batch it is at. May be called from a signal handler or a thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until ``stop``. Waits out what is transient; anything else ends the loop.

        Raises:
            Permanent: a person is needed.
        """
        backoff = BACKOFF_S[0]
        while not self._stop.is_set():
            try:
                self.step()
                backoff = BACKOFF_S[0]
            except Transient as error:
                self._metrics.waiting(error)
                self._wait(backoff)
                backoff = min(backoff * 2, BACKOFF_S[1])

    def step(self) -> Saved | None:
        """One round: at most one poll and one saved batch; ``None`` when there was nothing to save.

        Raises:
            Transient: the source can't be reached or, for the offsets, the store. What was read is dropped.
        """
        self._turn()
        self._sweep()
        # Lost until this turn has ended well: what it reads and does not save must be read again.
        lost, self._lost = self._lost, True
        polled = self._source.poll(POLL_S)
        if self._source.take_rebalanced() or lost:
            self._find_place()
            return None
        fresh = [record for record in polled.records if self._is_fresh(record)]
        if len(fresh) < len(polled.records):
            self._explain_stale(polled)
        if not fresh:
            self._lost = False
            return None
        with telemetry.span("ingest.batch", records=len(fresh)):
            saved = self._save(self._read(fresh, polled))
        self._lost = saved is None
        return saved

    def _turn(self) -> None:
        self._on_turn()
        self._metrics.tick(self._clock.now())

    def _find_place(self) -> None:
        """Read the offsets of the partitions that are ours, and seek to them.

        Where a new partition starts is saved before anything is read from it.
        """
        assigned = self._source.assignment()
        self._next = self._store.offsets(assigned) if assigned else {}
        starts = self._source.seek(self._next)
        if starts:
            moves = {partition: OffsetMove(None, start, 0, start) for partition, start in starts.items()}
            self._store.save(Batch((), (), moves))
            self._next.update(starts)
        self._lost = False
        self._metrics.assigned(assigned)

    def _is_fresh(self, record: Record) -> bool:
        """Whether the store does not have this record yet: a reset position must not move it back."""
        partition = Partition(record.topic, record.partition)
        if partition not in self._next:
            return False
        expected = self._next[partition]
        return expected is None or record.offset >= expected

    def _explain_stale(self, polled: Polled) -> None:
        """Count the records that were saved before, and stop where they can't have been.

        A log that ends before the place that the store has reached is not the log that was read: the topic
        was deleted and made again, or a broker lost its end. Going on would skip what is new in it.

        Raises:
            Permanent: a log ends before what was saved of it.
        """
        for partition, end in polled.ends.items():
            expected = self._next.get(partition)
            if expected is not None and end < expected:
                raise Permanent(
                    f"{partition.topic}/{partition.partition} ends at {end}, but {expected} of it are saved:"
                    " was the topic made anew? To read it from its start, delete its rows in consumer_offsets"
                )
        self._metrics.stale(sum(not self._is_fresh(record) for record in polled.records))

    def _read(self, records: list[Record], polled: Polled) -> _Read:
        now = self._clock.now()
        window = Window(now - self._max_lateness, now + self._max_skew)
        calls: list[ScoredCall] = []
        letters: list[DeadLetter] = []
        fragments: list[Fragment] = []
        counts: dict[Partition, int] = {}
        ends: dict[Partition, int] = {}
        for record in records:
            decoded = self._decode(record, window)
            self._metrics.without_call(decoded.empty)
            letters += decoded.dead_letters
            fragments += decoded.fragments
            scored, failed = self._scored(decoded.calls, record.value or b"")
            calls += scored
            letters += failed
            partition = Partition(record.topic, record.partition)
            counts[partition] = counts.get(partition, 0) + 1
            ends[partition] = record.offset + 1
        moves = {
            partition: OffsetMove(
                self._next[partition], end, counts[partition], max(end, polled.ends.get(partition, end))
            )
            for partition, end in ends.items()
        }
        return _Read(tuple(self._judge(calls)), tuple(letters), tuple(fragments), moves)

    def _sweep(self) -> None:
        """Finish the calls that have waited long enough: once a second, some rounds of them.

        Raises:
            Transient: the store can't be reached. What was claimed is free again when its lease is over.
        """
        now = self._clock.now()
        if self._swept is not None and now - self._swept < SWEEP:
            return
        self._swept = now
        for _ in range(SWEEP_ROUNDS):
            groups = self._store.claim_due(now, limit=SWEEP_PARTS, lease=LEASE)
            if not groups:
                return
            with telemetry.span("ingest.sweep", groups=len(groups)):
                self._finish(groups)
        self._swept = None

    def _finish(self, groups: Collection[str]) -> None:
        batch = self._together(_Read((), (), (), {}), groups)
        try:
            saved = self._store.save(batch)
        except Raced as error:
            self._metrics.raced(error)
        else:
            self._count(batch, saved)

    def _together(self, read: _Read, groups: Collection[str]) -> Batch:
        """What was read, with what waits of these groups put together.

        Raises:
            Transient: the store can't be reached.
        """
        if not groups:
            return Batch(read.calls, read.dead_letters, read.offsets)
        now = self._clock.now()
        waiting = [*self._store.waiting(groups), *arrived(read.fragments, now)]
        calls, letters = list(read.calls), list(read.dead_letters)
        put: list[Waiting] = []
        taken: list[int] = []
        whole: list[Call] = []
        for assembled in self._assembled(waiting, now):
            whole += assembled.calls
            letters += assembled.dead_letters
            put += assembled.put
            taken += assembled.taken
            self._metrics.late(assembled.late)
        counted = self._store.counted(whole)
        self._metrics.late(len(counted))
        fresh = [call for call in whole if (call.trace_id, call.call_id) not in counted]
        scored, failed = self._scored(fresh, b"")
        calls += self._judge(scored)
        letters += failed
        return Batch(tuple(calls), tuple(letters), read.offsets, Parts(tuple(put), tuple(taken)))

    def _assembled(self, waiting: list[Waiting], now: datetime) -> Iterator[Assembled]:
        """Put together what belongs together. A group that fails is a bug of ours: it costs itself only."""
        groups: dict[str, list[Waiting]] = {}
        for part in waiting:
            groups.setdefault(part.fragment.group, []).append(part)
        for group in groups.values():
            try:
                yield assemble(group, now, self._waits)
            except Exception as error:  # noqa: BLE001 - the declared edge: one group must not stop the rest
                self._metrics.bug(error)
                yield given_up(group, type(error).__name__)

    def _scored(self, calls: Collection[Call], value: bytes) -> tuple[list[ScoredCall], list[DeadLetter]]:
        """Score calls that came of this value; a call of several values has none of its own."""
        scored: list[ScoredCall] = []
        failed: list[DeadLetter] = []
        for call in calls:
            one = self._score_one(call, value)
            if isinstance(one, ScoredCall):
                scored.append(one)
            else:
                failed.append(one)
        return scored, failed

    def _score_one(self, call: Call, value: bytes) -> ScoredCall | DeadLetter:
        """Score a call. A scorer that raises is a bug of ours: it costs this call and no other."""
        try:
            return ScoredCall(call, self._score(call))
        except Exception as error:  # noqa: BLE001 - the declared edge: one record must not stop the rest
            self._metrics.bug(error)
            source = call.source
            return DeadLetter(
                topic=source.topic,
                partition=source.partition,
                offset=source.offset,
                item=source.item,
                reason=DeadLetterReason.SCORER_FAILED,
                detail=type(error).__name__,
                size=len(value),
                sha256=hashlib.sha256(value).digest(),
                value=redact(value) if self._keep_content else None,
            )

    def _save(self, read: _Read) -> Saved | None:
        """Save what was read, waiting while the store is away; ``None`` when it is no longer ours.

        After a failure in mid-commit nobody knows whether the batch was saved. Trying again is safe: if
        it was, the compare-and-set fences us and the offsets are read anew. It is put together anew every
        time, since another worker may have taken what it waited for.
        """
        groups = {fragment.group for fragment in read.fragments}
        backoff = BACKOFF_S[0]
        while True:
            try:
                batch = self._together(read, groups)
                saved = self._store.save(batch)
            except Fenced as error:
                self._metrics.fenced(error)
                return None
            except Raced as error:
                # Whoever took the part has committed, so there is nothing to wait for.
                self._metrics.raced(error)
                if self._stop.is_set():
                    return None
                continue
            except Transient as error:
                self._metrics.waiting(error)
                if self._wait(backoff) or self._stop.is_set():
                    return None
                backoff = min(backoff * 2, BACKOFF_S[1])
                self._source.keep_alive()
                if self._source.take_rebalanced():
                    return None
                self._turn()
                continue
            moved = {partition: move.next for partition, move in batch.offsets.items()}
            self._next.update(moved)
            self._source.commit(moved)
            self._count(batch, saved)
            return saved

    def _count(self, batch: Batch, saved: Saved) -> None:
        self._metrics.saved(
            batch.calls,
            batch.dead_letters,
            stored=saved.stored,
            duplicates=saved.duplicates,
            refused=saved.refused,
            records={partition: move.records for partition, move in batch.offsets.items()},
            lag={partition: move.end - move.next for partition, move in batch.offsets.items()},
        )
