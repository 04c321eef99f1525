"""Says what a rule watches, and what it could see at some traffic: for ``llm-monitor rules check``. Pure.

A rule of one severity comes in, and the traffic that its label sets have; words and the smallest rise that
it would tell go out.
"""

from __future__ import annotations

from math import erfc, exp, log, log1p, sqrt

import msgspec
import numpy as np

from monitor.durations import seconds
from monitor.rules.buckets import FEWEST, SHARE, sizes
from monitor.rules.compare import LEAST_RATE
from monitor.rules.detector import Lane
from monitor.rules.floor import WEEK, minimum_effect, minimum_shift
from monitor.rules.judge import burn_factors, burn_windows, lanes_for
from monitor.rules.metric import METRICS
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    Measured,
    RegressionRule,
    Rule,
    ThresholdRule,
    watches_itself,
)
from monitor.rules.named import BY_MINUTE, PERCENTILES, statistic
from monitor.rules.slow import SHIFTED
from monitor.rules.statistics import fisher_greater, log_choose

HOUR, DAY = 60, 1440

#: The share of minutes that are under load where load is as usual.
AT_LOAD = 0.05

#: The share of values beyond each percentile.
BEYOND = {name: round(1 - share, 9) for name, share in PERCENTILES.items()}


class Traffic(msgspec.Struct, frozen=True):
    """What a label set of a rule sees."""

    calls_per_minute: float
    rate: float
    """The usual share of them that is in the metric's numerator, or beyond its percentile."""


class Effect(msgspec.Struct, frozen=True):
    """The smallest rise, as a ratio to the usual, that would be told in time; ``None`` where none is."""

    in_an_hour: float | None
    in_a_day: float | None


def watches(rule: Rule) -> str:
    """What a rule watches, in words."""
    if isinstance(rule, AbsenceRule):
        what = {
            "calls": "that calls come",
            "content": "that calls come with their answers",
            "watermark": "that the log is read",
            "delivery": f"that every channel takes what it is given, within {rule.window}",
        }[rule.absent]
        return what if watches_itself(rule) else f"{what} within {rule.window}{_by(rule)}"
    named = statistic(rule)
    of = "share of calls: " if named == "rate" else f"{named} of "
    return f"{of}{rule.metric}, {_condition(rule)}{_by(rule)}"


def against(rule: Rule) -> str:
    """What a rule compares with, in words; empty where that is a limit."""
    moved = isinstance(rule, RegressionRule) and not rule.tells_mix_apart
    return _past(rule) + (", traffic that moved included" if moved else "")


def _past(rule: Rule) -> str:
    if isinstance(rule, BlipRule | AbsenceRule):
        return "" if watches_itself(rule) else "this time of day"
    if not isinstance(rule, RegressionRule):
        return ""
    if rule.evidence == "days":
        return "the same hours of the days before"
    if statistic(rule) in BY_MINUTE:
        return "the minutes of this hour on the last 7 days"
    if not isinstance(rule.baseline, Baseline):
        return "this time of day" + (", weekdays known" if rule.baseline == "weekly" else "")
    given = rule.baseline
    for text, value in (
        ("the {} before the window", given.previous),
        ("the same window {} ago", given.offset),
        ("the median of {} at this time of day", given.rolling_median),
        ("a rate of {}", given.fixed),
        ("the other {}s at the same time", given.version),
    ):
        if value is not None:
            return text.format(value)
    raise AssertionError("the loader refuses a baseline that is none of these")


def budget(rule: Rule) -> float | None:
    """False alarms a week and label set that chance alone makes, at most; ``None`` of what is no test.

    Of tests that are made again and again it is the sum of their chances (G. Boole's inequality).
    """
    if not isinstance(rule, RegressionRule):
        return None
    if rule.evidence == "cusum":
        return rule.false_alarms
    if rule.evidence == "fisher":
        return rule.significance * WEEK
    return erfc(SHIFTED / sqrt(2)) / 2 * (WEEK / HOUR) if METRICS[rule.metric].is_rate else None


def effect(rule: Rule, traffic: Traffic) -> Effect | None:
    """The smallest rise that a rule tells at this traffic, on a series that does not drift; its margins too.

    ``None`` where that can't be said beforehand: of limits and absence, and of means and groups, whose spread
    is unknown.
    """
    if not isinstance(rule, RegressionRule) or traffic.calls_per_minute <= 0 or traffic.rate >= 1:
        return None
    if rule.evidence == "cusum":
        traffic = Traffic(traffic.calls_per_minute, max(traffic.rate, min(rule.absolute, LEAST_RATE)))
    if traffic.rate <= 0:
        return None
    if statistic(rule) == "group_p95":
        return None
    if statistic(rule) == "bucket_p95":
        return Effect(_of_buckets(rule, traffic, HOUR), _of_buckets(rule, traffic, DAY))
    if statistic(rule) == "rate_at_load":
        traffic = Traffic(traffic.calls_per_minute * AT_LOAD, traffic.rate)
    match rule.evidence:
        case "cusum":
            lanes = lanes_for(rule)
            return Effect(_told(rule, traffic, lanes, HOUR), _told(rule, traffic, lanes, DAY))
        case "days":
            if not METRICS[rule.metric].is_rate:
                return None
            return Effect(None, _large(rule, traffic, minimum_shift(traffic.calls_per_minute, traffic.rate)))
        case _:
            found = _large(rule, traffic, _tested(rule, traffic))
            length = seconds(rule.window) / 60
            return Effect(found if length <= HOUR else None, found if length <= DAY else None)


