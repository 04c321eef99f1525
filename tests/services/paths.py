"""Where the services that the tests use are on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Apache Kafka and what it depends on, copied by ``make services``.
KAFKA_JARS = ROOT / ".services" / "kafka"

KAFKA_POM = Path(__file__).parent / "kafka" / "pom.xml"

#: The OpenTelemetry Collector's program, built by ``make services``.
COLLECTOR = ROOT / ".services" / "collector" / "collector"

COLLECTOR_MANIFEST = Path(__file__).parent / "collector" / "manifest.yaml"

#: Where Debian's package postgresql-15 puts the server's programs.
DEBIAN_POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")

#: Where Debian's package prometheus-alertmanager puts its program.
ALERTMANAGER = Path("/usr/bin/prometheus-alertmanager")

#: Where Debian's package chromium puts its program.
CHROMIUM = Path("/usr/bin/chromium")

#: What looks for faults that keep people with impairments out, by ``make services`` out of npm's registry.
AXE = ROOT / ".services" / "axe" / "node_modules" / "axe-core" / "axe.min.js"

_SHM = Path("/dev/shm")
_ENOUGH_BYTES = 4 * 1024**3


def _in_memory() -> Path | None:
    if os.access(_SHM, os.W_OK) and shutil.disk_usage(_SHM).free >= _ENOUGH_BYTES:
        return _SHM
    return None


#: The folder for servers that need no disk: in memory, where a database is cloned in a tenth of the time.
#: ``None``, so where temporary files usually go, on a machine with less of it: a container often has 64 MB.
QUICK_FOLDER = _in_memory()
