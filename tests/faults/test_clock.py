"""What the machine's clock may do to the service: jump an hour ahead, and back, and an hour behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from monitor.demo.embedded import PostgresServer
from tests.faults.proof import Proof, Row
from tests.faults.stage import staged
from tests.services.apache_kafka import ApacheKafka
from tests.services.paths import ROOT

#: Seconds by which the clock is put forward and back, one after the other.
STEPS = ("3600", "0", "-3600", "0")


def test_nothing_is_lost_when_the_clock_is_stepped(
    own_kafka: ApacheKafka,
    own_postgres: PostgresServer,
    record: Callable[[Row], None],
    tmp_path: Path,
    long_form: bool,
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    path = os.pathsep.join((str(Path(__file__).parent / "stepped"), str(ROOT)))
    environment = {"PYTHONPATH": path, "STEPPED_CLOCK": str(clock)}
    with staged(tmp_path, own_kafka.bootstrap_servers, own_postgres, environment=environment) as stage:
        proof = Proof(stage, record)
        with proof.of("clock stepped by an hour, forward and back"):
            for step in STEPS * (5 if long_form else 1):
                clock.write_text(step)
                time.sleep(3)
                proof.mended()
