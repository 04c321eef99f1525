"""The line between the supervisor and a worker process, which needs no server to say that it has none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.config import Config, DatabaseConfig, JudgeConfig, KafkaConfig
from monitor.demo.child import free_port
from monitor.workers.link import Report, Start, WorkerProcess
from monitor.workers.nursery import Nursery

#: Seconds that anything may take.
PATIENCE_S = 60.0


def config(judge: JudgeConfig = JudgeConfig()) -> Config:  # noqa: B008 - frozen
    nowhere = f"127.0.0.1:{free_port()}"
    return Config(
        kafka=KafkaConfig(client={"bootstrap_servers": nowhere}),
        database=DatabaseConfig(url=f"postgresql://user:topsecret@{nowhere}/none"),
        judge=judge,
    )


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


@contextmanager
def worker(nursery: Nursery, start: Start) -> Iterator[WorkerProcess]:
    process = WorkerProcess(nursery, start)
    try:
        yield process
    finally:
        process.kill()
        process.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def first_words(process: WorkerProcess) -> Report:
    said: list[Report] = []
    while not said:
        wait_for(lambda: process.status() is None)
        said = process.reports()
    return said[0]


def test_a_worker_says_what_it_waits_for_and_ends_when_it_is_asked(
    nursery: Nursery,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with worker(nursery, Start(3, config(), "instance-3")) as process:
        said = first_words(process)
        assert said.problems
        assert {"llm_monitor_records", "llm_monitor_judge_cost_dollars"} <= {f.name for f in said.metrics}
        assert process.at_hand() is None
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"topsecret" not in command + environment
        process.terminate()
        wait_for(lambda: process.status() is not None)
        assert process.status() == 0
    assert all('"worker": 3' in line for line in capfd.readouterr().err.splitlines())


def test_a_worker_that_needs_a_person_says_so_in_its_last_words(nursery: Nursery) -> None:
    with worker(nursery, Start(0, config(judge=JudgeConfig(use="nobody")), "instance-0")) as process:
        wait_for(lambda: process.status() is not None)
        said = process.reports()
        assert process.status() == 1
    assert str(said[-1].failure).startswith("judge: ")
