"""Reads rule files and refuses what could never be evaluated, with one clear message each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import inf
from pathlib import Path

from monitor.durations import seconds
from monitor.errors import ConfigError
from monitor.explain import suggestion
from monitor.records import DIMENSIONS
from monitor.rules.metric import METRICS
from monitor.rules.model import RegressionRule, Rule, RuleFile, ThresholdRule
from monitor.yaml_file import Located, read

#: Makes the error for a message and the key it is about.
Refuse = Callable[[str, str], ConfigError]

#: Metrics that are not of a series, so that nothing can be said by dimension.
_WITHOUT_SERIES = frozenset({"dead_letters"})


def load_rules(paths: Sequence[Path], *, channels: Collection[str]) -> tuple[Rule, ...]:
    """Every rule in these files and folders (``*.yaml``), in order.

    ``channels`` are the names of the channels that are configured: a rule that names another could never
    be delivered.

    Raises:
        ConfigError: a file that can't be read or a rule that can't be evaluated; names file and line.
    """
    rules: list[Rule] = []
    names: dict[str, str] = {}
    for path in _files(paths):
        file, located = read(path, RuleFile)
        for g, group in enumerate(file.groups):
            for r, rule in enumerate(group.rules):
                place = ("groups", g, "rules", r)
                _check(rule, located, place, channels)
                line = f"{path}:{located.line(*place, 'alert')}"
                if rule.alert in names:
                    raise located.error(
                        f"alert {rule.alert!r} is also defined at {names[rule.alert]}", *place, "alert"
                    )
                names[rule.alert] = line
                rules.append(rule)
    return tuple(rules)


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob("*.yaml"))
            if not found:
                raise ConfigError(f"rules: {path} holds no *.yaml file")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise ConfigError(f"rules: {path} is neither a file nor a folder")
    return files


def _check(rule: Rule, located: Located, place: tuple[str | int, ...], channels: Collection[str]) -> None:
    """Everything that the types can't say."""

    def refuse(message: str, key: str) -> ConfigError:
        return located.error(f"alert {rule.alert!r}: {message}", *place, key)

    if not rule.alert:
        raise refuse("give it a name", "alert")
    if not rule.runbook_url:
        raise refuse("give it a runbook_url: where it says what to do", "runbook_url")
    if rule.metric not in METRICS:
        raise refuse(f"unknown metric {rule.metric!r}{suggestion(rule.metric, list(METRICS))}", "metric")
    for key, names in (("by", rule.by), ("where", tuple(rule.where))):
        for name in names:
            if name not in DIMENSIONS:
                raise refuse(f"unknown dimension {name!r}{suggestion(name, list(DIMENSIONS))}", key)
        if len(set(names)) < len(names):
            raise refuse("a dimension stands twice", key)
        if names and rule.metric in _WITHOUT_SERIES:
            raise refuse(f"{rule.metric} belongs to no series: leave {key!r} out", key)
    for name, values in rule.where.items():
        if not values:
            raise refuse(f"{name} can be none of no values: give at least one", "where")
    for name in rule.channels:
        if name not in channels:
            raise refuse(f"channel {name!r} is not configured{suggestion(name, list(channels))}", "channels")
    if rule.window_length.total_seconds() < 60:
        raise refuse("the window is shorter than a minute, the smallest bucket there is", "window")
    if rule.minimum_calls < 1:
        raise refuse("minimum_calls must be at least 1: nothing can be said of no calls", "minimum_calls")
    if isinstance(rule, ThresholdRule):
        _check_threshold(rule, refuse)
    else:
        _check_regression(rule, refuse)


def _check_threshold(rule: ThresholdRule, refuse: Refuse) -> None:
    if not 0 <= rule.above < 1:
        raise refuse("above is a rate: at least 0 and below 1, or it can never fire", "above")
    if rule.clear_below is not None and not 0 <= rule.clear_below <= rule.above:
        raise refuse("clear_below must be between 0 and above, or it can never resolve", "clear_below")


def _check_regression(rule: RegressionRule, refuse: Refuse) -> None:
    if not (0 <= rule.margin.relative < inf and 0 <= rule.margin.absolute < 1):
        raise refuse("margins are not negative, and absolute is in points of rate, below 1", "margin")
    if not 0 < rule.significance < 0.5:
        raise refuse("significance is the chance of a false alarm: above 0 and below 0.5", "significance")
    if rule.minimum_baseline_calls < 1:
        raise refuse("minimum_baseline_calls must be at least 1", "minimum_baseline_calls")
    given = [length for length in (rule.baseline.previous, rule.baseline.offset) if length is not None]
    if len(given) != 1:
        raise refuse("give the baseline one of: previous, offset", "baseline")
    if seconds(given[0]) < rule.window_length.total_seconds():
        raise refuse("the baseline must not be shorter than the window", "baseline")
