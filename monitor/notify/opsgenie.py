"""The ``opsgenie`` channel: one alert for an episode, by the Alert API v2 of Opsgenie or its successor.

What fires creates an alert whose ``alias`` is the episode's key; what comes after it counts that alert up and
adds a note; where somebody has acknowledged here it acknowledges the alert too, as the notification of that
may be one that this stands for. An acknowledgement and the end acknowledge and close it by the alias. The
same requests are the "Integration events" of Jira Service Management. All are answered with 202 before they
are carried out: what goes wrong then is only in Opsgenie's own log. Limits: Opsgenie's "Alerts and alert
fields".
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import structs

from monitor.clock import Clock
from monitor.errors import ConfigError
from monitor.notify.channel import ChannelSettings, Notification, Receipt
from monitor.notify.http import TIMEOUT_S, Answer, checked_url, judge, post_json, sayable
from monitor.notify.page import Page, stands_for_acknowledgement
from monitor.notify.words import fit_units, headline, links, news, plain, sign

#: Where Opsgenie is; ``https://api.eu.opsgenie.com`` in Europe, ``https://api.atlassian.com/jsm/ops/integration``
#: for Jira Service Management.
URL = "https://api.opsgenie.com"

#: Characters that Opsgenie lets these fields have.
MESSAGE, DESCRIPTION, NOTE, ENTITY, SOURCE, USER, TAG = 130, 15_000, 25_000, 512, 100, 100, 50

#: Characters of one value of the details; all of them, with their names, may have 8,000.
DETAIL = 600

_PRIORITIES = {"page": "P1", "ticket": "P3", "info": "P5"}

_KEY = re.compile(r"[!-~]{8,256}")

#: What stands in angle brackets would be HTML there: other quotation marks look like them.
_NO_TAGS = str.maketrans("<>", "\u2039\u203a")


class OpsgenieSettings(ChannelSettings, frozen=True, kw_only=True, tag="opsgenie", tag_field="kind"):
    """Creates alerts with the ``api_key`` of an API integration, for ``team`` where that names one.

    ``url`` is another region's (``https://api.eu.opsgenie.com``), or that of Jira Service Management
    (``https://api.atlassian.com/jsm/ops/integration``).
    """

    api_key: str
    team: str | None = None
    url: str = URL

    @property
    def reads_digests(self) -> bool:
        """No: an alert would stay open."""
        return False

    def channel(self, clock: Clock) -> OpsgenieChannel:  # noqa: ARG002 - Opsgenie has its own
        """See ``ChannelSettings``."""
        return OpsgenieChannel(self.api_key, team=self.team, url=self.url)


class OpsgenieChannel:
    """Speaks for one integration.

    Args:
        api_key: the integration's; a secret.
        team: the team that is to respond; ``None`` leaves it to the integration.
        url: where the API is.
        timeout_s: seconds that one request may take; an update takes up to three.

    Raises:
        ConfigError: the key or the URL can't be one.
    """

    def __init__(
        self, api_key: str, *, team: str | None = None, url: str = URL, timeout_s: float = TIMEOUT_S
    ) -> None:
        if not _KEY.fullmatch(api_key):
            raise ConfigError("api_key must be the key of an API integration")
        self._key = api_key
        self._team = team
        self._url = str(checked_url(url, "an opsgenie channel's url")).rstrip("/")
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> Receipt:
        """See ``Channel.send``."""
        page, alias = notification.page, notification.dedup_key
        if page.kind == "resolve":
            self._post(f"/{alias}/close?identifierType=alias", _note(page))
        elif page.kind == "acknowledge":
            self._acknowledge(page, alias)
        else:
            self._post("", alert(page, alias, team=self._team))
            if notification.receipt is not None:
                self._post(f"/{alias}/notes?identifierType=alias", _note(page))
            if stands_for_acknowledgement(page):
                self._acknowledge(page, alias)
        return {"alias": alias}

    def _acknowledge(self, page: Page, alias: str) -> None:
        self._post(f"/{alias}/acknowledge?identifierType=alias", _note(page))

    def _post(self, path: str, said: dict[str, Any]) -> None:
        answer = post_json(
            f"{self._url}/v2/alerts{path}",
            said,
            headers={"authorization": f"GenieKey {self._key}"},
            timeout_s=self._timeout_s,
        )
        judge(_with_pause(answer), sayable(answer.json().get("message"), self._key))


def alert(page: Page, alias: str, *, team: str | None = None) -> dict[str, Any]:
    """The alert of a page, as ``Create Alert`` takes it."""
    return {
        "message": _text(f"{sign(page)} {headline(page)}", MESSAGE),
        "alias": alias,
        "description": _text(plain(page, DESCRIPTION), DESCRIPTION),
        "priority": _PRIORITIES.get(page.severity, "P3"),
        "entity": _text(page.labels.get("service") or page.alert, ENTITY),
        "source": "llm-monitor",
        "tags": [_text(tag, TAG) for tag in ("llm-monitor", page.alert, page.severity) if tag],
        "details": {name: url for name, url in links(page) if len(url) <= DETAIL},
        **({"responders": [{"type": "team", "name": team}]} if team else {}),
    }


def _note(page: Page) -> dict[str, Any]:
    who = page.acknowledged.by if page.kind == "acknowledge" and page.acknowledged else "llm-monitor"
    return {
        "source": "llm-monitor",
        "user": _text(who, USER),
        "note": _text("\n".join(news(page)), NOTE),
    }


def _text(text: str, limit: int) -> str:
    return fit_units(text.translate(_NO_TAGS), limit)


def _with_pause(answer: Answer) -> Answer:
    """The answer with the pause where it is looked for: Opsgenie has a header of its own for it."""
    period = answer.headers.get("x-ratelimit-period-in-sec")
    if answer.status != 429 or period is None or "retry-after" in answer.headers:
        return answer
    return structs.replace(answer, headers={**answer.headers, "retry-after": period})
