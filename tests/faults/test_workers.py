"""What may happen to the processes of the service: they are killed, stopped, sent more than they can take."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random

import httpx
import pytest
from kafka import KafkaConsumer

from tests.faults.proof import PER_SECOND, Proof, Row
from tests.faults.stage import PART_WAIT, Stage
from tests.faults.traffic import Traffic
from tests.integration.running import Running

#: A worker is ended for good when it has said nothing for 20 s; the broker forgets it after 6.
STOPPED_S = 10.0

#: Stops after which the fence must have bitten once.
MOST_STOPS = 8


def metric(service: Running, name: str) -> float:
    """The sum of a metric over its labels."""
    lines = httpx.get(f"http://127.0.0.1:{service.port}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def test_nothing_is_lost_when_workers_are_killed(proof: Proof, long_form: bool) -> None:
    random = Random(11)
    with proof.of("SIGKILL of a worker"):
        for number in range(50 if long_form else 4):
            if number % 5 == 4:  # so that the pauses before a worker's restart begin anew
                proof.service.stop()
                proof.service.start()
            proof.service.wait_until_ready()
            time.sleep(random.uniform(0, 2))
            os.kill(random.choice(proof.service.workers()), signal.SIGKILL)
            proof.mended()


def test_a_worker_that_was_stopped_past_its_session_saves_nothing_stale(
    proof: Proof, long_form: bool
) -> None:
    proof.service.wait_until_ready()
    fenced = metric(proof.service, "llm_monitor_ingest_fenced_total")

    def bites() -> int:
        return int(metric(proof.service, "llm_monitor_ingest_fenced_total") - fenced)

    with proof.of("SIGSTOP of a worker past its session, SIGCONT", note=lambda: f"fenced {bites()} times"):
        # A worker that was stopped between two batches has nothing to save, so some tries may not show it.
        for number in count(1):
            [stopped, _] = proof.service.workers()
            os.kill(stopped, signal.SIGSTOP)
            time.sleep(STOPPED_S)
            os.kill(stopped, signal.SIGCONT)
            proof.mended()
            if number >= (20 if long_form else 2) and (bites() or number >= MOST_STOPS):
                break
    assert bites() > 0


def test_nothing_is_lost_when_members_join_and_leave_every_second(proof: Proof, long_form: bool) -> None:
    joins = 60 if long_form else 5
    with proof.of("member that joins and leaves within a second"):
        for _ in range(joins):
            _join_and_leave(proof.traffic, seconds=1.0)
        proof.mended(joins)


@pytest.fixture
def other(proof: Proof, tmp_path: Path) -> Iterator[Running]:
    """Another replica of the service, which does not run yet."""
    service = proof.service
    url = service.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ingest = {"workers": 1, "part_wait": PART_WAIT}
    replica = Running(tmp_path, service.bootstrap_servers, url, service.topic, ingest=ingest)
    yield replica
    replica.stop()
    replica.engine.dispose()


def test_nothing_is_lost_when_a_replica_joins_and_leaves(
    proof: Proof, other: Running, long_form: bool
) -> None:
    with proof.of("replica that joins and leaves"):
        for _ in range(10 if long_form else 1):
            other.start()
            other.wait_until_ready()
            other.stop()
            proof.mended()


def test_another_replica_takes_over_when_the_leader_and_its_workers_are_killed(
    proof: Proof, other: Running, long_form: bool
) -> None:
    other.start()
    other.wait_until_ready()
    with proof.of("SIGKILL of the supervisor that leads, of two"):
        for _ in range(10 if long_form else 1):
            _kill_the_leader(proof.service, other)
            proof.mended()


def _kill_the_leader(service: Running, other: Running) -> None:
    """Kill the one of two replicas that leads, see the other take the lead, and start it again."""
    leader, follower = (service, other) if leads(service) else (other, service)
    leader.kill()
    follower.wait_for("the lead", lambda: leads(follower))
    leader.start()
    leader.wait_until_ready()


def leads(service: Running) -> bool:
    """Whether this replica is the leader."""
    return metric(service, "llm_monitor_leader") == 1


def _join_and_leave(traffic: Traffic, *, seconds: float) -> None:
    """Be a member of the service's group for so long, and neither read nor commit anything."""
    member = KafkaConsumer(
        traffic.topic,
        bootstrap_servers=traffic.bootstrap_servers,
        group_id=traffic.topic,
        enable_auto_commit=False,
        session_timeout_ms=6_000,
    )
    with closing(member):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            member.poll(timeout_ms=100, max_records=1)


def test_nothing_is_lost_while_the_service_is_stopped(proof: Proof, long_form: bool) -> None:
    stopped_s = 60 if long_form else 5
    with proof.of(f"service stopped for {stopped_s} s"):
        proof.service.stop()
        time.sleep(stopped_s)
        proof.service.start()
        proof.mended()


def test_memory_stays_bounded_under_ten_times_the_load(
    stage: Stage, record: Callable[[Row], None], long_form: bool
) -> None:
    overload_s = 300 if long_form else 15
    service, proof = stage.service, Proof(stage, record, per_second=10 * PER_SECOND)
    peak = 0
    with proof.of(f"ten times the load for {overload_s} s", note=lambda: f"at most {peak} MB a worker"):
        until = time.monotonic() + overload_s
        while time.monotonic() < until:
            peak = max(peak, *(resident_mb(pid) for pid in service.workers()))
            time.sleep(0.2)
        proof.traffic.stop()
        proof.mended()
        peak = max(peak, *(resident_mb(pid) for pid in service.workers()))
    assert peak < 300


def resident_mb(pid: int) -> int:
    """Resident memory of a process, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000
