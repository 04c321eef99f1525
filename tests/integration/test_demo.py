"""The demo, for real: `llm-monitor demo` in a process of its own, and what it leaves behind: nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.paths import SHARED

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(360)


@contextmanager
def started(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo, with a temporary folder of its own so that what it leaves can be seen."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o755)  # PostgreSQL runs as nobody below it
    demo = subprocess.Popen(
        [sys.executable, "-m", "monitor", "demo", "--headless", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
    )
    with demo:
        try:
            yield demo
        finally:
            demo.kill()


def read_until(demo: subprocess.Popen[str], text: str) -> str:
    """What the demo printed until ``text`` was in it."""
    assert demo.stdout is not None
    seen = ""
    while text not in seen:
        line = demo.stdout.readline()
        assert line, seen
        seen += line
    return seen


def left_behind(tmp_path: Path) -> tuple[list[str], list[str]]:
    """Files in the demo's temporary folder, and processes that have it in their command line."""
    files = [str(path) for path in (tmp_path / "tmp").rglob("*")]
    processes = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path / "tmp") in command:
            processes.append(command)
    return files, processes


def read_report(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_bytes())
    assert set(report) >= {
        "produced", "stored", "duplicates", "dead_letters", "alerts", "notifications", "duration_s",
    }  # fmt: skip
    return report


@pytest.fixture
def short_tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that ``nobody`` may pass through."""
    path = tmp_path_factory.mktemp("demo")
    for folder in (path, *path.parents):
        if folder.owner() == path.owner() and folder.name.startswith(("demo", "popen-", "pytest-")):
            folder.chmod(folder.stat().st_mode | 0o055)
    return path


def test_the_demo_fires_resolves_delivers_and_accounts_for_every_call(short_tmp: Path) -> None:
    with started(short_tmp, "--report", "demo.json", "--picture", "demo.svg") as demo:
        output, _ = demo.communicate(timeout=330)
    assert demo.returncode == 0, output
    report = read_report(short_tmp / "demo.json")
    assert report["stored"] == report["produced"] - report["dead_letters"] - report["duplicates"]
    assert report["stored"] > 25_000
    assert report["duplicates"] > 0
    assert report["dead_letters"] > 0
    assert report["dropped"] == 0
    assert {alert["rule"] for alert in report["alerts"]} == {"JsonContractBroken", "ToolCallsBroken"}
    for alert in report["alerts"]:
        assert alert["fired_after_s"] > 0
        assert alert["resolved_after_s"] > 0
    assert {tuple(alert["labels"].values()) for alert in report["alerts"]} == {
        ("shop-orders",),
        ("travel-agent", "mistral-large-2512"),
    }
    assert report["notifications"] == {"sent": 8, "failed": 0}, "two alerts, two states, two channels"
    assert report["duration_s"] < 300
    picture = (short_tmp / "demo.svg").read_text()
    assert "firing" in picture
    assert "https://cdn" not in picture
    assert left_behind(short_tmp) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["starting a Kafka broker", "all is well"])
def test_an_interrupted_demo_leaves_nothing_behind(
    short_tmp: Path, number: signal.Signals, after: str
) -> None:
    with started(short_tmp) as demo:
        seen = read_until(demo, after)
        demo.send_signal(number)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, seen + output
    assert "Traceback" not in output
    assert left_behind(short_tmp) == ([], [])


def test_a_killed_demo_leaves_no_process(short_tmp: Path) -> None:
    with started(short_tmp) as demo:
        read_until(demo, "all is well")
        demo.kill()
        demo.wait()
    deadline = time.monotonic() + 20
    while (processes := left_behind(short_tmp)[1]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes == []


def test_the_demo_replays_recorded_pairs(short_tmp: Path) -> None:
    pairs = SHARED / "data" / "recorded" / "pairs" / "simonw__llm"
    with started(short_tmp, "--replay", str(pairs), "--for", "6", "--report", "demo.json") as demo:
        output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, output
    report = read_report(short_tmp / "demo.json")
    assert report["produced"] > 3_000
    assert report["stored"] == report["produced"] - report["dead_letters"] - report["duplicates"]
    assert left_behind(short_tmp) == ([], [])


def test_a_replay_of_nothing_says_so(short_tmp: Path) -> None:
    with started(short_tmp, "--replay", str(short_tmp / "missing.json")) as demo:
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "missing.json: no such file or folder" in output
    assert left_behind(short_tmp) == ([], [])
