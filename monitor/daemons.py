"""Threads that keep no process from ending: functions go in, and one that hangs is left behind at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import structlog

log = structlog.get_logger("monitor.daemons")

#: Seconds that something has to end in good order. A server that is frozen would hold it for ever.
PATIENCE_S = 5.0


class Daemons(Executor):
    """Runs each function in a daemon thread of its own: for a few that run now and then.

    Args:
        patience_s: how long ``shutdown`` waits for those that run.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See ``Executor.submit``."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - whoever holds the future is told
                future.set_exception(error)

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Wait for those that run, as long as the patience lasts; see ``Executor.shutdown``."""
        until = time.monotonic() + (self._patience_s if wait else 0.0)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        hanging = sum(thread.is_alive() for thread in self._threads)
        if wait and hanging:
            log.warning("left behind", hanging=hanging, after_s=self._patience_s)


def in_time(action: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Do this, or leave it behind when it takes longer. What it raises is its thread's to tell."""
    daemons = Daemons(patience_s)
    daemons.submit(action)
    daemons.shutdown()
