"""What the proofs of a module share: one PostgreSQL behind a bad network, one Apache Kafka, one service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
def stage(
    own_kafka: ApacheKafka,
    own_postgres: PostgresServer,
    proxy: Proxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Running, Traffic]]:
    """A service, and the traffic that it reads."""
    migrate(own_postgres.url())
    topic = Kafka(own_kafka.bootstrap_servers).create_topic(4)
    traffic = Traffic(own_kafka.bootstrap_servers, topic)
    through = own_postgres.url().replace(f":{own_postgres.port}/", f":{proxy.port}/")
    service = Running(
        tmp_path_factory.mktemp("faults"),
        own_kafka.bootstrap_servers,
        own_postgres.url(),
        topic,
        through=through,
        ingest={"workers": 2},
    )
    try:
        with service:
            yield service, traffic
    finally:
        traffic.close()


@pytest.fixture
def proof(stage: tuple[Running, Traffic], record: Callable[[Row], None]) -> Proof:
    """A proof on the service that the module shares."""
    return Proof(*stage, record)
