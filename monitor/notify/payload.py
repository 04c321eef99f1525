"""Builds what a channel says about a state change: plain values in, one JSON object out.

Built once for each state change and stored in the outbox, so that every channel and every attempt says the
same. The fields are documented in ``docs/webhook.md``; ``version`` changes when they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

#: Version of the payload's fields.
VERSION = 2


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
    episode: str,
    update: bool = False,
    onset_at: datetime | None = None,
    routing: Mapping[str, str] | None = None,
    members: Sequence[Mapping[str, Any]] = (),
    more: int = 0,
) -> dict[str, Any]:
    """The payload of a firing or a resolved episode, with the alert that it is mainly about.

    ``status`` is ``firing`` or ``resolved``; ``onset_at`` is when the evidence began, ``started_at`` when the
    condition was first seen, ``at`` when the state changed; ``evidence`` is what ``rules.judge`` gave, with
    contributors and examples. ``update`` says that the episode was told before. ``members`` are its alerts,
    and ``more`` is how many of them are left out. ``routing`` are the rule's own labels.
    """
    return {
        "version": VERSION,
        "status": status,
        "alert": alert,
        "metric": metric,
        "episode": episode,
        "update": update,
        "labels": dict(labels),
        "routing": dict(routing or {}),
        "severity": severity,
        "title": title(metric, labels, status, evidence),
        "summary": summary,
        "reason": reason,
        "onset_at": onset_at.isoformat() if onset_at else None,
        "started_at": started_at.isoformat(),
        "at": at.isoformat(),
        "evidence": dict(evidence),
        "alerts": [dict(one) for one in members],
        "more": more,
        "runbook_url": runbook_url,
    }


def title(metric: str, labels: Mapping[str, str], status: str, evidence: Mapping[str, Any]) -> str:
    """One line that says what, by how much and where: ``json.failed up ×21 (2.0 % → 42.0 %) on checkout``."""
    where = " / ".join(value or "(none)" for value in labels.values()) or "everything"
    now, before = _said(evidence, "window", "value"), _said(evidence, "baseline", "baseline_value")
    if status == "resolved":
        return f"resolved: {metric} on {where}" + (f", now {now}" if now else "")
    if not before:
        return f"{metric} at {now or '?'} on {where}"
    ratio = _ratio(evidence)
    times = f" ×{ratio:.2g}" if ratio is not None and ratio < 100 else ""
    return f"{metric} up{times} ({before} → {now}) on {where}"


def _said(evidence: Mapping[str, Any], side: str, value: str) -> str:
    """What was measured, where it is a value; else the share of calls; empty where neither is known."""
    if value in evidence:
        return f"{evidence[value]:.4g}"
    counts = evidence.get(side)
    return f"{counts['rate'] * 100:.1f} %" if counts and "rate" in counts else ""


def _ratio(evidence: Mapping[str, Any]) -> float | None:
    """How many times as much, of what the title says."""
    if evidence.get("baseline_value"):
        return float(evidence["value"] / evidence["baseline_value"])
    return evidence.get("ratio")
