"""Delivers what is due: one pass over the outbox, with backoff, one notification after the other.

In come due rows and the channels by name; out go "delivered", "again then" or "never" for each row. The
rows are leased, so another replica leaves them alone, and a crash only makes the same id go out again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import structlog

from monitor.clock import Clock
from monitor.errors import Permanent, Transient
from monitor.notify.channel import Channel, Notification, TryLater

log = structlog.get_logger("monitor.notify")

#: The first pause after a failed attempt, and the longest.
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)

#: How long a notification is tried before it is given up.
GIVE_UP_AFTER = timedelta(hours=24)

#: How long a claimed notification is left alone by others: longer than its attempt can take.
LEASE = timedelta(seconds=60)


class Due(Protocol):
    """A row of the outbox."""

    outbox_id: int
    event_id: int
    channel: str
    instead_of: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime


Row = TypeVar("Row", bound=Due)


class Outbox(Protocol[Row]):
    """What delivery needs of the store: ``monitor.store.alerts.Alerts`` has it."""

    def claim(self, now: datetime, *, lease: timedelta, limit: int) -> Sequence[Row]:
        """Take what is due; see ``Alerts.claim``."""
        ...

    def delivered(self, outbox_id: int, now: datetime) -> None:
        """The channel took it."""
        ...

    def retry(self, outbox_id: int, next_attempt_at: datetime, error: str) -> None:
        """Try again then."""
        ...

    def failed(self, row: Row, now: datetime, error: str, *, instead: str | None) -> None:
        """Never again; say so on the channel ``instead``."""
        ...


class Delivery:
    """Takes notifications from an outbox to their channels.

    Args:
        outbox: what is due.
        channels: every configured channel, by name.
        fallback: the channel that is told when another can't take something; ``None`` for none.
        clock: what time it is.
        count: called with channel and result (``sent``, ``retry``, ``failed``) for each attempt.
        jitter: a number in 0..1 for the backoff.
    """

    def __init__(
        self,
        outbox: Outbox[Any],
        channels: Mapping[str, Channel],
        *,
        fallback: str | None,
        clock: Clock,
        count: Callable[[str, str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._fallback = fallback
        self._clock = clock
        self._count = count
        self._jitter = jitter

    def deliver(self, limit: int = 20) -> int:
        """One pass; gives how many attempts were made.

        Rows are claimed one by one, so that a slow receiver can't outlast the lease of the next.

        Raises:
            Transient: the outbox can't be reached.
        """
        for attempts in range(limit):
            due = self._outbox.claim(self._clock.now(), lease=LEASE, limit=1)
            if not due:
                return attempts
            self._attempt(due[0])
        return limit

    def _attempt(self, row: Due) -> None:
        channel = self._channels.get(row.channel)
        try:
            if channel is None:
                raise Permanent(f"channel {row.channel!r} is no longer configured")
            channel.send(Notification(notification_id(row), row.payload, row.attempts))
        except Transient as error:
            self._later(row, error)
        except Permanent as error:
            self._never(row, str(error))
        except Exception as bug:  # the declared edge: one channel must not stop the others
            log.exception("channel failed", channel=row.channel)
            self._later(row, Transient(f"the channel failed: {type(bug).__name__}"))
        else:
            self._outbox.delivered(row.outbox_id, self._clock.now())
            self._count(row.channel, "sent")

    def _later(self, row: Due, error: Transient) -> None:
        now = self._clock.now()
        asked = error.after if isinstance(error, TryLater) else None
        again = now + max(pause(row.attempts, self._jitter()), asked or timedelta())
        if again > row.created_at + GIVE_UP_AFTER:
            self._never(row, f"given up after {row.attempts} attempts: {error}")
            return
        self._outbox.retry(row.outbox_id, again, str(error))
        log.warning(
            "notification will be tried again",
            channel=row.channel,
            at=again.isoformat(),
            reason=str(error),
        )
        self._count(row.channel, "retry")

    def _never(self, row: Due, error: str) -> None:
        instead = self._fallback if row.channel != self._fallback else None
        self._outbox.failed(row, self._clock.now(), error, instead=instead)
        log.error("notification failed", channel=row.channel, instead=instead, reason=error)
        self._count(row.channel, "failed")


def notification_id(row: Due) -> str:
    """The id of a notification: of one event and channel, whatever the attempt."""
    instead = f"_instead_of_{row.instead_of}" if row.instead_of else ""
    return f"evt_{row.event_id}_{row.channel}{instead}"


def pause(attempts: int, jitter: float) -> timedelta:
    """How long to wait after the ``attempts``-th failed attempt: exponential, with jitter.

    ``jitter`` in 0..1 picks a point between half the bound and the bound, so that a receiver that comes
    back does not meet everything at once and the first retry is never immediate.
    """
    bound: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return bound * (0.5 + jitter / 2)