def warnings(rule: Rule, traffic: Traffic) -> list[str]:
    """What keeps a rule from telling anything at this traffic."""
    found = []
    window = (
        DAY if isinstance(rule, RegressionRule) and rule.evidence == "days" else seconds(rule.window) / 60
    )
    if isinstance(rule, BlipRule):
        window = 1
    calls = traffic.calls_per_minute * window
    if not watches_itself(rule) and calls < rule.minimum_calls:
        found.append(f"it sees {calls:.0f} calls where it needs {rule.minimum_calls}: it would say nothing")
    if not isinstance(rule, AbsenceRule) and rule.statistic == "bucket_p95" and 0 < traffic.rate < 1:
        buckets = calls / bucket_size(rule, traffic.rate)
        if buckets < FEWEST:
            found.append(f"its window has {buckets:.1f} buckets where it needs {FEWEST:.0f}: make it longer")
    told = effect(rule, traffic)
    if told is not None and told.in_a_day is None:
        found.append("no rise, however large, is told within a day at this traffic")
    return found


def _by(rule: Rule) -> str:
    where = "".join(
        f", {name} {value if isinstance(value, str) else ' or '.join(value)}"
        for name, value in rule.where.items()
    )
    return (f", by {', '.join(rule.by)}" if rule.by else ", over everything") + where


def _condition(rule: Measured) -> str:
    unit = METRICS[rule.metric].unit
    match rule:
        case ThresholdRule():
            side, limit = ("above", rule.above) if rule.above is not None else ("below", rule.below)
            said = f"{limit:.6g} {unit}" if unit else f"{limit or 0:.3g}"
            return f"{side} {said} over {rule.window}"
        case BurnRateRule():
            pairs = zip(burn_windows(rule), burn_factors(rule), strict=True)
            budget_ = 1 - rule.objective
            return " or ".join(
                f"above {factor * budget_:.2%} over {long // 60} h" for (long, _), factor in pairs
            )
        case BlipRule():
            return f"{rule.minutes} of {rule.of_minutes} minutes at {rule.times:g} times"
        case _:
            named = statistic(rule)
            percentile = named in BEYOND
            points = rule.absolute if unit and not percentile else rule.absolute * 100
            name = unit if unit and not percentile else "points"
            trials = {"bucket_p95": "buckets", "group_p95": f"quarter hours of a {rule.over}"}
            what = "calls" if percentile else trials.get(named, "")
            beyond = f" more {what} beyond it" if what else ""
            return f"{rule.worse} by {rule.relative:.0%} and {points:.3g} {name}{beyond}"


def _told(rule: RegressionRule, traffic: Traffic, lanes: tuple[Lane, ...], within: float) -> float | None:
    return _large(rule, traffic, minimum_effect(lanes, traffic.calls_per_minute, traffic.rate, within))


def bucket_size(rule: Measured, rate: float) -> int:
    """Calls of a bucket of this rule where this rate is usual."""
    return int(sizes(np.array([rate]), rule.minimum_calls)[0])


def _of_buckets(rule: RegressionRule, traffic: Traffic, within: float) -> float | None:
    """The smallest rise of the rate that makes enough buckets exceed the usual p95."""
    size = bucket_size(rule, traffic.rate)
    most = next(k for k in range(size + 1) if beyond(k, size, traffic.rate) <= 1 - SHARE)
    usual = beyond(most, size, traffic.rate)
    of = Traffic(traffic.calls_per_minute / size, usual)
    # Exceedances of less than a bucket a day are none.
    needed = _told(rule, of, lanes_for(rule), within) if of.calls_per_minute * within >= 1 else None
    if needed is None:
        return None
    low, high = 1.0, 1 / traffic.rate
    for _ in range(40):
        middle = (low + high) / 2
        high, low = (
            (middle, low) if beyond(most, size, traffic.rate * middle) >= needed * usual else (high, middle)
        )
    return high


def beyond(most: int, size: int, rate: float) -> float:
    """The chance that of ``size`` calls more than ``most`` fail."""
    rate = min(rate, 1 - 1e-12)
    return max(
        0.0,
        1
        - sum(exp(log_choose(size, k) + k * log(rate) + (size - k) * log1p(-rate)) for k in range(most + 1)),
    )


def _large(rule: RegressionRule, traffic: Traffic, ratio: float | None) -> float | None:
    """A ratio that passes the margins too; ``None`` where no rate is so high."""
    if ratio is None:
        return None
    found = max(ratio, 1 + rule.relative, 1 + rule.absolute / traffic.rate)
    return found if found * traffic.rate <= 1 else None


def _tested(rule: RegressionRule, traffic: Traffic) -> float | None:
    """The smallest ratio that Fisher's test tells from as much past as the baseline is long."""
    calls = int(traffic.calls_per_minute * seconds(rule.window) / 60)
    baseline = rule.baseline if isinstance(rule.baseline, Baseline) else Baseline()
    past = int(traffic.calls_per_minute * seconds(baseline.previous or rule.window) / 60)
    if not calls or not past:
        return None
    low, high = int(calls * traffic.rate), calls
    usual = round(past * traffic.rate)
    if fisher_greater(high, calls, usual, past) > rule.significance:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        told = fisher_greater(middle, calls, usual, past) <= rule.significance
        low, high = (low, middle) if told else (middle, high)
    return high / calls / traffic.rate
