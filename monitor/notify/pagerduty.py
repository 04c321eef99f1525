"""The ``pagerduty`` channel: one incident for an episode, by PagerDuty's Events API v2.

What fires is a ``trigger``, and so is what comes after it: with the same ``dedup_key`` it is written into the
incident that is open, and tells nobody anew. Where somebody has acknowledged here, an ``acknowledge``
follows: the notification of that may be one that this stands for. An acknowledgement and the end acknowledge
and resolve it; of an incident that PagerDuty does not know it drops them. Fields, limits and answers:
PagerDuty's "Send an Alert Event" and "Events API v2 Overview".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitor.clock import Clock
from monitor.errors import ConfigError
from monitor.notify.answers import from_pagerduty
from monitor.notify.channel import Acknowledging, ChannelSettings, Notification
from monitor.notify.http import TIMEOUT_S, checked_key, checked_url, judge, post_json, sayable
from monitor.notify.page import Page, stands_for_acknowledgement
from monitor.notify.words import fit, fitting, headline, links, place, sections

#: Where events go, unless the account is in PagerDuty's European region.
URL = "https://events.pagerduty.com/v2/enqueue"

#: Characters of a summary: PagerDuty refuses the event where there are more.
SUMMARY = 1_024

#: Characters of other fields, of a link, and of one section of the details. An event may have 512 KB; with
#: these it has less than half of that, even if JSON needs six bytes for each character.
FIELD, LINK, DETAIL = 255, 2_048, 4_096

_SEVERITIES = {"page": "critical", "ticket": "warning", "info": "info"}

_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")


class PagerDutySettings(ChannelSettings, frozen=True, kw_only=True, tag="pagerduty", tag_field="kind"):
    """Opens incidents with the ``routing_key`` of an Events API v2 integration.

    ``url`` is another region's (``https://events.eu.pagerduty.com/v2/enqueue``). ``signing_secret`` is that
    of a webhook subscription of PagerDuty's, by which acknowledgements come back to
    ``/api/hooks/pagerduty/<channel>``.
    """

    routing_key: str
    url: str = URL
    signing_secret: str | None = None

    @property
    def reads_digests(self) -> bool:
        """No: an incident would stay open."""
        return False

    def channel(self, clock: Clock) -> PagerDutyChannel:  # noqa: ARG002 - an event has the page's own time
        """See ``ChannelSettings``."""
        if self.signing_secret is not None:
            checked_key(self.signing_secret.encode(), "a pagerduty channel's signing_secret")
        return PagerDutyChannel(self.routing_key, url=self.url)

    def hear(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Acknowledging | None:
        """See ``ChannelSettings``."""
        if self.signing_secret is None:
            return super().hear(headers, body, now)
        return from_pagerduty(headers, body, self.signing_secret)


class PagerDutyChannel:
    """Sends events for one integration.

    Args:
        routing_key: the integration's key, 32 letters and digits; a secret.
        url: where events go.
        timeout_s: seconds that one attempt may take.

    Raises:
        ConfigError: the key or the URL can't be one.
    """

    def __init__(self, routing_key: str, *, url: str = URL, timeout_s: float = TIMEOUT_S) -> None:
        if not _ROUTING_KEY.fullmatch(routing_key):
            raise ConfigError("routing_key must be the 32 letters and digits of an Events API v2 integration")
        self._key = routing_key
        self._url = checked_url(url, "a pagerduty channel's url")
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``."""
        self._enqueue(event(notification))
        if stands_for_acknowledgement(notification.page):
            self._enqueue(_acknowledgement(notification.dedup_key))

    def _enqueue(self, said: dict[str, Any]) -> None:
        body = {"routing_key": self._key, **said}
        answer = post_json(self._url, body, timeout_s=self._timeout_s)
        judge(answer, _reason(answer.json().get("errors"), self._key))


def event(notification: Notification) -> dict[str, Any]:
    """The event of a notification, without the routing key."""
    page, key = notification.page, notification.dedup_key
    if page.kind == "acknowledge":
        return _acknowledgement(key)
    if page.kind == "resolve":
        return {"event_action": "resolve", "dedup_key": key}
    where = links(page)
    return {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "llm-monitor",
        **({"client_url": url} if (url := page.links.alert) and len(url) <= LINK else {}),
        "links": [{"href": url, "text": name} for name, url in where if len(url) <= LINK],
        "payload": {
            "summary": fit(headline(page), SUMMARY),
            "source": fit(place(page.labels), FIELD),
            "severity": _SEVERITIES.get(page.severity, "error"),
            "timestamp": page.at.isoformat(),
            "class": fit(page.metric or page.alert, FIELD),
            "custom_details": _details(page),
        },
    }


def _acknowledgement(key: str) -> dict[str, Any]:
    return {"event_action": "acknowledge", "dedup_key": key}


def _details(page: Page) -> dict[str, str]:
    """Headings and their lines, as PagerDuty shows them in a table."""
    return {one.heading or "What": fitting(one.lines, DETAIL) for one in sections(page)}


def _reason(errors: object, secret: str) -> str:
    """What PagerDuty says is wrong with an event: a list of sentences."""
    return sayable("; ".join(map(str, errors)), secret) if isinstance(errors, list) else ""
