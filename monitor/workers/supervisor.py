"""Keeps N workers running: in comes a way to start one, out go restarts, suspects and what to say of it all.

A worker that ends unasked is started again, later each time it does not last. One that hangs is killed: it
says nothing, or its loop does not turn, or it has one record at hand for too long. What a worker had at hand
when its process ended is written down as a suspect, so that the record can't end one worker after another.
Only a failure that needs a person ends the supervisor, after it has stopped the others.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from monitor import telemetry
from monitor.errors import Permanent, Transient
from monitor.records import Place
from monitor.workers.link import Report
from monitor.workers.snapshots import Totals

log = structlog.get_logger("monitor.workers.supervisor")

#: Seconds between two looks at the workers.
TURN_S = 0.1

#: First and longest wait, in seconds, before a worker is started again; after how many seconds of work the
#: next wait is the first again.
BACKOFF_S = (0.2, 30.0)
LASTED_S = 60.0

#: Seconds without a turn of its loop after which a worker is killed, and of a supervisor after which it is
#: no longer healthy. A poll takes half a second and a wait at most ten; joining a group or a statement's
#: timeout can take longer. A process that starts has as long until it first says something.
STUCK_AFTER_S = 60.0

#: Seconds of silence after which a worker is killed. It speaks every second, from a thread that does nothing
#: else: it is stopped, or its machine is, or something in C holds Python's lock.
SILENT_AFTER_S = 20.0

#: Seconds that a record may be at hand beyond ``ingest.record_timeout``: the worker itself is to give it up
#: when it has cost that much processor time, which is less than the time that goes by.
GRACE_S = 10.0

#: Seconds that workers have to end when they are asked to.
STOP_S = 10.0

#: Seconds between two attempts to write down suspects while Postgres is away.
SUSPECT_RETRY_S = 5.0


class End(StrEnum):
    """Why a worker has ended. A closed list: it is a metric label."""

    ENDED = "ended"
    """By itself or by a SIGTERM that was not ours, in good order."""
    FAILED = "failed"
    """By an error of ours, which its log has."""
    SIGNAL = "signal"
    """By a signal that was not ours: a crash, the kernel when memory ran out, an operator."""
    STUCK = "stuck"
    """Killed by us: its loop did not turn."""
    SILENT = "silent"
    """Killed by us: it said nothing."""
    RECORD = "record"
    """Killed by us: it had one record at hand for too long."""
    NOT_STARTED = "not_started"
    """The machine could not start it."""


class Process(Protocol):
    """One worker's process. ``monitor.workers.link.WorkerProcess`` is the real one."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def status(self) -> int | None:
        """Its exit status, minus the signal that killed it; ``None`` while it runs."""
        ...

    def reports(self) -> list[Report]:
        """What it has said since it was last asked. Never waits."""
        ...

    def at_hand(self) -> tuple[Place, float] | None:
        """The record that it works on, and since how many seconds."""
        ...

    def terminate(self) -> None:
        """Ask it to end after the batch that it is at."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def close(self) -> None:
        """Forget it; it must have ended."""
        ...


@dataclass
class _Slot:
    """One worker: the process that it is now, or when it is to be one again."""

    number: int
    process: Process | None = None
    started: float = 0.0
    report: Report | None = None
    heard: float = 0.0
    killed_for: End | None = None
    due: float = 0.0
    backoff: float = BACKOFF_S[0]
    ended: str = ""

    @property
    def name(self) -> str:
        """The value of the label ``worker``."""
        return str(self.number)


class Supervisor:
    """N workers.

    Args:
        start: starts the worker of this number; raises ``OSError`` when the machine can't now.
        workers: how many.
        record_timeout_s: how long a record may take before its worker gives it up.
        suspect: writes down a record that may have ended its worker, and how it ended; raises ``Transient``.
        metrics: where restarts are counted.
        totals: where the workers' own metrics go.
        clock: seconds of a clock that never goes back.
        pause: waits that many seconds.
    """

    def __init__(
        self,
        start: Callable[[int], Process],
        *,
        workers: int,
        record_timeout_s: float,
        suspect: Callable[[Place, str], None],
        metrics: telemetry.SupervisorMetrics,
        totals: Totals,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._start = start
        self._record_limit_s = record_timeout_s + GRACE_S
        self._suspect = suspect
        self._metrics = metrics
        self._totals = totals
        self._clock = clock
        self._stop = threading.Event()
        self._pause = pause
        self._slots = [_Slot(number) for number in range(workers)]
        self._suspects: list[tuple[Place, str]] = []
        self._suspects_due = 0.0
        self._turned: float | None = None
        metrics.workers.set(workers)

    def stop(self) -> None:
        """Ask for the end. May be called from another thread."""
        self._stop.set()

    def run(self) -> None:
        """Keep the workers running until ``stop``; when it returns, no worker is left.

        Raises:
            Permanent: a worker found something that a person has to put right.
        """
        try:
            while not self._stop.is_set():
                self.turn()
                self._pause(TURN_S)
        finally:
            self._stop_workers()

    def turn(self) -> None:
        """Look at every worker once: hear it, kill it if it hangs, start it if it is due.

        Raises:
            Permanent: a worker found something that a person has to put right.
        """
        self._turned = self._clock()
        for slot in self._slots:
            if slot.process is None:
                if self._clock() >= slot.due:
                    self._begin(slot)
            else:
                self._look_after(slot, slot.process)
        self._write_suspects()

    def health(self) -> list[str]:
        """What is wrong with the supervisor itself."""
        idle = 0.0 if self._turned is None else self._clock() - self._turned
        return [f"the supervisor has not turned for {idle:.0f} s"] if idle > STUCK_AFTER_S else []

    def problems(self) -> list[str]:
        """Which workers do not read, and why. Empty when all of them do."""
        return [f"worker {slot.name}: {why}" for slot in self._slots for why in self._why_not(slot)]

    def _why_not(self, slot: _Slot) -> tuple[str, ...]:
        if slot.process is None:
            left = max(0.0, slot.due - self._clock())
            return (f"{slot.ended}; starts again in {left:.0f} s" if slot.ended else "is not started yet",)
        if slot.report is None:
            return ("starts",)
        if (idle := self._idle(slot)) > SILENT_AFTER_S:
            return (f"has not turned for {idle:.0f} s",)
        return slot.report.problems

    def _idle(self, slot: _Slot) -> float:
        """Seconds since its loop turned, as far as is known."""
        said = slot.report.idle_s if slot.report else 0.0
        return said + self._clock() - slot.heard

    def _begin(self, slot: _Slot) -> None:
        try:
            slot.process = self._start(slot.number)
        except OSError as error:
            self._ended(slot, End.NOT_STARTED, f"could not be started: {error}")
            return
        slot.started = slot.heard = self._clock()
        slot.report = slot.killed_for = None
        self._metrics.up.labels(slot.name).set(1)
        self._metrics.ready.labels(slot.name).set(0)
        log.info("worker started", worker=slot.number, pid=slot.process.pid)

    def _look_after(self, slot: _Slot, process: Process) -> None:
        # Asked before it is heard, so that the last words of one that has ended are heard.
        status = process.status()
        self._hear(slot, process)
        if status is not None:
            self._bury(slot, process, status)
        elif slot.killed_for is None and (why := self._hangs(slot, process)):
            slot.killed_for = why
            log.error("worker hangs, killed", worker=slot.number, pid=process.pid, reason=why)
            process.kill()

    def _hear(self, slot: _Slot, process: Process) -> None:
        for report in process.reports():
            slot.report, slot.heard = report, self._clock()
            self._totals.update(slot.name, report.metrics)
        self._metrics.ready.labels(slot.name).set(not self._why_not(slot))

    def _hangs(self, slot: _Slot, process: Process) -> End | None:
        at_hand = process.at_hand()
        if at_hand is not None and at_hand[1] > self._record_limit_s:
            return End.RECORD
        limit = STUCK_AFTER_S if slot.report is None else SILENT_AFTER_S
        if self._clock() - slot.heard > limit:
            return End.SILENT
        return End.STUCK if self._idle(slot) > STUCK_AFTER_S else None

    def _bury(self, slot: _Slot, process: Process, status: int) -> None:
        """What is to be done about a worker that has ended unasked.

        Raises:
            Permanent: it ended because a person is needed.
        """
        at_hand = process.at_hand()
        failure = slot.report.failure if slot.report else None
        lasted = self._clock() - slot.started >= LASTED_S
        process.close()
        slot.process = None
        self._totals.end(slot.name)
        if failure is not None:
            raise Permanent(failure)
        why, how = slot.killed_for or _end(status), _told(status)
        if slot.killed_for:
            how = f"was killed ({slot.killed_for})"
        if at_hand is not None:
            self._suspects.append((at_hand[0], f"its worker {how}"))
        if lasted:
            slot.backoff = BACKOFF_S[0]
        self._ended(slot, why, how)

    def _ended(self, slot: _Slot, why: End, how: str) -> None:
        slot.ended = how
        slot.due = self._clock() + slot.backoff
        log.error("worker ended", worker=slot.number, reason=why, how=how, starts_again_in=slot.backoff)
        slot.backoff = min(slot.backoff * 2, BACKOFF_S[1])
        self._metrics.up.labels(slot.name).set(0)
        self._metrics.ready.labels(slot.name).set(0)
        self._metrics.restarts.labels(slot.name, why).inc()

    def _write_suspects(self) -> None:
        """Write down what is suspect; while Postgres is away, later: no worker reads anything without it."""
        if not self._suspects or self._clock() < self._suspects_due:
            return
        try:
            while self._suspects:
                place, detail = self._suspects[0]
                self._suspect(place, detail)
                self._suspects.pop(0)
                log.error("suspect record", **place._asdict(), detail=detail)
        except Transient as error:
            self._suspects_due = self._clock() + SUSPECT_RETRY_S
            log.warning("waiting", reason=str(error))

    def _stop_workers(self) -> None:
        """Stop them all: they have ``STOP_S`` seconds to save what they are at."""
        running = [(slot, slot.process) for slot in self._slots if slot.process is not None]
        for _, process in running:
            process.terminate()
        deadline = self._clock() + STOP_S
        while running:
            overdue = self._clock() > deadline
            for slot, process in tuple(running):
                status = process.status()
                self._hear(slot, process)
                if status is not None:
                    process.close()
                    slot.process = None
                    self._totals.end(slot.name)
                    running.remove((slot, process))
                elif overdue:
                    log.error("worker did not stop, killed", worker=slot.number, pid=process.pid)
                    process.kill()
            if running:
                self._pause(TURN_S)


def _end(status: int) -> End:
    return End.SIGNAL if status < 0 else End.FAILED if status else End.ENDED


def _told(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"ended with status {status}"
