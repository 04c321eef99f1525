"""PagerDuty's Events API v2 as its documentation has it: takes events, keeps incidents, refuses the rest."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.notify.receiver import Post, Reply

_TEXTS = ("summary", "source", "component", "group", "class")


class PagerDuty:
    """The service behind one integration. Call it with a request.

    Attributes:
        incidents: by ``dedup_key``, the status of the newest incident.
        events: what was accepted.
        refused: why it refused what it refused.
    """

    def __init__(self) -> None:
        self.incidents: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.refused: list[str] = []

    def __call__(self, post: Post) -> Reply:
        if len(post.body) > 512 * 1024:
            self.refused.append("payload too large")
            return Reply(413)
        try:
            event = json.loads(post.body)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not post.headers["content-type"].startswith("application/json"):
            self.refused.append("no JSON object")
            return Reply(400, {"status": "invalid event", "message": "Event object is invalid", "errors": []})
        if errors := list(_faults(event)):
            self.refused += errors
            return Reply(
                400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            )
        self._take(event)
        key = event["dedup_key"]
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def _take(self, event: dict[str, Any]) -> None:
        """A trigger opens or joins; the other two are dropped where nothing is open."""
        self.events.append(event)
        key, open_ = event["dedup_key"], self.incidents.get(event["dedup_key"]) not in (None, "resolved")
        match event["event_action"]:
            case "trigger" if not open_:
                self.incidents[key] = "triggered"
            case "acknowledge" if open_:
                self.incidents[key] = "acknowledged"
            case "resolve" if open_:
                self.incidents[key] = "resolved"


def _faults(event: dict[str, Any]) -> list[str]:
    found = []
    if not re.fullmatch(r"\w{32}", str(event.get("routing_key"))):
        found.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        found.append("'event_action' is missing or not one of trigger, acknowledge, resolve")
    if not isinstance(event.get("dedup_key"), str) or not 0 < len(event["dedup_key"]) <= 255:
        found.append("Length of 'dedup_key' is incorrect (should be at most 255 characters)")
    if event.get("event_action") == "trigger":
        found += _payload_faults(event.get("payload"))
    for link in event.get("links", []):
        if not isinstance(link.get("href"), str):
            found.append("'links.href' is missing or blank")
    return found


def _payload_faults(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    found = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not payload.get(name)
    ]
    found += [
        f"'payload.{name}' is no string" for name in _TEXTS if not isinstance(payload.get(name, ""), str)
    ]
    if len(str(payload.get("summary"))) > 1_024:
        found.append("'payload.summary' must be 1024 characters or fewer")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        found.append("'payload.severity' must be one of critical, warning, error, info")
    return found
