"""The supervisor, with processes that do what a test says and a clock that a test moves."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, Counter

from monitor.errors import Permanent, Transient
from monitor.records import Place
from monitor.telemetry import SupervisorMetrics
from monitor.workers.link import Report
from monitor.workers.snapshots import Totals, snapshot
from monitor.workers.supervisor import (
    BACKOFF_S,
    GRACE_S,
    LASTED_S,
    SILENT_AFTER_S,
    STOP_S,
    STUCK_AFTER_S,
    SUSPECT_RETRY_S,
    Supervisor,
)

PLACE = Place("calls", 3, 41)


class FakeProcess:
    """A worker's process without one."""

    pid = 4711

    def __init__(self, *, obeys: bool) -> None:
        self.ended: int | None = None
        self.said: list[Report] = [Report()]
        self.works_on: tuple[Place, float] | None = None
        self.closed = False
        self.asked_to_end = False
        self._obeys = obeys

    def status(self) -> int | None:
        return self.ended

    def reports(self) -> list[Report]:
        said, self.said = self.said, []
        return said

    def at_hand(self) -> tuple[Place, float] | None:
        assert not self.closed
        return self.works_on

    def terminate(self) -> None:
        self.asked_to_end = True
        if self._obeys:
            self.ended = 0

    def kill(self) -> None:
        self.ended = -signal.SIGKILL

    def close(self) -> None:
        assert self.ended is not None
        self.closed = True


class House:
    """A supervisor, the processes that it started, and what it wrote down."""

    def __init__(self, workers: int = 1) -> None:
        self.now = 1_000.0
        self.started: list[tuple[int, FakeProcess]] = []
        self.suspects: list[tuple[Place, str]] = []
        self.refuse: Exception | None = None
        self.away = False
        self.obeys = True
        self.on_pause: Callable[[], None] = lambda: None
        self.registry = CollectorRegistry()
        self.totals = Totals()
        self.registry.register(self.totals)
        self.supervisor = Supervisor(
            self._start,
            workers=workers,
            record_timeout_s=10,
            suspect=self._suspect,
            metrics=SupervisorMetrics(self.registry),
            totals=self.totals,
            clock=lambda: self.now,
            pause=self._pause,
        )

    def _start(self, number: int) -> FakeProcess:
        if self.refuse:
            raise self.refuse
        process = FakeProcess(obeys=self.obeys)
        self.started.append((number, process))
        return process

    def _suspect(self, place: Place, detail: str) -> None:
        if self.away:
            raise Transient("Postgres: away")
        self.suspects.append((place, detail))

    def _pause(self, seconds: float) -> None:
        self.now += seconds
        self.on_pause()

    def turn(self, *, after: float = 0.0) -> None:
        self.now += after
        self.supervisor.turn()

    def process(self, number: int = 0) -> FakeProcess:
        """The newest process of this worker."""
        return [process for its, process in self.started if its == number][-1]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"llm_monitor_{name}", labels)

    def restarts(self, reason: str, worker: str = "0") -> float | None:
        return self.value("worker_restarts_total", worker=worker, reason=reason)


def test_it_starts_every_worker_and_is_ready_when_all_of_them_are() -> None:
    house = House(workers=2)
    assert house.supervisor.problems() == ["worker 0: is not started yet", "worker 1: is not started yet"]
    house.turn()
    assert [number for number, _ in house.started] == [0, 1]
    assert house.supervisor.problems() == ["worker 0: starts", "worker 1: starts"]
    house.process(1).said = [Report(problems=("Kafka: away",))]
    house.turn()
    assert house.supervisor.problems() == ["worker 1: Kafka: away"]
    assert house.value("worker_ready", worker="0") == 1
    assert house.value("worker_ready", worker="1") == 0
    house.process(1).said = [Report()]
    house.turn()
    assert house.supervisor.problems() == []
    assert house.value("workers") == 2


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (0, "ended", "ended with status 0"),
        (1, "failed", "ended with status 1"),
        (-signal.SIGSEGV, "signal", "was ended by SIGSEGV"),
        (-signal.SIGKILL, "signal", "was ended by SIGKILL"),
        (-99, "signal", "was ended by signal 99"),
    ],
)
def test_a_worker_that_ends_is_started_again_and_its_end_is_told(
    status: int, reason: str, words: str
) -> None:
    house = House()
    house.turn()
    house.turn()
    first = house.process()
    first.ended = status
    house.turn()
    assert first.closed
    assert house.supervisor.problems() == [f"worker 0: {words}; starts again in 0 s"]
    assert (house.value("worker_up", worker="0"), house.restarts(reason)) == (0, 1)
    house.turn(after=BACKOFF_S[0])
    assert house.process() is not first
    assert house.value("worker_up", worker="0") == 1


def test_one_that_does_not_last_waits_longer_each_time_until_it_has_lasted() -> None:
    house = House()
    house.turn()
    waits = []
    for _ in range(10):
        house.process().ended = 1
        house.turn()
        ended, count = house.now, len(house.started)
        while len(house.started) == count:
            house.turn(after=0.1)
        waits.append(house.now - ended)
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30], abs=0.11)
    for _ in range(int(LASTED_S)):
        house.process().said = [Report()]
        house.turn(after=1)
    house.process().ended = 1
    house.turn()
    count = len(house.started)
    house.turn(after=BACKOFF_S[0])
    assert len(house.started) == count + 1


def test_a_restart_of_one_leaves_the_others_alone() -> None:
    house = House(workers=3)
    house.turn()
    house.process(1).ended = -signal.SIGKILL
    house.turn()
    house.turn(after=BACKOFF_S[0])
    assert [number for number, _ in house.started] == [0, 1, 2, 1]
    assert house.restarts("signal", worker="0") is None


