"""Reads for every rule: rules, their memories and a minute in, what is judged of each out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from monitor.reading.absence import read_absence
from monitor.reading.buckets import read_buckets
from monitor.reading.busy import read_busy
from monitor.reading.days import read_days
from monitor.reading.groups import group_p95, read_groups
from monitor.reading.percentiles import read_percentile
from monitor.reading.rates import baseline, of_days
from monitor.reading.spans import MINUTE, Rollups, Spans
from monitor.reading.view import View, needs, needs_by_minute, of_metric, values_of
from monitor.rules.grouping import Groups
from monitor.rules.judge import Counted, Reading, burn_windows, nothing
from monitor.rules.memory import Memory
from monitor.rules.metric import METRICS
from monitor.rules.model import (
    AbsenceRule,
    BlipRule,
    BurnRateRule,
    RegressionRule,
    Rule,
    ThresholdRule,
    by_of,
)
from monitor.rules.named import PERCENTILES, statistic
from monitor.store.alerts import Incident


class Reader:
    """Reads for all rules, minute by minute.

    Args:
        counters: the rollups.
        rules: whose metrics are read.
    """

    def __init__(self, counters: Rollups, rules: Sequence[Rule]) -> None:
        self._spans = Spans(counters, needs(rules)[0], needs_by_minute(rules))
        self._groups: dict[str, Groups] = {}
        self._of: dict[str, Groups] = {}
        #: Of a rule over a dimension: its values.
        self._over: dict[str, Groups] = {}
        #: What is kept of each rule until the hour is over.
        self._own: dict[str, dict[Any, Any]] = {}

    def at(self, minute: datetime) -> None:
        """Turn to another minute."""
        if self._spans.at(minute):
            self._own = {}

    def view(self, rule: Rule, memory: Memory, incidents: Sequence[Incident]) -> View:
        """What this rule sees of the minute; its memory takes in the label sets that are new.

        Raises:
            Transient: Postgres can't be reached.
        """
        # Before the series, so that none of the rows is of one that is not known.
        self._spans.sums(self._spans.end - rule.window_length, self._spans.end)
        groups = self._grouped(rule, memory)
        own = self._own.setdefault(rule.key, {})
        return View(self._spans, rule, groups, self._of.get(rule.key), memory, incidents, own)

    def read(self, rule: Rule, memory: Memory, incidents: Sequence[Incident]) -> Reading:
        """What there is to judge of this rule; its memory takes in the label sets that are new.

        Raises:
            Transient: Postgres can't be reached.
        """
        view = self.view(rule, memory, incidents)
        match rule:
            case AbsenceRule():
                return read_absence(view, rule)
            case RegressionRule(evidence="days"):
                return read_days(view, rule)
            case RegressionRule() if statistic(rule) in PERCENTILES:
                return read_percentile(view, rule)
            case RegressionRule(statistic="bucket_p95"):
                return read_buckets(view, rule)
            case RegressionRule(statistic="rate_at_load"):
                return read_busy(view, rule)
            case RegressionRule(statistic="group_p95"):
                return read_groups(view, rule, self._over[rule.key])
            case ThresholdRule(statistic="group_p95"):
                return _counted(view, rule, value=group_p95(view, rule, self._over[rule.key]))
            case ThresholdRule():
                return _threshold(view, rule)
            case BurnRateRule():
                return _burn_rate(view, rule)
            case BlipRule():
                return _blip(view, rule)
            case _:
                return _counted(view, rule, compared=baseline(view, rule))

    def _grouped(self, rule: Rule, memory: Memory) -> Groups:
        """The label sets of a rule, those that it remembers first."""
        groups = self._groups.get(rule.key)
        if groups is None or (
            len(memory.labels) < len(groups) and memory.labels != groups.labels[: len(memory.labels)]
        ):
            groups = self._groups[rule.key] = Groups(by_of(rule), values_of(rule.where), memory.labels)
            self._own.pop(rule.key, None)
        series = self._spans.series()
        groups.grow(series.ids, series.columns)
        if isinstance(rule, (ThresholdRule, RegressionRule)) and rule.over:
            by = (*by_of(rule), rule.over)
            over = self._over.setdefault(rule.key, Groups(by, values_of(rule.where)))
            over.grow(series.ids, series.columns)
        if isinstance(rule, (ThresholdRule, RegressionRule, BurnRateRule, BlipRule)) and rule.of:
            of = self._of.setdefault(rule.key, Groups((), values_of(rule.of)))
            of.grow(series.ids, series.columns)
        memory.grow(groups.labels)
        return groups


def _counted(
    view: View, rule: ThresholdRule | RegressionRule | BurnRateRule | BlipRule, **more: Any
) -> Reading:
    """The minute, the short window and the window of a rule by its calls."""
    return Reading(
        **{
            "minute": view.counted(rule, MINUTE),
            "short": view.short(rule),
            "window": view.counted(rule, rule.window_length),
            "compared": nothing(view.size),
            **more,
        }
    )


def _threshold(view: View, rule: ThresholdRule) -> Reading:
    window, metric = view.window(rule), METRICS[rule.metric]
    more: dict[str, Any] = {"value": view.value(rule, *window), "bounds": view.bounds(rule)}
    if metric.histogram is not None and (statistic(rule) in PERCENTILES or not metric.denominator):
        # What was not measured is no part of a percentile, nor of how many calls it is of.
        rows = view.spans.histograms(*window, of_metric(metric))
        more["window"] = Counted(view.groups.total(rows.series_id, rows.n), np.zeros(view.size))
    return _counted(view, rule, **more)


def _burn_rate(view: View, rule: BurnRateRule) -> Reading:
    pairs = tuple(
        (view.counted(rule, long * MINUTE), view.counted(rule, short * MINUTE))
        for long, short in burn_windows(rule)
    )
    return _counted(view, rule, pairs=pairs)


def _blip(view: View, rule: BlipRule) -> Reading:
    end = view.spans.end
    minutes = tuple(
        view.span(rule, end - (k + 1) * MINUTE, end - k * MINUTE) for k in reversed(range(rule.of_minutes))
    )
    return _counted(view, rule, minutes=minutes, compared=of_days(view, rule))
