"""Says what could never happen: a rule that can't fire, an inhibition of alerts that nobody has. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.durations import seconds
from monitor.rules.compare import LEAST_RATE
from monitor.rules.inhibit import Inhibition
from monitor.rules.matchers import Matchers, selecting
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule, Baseline, BlipRule, RegressionRule, Rule, Severity, by_of
from monitor.rules.named import PERCENTILES, statistic

#: What every alert has, besides the labels of its rule and of its calls.
OF_EVERY_ALERT = ("alertname", "severity", "metric")

#: How long a rule may wait before it fires or ends, and how long after its end an episode can go on.
LONGEST_WAIT, LONGEST_REOPENING = "28d", "24h"


def out_of_reach(rule: Rule) -> tuple[str, str] | None:
    """Why a rule of one severity could never do what it says, and the key that says it; else ``None``."""
    for key, given, longest in (
        ("for", rule.for_, LONGEST_WAIT),
        ("keep_firing_for", rule.keep_firing_for, LONGEST_WAIT),
        ("reopen_for", rule.reopen_for, LONGEST_REOPENING),
    ):
        if seconds(given) > seconds(longest):
            return f"{key} is at most {longest}: nothing that is older is looked at", key
    if rule.end_missing_after is not None and not by_of(rule):
        return "end_missing_after is of labels: say by which dimensions", "end_missing_after"
    if isinstance(rule, BlipRule) and rule.times * LEAST_RATE > 1:
        return (
            f"the usual rate is at least {LEAST_RATE}: so many times it is above 1, and never seen",
            "times",
        )
    if isinstance(rule, RegressionRule) and (usual := _least_usual(rule)) is not None:
        needed = max(usual * (1 + rule.relative), usual + rule.absolute)
        if needed > 1:
            return f"it would fire at {needed:g} or more, and no share of calls is above 1", "margin"
    return None


def _least_usual(rule: RegressionRule) -> float | None:
    """The smallest share of calls that a rule may take for usual; ``None`` where it compares no shares."""
    chosen = statistic(rule)
    if rule.evidence != "days" and chosen in PERCENTILES:
        return 1 - PERCENTILES[chosen]
    if not METRICS[rule.metric].is_rate:
        return None
    if isinstance(rule.baseline, Baseline) and rule.baseline.fixed is not None:
        return rule.baseline.fixed
    return 0.0 if rule.evidence == "days" else min(rule.absolute, LEAST_RATE)


def of_nobody(inhibition: Inhibition, rules: Sequence[Rule]) -> str | None:
    """Why an inhibition could never mute anything with these rules, of one severity each; else ``None``."""
    for key, texts in (("source", inhibition.source), ("target", inhibition.target)):
        matchers = selecting(texts)
        if not any(_can_match(matchers, rule) for rule in rules):
            return f"{key}: no rule has such alerts: {', '.join(map(str, matchers))}"
    known = {*OF_EVERY_ALERT, *(name for rule in rules for name in (*by_of(rule), *rule.labels))}
    if unknown := [name for name in inhibition.equal if name not in known]:
        return f"equal: no alert has the label {unknown[0]!r}"
    return None


def _can_match(matchers: Matchers, rule: Rule) -> bool:
    """Whether alerts of a rule can have what all of these ask for; labels of calls may be anything."""
    metric = f"absent.{rule.absent}" if isinstance(rule, AbsenceRule) else rule.metric
    labels = {**rule.labels, "alertname": rule.alert, "severity": rule.severity, "metric": metric}
    return all(one.name in by_of(rule) or one.matches(labels) for one in matchers)


def foreign_to_its_kind(rule: Rule) -> Iterable[tuple[Severity, str]]:
    """The keys of a rule's lanes that its kind does not have, each with its severity."""
    lanes: tuple[Severity, ...] = ("page", "ticket")
    for severity in lanes:
        if (lane := getattr(rule, severity)) is not None:
            for name, key in zip(lane.__struct_fields__, lane.__struct_encode_fields__, strict=True):
                if getattr(lane, name) is not None and name not in rule.__struct_fields__:
                    yield severity, key
