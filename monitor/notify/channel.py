"""What a channel is, what it is given, and what a configuration of one has to offer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from monitor.errors import Permanent, Transient
from monitor.notify.page import Page

#: What a channel wants to know again when it next speaks of an episode: ``{"ts": "1773144120.000100"}``.
Receipt = Mapping[str, str]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be said on one channel.

    ``id`` stays the same over every attempt, so that a receiver can tell a repeat from news. ``receipt`` is
    what the channel gave back when it last spoke of the same episode; ``None`` when it never did.
    """

    id: str
    page: Page
    attempt: int = 1
    receipt: Receipt | None = None

    @property
    def dedup_key(self) -> str:
        """The identity of the episode for receivers that keep incidents: see ``dedup_key``."""
        return dedup_key(self.page.episode)


def dedup_key(episode: str) -> str:
    """What an episode is known by where its own name is too long or says too much: 32 hexadecimal digits."""
    return hashlib.sha256(episode.encode()).hexdigest()[:32]


class TryLater(Transient):
    """The receiver asks for a pause.

    Attributes:
        after: how long it asks for; ``None`` when it did not say.
    """

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class Acknowledging(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at a channel's other side takes care.

    ``by`` says who, in the words of that side. What of is said by one of the other two: ``dedup_key`` is that
    of a notification, ``alert_id`` that of its page.
    """

    by: str
    dedup_key: str | None = None
    alert_id: int | None = None


class Forged(Permanent):
    """A request that is not from whom it has to be: unsigned, signed with another secret, or too late."""


class Channel(Protocol):
    """A way to tell people. ``send`` may be called from several threads at once."""

    def send(self, notification: Notification) -> Receipt | None:
        """Deliver; returning means that the receiver took it.

        Gives what it wants to have in the next notification of the same episode, if anything.

        Raises:
            Transient: it could not take it now (``TryLater`` when it says for how long).
            Permanent: it will never take this.
        """
        ...


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a channel's configuration: an unknown key is an error, and no secret is ever printed.

    Each has a method ``channel(clock)`` that gives the ``Channel`` it describes, and raises ``ConfigError``
    where it can't be one: that says what to put right, and no secret.
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    @property
    def reads_digests(self) -> bool:
        """Whether people read what comes here; else every notification is an incident to be closed."""
        return True

    def hear(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Acknowledging | None:  # noqa: ARG002
        """What a request from the channel's other side says; ``None`` if it is nothing for us.

        Args:
            headers: the request's, with names in small letters.
            body: its body as it came, of bounded size.
            now: what time it is.

        Raises:
            Forged: it is not from there; always so where nothing can come back.
        """
        raise Forged("nothing is heard from this channel")
