"""Where workers come from: a process that has imported all that a worker needs, and forks.

In come two open files for each worker; out go its process id and, when it has ended, how. Importing is most
of a worker's start, so it is done once, while the supervisor is busy with its own. A nursery has one thread
and no connection, so whatever it forks is as good as started anew.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

from monitor.parent import end_with_parent

#: What a nursery says: a process id, whether it has ended, and its exit status, minus the signal that killed
#: it. Process 0 is one that could not be forked, and its status the error's number.
_WORD = struct.Struct("<i?i")

#: Seconds that a nursery may take to import and to fork.
START_S = 60.0

#: They are the supervisor's to act on, though whoever stops a service may send them to all its processes.
_STOPS = {signal.SIGINT, signal.SIGTERM}


class Nursery:
    """The supervisor's end. Use it in one thread, which lives as long as the workers are to live.

    A nursery that has ended took its workers with it; the next ``fork`` starts another.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._running: set[int] = set()
        self._ended: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start its process, which imports while this one goes on. ``fork`` does so where nobody did.

        Raises:
            OSError: the machine can't start another process now.
        """
        ours, theirs = socket.socketpair()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "monitor.workers.process", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        ours.settimeout(START_S)
        self._socket = ours

    def fork(self, files: tuple[int, int]) -> int:
        """The process id of a new worker, which has these open files.

        Raises:
            OSError: the machine can't start another process now.
        """
        if self._socket is None:
            self.open()
        assert self._socket is not None  # noqa: S101 - open now
        try:
            socket.send_fds(self._socket, [b"+"], files)
            while (pid := self._hear(self._socket)) is None:
                pass
        except OSError:
            self.close()
            raise
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return pid

    def status(self, pid: int) -> int | None:
        """The exit status of a worker, minus the signal that killed it; ``None`` while it runs."""
        try:
            while self._socket is not None and select.select([self._socket], [], [], 0)[0]:
                self._hear(self._socket)
        except OSError:
            self.close()
        return self._ended.get(pid)

    def send(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a worker, unless it has ended."""
        if self.status(pid) is None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait(self, pid: int) -> None:
        """Return when a worker has ended, and forget it."""
        while self.status(pid) is None and self._socket is not None:
            if not select.select([self._socket], [], [], START_S)[0]:
                self.close()
        self._ended.pop(pid, None)

    def close(self) -> None:
        """End its process and, on Linux, every worker at once; elsewhere they end with their line."""
        if self._process is not None and self._socket is not None:
            self._socket.close()
            self._process.kill()
            self._process.wait()
        self._process = self._socket = None
        self._ended.update(dict.fromkeys(self._running, -signal.SIGKILL))
        self._running.clear()

    def _hear(self, line: socket.socket) -> int | None:
        """Take in one word: the process id of a new worker, minus an error's number, or ``None`` of an end.

        Raises:
            OSError: the nursery is gone, or says nothing.
        """
        word = line.recv(_WORD.size, socket.MSG_WAITALL)
        if len(word) < _WORD.size:
            raise ConnectionError("the nursery of the workers is gone")
        pid, ended, status = _WORD.unpack(word)
        if not pid:
            return -int(status)
        if ended:
            self._running.discard(pid)
            self._ended[pid] = status
            return None
        self._running.add(pid)
        return int(pid)


def serve(line: socket.socket) -> tuple[int, int]:
    """Be a nursery. It returns in every worker that is forked, with the worker's two open files.

    Raises:
        SystemExit: the supervisor is gone.
    """
    end_with_parent()
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    gc.freeze()  # what all have in common stays common, untouched by a worker's collector
    while True:
        ready, _, _ = select.select([line.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 1_024)
            _tell_ends(line)
        if line.fileno() not in ready:
            continue
        asked, files, _, _ = socket.recv_fds(line, 1, 2)
        if not asked:
            raise SystemExit(0)
        try:
            pid = os.fork()
        except OSError as error:
            line.sendall(_WORD.pack(0, False, error.errno or 0))
        else:
            if pid == 0:
                end_with_parent()
                line.sendall(_WORD.pack(os.getpid(), False, 0))
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                line.close()
                os.close(woken)
                os.close(wakes)
                return files[0], files[1]
        for file in files:
            os.close(file)


def _tell_ends(line: socket.socket) -> None:
    """Say which workers have ended."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            line.sendall(_WORD.pack(ended[0], True, os.waitstatus_to_exitcode(ended[1])))
