"""What a full disk under PostgreSQL does to the service."""

from __future__ import annotations

import errno
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
def test_nothing_is_lost_when_the_disk_is_full(
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


def fill(path: Path) -> None:
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1 << 20))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
