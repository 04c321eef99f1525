"""``python -m tests.services install``: puts the servers that the tests need on this machine.

Debian's packages by apt, as root; Apache Kafka's jars by Maven into ``.services/kafka``; the OpenTelemetry
Collector, built by its own builder, into ``.services/collector``; axe-core by npm into ``.services/axe``.
What is there already is left alone. What can't be had is printed with its reason and is no failure: the tests
say what they did without.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.services.paths import (
    ALERTMANAGER,
    AXE,
    CHROMIUM,
    COLLECTOR,
    COLLECTOR_MANIFEST,
    DEBIAN_POSTGRES_BIN,
    KAFKA_JARS,
    KAFKA_POM,
    ROOT,
)

_APT_SECONDS = 900
_MAVEN_SECONDS = 900
_GO_SECONDS = 900
_NPM_SECONDS = 300

#: The release of axe-core that pages are held against.
AXE_VERSION = "4.14.1"

#: Read by Debian's postgresql-common: installing the package shall start no server of the machine's own.
_NO_MAIN_CLUSTER = Path("/etc/postgresql-common/createcluster.d/llm-monitor-tests.conf")

#: Asked by Debian's packages before they start a server (invoke-rc.d); 101 forbids it.
_NO_SERVERS = Path("/usr/sbin/policy-rc.d")


class Unavailable(Exception):
    """Something that can't be installed here; the message says why."""


def main(arguments: Sequence[str]) -> int:
    """Install what is missing; gives the exit status."""
    if list(arguments) != ["install"]:
        print("usage: python -m tests.services install", file=sys.stderr)
        return 2
    services = {
        "PostgreSQL 15": install_postgres,
        "Apache Kafka": install_kafka,
        "OpenTelemetry Collector": install_collector,
        "Alertmanager": install_alertmanager,
        "Chromium": install_chromium,
    }
    for name, install in services.items():
        try:
            install()
        except Unavailable as reason:
            print(f"{name} can't be installed here: {reason}")
        else:
            print(f"{name}: there")
    return 0


def install_postgres() -> None:
    """Install Debian's PostgreSQL server, if there is none.

    Raises:
        Unavailable: apt can't.
    """
    if not (DEBIAN_POSTGRES_BIN / "postgres").is_file():
        with _no_main_cluster():
            _apt("postgresql-15")


def install_kafka() -> None:
    """Copy Apache Kafka's jars to ``.services/kafka``, unless those that the pom names are there.

    Raises:
        Unavailable: there is no Java or no Maven, or Maven gets no answer.
    """
    stamp = KAFKA_JARS / "pom.xml"
    if stamp.is_file() and stamp.read_text() == KAFKA_POM.read_text():
        return
    missing = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
    packages = [package for program, package in missing.items() if shutil.which(program) is None]
    if packages:
        _apt(*packages)
    arriving = KAFKA_JARS.with_name("kafka.arriving")
    shutil.rmtree(arriving, ignore_errors=True)
    copy = ["mvn", "--quiet", "--batch-mode", f"--file={KAFKA_POM}", "dependency:copy-dependencies"]
    _run([*copy, f"-DoutputDirectory={arriving}", "-DincludeScope=runtime"], seconds=_MAVEN_SECONDS)
    shutil.copy(KAFKA_POM, arriving)
    shutil.rmtree(KAFKA_JARS, ignore_errors=True)
    arriving.rename(KAFKA_JARS)


def install_collector() -> None:
    """Build the Collector in ``.services/collector``, unless the one that the manifest describes is there.

    Raises:
        Unavailable: there is no Go, or one that is too old, or no module registry answers.
    """
    folder = COLLECTOR.parent
    stamp = folder / COLLECTOR_MANIFEST.name
    if stamp.is_file() and stamp.read_text() == COLLECTOR_MANIFEST.read_text():
        return
    if shutil.which("go") is None:
        raise Unavailable("no go on this machine to build it with")
    shutil.rmtree(folder, ignore_errors=True)
    release = yaml.safe_load(COLLECTOR_MANIFEST.read_text())["dist"]["version"]
    builder = f"go.opentelemetry.io/collector/cmd/builder@v{release}"
    _run(["go", "run", builder, f"--config={COLLECTOR_MANIFEST}"], seconds=_GO_SECONDS)
    shutil.copy(COLLECTOR_MANIFEST, stamp)


def install_alertmanager() -> None:
    """Install Debian's Alertmanager, if there is none.

    Raises:
        Unavailable: apt can't.
    """
    if not ALERTMANAGER.is_file():
        with _no_servers_started():
            _apt("prometheus-alertmanager")


def install_chromium() -> None:
    """Install Debian's Chromium, and axe-core in ``.services/axe``, as far as they are missing.

    Raises:
        Unavailable: apt can't, or npm gets no answer.
    """
    if not CHROMIUM.is_file():
        _apt("chromium")
    stamp = AXE.parent / "package.json"
    if stamp.is_file() and json.loads(stamp.read_text())["version"] == AXE_VERSION:
        return
    if shutil.which("npm") is None:
        _apt("npm")
    folder = AXE.parents[2]
    folder.mkdir(parents=True, exist_ok=True)
    install = ["npm", "install", "--silent", "--ignore-scripts", "--no-save", f"--prefix={folder}"]
    _run([*install, f"axe-core@{AXE_VERSION}"], seconds=_NPM_SECONDS)


def _apt(*packages: str) -> None:
    command = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        raise Unavailable(f"no apt-get on this machine to install {' '.join(packages)} with")
    if os.geteuid() != 0:
        raise Unavailable(f"this needs root: {' '.join(command)}")
    _run(["apt-get", "update", "--quiet=2"], seconds=_APT_SECONDS)
    _run(command, seconds=_APT_SECONDS)


@contextmanager
def _no_main_cluster() -> Iterator[None]:
    if os.geteuid() != 0 or _NO_MAIN_CLUSTER.exists():
        yield
        return
    _NO_MAIN_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    _NO_MAIN_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        _NO_MAIN_CLUSTER.unlink()


@contextmanager
def _no_servers_started() -> Iterator[None]:
    if os.geteuid() != 0 or _NO_SERVERS.exists():
        yield
        return
    _NO_SERVERS.write_text("#!/bin/sh\nexit 101\n")
    _NO_SERVERS.chmod(0o755)
    try:
        yield
    finally:
        _NO_SERVERS.unlink()


def _run(command: Sequence[str], *, seconds: float) -> None:
    # The Collector is all Go: without cgo its build needs no C compiler.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "CGO_ENABLED": "0"}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: status {done.returncode}\n{done.stdout.strip()[-1500:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
