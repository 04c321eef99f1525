"""What becomes of workers with the process that they come from. They are given a line that says nothing."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.ingest.at_hand import SIZE
from monitor.workers.nursery import Nursery


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


@pytest.fixture
def line() -> Iterator[socket.socket]:
    """The supervisor's end of the line of every worker of the test."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield theirs


def fork(nursery: Nursery, line: socket.socket) -> int:
    with tempfile.TemporaryFile() as shared:
        shared.truncate(SIZE)
        return nursery.fork((line.fileno(), shared.fileno()))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_each_worker_ends_for_itself_and_how_is_known_until_it_is_forgotten(
    nursery: Nursery, line: socket.socket
) -> None:
    first, second = fork(nursery, line), fork(nursery, line)
    assert nursery.status(first) is None
    assert parent(first) == parent(second), "one process has imported for both"
    nursery.send(first, signal.SIGKILL)
    while nursery.status(first) is None:
        pass
    assert nursery.status(first) == -signal.SIGKILL
    assert nursery.status(second) is None
    nursery.send(first, signal.SIGKILL)  # whoever has its process id now is not meant
    nursery.wait(first)
    assert nursery.status(first) is None


def test_a_nursery_that_is_killed_takes_its_workers_along_and_the_next_worker_comes_from_another(
    nursery: Nursery, line: socket.socket
) -> None:
    first = fork(nursery, line)
    before = parent(first)
    os.kill(before, signal.SIGKILL)
    nursery.wait(first)
    second = fork(nursery, line)
    assert parent(second) not in (before, os.getpid())
    assert nursery.status(second) is None


def test_nothing_is_left_when_it_is_closed_whatever_its_workers_are_at(line: socket.socket) -> None:
    with Nursery() as nursery:
        pid = fork(nursery, line)
        nursery.send(pid, signal.SIGSTOP)
    assert nursery.status(pid) == -signal.SIGKILL
    gone = Path(f"/proc/{pid}")
    while gone.exists() and (gone / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
