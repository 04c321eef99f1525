"""Tries a channel with a marked test page, by the way that real ones take: its name in, what came back out.

The page goes through the outbox and a delivery of our own. It is tried once: whoever asks wants to know now,
and a test that comes an hour later puzzles whoever gets it.
"""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from uuid import uuid4

import msgspec
import sqlalchemy as sa
from msgspec import structs

from monitor.clock import Clock
from monitor.config import Config
from monitor.notify import Delivery, Page
from monitor.notify.delivery import LEASE
from monitor.store.outbox import Outbox


class Tried(msgspec.Struct, frozen=True):
    """How a channel did: why it did not take the page (``None`` if it did), and after how many seconds."""

    channel: str
    error: str | None
    took_s: float


def try_channel(engine: sa.Engine, config: Config, name: str, clock: Clock, severity: str = "page") -> Tried:
    """Send a test page to a channel that is configured, and where incidents are kept, its end.

    Raises:
        ConfigError: the channel can't be made.
        Transient: Postgres can't be reached.
    """
    settings, outbox = config.channels[name], Outbox(engine)
    delivery = Delivery(
        outbox,
        {name: settings.channel(clock)},
        fallback=None,
        clock=clock,
        count=lambda _channel, _result: None,
        pages=config.web.url,
    )
    first = trial_page(name, clock, severity)
    pages = [first] if settings.reads_digests else [first, _ended(first, clock)]
    began, error = time.monotonic(), None
    for page in pages:
        row = outbox.put_leased(name, page.to_json(), clock.now(), lease=LEASE)
        error = delivery.attempt(row)
        if error is not None:
            outbox.failed(row, clock.now(), error, instead=None)
            break
    return Tried(name, error, time.monotonic() - began)


def trial_page(name: str, clock: Clock, severity: str) -> Page:
    """A page that says that it is a test, of an episode of its own."""
    now = clock.now()
    return Page(
        kind="test",
        status="firing",
        episode=f"test/{name}/{uuid4().hex}",
        alert="Test",
        severity=severity,
        metric="",
        title=f"Test from llm-monitor on {socket.gethostname()}: nothing is wrong",
        summary=f"Somebody tried the channel {name} with `llm-monitor alert test`.",
        started_at=now - timedelta(seconds=1),
        at=now,
    )


def _ended(page: Page, clock: Clock) -> Page:
    return structs.replace(
        page, kind="resolve", status="resolved", title=f"resolved: {page.title}", at=clock.now()
    )
