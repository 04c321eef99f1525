"""Puts an alert together for its page: stored rows and the rules in, the values that are shown out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from monitor.notify.page import Page
from monitor.paging import page_of
from monitor.reading import by_of
from monitor.rules.matchers import Matcher
from monitor.rules.model import Rule
from monitor.store.alerts import Acknowledged, AlertRow
from monitor.store.views import DeliveryRow
from monitor.telling import Alert as Told
from monitor.telling import Message
from monitor.web import values
from monitor.web.values import Course, Ended, Proof


def page(row: AlertRow, rule: Rule | None, now: datetime, dashboard: str = "") -> Page:
    """What was said of an alert when it fired: the same of one that is over, whose end is told elsewhere."""
    alert = Told(
        name=row.rule,
        severity=row.severity,
        labels=in_order(row, rule),
        rule=rule,
        state="firing",
        standing=row.standing,
        since=row.started_at,
        onset_at=row.onset_at,
        resolved_at=row.resolved_at,
        episode=row.episode,
        muted_by=row.muted_by,
        told=row.told,
        evidence=row.evidence,
    )
    message = Message(row.episode or "", alert, (alert,), 0, update=False)
    return page_of(message, row.resolved_at or now, dashboard=dashboard)


def in_order(row: AlertRow, rule: Rule | None) -> dict[str, str]:
    """An alert's labels in the order in which its rule names them; Postgres keeps none."""
    by = by_of(rule) if rule else ()
    names = [name for name in by if name in row.labels]
    return {name: row.labels[name] for name in dict.fromkeys((*names, *row.labels))}


def summed_up(
    row: AlertRow, rule: Rule | None, now: datetime, taken: Mapping[str, Acknowledged]
) -> values.Alert:
    """An alert as a list shows it."""
    who = taken.get(row.episode or "")
    return values.Alert(
        alert_id=row.alert_id,
        alert=row.rule,
        severity=row.severity,
        state=row.state,
        standing=row.standing,
        labels=in_order(row, rule),
        title=page(row, rule, now).title,
        started_at=row.started_at,
        fired_at=row.fired_at,
        onset_at=row.onset_at,
        resolved_at=row.resolved_at,
        muted_by=row.muted_by,
        acknowledged=acknowledgement(who) if who else None,
    )


def acknowledgement(who: Acknowledged) -> values.Acknowledgement:
    """Who takes care of it."""
    return values.Acknowledgement(by=who.by, at=who.at, source=who.source)


def proof(
    row: AlertRow,
    rule: Rule | None,
    now: datetime,
    *,
    dashboard: str,
    told: Mapping[str, Any] | None,
    course: Course | None,
) -> Proof:
    """What an alert rests on.

    Args:
        row: the alert.
        rule: of which it is; ``None`` where the configuration has it no more.
        now: what time it is.
        dashboard: the address of the Grafana dashboard.
        told: what was said of it when it ended, if it was; else its worst is read off the picture.
        course: the picture.
    """
    found = msgspec.convert(page(row, rule, now, dashboard), Proof, from_attributes=True)
    if row.resolved_at is None:
        return found
    if told is not None:
        return structs.replace(found, ended=msgspec.convert(told, Ended))
    began = row.onset_at or row.started_at
    during = [one.value for one in (course.points if course else ()) if began <= one.at < row.resolved_at]
    worst = max((value for value in during if value is not None), default=None)
    ended = Ended(lasted_s=(row.resolved_at - (row.fired_at or row.started_at)).total_seconds(), peak=worst)
    return structs.replace(found, ended=ended)


def delivery(row: DeliveryRow) -> values.Delivery:
    """A notification, and what became of it."""
    ends = {"delivered": row.delivered_at, "failed": row.failed_at, "superseded": row.superseded_at}
    state, at = next(((name, at) for name, at in ends.items() if at), ("waiting", row.next_attempt_at))
    return msgspec.convert(
        {
            "channel": row.channel,
            "kind": row.kind,
            "instead_of": row.instead_of,
            "state": state,
            "at": at,
            "created_at": row.created_at,
            "attempts": row.attempts,
            "last_error": row.last_error,
        },
        values.Delivery,
    )


def matchers(row: AlertRow, rule: Rule | None) -> tuple[str, ...]:
    """What selects this alert, as a silence writes it."""
    labels = {"alertname": row.rule, **in_order(row, rule)}
    return tuple(str(Matcher(name, "=", value)) for name, value in labels.items())
