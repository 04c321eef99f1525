"""What the proofs of a module share: one PostgreSQL behind a bad network, one Apache Kafka, one service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from monitor.demo.embedded import PostgresServer
from tests.faults.proof import Proof, Row
from tests.faults.stage import Stage, staged
from tests.services.apache_kafka import ApacheKafka
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
) -> Iterator[Stage]:
    """A service with two workers, and the traffic that it reads."""
    folder = tmp_path_factory.mktemp("stage")
    at = ("127.0.0.1", proxy.port)
    with staged(folder, own_kafka.bootstrap_servers, own_postgres, at=at) as shared:
        yield shared


@pytest.fixture
def proof(stage: Stage, record: Callable[[Row], None]) -> Proof:
    """A proof on the stage that the module shares."""
    return Proof(stage, record)
