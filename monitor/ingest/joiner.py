"""Puts parts of calls together: what was collected comes in, with what waits in the store; out goes a batch.

Parts wait in the store, not here. Calls whose wait is over are finished by whichever worker comes first. A
group that can't be finished costs itself only: its parts become dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from monitor import telemetry
from monitor.clock import Clock
from monitor.decode.assemble import Waits, arrived, given_up
from monitor.decode.letters import part_letters
from monitor.errors import DeadLetterReason, Raced, Transient
from monitor.ingest.collected import Collected, count
from monitor.ingest.reader import Reader, place_of
from monitor.records import FragmentKind, Place, ScoredCall, Told, Waiting
from monitor.store import READ_BYTES, Batch, Parts, Store

#: How often a worker looks for parts whose wait ended, how many of them one transaction takes, and how many
#: transactions may follow one another before the next poll.
SWEEP = timedelta(seconds=1)
SWEEP_PARTS = 500
SWEEP_ROUNDS = 10

#: How long a worker has to finish what it claimed before another does.
LEASE = timedelta(seconds=30)

#: How much longer ago than other calls one may have started whose parts waited: for so long nobody may have
#: been there to finish it. ``retention.calls`` is two days longer than ``ingest.max_lateness``.
GRACE = timedelta(days=1)

#: Parts that wait for the rest of their own call, unless it is whole and waits for what stands around it.
_HALVES = frozenset({FragmentKind.CALL, FragmentKind.CONTENT})


class Joiner:
    """Finishes calls that come in several records. It uses the store: call it while nothing is being saved.

    Args:
        store: where parts wait.
        reader: puts parts together and scores what they are.
        judge: as the worker's.
        clock: what time it is.
        waits: how long parts wait for the rest.
        max_lateness: how long ago a call may have started.
        metrics: where to count.
    """

    def __init__(
        self,
        store: Store,
        reader: Reader,
        judge: Callable[[Sequence[ScoredCall]], Sequence[ScoredCall]],
        clock: Clock,
        waits: Waits,
        max_lateness: timedelta,
        metrics: telemetry.IngestMetrics,
    ) -> None:
        self._store = store
        self._reader = reader
        self._judge = judge
        self._clock = clock
        self._waits = waits
        self._max_lateness = max_lateness
        self._metrics = metrics
        self._swept: datetime | None = None
        self._halved: set[str] = set()

    def sweep(self, suspects: set[Place]) -> None:
        """Finish the calls that have waited long enough: once a second, some rounds of them.

        What was claimed and could not be finished is free again when its lease is over. Groups of which a
        part has just begun to wait are looked at once more: another worker may have put the rest beside it
        at the same moment, and neither saw the other's.
        """
        now = self._clock.now()
        # A clock that was put back must not keep parts waiting until it is where it had been.
        if self._swept is not None and timedelta() <= now - self._swept < SWEEP:
            return
        self._swept = now
        try:
            if self._finish(self._halved, suspects):
                self._halved = set()
            for _ in range(SWEEP_ROUNDS):
                groups = self._store.claim_due(now, limit=SWEEP_PARTS, lease=LEASE)
                if not groups:
                    return
                with telemetry.span("ingest.sweep", groups=len(groups)):
                    self._finish(groups, suspects)
        except Transient as error:
            self._metrics.waiting(error)
        else:
            self._swept = None

    def _finish(self, groups: Collection[str], suspects: set[Place]) -> bool:
        """Save what can be finished of these groups; whether no other worker was at it too.

        Raises:
            Transient: the store can't be reached.
        """
        alone = True
        for portion in _portions(self._store.sizes(groups)):
            alone = self._finish_portion(portion, suspects) and alone
        return alone

    def _finish_portion(self, groups: Sequence[str], suspects: set[Place]) -> bool:
        """The same for groups that are small enough to be read at once, or for what is oldest in one."""
        waiting = self._store.waiting(groups, READ_BYTES)
        if self._save(self._put_together(Batch((), (), {}), waiting, suspects)):
            return True
        if len(groups) > 1:
            middle = len(groups) // 2
            for half in (groups[:middle], groups[middle:]):
                self._finish_portion(half, suspects)
        elif _rows(self._store.waiting(groups, READ_BYTES)) == _rows(waiting):
            # Whoever is faster takes parts or leaves a mark. Where nobody was, it would go on like this.
            lost = given_up(waiting, "a race that nobody won")
            self._save(Batch((), lost.dead_letters, {}, Parts(taken=lost.taken)))
        return False

    def _save(self, batch: Batch) -> bool:
        """Save what was finished, if anything was; whether no other worker was faster.

        Raises:
            Transient: the store can't be reached.
        """
        if not (batch.dead_letters or batch.parts.taken):
            return True
        batch = structs.replace(batch, calls=tuple(self._judge(batch.calls)))
        try:
            saved = self._store.save(batch)
        except Raced as error:
            self._metrics.raced(error)
            return False
        count(self._metrics, batch, saved)
        return True

    def together(self, collected: Collected, suspects: set[Place], *, apart: bool = False) -> Batch:
        """What was collected, with what waits of its groups put together.

        Where groups are too large to be read here, and where nothing is to be put together (``apart``), the
        parts are left to the sweep, which looks at each group by itself.

        Raises:
            Transient: the store can't be reached.
        """
        batch = structs.replace(collected.batch(), refused=self._reader.refused(collected.origins))
        if not collected.fragments:
            return batch
        groups = {fragment.group for fragment in collected.fragments}
        near = set() if apart else _near(groups, self._store.sizes(groups))
        now = self._clock.now()
        fresh = arrived(collected.fragments, now)
        waiting = [
            *self._store.waiting(near, READ_BYTES),
            *(part for part in fresh if part.fragment.group in near),
        ]
        batch = self._put_together(batch, waiting, suspects)
        self._halved -= groups
        self._halved.update(
            part.fragment.group
            for part in batch.parts.put
            if part.fragment.kind in _HALVES and part.due_at - part.arrived_at > self._waits.context
        )
        due = now + self._waits.context
        far = [structs.replace(part, due_at=due) for part in fresh if part.fragment.group not in near]
        return structs.replace(batch, parts=structs.replace(batch.parts, put=(*batch.parts.put, *far)))

    def _put_together(self, batch: Batch, waiting: Sequence[Waiting], suspects: set[Place]) -> Batch:
        """The batch with what these parts make.

        Raises:
            Transient: the store can't be reached.
        """
        now = self._clock.now()
        letters = list(batch.dead_letters)
        put: list[Waiting] = []
        taken: list[int] = []
        whole: list[Told] = []
        for assembled in self._reader.assembled(waiting, now, self._waits):
            whole += assembled.told
            letters += assembled.dead_letters
            put += assembled.put
            taken += assembled.taken
            self._metrics.late(assembled.late)
        counted = self._store.counted([one.call for one in whole])
        self._metrics.late(len(counted))
        earliest = now - self._max_lateness - GRACE
        calls: list[ScoredCall] = []
        told: list[Told] = []
        for one in whole:
            if (one.call.trace_id, one.call.call_id) in counted:
                put += one.marks
            elif one.call.started_at < earliest:
                why = f"started at {one.call.started_at.isoformat()}, long before its wait ended"
                letters += part_letters(one.parts, DeadLetterReason.TOO_OLD, why)
            elif isinstance(scored := self._reader.scored(one, suspects), ScoredCall):
                calls.append(scored)
                told.append(one)
            else:
                letters += scored
        return structs.replace(
            batch,
            calls=(*batch.calls, *calls),
            dead_letters=tuple(letters),
            parts=Parts(tuple(put), tuple(taken), tuple(told)),
            suspects=(*batch.suspects, *suspects.intersection(place_of(one.call) for one in whole)),
        )


def _portions(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The groups, as many at a time as may be read at once.

    One that is larger by itself comes several times: what was finished of it is gone the next time.
    """
    portion: list[str] = []
    room = READ_BYTES
    for group, size in sorted(sizes.items()):
        if size > READ_BYTES:
            yield from [[group]] * min(SWEEP_ROUNDS, 1 + size // READ_BYTES)
            continue
        if size > room:
            yield portion
            portion, room = [], READ_BYTES
        portion.append(group)
        room -= size
    if portion:
        yield portion


def _near(groups: Collection[str], sizes: Mapping[str, int]) -> set[str]:
    """Those of the groups that may be read at once: the smallest."""
    near: set[str] = set()
    room = READ_BYTES
    for group in sorted(groups, key=lambda group: (sizes.get(group, 0), group)):
        room -= sizes.get(group, 0)
        if room < 0:
            break
        near.add(group)
    return near


def _rows(waiting: Sequence[Waiting]) -> list[int | None]:
    return [part.part_id for part in waiting]
