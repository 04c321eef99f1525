"""Builds what a channel says about a state change: plain values in, one JSON object out.

Built once for each state change and stored in the outbox, so that every channel and every attempt says the
same. The fields are documented in ``docs/webhook.md``; ``version`` changes when they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

#: Version of the payload's fields.
VERSION = 1


def build_payload(
    *,
    alert: str,
    metric: str,
    labels: Mapping[str, str],
    severity: str,
    status: str,
    reason: str,
    summary: str,
    runbook_url: str,
    started_at: datetime,
    at: datetime,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """The payload of a firing or a resolved alert.

    ``status`` is ``firing`` or ``resolved``; ``started_at`` is when the condition was first seen, ``at``
    when the state changed; ``evidence`` is what ``rules.judge`` gave, with contributors and examples.
    """
    return {
        "version": VERSION,
        "status": status,
        "alert": alert,
        "metric": metric,
        "labels": dict(labels),
        "severity": severity,
        "title": title(metric, labels, status, evidence),
        "summary": summary,
        "reason": reason,
        "started_at": started_at.isoformat(),
        "at": at.isoformat(),
        "evidence": dict(evidence),
        "runbook_url": runbook_url,
    }


def title(metric: str, labels: Mapping[str, str], status: str, evidence: Mapping[str, Any]) -> str:
    """One line that says what, by how much and where: ``json.failed up ×21 (2.0 % → 42.0 %) on checkout``."""
    where = " / ".join(value or "(none)" for value in labels.values()) or "everything"
    window, baseline = evidence.get("window"), evidence.get("baseline")
    now = _percent(window)
    if status == "resolved":
        return f"resolved: {metric} on {where}" + (f", now {now}" if window else "")
    if not baseline:
        return f"{metric} at {now} on {where}"
    ratio = evidence.get("ratio")
    times = f" ×{ratio:.2g}" if ratio is not None and ratio < 100 else ""
    return f"{metric} up{times} ({_percent(baseline)} → {now}) on {where}"


def _percent(side: Mapping[str, Any] | None) -> str:
    return f"{side['rate'] * 100:.1f} %" if side else "?"
