"""Asks for a dead man's switch while all is well: evaluations come in, GET requests go out.

The switch raises the alarm when nobody asks for it any more, so that silence is noticed when the monitor is
dead. It is asked for by the leader, and only while rules are evaluated: a monitor that runs and judges
nothing is as silent as one that does not run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from monitor.clock import Clock
from monitor.errors import Permanent, Transient
from monitor.notify.http import checked_url, judge, request

log = structlog.get_logger("monitor.heartbeat")


class Heartbeat:
    """The switch of one replica.

    Args:
        url: what is asked for; it may hold a secret.
        clock: what time it is.
        limit: how long ago an evaluation may have ended.
        count: called with ``sent``, ``failed`` or ``withheld`` for each beat.

    Raises:
        ConfigError: the URL is none.
    """

    def __init__(self, url: str, clock: Clock, *, limit: timedelta, count: Callable[[str], None]) -> None:
        self._url = checked_url(url, "heartbeat.url")
        self._clock = clock
        self._limit = limit
        self._count = count
        self._evaluated: datetime | None = None

    def evaluated(self) -> None:
        """An evaluation has ended well."""
        self._evaluated = self._clock.now()

    def beat(self) -> None:
        """Ask for the switch, unless rules have not been evaluated for too long. A failure is logged."""
        if self._evaluated is None or self._clock.now() - self._evaluated > self._limit:
            log.error("heartbeat withheld", reason="rules are not evaluated")
            self._count("withheld")
            return
        try:
            judge(request("GET", self._url, reads=0))
        except (Transient, Permanent) as error:
            log.warning("heartbeat failed", reason=str(error))
            self._count("failed")
        else:
            self._count("sent")
