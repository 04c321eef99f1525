"""Watches a running service from outside: its process ids go in, progress, costs and memory come out.

A record is durable when another connection sees an offset beyond its own in ``consumer_offsets``, which is
written in the transaction of the calls; that is asked every few milliseconds. Processor time is read from
``/proc``, PostgreSQL's by whose connection a backend serves, so that ingest and control are told apart.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self

import psycopg

from benchmarks import _processes as processes
from benchmarks._service import Places, Service

#: Seconds between two questions for what is durable, and between two looks at the processes.
ASK_S = 0.01
LOOK_S = 0.25


class Costs(NamedTuple):
    """Seconds of processor time, by whom they were spent."""

    workers: float
    """Processes that ingest."""
    postgres_ingest: float
    """PostgreSQL's backends that serve them."""
    supervisor: float
    """The process with supervisor, control and web pages."""
    postgres_control: float
    """PostgreSQL's backends that serve it: rollups and rules, above all."""
    postgres_rest: float
    """PostgreSQL's other processes: its writers, checkpoints and vacuum."""

    def since(self, before: Costs) -> Costs:
        """What was spent after ``before``."""
        return Costs(*(now - then for now, then in zip(self, before, strict=True)))

    def per_call(self, calls: int) -> Costs:
        """Microseconds a call."""
        return Costs(*(seconds / calls * 1e6 for seconds in self))


class Watch:
    """Watches a service; a context manager.

    Args:
        service: it runs.
        postgres: the process id of its database server.

    Attributes:
        moves: when each partition's next offset was seen to change, in seconds of ``time.monotonic``.
        peak_mb: the most memory that each worker was seen to have, in megabytes, by process id.
        fixed_work_ms: what ``processes.fixed_work_ms`` said meanwhile.
    """

    def __init__(self, service: Service, postgres: int) -> None:
        self.moves: dict[int, list[tuple[int, float]]] = {}
        self.peak_mb: Counter[int] = Counter()
        self.fixed_work_ms: list[float] = []
        self._service = service
        self._postgres = postgres
        self._connection = psycopg.connect(service.url, autocommit=True)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._owners: dict[int, str] = {}
        self._spent: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def records(self) -> int:
        """How many records are durable."""
        with self._lock:
            return self._service.records(self._connection)

    def dirty(self) -> int:
        """How many minutes wait for their rollups."""
        with self._lock:
            found = self._connection.execute("SELECT count(DISTINCT minute) FROM dirty_minutes").fetchall()
            return int(found[0][0])

    def costs(self) -> Costs:
        """What was spent until now."""
        with self._lock:
            self._look()
            supervisor, *workers = processes.tree(self._service.supervisor)
            by_owner: Counter[str] = Counter()
            for backend, seconds in self._spent.items():
                by_owner[self._owners[backend]] += seconds  # type: ignore[assignment]  # a Counter of seconds
            return Costs(
                workers=processes.total_cpu_s(workers),
                postgres_ingest=by_owner["worker"],
                supervisor=processes.cpu_s(supervisor),
                postgres_control=by_owner["supervisor"],
                postgres_rest=processes.total_cpu_s(processes.tree(self._postgres)) - by_owner.total(),
            )

    def durable_after(self, places: Places, sent: list[float]) -> list[float]:
        """Seconds from when each record was sent until it was seen to be durable, in order of size.

        Those that are not durable yet are left out.
        """
        waits = []
        for (partition, offset), at in zip(places, sent, strict=True):
            moves = self.moves.get(partition, [])
            seen = bisect_left(moves, (offset + 1, 0.0))
            if seen < len(moves):
                waits.append(moves[seen][1] - at)
        return sorted(waits)

    def moved_since(self, at: float) -> int:
        """How many partitions' offsets were seen to change after ``at``."""
        return sum(moves[-1][1] > at for moves in self.moves.values())

    def _run(self) -> None:
        looked = 0.0
        while not self._ended.wait(ASK_S):
            with self._lock:
                self._ask()
                if time.monotonic() - looked > LOOK_S:
                    self.fixed_work_ms.append(processes.fixed_work_ms())
                    self._look()
                    looked = time.monotonic()

    def _ask(self) -> None:
        found = self._connection.execute("SELECT partition, next_offset FROM consumer_offsets").fetchall()
        now = time.monotonic()
        for partition, offset in found:
            moves = self.moves.setdefault(partition, [])
            if not moves or moves[-1][0] < offset:
                moves.append((offset, now))

    def _look(self) -> None:
        """Find out whom each backend serves, and what it has spent while it still runs."""
        supervisor, *workers = processes.tree(self._service.supervisor)
        ports = dict.fromkeys(processes.local_ports(supervisor), "supervisor")
        for worker in workers:
            ports |= dict.fromkeys(processes.local_ports(worker), "worker")
            self.peak_mb[worker] = max(self.peak_mb[worker], round(processes.resident_mb(worker)))
        ports |= dict.fromkeys(processes.local_ports(os.getpid()), "benchmark")
        backends = self._connection.execute(
            "SELECT pid, client_port FROM pg_stat_activity WHERE client_port > 0"
        ).fetchall()
        for backend, port in backends:
            if port in ports:
                self._owners[backend] = ports[port]
        for backend in self._owners:
            self._spent[backend] = max(self._spent.get(backend, 0.0), processes.cpu_s(backend))
