"""Logging: one line each, for machines or people, and nothing of what users wrote or keep secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: What each test runs; it logs to standard error, as the service does.
BEGIN = """
import logging, structlog
from monitor import logs
logs.configure({level!r}, {format!r})
log = structlog.get_logger("monitor.test")
"""


def logged(program: str, level: str = "info", format_: str = "json") -> list[str]:
    """The lines that a process writes which logs as the service does."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BEGIN.format(level=level, format=format_) + program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


FAILS = """
def fail(prompt, secret="hunter2"):
    content = "what the user wrote"
    raise ValueError("of what kind")
try:
    fail("a prompt")
except ValueError as error:
    log.error("it failed", exc_info=error)
    logging.getLogger("library").exception("so did %s", "this")
"""


def test_a_line_is_one_json_object() -> None:
    (line,) = logged("log.info('partitions', made=['a'], at=5)")
    entry = json.loads(line)
    assert {name: entry[name] for name in ("event", "made", "at", "level", "logger")} == {
        "event": "partitions",
        "made": ["a"],
        "at": 5,
        "level": "info",
        "logger": "monitor.test",
    }
    assert entry["timestamp"].endswith("Z")


def test_libraries_log_in_the_same_way() -> None:
    (line,) = logged("logging.getLogger('library').warning('so %s', 'much')")
    assert json.loads(line)["event"] == "so much"


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_traceback_has_no_values_of_variables(format_: str) -> None:
    text = "\n".join(logged(FAILS, format_=format_))
    assert text.count("of what kind") == 2
    for value in ("hunter2", "what the user wrote", "a prompt"):
        assert value not in text.replace('fail("a prompt")', "")


def test_a_traceback_is_part_of_its_line() -> None:
    ours, theirs = map(json.loads, logged(FAILS))
    for entry in (ours, theirs):
        assert entry["exception"][0]["exc_type"] == "ValueError"
        assert entry["exception"][0]["frames"][-1]["name"] == "fail"


def test_what_is_below_the_level_is_left_out() -> None:
    program = "log.debug('a'); log.info('b'); log.warning('c'); logging.getLogger('x').info('d')"
    assert [json.loads(line)["event"] for line in logged(program, "warning")] == ["c"]
    assert [json.loads(line)["event"] for line in logged(program, "debug")] == ["a", "b", "c", "d"]


def test_libraries_that_log_urls_are_quiet_at_every_level() -> None:
    program = "logging.getLogger('httpx').info('POST https://hooks.example.com/hunter2')"
    assert logged(program, "debug") == []


def test_what_every_line_is_to_say_is_in_those_of_other_threads_and_libraries_too() -> None:
    lines = logged(
        "import threading\n"
        "logs.configure('info', 'json', worker=3)\n"
        "thread = threading.Thread(target=lambda: log.info('ours'))\n"
        "thread.start(); thread.join()\n"
        "logging.getLogger('library').warning('theirs')\n"
    )
    assert [(entry["event"], entry["worker"]) for entry in map(json.loads, lines)] == [
        ("ours", 3),
        ("theirs", 3),
    ]


def test_what_a_used_logger_says_can_be_captured_after_another_configuration() -> None:
    program = """
log.error("first")
logs.configure("error", "json")
with structlog.testing.capture_logs() as captured:
    log.error("second")
assert [line["event"] for line in captured] == ["second"]
"""
    assert [json.loads(line)["event"] for line in logged(program)] == ["first"]
