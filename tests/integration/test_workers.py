"""Workers and their supervisor against a real Kafka and PostgreSQL: they are killed, stopped and counted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.running import Running
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres


def values(first: int, count: int) -> list[bytes]:
    now = datetime.now(UTC).isoformat()
    return [
        json.dumps(
            {
                "version": 1,
                "call_id": f"call-{number}",
                "started_at": now,
                "service": "shop",
                "outputs": [{"text": "{}", "finish_reason": "stop"}],
            }
        ).encode()
        for number in range(first, first + count)
    ]


def alive(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Metrics:
    """What ``/metrics`` says; at every look no counter may be below what it was."""

    def __init__(self, service: Running) -> None:
        self._service = service
        self._counters: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def look(self) -> dict[tuple[str, str], float]:
        """Values by name and worker; other labels are summed up."""
        text = httpx.get(f"http://127.0.0.1:{self._service.port}/metrics", timeout=30).text
        found: dict[tuple[str, str], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if family.type in ("counter", "histogram"):
                    key = sample.name, tuple(sorted(sample.labels.items()))
                    assert sample.value >= self._counters.get(key, 0), f"{key} went back"
                    self._counters[key] = sample.value
                place = sample.name, sample.labels.get("worker", "")
                found[place] = found.get(place, 0) + sample.value
        return found


@pytest.fixture
def service(tmp_path: Path, kafka: Kafka, database: str) -> Iterator[Running]:
    topic = kafka.create_topic(4)
    with Running(tmp_path, kafka.bootstrap_servers, database, topic, ingest={"workers": 2}) as running:
        running.wait_for("readiness", lambda: running.readyz() == "")
        yield running


def partitions(metrics: Metrics) -> list[float]:
    """How many partitions each worker that says so has."""
    said = metrics.look()
    return sorted(value for (name, _), value in said.items() if name == "llm_monitor_assigned_partitions")


def test_workers_that_are_killed_or_hang_are_replaced_and_everything_counts_once(service: Running) -> None:
    metrics = Metrics(service)
    service.wait_for("both to read", lambda: partitions(metrics) == [2, 2])
    service.send(values(0, 1_000))
    service.wait_for_records(100)
    first, second = sorted(service.workers())

    os.kill(first, signal.SIGKILL)
    service.wait_for("a restart", lambda: ("llm_monitor_worker_restarts_total", "0") in metrics.look())
    service.send(values(1_000, 1_000))
    service.wait_for_records(2_000)
    service.wait_for("both to read", lambda: partitions(metrics) == [2, 2] and service.readyz() == "")
    assert metrics.look()["llm_monitor_worker_restarts_total", "0"] == 1
    assert second in service.workers(), "the other was left alone"

    os.kill(second, signal.SIGSTOP)  # it hangs, and can say nothing
    service.send(values(2_000, 1_000))
    service.wait_for("its end", lambda: not alive(second))
    service.wait_for_records(3_000)
    service.wait_for("both to read", lambda: partitions(metrics) == [2, 2] and service.readyz() == "")
    found = metrics.look()
    assert found["llm_monitor_worker_restarts_total", "1"] == 1
    assert service.ledger() == (3_000, 3_000, 0, 0)
    [(calls,)] = service.query("SELECT count(DISTINCT call_id) FROM calls")
    assert calls == 3_000

    workers = service.workers()
    service.stop()
    assert not [pid for pid in workers if alive(pid)], "a stop leaves no process"
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {line["worker"] for line in lines if line["event"] == "partitions assigned"} == {0, 1}
    assert lines[-1]["event"] == "stopped"


def test_a_supervisor_that_is_killed_leaves_no_process_and_the_next_one_goes_on(service: Running) -> None:
    service.send(values(0, 500))
    service.wait_for_records(100)
    workers = service.workers()
    hanging = min(workers)
    os.kill(hanging, signal.SIGSTOP)
    service.kill()
    service.wait_for("the workers' end", lambda: not [pid for pid in workers if alive(pid)])
    service.start()
    service.send(values(500, 500))
    service.wait_for_records(1_000)
    assert service.ledger() == (1_000, 1_000, 0, 0)


def test_members_that_come_and_go_under_load_count_everything_once_with_cooperative_rebalancing_too(
    tmp_path: Path, kafka: Kafka, database: str
) -> None:
    topic = kafka.create_topic(6)
    client = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "partition_assignment_strategy": ["cooperative-sticky"],
        "group_instance_id": None,
    }
    first, second = (
        Running(tmp_path, kafka.bootstrap_servers, database, topic, kafka={"client": client}) for _ in "12"
    )
    metrics = Metrics(first)
    with first, second:
        first.wait_for("readiness", lambda: first.readyz() == "")
        first.wait_for("both to share", lambda: partitions(metrics) == [3])
        first.send(values(0, 500))
        second.stop()
        first.send(values(500, 500))
        first.wait_for("one to have all", lambda: partitions(metrics) == [6])
        second.start()
        first.send(values(1_000, 500))
        first.wait_for("both to share", lambda: partitions(metrics) == [3])
        first.send(values(1_500, 500))
        first.wait_for_records(2_000)
        assert first.ledger() == (2_000, 2_000, 0, 0)
