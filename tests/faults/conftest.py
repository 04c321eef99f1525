"""What the proofs of a module share: one PostgreSQL behind a bad network, one Apache Kafka, one service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from monitor.demo.embedded import PostgresServer
from monitor.store.migrate import migrate
from tests.faults.proof import Proof, Row
from tests.faults.traffic import Traffic
from tests.integration.running import Running
from tests.services.apache_kafka import ApacheKafka
from tests.services.plugin import Kafka
from tests.services.proxy import Proxy


@pytest.fixture(scope="module")
def proxy(own_postgres: PostgresServer) -> Iterator[Proxy]:
    """The network between the service and PostgreSQL."""
    with Proxy(own_postgres.port) as running:
        yield running


@pytest.fixture(scope="module")
def traffic(own_kafka: ApacheKafka) -> Iterator[Traffic]:
    """What is produced, to a topic of this module's own."""
    topic = Kafka(own_kafka.bootstrap_servers).create_topic(4)
    with closing(Traffic(own_kafka.bootstrap_servers, topic)) as produced:
        yield produced


@pytest.fixture(scope="module")
def service(
    own_postgres: PostgresServer, proxy: Proxy, traffic: Traffic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A service that reads the traffic, with two workers."""
    migrate(own_postgres.url())
    with Running(
        tmp_path_factory.mktemp("faults"),
        traffic.bootstrap_servers,
        own_postgres.url(),
        traffic.topic,
        through=own_postgres.url().replace(f":{own_postgres.port}/", f":{proxy.port}/"),
        ingest={"workers": 2},
    ) as running:
        yield running


@pytest.fixture
def proof(service: Running, traffic: Traffic, record: Callable[[Row], None]) -> Proof:
    """A proof on the service that the module shares."""
    return Proof(service, traffic, record)
