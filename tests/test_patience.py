"""Waiting for what is not there yet."""

from __future__ import annotations

import threading

import pytest

from monitor.errors import Permanent, Transient
from monitor.patience import until_it_works


class Stop(threading.Event):
    """An event that is never waited for."""

    def __init__(self, *, after: int | None = None) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._after = after

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if self._after is not None and len(self.waits) >= self._after:
            self.set()
        return self.is_set()


def test_it_tries_again_later_each_time_until_it_works_and_says_what_it_waits_for() -> None:
    stop = Stop()
    told: list[str | None] = []

    def attempt() -> str:
        if len(told) < 8:
            raise Transient(f"Kafka: {len(told)}")
        return "there"

    assert until_it_works(attempt, stop=stop, waiting_for=told.append) == "there"
    assert stop.waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert told == [*(f"Kafka: {number}" for number in range(8)), None]


def test_a_stop_ends_it_without_a_result() -> None:
    stop = Stop(after=3)

    def attempt() -> str:
        raise Transient("Kafka: away")

    assert until_it_works(attempt, stop=stop, waiting_for=lambda _: None) is None
    assert len(stop.waits) == 3


def test_what_needs_a_person_is_not_waited_for() -> None:
    def attempt() -> str:
        raise Permanent("no such file")

    with pytest.raises(Permanent):
        until_it_works(attempt, stop=Stop(), waiting_for=lambda _: None)
