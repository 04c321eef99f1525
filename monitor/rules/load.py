"""Reads rule files and refuses what could never be evaluated, with one clear message each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from math import inf
from pathlib import Path

import msgspec

from monitor.durations import Duration, seconds
from monitor.errors import ConfigError
from monitor.explain import suggestion
from monitor.records import DIMENSIONS
from monitor.rules.inhibit import Inhibition
from monitor.rules.judge import burn_factors
from monitor.rules.metric import METRICS, Metric
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    Measured,
    RegressionRule,
    Rule,
    RuleFile,
    Statistic,
    ThresholdRule,
    kind,
    lanes,
    watches_itself,
)
from monitor.rules.named import BY_MINUTE, PERCENTILES, statistic
from monitor.rules.reach import OF_EVERY_ALERT, foreign_to_its_kind, of_nobody, out_of_reach
from monitor.yaml_file import Located, read

#: Makes the error for a message and the key it is about.
Refuse = Callable[[str, str], ConfigError]

#: Metrics that are not of a series, so that nothing can be said by dimension.
WITHOUT_SERIES = frozenset({"dead_letters"})

#: Longest time that a rule may look at: baselines reach 28 days back.
LONGEST_WINDOW_S = 3 * 86_400


#: A blip raises the quarter hours of all groups until the last of them is over; what is longer is none.
GROUPS_WAIT = timedelta(minutes=20)


class Rules(msgspec.Struct, frozen=True):
    """What rule files say: every rule, one for each of its severities, and what mutes what."""

    rules: tuple[Rule, ...]
    inhibitions: tuple[Inhibition, ...] = ()


def load_rules(paths: Sequence[Path], *, channels: Collection[str] | None) -> Rules:
    """Every rule in these files and folders (``*.yaml``; tests, ``*.test.yaml``, are not read), in order.

    ``channels`` are the names of the channels that are configured: a rule that names another could never
    be delivered. ``None`` lets any be named, where nothing is to be, and inhibitions be about other files.

    Raises:
        ConfigError: a file that can't be read or a rule that can't be evaluated; names file and line.
    """
    rules: list[Rule] = []
    inhibitions: list[Inhibition] = []
    places: list[tuple[Inhibition, Located, int]] = []
    names: dict[str, str] = {}
    for path in rule_files(paths):
        file, located = read(path, RuleFile)
        for i, inhibition in enumerate(file.inhibit):
            try:
                inhibition.check()
            except ValueError as error:
                raise located.error(str(error), "inhibit", i) from error
            inhibitions.append(inhibition)
            places.append((inhibition, located, i))
        for g, group in enumerate(file.groups):
            for r, rule in enumerate(group.rules):
                place = ("groups", g, "rules", r)
                line = f"{path}:{located.line(*place, 'alert')}"
                if rule.alert in names:
                    raise located.error(
                        f"alert {rule.alert!r} is also defined at {names[rule.alert]}", *place, "alert"
                    )
                names[rule.alert] = line
                for severity, key in foreign_to_its_kind(rule):
                    message = f"alert {rule.alert!r}: rules of kind {kind(rule)} have no {key!r}"
                    raise located.error(message, *place, severity, key)
                for one in lanes(rule):
                    _check(one, located, place, channels)
                    rules.append(one)
    # Without channels it may be some of the files, and others may have what an inhibition is about.
    for inhibition, located, i in places if channels is not None else ():
        if why := of_nobody(inhibition, rules):
            raise located.error(why, "inhibit", i)
    return Rules(tuple(rules), tuple(inhibitions))


def rule_files(paths: Sequence[Path]) -> list[Path]:
    """The rule files among these paths and in these folders, without the tests of rules.

    Raises:
        ConfigError: a path that is neither a file nor a folder, or a folder without rules.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(one for one in path.glob("*.yaml") if not one.name.endswith(".test.yaml"))
            if not found:
                raise ConfigError(f"rules: {path} holds no *.yaml file")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise ConfigError(f"rules: {path} is neither a file nor a folder")
    return files


