"""Saves in a thread of its own: one task comes in at a time, what became of it goes out.

So a batch becomes durable while the next one is decoded and scored. Whether to try again, and when, is the
caller's to decide: here is one attempt and its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Protocol

from monitor.store import Saved

Task = Callable[[], Saved]


class Saver(Protocol):
    """What runs one attempt at a time. ``ThreadSaver`` and the tests' fakes pass the same contract tests."""

    def begin(self, task: Task) -> None:
        """Start an attempt. The one before has ended, and its result was taken."""
        ...

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether the attempt has ended; waits that many seconds for it at most."""
        ...

    def result(self) -> Saved:
        """What the attempt that has ended gave, or raises what it raised."""
        ...

    def close(self) -> None:
        """Take no more attempts. Waits for nobody: one that hangs doesn't keep the process from ending."""
        ...


class ThreadSaver:
    """A thread that makes one attempt after another."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[Task, Future[Saved]] | None] = SimpleQueue()
        self._attempt: Future[Saved] = Future()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, task: Task) -> None:
        """See ``Saver.begin``."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
            self._thread.start()
        self._attempt = Future()
        self._ended.clear()
        self._tasks.put((task, self._attempt))

    def ended(self, within_s: float = 0.0) -> bool:
        """See ``Saver.ended``."""
        return self._ended.wait(within_s)

    def result(self) -> Saved:
        """See ``Saver.result``."""
        return self._attempt.result(timeout=0)

    def close(self) -> None:
        """See ``Saver.close``."""
        self._tasks.put(None)

    def _run(self) -> None:
        while (given := self._tasks.get()) is not None:
            task, attempt = given
            try:
                attempt.set_result(task())
            except BaseException as error:  # noqa: BLE001 - it is raised anew where the result is taken
                attempt.set_exception(error)
            finally:
                self._ended.set()
