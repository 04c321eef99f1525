"""The pytest plugin that gives tests their servers, and says which ones a run went without.

Store and integration tests ask for ``database`` or ``kafka`` and run against every server there is. One
that this machine lacks is named at the end of the run, with the number of tests that did without it;
with ``CI=true`` that fails the run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, Final, LiteralString
from uuid import uuid4

import psycopg
import pytest
from kafka import KafkaAdminClient
from psycopg import sql

from monitor.demo.embedded import KafkaBroker, PostgresServer, embedded_postgres_bin
from monitor.store.migrate import migrate
from tests.services.alertmanager import Alertmanager
from tests.services.apache_kafka import ApacheKafka, KafkaCluster
from tests.services.chromium import Browser
from tests.services.missing import Service, missing_services
from tests.services.otel_collector import Collector
from tests.services.paths import DEBIAN_POSTGRES_BIN, QUICK_FOLDER

_MISSING: Final = missing_services()
_EMBEDDED_BROKER: Final = "embedded-broker"
_TEMPLATE: Final = "migrated"
_INHERITED: Final = ("LLM_MONITOR_", "OTEL_", "PG")

#: Fixtures that are an Apache Kafka where there is one.
_KAFKAS: Final = frozenset({"kafka", "own_kafka", "kafka_cluster"})

_affected: Final = pytest.StashKey[Counter[Service]]()


# ------------------------------------------------------------------------------------------------ fixtures


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[Service], PostgresServer]]:
    """Gives a version's server, with the template of databases: started when first asked for, and then kept.

    pytest takes a fixture with parameters down whenever the parameter changes: twice in every file.
    """
    with ExitStack() as stack:

        @cache
        def running(service: Service) -> PostgresServer:
            bin_dir = DEBIAN_POSTGRES_BIN if service is Service.POSTGRES_15 else embedded_postgres_bin()
            server = stack.enter_context(PostgresServer(bin_dir, within=QUICK_FOLDER))
            _run(server, "CREATE DATABASE {}", _TEMPLATE)
            migrate(server.url(_TEMPLATE))
            return server

        yield running


@pytest.fixture(scope="session")
def postgres_server(
    request: pytest.FixtureRequest, postgres_servers: Callable[[Service], PostgresServer]
) -> PostgresServer:
    """A PostgreSQL server: Debian's 15 and the embedded 18, one after the other; see ``one_postgres``."""
    service: Service = request.param
    if service in _MISSING:
        pytest.skip(f"{service}: {_MISSING[service]}")
    return postgres_servers(service)


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    with _new_database(postgres_server, template=_TEMPLATE) as url:
        yield url


@pytest.fixture(scope="module")
def module_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a migrated database of this module's own: for tests that leave it as they found it."""
    with _new_database(postgres_server, template=_TEMPLATE) as url:
        yield url


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database of this test's own, in which nothing ran yet."""
    with _new_database(postgres_server, template="template1") as url:
        yield url


class Kafka:
    """A running broker, and topics on it.

    Attributes:
        bootstrap_servers: its address, as Kafka clients take it.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers

    def create_topic(self, partitions: int = 1) -> str:
        """Create a topic that no other test uses; gives its name once every partition has a leader."""
        name = f"test-{uuid4().hex}"
        options = {"num_partitions": partitions, "replication_factor": 1}
        with KafkaAdminClient(bootstrap_servers=self.bootstrap_servers) as admin:
            admin.create_topics({name: options}, wait_for_metadata=True)
        return name


@pytest.fixture(
    scope="session",
    params=[_EMBEDDED_BROKER if Service.APACHE_KAFKA in _MISSING else Service.APACHE_KAFKA],
    ids=str,
)
def kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """A Kafka broker: Apache Kafka, or the embedded one where that can't be had."""
    broker = KafkaBroker() if request.param == _EMBEDDED_BROKER else ApacheKafka()
    with broker:
        yield Kafka(broker.bootstrap_servers)


@pytest.fixture(scope="session")
def own_kafka() -> Iterator[ApacheKafka]:
    """An Apache Kafka that a test may stop, kill and start again.

    A test that does so leaves it running.
    """
    if Service.APACHE_KAFKA in _MISSING:
        pytest.skip(f"{Service.APACHE_KAFKA}: {_MISSING[Service.APACHE_KAFKA]}")
    with ApacheKafka() as broker:
        yield broker


