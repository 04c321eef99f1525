"""One rule's look at what is read: its label sets and calls, and the days that it may learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np

from monitor.durations import seconds
from monitor.reading.spans import DAY, MINUTE, SHORT, Spans
from monitor.rules.baseline import DAYS, Baseline
from monitor.rules.compare import Bools, Ints
from monitor.rules.frozen import LONGEST
from monitor.rules.grouping import Floats, Groups
from monitor.rules.histogram import quantile_buckets, ranked_buckets, totals, values
from monitor.rules.judge import Counted
from monitor.rules.memory import Memory
from monitor.rules.metric import METRICS, Metric
from monitor.rules.model import AbsenceRule, Measured, RegressionRule, Rule, by_of
from monitor.rules.model import Baseline as Given
from monitor.rules.named import BY_MINUTE, PERCENTILES, statistic
from monitor.rules.ranks import bounds
from monitor.store.alerts import Incident
from monitor.store.counters import Of, Table

#: What calls lack that came without their content.
CONTENT = ("uncaptured_input", "uncaptured_output")


class View:
    """What one rule sees of the minute. Arrays are over its label sets, ``[S]``.

    Args:
        spans: what is read.
        rule: whose view it is.
        groups: its label sets.
        of: of a rule about a share: the series that are counted.
        memory: what the rule remembers.
        incidents: when alerts fired.
        own: what is kept of this rule until the hour is over.
    """

    def __init__(
        self,
        spans: Spans,
        rule: Rule,
        groups: Groups,
        of: Groups | None,
        memory: Memory,
        incidents: Sequence[Incident],
        own: dict[Any, Any],
    ) -> None:
        self.spans, self.rule, self.groups, self.memory, self.own = spans, rule, groups, memory, own
        self._of = of
        self._incidents = incidents

    @property
    def size(self) -> int:
        """How many label sets there are."""
        return len(self.groups)

    def window(self, rule: Rule) -> tuple[datetime, datetime]:
        """The rule's window."""
        return self.spans.end - rule.window_length, self.spans.end

    def counted(self, rule: Measured, length: timedelta) -> Counted:
        """The calls of so long until now, and those that fail."""
        return self.span(rule, self.spans.end - length, self.spans.end)

    def short(self, rule: Measured) -> Counted:
        """The same of the short window."""
        return self.counted(rule, SHORT)

    def span(self, rule: Measured, start: datetime, stop: datetime) -> Counted:
        """The same of any span."""
        table = self.spans.sums(start, stop)
        calls, failures = self.rows(rule, table)
        total = self.groups.total
        counted = Counted(total(table.series_id, calls), total(table.series_id, failures))
        if rule.metric == "dead_letters":
            letters = self.spans.letters(start, stop)
            return Counted(counted.calls + letters, counted.failures + letters)
        return counted

    def rows(self, rule: Measured, table: Table) -> tuple[Floats, Floats]:
        """Of each row of a table, the calls that count and how many of them fail."""
        metric = METRICS[rule.metric]
        calls = table.total([name for name in _denominator(metric) if name != "dead_letters"])
        failures = table.total([name for name in metric.numerator if name != "dead_letters"])
        if self._of is not None:
            failures = np.where(self._of.instances(table.series_id) >= 0, calls, 0.0)
        if isinstance(rule, RegressionRule) and rule.worse == "lower":
            failures = calls - failures
        return calls, failures

    def grid(
        self,
        table: Table,
        start: datetime,
        length: timedelta,
        values: Floats,
        groups: Groups | None = None,
    ) -> Floats:
        """What rows by the minute add up to in each minute of so long from ``start`` on, ``[S, M]``.

        With ``groups`` of those and not of the label sets.
        """
        place = (table.bucket - int(start.timestamp())) // 60
        return (groups or self.groups).totals(table.series_id, place, values, length // MINUTE).T

    def calls(self, start: datetime, stop: datetime) -> Floats:
        """All calls of a span, whether they count or not."""
        table = self.spans.sums(start, stop)
        return self.groups.total(table.series_id, table.total(["calls"]))

    def value(self, rule: Measured, start: datetime, stop: datetime) -> Floats | None:
        """The percentile or the mean of a measured value over a span; ``None`` of a rate."""
        metric, chosen = METRICS[rule.metric], statistic(rule)
        if metric.is_rate:
            return None
        if metric.histogram is None or (chosen == "mean" and metric.denominator):
            return self.span(rule, start, stop).rate
        of = of_metric(metric)
        rows = self.spans.histograms(start, stop, of)
        if chosen == "mean":
            table = self.spans.sums(start, stop)
            total = self.groups.total(table.series_id, table.total(metric.numerator))
            return Counted(self.groups.total(rows.series_id, rows.n), total).rate
        instance = self.groups.instances(rows.series_id)
        found = quantile_buckets(PERCENTILES[chosen], instance, rows.value_bucket, rows.n, self.size)
        return values(of, found)

    def bounds(self, rule: Measured) -> tuple[Floats, Floats] | None:
        """What a ``call_p95`` over the window is at least and at most; ``None`` of other statistics."""
        if rule.statistic != "call_p95":
            return None
        of = of_metric(METRICS[rule.metric])
        rows = self.spans.histograms(*self.window(rule), of)
        instance = self.groups.instances(rows.series_id)
        ranks = bounds(PERCENTILES["call_p95"], totals(instance, rows.n, self.size))
        low, high = (
            values(of, ranked_buckets(rank, instance, rows.value_bucket, rows.n, self.size)) for rank in ranks
        )
        return low, high

    def valid(self, start: timedelta, stop: timedelta) -> Bools:
        """Of each label set, which past days may be learned from: ``[S, DAYS]``.

        The same for the whole hour: those of which no incident touches what is read of them, which is from
        ``start`` to ``stop`` around this hour. One that lasts for longer than baselines reach back is left
        out of nothing: that is what is usual by now.
        """
        valid = np.ones((self.size, DAYS), bool)
        own = [one for one in self._incidents if one.rule == self.rule.alert]
        place = {labels: n for n, labels in enumerate(self.groups.labels)} if own else {}
        for one in own:
            i = place.get(tuple(one.labels.get(name, "") for name in by_of(self.rule)))
            if i is None or (one.end or self.spans.end) - one.start >= LONGEST * MINUTE:
                continue
            for k in range(DAYS):
                then = self.spans.hour - (k + 1) * DAY
                if one.start < then + stop and (one.end is None or then + start < one.end):
                    valid[i, k] = False
        return valid

    def kept(self, found: Baseline, *levels: Floats) -> tuple[Baseline, tuple[Floats, ...]]:
        """What to judge by: what an alert was opened against, else what was found; and what belongs to it."""
        minute = int(self.spans.minute.timestamp()) // 60
        baseline, kept = self.memory.frozen.kept(found, levels, minute)
        return baseline, tuple(kept)

    def past(self, rule: RegressionRule) -> tuple[datetime, datetime]:
        """The span that ``previous`` or ``offset`` names."""
        start, end = self.window(rule)
        baseline = rule.baseline
        if isinstance(baseline, Given) and baseline.offset is not None:
            back = timedelta(seconds=seconds(baseline.offset))
            return start - back, end - back
        given = baseline.previous if isinstance(baseline, Given) else None
        return start - timedelta(seconds=seconds(given or "24h")), start


def lately(valid: Bools, days: int) -> Bools:
    """So many of the days that may be learned from, the newest."""
    found: Bools = valid & (valid.cumsum(axis=1) <= days)
    return found


def learned(valid: Bools, instance: Ints, day: Ints) -> Bools:
    """Of each row, whether it is of a label set and of a day that this may learn from."""
    found = instance >= 0
    found[found] = valid[instance[found], day[found]]
    return found


def needs(rules: Sequence[Rule]) -> tuple[tuple[str, ...], tuple[Of, ...]]:
    """The counters and the histograms that these rules are judged by."""
    measured = [METRICS[rule.metric] for rule in rules if not isinstance(rule, AbsenceRule)]
    found = {name for one in measured for name in one.columns} | {"calls", *CONTENT}
    histograms = dict.fromkeys(of_metric(one) for one in measured if one.histogram)
    return tuple(sorted((found | set(needs_by_minute(rules))) - {"dead_letters"})), tuple(histograms)


def needs_by_minute(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The counters that these rules read minute by minute, of a whole window and of past days."""
    found: set[str] = set()
    for rule in rules:
        if not isinstance(rule, AbsenceRule) and statistic(rule) in BY_MINUTE:
            found |= {"calls", "duration_sum_ms", *METRICS[rule.metric].columns}
    return tuple(sorted(found))


def values_of(where: Mapping[str, str | Sequence[str]]) -> dict[str, Sequence[str]]:
    """The values that each dimension may have, one or several."""
    return {name: [value] if isinstance(value, str) else value for name, value in where.items()}


def of_metric(metric: Metric) -> Of:
    """What the histogram of a measured value is of."""
    if metric.histogram is None:
        raise ValueError(f"{metric.name} has no histogram")
    return cast(Of, metric.histogram)


def _denominator(metric: Metric) -> tuple[str, ...]:
    return metric.denominator or ("calls",)
