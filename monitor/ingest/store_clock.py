"""What time it is by the store's clock: the time that it last said comes in, what has passed since is added.

A worker's machine may have any time; all workers share the store, and its partitions and its retention go by
its clock. Until the store has been asked, the machine's own clock is all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.clock import Clock


class StoreClock:
    """A ``Clock`` that goes by the store's.

    Args:
        own: the machine's.
        monotonic: seconds that never go back.
    """

    def __init__(self, own: Clock, monotonic: Callable[[], float]) -> None:
        self._own = own
        self._monotonic = monotonic
        self._said: tuple[datetime, float] | None = None

    def set(self, now: datetime) -> None:
        """The store has just said what time it is."""
        self._said = now, self._monotonic()

    def now(self) -> datetime:
        """The current time, timezone-aware, in UTC."""
        if self._said is None:
            return self._own.now()
        now, at = self._said
        return now + timedelta(seconds=self._monotonic() - at)
