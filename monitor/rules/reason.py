"""Says why a label set is as it is: rule, memory and reading in, a sentence and its numbers out. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.phrases import measure
from monitor.rules.judge import Counted, Reading
from monitor.rules.memory import Memory
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule, RegressionRule, Rule
from monitor.rules.named import STATISTICS, statistic
from monitor.rules.statistics import wilson


def explain(rule: Rule, memory: Memory, reading: Reading, i: int) -> tuple[str, dict[str, Any]]:
    """A sentence about one label set, and the numbers that it rests on; which statistic they are of, too."""
    said, numbers = _explain(rule, memory, reading, i)
    if not isinstance(rule, AbsenceRule):
        named = statistic(rule)
        numbers |= {"statistic": named, "definition": STATISTICS[named]}
    if isinstance(rule, RegressionRule) and np.isfinite(reading.compared.baseline.rate[i]):
        # Of what is worse when it is lower, the others are counted.
        moved = float(reading.compared.mix[i]) * (-1 if rule.worse == "lower" else 1)
        apart = rule.tells_mix_apart and METRICS[rule.metric].is_rate
        numbers["mix"] = moved if apart else None
        if not rule.tells_mix_apart:
            said += ", traffic that moved included"
        elif apart and abs(moved) > 0.001:
            said += f", of which {moved:+.2%} is traffic that moved"
    return said, numbers


def _explain(rule: Rule, memory: Memory, reading: Reading, i: int) -> tuple[str, dict[str, Any]]:
    if isinstance(rule, AbsenceRule):
        return _explain_absence(rule, reading, i)
    unit = METRICS[rule.metric].unit
    counts = reading.window
    if isinstance(rule, RegressionRule) and rule.evidence == "cusum":
        counts = _since(memory, i, counts)
    if reading.value is not None and not (isinstance(rule, RegressionRule) and rule.evidence == "cusum"):
        return _explain_value(reading, i, unit)
    calls, failures = int(counts.calls[i]), int(counts.failures[i])
    # Where less is worse it is judged by what is left over, and said as it is.
    lower = isinstance(rule, RegressionRule) and rule.worse == "lower" and not unit
    if lower:
        failures = calls - failures
    numbers: dict[str, Any] = {"window": _side(calls, failures), "baseline": None, "ratio": None}
    baseline = reading.compared.baseline
    if reading.value is not None and np.isfinite(reading.value[i]):
        numbers["value"] = float(reading.value[i])
        if reading.past_value is not None and np.isfinite(reading.past_value[i]):
            numbers["baseline_value"] = float(reading.past_value[i])
    if not np.isfinite(baseline.rate[i]):
        said = measure(numbers["value"], unit) if "value" in numbers else f"{_rate(calls, failures):.2%}"
        return f"{said} over {calls} calls", numbers
    past_calls, past_failures = int(baseline.calls[i]), int(baseline.failures[i])
    usual = float(baseline.rate[i])
    if lower:
        past_failures, usual = past_calls - past_failures, 1 - usual
    numbers["baseline"] = _side(past_calls, past_failures)
    now, rate = _rate(calls, failures), _rate(past_calls, past_failures) or usual
    numbers["ratio"] = now / rate if rate > 0 else None
    if memory.lanes:
        numbers["evidence"] = {
            lane.name: [round(float(memory.evidence.score[i, n]), 2), lane.threshold]
            for n, lane in enumerate(memory.lanes)
        }
    if isinstance(rule, RegressionRule) and reading.usual is not None and "baseline_value" in numbers:
        return _explain_trials(rule, reading, i, (calls, failures), numbers)
    if "baseline_value" in numbers:
        sure = _bounds(reading, i, numbers)
        before, value = (measure(numbers[name], unit) for name in ("baseline_value", "value"))
        return f"{before} → {value}{sure} over {calls} calls", numbers
    loaded = " under load" if reading.came is not None else ""
    return f"{rate:.2%} → {now:.2%} over {calls} calls{loaded}", numbers


def _explain_trials(
    rule: RegressionRule, reading: Reading, i: int, counts: tuple[int, int], numbers: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The same of buckets or groups, of which the counts are; the numbers of calls are of the window."""
    number, above = counts
    came = 0 if reading.came is None else int(reading.came[i])
    usual = float("nan") if reading.usual is None else float(reading.usual[i])
    numbers |= {"window": {"calls": came}, "baseline": None, "ratio": None}
    numbers |= {"usual_rate": usual, "trials": {"number": number, "above": above}}
    of = f"quarter hours of a {rule.over}"
    if reading.buckets is not None:
        of = f"buckets of {int(reading.buckets.size[i])} calls"
    p95 = f"p95 {numbers['baseline_value']:.2%} → {numbers['value']:.2%}"
    return f"{p95}, {above} of {number} {of} above the usual p95", numbers


