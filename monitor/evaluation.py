"""Evaluates the rules: counts of the rollups and a time in, state changes of alerts out.

A function of what is in Postgres and of the time it is given, so that it does not matter which replica
makes an evaluation, or how late. A change is made once, whoever makes it first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from monitor import telemetry
from monitor.notify import build_payload
from monitor.rules import (
    Counts,
    Judgement,
    Metric,
    OpenAlert,
    Rule,
    Sample,
    State,
    Transition,
    Verdict,
    baseline_span,
    contributors,
    decide,
    judge,
    metric,
    window_span,
)
from monitor.store.alerts import AlertRow, Alerts, StateChange, fingerprint
from monitor.store.windows import Query, Windows

log = structlog.get_logger("monitor.evaluation")


class Evaluator:
    """Evaluates every rule and makes the state changes that follow.

    Args:
        rules: what to evaluate.
        windows: the counts.
        alerts: what is open, and where changes go.
        channels: the names of every configured channel.
        metrics: where to count.
        settle: how long calls have to arrive: the windows end that much before the evaluation
            (``query_offset`` in Prometheus).
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        windows: Windows,
        alerts: Alerts,
        channels: Collection[str],
        metrics: telemetry.ControlMetrics,
        *,
        settle: timedelta = timedelta(),
    ) -> None:
        self._rules = rules
        self._windows = windows
        self._alerts = alerts
        self._channels = tuple(channels)
        self._metrics = metrics
        self._settle = settle

    def evaluate(self, at: datetime) -> int:
        """Evaluate every rule as of ``at``; gives how many state changes were made.

        Raises:
            Transient: Postgres can't be reached; what was changed so far stays changed.
        """
        changes = 0
        with (
            telemetry.span("control.evaluate", rules=len(self._rules)),
            self._metrics.evaluation_seconds.time(),
        ):
            opened = self._alerts.open()
            for rule in self._rules:
                changes += self._evaluate(rule, opened, at)
            changes += self._close_orphans(opened, at)
        self._metrics.evaluated.set((at - self._settle).timestamp())
        return changes

    def _evaluate(self, rule: Rule, opened: Mapping[str, AlertRow], at: datetime) -> int:
        changes = 0
        samples = self._samples(rule, opened, at)
        if not samples:
            self._metrics.evaluations.labels(rule.alert, Verdict.NO_DATA).inc()
        for sample in samples:
            row = opened.get(fingerprint(rule.alert, sample.labels))
            alert = _open_alert(row) if row else None
            if alert and alert.baseline:
                sample = msgspec.structs.replace(sample, baseline=alert.baseline)
            judgement = judge(rule, sample)
            self._metrics.evaluations.labels(rule.alert, judgement.verdict).inc()
            transition = decide(alert, judgement.verdict, rule, at)
            if transition is not None:
                changes += self._change(rule, sample, row, judgement, transition, at)
        return changes

    def _samples(self, rule: Rule, opened: Mapping[str, AlertRow], at: datetime) -> list[Sample]:
        """Counts for every combination that has calls in the window or the baseline, or an open alert."""
        query = _query(metric(rule.metric), _values(rule.where))
        span = window_span(rule, at - self._settle)
        now = {_key(c.labels): c for c in self._windows.counts(query, (span.start, span.end), rule.by)}
        past = baseline_span(rule, at - self._settle)
        before = (
            {_key(c.labels): c for c in self._windows.counts(query, (past.start, past.end), rule.by)}
            if past
            else {}
        )
        still_open = {_key(row.labels) for row in opened.values() if row.rule == rule.alert}
        return [
            Sample(_in_order(key, rule.by), _counts(now.get(key)), _counts(before.get(key)))
            for key in sorted(now.keys() | before.keys() | still_open)
        ]

    def _change(
        self,
        rule: Rule,
        sample: Sample,
        row: AlertRow | None,
        judgement: Judgement,
        transition: Transition,
        at: datetime,
    ) -> int:
        evidence = dict(judgement.evidence)
        told = transition.to is not (State(row.state) if row else None) and (
            transition.to is State.FIRING
            or (transition.to is State.RESOLVED and row and row.state == "firing")
        )
        if told:
            evidence |= self._proof(rule, sample, at)
        reason = f"{transition.reason}: {judgement.reason}"
        started_at = row.started_at if row else at
        payload = build_payload(
            alert=rule.alert,
            metric=rule.metric,
            labels=sample.labels,
            severity=rule.severity,
            status=transition.to,
            reason=reason,
            summary=rule.summary,
            runbook_url=rule.runbook_url,
            started_at=started_at,
            at=at,
            evidence=evidence,
        )
        return self._apply(
            StateChange(
                alert_id=row.alert_id if row else None,
                rule=rule.alert,
                labels=sample.labels,
                severity=rule.severity,
                expected_state=row.state if row else None,
                state=transition.to,
                at=at,
                reason=reason,
                evidence=evidence,
                clear_since=transition.clear_since,
                channels=(rule.channels or self._channels) if told else (),
                payload=payload,
            )
        )

    def _proof(self, rule: Rule, sample: Sample, at: datetime) -> dict[str, Any]:
        """What the page shows to prove itself: the window's times, who contributes, three calls."""
        measured = metric(rule.metric)
        span = window_span(rule, at - self._settle)
        past = baseline_span(rule, at - self._settle)
        query = _query(measured, _values({**rule.where, **sample.labels}))
        times = (span.start, span.end)
        found = contributors(self._windows.counts(query, times), sample.baseline.rate, known=rule.by)
        examples = self._windows.examples(query, times, score=measured.score, outcomes=measured.outcomes)
        return {
            "window_start": span.start.isoformat(),
            "window_end": min(span.end, at - self._settle).isoformat(),
            "baseline_start": past.start.isoformat() if past else None,
            "baseline_end": past.end.isoformat() if past else None,
            "contributors": [one._asdict() for one in found],
            "examples": msgspec.to_builtins(examples),
        }

    def _close_orphans(self, opened: Mapping[str, AlertRow], at: datetime) -> int:
        """Resolve the alerts that no rule is about any more; whoever was told of one is told of its end."""
        rules = {rule.alert: rule for rule in self._rules}
        return sum(
            self._close_orphan(row, at)
            for row in opened.values()
            if not _is_about(rules.get(row.rule), row.labels)
        )

    def _close_orphan(self, row: AlertRow, at: datetime) -> int:
        reason = "the rule is gone from the configuration, or no longer by these labels"
        payload = build_payload(
            alert=row.rule,
            metric=row.rule,
            labels=row.labels,
            severity=row.severity,
            status=State.RESOLVED,
            reason=reason,
            summary="",
            runbook_url="",
            started_at=row.started_at,
            at=at,
            evidence={},
        )
        return self._apply(
            StateChange(
                alert_id=row.alert_id,
                rule=row.rule,
                labels=row.labels,
                severity=row.severity,
                expected_state=row.state,
                state=State.RESOLVED,
                at=at,
                reason=reason,
                evidence={},
                channels=self._alerts.told(row.alert_id),
                payload=payload,
            )
        )

    def _apply(self, change: StateChange) -> int:
        if self._alerts.change(change) is None:
            return 0
        if change.state == change.expected_state:
            return 0
        self._metrics.transitions.labels(change.rule, change.state).inc()
        log.info("alert", rule=change.rule, labels=change.labels, state=change.state, reason=change.reason)
        return 1


def _query(measured: Metric, where: Mapping[str, Sequence[str]]) -> Query:
    return Query(measured.numerator, measured.denominator, where)


def _values(where: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    return {name: [value] if isinstance(value, str) else list(value) for name, value in where.items()}


def _is_about(rule: Rule | None, labels: Mapping[str, str]) -> bool:
    """Whether a rule, as it is now, could still say something of an alert with these labels."""
    if rule is None or set(rule.by) != labels.keys():
        return False
    return all(labels[name] in values for name, values in _values(rule.where).items() if name in labels)


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _in_order(key: tuple[tuple[str, str], ...], by: Sequence[str]) -> dict[str, str]:
    """The labels in the order in which the rule names them, as people will read them."""
    return dict(sorted(key, key=lambda label: by.index(label[0]) if label[0] in by else len(by)))


def _counts(count: Any) -> Counts:
    return Counts(count.calls, count.failures) if count else Counts(0, 0)


def _open_alert(row: AlertRow) -> OpenAlert:
    side = row.evidence.get("baseline")
    return OpenAlert(
        row.alert_id,
        State(row.state),
        row.started_at,
        row.clear_since,
        Counts(side["calls"], side["failures"]) if side else None,
    )
