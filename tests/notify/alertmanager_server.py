"""An Alertmanager as its API v2 takes alerts (api/v2/openapi.yaml; ``Alert.Validate`` of prometheus/common).

The valid alerts of a request that has others are kept, and the request is refused all the same.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.notify.receiver import Post, Reply

_KEYS = {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Alertmanager:
    """Judges a request, and keeps what stands.

    Attributes:
        refused: why alerts or requests were refused.
        posted: the alerts of every request, as they came.
        alerts: the newest of each label set.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.posted: list[list[dict[str, Any]]] = []
        self.alerts: dict[str, dict[str, Any]] = {}

    def __call__(self, post: Post) -> Reply:
        """What it answers."""
        before = len(self.refused)
        if not post.path.endswith("/api/v2/alerts"):
            self.refused.append(f"no such path: {post.path}")
            return Reply(404)
        if post.headers["content-type"] != "application/json":
            self.refused.append("unsupported media type")
            return Reply(415)
        alerts = json.loads(post.body)
        self.posted.append(alerts)
        for alert in alerts:
            why = _fault(alert)
            if why:
                self.refused.append(why)
            else:
                self.alerts[json.dumps(alert["labels"], sort_keys=True)] = alert
        return Reply(400, "bad request") if len(self.refused) > before else Reply(200)


def _fault(alert: dict[str, Any]) -> str:
    if alert.keys() - _KEYS:
        return f"unknown fields: {alert.keys() - _KEYS}"
    labels, annotations = alert["labels"], alert.get("annotations", {})
    if not any(labels.values()):
        return "at least one label pair required"
    for name, value in [*labels.items(), *annotations.items()]:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
            return f"invalid name {name!r}"
        if not isinstance(value, str):
            return f"invalid value of {name}"
    for name in ("startsAt", "endsAt"):
        if not _MILLISECONDS.fullmatch(alert[name]):
            return f"{name} is no time in milliseconds"
    if datetime.fromisoformat(alert["endsAt"]) < datetime.fromisoformat(alert["startsAt"]):
        return "start time must be before end time"
    if "generatorURL" in alert and not urlsplit(alert["generatorURL"]).scheme:
        return "generatorURL must be a URI"
    return ""
