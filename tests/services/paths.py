"""Where the services that the tests use are on this machine."""

from __future__ import annotations

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
