"""What a full disk under PostgreSQL does to the service."""

from __future__ import annotations

import errno
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from monitor.demo.embedded import PostgresServer
from tests.faults.proof import Proof, Row
from tests.faults.stage import staged
from tests.services.apache_kafka import ApacheKafka
from tests.services.missing import Service, missing_services
from tests.services.paths import DEBIAN_POSTGRES_BIN

#: Bytes of the disk: an empty server with its first log segments takes a fifth of it.
SIZE = 384 * 1024 * 1024


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a small disk of its own: a tmpfs, where the server's user can get to."""
    with tempfile.TemporaryDirectory(prefix="llm-monitor-disk-") as folder:
        Path(folder).chmod(0o755)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", folder]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no mounting here: {done.stderr.strip()}")
        yield Path(folder)
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(Service.POSTGRES_15 in missing_services(), reason="no PostgreSQL 15")
def test_nothing_is_lost_when_there_is_no_space_for_anything(
    own_kafka: ApacheKafka, small_disk: Path, record: Callable[[Row], None], tmp_path: Path, long_form: bool
) -> None:
    full_s = 30 if long_form else 5
    with (
        PostgresServer(DEBIAN_POSTGRES_BIN, within=small_disk) as server,
        staged(tmp_path, own_kafka.bootstrap_servers, server) as stage,
    ):
        proof = Proof(stage, record)
        with proof.of(f"disk of PostgreSQL full for {full_s} s"):
            for _ in range(5 if long_form else 1):
                fill(small_disk / "filler")
                time.sleep(full_s)
                (small_disk / "filler").unlink()
                # A server that can't write its log goes down, and an operator starts it again.
                server.stop()
                server.start()
                proof.mended()


@pytest.mark.skipif(Service.POSTGRES_15 in missing_services(), reason="no PostgreSQL 15")
def test_nothing_is_lost_and_nobody_is_needed_when_there_is_no_space_for_the_calls(
    own_kafka: ApacheKafka, small_disk: Path, record: Callable[[Row], None], tmp_path: Path, long_form: bool
) -> None:
    full_s = 30 if long_form else 3
    with PostgresServer(DEBIAN_POSTGRES_BIN) as server:
        put_tables_on(server, small_disk / "tables")
        with staged(tmp_path, own_kafka.bootstrap_servers, server) as stage:
            proof, log = Proof(stage, record), stage.service.log
            with proof.of(f"no space for PostgreSQL's tables for {full_s} s"):
                for _ in range(5 if long_form else 1):
                    seen = log.stat().st_size
                    fill(small_disk / "filler")
                    stage.service.wait_for(
                        "a save that is refused",
                        lambda: "No space left" in log.read_text()[seen:],  # noqa: B023
                    )
                    time.sleep(full_s)
                    (small_disk / "filler").unlink()
                    proof.mended()


def put_tables_on(server: PostgresServer, folder: Path) -> None:
    """Let the server keep its tables, but not its log, in a folder of a disk that only root may write to."""
    folder.mkdir()
    shutil.chown(folder, "nobody")  # Root may mount, and PostgreSQL doesn't run as root.
    with psycopg.connect(server.url(), autocommit=True) as connection:
        statement = sql.SQL("CREATE TABLESPACE small LOCATION {}")
        connection.execute(statement.format(sql.Literal(str(folder))))
        connection.execute("ALTER SYSTEM SET default_tablespace = small")
        connection.execute("SELECT pg_reload_conf()")


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1 << 20))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
