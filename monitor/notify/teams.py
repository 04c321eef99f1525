"""The ``teams`` channel: an Adaptive Card for each notification, posted by a Microsoft Teams workflow.

The workflow ("Send webhook alerts to a channel") starts with a URL that holds its secret, and answers 202 as
soon as it has started: that it then failed, as with a card that is too large, only its own history says. It
can neither change a card nor tell a repeat from news. Log text stands in ``TextRun``, in which Teams reads no
Markdown, so that nobody's model name becomes a link.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from monitor.clock import Clock
from monitor.notify.channel import ChannelSettings, Notification
from monitor.notify.http import TIMEOUT_S, checked_url, judge, post_json
from monitor.notify.page import Page
from monitor.notify.words import fit, headline, links, sections, sign

#: Bytes of a card, as JSON in ASCII. Teams takes 28 KB of what it makes of the card, which was 18 % more than
#: what had been sent where somebody measured it (MicrosoftDocs/msteams-docs, issue 11274).
CARD = 20_000

#: Characters of a title, of a line, and of a link.
TITLE, LINE, LINK = 250, 500, 1_500


class TeamsSettings(ChannelSettings, frozen=True, kw_only=True, tag="teams", tag_field="kind"):
    """Posts to the ``url`` of a workflow that starts "when a Teams webhook request is received"."""

    url: str

    def channel(self, clock: Clock) -> TeamsChannel:  # noqa: ARG002 - Teams has its own
        """See ``ChannelSettings``."""
        return TeamsChannel(self.url)


class TeamsChannel:
    """Posts to one workflow.

    Args:
        url: where the workflow starts; a secret.
        timeout_s: seconds that one attempt may take.

    Raises:
        ConfigError: the URL can't be one.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = checked_url(url, "a teams channel's url")
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``."""
        judge(post_json(self._url, message(notification.page), timeout_s=self._timeout_s))


def message(page: Page) -> dict[str, Any]:
    """The message of a page: what a workflow takes, with one card."""
    card = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(page),
    }
    return {"type": "message", "attachments": [card]}


def _card(page: Page) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [],
        "actions": [
            {"type": "Action.OpenUrl", "title": name, "url": url}
            for name, url in links(page)
            if len(url) <= LINK
        ],
    }
    room = CARD - _size(card) - _size(_LEFT_OUT)
    for element in _elements(page):
        room -= _size(element)
        if room < 0:
            card["body"].append(_LEFT_OUT)
            break
        card["body"].append(element)
    return card


def _elements(page: Page) -> Iterator[dict[str, Any]]:
    """The title and the sections, a line each."""
    yield _line(f"{sign(page)} {fit(headline(page), TITLE)}", size="Large", weight="Bolder")
    for section in sections(page):
        if section.heading:
            yield {**_line(section.heading, weight="Bolder"), "spacing": "Medium"}
        for text in section.lines:
            yield _line(fit(text, LINE))


def _line(text: str, **style: str) -> dict[str, Any]:
    return {
        "type": "RichTextBlock",
        "spacing": "Small",
        "inlines": [{"type": "TextRun", "text": text, **style}],
    }


def _size(part: object) -> int:
    """Bytes as JSON with its comma, every other letter than those of ASCII in six."""
    return len(json.dumps(part)) + 2


#: Stands at the end where not all had room.
_LEFT_OUT = _line("There is more to it than fits here.")
