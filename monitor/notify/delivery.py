"""Delivers what is due on one channel after the other: with leases, retries, pauses, and a last resort.

In come due rows and the channels by name; out go "delivered", "again then" or "never" for each row. The
rows are leased, so another replica leaves them alone, and a crash only makes the same id go out again. Each
channel has a pass of its own, so one whose receiver is slow or away holds no other up.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog
from msgspec import structs

from monitor.clock import Clock
from monitor.errors import Permanent, Transient
from monitor.notify.channel import Channel, Notification, Receipt, TryLater
from monitor.notify.digest import digest_of
from monitor.notify.page import Page, is_readable, linked, read_page

log = structlog.get_logger("monitor.notify")

#: The first bound of the pause after a failed attempt, and the longest.
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)

#: The longest pause that a receiver is given which asks for one: a page that waits longer is none.
LONGEST_ASKED = timedelta(minutes=15)

#: How long a notification is tried before it is given up.
GIVE_UP_AFTER = timedelta(hours=24)

#: How long a claimed notification is left alone by others: longer than its attempt can take.
LEASE = timedelta(seconds=60)

#: Notifications, of as many episodes, that are on their way to one receiver at once; how many are claimed at
#: once, as to find them costs more than to take them; and how often one pass does so.
AT_ONCE = 8
CLAIMED = 32
ROUNDS = 8


class Due(Protocol):
    """A row of the outbox."""

    @property
    def outbox_id(self) -> int:
        """Its number."""
        ...

    @property
    def alert_id(self) -> int | None:
        """The alert that it is of, if it is of one."""
        ...

    @property
    def channel(self) -> str:
        """Where it goes."""
        ...

    @property
    def payload(self) -> dict[str, Any]:
        """The page."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was tried, this time included."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was put there."""
        ...

    @property
    def receipt(self) -> dict[str, str] | None:
        """What the channel gave back when it last took one of the episode."""
        ...


Row = TypeVar("Row", bound=Due)


class Outbox(Protocol[Row]):
    """What delivery needs of the store: ``monitor.store.outbox.Outbox`` has it."""

    def claim(self, channel: str, now: datetime, *, lease: timedelta, limit: int) -> Sequence[Row]:
        """Take what is due on a channel."""
        ...

    def gather(
        self,
        channel: str,
        now: datetime,
        build: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]],
        readable: Callable[[Mapping[str, Any]], bool],
    ) -> int:
        """Put what waits for a digest, and is due and readable, into one notification."""
        ...

    def all_delivered(self, taken: Sequence[tuple[Row, Receipt | None]], now: datetime) -> None:
        """The channel took these."""
        ...

    def retry(self, row: Row, now: datetime, next_attempt_at: datetime, error: str) -> None:
        """Try again then."""
        ...

    def failed(self, row: Row, now: datetime, error: str, *, instead: str | None) -> None:
        """Never again; say so on the channel ``instead``."""
        ...


class _Tried(NamedTuple):
    """A notification that was tried: why it was not taken, or what the channel gave back."""

    row: Due
    error: str | None = None
    receipt: Receipt | None = None


class Delivery:
    """Takes notifications from an outbox to their channels.

    Args:
        outbox: what is due.
        channels: every configured channel, by name.
        fallback: the channel that is told when another can't take something; ``None`` for none.
        clock: what time it is.
        count: called with channel and result (``sent``, ``retry``, ``failed``) for each attempt.
        jitter: a number in 0..1 for the backoff.
        pages: the address of the service's own pages, for links to them; empty for none.
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
        pages: str = "",
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._fallback = fallback
        self._clock = clock
        self._count = count
        self._jitter = jitter
        self._pages = pages
        self._paused: dict[str, datetime] = {}

    def deliver(self, name: str) -> int:
        """One pass over a channel; gives how many attempts were made.

        A channel whose receiver asked for a pause is left alone until that is over: what else is due would
        meet the same answer.

        Raises:
            Transient: the outbox can't be reached.
        """
        attempts = 0
        now = self._clock.now()
        self._outbox.gather(name, now, lambda held: digest_of(name, held, now), is_readable)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"deliver-{name}") as pool:
            for _ in range(ROUNDS):
                now = self._clock.now()
                if self._paused.get(name, now) > now:
                    break
                due = self._outbox.claim(name, now, lease=LEASE, limit=CLAIMED)
                if not due:
                    break
                attempts += len(due)
                left = {pool.submit(self._send, row, now + LEASE / 2) for row in due}
                while left:
                    done, left = wait(left, return_when=FIRST_COMPLETED)
                    self._mark([one.result() for one in done])
        return attempts

    def attempt(self, row: Due, until: datetime | None = None) -> str | None:
        """Try one notification that was claimed; gives why it was not delivered, ``None`` if it was.

        From ``until`` on it is left alone: a process that was frozen since it claimed the row may be about to
        say what another has said meanwhile, or what is over.

        Raises:
            Transient: the outbox can't be reached; it will be tried again after its lease.
        """
        tried = self._send(row, until)
        self._mark([tried])
        return tried.error

    def _mark(self, tried: Sequence[_Tried]) -> None:
        """Note what was taken: all that was taken by now at once, which costs about as much as one."""
        taken = [(one.row, one.receipt) for one in tried if one.error is None]
        if taken:
            self._outbox.all_delivered(taken, self._clock.now())
            for row, _ in taken:
                self._count(row.channel, "sent")

    def _send(self, row: Due, until: datetime | None) -> _Tried:
        if until is not None and self._clock.now() >= until:
            log.warning("notification left to whoever claims it next", channel=row.channel)
            return _Tried(row, "the lease is over")
        channel = self._channels.get(row.channel)
        try:
            if channel is None:
                raise Permanent(f"channel {row.channel!r} is no longer configured")
            receipt = channel.send(
                Notification(
                    id=notification_id(row),
                    page=self._page(row),
                    attempt=row.attempts,
                    receipt=row.receipt,
                )
            )
        except Transient as error:
            self._later(row, error)
            return _Tried(row, str(error))
        except Permanent as error:
            self._never(row, str(error))
            return _Tried(row, str(error))
        except Exception as bug:  # the declared edge: one channel must not stop the others
            log.exception("channel failed", channel=row.channel)
            self._later(row, Transient(f"the channel failed: {type(bug).__name__}"))
            return _Tried(row, f"the channel failed: {type(bug).__name__}")
        return _Tried(row, receipt=receipt)

    def _page(self, row: Due) -> Page:
        """What the row says, with the number of its alert, which the database gave."""
        return linked(structs.replace(read_page(row.payload), alert_id=row.alert_id), self._pages)

    def _later(self, row: Due, error: Transient) -> None:
        now = self._clock.now()
        asked = min(error.after, LONGEST_ASKED) if isinstance(error, TryLater) and error.after else None
        again = now + max(pause(row.attempts, self._jitter()), asked or timedelta())
        if asked:
            self._paused[row.channel] = max(self._paused.get(row.channel, now), now + asked)
        if again > row.created_at + GIVE_UP_AFTER:
            self._never(row, f"given up after {row.attempts} attempts: {error}")
            return
        self._outbox.retry(row, now, again, str(error))
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
    """The same over all attempts, and no other's: numbers alone begin anew with another database."""
    made = f"{row.channel}\n{row.created_at.isoformat()}\n{row.payload.get('episode')}"
    return f"ntf_{row.outbox_id}_{hashlib.sha256(made.encode()).hexdigest()[:12]}"


def pause(attempts: int, jitter: float) -> timedelta:
    """How long to wait after the ``attempts``-th failed attempt: exponential, with full jitter.

    ``jitter`` in 0..1 picks any point up to the bound, so that what failed together does not come back
    together (Brooker, "Exponential Backoff And Jitter", 2015).
    """
    bound: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return bound * jitter
