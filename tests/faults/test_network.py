"""What the network between the service and PostgreSQL may do: be slow, say nothing, lose every packet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.demo.embedded import PostgresServer
from monitor.errors import Permanent
from tests.faults.proof import Proof, Row
from tests.faults.stage import staged
from tests.services.apache_kafka import ApacheKafka
from tests.services.network import FarAway
from tests.services.proxy import Proxy


def test_nothing_is_lost_when_the_network_to_postgres_is_slow(
    proof: Proof, proxy: Proxy, long_form: bool
) -> None:
    with proof.of("network to PostgreSQL slowed by 100 ms each way"):
        for _ in range(5 if long_form else 1):
            proxy.delay_s = 0.1
            time.sleep(30 if long_form else 5)
            proxy.delay_s = 0.0
            proof.mended()


def test_nothing_is_lost_when_the_network_to_postgres_says_nothing_for_a_while(
    proof: Proof, proxy: Proxy, long_form: bool
) -> None:
    silent_s = 30 if long_form else 5
    with proof.of(f"network to PostgreSQL held back for {silent_s} s"):
        for _ in range(5 if long_form else 1):
            proxy.stall()
            time.sleep(silent_s)
            proxy.resume()
            proof.mended()


def test_nothing_is_lost_when_the_network_loses_every_packet(
    own_kafka: ApacheKafka,
    own_postgres: PostgresServer,
    network: FarAway,
    record: Callable[[Row], None],
    tmp_path: Path,
    long_form: bool,
) -> None:
    lost_s = 60 if long_form else 8
    with staged(tmp_path, own_kafka.bootstrap_servers, own_postgres, at=network.address) as stage:
        proof = Proof(stage, record)
        with proof.of(f"every packet to PostgreSQL lost for {lost_s} s"):
            for _ in range(5 if long_form else 1):
                network.cut()
                time.sleep(lost_s)
                network.mend()
                proof.mended()


@pytest.fixture
def network(own_postgres: PostgresServer) -> Iterator[FarAway]:
    """A network of its own between the service and PostgreSQL."""
    with ExitStack() as stack:
        try:
            far = stack.enter_context(FarAway(own_postgres.port))
        except Permanent as reason:
            pytest.skip(f"no network namespaces here: {reason}")
        yield far
