"""Fakes of Kafka, of the store and of the saver, in memory: they pass the contract tests of the real ones.

``MemoryStore`` is a ``Store``. ``MemoryKafka`` is a topic with one consumer group, whose members are
``MemorySource``s; it changes the assignment when a member joins or leaves, or when a test asks for it.
``MemorySaver`` is a ``Saver`` without a thread, whose attempts end when they are told to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from itertools import count

import msgspec
from msgspec import structs

from monitor.clock import Clock, SystemClock
from monitor.errors import Fenced, Raced, Transient
from monitor.ingest.saver import Task
from monitor.records import Call, DeadLetter, FragmentKind, Partition, Place, Record, ScoredCall, Waiting
from monitor.source import Polled
from monitor.store import READ_BYTES, Batch, Saved
from monitor.store.ingest import APART
from monitor.store.logged import APART as LOGGED_APART


class MemoryStore:
    """A store that keeps a batch whole or not at all.

    Attributes:
        calls: what is stored, by start and id.
        dead_letters: by topic, partition, offset and item.
        next_offsets: where each partition goes on.
        reached: up to when all of a partition is saved, where that is known.
        ledger: records, stored, duplicates and dead letters so far; lost ones, if there were any.
        parts: what waits, by id.
        suspected: the records that may have ended a worker.
        clock: what time it is by the store.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.suspected: set[Place] = set()
        self.parts: dict[int, Waiting] = {}
        self._part_ids = count(1)
        self.calls: dict[tuple[datetime, str], ScoredCall] = {}
        self.dead_letters: dict[tuple[str, int, int, int], DeadLetter] = {}
        self.next_offsets: dict[Partition, int] = {}
        self.reached: dict[Partition, datetime] = {}
        self.ledger: Counter[str] = Counter()

    def offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int | None]:
        """See ``Store.offsets``."""
        return {partition: self.next_offsets.get(partition) for partition in partitions}

    def now(self) -> datetime:
        """See ``Store.now``."""
        return self.clock.now()

    def save(self, batch: Batch) -> Saved:
        """See ``Store.save``."""
        for partition, move in batch.offsets.items():
            if self.next_offsets.get(partition) != move.expected:
                raise Fenced(f"{partition} is at {self.next_offsets.get(partition)}, not {move.expected}")
        put = self._put(batch)
        new: dict[tuple[datetime, str], ScoredCall] = {}
        for scored in batch.calls:
            key, seen = (scored.call.started_at, scored.call.call_id), self.calls | new
            if key not in seen and not any(_is_logged_again(scored.call, one.call) for one in seen.values()):
                new[key] = scored
        saved = Saved(len(new), len(batch.calls) - len(new), len(batch.dead_letters))
        self.calls |= new
        self.parts = put
        for letter in batch.dead_letters:
            place = (letter.topic, letter.partition, letter.offset, letter.item)
            known = self.dead_letters.setdefault(place, letter)
            if known.sha256 != letter.sha256 and known.size and letter.size:
                self.dead_letters[place] = letter
        self.suspected -= set(batch.suspects)
        self.next_offsets |= {partition: move.next for partition, move in batch.offsets.items()}
        for partition, move in batch.offsets.items():
            if move.reached is not None:
                self.reached[partition] = max(move.reached, self.reached.get(partition, move.reached))
        if batch.offsets or _place(batch) in self.next_offsets:
            records = sum(move.records for move in batch.offsets.values())
            self.ledger.update(records=records, **saved.counts())
            if lost := sum(move.lost for move in batch.offsets.values()):
                self.ledger.update(lost=lost)
        return saved

    def _put(self, batch: Batch) -> dict[int, Waiting]:
        """The parts after this batch."""
        if not self.parts.keys() >= set(batch.parts.taken):
            raise Raced("a part is gone")
        left = {part_id: part for part_id, part in self.parts.items() if part_id not in batch.parts.taken}
        marked = {key for part in left.values() for key in mark_keys(part)}
        for part in (*batch.parts.put, *(mark for one in batch.parts.told for mark in one.marks)):
            if marked & mark_keys(part):
                raise Raced("a call was finished")
            marked |= mark_keys(part)
            part_id = next(self._part_ids)
            left[part_id] = structs.replace(part, part_id=part_id)
        return left

    def sizes(self, groups: Collection[str]) -> dict[str, int]:
        """See ``Store.sizes``."""
        found: Counter[str] = Counter()
        for part in self.parts.values():
            if part.fragment.group in groups and not mark_keys(part):
                found[part.fragment.group] += _size(part)
        return dict(found)

    def waiting(self, groups: Collection[str], most: int = READ_BYTES) -> list[Waiting]:
        """See ``Store.waiting``."""
        found = []
        size = 0
        for part in self.parts.values():
            if part.fragment.group not in groups:
                continue
            if mark_keys(part):
                found.append(part)
            elif size < most:
                found.append(part)
                size += _size(part)
        return found

    def counted(self, calls: Collection[Call]) -> set[tuple[str | None, str]]:
        """See ``Store.counted``."""
        stored = [scored.call for scored in self.calls.values()]
        known = (call for call in calls if any(_is_same_call(call, other) for other in stored))
        return {(call.trace_id, call.call_id) for call in known}

    def claim_due(self, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        """See ``Store.claim_due``."""
        over = {part_id: part for part_id, part in self.parts.items() if part.due_at <= now}
        marks = {part_id for part_id, part in over.items() if mark_keys(part)}
        oldest_first = sorted(
            (part for part in over.values() if not mark_keys(part)), key=lambda part: part.due_at
        )
        groups = list(dict.fromkeys(part.fragment.group for part in oldest_first))[:limit]
        claimed = {
            part_id: structs.replace(part, due_at=now + lease)
            for part_id, part in over.items()
            if part.fragment.group in groups
        }
        self.parts = {id_: part for id_, part in (self.parts | claimed).items() if id_ not in marks}
        return sorted(groups)

    def suspects(self) -> set[Place]:
        """See ``Store.suspects``."""
        return self.suspected.copy()

    def parts_waiting(self) -> int:
        """See ``Store.parts_waiting``."""
        return sum(not mark_keys(part) for part in self.parts.values())


def _size(part: Waiting) -> int:
    """How many bytes a store keeps of a part."""
    return len(msgspec.json.encode(part.fragment))


def _is_same_call(call: Call, stored: Call) -> bool:
    """Whether the call was stored with another start."""
    return (
        call.trace_id is not None
        and call.trace_id == stored.trace_id
        and abs(call.started_at - stored.started_at) <= APART
        and (call.call_id == stored.call_id or (call.span_id is not None and call.span_id == stored.span_id))
        and (call.started_at, call.call_id) != (stored.started_at, stored.call_id)
    )


def _is_logged_again(call: Call, stored: Call) -> bool:
    """Whether the call is one that only its log dates, and that is stored with another start."""
    of_call, of_stored = (
        (one.call_id, one.request_id or one.trace_id or one.call_id) for one in (call, stored)
    )
    near = abs(call.started_at - stored.started_at) <= LOGGED_APART
    return call.source.logged and of_call == of_stored and near


def _place(batch: Batch) -> Partition | None:
    """Where the first call or dead letter of a batch was read."""
    places = [Partition(one.call.source.topic, one.call.source.partition) for one in batch.calls]
    places += [Partition(letter.topic, letter.partition) for letter in batch.dead_letters]
    return places[0] if places else None


def mark_keys(part: Waiting) -> set[tuple[str, str, str]]:
    """What tells the mark of a finished call from others; nothing for a part that waits."""
    fragment = part.fragment
    if fragment.kind is not FragmentKind.DONE:
        return set()
    keys = {(fragment.group, "span", fragment.span_id)}
    return keys | ({(fragment.group, "response", fragment.response_id)} if fragment.response_id else set())


class MemoryKafka:
    """A topic and one consumer group.

    Args:
        partitions: of the topic.
        topic: its name.
        appends_time: whether the time of a record is when it was written, as with ``LogAppendTime``.

    Attributes:
        logs: the records of each partition, by offset.
        begins: where the log of each partition begins, since retention deleted what was before.
        committed: the offsets that members told.
        members: the sources of the group.
    """

    def __init__(self, partitions: int = 1, topic: str = "calls", *, appends_time: bool = False) -> None:
        self.appends_time = appends_time
        self.logs: dict[Partition, list[Record]] = {Partition(topic, n): [] for n in range(partitions)}
        self.begins: dict[Partition, int] = dict.fromkeys(self.logs, 0)
        self.committed: dict[Partition, int] = {}
        self.members: list[MemorySource] = []

    def produce(
        self,
        value: bytes | None,
        partition: int = 0,
        *,
        key: bytes | None = None,
        timestamp: datetime | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Record:
        """Append a record to a partition."""
        target = sorted(self.logs)[partition]
        record = Record(*target, self.end(target), value, key, timestamp, tuple(headers))
        self.logs[target].append(record)
        return record

    def end(self, partition: Partition) -> int:
        """The offset of the next record of a partition."""
        log = self.logs[partition]
        return log[-1].offset + 1 if log else self.begins[partition]

    def delete_before(self, offset: int, partition: int = 0) -> None:
        """Delete the oldest records of a partition, as retention does."""
        target = sorted(self.logs)[partition]
        self.begins[target] = offset
        self.logs[target] = [record for record in self.logs[target] if record.offset >= offset]

    def add_partition(self) -> Partition:
        """Give the topic one more partition, and deal the partitions out anew."""
        new = Partition(max(self.logs).topic, len(self.logs))
        self.logs[new] = []
        self.begins[new] = 0
        self.rebalance()
        return new

    def rebalance(self) -> None:
        """Deal the partitions out anew; with two members, every partition changes hands."""
        self.members = self.members[1:] + self.members[:1]
        for place, member in enumerate(self.members):
            member.assign(sorted(self.logs)[place :: len(self.members)])


class MemorySource:
    """A member of the group of a ``MemoryKafka``.

    Args:
        kafka: what to read.
        max_records: how many records one poll gives at most.

    Attributes:
        kept_alive: how often the member was kept alive.
    """

    def __init__(
        self,
        kafka: MemoryKafka,
        *,
        max_records: int = 2_000,
    ) -> None:
        self._kafka = kafka
        self._max_records = max_records
        self._positions: dict[Partition, int] = {}
        self._rebalanced = False
        self.kept_alive = 0
        kafka.members.append(self)
        kafka.rebalance()

    def assign(self, partitions: Sequence[Partition]) -> None:
        """Take these partitions; those that are kept go on where they were, as in Kafka."""
        self._positions = {
            partition: self._positions.get(
                partition, self._kafka.committed.get(partition, self._kafka.begins[partition])
            )
            for partition in partitions
        }
        self._rebalanced = True

    def poll(self, timeout_s: float) -> Polled:
        """See ``Source.poll``; does not wait."""
        chunks: dict[Partition, Sequence[Record]] = {}
        room = self._max_records
        for partition, position in self._positions.items():
            taken = [record for record in self._kafka.logs[partition] if record.offset >= position][:room]
            if taken:
                self._positions[partition] = taken[-1].offset + 1
                chunks[partition] = taken
            room -= len(taken)
        ends = {partition: self._kafka.end(partition) for partition in chunks}
        times = [at for chunk in chunks.values() if (at := chunk[-1].timestamp) is not None]
        return Polled(chunks, ends, max(times, default=None) if self._kafka.appends_time else None)

    def take_rebalanced(self) -> bool:
        """See ``Source.take_rebalanced``."""
        taken, self._rebalanced = self._rebalanced, False
        return taken

    def assignment(self) -> tuple[Partition, ...]:
        """See ``Source.assignment``."""
        return tuple(sorted(self._positions))

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        """See ``Source.seek``."""
        for partition, offset in offsets.items():
            if partition not in self._positions:
                self._rebalanced = True
                raise Transient(f"{partition} is not assigned")
            self._positions[partition] = offset

    def partitions(self) -> tuple[Partition, ...]:
        """See ``Source.partitions``."""
        return tuple(sorted(self._kafka.logs))

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """See ``Source.beginnings``."""
        return {partition: self._kafka.begins[partition] for partition in partitions}

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """See ``Source.ends``."""
        return {partition: self._kafka.end(partition) for partition in partitions}

    def position(self, partition: Partition) -> int | None:
        """See ``Source.position``."""
        return self._positions.get(partition)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See ``Source.commit``."""
        self._kafka.committed |= offsets

    def keep_alive(self) -> None:
        """See ``Source.keep_alive``."""
        self.kept_alive += 1

    def close(self) -> None:
        """See ``Source.close``."""
        self._positions = {}
        self._kafka.members.remove(self)
        self._kafka.rebalance()


class MemorySaver:
    """Runs an attempt when it is waited for, or at once.

    Args:
        at_once: whether an attempt has ended as soon as it has begun.
        meanwhile: called before an attempt that was waited for; says whether it ends now.
    """

    def __init__(self, *, at_once: bool = True, meanwhile: Callable[[], bool] = lambda: True) -> None:
        self._at_once = at_once
        self._meanwhile = meanwhile
        self._task: Task | None = None
        self._attempt: Future[Saved] = Future()
        self.closed = False

    def begin(self, task: Task) -> None:
        """See ``Saver.begin``."""
        self._task = task
        self._attempt = Future()
        if self._at_once:
            self.run()

    def run(self) -> None:
        """Let the attempt that is under way, if there is one, come to its end."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            self._attempt.set_result(task())
        except BaseException as error:  # noqa: BLE001 - it is raised anew where the result is taken
            self._attempt.set_exception(error)

    def ended(self, within_s: float = 0.0) -> bool:
        """See ``Saver.ended``."""
        if within_s and self._task is not None and self._meanwhile():
            self.run()
        return self._attempt.done()

    def result(self) -> Saved:
        """See ``Saver.result``."""
        return self._attempt.result(timeout=0)

    def close(self) -> None:
        """See ``Saver.close``."""
        self.closed = True
