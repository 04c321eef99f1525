"""What a proof needs: a topic with traffic on it, a database, and a service between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
from kafka import KafkaAdminClient
from psycopg import sql

from monitor.demo.embedded import PostgresServer
from monitor.store.migrate import migrate
from tests.faults.traffic import Traffic
from tests.integration.running import Running

PARTITIONS = 4

#: How long half a call waits for the rest: longer than anything is broken, less than a proof is patient.
PART_WAIT = "100s"


class Stage(NamedTuple):
    """A service and the traffic that it reads."""

    service: Running
    traffic: Traffic


@contextmanager
def staged(
    folder: Path,
    bootstrap_servers: str,
    postgres: PostgresServer,
    *,
    at: tuple[str, int] | None = None,
    copies: int = 1,
    in_parts: bool = True,
    **more: Any,
) -> Iterator[Stage]:
    """A stage with a topic and a database of its own; the service runs.

    Args:
        folder: where the service's configuration and log go.
        bootstrap_servers: Kafka's address.
        postgres: the server.
        at: host and port by which the service reaches the server, where a bad network is between them.
        copies: how many brokers have each record.
        in_parts: whether some calls come in two messages.
        more: what else ``Running`` takes.
    """
    name = f"faults_{uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgres.url(name)
    migrate(url)
    with KafkaAdminClient(bootstrap_servers=bootstrap_servers) as admin:
        options = {"num_partitions": PARTITIONS, "replication_factor": copies}
        admin.create_topics({name: options}, wait_for_metadata=True)
    host, port = at or ("127.0.0.1", postgres.port)
    through = url.replace(f"127.0.0.1:{postgres.port}", f"{host}:{port}")
    ingest = {"workers": 2, "part_wait": PART_WAIT, **more.pop("ingest", {})}
    with (
        closing(Traffic(bootstrap_servers, name, in_parts=in_parts)) as traffic,
        Running(folder, bootstrap_servers, url, name, through=through, ingest=ingest, **more) as service,
    ):
        yield Stage(service, traffic)
