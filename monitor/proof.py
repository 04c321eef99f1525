"""Finds what proves alerts, by bounded queries to Postgres: those that fire or end in, fields of pages out.

Who carries the change, how calls fail, what was deployed, how many calls were in flight, and calls that show
it; of an end, how bad it was. What is compared is the time from the onset with the rule's own span, where it
has one, else with the same hours on the last days, without those in which the same alert fired; where these
had no calls, with the day before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import structs

from monitor.durations import seconds
from monitor.phrases import measure
from monitor.reading import MINUTE, SHORT, values_of
from monitor.rules.contributors import contributors
from monitor.rules.histogram import place
from monitor.rules.meanings import compared_with
from monitor.rules.metric import METRICS, Metric
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    Measured,
    RegressionRule,
    ThresholdRule,
    watches_itself,
)
from monitor.rules.named import statistic
from monitor.rules.peaks import worst
from monitor.rules.spread import spread
from monitor.store.alerts import Alerts
from monitor.store.deploys import Deploy, nearest
from monitor.store.tallies import Counting, Tallies, Tally
from monitor.store.windows import Example, Query, TimeSpan, Windows
from monitor.telling import Alert

#: Alerts of one minute that are proven: the table of an episode shows the others.
PROVEN = 10

#: Longest time since its onset that an alert is proven with, so that a query stays a small one.
LONGEST = timedelta(hours=6)

#: Days whose same hours are what is usual.
DAYS = 7

#: Failed calls that are looked at for examples, and how many are shown; classes, contributors and markers.
LOOKED_AT, EXAMPLES, CLASSES, CONTRIBUTORS, MARKERS = 200, 5, 5, 5, 3

#: How long before the onset a model may have begun to answer that is one to be named.
_MODEL_BEFORE = timedelta(hours=1)

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

#: Statistics that are a place among the values.
_PERCENTILES = ("p50", "p90", "p95", "p99")

#: The columns of calls that hold what is measured, where they have another name.
_COLUMNS = {
    "duration": "duration_ms",
    "ttft": "ttft_ms",
    "cost_of_requests": "cost",
    "tools.risk": "tools_risk",
    "grounding.risk": "grounding_risk",
}


class _Case(NamedTuple):
    """What is asked of the calls of one alert."""

    alert: Alert
    rule: Measured
    metric: Metric
    counting: Counting
    span: TimeSpan

    @property
    def is_mean(self) -> bool:
        """Whether sums are counted, and not calls."""
        return bool(self.metric.unit) and self.counting.above is None


class Prover:
    """Finds what proves alerts. Every method raises ``Transient`` where Postgres can't be reached.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._windows, self._tallies, self._alerts = Windows(engine), Tallies(engine), Alerts(engine)

    def prove(self, fired: Sequence[Alert], at: datetime) -> dict[str, dict[str, Any]]:
        """What is shown of the first of these alerts, by fingerprint."""
        return {one.fingerprint: self._proof(one, at) for one in fired[:PROVEN]}

    def account(self, ended: Sequence[Alert], at: datetime) -> dict[str, dict[str, Any]]:
        """How bad the first of these alerts were, by fingerprint."""
        return {one.fingerprint: {"ended": self._ended(one, at)} for one in ended[:PROVEN]}

    def _proof(self, alert: Alert, at: datetime) -> dict[str, Any]:
        rule = alert.rule
        if rule is None or watches_itself(rule):
            return {}
        least = rule.window_length if isinstance(rule, AbsenceRule) else SHORT
        length = min(max(at - alert.onset_at if alert.onset_at else least, least), LONGEST)
        span = (at - length, at)
        where = values_of({**rule.where, **alert.labels})
        proof: dict[str, Any] = {
            "window_start": span[0].isoformat(),
            "window_end": span[1].isoformat(),
            "deploys": msgspec.to_builtins(self._markers(alert.labels, where, span)),
        }
        if isinstance(rule, AbsenceRule):
            return proof
        if rule.metric == "dead_letters":
            classes = self._tallies.letters(span)[:CLASSES]
            found = [{"outcome": reason, "calls": count} for reason, count in classes]
            return {**proof, "failure_classes": found, **self._examples(rule, where, alert, span)}
        case = _Case(alert, rule, METRICS[rule.metric], _counting(rule, where, alert.evidence), span)
        return {**proof, **self._compared(case), **self._examples(rule, where, alert, span)}

    def _compared(self, case: _Case) -> dict[str, Any]:
        """What is said of the calls now beside the usual ones."""
        classes = case.metric.numerator if len(case.metric.outcomes) > 1 else ()
        more = ("duration_sum_ms", *classes)
        now = self._tallies.over(case.counting, [case.span], more)
        usual, spans, words = self._usual(case, more)
        baseline = case.alert.evidence.get("baseline")
        rate = case.alert.evidence.get("usual_rate", baseline["rate"] if baseline else 0.0)
        found = contributors(now, usual, rate, known=tuple(case.alert.labels), limit=CONTRIBUTORS)
        if _is_inverted(case.rule):
            found = []  # what makes up for a loss is not who has it
        said: dict[str, Any] = {
            "usually": words,
            "contributors": [
                {**one._asdict(), "failures": None if case.is_mean else round(one.failures)} for one in found
            ],
            "concurrency": _concurrency(now, [case.span], usual, spans),
        }
        if classes:
            said["failure_classes"] = _classes(case.metric, now, usual)
        return said

    def _usual(self, case: _Case, more: Sequence[str]) -> tuple[list[Tally], list[TimeSpan], str]:
        """The usual counts, the spans that they are of, and what that is in words."""
        for spans, words in self._spans(case):
            found = self._tallies.over(case.counting, spans, more)
            if any(one.calls for one in found):
                return found, spans, words
        return [], [], ""

    def _spans(self, case: _Case) -> list[tuple[list[TimeSpan], str]]:
        """What may be compared with, the best first."""
        start, end = case.span
        before = ([(start - _DAY, start)], "the 24 hours before the onset")
        given = case.rule.baseline if isinstance(case.rule, RegressionRule) else None
        if isinstance(given, Baseline) and given.previous is not None:
            length = timedelta(seconds=seconds(given.previous))
            return [([(start - length, start)], f"the {given.previous} before the onset"), before]
        if isinstance(given, Baseline) and given.offset is not None:
            back = timedelta(seconds=seconds(given.offset))
            return [([(start - back, end - back)], compared_with(case.rule)), before]
        # Whole hours, which there is one row of.
        first, last = start.replace(minute=0, second=0), end.replace(minute=0, second=0)
        last = last if last == end else last + _HOUR
        days = [(first - n * _DAY, last - n * _DAY) for n in range(1, DAYS + 1)]
        fired = [
            one
            for one in self._alerts.incidents(days[-1][0])
            if one.rule == case.alert.name and one.labels == case.alert.labels
        ]
        calm = [
            (since, until)
            for since, until in days
            if not any(one.start < until and (one.end is None or one.end > since) for one in fired)
        ]
        return [(calm, "the same hours on the last 7 days"), before]

    def _markers(
        self, labels: Mapping[str, str], where: Mapping[str, Sequence[str]], span: TimeSpan
    ) -> list[Deploy]:
        """The deploys near the onset, and the models that were not served on the day before it."""
        deploys = nearest(self._engine, labels, span[0], limit=MARKERS)
        since = span[0] - _MODEL_BEFORE
        now = self._tallies.served(where, (since, span[1]))
        before = self._tallies.served(where, (since - _DAY, since))
        places = {(one.service, one.environment) for one in before}
        seen = {(one.service, one.environment, one.model_served) for one in before}
        seen |= {(one.service, one.environment, one.version) for one in deploys}
        fresh = [
            one
            for one in sorted(now, key=structs.astuple)
            if (one.service, one.environment) in places
            and (one.service, one.environment, one.model_served) not in seen
        ]
        models = [
            Deploy(
                at=first,
                service=one.service,
                environment=one.environment,
                version=one.model_served,
                source="calls",
                dimension="model_served",
                subject=one.model_requested,
            )
            for one in fresh[:MARKERS]
            if (first := self._tallies.first_minute(one, (since, span[1]))) is not None
        ]
        return [*deploys, *models]

    def _examples(
        self, rule: Measured, where: Mapping[str, Sequence[str]], alert: Alert, span: TimeSpan
    ) -> dict[str, Any]:
        """Calls that show it, as different as there are; of errors also their classes."""
        metric = METRICS[rule.metric]
        if _is_inverted(rule):
            return {}
        query, above, outcomes = Query(metric.numerator, metric.denominator, where), None, metric.outcomes
        score = metric.score
        if rule.metric == "share":
            query, outcomes = structs.replace(query, where={**where, **values_of(rule.of)}), ("of this kind",)
        elif metric.unit:
            above = _usual_value(rule, alert.evidence) or 0.0
            score, outcomes = _COLUMNS.get(rule.metric, rule.metric), (rule.metric,)
        found = self._windows.examples(
            query, span, score=score, outcomes=outcomes, above=above, limit=LOOKED_AT
        )
        shown = spread(found, lambda one: (one.outcome, one.model_served, one.prompt_version), EXAMPLES)
        said = {"examples": msgspec.to_builtins([_in_words(one, metric) for one in shown])}
        if rule.metric == "errors":
            said["failure_classes"] = _counted(found)
        return said

    def _ended(self, alert: Alert, at: datetime) -> dict[str, Any]:
        """The worst of its minutes, and how many of its calls failed."""
        rule = alert.rule
        if rule is None or isinstance(rule, AbsenceRule) or rule.metric == "dead_letters":
            return {}
        metric = METRICS[rule.metric]
        counting = _counting(rule, values_of({**rule.where, **alert.labels}), alert.evidence)
        minutes = self._tallies.minutes(counting, (alert.onset_at or alert.since - MINUTE, at))
        said: dict[str, Any] = {}
        if counting.above is not None:
            said["calls_affected"] = round(sum(beyond for _, beyond in minutes))
        elif not metric.unit:
            lowest = _is_inverted(rule) or (isinstance(rule, ThresholdRule) and rule.above is None)
            said["peak"] = worst(minutes, rule.minimum_calls, lowest=lowest)
            if rule.metric != "share" and not lowest:
                said["calls_affected"] = round(sum(failures for _, failures in minutes))
        elif statistic(rule) == "mean":
            said["peak"] = worst(minutes, rule.minimum_calls)
        return said


