"""Slack's ``chat.postMessage`` and ``chat.update`` as documented: keeps messages, refuses the rest."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from tests.notify.receiver import Post, Reply

#: What Slack takes of blocks altogether; nowhere documented, found by users (slackapi/bolt-js, issue 2509).
WHOLE = 13_000


class Slack:
    """A workspace with one channel, ``#alerts``, which is ``C1``. Call it with a request.

    Attributes:
        messages: by ``ts``, the channel's messages as they are now, replies too.
        calls: the methods that succeeded, in order.
        refused: the codes of what it refused.
    """

    def __init__(self, token: str) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.refused: list[str] = []
        self._token = token
        self._lock = threading.Lock()

    def __call__(self, post: Post) -> Reply:
        with self._lock:
            method = post.path.rpartition("/")[2]
            try:
                answer = self._judge(method, post)
            except _Refusal as refusal:
                self.refused.append(str(refusal))
                return Reply(200, {"ok": False, "error": str(refusal)})
            self.calls.append(method)
            return Reply(200, {"ok": True, **answer})

    def _judge(self, method: str, post: Post) -> dict[str, Any]:
        if "authorization" not in post.headers:
            raise _Refusal("not_authed")
        if post.headers["authorization"] != f"Bearer {self._token}":
            raise _Refusal("invalid_auth")
        if not post.headers.get("content-type", "").startswith("application/json"):
            raise _Refusal("invalid_post_type")
        said = json.loads(post.body)
        if said.get("channel") not in ("#alerts", "C1"):
            raise _Refusal("channel_not_found")
        _check(said)
        match method:
            case "chat.postMessage":
                return self._post(said)
            case "chat.update":
                return self._update(said)
            case _:
                raise _Refusal("unknown_method")

    def _post(self, said: dict[str, Any]) -> dict[str, Any]:
        if said.get("thread_ts") not in (None, *self.messages):
            raise _Refusal("thread_not_found")
        ts = f"1773144120.{len(self.calls) + len(self.refused):06}"
        self.messages[ts] = said
        return {"channel": "C1", "ts": ts, "message": said}

    def _update(self, said: dict[str, Any]) -> dict[str, Any]:
        if said["channel"] != "C1":  # only the id will do here
            raise _Refusal("channel_not_found")
        if said.get("ts") not in self.messages:
            raise _Refusal("message_not_found")
        self.messages[said["ts"]] |= said
        return {"channel": "C1", "ts": said["ts"], "text": said.get("text", "")}


class _Refusal(Exception):
    pass


def _check(said: dict[str, Any]) -> None:
    blocks = said.get("blocks", [])
    if not said.get("text") and not blocks:
        raise _Refusal("no_text")
    if _units(said.get("text", "")) > 40_000:
        raise _Refusal("msg_too_long")
    if not _is_mrkdwn(said.get("text", "")):
        raise _Refusal("text_that_is_read")
    if len(blocks) > 50 or not all(map(_is_block, blocks)):
        raise _Refusal("invalid_blocks")
    if _weight(blocks) > WHOLE:
        raise _Refusal("msg_blocks_too_long")


def _is_block(block: dict[str, Any]) -> bool:
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": text}}:
            return 0 < _units(text) <= 150
        case {"type": "section", "text": {"type": "plain_text", "text": text}}:
            return 0 < _units(text) <= 3_000
        case {"type": "section", "text": {"type": "mrkdwn", "text": text}}:
            return 0 < _units(text) <= 3_000 and _is_mrkdwn(text)
        case {"type": "context", "elements": [*elements]}:
            return 0 < len(elements) <= 10 and all(_is_mrkdwn(one["text"]) for one in elements)
        case {"type": "actions", "elements": [*elements]}:
            return 0 < len(elements) <= 25 and all(map(_is_button, elements))
        case _:
            return False


def _is_button(button: dict[str, Any]) -> bool:
    return (
        button["type"] == "button"
        and button["text"]["type"] == "plain_text"
        and 0 < len(button["text"]["text"]) <= 75
        and len(button.get("action_id", "")) <= 255
        and len(button.get("value", "")) <= 2_000
        and button.get("style") in (None, "primary", "danger")
    )


def _is_mrkdwn(text: str) -> bool:
    """Whether nothing in it is a mention, a command or half an entity; links are those we make ourselves."""
    without_links = re.sub(r"<https?://[^<>|]+\|[A-Za-z]+>", "", text)
    entities_apart = re.sub(r"&(amp|lt|gt);", "", without_links)
    return not re.search(r"[<>&]", entities_apart)


def _weight(value: object) -> int:
    """Characters of all that is in it, its keys and signs too."""
    match value:
        case dict():
            return sum(_units(key) + _weight(one) + 6 for key, one in value.items())
        case list():
            return sum(_weight(one) + 2 for one in value)
        case str():
            return _units(value)
        case _:
            return 5


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
