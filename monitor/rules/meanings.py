"""Says what a rule is about: a rule in, words for a title and sentences on its numbers out. Pure."""

from __future__ import annotations

from monitor.rules.metric import METRICS
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    RegressionRule,
    Rule,
    watches_itself,
)
from monitor.rules.named import STATISTICS, statistic

#: Of each thing that may be absent, how a title begins, and what it means.
_ABSENT = {
    "calls": ("no calls", "No calls in the window, where there are some at this time on other days."),
    "content": (
        "no content",
        "Calls without their input and output, which they have at this time on other days.",
    ),
    "watermark": ("the log is not read", "Calls are not read any further: what happens now is not seen."),
    "delivery": ("notifications fail", "A channel does not take what it is given: nobody hears by it."),
}


def what(rule: Rule) -> str:
    """How a title begins: ``json schema_violation``, ``p95 duration``, ``share of gpt-x-mini``."""
    if isinstance(rule, AbsenceRule):
        return _ABSENT[rule.absent][0]
    if rule.metric == "share":
        values = [[value] if isinstance(value, str) else value for value in rule.of.values()]
        said = f"share of {' / '.join(' or '.join(one or '(none)' for one in names) for names in values)}"
    else:
        said = rule.metric.replace(".", " ", 1)
    named = statistic(rule)
    return said if named == "rate" else f"{named} {said}"


def meaning(rule: Rule) -> tuple[str, str]:
    """The name of what was judged, and what it means in a sentence."""
    match rule:
        case AbsenceRule():
            return "absence", _ABSENT[rule.absent][1]
        case BurnRateRule():
            return "burn rate", (
                "How many times as many calls fail as the objective allows: at ×1 the error budget of "
                "30 days lasts 30 days, at ×14.4 it lasts 2."
            )
        case BlipRule():
            return "blip", (
                f"{rule.minutes} of the last {rule.of_minutes} minutes had at least {rule.times:g} times the "
                "usual share of failures."
            )
        case _:
            return statistic(rule), STATISTICS[statistic(rule)]


def compared_with(rule: Rule) -> str:
    """What the baseline of a rule is, in words; empty for a rule without one."""
    if isinstance(rule, BlipRule):
        return _SEASONAL
    if isinstance(rule, AbsenceRule):
        return "this time of day on the last 28 days" if not watches_itself(rule) else ""
    if not isinstance(rule, RegressionRule):
        return ""
    if rule.evidence == "days":
        return "the same 24 hours of each of the days before"
    return _baseline(rule.baseline)


_SEASONAL = "this time of day on the last 7 days, or of the week on the last 28 once there are three weeks"


def _baseline(baseline: Baseline | str) -> str:
    if not isinstance(baseline, Baseline):
        return _SEASONAL if baseline == "seasonal" else "this time of the week on the last 28 days"
    if baseline.previous is not None:
        return f"the {baseline.previous} before the window"
    if baseline.offset is not None:
        return f"the same time {baseline.offset} earlier"
    if baseline.rolling_median is not None:
        return f"the median of this time of day over {baseline.rolling_median}"
    if baseline.version is not None:
        return f"the calls with another {baseline.version} at the same time"
    return "the value that the rule gives"


def unit(rule: Rule | None) -> str:
    """The unit of what a rule measures; empty of rates."""
    return "" if rule is None or isinstance(rule, AbsenceRule) else METRICS[rule.metric].unit
