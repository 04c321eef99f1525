"""The ``slack`` channel: one message for an episode, changed in place, and replies that tell of changes.

The message is Block Kit, sent by a bot (``chat.postMessage``, then ``chat.update`` at the ``ts`` and
``channel`` of the receipt). A reply is what notifies people, so all but an acknowledgement are also shown in
the channel. Slack knows no key by which it could tell a repeat from news: where its answer is lost, the next
attempt posts again. What comes from logs stands in ``plain_text``, in which Slack reads no mention, link or
format. Limits and errors: Slack's reference of these two methods and of Block Kit's blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from monitor.clock import Clock
from monitor.errors import ConfigError, Permanent
from monitor.notify.answers import ACKNOWLEDGE, from_slack
from monitor.notify.channel import Acknowledging, ChannelSettings, Notification, Receipt, TryLater
from monitor.notify.http import TIMEOUT_S, checked_key, checked_url, judge, post_json, retry_after
from monitor.notify.page import Page
from monitor.notify.words import Section, fit_units, fitting, headline, links, news, sections, sign, units

#: Where the methods are; another for GovSlack.
URL = "https://slack.com/api"

#: Characters of a header: Slack refuses more.
HEADER = 150

#: Characters of a section, which Slack lets have 3,000, and of all of them, so that none crowds the others
#: out. A message may have some 13,000, which only users of Slack have documented (``msg_blocks_too_long``).
SECTION, WHOLE = 1_800, 9_000

#: Characters of a link; of a reply, which says what is new in a few lines.
LINK, REPLY = 600, 1_000

_TOKEN = re.compile(r"[!-~]{8,1024}")

#: Errors that say the message is beyond our reach: it is posted anew.
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"})

#: Errors that pass.
_LATER = frozenset(
    {
        "external_channel_migrating",
        "fatal_error",
        "internal_error",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
        "update_failed",
    }
)


class SlackSettings(ChannelSettings, frozen=True, kw_only=True, tag="slack", tag_field="kind"):
    """Posts to ``channel`` (``#alerts``, or better its id) with a bot's ``token`` that may ``chat:write``.

    With the app's ``signing_secret`` there is a button to acknowledge, whose answer comes to
    ``/api/hooks/slack/<channel>``.
    """

    token: str
    channel_id: str = msgspec.field(name="channel")
    signing_secret: str | None = None
    url: str = URL

    def channel(self, clock: Clock) -> SlackChannel:  # noqa: ARG002 - Slack has its own
        """See ``ChannelSettings``."""
        if self.signing_secret is not None:
            checked_key(self.signing_secret.encode(), "a slack channel's signing_secret")
        return SlackChannel(
            self.token, self.channel_id, buttons=self.signing_secret is not None, url=self.url
        )

    def hear(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Acknowledging | None:
        """See ``ChannelSettings``."""
        if self.signing_secret is None:
            return super().hear(headers, body, now)
        return from_slack(headers, body, self.signing_secret, now)


class _Refused(Permanent):
    """Slack says no, and why, by a code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Slack refused it: {code}")
        self.code = code


class SlackChannel:
    """Posts to one channel of Slack.

    Args:
        token: the bot's; a secret.
        channel: its id, or its name with ``#``.
        buttons: whether there is somebody to hear a press of the button.
        url: where Slack's methods are.
        timeout_s: seconds that one request may take; a change takes two.

    Raises:
        ConfigError: the token, the channel or the URL can't be one.
    """

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        buttons: bool = False,
        url: str = URL,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        if not _TOKEN.fullmatch(token):
            raise ConfigError("token must be a bot's token, which starts with xoxb-")
        if not channel.strip():
            raise ConfigError("channel must be a channel's id, or its name with #")
        self._token = token
        self._channel = channel
        self._buttons = buttons
        self._url = str(checked_url(url, "a slack channel's url")).rstrip("/")
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> Receipt:
        """See ``Channel.send``."""
        page, receipt = notification.page, notification.receipt
        whole = message(page, buttons=self._buttons)
        if receipt is None:
            return self._post(whole)
        try:
            self._call("chat.update", {"channel": receipt["channel"], "ts": receipt["ts"], **whole})
        except _Refused as refused:
            if refused.code in _GONE:
                return self._post(whole)
            raise
        self._call(
            "chat.postMessage",
            {
                "channel": receipt["channel"],
                "thread_ts": receipt["ts"],
                "reply_broadcast": page.kind != "acknowledge",
                "text": reply(page),
                **_AS_IT_IS,
            },
        )
        return receipt

    def _post(self, whole: dict[str, Any]) -> Receipt:
        found = self._call("chat.postMessage", {"channel": self._channel, **whole, **_AS_IT_IS})
        return {"channel": str(found.get("channel")), "ts": str(found.get("ts"))}

    def _call(self, method: str, said: dict[str, Any]) -> dict[str, object]:
        answer = post_json(
            f"{self._url}/{method}",
            said,
            headers={
                "authorization": f"Bearer {self._token}",
                "content-type": "application/json; charset=utf-8",
            },
            timeout_s=self._timeout_s,
        )
        judge(answer)
        found = answer.json()
        if found.get("ok") is True:
            return found
        code = str(found.get("error"))
        if found.get("ok") is not False or not re.fullmatch(r"[a-z_]{1,64}", code):
            raise TryLater("the receiver answered 200, but nothing that Slack answers")
        if code in _LATER:
            raise TryLater(f"Slack can't take it now: {code}", retry_after(answer.headers))
        raise _Refused(code)


def message(page: Page, *, buttons: bool) -> dict[str, Any]:
    """The message of a page: its blocks, and the text that a notification on a phone shows."""
    title = f"{sign(page)} {headline(page)}"
    return {"text": _escaped([title]), "blocks": _blocks(page, title, buttons=buttons)}


def reply(page: Page) -> str:
    """What has changed, in a few lines."""
    return f"{sign(page)} {_escaped(news(page))}"


def _blocks(page: Page, title: str, *, buttons: bool) -> list[dict[str, Any]]:
    header = {"type": "plain_text", "text": fit_units(title, HEADER), "emoji": False}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    whole_title = [Section("", (title,))] if header["text"] != title else []
    room = WHOLE
    for section in [*whole_title, *sections(page)]:
        text = fit_units(fitting(section.lines, SECTION), SECTION)
        room -= units(text)
        if room < 0:
            blocks.append(_note("There is more to it than fits here."))
            break
        if section.heading:
            blocks.append(_note(f"*{section.heading}*"))
        blocks.append({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}})
    if where := _links(page):
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": where}})
    if buttons and page.alert_id is not None and page.status == "firing" and page.acknowledged is None:
        button = {
            "type": "button",
            "action_id": ACKNOWLEDGE,
            "text": {"type": "plain_text", "text": "Acknowledge"},
            "value": str(page.alert_id),
            "style": "primary",
        }
        blocks.append({"type": "actions", "elements": [button]})
    return blocks


def _links(page: Page) -> str:
    found = [f"<{_address(url)}|{name}>" for name, url in links(page) if len(_address(url)) <= LINK]
    return "  ·  ".join(found)


def _address(url: str) -> str:
    """The URL as it stands in a link: ``<``, ``>`` and ``|`` would end it."""
    return re.sub(r"[<>|\s]", lambda found: f"%{ord(found[0]):02X}", url).replace("&", "&amp;")


def _note(words: str) -> dict[str, Any]:
    """A small line of our own words."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}


def _escaped(lines: Sequence[str]) -> str:
    """The first lines that fit a reply, for where there is no ``plain_text``.

    ``<``, ``>`` and ``&`` are all that begins a mention, a link or an entity ("Escaping text").
    """
    text = fitting(lines, REPLY)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


#: Text is not formatted, and nothing that it names is unfolded below it.
_AS_IT_IS = {"mrkdwn": False, "parse": "none", "unfurl_links": False, "unfurl_media": False}