def _counting(rule: Measured, where: Mapping[str, Sequence[str]], evidence: Mapping[str, Any]) -> Counting:
    """What is counted of a rule's calls."""
    metric = METRICS[rule.metric]
    counting = Counting(metric.numerator, metric.denominator, where)
    if rule.metric == "share":
        return structs.replace(counting, of=values_of(rule.of))
    if metric.histogram is None:
        return counting
    usual = _usual_value(rule, evidence) if statistic(rule) in _PERCENTILES else None
    above = None if usual is None else place(metric.histogram, usual)
    if metric.denominator and above is None:
        return counting
    return structs.replace(counting, histogram=metric.histogram, above=above)


def _usual_value(rule: Measured, evidence: Mapping[str, Any]) -> float | None:
    """The value that calls are beyond which show what is wrong: the baseline's, else the one allowed."""
    usual: float | None = evidence.get("baseline_value")
    return rule.above if usual is None and isinstance(rule, ThresholdRule) else usual


def _is_inverted(rule: Measured) -> bool:
    """Whether what is worse is a lower rate."""
    return isinstance(rule, RegressionRule) and rule.worse == "lower"


def _concurrency(
    now: Sequence[Tally], span: Sequence[TimeSpan], usual: Sequence[Tally], spans: Sequence[TimeSpan]
) -> dict[str, float | None] | None:
    """Calls in flight, by Little's law; ``None`` where no durations are known."""
    there = in_flight(now, span)
    return None if there is None else {"now": there, "usual": in_flight(usual, spans)}


