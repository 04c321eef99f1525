"""Decodes and scores: one record, or the parts of a call, come in; calls and dead letters go out.

Nothing that a record holds gets further than its own dead letter. What raises, takes too long or needs too
much memory costs that record; one that is suspected of having ended a process is tried alone first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from time import perf_counter

from monitor import telemetry
from monitor.decode import Decoded, Window, native
from monitor.decode.assemble import Assembled, Waits, assemble, given_up
from monitor.decode.letters import Letters, costly_letter, dead_letter, part_letters
from monitor.errors import BadInput, DeadLetterReason, TookTooLong
from monitor.ingest.collected import Collected
from monitor.records import Call, DeadLetter, Place, Record, ScoredCall, Scores, Source, Told, Waiting

#: Watches over the work on the record at this place, and raises ``TookTooLong`` in it.
Guarding = Callable[[Place], AbstractContextManager[object]]

#: Seconds after which no other record of a chunk is begun: those that cost too much may follow one another,
#: and what is known of them has to be saved before the next one ends the process.
CHUNK_S = 5.0

#: Calls and parts of calls after which no other record is begun: one of a few megabytes may hold tens of
#: thousands of small ones, and they take much more memory than their bytes.
CHUNK_CALLS = 20_000

#: Tries a record in a process of its own; gives its dead letter if that did not end well.
TryingAlone = Callable[[Record], DeadLetter | None]


def unguarded(_place: Place) -> AbstractContextManager[object]:
    """Watches over nothing."""
    return nullcontext()


def untried(_record: Record) -> DeadLetter | None:
    """Tries nothing alone."""
    return None


class Reader:
    """What is done with a record before it is saved.

    Args:
        decode: one record to calls and dead letters, within a window of accepted start times.
        score: one call to its scores.
        guard: watches over one record, and raises ``TookTooLong`` in the midst of it.
        try_alone: what becomes of a suspected record in a process of its own.
        keep_content: whether a dead letter may keep the record's bytes, without the credentials in them.
        metrics: where to count.
        on_record: called before each record and each trial, for the health check: any of them may take long.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        decode: Callable[[Record, Window], Decoded],
        score: Callable[[Call], Scores],
        guard: Guarding,
        try_alone: TryingAlone,
        *,
        keep_content: bool,
        metrics: telemetry.IngestMetrics,
        on_record: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._decode = decode
        self._score = score
        self._guarding = guard
        self._trying_alone = try_alone
        self._keep_content = keep_content
        self._metrics = metrics
        self._on_record = on_record
        self._clock = clock

    def read(
        self, records: Sequence[Record], window: Window, suspects: Collection[Place], into: Collected
    ) -> int:
        """Decode and score records, and add what is in them to what was collected.

        Gives how many of them: those that would be begun after ``CHUNK_S`` seconds are not, nor those that
        would be when there are ``CHUNK_CALLS``. One is read in any case.

        Raises:
            Transient: a suspected record can't be tried alone now.
        """
        decoding = scoring = 0.0
        empty = read = 0
        until = self._clock() + CHUNK_S
        for record in records:
            held = len(into.calls) + len(into.fragments)
            if read and (held >= CHUNK_CALLS or self._clock() >= until):
                break
            read += 1
            place = Place(record.topic, record.partition, record.offset)
            if suspects and place in suspects:
                into.suspects.append(place)
                if (letter := self._try_alone(record)) is not None:
                    into.dead_letters.append(letter)
                    continue
            try:
                with self._guard(place):
                    began = self._clock()
                    decoded = self._decode(record, window)
                    scored_from = self._clock()
                    scored, failed = self._scored(decoded.calls, record)
                    scoring += self._clock() - scored_from
                    decoding += scored_from - began
            except (TookTooLong, MemoryError) as error:
                into.dead_letters.append(
                    costly_letter(record, _bad(error), keep_content=self._keep_content, guard=self._guard)
                )
                continue
            if scored or decoded.fragments:
                into.origins[place] = record
            into.calls += scored
            into.dead_letters += decoded.dead_letters
            into.dead_letters += failed
            into.fragments += decoded.fragments
            empty += decoded.empty
        self._metrics.spent(decode=decoding, score=scoring)
        if empty:
            self._metrics.without_call(empty)
        return read

    def _guard(self, place: Place) -> AbstractContextManager[object]:
        self._on_record()
        return self._guarding(place)

    def _try_alone(self, record: Record) -> DeadLetter | None:
        self._on_record()
        return self._trying_alone(record)

    def refused(self, origins: Mapping[Place, Record]) -> Callable[[Call, str], DeadLetter]:
        """What makes the dead letter of a call that the store refuses, where these records are known."""

        def letter(call: Call, why: str) -> DeadLetter:
            source = call.source
            record = origins.get(place_of(call)) or _record(source)
            bad = BadInput(DeadLetterReason.REFUSED_BY_STORE, why)
            return dead_letter(record, bad, keep_content=self._keep_content, item=source.item)

        return letter

    def assembled(self, waiting: Sequence[Waiting], now: datetime, waits: Waits) -> Iterator[Assembled]:
        """Put together what belongs together. A group that fails is a bug of ours: it costs itself only."""
        groups: dict[str, list[Waiting]] = {}
        for part in waiting:
            groups.setdefault(part.fragment.group, []).append(part)
        for group in groups.values():
            try:
                with self._guard(_place(group)):
                    whole = assemble(group, now, waits)
            except (TookTooLong, MemoryError) as error:
                yield given_up(group, type(error).__name__, _bad(error).reason)
            except Exception as error:  # noqa: BLE001 - the declared edge: one group must not stop the rest
                self._metrics.bug(error)
                yield given_up(group, type(error).__name__)
            else:
                yield whole

    def scored(self, told: Told, suspects: Collection[Place]) -> ScoredCall | list[DeadLetter]:
        """Score a call that was put together; if that fails, each of its parts is a dead letter.

        Raises:
            Transient: a suspected call can't be tried alone now.
        """
        call = told.call
        place = place_of(call)
        # What its record alone did not show may be in what it was put together to.
        if place in suspects and (letter := self._try_alone(native.record(call))) is not None:
            return part_letters(told.parts, DeadLetterReason(letter.reason), letter.detail)
        try:
            with self._guard(place):
                return ScoredCall(call, self._score(call))
        except (TookTooLong, MemoryError) as error:
            bad = _bad(error)
        except Exception as error:  # noqa: BLE001 - the declared edge: one call must not stop the rest
            self._metrics.bug(error)
            bad = BadInput(DeadLetterReason.SCORER_FAILED, type(error).__name__)
        return part_letters(told.parts, bad.reason, bad.detail)

    def _scored(self, calls: Collection[Call], record: Record) -> tuple[list[ScoredCall], list[DeadLetter]]:
        """Score the calls of a record. A scorer that raises is a bug of ours: it costs this call only."""
        scored: list[ScoredCall] = []
        failed: list[DeadLetter] = []
        letters: Letters | None = None
        for call in calls:
            try:
                scored.append(ScoredCall(call, self._score(call)))
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - the declared edge: one call must not stop the rest
                self._metrics.bug(error)
                bad = BadInput(DeadLetterReason.SCORER_FAILED, type(error).__name__)
                letters = letters or Letters(record, record.value or b"", self._keep_content)
                failed.append(letters.letter(call.source.item, bad))
        return scored, failed


def _bad(error: BaseException) -> BadInput:
    """What is wrong with a record that cost too much."""
    if isinstance(error, TookTooLong):
        return BadInput(DeadLetterReason.TOOK_TOO_LONG, str(error))
    return BadInput(DeadLetterReason.OUT_OF_MEMORY, "more than is left of ingest.worker_memory")


def _place(group: Sequence[Waiting]) -> Place:
    """Where the last part of a group that has a place was read."""
    sources = [part.fragment.call.source for part in group if part.fragment.call]
    source = sources[-1] if sources else Source("")
    return Place(source.topic, source.partition, source.offset)


def place_of(call: Call) -> Place:
    """Where the record of a call is."""
    return Place(call.source.topic, call.source.partition, call.source.offset)


def _record(source: Source) -> Record:
    """The record that a call was in, without its value."""
    return Record(source.topic, source.partition, source.offset, None)
