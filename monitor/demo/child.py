"""Server processes that this process owns: an argument list goes in, a running ``Child`` comes out.

A child writes to a log file, is stopped with a signal and then killed, and does not outlive its parent,
however the parent ends.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from monitor.errors import Permanent

_POLL_SECONDS = 0.02
_LOG_TAIL_BYTES = 2_000
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

#: Loaded before any fork: the child may only call it, not load it.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class User(NamedTuple):
    """The user a child runs as, where it is not our own."""

    uid: int
    gid: int


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens.

    It is below the range that Linux hands out to outgoing connections, so that none of those takes it
    between this call and the server's start, nor while a server that is to come back is down.

    Raises:
        Permanent: a hundred ports were tried and all are taken.
    """
    for port in random.sample(range(15_000, 32_000), 100):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Permanent("no free TCP port found on 127.0.0.1 between 15000 and 32000")


class Child:
    """A running server process.

    It starts in a session of its own, so that Ctrl-C in our terminal reaches us and not the server:
    the server goes last. Start it from a thread that lives as long as the server is to live.

    Args:
        name: what people call it, for messages.
        command: program and arguments.
        log: file that gets its standard output and error.
        env: its whole environment.
        user: the user it runs as; ``None`` for our own.

    Raises:
        Permanent: the program cannot be run.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str],
        user: User | None = None,
    ) -> None:
        self.name = name
        self._log = log
        with log.open("ab") as output:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=log.parent,
                    env=dict(env),
                    start_new_session=True,
                    preexec_fn=_die_with_parent(os.getpid()),
                    user=user.uid if user else None,
                    group=user.gid if user else None,
                    extra_groups=[] if user else None,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise Permanent(f"{name} cannot be started: {command[0]}: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], *, within: float) -> None:
        """Wait until the server answers.

        Args:
            ready: asks it once.
            within: seconds to wait at most.

        Raises:
            Permanent: it ended, or did not answer in time; the message has the end of its log.
        """
        deadline = time.monotonic() + within
        while True:
            ended = self._process.poll() is not None
            if ready():
                return
            # Asked before: what was ready in its last moment was ready.
            if ended:
                self.check()
            if time.monotonic() > deadline:
                raise Permanent(f"{self.name} did not answer within {within:g} s:\n{self._tail()}")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            Permanent: it ended; the message has the end of its log.
        """
        if self._process.poll() is not None:
            raise Permanent(f"{self.name} ended with status {self._process.returncode}:\n{self._tail()}")

    def wait(self, *, within: float) -> None:
        """Wait until the program has done its work and ended.

        Args:
            within: seconds to wait at most.

        Raises:
            Permanent: it failed, or has not ended in time; the message has the end of its log.
        """
        self.wait_until(lambda: self._process.poll() == 0, within=within)

    def stop(self, how: signal.Signals = signal.SIGTERM, *, within: float = 10.0) -> None:
        """End the process: ask with the signal ``how``, and kill it after ``within`` seconds."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def _tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """What a new child runs first, so that it gets SIGKILL when the thread that started it ends.

    Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere a child outlives a parent that was killed.

    Args:
        parent: our process id; a child that has another parent by then came too late, and ends.
    """
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
