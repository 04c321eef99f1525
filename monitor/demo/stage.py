"""Puts the stage up: servers, configuration, migration and the service, as production would run them.

The service is the ordinary ``llm-monitor run`` in a process of its own; only the addresses and the length
of the rules' windows are the demo's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
import yaml
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from monitor.demo.child import Child, free_port
from monitor.demo.embedded import KafkaBroker, PostgresServer, embedded_postgres_bin
from monitor.demo.receiver import Receiver
from monitor.store.database import connect
from monitor.store.migrate import migrate

TOPIC = "llm-calls"
PARTITIONS = 4

#: Seconds for the service to be ready, and to stop.
_READY_S = 60.0
_STOP_S = 15.0


class Stage(NamedTuple):
    """What is up."""

    bootstrap_servers: str
    engine: sa.Engine
    receiver: Receiver
    service: Child


@contextmanager
def set_up(say: Callable[[str], None]) -> Iterator[Stage]:
    """Everything up, for as long as the block lasts; nothing is left behind.

    ``say`` is told what is being done.

    Raises:
        Permanent: a server does not come up; says which and why.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llm-monitor-demo-")))
        say("starting PostgreSQL")
        postgres = stack.enter_context(PostgresServer(embedded_postgres_bin()))
        say("starting a Kafka broker")
        kafka = stack.enter_context(KafkaBroker())
        _create_topic(kafka.bootstrap_servers)
        receiver = stack.enter_context(Receiver())
        say("creating the tables")
        migrate(postgres.url())
        engine = connect(postgres.url())
        stack.callback(engine.dispose)
        say("starting llm-monitor")
        port = free_port()
        config = _write_config(folder, kafka, postgres, receiver, port)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LLM_MONITOR_", "OTEL_", "PG"))
        }
        service = Child(
            "llm-monitor",
            [sys.executable, "-m", "monitor", "run", "--config", config],
            log=folder / "service.log",
            env=environment,
        )
        stack.callback(service.stop, within=_STOP_S)
        web = f"http://127.0.0.1:{port}"
        service.wait_until(lambda: _consumes(web), within=_READY_S)
        yield Stage(kafka.bootstrap_servers, engine, receiver, service)


def _create_topic(bootstrap_servers: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
    finally:
        admin.close()


def _write_config(
    folder: Path, kafka: KafkaBroker, postgres: PostgresServer, receiver: Receiver, port: int
) -> Path:
    config = {
        "kafka": {
            "topics": [TOPIC],
            "client": {
                "bootstrap_servers": kafka.bootstrap_servers,
                # The embedded broker lets the first member of a group wait for half of this.
                "session_timeout_ms": 2_000,
                "heartbeat_interval_ms": 500,
            },
        },
        "database": {"url": postgres.url()},
        # The embedded broker takes long to share a topic among several.
        "ingest": {"workers": 1},
        "control": {
            "rollup_interval": "1s",
            "evaluation_interval": "2s",
            "settle": "2s",
            "delivery_interval": "1s",
        },
        "channels": {
            "oncall": {"kind": "webhook", "url": receiver.url, "secret": "whsec_bGxtLW1vbml0b3ItZGVtbw=="},
            "log": {"kind": "log"},
        },
        "web": {"port": port},
        "rules": [str(Path(__file__).with_name("rules.yaml"))],
    }
    path = folder / "monitor.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def _consumes(web: str) -> bool:
    """Whether the service is ready and owns its partitions."""
    try:
        with urllib.request.urlopen(f"{web}/readyz", timeout=2):  # noqa: S310 - our own loopback address
            pass
        with urllib.request.urlopen(f"{web}/metrics", timeout=2) as answer:  # noqa: S310
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        time.sleep(0.1)
        return False
    return f'llm_monitor_assigned_partitions{{worker="0"}} {float(PARTITIONS)}' in lines
