"""The metric of an alert over time, against its baseline, and the evidence that was gathered. Pure.

In come a rule, the rollups of the alert's series, and a span; out come the points of a picture. What is usual
and what is evidence comes of the reader, the judge and the detector that decided on the alert, so that the
page shows the numbers that it fired on: evidence begins at nothing at the onset, as it did then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from monitor.moves import freeze
from monitor.reading import MINUTE, Reader, by_of
from monitor.reading.spans import Rollups
from monitor.reading.view import View
from monitor.rules.judge import Reading, judge, lanes_for
from monitor.rules.memory import Memory
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule, BurnRateRule, Rule, ThresholdRule
from monitor.store.alerts import Incident
from monitor.web.values import Course, Gathered, LaneCourse, Point

#: Lengths of a step: the smallest is taken that makes no more than ``MOST`` steps.
STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
MOST = 240

#: Two-sided quantile of the normal distribution that 95 of 100 values lie within.
_Z = 1.96


class Span(NamedTuple):
    """The time that a picture shows, ``start`` and ``stop`` at whole steps."""

    start: datetime
    stop: datetime
    step: timedelta


def span_of(start: datetime, stop: datetime) -> Span:
    """The span from before ``start`` to after ``stop`` in steps; of one too long, its end."""
    for step in STEPS:
        if (stop - start) / step <= MOST - 2:
            break
    first, last = _floor(start, step), -(-stop.timestamp() // step.total_seconds()) * step.total_seconds()
    end = datetime.fromtimestamp(last, start.tzinfo)
    return Span(max(first, end - MOST * step), end, step)


def course(
    rule: Rule, labels: dict[str, str], rollups: Rollups, incidents: Sequence[Incident], span: Span,
    held: tuple[datetime, datetime],
) -> Course:  # fmt: skip
    """The metric over a span.

    Args:
        rule: that the alert is of.
        labels: of the alert.
        rollups: of its series, from the rule's window before the span on.
        incidents: when alerts of the rule fired, which no baseline learns from.
        span: what is shown.
        held: from when until when an alert was open, while which a baseline that moves stood still.
    """
    reader, memory = Reader(rollups, [rule]), Memory(lanes_for(rule))
    points = []
    for n in range((span.stop - span.start) // span.step):
        start = span.start + n * span.step
        minute = start + span.step - MINUTE
        reader.at(minute)
        view = reader.view(rule, memory, incidents)
        i = _place(rule, labels, memory)
        if i is None:
            continue
        reading = reader.read(rule, memory, incidents)
        points.append(_point(rule, view, reading, i, start, start + span.step))
        _hold(memory, reading, i, minute, held)
    return Course(
        unit=_unit(rule),
        start=span.start,
        end=span.stop,
        step_s=int(span.step.total_seconds()),
        points=tuple(points),
        limit=_limit(rule),
    )


def gathered(
    rule: Rule, labels: dict[str, str], rollups: Rollups, incidents: Sequence[Incident], start: datetime,
    stop: datetime, held: tuple[datetime, datetime],
) -> Gathered | None:  # fmt: skip
    """The evidence at the end of each minute of a span; ``None`` of a rule that gathers none.

    The arguments are those of ``course``. ``start`` is at or before the onset.
    """
    lanes = lanes_for(rule)
    if not lanes:
        return None
    reader, memory, scores = Reader(rollups, [rule]), Memory(lanes), []
    minute = start
    while minute < stop:
        reader.at(minute)
        reading = reader.read(rule, memory, incidents)
        judge(rule, memory, reading)
        i = _place(rule, labels, memory)
        scores.append(np.zeros(len(lanes)) if i is None else memory.evidence.score[i].copy())
        if i is not None:
            _hold(memory, reading, i, minute, held)
        minute += MINUTE
    return Gathered(
        start=start,
        lanes=tuple(
            LaneCourse(
                lane=lane.name,
                threshold=lane.threshold,
                scores=tuple(round(float(score[n]), 2) for score in scores),
            )
            for n, lane in enumerate(lanes)
        ),
    )


def _point(rule: Rule, view: View, reading: Reading, i: int, start: datetime, stop: datetime) -> Point:
    if isinstance(rule, AbsenceRule):
        return _presence(rule, view, reading, i, start, stop)
    counted = view.span(rule, start, stop)
    calls = float(counted.calls[i])
    values = view.value(rule, start, stop)
    value = float(counted.rate[i] if values is None else values[i])
    if reading.past_value is not None:
        return _of(start, calls, value, float(reading.past_value[i]), 0.0)
    found = reading.compared.baseline
    rate = float(found.rate[i])
    # What chance does with so many calls, how well the rate is known, and how much it drifts by itself.
    noise = rate * (1 - rate) / max(calls, 1.0)
    spread = np.sqrt(noise + (rate * found.error[i]) ** 2 + (rate * found.drift[i]) ** 2)
    return _of(start, calls, value, rate, _Z * float(spread))


def _presence(
    rule: AbsenceRule, view: View, reading: Reading, i: int, start: datetime, stop: datetime
) -> Point:
    """Of what should be there: calls, or the share of calls that came with their content."""
    calls = float(view.calls(start, stop)[i])
    if rule.absent == "content":
        window = reading.window
        present = 1 - float(window.rate[i])
        return _of(start, calls, present, float("nan"), 0.0)
    usual = float(reading.compared.baseline.calls[i]) * ((stop - start) / rule.window_length)
    # Here no calls are a value: their absence is what is shown.
    return _of(start, calls, calls, usual, 0.0)


def _of(at: datetime, calls: float, value: float, usual: float, spread: float) -> Point:
    known = np.isfinite(usual)
    # How far chance goes with no calls at all can't be said.
    band = known and calls > 0 and np.isfinite(spread) and spread > 0
    return Point(
        at=at,
        calls=int(calls),
        value=value if np.isfinite(value) else None,
        usual=usual if known else None,
        low=max(0.0, usual - spread) if band else None,
        high=usual + spread if band else None,
    )


def _hold(
    memory: Memory, reading: Reading, i: int, minute: datetime, held: tuple[datetime, datetime]
) -> None:
    """Keep the baseline that an alert was opened against for as long as it was open, as the engine does."""
    resting = np.zeros(len(memory.labels), bool)
    resting[i] = held[0] <= minute + MINUTE < held[1]
    freeze(memory, reading, resting, int(minute.timestamp()) // 60)


def _place(rule: Rule, labels: dict[str, str], memory: Memory) -> int | None:
    wanted = tuple(labels.get(name, "") for name in by_of(rule))
    return memory.labels.index(wanted) if wanted in memory.labels else None


def _unit(rule: Rule) -> str:
    if isinstance(rule, AbsenceRule):
        return "" if rule.absent == "content" else "calls"
    return METRICS[rule.metric].unit


def _limit(rule: Rule) -> float | None:
    if isinstance(rule, ThresholdRule):
        return rule.above if rule.above is not None else rule.below
    return 1 - rule.objective if isinstance(rule, BurnRateRule) else None


def _floor(at: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, at.tzinfo)
