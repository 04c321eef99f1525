"""Waiting for what is not there yet: an attempt goes in, its result comes out, however long that takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from monitor.errors import Transient

Result = TypeVar("Result")

log = structlog.get_logger("monitor.patience")

#: First and longest wait, in seconds, between two attempts.
BACKOFF_S = (0.2, 10.0)


def until_it_works(
    attempt: Callable[[], Result], *, stop: threading.Event, waiting_for: Callable[[str | None], None]
) -> Result | None:
    """The result of ``attempt``, tried again while it is transient; ``None`` after a stop.

    ``waiting_for`` is told what it waits for after every attempt, and ``None`` when it has worked.
    """
    backoff = BACKOFF_S[0]
    while not stop.is_set():
        try:
            result = attempt()
        except Transient as error:
            waiting_for(str(error))
            log.warning("waiting", reason=str(error))
            stop.wait(backoff)
            backoff = min(backoff * 2, BACKOFF_S[1])
        else:
            waiting_for(None)
            return result
    return None
