"""A few threads for work that may hang: work comes in, its future goes out.

Not ``concurrent.futures.ThreadPoolExecutor``: Python waits for that one's threads when it exits, so that one
judge that hangs would keep the whole service from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """So many daemon threads, and never more.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._running = 0
        self._lock = threading.Lock()
        self._tasks: SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = SimpleQueue()
        for number in range(size):
            threading.Thread(target=self._run, name=f"judge-{number}", daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let a thread do it when one is free. Whatever the work raises is in the future."""
        future: Future[T] = Future()
        self._tasks.put((future, work))
        return future

    def exhausted(self) -> bool:
        """Whether every thread is at work."""
        with self._lock:
            return self._running == self._size

    def close(self) -> None:
        """End the threads that are free, and the others when they are. Waits for nobody."""
        for _ in range(self._size):
            self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, work = task
            if future.set_running_or_notify_cancel():
                self._do(future, work)

    def _do(self, future: Future[T], work: Callable[[], T]) -> None:
        try:
            # The thread counts as free before the future is done: whoever waits for it may look at once.
            with self._at_work():
                result = work()
        except BaseException as error:  # noqa: BLE001 - whoever has the future gets it; the thread goes on
            future.set_exception(error)
        else:
            future.set_result(result)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