def _check(
    rule: Rule, located: Located, place: tuple[str | int, ...], channels: Collection[str] | None
) -> None:
    """Everything that the types can't say."""

    def refuse(message: str, key: str) -> ConfigError:
        return located.error(f"alert {rule.alert!r}: {message}", *place, key)

    if not rule.alert:
        raise refuse("give it a name", "alert")
    if "/" in rule.alert:
        raise refuse("its name must not contain a slash", "alert")
    if not rule.runbook_url:
        raise refuse("give it a runbook_url: where it says what to do", "runbook_url")
    _check_dimensions(rule.by, "by", refuse)
    _check_values(rule.where, "where", refuse)
    for name in rule.channels:
        if channels is not None and name not in channels:
            raise refuse(f"channel {name!r} is not configured{suggestion(name, list(channels))}", "channels")
    for name in rule.labels:
        if name in DIMENSIONS or name in OF_EVERY_ALERT:
            raise refuse(f"label {name!r} is taken: choose another name", "labels")
    if rule.minimum_calls < 1:
        raise refuse("minimum_calls must be at least 1: nothing can be said of no calls", "minimum_calls")
    if not isinstance(rule, AbsenceRule):
        _check_metric(rule, refuse)
    _check_window(rule.window, refuse)
    match rule:
        case ThresholdRule():
            _check_threshold(rule, refuse)
        case RegressionRule():
            _check_regression(rule, refuse)
        case BurnRateRule():
            _check_burn_rate(rule, refuse)
        case BlipRule():
            _check_blip(rule, refuse)
        case AbsenceRule() if watches_itself(rule) and (rule.by or rule.where):
            raise refuse(f"the {rule.absent} belongs to no series: leave 'by' and 'where' out", "absent")
    if (found := out_of_reach(rule)) is not None:
        raise refuse(*found)


def _check_dimensions(names: Iterable[str], key: str, refuse: Refuse) -> None:
    seen = set()
    for name in names:
        if name not in DIMENSIONS:
            raise refuse(f"unknown dimension {name!r}{suggestion(name, list(DIMENSIONS))}", key)
        if name in seen:
            raise refuse("a dimension stands twice", key)
        seen.add(name)


def _check_values(values: Mapping[str, str | tuple[str, ...]], key: str, refuse: Refuse) -> None:
    _check_dimensions(values, key, refuse)
    for name, allowed in values.items():
        if not allowed:
            raise refuse(f"{name} can be none of no values: give at least one", key)


def _check_window(window: Duration, refuse: Refuse) -> None:
    length = seconds(window)
    if length < 60:
        raise refuse("the window is shorter than a minute, the smallest bucket there is", "window")
    if length % 60:
        raise refuse("the window must be whole minutes", "window")
    if length > LONGEST_WINDOW_S:
        raise refuse("the window is longer than 3 days: nobody could be told in time", "window")


def _check_metric(rule: Measured, refuse: Refuse) -> None:
    measured = METRICS.get(rule.metric)
    if measured is None:
        raise refuse(f"unknown metric {rule.metric!r}{suggestion(rule.metric, list(METRICS))}", "metric")
    if rule.metric in WITHOUT_SERIES and (rule.by or rule.where):
        key = "by" if rule.by else "where"
        raise refuse(f"{rule.metric} belongs to no series: leave {key!r} out", key)
    if (rule.metric == "share") != bool(rule.of):
        raise refuse("of says which calls 'share' counts, and belongs to that metric alone", "of")
    _check_values(rule.of, "of", refuse)
    _check_statistic(rule, measured, refuse)


