"""Runs the service as production does, in a process of its own, against a test's Kafka and PostgreSQL."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import sqlalchemy as sa
import yaml
from kafka import KafkaProducer

from monitor.demo.child import Child, free_port
from monitor.store import connect

#: Seconds that anything may take before a test gives up on it.
PATIENCE_S = 60.0


class Running:
    """A service under test: configuration, process, and its database to look at.

    Args:
        folder: where its configuration and log go.
        bootstrap_servers: Kafka's address.
        database: the URL of a migrated database.
        topic: what it reads.
        through: the URL by which the service reaches the database, where it is another than ours.
        environment: variables that the process has besides ours.
        options: of the command line.
        more: sections of the configuration beside those.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap_servers: str,
        database: str,
        topic: str,
        *,
        through: str | None = None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        **more: dict[str, Any] | list[str],
    ) -> None:
        self.port = free_port()
        self.bootstrap_servers = bootstrap_servers
        self.topic = topic
        self.engine = connect(database)
        self._folder = folder
        self._environment = environment or {}
        self._options = options
        self.config = folder / f"monitor-{self.port}.yaml"
        self.log = folder / f"service-{self.port}.log"
        sections: dict[str, Any] = {
            "kafka": {
                "topics": [topic],
                "group_id": topic,
                # A topic's new partitions are noticed in two seconds, not in five minutes.
                "client": {"bootstrap_servers": bootstrap_servers, "metadata_max_age_ms": 2_000},
            },
            "database": {"url": through or database},
            "ingest": {"workers": 1, "batch_records": 100, "linger": "50ms"},
            "control": {
                "rollup_interval": "500ms",
                "evaluation_interval": "1s",
                "settle": "1s",
                "delivery_interval": "500ms",
            },
            "web": {"port": self.port},
            "rules": [],
        }
        for name, section in more.items():
            sections[name] = {**sections.get(name, {}), **section} if isinstance(section, dict) else section
        self.config.write_text(yaml.safe_dump(sections))
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.engine.dispose()

    def start(self) -> None:
        """Start the process."""
        self._child = Child(
            "llm-monitor",
            [sys.executable, "-m", "monitor", "run", "--config", self.config, *self._options],
            log=self.log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **self._environment},
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._child is not None
        return self._child.pid

    def workers(self) -> list[int]:
        """The process ids of its workers, which a process of its own forks."""
        return [worker for nursery in _children(self.pid) for worker in _children(nursery)]

    def kill(self) -> None:
        """SIGKILL: no time for anything."""
        assert self._child is not None
        self._child.kill()

    def stop(self) -> None:
        """SIGTERM, as an operator would."""
        if self._child is not None:
            self._child.stop(signal.SIGTERM, within=20)

    def send(self, values: Iterable[bytes | None], *, keys: Iterable[bytes] | None = None) -> int:
        """Produce these values and wait until Kafka has them; gives how many."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap_servers, max_request_size=20_000_000)
        try:
            chosen = iter(keys) if keys is not None else None
            futures = [
                producer.send(self.topic, value=value, key=next(chosen) if chosen else None)
                for value in values
            ]
            for future in futures:
                future.get(timeout=30)
        finally:
            producer.close()
        return len(futures)

    def query(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Rows of the service's database."""
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement), parameters)]

    def ledger(self) -> tuple[int, int, int, int]:
        """Records, stored calls, duplicates and dead letters, as the service counted them."""
        [row] = self.query(
            "SELECT coalesce(sum(records), 0)::int, coalesce(sum(stored), 0)::int,"
            " coalesce(sum(duplicates), 0)::int, coalesce(sum(dead_letters), 0)::int FROM consumer_offsets"
        )
        return row[0], row[1], row[2], row[3]

    def readyz(self) -> str:
        """What ``/readyz`` complains of; empty when it is content."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
        except httpx.HTTPError as error:
            return type(error).__name__
        return "" if answer.status_code == 200 else answer.text

    def wait_for(self, what: str, condition: Callable[[], bool], *, within: float = PATIENCE_S) -> None:
        """Wait until ``condition`` holds; fails the test with the end of the log when it does not."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {within:.0f} s; log ends:\n{self._tail()}")
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        """Wait until ``/readyz`` is content."""
        self.wait_for("readiness", lambda: self.readyz() == "")

    def wait_for_records(self, count: int) -> None:
        """Wait until this many records are read and saved."""
        self.wait_for(f"{count} records", lambda: self.ledger()[0] >= count)

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-3_000:] if self.log.exists() else ""


def _children(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
