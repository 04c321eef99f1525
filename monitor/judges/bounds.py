"""How much a judge may be asked: by the minute, by the day's cost, and by how it has done lately.

Before a question ``admit`` says why not, or takes its place; after it ``settle`` says what it cost, and
``succeeded`` or ``failed`` how it went. All of it holds for one process. Threads may share it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import date

from monitor.clock import Clock
from monitor.judges.judge import Reason

#: Failures in a row after which the judge is left alone, and for how many seconds. One more failure after
#: that, and it is left alone again.
MAX_FAILURES = 5
PAUSE_S = 60.0

#: The longest pause, in seconds, that a judge's server may ask for.
MAX_PAUSE_S = 3_600.0

_MINUTE_S = 60.0


class Bounds:
    """The bounds of one judge.

    Args:
        per_minute: questions of any sixty seconds.
        cost_per_day: US dollars of a day in UTC.
        max_cost: US dollars that one question costs at most. So much is set aside before each one, so that
            the day's cost stays below its bound although a cost is known only afterwards.
        clock: which day it is.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        *,
        per_minute: int,
        cost_per_day: float,
        max_cost: float,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked: deque[float] = deque(maxlen=per_minute)
        self._cost_per_day = cost_per_day
        self._max_cost = max_cost
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._day = date.min
        self._spent = 0.0
        self._failures = 0
        self._paused_until = -float("inf")

    def admit(self) -> date | Reason:
        """Take the place of one question.

        Gives the day that pays for it, for ``settle``, or why it may not be asked.
        """
        with self._lock:
            now = self._monotonic()
            if now < self._paused_until:
                return Reason.PAUSED
            if len(self._asked) == self._asked.maxlen and now - self._asked[0] < _MINUTE_S:
                return Reason.OVER_RATE
            today = self._clock.now().date()
            if today > self._day:
                self._day, self._spent = today, 0.0
            if self._spent + self._max_cost > self._cost_per_day:
                return Reason.OVER_BUDGET
            self._spent += self._max_cost
            self._asked.append(now)
            return self._day

    def settle(self, day: date, cost: float | None) -> float:
        """Put what a question really cost in the place of what was set aside.

        ``cost`` is in US dollars; ``None``: nobody knows, so all of it. Gives what was counted.
        """
        counted = self._max_cost if cost is None else cost
        with self._lock:
            if day == self._day:
                self._spent += counted - self._max_cost
        return counted

    def succeeded(self) -> None:
        """The judge works."""
        with self._lock:
            self._failures = 0

    def failed(self, pause_s: float | None = None) -> float:
        """The judge failed, and wants to be left alone for so many seconds.

        Gives the seconds of the pause that begins now, 0 where none does.
        """
        with self._lock:
            now = self._monotonic()
            self._failures += 1
            pause = min(pause_s or 0.0, MAX_PAUSE_S)
            if self._failures >= MAX_FAILURES:
                pause = max(pause, PAUSE_S)
            begins = pause > 0 and now >= self._paused_until
            self._paused_until = max(self._paused_until, now + pause) if pause else self._paused_until
            return pause if begins else 0.0