def test_a_machine_that_can_start_no_process_is_asked_again_later() -> None:
    house = House()
    house.refuse = OSError("no memory")
    house.turn()
    assert house.supervisor.problems() == ["worker 0: could not be started: no memory; starts again in 0 s"]
    house.refuse = None
    house.turn(after=BACKOFF_S[0])
    assert house.restarts("not_started") == 1
    assert len(house.started) == 1


@pytest.mark.parametrize(
    ("reason", "limit", "at_hand", "idle_s"),
    [
        ("silent", SILENT_AFTER_S, None, None),
        ("stuck", STUCK_AFTER_S, None, 0.0),
        ("record", 10 + GRACE_S, PLACE, 0.0),
    ],
)
def test_a_worker_that_hangs_is_killed_when_its_time_is_over_and_not_before(
    reason: str, limit: float, at_hand: Place | None, idle_s: float | None
) -> None:
    house = House()
    house.turn()
    house.turn()
    process = house.process()
    began = house.now
    while house.now - began < limit - 0.5:
        if idle_s is not None:
            process.said = [Report(idle_s=house.now - began)]
        process.works_on = (at_hand, house.now - began) if at_hand else None
        house.turn(after=0.25)
        assert process.ended is None
    for _ in range(8):
        if idle_s is not None:
            process.said = [Report(idle_s=house.now - began)]
        process.works_on = (at_hand, house.now - began) if at_hand else None
        if process.ended is None:
            house.turn(after=0.25)
    assert process.ended == -signal.SIGKILL
    house.turn()
    assert house.restarts(reason) == 1
    assert house.restarts("signal") is None
    assert house.suspects == ([(PLACE, "its worker was killed (record)")] if at_hand else [])


def test_a_worker_that_starts_slowly_is_given_its_time() -> None:
    house = House()
    house.turn()
    house.process().said = []
    house.turn(after=STUCK_AFTER_S - 1)
    assert house.process().ended is None
    house.turn(after=2)
    assert house.process().ended == -signal.SIGKILL


@pytest.mark.parametrize("status", [-signal.SIGSEGV, -signal.SIGKILL, 1])
def test_what_a_worker_had_at_hand_when_it_ended_is_suspect(status: int) -> None:
    house = House()
    house.turn()
    house.process().works_on = (PLACE, 0.1)
    house.process().ended = status
    house.turn()
    [(place, detail)] = house.suspects
    assert place == PLACE
    assert detail.startswith("its worker ")


def test_suspects_are_kept_while_postgres_is_away_and_written_once_when_it_is_back() -> None:
    house = House()
    house.turn()
    house.away = True
    house.process().works_on = (PLACE, 0.1)
    house.process().ended = 1
    house.turn()
    house.turn(after=SUSPECT_RETRY_S)
    assert house.suspects == []
    house.away = False
    house.turn()
    assert house.suspects == [], "it is not asked at every turn"
    house.turn(after=SUSPECT_RETRY_S)
    house.turn(after=SUSPECT_RETRY_S)
    assert [place for place, _ in house.suspects] == [PLACE]


def test_a_failure_that_needs_a_person_stops_all_of_them_and_is_told() -> None:
    house = House(workers=3)

    def fail() -> None:
        house.process(1).said = [Report(failure="calls/0 ends at 3")]
        house.process(1).ended = 1

    house.on_pause = fail
    with pytest.raises(Permanent, match=r"^calls/0 ends at 3$"):
        house.supervisor.run()
    assert [process.closed for _, process in house.started] == [True, True, True]
    assert [process.asked_to_end for _, process in house.started] == [True, False, True]


def test_a_stop_asks_every_worker_and_waits_for_its_last_words() -> None:
    house = House(workers=2)
    count = Counter("calls", "Calls.", registry=CollectorRegistry())
    last = CollectorRegistry()
    last.register(count)
    count.inc(5)

    def stop() -> None:
        for _, process in house.started:
            process.said = [Report(metrics=snapshot(last))]
        house.supervisor.stop()

    house.on_pause = stop
    house.supervisor.run()
    assert [(process.asked_to_end, process.closed) for _, process in house.started] == [(True, True)] * 2
    assert house.registry.get_sample_value("calls_total", {"worker": "1"}) == 5


def test_a_worker_that_does_not_stop_is_killed_when_its_time_is_over() -> None:
    house = House()
    house.obeys = False
    house.turn()
    house.supervisor.stop()
    began = house.now
    house.supervisor.run()
    assert house.process().asked_to_end
    assert house.process().closed
    assert STOP_S <= house.now - began <= STOP_S + 1


def test_counters_go_on_over_a_restart_and_what_was_last_said_is_kept() -> None:
    house = House()
    house.turn()
    registry = CollectorRegistry()
    count = Counter("calls", "Calls.", registry=registry)
    count.inc(7)
    house.process().said = [Report(metrics=snapshot(registry))]
    house.process().ended = -signal.SIGKILL
    house.turn()
    assert house.registry.get_sample_value("calls_total", {"worker": "0"}) == 7
    house.turn(after=BACKOFF_S[0])
    house.process().said = [Report(metrics=snapshot(registry))]
    house.turn()
    assert house.registry.get_sample_value("calls_total", {"worker": "0"}) == 14


def test_a_supervisor_is_healthy_while_it_waits_for_its_workers_and_not_when_it_hangs() -> None:
    house = House()
    assert house.supervisor.health() == []
    house.now += 10 * STUCK_AFTER_S
    assert house.supervisor.health() == [], "it was not asked to run yet"
    house.turn()
    assert house.supervisor.health() == []
    house.now += STUCK_AFTER_S + 1
    assert house.supervisor.health() == ["the supervisor has not turned for 61 s"]
