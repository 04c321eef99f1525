"""The ingest loop: poll, decode, score, collect; save what was collected while the next is read.

In come a source and a store; out go batches, each one transaction. The loop trusts the store alone about
where it is: it seeks after every rebalance, drops what it read when it is fenced, keeps the batch and waits
when the store is away, and never lets one record stop the others. Parts of calls wait in the store, not
here: what was read is put together with what waits there, and calls whose wait ended are finished by
whichever worker comes first.

All decoding and scoring is done here, in the main thread; judging and saving in the saver's. A batch expects
the offsets that the one before it leaves behind, so if one of them is fenced, both are read again. What is
held is bounded: one batch that is being saved and one that is collected, each at most one chunk over its
limit, and what the client has fetched. When both are full nothing is read: the member only stays in its
group. A little long on purpose: what one step of the loop leaves behind, the next one has to know.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec import structs

from monitor import telemetry
from monitor.clock import Clock
from monitor.decode import Decoded, Window
from monitor.decode.assemble import Waits
from monitor.errors import Fenced, Raced, Transient
from monitor.ingest.collected import Collected, Unsaved, count, size_of
from monitor.ingest.finder import Finder, Start
from monitor.ingest.joiner import Joiner
from monitor.ingest.reader import Guarding, Reader, TryingAlone, unguarded, untried
from monitor.ingest.saver import Saver, ThreadSaver
from monitor.ingest.store_clock import StoreClock
from monitor.records import Call, Partition, Place, Record, ScoredCall, Scores
from monitor.source import Polled, Source
from monitor.store import Batch, OffsetMove, Saved, Store

#: Longest time, in seconds, of one poll without records, or of one wait for the saver. Also how soon a stop
#: is noticed. And the time of a poll while a batch that is due waits for the saver.
POLL_S = 0.5
SHORT_POLL_S = 0.05

#: First and longest wait, in seconds, before an unsaved batch is tried again.
BACKOFF_S = (0.2, 10.0)

#: Seconds between two looks at how far the logs are ahead. So long may the watermark stand at least.
LAG_S = 5.0

#: Seconds that a stop waits for the save under way. Whatever becomes of it later, the offsets tell.
STOP_S = 5.0


class Worker:
    """One member of the consumer group.

    Args:
        source: where records come from.
        store: where batches go, and who knows the offsets. It is used by one thread at a time.
        decode: one record to calls and dead letters, within a window of accepted start times.
        score: one call to its scores.
        judge: scored calls to the same calls, some with the score of a judge; does not raise, and takes a
            bounded time. It is given a batch again when the batch is put together anew.
        clock: what time it is by this machine; for the window, where it is ahead of the store's.
        max_lateness: how old a call may be.
        max_skew: how far ahead a call may be.
        keep_content: whether a dead letter may keep the record's bytes, without the credentials in them.
        start: where to begin in a topic of which the store knows no partition. A partition that such a topic
            gains later is read from its beginning.
        linger_s: seconds that a batch waits for more records after its first one.
        batch_records: records, or calls of them, or parts of calls, from which on a batch waits for no more.
        batch_bytes: the same in bytes of values, keys and headers.
        metrics: where to count.
        waits: how long parts of calls wait for the rest.
        guard: watches over the work on one record; see ``monitor.ingest.reader``.
        try_alone: tries a suspected record in a process of its own; see ``monitor.ingest.reader``.
        saver: what runs the saves.
        on_turn: called at every turn of the loop, for the health check.
        on_read: called after every poll with the bytes of the values that it gave, which may be none.
        wait: waits that many seconds or until a stop, and says whether a stop was asked for.
        monotonic: seconds that never go back.
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
        start: Start = "earliest",
        linger_s: float = 1.0,
        batch_records: int = 5_000,
        batch_bytes: int = 16 * 1024 * 1024,
        metrics: telemetry.IngestMetrics,
        waits: Waits = Waits(),  # noqa: B008 - frozen
        guard: Guarding = unguarded,
        try_alone: TryingAlone = untried,
        saver: Saver | None = None,
        on_turn: Callable[[], None] = lambda: None,
        on_read: Callable[[int], None] = lambda _size: None,
        wait: Callable[[float], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._store = store
        self._reader = Reader(
            decode,
            score,
            guard,
            try_alone,
            keep_content=keep_content,
            metrics=metrics,
            on_record=on_turn,
            clock=monotonic,
        )
        self._finder = Finder(source, store, start, metrics)
        self._store_clock = StoreClock(clock, monotonic)
        self._joiner = Joiner(store, self._reader, judge, self._store_clock, waits, max_lateness, metrics)
        self._judge = judge
        self._clock = clock
        self._max_lateness = max_lateness
        self._max_skew = max_skew
        self._linger_s = linger_s
        self._batch_records = batch_records
        self._batch_bytes = batch_bytes
        self._metrics = metrics
        self._saver = saver or ThreadSaver()
        self._on_turn = on_turn
        self._on_read = on_read
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._monotonic = monotonic
        self._lag_told = -LAG_S
        self._suspects: set[Place] = set()
        #: Where each partition goes on: after what was saved, and after what was collected.
        self._durable: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self._collected = Collected()
        self._unsaved: Unsaved | None = None
        self._lost = True

    def stop(self) -> None:
        """Ask the loop to end after the batch it is at. May be called from a signal handler or a thread."""
        self._stop.set()

    def run(self) -> None:
        """Work until ``stop``. Waits out what is transient; anything else ends the loop.

        A save that is under way at a stop has some seconds to end; what was only collected is left to
        whoever reads it next.

        Raises:
            Permanent: a person is needed.
        """
        backoff = BACKOFF_S[0]
        try:
            while not self._stop.is_set():
                try:
                    self.step()
                    backoff = BACKOFF_S[0]
                except Transient as error:
                    self._metrics.waiting(error)
                    self._wait(backoff)
                    backoff = min(backoff * 2, BACKOFF_S[1])
            if self._under_way() and self._saver.ended(STOP_S):
                self._settle_last()
        finally:
            self._saver.close()

    def step(self) -> Saved | None:
        """One round: at most one poll; gives the batch that was found saved in it, if one was.

        Raises:
            Transient: the source can't be reached or, for the offsets, the store. What was read is dropped.
        """
        self._turn()
        # Lost until this turn has ended well: what it reads and does not save must be read again.
        lost, self._lost = self._lost, True
        if lost:
            self._collected = Collected()
        polled = self._poll()
        self._on_read(polled.size)
        if self._source.take_rebalanced() or lost:
            self._find_place()
            return None
        try:
            self._collect(polled)
            saved = self._save()
        except Fenced as error:
            self._metrics.fenced(error)
            return None
        self._lost = False
        return saved

    def _turn(self) -> None:
        self._on_turn()
        self._metrics.tick(self._clock.now())
        self._tell_lag()

    # ------------------------------------------------------------------------------------------- reading

    def _poll(self) -> Polled:
        """The next chunk; nothing, after a while, where there is no room for one."""
        paused = self._unsaved is not None and self._is_full()
        self._metrics.paused(paused)
        if not paused:
            began = time.perf_counter()
            polled = self._source.poll(self._patience())
            if polled.chunks:
                self._metrics.spent(consume=time.perf_counter() - began)
            return polled
        if not self._under_way() or not self._saver.ended(POLL_S):
            self._source.keep_alive()
        return Polled()

    def _patience(self) -> float:
        """Seconds that the next poll may wait for records: until there is something else to do."""
        now = self._monotonic()
        until = now + POLL_S
        if self._unsaved is not None and not self._unsaved.under_way:
            until = min(until, self._unsaved.not_before)
        if self._collected.began_at is not None:
            due = self._collected.began_at + self._linger_s
            until = min(until, due if self._unsaved is None else max(due, now + SHORT_POLL_S))
        return max(0.0, until - now)

    def _is_full(self) -> bool:
        collected = self._collected
        most = max(collected.records, len(collected.calls), len(collected.fragments))
        return most >= self._batch_records or collected.size >= self._batch_bytes

    def _is_due(self) -> bool:
        began_at = self._collected.began_at
        if began_at is None:
            return False
        return self._is_full() or self._monotonic() - began_at >= self._linger_s

    def _find_place(self) -> None:
        """Drop what is not saved, read the offsets of the partitions that are ours, and seek to them.

        The attempt under way is waited for, since only after it do the offsets tell; the member stays in its
        group meanwhile.
        """
        self._collected = Collected()
        while self._under_way() and not self._saver.ended(POLL_S):
            if self._stop.is_set():
                return
            self._turn()
            self._source.keep_alive()
        self._settle_last()
        assigned = self._source.assignment()
        self._durable = self._finder.offsets(assigned)
        self._next = dict(self._durable)
        self._suspects = self._store.suspects()
        self._store_clock.set(self._store.now())
        self._source.seek(self._next)
        self._lost = False
        self._lag_told = -LAG_S
        self._metrics.assigned(assigned)

    def _collect(self, polled: Polled) -> None:
        """Decode and score what was read, and add it to what was collected."""
        fresh = self._finder.fresh(polled, self._next)
        if not fresh:
            return
        now = self._store_clock.now()
        window = self._window(now, polled.written)
        lost = self._finder.lost(
            {partition: chunk[0].offset for partition, chunk in fresh.items()}, self._next
        )
        collected = self._collected
        if collected.began_at is None:
            collected.began_at = self._monotonic()
        left = dict(fresh)
        for partition, whole in fresh.items():
            chunk = whole[: self._reader.read(whole, window, self._suspects, collected)]
            after = chunk[-1].offset + 1
            move = OffsetMove(
                self._next[partition],
                after,
                len(chunk),
                max(after, polled.ends.get(partition, after)),
                lost.get(partition, 0),
                # A record that says it is of the future says nothing of what was read.
                min(newest, now) if (newest := chunk[-1].timestamp) else None,
            )
            collected.move(partition, move)
            collected.records += len(chunk)
            collected.size += sum(map(size_of, chunk))
            self._next[partition] = after
            if len(chunk) < len(whole):
                # It took too long, or held very much: the rest is read anew, when the loop has turned.
                self._source.seek({partition: self._next[partition] for partition in left})
                break
            del left[partition]
        self._metrics.in_flight(collected.size + (self._unsaved.collected.size if self._unsaved else 0))

    def _window(self, now: datetime, written: datetime | None) -> Window:
        """When a call may have started.

        It may be as old as the store's clock allows, since the days that the store has are made by that; and
        as young as any clock that is known does, as one that is behind must not make live calls dead letters.
        """
        latest = max(now, self._clock.now(), written or now)
        return Window(now - self._max_lateness, latest + self._max_skew)

    # -------------------------------------------------------------------------------------------- saving

    def _save(self) -> Saved | None:
        """Take up the attempt that has ended, and begin whatever is due; the last batch found saved.

        Raises:
            Fenced: what is on its way is no longer ours. It is dropped.
        """
        saved = None
        while True:
            saved = self._settle() or saved
            if self._unsaved is None:
                self._joiner.sweep(self._suspects)
                if self._is_due():
                    self._unsaved = Unsaved(self._collected, BACKOFF_S[0])
                    self._collected = Collected()
            if not self._begin():
                return saved

    def _under_way(self) -> bool:
        return self._unsaved is not None and self._unsaved.under_way

    def _begin(self) -> bool:
        """Begin an attempt, if one is due; whether it was."""
        unsaved = self._unsaved
        if unsaved is None or unsaved.under_way or self._monotonic() < unsaved.not_before:
            return False
        try:
            self._store_clock.set(self._store.now())
            if unsaved.batch is None:
                # Another worker may be faster once. Parts that only wait race nobody, whatever it was.
                apart = unsaved.races > 1
                unsaved.batch = self._joiner.together(unsaved.collected, self._suspects, apart=apart)
                unsaved.judged = False
        except Transient as error:
            self._put_off(unsaved, error)
            return False
        unsaved.under_way = True
        self._saver.begin(partial(self._make_durable, unsaved, unsaved.batch))
        return True

    def _make_durable(self, unsaved: Unsaved, batch: Batch) -> Saved:
        """One attempt, in the saver's thread."""
        if not unsaved.judged:
            batch = unsaved.batch = structs.replace(batch, calls=tuple(self._judge(batch.calls)))
            unsaved.judged = True
        began = time.perf_counter()
        with telemetry.span("ingest.batch", records=unsaved.collected.records):
            saved = self._store.save(batch)
        self._metrics.spent(save=time.perf_counter() - began)
        return saved

    def _settle(self) -> Saved | None:
        """What the attempt that has ended came to, if it was saved.

        After a failure in mid-commit nobody knows whether the batch was saved. Trying again is safe: if
        it was, the compare-and-set fences us and the offsets are read anew. Where it has parts it is put
        together anew every time, since another worker may have taken what it waited for.

        Raises:
            Fenced: the batch is another worker's.
        """
        unsaved = self._unsaved
        if unsaved is None or not unsaved.under_way or not self._saver.ended():
            return None
        unsaved.under_way = False
        try:
            saved = self._saver.result()
        except Fenced:
            self._unsaved = None
            raise
        except Raced as error:
            # Whoever took the part has committed, so there is nothing to wait for.
            self._metrics.raced(error)
            unsaved.batch = None
            unsaved.races += 1
            return None
        except Transient as error:
            self._put_off(unsaved, error)
            return None
        self._unsaved = None
        batch = unsaved.batch or Batch((), (), {})
        moved = {partition: move.next for partition, move in batch.offsets.items()}
        self._durable.update(moved)
        self._suspects.difference_update(batch.suspects)
        self._source.commit(moved)
        count(self._metrics, batch, saved)
        if unsaved.collected.records:
            self._metrics.batch(
                unsaved.collected.records, self._monotonic() - (unsaved.collected.began_at or 0.0)
            )
        return saved

    def _settle_last(self) -> None:
        """Count the attempt that has ended, if it was saved; what was not is dropped."""
        try:
            self._settle()
        except Fenced as error:
            self._metrics.fenced(error)
        self._unsaved = None

    def _put_off(self, unsaved: Unsaved, error: Transient) -> None:
        """Try again, later each time."""
        self._metrics.waiting(error)
        if unsaved.collected.fragments:
            unsaved.batch = None
        unsaved.not_before = self._monotonic() + unsaved.backoff
        unsaved.backoff = min(unsaved.backoff * 2, BACKOFF_S[1])

    def _tell_lag(self) -> None:
        """Say now and then how far the logs are ahead, also while nothing is read or saved."""
        now = self._monotonic()
        if now - self._lag_told < LAG_S:
            return
        self._lag_told = now
        as_of = self._store_clock.now()
        try:
            ends = self._source.ends(self._durable)
        except Transient as error:
            self._metrics.lag_unknown(error)
        else:
            self._metrics.lag(
                {partition: max(0, ends[partition] - self._durable[partition]) for partition in ends}
            )
            if not self._lost:
                self._collect_reached(ends, as_of)

    def _collect_reached(self, ends: Mapping[Partition, int], as_of: datetime) -> None:
        """Collect that of some partitions everything is read that was written before ``as_of``.

        So the watermark goes on where nothing comes. A log may end with marks of transactions, which only the
        position goes past.
        """
        collected = self._collected
        for partition, end in ends.items():
            place = self._next[partition]
            if place >= end or (self._source.position(partition) or 0) >= end:
                collected.move(partition, OffsetMove(place, place, 0, place, reached=as_of))
        if collected.offsets and collected.began_at is None:
            collected.began_at = self._monotonic()
