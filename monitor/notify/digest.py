"""Makes one page of many: what was held back for a channel in, one that says how many and what out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from monitor.notify.page import Held, Page, read_page

#: Episodes that a digest names; ``held`` counts all.
NAMED = 50


def digest_of(channel: str, payloads: Sequence[Mapping[str, Any]], at: datetime) -> dict[str, Any]:
    """The page of a digest, as JSON: of each episode how it stood at the end, those that still fire first.

    Args:
        channel: whose notifications these are.
        payloads: pages as the outbox has them, oldest first; at least one.
        at: now.
    """
    pages = [read_page(payload) for payload in payloads]
    newest = list({page.episode: page for page in pages}.values())
    newest.sort(key=lambda page: (page.status != "firing", page.severity != "page"))
    firing = sum(page.status == "firing" for page in newest)
    ended, since = len(newest) - firing, min(page.at for page in pages)
    worst = min((page.severity for page in newest), key=_rank)
    return Page(
        kind="digest",
        status="firing" if firing else "resolved",
        episode=f"digest/{channel}/{int(at.timestamp())}",
        alert="Digest",
        severity=worst,
        metric="",
        title=f"{_count(len(newest), 'alert')} held back: {firing} still firing, {ended} resolved",
        summary=f"{_count(len(pages), 'notification')} held back since {since:%Y-%m-%d %H:%M} UTC.",
        started_at=min(page.started_at for page in newest),
        at=at,
        digest=tuple(
            Held(
                title=page.title,
                status=page.status,
                severity=page.severity,
                at=page.at,
                url=page.links.alert,
            )
            for page in newest[:NAMED]
        ),
        episodes=len(newest),
        held=len(pages),
    ).to_json()


def _rank(severity: str) -> int:
    known = ("page", "ticket", "info")
    return known.index(severity) if severity in known else len(known)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
