"""Keeps one record from taking others with it: what loops or eats memory is stopped, what kills tried alone.

In come the place of each record that is worked on, and records that are suspected of having ended a process;
out go ``TookTooLong`` and ``MemoryError`` in the midst of a record that costs too much, and a dead letter of
one that ends even a process of its own.
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Self

import msgspec

from monitor.decode.letters import dead_letter
from monitor.errors import BadInput, DeadLetterReason, TookTooLong, Transient
from monitor.ingest.at_hand import AtHand
from monitor.parent import end_with_parent
from monitor.records import DeadLetter, Place, Record

#: Ticks in the time that a record may take: it is stopped at most one of them late.
TICKS = 10

#: Seconds that a disposable process may take to begin, and seconds that it may wait for a processor beyond
#: the time that its work may take: neither says anything of its record. A trial, with twice that patience,
#: has to end before its worker is taken for stuck.
START_S = 15.0
PATIENCE_S = 10.0


class Guard:
    """Watches over one record after another: ``with guard(place): …`` around all work on it.

    What is measured is the processor time of the main thread, not the time that went by: a process that was
    stopped, or that waited for a processor, blames nobody. So the timer runs in processor time too, and never
    interrupts a process that waits. One that hangs without working is for who watches it from outside.

    Args:
        at_hand: where the place is written for whoever watches this process.
        timeout_s: seconds of processor time that one record may take.
    """

    def __init__(self, at_hand: AtHand, timeout_s: float) -> None:
        self._at_hand = at_hand
        self._timeout_s = timeout_s
        self._inside = False
        self._seen_at: float | None = None

    def start(self) -> None:
        """Set the timer of this process. Call in the main thread, where ``TookTooLong`` will be raised."""
        signal.signal(signal.SIGPROF, self._tick)
        every = self._timeout_s / TICKS
        signal.setitimer(signal.ITIMER_PROF, every, every)

    def stop(self) -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def __call__(self, place: Place) -> Self:
        """The record that is worked on next."""
        self._at_hand.begin(place)
        return self

    def __enter__(self) -> None:
        self._seen_at = None
        self._inside = True

    def __exit__(self, *_: object) -> None:
        self._inside = False
        self._at_hand.end()

    def _tick(self, _number: int, frame: FrameType | None) -> None:
        """Raise in what is worked on if it has taken too long, and again should something swallow that."""
        if not self._inside or (frame is not None and frame.f_code is Guard.__exit__.__code__):
            return
        now = time.thread_time()
        if self._seen_at is None:
            self._seen_at = now
        elif now - self._seen_at >= self._timeout_s:
            raise TookTooLong(f"more than {self._timeout_s:g} s")


def limit_memory(most: int) -> None:
    """Let this process have so many bytes of data and no more: what needs more gets a ``MemoryError``."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class TryAlone:
    """Tries one record in a process of its own, which may end as it likes.

    Args:
        work: what is done with a record: decode and score, with everything bound that they need. It goes to
            the process through a pipe, so it has to be a function of a module, or a ``partial`` of one.
        timeout_s: seconds of processor time that the work may take.
        memory: bytes of data that the process may have.
        keep_content: whether a dead letter keeps the record's bytes.
        patience_s: for how much longer it may go on without working.
    """

    def __init__(
        self,
        work: Callable[[Record], object],
        *,
        timeout_s: float,
        memory: int,
        keep_content: bool,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._work = work
        self._timeout_s = timeout_s
        self._deadline_s = timeout_s + patience_s
        self._memory = memory
        self._keep_content = keep_content

    def __call__(self, record: Record) -> DeadLetter | None:
        """Nothing if it went well, else the record's dead letter. The process is gone in either case.

        Raises:
            Transient: the process could not even begin, which is not the record's fault.
        """
        spawn = multiprocessing.get_context("spawn")
        said, saying = spawn.Pipe(duplex=False)
        child = spawn.Process(
            target=_try,
            args=(saying, self._work, record, self._keep_content, self._timeout_s, self._memory),
        )
        with said:
            try:
                with saying:
                    child.start()
                _next(said, START_S)
                return self._ended(record, said, child)
            except (OSError, EOFError) as error:
                raise Transient(f"can't try a record alone: {type(error).__name__}: {error}") from error
            finally:
                if child.pid is not None:
                    child.kill()
                    child.join()
                child.close()

    def _ended(self, record: Record, said: Connection, child: SpawnProcess) -> DeadLetter | None:
        """What became of the record, once its process has begun."""
        letter = None
        try:
            letter = _next(said, self._deadline_s)
            if _next(said, self._deadline_s):
                return None
            bad = BadInput(DeadLetterReason.OUT_OF_MEMORY, f"more than {self._memory} bytes, tried alone")
        except TimeoutError:
            bad = self._too_long()
        except EOFError:
            child.join()
            how = _how_ended(child.exitcode or 0)
            bad = self._too_long() if how == "SIGXCPU" else BadInput(DeadLetterReason.KILLED_WORKER, how)
        if letter is None:  # it ended while its bytes were made fit to keep
            letter = dead_letter(record, bad, keep_content=False)
        return msgspec.structs.replace(letter, reason=bad.reason, detail=bad.detail)

    def _too_long(self) -> BadInput:
        return BadInput(DeadLetterReason.TOOK_TOO_LONG, f"more than {self._timeout_s:g} s, tried alone")


def _next(said: Connection, timeout_s: float) -> Any:
    """What the disposable process says next.

    Raises:
        TimeoutError: nothing for so long.
        EOFError: it has ended.
    """
    if not said.poll(timeout_s):
        raise TimeoutError(f"nothing for {timeout_s:g} s")
    return said.recv()


def _how_ended(exit_code: int) -> str:
    """An exit code for a person: the name of the signal that it stands for, if it does."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"exit code {exit_code}"


def _try(
    saying: Connection,
    work: Callable[[Record], object],
    record: Record,
    keep_content: bool,
    timeout_s: float,
    memory: int,
) -> None:
    """What the disposable process does.

    It says that it has begun, then what its dead letter would be, then whether it had memory enough. What is
    merely raised is for the worker to meet again.
    """
    end_with_parent()
    saying.send(None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold what the record says
    seconds = math.ceil(time.process_time() + timeout_s)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    limit_memory(memory)
    enough = True
    try:
        killed = BadInput(DeadLetterReason.KILLED_WORKER, "")
        saying.send(dead_letter(record, killed, keep_content=keep_content))
        work(record)
    except MemoryError:
        enough = False
    except Exception:  # noqa: BLE001, S110 - the declared edge: only whether the process lives is asked
        pass
    saying.send(enough)
