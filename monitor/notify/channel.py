"""What a channel is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

import msgspec

from monitor.errors import Transient


class Notification(msgspec.Struct, frozen=True):
    """One thing to be said on one channel.

    ``id`` stays the same over every attempt, so that a receiver can tell a repeat from news.
    """

    id: str
    payload: dict[str, Any]
    attempt: int


class TryLater(Transient):
    """The receiver asks for a pause.

    Attributes:
        after: how long it asks for; ``None`` when it did not say.
    """

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class Channel(Protocol):
    """A way to tell people."""

    def send(self, notification: Notification) -> None:
        """Deliver; returning means that the receiver took it.

        Raises:
            Transient: it could not take it now (``TryLater`` when it says for how long).
            Permanent: it will never take this.
        """
        ...