def in_flight(tallies: Sequence[Tally], spans: Sequence[TimeSpan]) -> float | None:
    """Calls in flight at once, on average: the sum of their durations over the time that had any.

    J. D. C. Little, "A proof for the queuing formula L = λW", Operations Research 9, 1961.
    """
    busy = {n for one in tallies for n in one.spans}
    length = sum((spans[n][1] - spans[n][0]).total_seconds() for n in busy)
    spent = sum(one.more["duration_sum_ms"] for one in tallies) / 1000
    return spent / length if spent > 0 else None


def _classes(metric: Metric, now: Sequence[Tally], usual: Sequence[Tally]) -> list[dict[str, Any]]:
    """The outcomes that a metric is made of, by how often they happened."""
    calls, past = (sum(one.calls for one in tallies) for tallies in (now, usual))
    found: list[dict[str, Any]] = []
    for outcome, column in zip(metric.outcomes, metric.numerator, strict=True):
        count = sum(one.more[column] for one in now)
        before = sum(one.more[column] for one in usual)
        if count:
            usual_rate = before / past if past else None
            found.append(
                {"outcome": outcome, "calls": round(count), "rate": count / calls, "usual_rate": usual_rate}
            )
    return sorted(found, key=lambda one: -one["calls"])[:CLASSES]


def _counted(found: Sequence[Example]) -> list[dict[str, Any]]:
    """The classes of these failures, the most first."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.outcome] = counts.get(one.outcome, 0) + 1
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"outcome": outcome, "calls": count} for outcome, count in most[:CLASSES]]


def _in_words(one: Example, metric: Metric) -> Example:
    """An example whose detail is a value, with its unit."""
    if not metric.unit or one.detail is None:
        return one
    return structs.replace(one, detail=measure(float(one.detail), metric.unit))