@pytest.fixture(scope="module")
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Three Apache Kafka brokers of this module's own, as ``own_kafka``."""
    if Service.APACHE_KAFKA in _MISSING:
        pytest.skip(f"{Service.APACHE_KAFKA}: {_MISSING[Service.APACHE_KAFKA]}")
    with KafkaCluster(3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this module's own, which a test may stop and start again.

    A test that does so leaves it running.
    """
    if Service.POSTGRES_15 in _MISSING:
        pytest.skip(f"{Service.POSTGRES_15}: {_MISSING[Service.POSTGRES_15]}")
    with PostgresServer(DEBIAN_POSTGRES_BIN, within=QUICK_FOLDER) as server:
        yield server


@pytest.fixture(params=["otlp_proto", "otlp_json"])
def collector(request: pytest.FixtureRequest, kafka: Kafka) -> Iterator[Collector]:
    """An OpenTelemetry Collector that writes to two new topics, in one encoding after the other."""
    if Service.COLLECTOR in _MISSING:
        pytest.skip(f"{Service.COLLECTOR}: {_MISSING[Service.COLLECTOR]}")
    topics = kafka.create_topic(2), kafka.create_topic(2)
    with Collector(kafka.bootstrap_servers, request.param, *topics) as running:
        yield running


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    """An Alertmanager of this module's own; what tests tell it has labels of their own."""
    if Service.ALERTMANAGER in _MISSING:
        pytest.skip(f"{Service.ALERTMANAGER}: {_MISSING[Service.ALERTMANAGER]}")
    with Alertmanager() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    if Service.CHROMIUM in _MISSING:
        pytest.skip(f"chromium: {_MISSING[Service.CHROMIUM]}")
    with Browser() as browser:
        yield browser


# --------------------------------------------------------------------------------------------------- hooks


def pytest_configure(config: pytest.Config) -> None:
    """Forget the settings that this process inherited: no test may depend on them.

    A process that only shares tests out hands them on to those that run them.
    """
    config.stash[_affected] = Counter()
    if config.getoption("numprocesses", None):
        return
    for name in list(os.environ):
        if name.startswith(_INHERITED):
            del os.environ[name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that wants PostgreSQL on both servers, unless it is marked ``one_postgres``."""
    if "postgres_server" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("one_postgres")
        servers = [Service.POSTGRES_15] if one else [Service.POSTGRES_15, Service.POSTGRES_18]
        metafunc.parametrize("postgres_server", servers, indirect=True, ids=str, scope="session")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that need a server, for ``-m``."""
    fixtures = getattr(item, "fixturenames", ())
    if _KAFKAS.intersection(fixtures):
        item.add_marker(pytest.mark.kafka)
    if "postgres_server" in fixtures or "own_postgres" in fixtures:
        item.add_marker(pytest.mark.postgres)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Count the tests that have to do without a server."""
    item.config.stash[_affected].update(service for service in _services(item) if service in _MISSING)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the processes say among which pytest-xdist shared the tests out."""
    missing = getattr(node, "workeroutput", {}).get("missing", {})
    node.config.stash[_affected].update({Service(name): tests for name, tests in missing.items()})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a run without one of the servers has failed, whatever its tests say."""
    if hasattr(session.config, "workeroutput"):
        affected = session.config.stash[_affected]
        session.config.workeroutput["missing"] = {str(name): tests for name, tests in affected.items()}
        return
    if _in_ci() and session.config.stash[_affected] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the servers that this run did without."""
    affected = config.stash[_affected]
    if not affected:
        return
    terminalreporter.section("not run", red=_in_ci(), yellow=not _in_ci())
    for service, tests in sorted(affected.items()):
        instead = (
            "skipped, or run against the embedded broker" if service is Service.APACHE_KAFKA else "skipped"
        )
        terminalreporter.write_line(f"{service}: {_MISSING[service]}. Tests {instead}: {tests}")
    if _in_ci():
        terminalreporter.write_line("CI=true: every server above is required, so this run has failed")


# ------------------------------------------------------------------------------------------------- helpers


@contextmanager
def _new_database(server: PostgresServer, *, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    _run(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield server.url(name)
    finally:
        _run(server, "DROP DATABASE {} WITH (FORCE)", name)


def _run(server: PostgresServer, statement: LiteralString, *names: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _services(item: pytest.Item) -> Iterator[Service]:
    """The services that a test asks for."""
    fixtures = getattr(item, "fixturenames", ())
    if _KAFKAS.intersection(fixtures):
        yield Service.APACHE_KAFKA
    if "collector" in fixtures:
        yield Service.COLLECTOR
    if "alertmanager" in fixtures:
        yield Service.ALERTMANAGER
    if "browser" in fixtures:
        yield Service.CHROMIUM
    if "own_postgres" in fixtures:
        yield Service.POSTGRES_15
    if "postgres_server" in fixtures and isinstance(item, pytest.Function):
        yield Service(str(item.callspec.params["postgres_server"]))


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"
