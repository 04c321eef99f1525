"""One attempt at a time: the thread and the fake keep to the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from monitor.errors import Transient
from monitor.ingest.saver import Saver, ThreadSaver
from monitor.store import Saved
from tests.fakes import MemorySaver

#: Seconds that anything may take.
PATIENCE_S = 30.0


@pytest.fixture(
    params=[ThreadSaver, MemorySaver, lambda: MemorySaver(at_once=False)], ids=["thread", "at once", "later"]
)
def saver(request: pytest.FixtureRequest) -> Iterator[Saver]:
    make: Callable[[], Saver] = request.param
    saver = make()
    yield saver
    saver.close()


def test_an_attempt_gives_its_result_when_it_has_ended(saver: Saver) -> None:
    for stored in (1, 2):
        saver.begin(lambda stored=stored: Saved(stored, 0, 0))  # type: ignore[misc]
        assert saver.ended(PATIENCE_S)
        assert saver.ended()
        assert saver.result() == Saved(stored, 0, 0)


@pytest.mark.parametrize("error", [Transient("away"), MemoryError()], ids=["transient", "memory"])
def test_what_an_attempt_raises_is_raised_where_its_result_is_taken(saver: Saver, error: Exception) -> None:
    def fail() -> Saved:
        raise error

    saver.begin(fail)
    assert saver.ended(PATIENCE_S)
    with pytest.raises(type(error)):
        saver.result()
    saver.begin(lambda: Saved(1, 0, 0))
    assert saver.ended(PATIENCE_S)
    assert saver.result() == Saved(1, 0, 0)


def test_a_thread_goes_on_while_its_caller_does_something_else() -> None:
    go_on = threading.Event()

    def save() -> Saved:
        assert go_on.wait(PATIENCE_S)
        return Saved(1, 0, 0)

    saver = ThreadSaver()
    saver.begin(save)
    assert not saver.ended()
    assert not saver.ended(0.01)
    go_on.set()
    assert saver.ended(PATIENCE_S)
    saver.close()


def test_a_thread_that_hangs_keeps_nobody_from_ending() -> None:
    hanging = threading.Event()
    saver = ThreadSaver()
    saver.begin(lambda: Saved(int(hanging.wait(PATIENCE_S)), 0, 0))
    saver.close()
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "saver" and thread.daemon)
    hanging.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
