"""Fills in a page: what an evaluation found of an episode in, a ``Page`` out. Pure.

An alert's ``evidence`` is plain values, as the judge, the prover and the database have it; from here on it is
typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import structs

from monitor.notify.page import (
    Concurrency,
    Contributor,
    Ended,
    Example,
    FailureClass,
    Kind,
    Links,
    Marker,
    Member,
    Page,
    Side,
    Statistic,
)
from monitor.notify.words import TITLE, fit, title
from monitor.phrases import measure
from monitor.rules.meanings import compared_with, meaning, unit, what
from monitor.rules.model import AbsenceRule, BurnRateRule, RegressionRule, Rule, ThresholdRule
from monitor.telling import Alert, Message, metric_of

#: What a dashboard shows before the onset, and after the page's own time.
BEFORE, AFTER = timedelta(hours=2), timedelta(minutes=15)

#: Labels that the dashboard has a variable of.
_VARIABLES = ("service", "environment", "model_served", "prompt_version")


def page_of(message: Message, at: datetime, *, dashboard: str = "") -> Page:
    """The page of a message, at the time that it is due.

    Args:
        message: which episode, and the alerts that it has.
        at: the end of the minute in which this was found.
        dashboard: the address of the Grafana dashboard; empty for none.
    """
    lead, rule, found = message.lead, message.lead.rule, message.lead.evidence
    ended = lead.state == "resolved"
    return Page(
        kind=kind_of(message),
        status="resolved" if ended else "firing",
        episode=message.episode,
        alert=lead.name,
        severity=lead.severity,
        metric=metric_of(rule) if rule else lead.name,
        unit=unit(rule),
        labels=lead.labels,
        routing=dict(rule.labels) if rule else {},
        title=_title(message),
        summary=rule.summary if rule else "",
        reason=lead.reason,
        statistic=_statistic(rule),
        onset_at=lead.onset_at,
        started_at=lead.since,
        at=at,
        window=_side(found, "window", "value"),
        baseline=_baseline(found, rule),
        ratio=_ratio(found),
        mix=found.get("mix"),
        evidence=_read(found.get("evidence", {}), dict[str, tuple[float, float]]),
        false_alarms=_false_alarms(rule),
        contributors=_read(found.get("contributors", ()), tuple[Contributor, ...]),
        failure_classes=_read(found.get("failure_classes", ()), tuple[FailureClass, ...]),
        usually=found.get("usually", ""),
        deploys=_read(found.get("deploys", ()), tuple[Marker, ...]),
        concurrency=_read(found.get("concurrency"), Concurrency | None),
        examples=_read(found.get("examples", ()), tuple[Example, ...]),
        alerts=tuple(
            Member(labels=one.labels, status=one.state, since=one.since, reason=one.reason)
            for one in message.table
        ),
        more=message.more,
        ended=_ended(lead, at) if ended else None,
        links=Links(
            dashboard=dashboard_link(dashboard, lead.labels, lead.onset_at or lead.since, at),
            runbook=rule.runbook_url if rule else None,
        ),
    )


def kind_of(message: Message) -> Kind:
    """What a message is to whoever hears it."""
    if message.lead.state == "resolved":
        return "resolve"
    return "update" if message.update else "trigger"


def dashboard_link(base: str, labels: Mapping[str, str], since: datetime, until: datetime) -> str | None:
    """The dashboard at these labels and around this time; ``None`` without an address."""
    if not base:
        return None
    query = [
        ("from", str(int((since - BEFORE).timestamp()) * 1000)),
        ("to", str(int((until + AFTER).timestamp()) * 1000)),
        *((f"var-{name}", labels[name]) for name in _VARIABLES if labels.get(name)),
    ]
    return f"{base}{'&' if '?' in base else '?'}{urlencode(query)}"


def _title(message: Message) -> str:
    lead = message.lead
    rule, found = lead.rule, lead.evidence
    about = what(rule) if rule else lead.name
    now, before = (
        _said(found, *names, unit(rule)) for names in (("window", "value"), ("baseline", "baseline_value"))
    )
    if lead.state == "resolved":
        return fit(title(f"resolved: {about}", lead.labels) + (f", now {now}" if now else ""), TITLE)
    if isinstance(rule, AbsenceRule):
        return title(about, lead.labels)
    if isinstance(rule, BurnRateRule):
        budget = 1 - rule.objective
        times = f" ×{found['window']['rate'] / budget:.2g}" if found.get("window") else ""
        return title(f"error budget of {about} burns{times}", lead.labels, now=now, limit=measure(budget, ""))
    return title(about, lead.labels, now=now, before=before, ratio=_ratio(found), limit=_limit(rule))


def _limit(rule: Rule | None) -> str:
    """What a rule without a baseline allows."""
    if not isinstance(rule, ThresholdRule):
        return ""
    if rule.above is not None:
        return measure(rule.above, unit(rule))
    return f"{measure(rule.below or 0.0, unit(rule))} or more"


def _said(found: Mapping[str, Any], side: str, value: str, unit: str) -> str:
    """What was measured, where it is a value; else the share of calls; empty where neither is known."""
    if value in found:
        return measure(found[value], unit)
    counts = found.get(side)
    return measure(counts["rate"], "") if counts and "rate" in counts else ""


def _ratio(found: Mapping[str, Any]) -> float | None:
    """How many times as much, of what the title says."""
    if found.get("baseline_value"):
        return float(found["value"] / found["baseline_value"])
    return found.get("ratio")


def _side(found: Mapping[str, Any], name: str, value: str) -> Side | None:
    counts = found.get(name)
    if counts is None and value not in found:
        return None
    times = {"start": found.get("window_start"), "end": found.get("window_end")} if name == "window" else {}
    side: Side = _read({**(counts or {}), **times, "value": found.get(value)}, Side)
    return side


def _baseline(found: Mapping[str, Any], rule: Rule | None) -> Side | None:
    side = _side(found, "baseline", "baseline_value")
    return side and structs.replace(side, of=compared_with(rule) if rule else "")


def _statistic(rule: Rule | None) -> Statistic | None:
    if rule is None:
        return None
    name, sentence = meaning(rule)
    return Statistic(name=name, meaning=sentence)


def _ended(lead: Alert, at: datetime) -> Ended:
    worst = lead.evidence.get("ended", {})
    return Ended(lasted_s=(at - (lead.onset_at or lead.since)).total_seconds(), **worst)


def _false_alarms(rule: Rule | None) -> float | None:
    return rule.false_alarms if isinstance(rule, RegressionRule) and rule.evidence == "cusum" else None


def _read(value: object, type_: Any) -> Any:
    return msgspec.convert(value, type_)
