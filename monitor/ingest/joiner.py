"""Puts parts of calls together: what was collected comes in, with what waits in the store; out goes a batch.

Parts wait in the store, not here. Calls whose wait is over are finished by whichever worker comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from monitor import telemetry
from monitor.clock import Clock
from monitor.decode.assemble import Waits, arrived
from monitor.errors import Raced, Transient
from monitor.ingest.collected import Collected, count
from monitor.ingest.reader import Reader, place_of
from monitor.records import Call, FragmentKind, Place, ScoredCall, Waiting
from monitor.store import Batch, Parts, Store

#: How often a worker looks for parts whose wait ended, how many of them one transaction takes, and how many
#: transactions may follow one another before the next poll.
SWEEP = timedelta(seconds=1)
SWEEP_PARTS = 500
SWEEP_ROUNDS = 10

#: How long a worker has to finish what it claimed before another does.
LEASE = timedelta(seconds=30)

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
        metrics: where to count.
    """

    def __init__(
        self,
        store: Store,
        reader: Reader,
        judge: Callable[[Sequence[ScoredCall]], Sequence[ScoredCall]],
        clock: Clock,
        waits: Waits,
        metrics: telemetry.IngestMetrics,
    ) -> None:
        self._store = store
        self._reader = reader
        self._judge = judge
        self._clock = clock
        self._waits = waits
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
        if not groups:
            return True
        batch = self._put_together(Batch((), (), {}), groups, (), suspects)
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

    def together(self, collected: Collected, suspects: set[Place]) -> Batch:
        """What was collected, with what waits of its groups put together.

        Raises:
            Transient: the store can't be reached.
        """
        batch = structs.replace(collected.batch(), refused=self._reader.refused(collected.origins))
        if not collected.fragments:
            return batch
        groups = {fragment.group for fragment in collected.fragments}
        batch = self._put_together(batch, groups, arrived(collected.fragments, self._clock.now()), suspects)
        self._halved -= groups
        self._halved.update(
            part.fragment.group
            for part in batch.parts.put
            if part.fragment.kind in _HALVES and part.due_at - part.arrived_at > self._waits.context
        )
        return batch

    def _put_together(
        self, batch: Batch, groups: Collection[str], fresh: Collection[Waiting], suspects: set[Place]
    ) -> Batch:
        """The batch with what waits of these groups, and what has just arrived of them.

        Raises:
            Transient: the store can't be reached.
        """
        letters = list(batch.dead_letters)
        put: list[Waiting] = []
        taken: list[int] = []
        whole: list[Call] = []
        waiting = [*self._store.waiting(groups), *fresh]
        for assembled in self._reader.assembled(waiting, self._clock.now(), self._waits):
            whole += assembled.calls
            letters += assembled.dead_letters
            put += assembled.put
            taken += assembled.taken
            self._metrics.late(assembled.late)
        counted = self._store.counted(whole)
        self._metrics.late(len(counted))
        whole = [call for call in whole if (call.trace_id, call.call_id) not in counted]
        scored, failed = self._reader.scored(whole, suspects)
        return structs.replace(
            batch,
            calls=(*batch.calls, *scored),
            dead_letters=(*letters, *failed),
            parts=Parts(tuple(put), tuple(taken)),
            suspects=(*batch.suspects, *suspects.intersection(map(place_of, whole))),
        )