def _check_statistic(rule: Measured, measured: Metric, refuse: Refuse) -> None:
    chosen = statistic(rule)
    _check_over(rule, refuse)
    if measured.is_rate and chosen in BY_MINUTE and rule.metric not in WITHOUT_SERIES:
        if not isinstance(rule, RegressionRule) and not (
            isinstance(rule, ThresholdRule) and chosen == "group_p95"
        ):
            raise refuse(
                f"{chosen} compares minutes with those of past days: say kind: regression", "statistic"
            )
        return
    if measured.is_rate:
        allowed: tuple[str, ...] = ("rate",)
    elif measured.histogram:
        allowed = ("p50", "p90", "p95", "p99", "mean") + (("call_p95",) if measured.unit == "risk" else ())
    else:
        allowed = ("mean",)
    if chosen not in allowed:
        why = _why_not(rule, measured, chosen)
        raise refuse(
            f"{rule.metric} has no {chosen} in a {kind(rule)} rule{why}: {' or '.join(allowed)}", "statistic"
        )


def _check_over(rule: Measured, refuse: Refuse) -> None:
    grouped = rule.statistic == "group_p95"
    if grouped != bool(rule.over):
        raise refuse("over says whose values are the groups of group_p95, and belongs to it alone", "over")
    if not grouped:
        return
    _check_dimensions((rule.over,), "over", refuse)
    if rule.over in rule.by:
        raise refuse(f"an alert by {rule.over} has one {rule.over}: leave it out of by", "over")
    if isinstance(rule, RegressionRule) and (rule.severity == "page" or rule.pending_for < GROUPS_WAIT):
        message = "group_p95 takes a blip of all groups for a rise: say severity: ticket and for: 20m"
        raise refuse(message, "statistic")
    if isinstance(rule, RegressionRule) and rule.window_length.total_seconds() != 3600:
        raise refuse("group_p95 compares an hour with that of other days: leave window out", "window")


def _why_not(rule: Measured, measured: Metric, chosen: Statistic) -> str:
    """Why a metric has no such statistic, where that is not plain."""
    if chosen == "call_p95" and measured.is_rate:
        return ", as a call fails or does not: it would be 0 below 5 % of failures and 1 above"
    if rule.metric == "cost_of_requests" and chosen in PERCENTILES:
        return ", as a request's calls lie in several minutes; those of calls are of cost"
    return ""


def _check_threshold(rule: ThresholdRule, refuse: Refuse) -> None:
    if (rule.above is None) == (rule.below is None):
        raise refuse("give it one of: above, below", "above")
    key = "above" if rule.above is not None else "below"
    limit = rule.above if rule.above is not None else rule.below or 0.0
    if (unit := METRICS[rule.metric].unit) in ("", "risk"):
        if key == "above" and not 0 <= limit < 1:
            raise refuse(f"above is a {unit or 'rate'}: at least 0 and below 1, or it can never fire", key)
        if key == "below" and not 0 < limit <= 1:
            raise refuse(f"below is a {unit or 'rate'}: above 0 and at most 1, or it can never fire", key)
    elif not 0 <= limit < inf:
        raise refuse(f"{key} is not negative", key)
    if rule.clear is not None:
        better = 0 <= rule.clear <= limit if key == "above" else limit <= rule.clear < inf
        if not better:
            raise refuse(f"clear must be at least as good as {key}, or it can never resolve", "clear")


