"""A network namespace that can be cut off: a host of its own, as far as packets go, on this machine.

In it only a proxy runs, through which a service reaches a server that is on 127.0.0.1. Cut off, its packets
go nowhere, which no connection is told. Linux and root only.
"""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.errors import Permanent
from tests.services.proxy import Proxy

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_LIBC = ctypes.CDLL(None, use_errno=True)

#: An Ethernet address that nobody has.
_NOBODY = "02:00:00:00:00:01"


class FarAway:
    """Makes a server on 127.0.0.1 one behind a network; a context manager that makes and removes it.

    Args:
        port: the server's port.

    Attributes:
        address: host and port by which the server is reached.

    Raises:
        Permanent: on entering: this machine does not let us make a network.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._stack = ExitStack()
        number = random.randrange(1, 250)
        self._name = f"llmm{os.getpid()}"
        self._here, self._there = f"10.213.{number}.1", f"10.213.{number}.2"
        self.address = ("", 0)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            name, inside = self._name, ("netns", "exec", self._name, "ip")
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
            _ip("addr", "add", f"{self._here}/24", "dev", f"{name}a")
            _ip("link", "set", f"{name}a", "up")
            _ip(*inside, "addr", "add", f"{self._there}/24", "dev", f"{name}b")
            _ip(*inside, "link", "set", f"{name}b", "up")
            near = stack.enter_context(Proxy(self._port, host=self._here))
            far = Proxy(near.port, host=self._there, to_host=self._here, enter=self._enter)
            stack.enter_context(far)
            self.address = (self._there, far.port)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def cut(self) -> None:
        """From now on lose every packet that is sent there."""
        device = f"{self._name}a"
        _ip("neigh", "replace", self._there, "lladdr", _NOBODY, "dev", device, "nud", "permanent")

    def mend(self) -> None:
        """Carry packets again."""
        _ip("neigh", "del", self._there, "dev", f"{self._name}a")

    def _enter(self) -> None:
        """Move the calling thread into the namespace: setns(2)."""
        with (Path("/run/netns") / self._name).open() as namespace:
            if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise Permanent(f"setns: {os.strerror(ctypes.get_errno())}")


def _ip(*arguments: str) -> None:
    """Run ``ip``.

    Raises:
        Permanent: it can't do that here.
    """
    try:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=10)
    except OSError as error:
        raise Permanent(f"ip: {error}") from error
    if done.returncode != 0:
        raise Permanent(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
