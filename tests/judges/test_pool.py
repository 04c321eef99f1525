"""Threads for work that may hang: never more than said, and nobody waits for them."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import wait
from pathlib import Path

import pytest

from monitor.judges.pool import Pool

ROOT = Path(__file__).resolve().parents[2]


def test_what_the_work_gives_or_raises_is_in_the_future() -> None:
    pool: Pool[float] = Pool(1)
    good, bad = pool.submit(lambda: 1.0), pool.submit(lambda: 1 / 0)
    assert good.result(30) == 1.0
    with pytest.raises(ZeroDivisionError):
        bad.result(30)
    pool.close()


def test_a_thread_outlives_work_that_wants_to_end_it() -> None:
    pool: Pool[object] = Pool(1)
    with pytest.raises(SystemExit):
        pool.submit(sys.exit).result(30)
    assert pool.submit(lambda: 2).result(30) == 2
    pool.close()


def test_there_are_never_more_threads_than_said() -> None:
    names: set[str] = set()
    both = threading.Barrier(2, timeout=30)

    def work() -> None:
        names.add(threading.current_thread().name)
        both.wait()

    pool: Pool[None] = Pool(2)
    wait([pool.submit(work) for _ in range(10)], 30)
    pool.close()
    assert names == {"judge-0", "judge-1"}


def test_it_is_exhausted_while_every_thread_is_at_work() -> None:
    pool: Pool[bool] = Pool(1)
    begun, released = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return released.wait(30)

    assert not pool.exhausted()
    future = pool.submit(work)
    assert begun.wait(30)
    assert pool.exhausted()
    released.set()
    assert future.result(30)
    assert not pool.exhausted()
    pool.close()


def test_what_was_cancelled_before_it_began_is_not_done() -> None:
    pool: Pool[object] = Pool(1)
    released = threading.Event()
    done: list[int] = []
    first = pool.submit(lambda: released.wait(30))
    second, third = pool.submit(lambda: done.append(2)), pool.submit(lambda: done.append(3))
    assert second.cancel()
    released.set()
    wait([first, third], 30)
    assert done == [3]
    pool.close()


def test_a_closed_pool_ends_its_threads() -> None:
    before = set(threading.enumerate())
    pool: Pool[None] = Pool(3)
    threads = set(threading.enumerate()) - before
    assert len(threads) == 3
    pool.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_work_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = """
import threading
from monitor.judges.pool import Pool
begun = threading.Event()
pool = Pool(2)
pool.submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
pool.close()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0
