"""Garbage is collected by what was read; and what is read, junk too, leaves hardly any."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from monitor.decode import decode
from monitor.ingest.garbage import AFTER_BYTES, AFTER_S, Garbage
from monitor.records import Record
from monitor.scorers import score
from tests.decode.junk import JUNK


class Seconds:
    """A monotonic clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def collections() -> list[None]:
    return []


@pytest.fixture
def garbage(seconds: Seconds, collections: list[None]) -> Garbage:
    return Garbage(lambda: collections.append(None), seconds)


def test_it_is_collected_each_time_that_so_much_was_read(garbage: Garbage, collections: list[None]) -> None:
    for _ in range(8):
        garbage.read(AFTER_BYTES // 4)
    assert len(collections) == 2


def test_it_is_collected_after_a_while_without_a_record(
    garbage: Garbage, collections: list[None], seconds: Seconds
) -> None:
    garbage.read(0)
    assert not collections
    for _ in range(2):
        seconds.now += AFTER_S
        garbage.read(0)
        garbage.read(0)
    assert len(collections) == 2


def test_python_itself_collects_nothing_any_more() -> None:
    program = """
import gc
from monitor.ingest.garbage import Garbage
Garbage().take_over()
assert not gc.isenabled() and gc.get_freeze_count() > 10_000
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "template",
    [
        '{"version": 1, "call_id": "1", "started_at": "2026-01-01T00:00:00Z", "outputs": %s}',
        '{"request": {"body": {"model": "m", "messages": %s}}, "response": {"body": %s}}',
        '{"resourceSpans": %s}',
        "[%s, 1, %s]",
        '{"unknown": %s}',
        "{%s",
    ],
    ids=["native", "pair", "otlp", "array", "unknown", "broken"],
)
@pytest.mark.usefixtures("uncollected")
def test_junk_leaves_no_garbage(template: str) -> None:
    values = [template.replace("%s", json.dumps(junk)).encode() for junk in JUNK]

    def read() -> None:
        for value in values:
            for call in decode(Record("calls", 0, 0, value)).calls:
                score(call)

    read()  # what is made once, such as a cache, may leave some
    gc.collect()
    read()
    assert gc.collect() == 0