def _explain_absence(rule: AbsenceRule, reading: Reading, i: int) -> tuple[str, dict[str, Any]]:
    """The same of what should be there: what came, and how much of it usually does."""
    calls, lacking = int(reading.window.calls[i]), int(reading.window.failures[i])
    usual = float(np.nan_to_num(reading.compared.baseline.calls[i]))
    numbers = {"window": {"calls": calls}, "baseline": {"calls": round(usual)}, "ratio": None}
    with_it = "" if rule.absent == "calls" else f", {calls - lacking} with content"
    return f"{calls} calls in {rule.window}{with_it}, usually about {usual:.0f}", numbers


def _explain_value(reading: Reading, i: int, unit: str) -> tuple[str, dict[str, Any]]:
    """The same of a value that is no share of calls, alone or against that of other days."""
    calls = int(reading.window.calls[i])
    numbers: dict[str, Any] = {"window": {"calls": calls}, "baseline": None, "ratio": None}
    value = float("nan") if reading.value is None else float(reading.value[i])
    if not np.isfinite(value):
        return f"nothing measured over {calls} calls", numbers
    numbers["value"], said = value, measure(value, unit)
    if reading.past_value is not None and np.isfinite(reading.past_value[i]):
        before = numbers["baseline_value"] = float(reading.past_value[i])
        numbers["ratio"] = value / before if before > 0 else None
        said = f"{measure(before, unit)} → {said}"
    said += _bounds(reading, i, numbers)
    return f"{said} over {calls} calls", numbers


def _bounds(reading: Reading, i: int, numbers: dict[str, Any]) -> str:
    """How sure a value is, where that is known; of too few calls there is no bound, and that is said."""
    if reading.bounds is None:
        return ""
    low, high = (float(bound[i]) if np.isfinite(bound[i]) else None for bound in reading.bounds)
    numbers["bounds_95"] = [low, high]
    least = "no lower bound" if low is None else f"at least {low:.4g}"
    most = "no upper bound from so few" if high is None else f"at most {high:.4g}"
    return f" (each 95 % sure: {least}, {most})"


def _since(memory: Memory, i: int, window: Counted) -> Counted:
    """What was counted since it was last bad, at most the window, so that it says how things are now.

    While it is bad, since the evidence began, in the lane that has most of it.
    """
    size = len(memory.labels)
    calls, failures = memory.well_calls[i], memory.well_failures[i]
    if calls <= 0:
        lane = int(
            np.argmax([memory.evidence.score[i, n] / one.threshold for n, one in enumerate(memory.lanes)])
        )
        calls, failures = memory.evidence.calls[i, lane], memory.evidence.failures[i, lane]
    elif calls >= window.calls[i]:
        return window
    return Counted(np.full(size, calls), np.full(size, failures)) if calls > 0 else window


def _rate(calls: int, failures: int) -> float:
    return failures / calls if calls else 0.0


def _side(calls: int, failures: int) -> dict[str, Any]:
    low, high = wilson(failures, calls)
    return {
        "calls": calls,
        "failures": failures,
        "rate": _rate(calls, failures),
        "interval_95": [low, high],
    }
