"""Decides: counts to a verdict, and a verdict to the next state of an alert. Pure, with the time passed in.

A verdict is one of ``breach``, ``clear``, ``between`` (better than firing, not yet good), ``insufficient``
(too few calls to say) and ``no_data``. Only ``breach`` and ``clear`` move an alert that fires: what is not
known neither fires nor resolves anything. An alert that is only pending ends with its calls, or with too few.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from monitor.rules.model import RegressionRule, Rule
from monitor.rules.statistics import fisher_greater, ratio, wilson


class Counts(msgspec.Struct, frozen=True):
    """Calls that were judged, and how many of them are in the metric's numerator."""

    calls: int
    failures: int

    @property
    def rate(self) -> float:
        """Failures over calls; 0 of no calls, which no verdict relies on."""
        return self.failures / self.calls if self.calls else 0.0


class Sample(msgspec.Struct, frozen=True):
    """What one combination of labels did in the window and in its baseline."""

    labels: dict[str, str]
    window: Counts
    baseline: Counts


class Verdict(StrEnum):
    """What can be said of a sample."""

    BREACH = "breach"
    CLEAR = "clear"
    BETWEEN = "between"
    INSUFFICIENT = "insufficient"
    NO_DATA = "no_data"


class Judgement(msgspec.Struct, frozen=True):
    """A verdict, the sentence that explains it, and the numbers it rests on."""

    verdict: Verdict
    reason: str
    evidence: dict[str, object]


class State(StrEnum):
    """The life of an alert."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class OpenAlert(msgspec.Struct, frozen=True):
    """An alert that is pending or firing, as the store has it."""

    alert_id: int
    state: State
    started_at: datetime
    clear_since: datetime | None
    baseline: Counts | None
    """The baseline when it started: frozen, so that a long incident does not become its own normal."""


class Transition(msgspec.Struct, frozen=True):
    """What is to change. ``to`` equal to the present state means: only ``clear_since`` moves."""

    to: State
    reason: str
    clear_since: datetime | None = None


def judge(rule: Rule, sample: Sample) -> Judgement:
    """What this rule says of this sample."""
    if sample.window.calls == 0:
        return Judgement(Verdict.NO_DATA, "no calls in the window", _evidence(sample))
    if sample.window.calls < rule.minimum_calls:
        return Judgement(
            Verdict.INSUFFICIENT,
            f"{sample.window.calls} calls in the window, {rule.minimum_calls} are needed",
            _evidence(sample),
        )
    if isinstance(rule, RegressionRule):
        return _judge_regression(rule, sample)
    rate = sample.window.rate
    clear_below = rule.above if rule.clear_below is None else rule.clear_below
    if rate > rule.above:
        return Judgement(Verdict.BREACH, f"{rate:.2%} is above {rule.above:.2%}", _evidence(sample))
    if rate <= clear_below:
        return Judgement(Verdict.CLEAR, f"{rate:.2%} is not above {clear_below:.2%}", _evidence(sample))
    return Judgement(
        Verdict.BETWEEN, f"{rate:.2%} is between {clear_below:.2%} and {rule.above:.2%}", _evidence(sample)
    )


def _judge_regression(rule: RegressionRule, sample: Sample) -> Judgement:
    """Worse by both margins and by more than chance; recovered when it is within half of either margin."""
    window, baseline = sample.window, sample.baseline
    if baseline.calls < rule.minimum_baseline_calls:
        return Judgement(
            Verdict.INSUFFICIENT,
            f"{baseline.calls} calls in the baseline, {rule.minimum_baseline_calls} are needed",
            _evidence(sample),
        )
    p_value = fisher_greater(window.failures, window.calls, baseline.failures, baseline.calls)
    evidence = _evidence(sample, p_value=p_value, significance=rule.significance)
    change = f"{baseline.rate:.2%} → {window.rate:.2%}"
    rise = window.rate - baseline.rate
    relative = rise / baseline.rate if baseline.rate > 0 else (float("inf") if rise > 0 else 0.0)
    if rise >= rule.margin.absolute and relative >= rule.margin.relative and p_value <= rule.significance:
        return Judgement(Verdict.BREACH, f"{change}, by chance p = {p_value:.1e}", evidence)
    if rise <= rule.margin.absolute / 2 or relative <= rule.margin.relative / 2:
        return Judgement(Verdict.CLEAR, f"{change} is within half the margin", evidence)
    return Judgement(Verdict.BETWEEN, f"{change} is above the baseline, not clearly so", evidence)


def decide(alert: OpenAlert | None, verdict: Verdict, rule: Rule, at: datetime) -> Transition | None:
    """The next state of an alert, or ``None`` when nothing changes.

    ``alert`` is the open alert of these labels, ``None`` where there is none.
    """
    if verdict is Verdict.BREACH:
        return _on_breach(alert, rule, at)
    if verdict is Verdict.CLEAR and alert is not None:
        return _on_clear(alert, rule, at)
    if verdict is not Verdict.BETWEEN and alert is not None and alert.state is State.PENDING:
        # Otherwise one bad minute tomorrow would find a condition that "held" all night, and fire.
        return Transition(State.RESOLVED, f"too few calls came before {rule.for_} had passed")
    return None


def _on_breach(alert: OpenAlert | None, rule: Rule, at: datetime) -> Transition | None:
    if alert is None:
        if rule.pending_for:
            return Transition(State.PENDING, "the condition holds")
        return Transition(State.FIRING, "the condition holds")
    if alert.state is State.PENDING and at - alert.started_at >= rule.pending_for:
        return Transition(State.FIRING, f"the condition held for {rule.for_}")
    if alert.clear_since is not None:
        return Transition(alert.state, "the condition is back", clear_since=None)
    return None


def _on_clear(alert: OpenAlert, rule: Rule, at: datetime) -> Transition | None:
    if alert.state is State.PENDING:
        return Transition(State.RESOLVED, f"the condition went before {rule.for_} had passed")
    since = alert.clear_since or at
    if at - since >= rule.keeps_firing_for:
        return Transition(State.RESOLVED, "the condition is gone")
    if alert.clear_since is None:
        return Transition(State.FIRING, "the condition is gone for now", clear_since=at)
    return None


def _evidence(sample: Sample, **more: float) -> dict[str, object]:
    window, baseline = sample.window, sample.baseline
    return {
        "window": _side(window),
        "baseline": _side(baseline) if baseline.calls else None,
        "ratio": ratio(window.rate, baseline.rate) if baseline.calls else None,
        **more,
    }


def _side(counts: Counts) -> Mapping[str, object]:
    low, high = wilson(counts.failures, counts.calls)
    return {
        "calls": counts.calls,
        "failures": counts.failures,
        "rate": counts.rate,
        "interval_95": [low, high],
    }
