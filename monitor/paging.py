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
from monitor.notify.words import place, title
from monitor.phrases import measure
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule, RegressionRule, Rule
from monitor.rules.named import STATISTICS, statistic
from monitor.telling import Message, metric_of

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
    unit = _unit(rule)
    ended = lead.state == "resolved"
    return Page(
        kind=kind_of(message),
        status="resolved" if ended else "firing",
        episode=message.episode,
        alert=lead.name,
        severity=lead.severity,
        metric=metric_of(rule) if rule else lead.name,
        unit=unit,
        labels=lead.labels,
        routing=dict(rule.labels) if rule else {},
        title=_title(message, unit),
        summary=rule.summary if rule else "",
        reason=lead.reason,
        statistic=_statistic(rule),
        onset_at=lead.onset_at,
        started_at=lead.since,
        at=at,
        window=_side(found, "window", "value"),
        baseline=_side(found, "baseline", "baseline_value"),
        ratio=_ratio(found),
        mix=found.get("mix"),
        evidence=_read(found.get("evidence", {}), dict[str, tuple[float, float]]),
        false_alarms=_false_alarms(rule),
        contributors=_read(found.get("contributors", ()), tuple[Contributor, ...]),
        failure_classes=_read(found.get("failure_classes", ()), tuple[FailureClass, ...]),
        deploys=_read(found.get("deploys", ()), tuple[Marker, ...]),
        concurrency=_read(found.get("concurrency"), Concurrency | None),
        examples=_read(found.get("examples", ()), tuple[Example, ...]),
        alerts=tuple(
            Member(labels=one.labels, status=one.state, since=one.since, reason=one.reason)
            for one in message.table
        ),
        more=message.more,
        ended=_read(found.get("ended"), Ended | None) if ended else None,
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


def _title(message: Message, unit: str) -> str:
    lead = message.lead
    rule, found = lead.rule, lead.evidence
    metric = metric_of(rule) if rule else lead.name
    now, before = (
        _said(found, *names, unit) for names in (("window", "value"), ("baseline", "baseline_value"))
    )
    if lead.state == "resolved":
        return f"resolved: {metric.replace('.', ' ', 1)} on {place(lead.labels)}" + (
            f", now {now}" if now else ""
        )
    return title(metric, lead.labels, now=now, before=before, ratio=_ratio(found))


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


def _statistic(rule: Rule | None) -> Statistic | None:
    if rule is None or isinstance(rule, AbsenceRule):
        return None
    name = statistic(rule)
    return Statistic(name=name, meaning=STATISTICS[name])


def _unit(rule: Rule | None) -> str:
    return "" if rule is None or isinstance(rule, AbsenceRule) else METRICS[rule.metric].unit


def _false_alarms(rule: Rule | None) -> float | None:
    return rule.false_alarms if isinstance(rule, RegressionRule) and rule.evidence == "cusum" else None


def _read(value: object, type_: Any) -> Any:
    return msgspec.convert(value, type_)
