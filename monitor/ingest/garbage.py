"""When a worker looks for garbage: by what it has read, and not by what it has allocated.

In comes, at every turn of the loop, how many bytes were read; out goes, now and then, what is held by circles
only. Python would look after every 700 new objects, and often at all that is held: thousands of calls, none
of them garbage. Decoding and scoring leave no circles behind, not even of junk (the tests hold that), so that
this is for what we did not think of and for the libraries' own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

#: Bytes of values, and seconds, after one of which it is time again. Were all of it garbage, parsed, it would
#: be some hundreds of MB, far under ``ingest.worker_memory``.
AFTER_BYTES = 32 * 1024 * 1024
AFTER_S = 60.0


class Garbage:
    """What collects garbage in this process from ``take_over`` on.

    Args:
        collect: looks at all that is held and frees what is held by circles only.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        collect: Callable[[], object] = gc.collect,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._collect = collect
        self._monotonic = monotonic
        self._collected_at = monotonic()
        self._read = 0

    def take_over(self) -> None:
        """Look a last time at what is there now, imported modules above all; then only when told."""
        gc.disable()
        gc.collect()
        gc.freeze()

    def read(self, size: int) -> None:
        """So many bytes of values were read since the last time, or none; collect if it is time to."""
        self._read += size
        now = self._monotonic()
        if self._read >= AFTER_BYTES or now - self._collected_at >= AFTER_S:
            self._collect()
            self._read, self._collected_at = 0, now
