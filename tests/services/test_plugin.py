"""A run without one of the servers says so, and in CI it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.missing import NO_APACHE_KAFKA
from tests.services.paths import ROOT

USES_KAFKA = "def test_it(kafka): assert kafka.create_topic(2)"
USES_OWN_KAFKA = "def test_it(own_kafka): own_kafka.kill()"
USES_NOTHING = "def test_it(): pass"


def run(folder: Path, test: str, *options: str, **environment: str) -> tuple[int, str]:
    """Run one test with the plugin in a process of its own; gives exit status and output."""
    (folder / "test_it.py").write_text(test)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "tests.services.plugin",
    ]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options, str(folder / "test_it.py")],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "CI"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("test", [USES_KAFKA, USES_OWN_KAFKA], ids=["kafka", "own_kafka"])
def test_a_run_without_apache_kafka_names_it(tmp_path: Path, test: str) -> None:
    status, output = run(tmp_path, test, **{NO_APACHE_KAFKA: "1"})
    assert status == 0
    assert (
        f"apache-kafka: {NO_APACHE_KAFKA}=1. Tests skipped, or run against the embedded broker: 1" in output
    )
    assert "CI=true" not in output


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "shared out"])
@pytest.mark.parametrize("test", [USES_KAFKA, USES_OWN_KAFKA], ids=["kafka", "own_kafka"])
def test_in_ci_a_run_without_apache_kafka_fails(tmp_path: Path, test: str, options: tuple[str, ...]) -> None:
    status, output = run(tmp_path, test, *options, CI="true", **{NO_APACHE_KAFKA: "1"})
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "CI=true: every server above is required, so this run has failed" in output


def test_in_ci_a_run_that_needs_no_kafka_passes_without_it(tmp_path: Path) -> None:
    status, output = run(tmp_path, USES_NOTHING, CI="true", **{NO_APACHE_KAFKA: "1"})
    assert status == 0
    assert "apache-kafka" not in output


def test_no_test_sees_settings_of_the_machine(tmp_path: Path) -> None:
    test = """
import os
def test_it():
    assert not [name for name in os.environ if name.startswith(("PG", "OTEL_", "LLM_MONITOR_"))]
"""
    settings = {"PGHOST": "elsewhere", "OTEL_SDK_DISABLED": "true", "LLM_MONITOR_KAFKA": "elsewhere:9092"}
    status, output = run(tmp_path, test, **settings)
    assert status == 0, output
