"""The ingest loop: poll, decode, score, save, over and over. One poll is one Postgres transaction.

In come a source and a store; out go batches. The loop trusts the store alone about where it is: it seeks
after every rebalance, drops what it read when it is fenced, keeps the batch and waits when the store is
away, and never lets one record stop the others.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta

from monitor import telemetry
from monitor.clock import Clock
from monitor.decode import Decoded, Window
from monitor.errors import DeadLetterReason, Fenced, Permanent, Transient
from monitor.records import Call, DeadLetter, Partition, Record, ScoredCall, Scores
from monitor.source import Polled, Source
from monitor.store import Batch, OffsetMove, Saved, Store

#: Seconds of one poll without records. Also how soon a stop is noticed.
POLL_S = 0.5

#: First and longest wait, in seconds, before an unsaved batch is tried again.
BACKOFF_S = (0.2, 10.0)


class Worker:
    """One member of the consumer group.

    Args:
        source: where records come from.
        store: where batches go, and who knows the offsets.
        decode: one record to calls and dead letters, within a window of accepted start times.
        score: one call to its scores.
        clock: what time it is, for the window.
        max_lateness: how old a call may be.
        max_skew: how far ahead a call may be.
        keep_content: whether a dead letter may keep the record's bytes.
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
        clock: Clock,
        max_lateness: timedelta,
        max_skew: timedelta,
        keep_content: bool,
        metrics: telemetry.IngestMetrics,
        on_turn: Callable[[], None] = lambda: None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._source = source
        self._store = store
        self._decode = decode
        self._score = score
        self._clock = clock
        self._max_lateness = max_lateness
        self._max_skew = max_skew
        self._keep_content = keep_content
        self._metrics = metrics
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
            saved = self._save(self._batch(fresh, polled))
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

    def _batch(self, records: list[Record], polled: Polled) -> Batch:
        now = self._clock.now()
        window = Window(now - self._max_lateness, now + self._max_skew)
        calls: list[ScoredCall] = []
        letters: list[DeadLetter] = []
        counts: dict[Partition, int] = {}
        ends: dict[Partition, int] = {}
        for record in records:
            decoded = self._decode(record, window)
            letters += decoded.dead_letters
            for call in decoded.calls:
                scored = self._score_one(call, record)
                if isinstance(scored, ScoredCall):
                    calls.append(scored)
                else:
                    letters.append(scored)
            partition = Partition(record.topic, record.partition)
            counts[partition] = counts.get(partition, 0) + 1
            ends[partition] = record.offset + 1
        return Batch(
            tuple(calls),
            tuple(letters),
            {
                partition: OffsetMove(
                    self._next[partition],
                    end,
                    counts[partition],
                    max(end, polled.ends.get(partition, end)),
                )
                for partition, end in ends.items()
            },
        )

    def _score_one(self, call: Call, record: Record) -> ScoredCall | DeadLetter:
        """Score a call. A scorer that raises is a bug of ours: it costs this call and no other."""
        try:
            return ScoredCall(call, self._score(call))
        except Exception as error:  # noqa: BLE001 - the declared edge: one record must not stop the rest
            self._metrics.bug(error)
            value = record.value or b""
            return DeadLetter(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                item=call.source.item,
                reason=DeadLetterReason.SCORER_FAILED,
                detail=type(error).__name__,
                size=len(value),
                sha256=hashlib.sha256(value).digest(),
                value=value if self._keep_content else None,
            )

    def _save(self, batch: Batch) -> Saved | None:
        """Save a batch, waiting while the store is away; ``None`` when the batch is no longer ours.

        After a failure in mid-commit nobody knows whether the batch was saved. Trying again is safe: if
        it was, the compare-and-set fences us and the offsets are read anew.
        """
        backoff = BACKOFF_S[0]
        while True:
            try:
                saved = self._store.save(batch)
            except Fenced as error:
                self._metrics.fenced(error)
                return None
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
            self._metrics.saved(
                batch.calls,
                batch.dead_letters,
                stored=saved.stored,
                duplicates=saved.duplicates,
                refused=saved.refused,
                records={partition: move.records for partition, move in batch.offsets.items()},
                lag={partition: move.end - move.next for partition, move in batch.offsets.items()},
            )
            return saved
