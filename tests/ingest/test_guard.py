"""The guard and the disposable process: what loops, eats memory or kills costs one record, and no other."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec import structs

from monitor.errors import TookTooLong
from monitor.ingest.at_hand import SIZE, AtHand
from monitor.ingest.guard import Guard, TryAlone, limit_memory
from monitor.records import Place, Record

PLACE = Place("calls", 3, 7)
RECORD = Record("calls", 3, 7, b'{"api_key": "sk-12345678901"}', headers=(("team", b"blue"),))

#: Seconds of processor time that a record may take here.
SHORT_S = 0.1

MEMORY = 1 << 30


@pytest.fixture
def at_hand() -> AtHand:
    return AtHand(mmap.mmap(-1, SIZE))


@pytest.fixture
def guard(at_hand: AtHand) -> Iterator[Guard]:
    guard = Guard(at_hand, SHORT_S)
    guard.start()
    yield guard
    guard.stop()


def loop() -> None:
    while True:
        pass


def loop_and_swallow() -> None:
    """A loop that takes every error for one of its own."""
    while True:
        try:
            loop()
        except BaseException:
            if time.thread_time() > swallow_until:
                raise


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


swallow_until = 0.0


def test_a_record_that_loops_is_stopped(guard: Guard, at_hand: AtHand) -> None:
    with pytest.raises(TookTooLong, match=r"more than 0\.1 s"), guard(PLACE):
        loop()
    assert at_hand.read() is None


def test_it_is_stopped_again_if_something_swallows_that(guard: Guard) -> None:
    global swallow_until
    swallow_until = time.thread_time() + 3 * SHORT_S
    with pytest.raises(TookTooLong), guard(PLACE):
        loop_and_swallow()


def test_nothing_is_raised_outside_of_a_record_or_for_many_short_ones(guard: Guard) -> None:
    burn(3 * SHORT_S)
    until = time.thread_time() + 3 * SHORT_S
    while time.thread_time() < until:
        with guard(PLACE):
            burn(SHORT_S / 50)
    burn(3 * SHORT_S)


def test_after_a_record_was_stopped_the_next_has_all_its_time(guard: Guard) -> None:
    with pytest.raises(TookTooLong), guard(PLACE):
        loop()
    with guard(PLACE):
        burn(SHORT_S / 2)


def test_time_in_which_the_process_does_not_run_counts_for_nothing(guard: Guard) -> None:
    with guard(PLACE):
        time.sleep(3 * SHORT_S)


def test_what_is_at_hand_can_be_seen_from_outside(guard: Guard, at_hand: AtHand) -> None:
    with guard(PLACE):
        seen = at_hand.read()
    assert seen is not None
    assert seen[0] == PLACE
    assert at_hand.read() is None


def eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(1 << 24))


def recurse() -> None:
    recurse()


#: Work on one record, for a disposable process: these must be functions of this module.


def read(record: Record) -> None:
    assert record == RECORD


def fail(_record: Record) -> None:
    raise ValueError


def recurse_in(_record: Record) -> None:
    recurse()


def loop_in(_record: Record) -> None:
    loop()


def sleep_in(_record: Record) -> None:
    time.sleep(600)


def eat_memory_in(_record: Record) -> None:
    eat_memory()


def abort(_record: Record) -> None:
    os.abort()


def read_null(_record: Record) -> None:
    ctypes.string_at(0)


def leave(_record: Record) -> None:
    os._exit(3)


def be_killed(_record: Record) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def alone(
    work: Callable[[Record], object],
    *,
    keep_content: bool = False,
    timeout_s: float = 30,
    patience_s: float = 30,
) -> TryAlone:
    return TryAlone(
        work, timeout_s=timeout_s, memory=MEMORY, keep_content=keep_content, patience_s=patience_s
    )


@pytest.mark.parametrize("work", [read, fail, recurse_in])
def test_a_record_that_only_fails_is_left_to_the_worker(work: Callable[[Record], object]) -> None:
    assert alone(work)(RECORD) is None
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("work", "timeout_s", "reason", "detail"),
    [
        (abort, 30, "killed_worker", "SIGABRT"),
        (read_null, 30, "killed_worker", "SIGSEGV"),
        (be_killed, 30, "killed_worker", "SIGKILL"),
        (leave, 30, "killed_worker", "exit code 3"),
        (loop_in, 1, "took_too_long", "more than 1 s, tried alone"),
        (sleep_in, 1, "took_too_long", "more than 1 s, tried alone"),
        (eat_memory_in, 30, "out_of_memory", f"more than {MEMORY} bytes, tried alone"),
    ],
)
def test_a_record_that_ends_a_process_of_its_own_is_a_dead_letter(
    work: Callable[[Record], object], timeout_s: float, reason: str, detail: str
) -> None:
    letter = alone(work, timeout_s=timeout_s, patience_s=1 if work is sleep_in else 30)(RECORD)
    assert letter is not None
    assert (letter.reason, letter.detail) == (reason, detail)
    assert (letter.topic, letter.partition, letter.offset, letter.item) == ("calls", 3, 7, 0)
    assert (letter.size, letter.sha256) == (29, hashlib.sha256(RECORD.value or b"").digest())
    assert letter.headers == (("team", "blue"),)
    assert letter.value is None
    assert multiprocessing.active_children() == []


def test_its_bytes_are_kept_without_secrets_where_that_is_asked_for() -> None:
    letter = alone(abort, keep_content=True)(RECORD)
    assert letter is not None
    assert letter.value == b'{"api_key":"[redacted]"}'


def test_a_large_record_goes_there_whole() -> None:
    letter = alone(abort)(structs.replace(RECORD, value=b"x" * 5_000_000))
    assert letter is not None
    assert letter.size == 5_000_000


def _limited() -> None:
    limit_memory(MEMORY)
    try:
        eat_memory()
    except MemoryError:
        os._exit(7)


def test_a_process_with_a_limit_gets_a_memory_error_and_lives() -> None:
    child = multiprocessing.get_context("spawn").Process(target=_limited)
    child.start()
    child.join()
    assert child.exitcode == 7


def say_and_sleep(said: Path, record: Record) -> None:
    said.write_text(f"{os.getpid()}\n")
    sleep_in(record)


def try_what_sleeps(said: Path) -> None:
    alone(partial(say_and_sleep, said))(RECORD)


def ended(pid: int) -> bool:
    """Whether a process has ended, also where nobody has asked how yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_trial_ends_with_its_worker(tmp_path: Path) -> None:
    said = tmp_path / "trial"
    worker = multiprocessing.get_context("spawn").Process(target=try_what_sleeps, args=(said,))
    worker.start()
    until(lambda: said.exists() and said.read_text().endswith("\n"))
    worker.kill()
    worker.join()
    until(lambda: ended(int(said.read_text())))
