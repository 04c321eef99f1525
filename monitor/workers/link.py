"""The line between the supervisor and one worker process: what goes in at one end comes out at the other.

The supervisor says once what the worker is (``Start``); the worker says every second how it is (``Report``).
When the line breaks, the other end is gone. A message is its length in four bytes, then msgpack.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import struct
import tempfile
from contextlib import suppress
from typing import IO

import msgspec

from monitor.config import Config
from monitor.ingest.at_hand import SIZE, AtHand
from monitor.records import Place
from monitor.workers.nursery import Nursery
from monitor.workers.snapshots import Family

_LENGTH = struct.Struct("<I")


class Start(msgspec.Struct, frozen=True):
    """What a worker has to know. It holds secrets, and so it is no argument and no variable."""

    number: int
    """Which of the supervisor's workers it is, from 0."""
    config: Config
    instance: str
    """Its name in the consumer group (Kafka's ``group.instance.id``), unlike any other that is alive."""


class Report(msgspec.Struct, frozen=True):
    """What a worker says of itself."""

    metrics: tuple[Family, ...] = ()
    idle_s: float = 0.0
    """Seconds since its loop last turned."""
    problems: tuple[str, ...] = ()
    """Why it is not ready; empty when it is."""
    failure: str | None = None
    """Its last words, where it ends because a person is needed."""


class WorkerProcess:
    """A worker, in a process of its own, as its supervisor sees it.

    Args:
        nursery: where it comes from.
        start: what it has to know.

    Raises:
        OSError: the machine can't start another process now.
    """

    def __init__(self, nursery: Nursery, start: Start) -> None:
        ours, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as shared:
            shared.truncate(SIZE)
            self._memory = mmap.mmap(shared.fileno(), SIZE)
            self._at_hand = AtHand(self._memory)
            try:
                self._pid = nursery.fork((theirs.fileno(), shared.fileno()))
            except OSError:
                ours.close()
                self._memory.close()
                raise
        self._nursery = nursery
        self._socket = ours
        self._received = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Report)
        with suppress(BrokenPipeError):  # it has ended already, which its exit status will say
            ours.sendall(_framed(msgspec.msgpack.encode(start)))
        ours.setblocking(False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._pid

    def status(self) -> int | None:
        """Its exit status, minus the signal that killed it; ``None`` while it runs."""
        return self._nursery.status(self._pid)

    def reports(self) -> list[Report]:
        """What it has said since it was last asked. Never waits."""
        while True:
            try:
                received = self._socket.recv(1 << 20)
            except (BlockingIOError, ConnectionError):
                break
            if not received:
                break
            self._received += received
        found = []
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            end = _LENGTH.size + length
            if len(self._received) < end:
                break
            found.append(self._decoder.decode(bytes(self._received[_LENGTH.size : end])))
            del self._received[:end]
        return found

    def at_hand(self) -> tuple[Place, float] | None:
        """The record that it works on, and since how many seconds."""
        return self._at_hand.read()

    def terminate(self) -> None:
        """Ask it to end after the batch that it is at."""
        self._nursery.send(self._pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._nursery.send(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Forget it; it must have ended."""
        self._nursery.wait(self._pid)
        self._socket.close()
        self._memory.close()


class Line:
    """The worker's end of the line.

    Args:
        number: the open socket that the supervisor left.
    """

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._stream: IO[bytes] = self._socket.makefile("rb")

    def start(self) -> Start:
        """What this worker is.

        Raises:
            EOFError: the supervisor is gone.
        """
        head = self._stream.read(_LENGTH.size)
        body = self._stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""
        if not body:
            raise EOFError("the supervisor is gone")
        return msgspec.msgpack.decode(body, type=Start)

    def wait_for_end(self) -> None:
        """Return when the supervisor is gone, however it went."""
        self._stream.read(1)

    def report(self, report: Report) -> None:
        """Say how this worker is.

        Raises:
            OSError: nobody is there to hear it.
        """
        self._socket.sendall(_framed(msgspec.msgpack.encode(report)))


def shared_at_hand(number: int) -> AtHand:
    """The worker's side of what it has at hand, in the open file that the supervisor left."""
    memory = mmap.mmap(number, SIZE)
    os.close(number)
    return AtHand(memory)


def _framed(message: bytes) -> bytes:
    return _LENGTH.pack(len(message)) + message