def _check_regression(rule: RegressionRule, refuse: Refuse) -> None:
    measured, chosen = METRICS[rule.metric], statistic(rule)
    if not 0 <= rule.relative < inf or not 0 <= rule.absolute < inf:
        raise refuse("margins are not negative", "margin")
    if measured.is_rate and rule.absolute >= 1:
        raise refuse("the absolute margin of a rate is in points of rate, below 1", "margin")
    if not 0 < rule.significance < 0.5:
        raise refuse("significance is the chance of a false alarm: above 0 and below 0.5", "significance")
    if not 0 < rule.false_alarms <= 10:
        raise refuse("false_alarms is how many a week: above 0 and at most 10", "false_alarms")
    if rule.minimum_baseline_calls < 1:
        raise refuse("minimum_baseline_calls must be at least 1", "minimum_baseline_calls")
    if rule.worse == "lower" and not measured.is_rate:
        raise refuse("only a rate can be worse when it is lower", "worse")
    if chosen == "mean" and rule.evidence != "days":
        raise refuse("of a mean only sums are kept: say evidence: days", "evidence")
    if chosen in BY_MINUTE and (rule.evidence != "cusum" or rule.baseline != "seasonal"):
        key = "evidence" if rule.evidence != "cusum" else "baseline"
        raise refuse(f"{chosen} has one test: leave evidence and baseline out", key)
    if rule.evidence == "fisher" and chosen != "rate":
        raise refuse(f"fisher tests counts of a window: not {chosen}", "evidence")
    if rule.metric in WITHOUT_SERIES and rule.evidence != "fisher":
        raise refuse(f"{rule.metric} has no hours to learn from: say evidence: fisher", "evidence")
    _check_baseline(rule, chosen, refuse)


def _check_baseline(rule: RegressionRule, chosen: Statistic, refuse: Refuse) -> None:
    baseline = rule.baseline
    if not isinstance(baseline, Baseline):
        if rule.evidence == "fisher":
            raise refuse("fisher compares with one span: give the baseline previous or offset", "baseline")
        return
    given = [name for name in baseline.__struct_fields__ if getattr(baseline, name) is not None]
    if len(given) != 1:
        raise refuse("give the baseline one of: previous, offset, rolling_median, fixed, version", "baseline")
    if rule.evidence == "days":
        raise refuse("days has its own baseline, the 14 days before: leave it out", "baseline")
    if rule.evidence == "fisher" and given[0] not in ("previous", "offset", "version"):
        raise refuse("fisher compares counts: previous, offset or version", "baseline")
    if chosen != "rate" and given[0] not in ("previous", "offset"):
        raise refuse(f"{chosen} is compared with: seasonal, weekly, previous or offset", "baseline")
    if baseline.fixed is not None and not 0 < baseline.fixed < 1:
        raise refuse("fixed is a rate: above 0 and below 1", "baseline")
    if baseline.version in rule.by:
        raise refuse(f"{baseline.version} is compared with the others: leave it out of by", "by")
    for length in (baseline.previous, baseline.offset):
        if length is not None and not rule.window_length.total_seconds() <= seconds(length) <= 28 * 86_400:
            raise refuse("the baseline is at least as long as the window, and at most 28 days", "baseline")
    if (
        baseline.rolling_median is not None
        and not 3 * 86_400 <= seconds(baseline.rolling_median) <= 28 * 86_400
    ):
        raise refuse("a rolling median is over 3 to 28 days", "baseline")


def _check_burn_rate(rule: BurnRateRule, refuse: Refuse) -> None:
    if not METRICS[rule.metric].is_rate:
        raise refuse("an objective is a share of calls: the metric must be a rate", "metric")
    if not 0 < rule.objective < 1:
        raise refuse("the objective is the share that is to be good: above 0 and below 1", "objective")
    if rule.severity == "info":
        raise refuse("a burn rate is a page or a ticket", "severity")
    factor = min(burn_factors(rule))
    if factor * (1 - rule.objective) >= 1:
        raise refuse(
            f"at {rule.objective:.0%} not even a rate of 1 is {factor:g} times the budget: it can never fire",
            "objective",
        )


def _check_blip(rule: BlipRule, refuse: Refuse) -> None:
    if not METRICS[rule.metric].is_rate:
        raise refuse("a blip is of a rate", "metric")
    if not 1 < rule.times < inf:
        raise refuse("times must be above 1", "times")
    if not 1 <= rule.minutes <= rule.of_minutes <= 60:
        raise refuse("minutes is at least 1, of_minutes at least that, and at most 60", "minutes")
