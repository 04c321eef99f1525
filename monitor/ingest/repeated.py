"""Bounds how many workers one record may end: in comes a suspected record, out goes what becomes of it.

A record may pass when it is tried alone and yet end its worker each time it is read among others: it leaves
something behind that the next one trips over, or the trial has what the worker lacks.
"""

from __future__ import annotations

from collections.abc import Callable

from monitor.decode.letters import dead_letter
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import DeadLetter, Place, Record

#: Workers that may have ended at a record before nothing is done with it any more.
MOST_DEATHS = 3


class Repeated:
    """Tries a record alone until too many workers have ended at it; then it is a dead letter untried.

    Args:
        try_alone: tries it; see ``monitor.ingest.reader``.
        deaths: how many workers have ended at the record of this place; raises ``Transient``.
    """

    def __init__(
        self, try_alone: Callable[[Record], DeadLetter | None], deaths: Callable[[Place], int]
    ) -> None:
        self._try_alone = try_alone
        self._deaths = deaths

    def __call__(self, record: Record) -> DeadLetter | None:
        """Nothing if the record can be read as usual, else its dead letter.

        Raises:
            Transient: that can't be found out now.
        """
        deaths = self._deaths(Place(record.topic, record.partition, record.offset))
        if deaths < MOST_DEATHS:
            return self._try_alone(record)
        bad = BadInput(DeadLetterReason.KILLED_WORKER, f"{deaths} workers ended at it")
        # To make its bytes fit to keep is work on it too.
        return dead_letter(record, bad, keep_content=False)
