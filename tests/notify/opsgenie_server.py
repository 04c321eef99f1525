"""Opsgenie's Alert API v2 as documented: takes requests about alerts by alias, refuses the rest."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.notify.receiver import Post, Reply

_LIMITS = {"message": 130, "description": 15_000, "alias": 512, "entity": 512, "source": 100, "user": 100}
_LIMITS["note"] = 25_000


class Opsgenie:
    """The service behind one integration. Call it with a request.

    Attributes:
        alerts: by alias, the newest alert: its ``status``, ``count``, notes, and what it was created with.
        refused: why it refused what it refused.
    """

    def __init__(self, key: str) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self._key = key

    def __call__(self, post: Post) -> Reply:
        if post.headers.get("authorization") != f"GenieKey {self._key}":
            return self._refuse(401, "Could not authenticate")
        try:
            said = json.loads(post.body)
        except ValueError:
            return self._refuse(400, "Invalid JSON body")
        if faults := _faults(said):
            return self._refuse(422, "Request body is not processable. Please check the errors.", faults)
        route = re.fullmatch(
            r".*/v2/alerts(?:/([^/]+)/(close|acknowledge|notes)\?identifierType=alias)?", post.path
        )
        if route is None:
            return self._refuse(404, "No handler found")
        alias, action = route.groups()
        if action is None:
            if not said.get("message"):
                return self._refuse(422, "Request body is not processable.", {"message": "may not be empty"})
            self._create(said)
        elif alias in self.alerts:
            self._change(self.alerts[alias], action, said)
        return Reply(202, {"result": "Request will be processed", "took": 0.1, "requestId": "4-5-6"})

    def _create(self, said: dict[str, Any]) -> None:
        known = self.alerts.get(said["alias"])
        if known is not None and known["status"] != "closed":
            known["count"] += 1
        else:
            self.alerts[said["alias"]] = {**said, "status": "open", "count": 1, "notes": []}

    def _change(self, alert: dict[str, Any], action: str, said: dict[str, Any]) -> None:
        if action == "notes" or said.get("note"):
            alert["notes"].append(said["note"])
        if action == "close":
            alert["status"] = "closed"
        elif action == "acknowledge" and alert["status"] == "open":
            alert["status"] = "acknowledged"

    def _refuse(self, status: int, message: str, errors: dict[str, str] | None = None) -> Reply:
        self.refused.append(f"{message} {errors or ''}")
        return Reply(status, {"message": message, "errors": errors or {}, "took": 0.1, "requestId": "1-2-3"})


def _faults(said: Any) -> dict[str, str]:
    if not isinstance(said, dict):
        return {"body": "is no object"}
    found = {}
    for name, limit in _LIMITS.items():
        value = said.get(name, "")
        if not isinstance(value, str) or len(value.encode("utf-16-le")) // 2 > limit:
            found[name] = f"must be text of at most {limit} characters"
        elif re.search(r"<\w", value):
            found[name] = "would be HTML"
    if said.get("priority") not in (None, "P1", "P2", "P3", "P4", "P5"):
        found["priority"] = "should be one of P1, P2, P3, P4 or P5"
    tags = said.get("tags", [])
    if len(tags) > 20 or any(len(tag) > 50 for tag in tags):
        found["tags"] = "at most 20 of at most 50 characters"
    details = said.get("details", {})
    if sum(len(name) + len(value) for name, value in details.items()) > 8_000:
        found["details"] = "at most 8000 characters"
    return found
