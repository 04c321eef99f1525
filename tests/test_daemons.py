"""What hangs is left behind."""

from __future__ import annotations

import threading

import pytest

from monitor.daemons import Daemons, in_time


def test_what_a_function_gives_or_raises_is_in_its_future() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    daemons = Daemons()
    given, raised = daemons.submit(max, 1, 2), daemons.submit(fail)
    daemons.shutdown()
    assert given.result() == 2
    with pytest.raises(ZeroDivisionError):
        raised.result()


def test_a_shutdown_waits_for_what_runs() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        begun.set()
        may_end.wait(30)
        ended.set()

    daemons = Daemons(patience_s=30)
    daemons.submit(run)
    begun.wait(30)
    may_end.set()
    daemons.shutdown()
    assert ended.is_set()


def test_what_hangs_is_left_behind() -> None:
    never = threading.Event()
    before = set(threading.enumerate())
    in_time(lambda: never.wait(30), patience_s=0.01)
    (left,) = set(threading.enumerate()) - before
    assert left.daemon
    never.set()
    left.join(30)
