"""Reads what rules judge: the rollups of a minute and of its past, grouped by the labels of each rule.

In come rules, their memories and a minute; out goes a ``Reading`` for each. Every span is read once for all
rules, and what is of past days once an hour. Long, as it has a method for each kind of baseline; they share
what was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from monitor.durations import seconds
from monitor.rules.baseline import DAYS, of_windows, seasonal
from monitor.rules.compare import (
    LEAST_RATE,
    Bools,
    Ints,
    median_of_days,
    mix_index,
    of_counts,
    of_value,
    usual_calls,
)
from monitor.rules.grouping import Floats, Groups
from monitor.rules.histogram import exceedances, middles, quantile_buckets
from monitor.rules.judge import Compared, Counted, Reading, burn_windows
from monitor.rules.load import statistic
from monitor.rules.memory import Memory
from monitor.rules.metric import METRICS, Metric
from monitor.rules.model import (
    AbsenceRule,
    BlipRule,
    BurnRateRule,
    Measured,
    RegressionRule,
    Rule,
    ThresholdRule,
)
from monitor.rules.model import Baseline as BaselineOf
from monitor.rules.slow import mean_shift, shift
from monitor.store.alerts import Incident
from monitor.store.counters import Histograms, Of, Series, Table

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: The last minutes that must still be bad before anybody is told.
SHORT = timedelta(minutes=5)

#: Either side of an incident, what is not learned from: the baseline's own window reaches so far.
GUARD = timedelta(minutes=30)

#: Days that say what each series' own rate is.
MIX_DAYS = 7

#: Days of the hour that a percentile is compared with.
PERCENTILE_DAYS = 7

#: What calls lack that came without their content.
_CONTENT = ("uncaptured_input", "uncaptured_output")

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Rollups(Protocol):
    """What is read: ``monitor.store.counters.Counters``, or ``monitor.history.History``."""

    def minutes(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """Rollups by the minute."""
        ...

    def sums(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """Rollups of a span together."""
        ...

    def hours(self, hours: Sequence[datetime], columns: Sequence[str]) -> Table:
        """Rollups of whole hours."""
        ...

    def histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        """Values of a span together."""
        ...

    def hour_histograms(self, hours: Sequence[datetime], of: Of) -> Histograms:
        """Values of whole hours."""
        ...

    def dead_letters(self, start: datetime, stop: datetime) -> tuple[Ints, Ints]:
        """Minutes, and their dead letters."""
        ...

    def series(self) -> Series:
        """Every series."""
        ...


class Reader:
    """Reads for all rules, minute by minute.

    Args:
        counters: the rollups.
        rules: whose metrics are read.
    """

    def __init__(self, counters: Rollups, rules: Sequence[Rule]) -> None:
        self._counters = counters
        self._columns, _ = needs(rules)
        self._groups: dict[str, Groups] = {}
        self._of: dict[str, Groups] = {}
        self._minute = datetime.min.replace(tzinfo=UTC)
        self._spans: dict[Any, Any] = {}
        self._hour = self._minute
        #: What is read once an hour: for all rules, and for each.
        self._past: dict[Any, Any] = {}
        self._own: dict[str, dict[Any, Any]] = {}

    def at(self, minute: datetime) -> None:
        """Turn to another minute."""
        if minute != self._minute:
            self._minute, self._spans = minute, {}
        hour = minute.replace(minute=0)
        if hour != self._hour:
            self._hour, self._past, self._own = hour, {}, {}

    def read(self, rule: Rule, memory: Memory, incidents: Sequence[Incident]) -> Reading:
        """What there is to judge of this rule; its memory takes in the label sets that are new.

        Raises:
            Transient: Postgres can't be reached.
        """
        end = self._minute + MINUTE
        self._sums(end - rule.window_length, end)  # before the series, so that none of it is unknown
        groups = self._grouped(rule, memory)
        if isinstance(rule, AbsenceRule):
            return self._absence(rule, groups)
        minute, short = self._counted(rule, groups, MINUTE), self._counted(rule, groups, SHORT)
        window = self._counted(rule, groups, rule.window_length)
        nothing = _nothing(len(groups))
        match rule:
            case ThresholdRule():
                value = self._value(rule, groups, end - rule.window_length, end)
                if METRICS[rule.metric].histogram is not None:
                    # What was not measured is no part of a percentile, nor of how many calls it is of.
                    rows = self._histograms(end - rule.window_length, end, _of(METRICS[rule.metric]))
                    window = Counted(groups.total(rows.series_id, rows.n), np.zeros(len(groups)))
                return Reading(minute=minute, short=short, window=window, value=value, compared=nothing)
            case BurnRateRule():
                pairs = tuple(
                    (
                        self._counted(rule, groups, long * MINUTE),
                        self._counted(rule, groups, short_ * MINUTE),
                    )
                    for long, short_ in burn_windows(rule)
                )
                return Reading(minute=minute, short=short, window=window, pairs=pairs, compared=nothing)
            case BlipRule():
                minutes = tuple(
                    self._span(rule, groups, end - (k + 1) * MINUTE, end - k * MINUTE)
                    for k in reversed(range(rule.of_minutes))
                )
                compared = self._seasonal(rule, groups, incidents)
                return Reading(minute=minute, short=short, window=window, minutes=minutes, compared=compared)
            case _ if rule.evidence == "days":
                return self._days(rule, groups, incidents)
            case _ if statistic(rule) in _QUANTILES:
                return self._percentile(rule, groups, memory, incidents)
            case _:
                compared = self._baseline(rule, groups, memory, incidents)
                return Reading(minute=minute, short=short, window=window, compared=compared)

    def _grouped(self, rule: Rule, memory: Memory) -> Groups:
        """The label sets of a rule, those that it remembers first."""
        groups = self._groups.get(rule.key)
        if groups is None or (
            len(memory.labels) < len(groups) and memory.labels != groups.labels[: len(memory.labels)]
        ):
            groups = self._groups[rule.key] = Groups(by_of(rule), values_of(rule.where), memory.labels)
            self._own.pop(rule.key, None)
        series = self._spans.get("series")
        if series is None:
            series = self._spans["series"] = self._counters.series()
        groups.grow(series.ids, series.columns)
        if isinstance(rule, (ThresholdRule, RegressionRule, BurnRateRule, BlipRule)) and rule.of:
            of = self._of.setdefault(rule.key, Groups((), values_of(rule.of)))
            of.grow(series.ids, series.columns)
        memory.grow(groups.labels)
        return groups

    def _sums(self, start: datetime, stop: datetime) -> Table:
        table = self._spans.get((start, stop))
        if table is None:
            read = self._counters.minutes if stop - start <= MINUTE else self._counters.sums
            table = self._spans[start, stop] = read(start, stop, self._columns)
        return table

    def _counted(self, rule: Measured, groups: Groups, length: timedelta) -> Counted:
        end = self._minute + MINUTE
        return self._span(rule, groups, end - length, end)

    def _span(self, rule: Measured, groups: Groups, start: datetime, stop: datetime) -> Counted:
        table = self._sums(start, stop)
        calls, failures = self._rows(rule, table)
        counted = Counted(groups.total(table.series_id, calls), groups.total(table.series_id, failures))
        if rule.metric == "dead_letters":
            _, letters = self._counters.dead_letters(start, stop)
            return Counted(counted.calls + letters.sum(), counted.failures + letters.sum())
        return counted

    def _rows(self, rule: Measured, table: Table) -> tuple[Floats, Floats]:
        """Of each row, the calls that count and how many of them fail."""
        metric = METRICS[rule.metric]
        calls = table.total([name for name in _denominator(metric) if name != "dead_letters"])
        failures = table.total([name for name in metric.numerator if name != "dead_letters"])
        if rule.of:
            failures = np.where(self._of[rule.key].instances(table.series_id) >= 0, calls, 0.0)
        if isinstance(rule, RegressionRule) and rule.worse == "lower":
            failures = calls - failures
        return calls, failures

    def _value(self, rule: Measured, groups: Groups, start: datetime, stop: datetime) -> Floats | None:
        """The percentile or the mean of a measured value over a span; ``None`` of a rate."""
        metric, chosen = METRICS[rule.metric], statistic(rule)
        if metric.is_rate:
            return None
        if metric.histogram is None:
            return self._span(rule, groups, start, stop).rate
        rows = self._histograms(start, stop, _of(metric))
        instance = groups.instances(rows.series_id)
        if chosen == "mean":
            table = self._sums(start, stop)
            total = groups.total(table.series_id, table.total(metric.numerator))
            return Counted(groups.total(rows.series_id, rows.n), total).rate
        return middles(quantile_buckets(_QUANTILES[chosen], instance, rows.value_bucket, rows.n, len(groups)))

    def _histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        rows = self._spans.get((of, start, stop))
        if rows is None:
            rows = self._spans[of, start, stop] = self._counters.histograms(start, stop, of)
        return rows

    def _baseline(
        self, rule: RegressionRule, groups: Groups, memory: Memory, incidents: Sequence[Incident]
    ) -> Compared:
        """What a rate is compared with."""
        baseline = rule.baseline
        if not isinstance(baseline, BaselineOf) or baseline.rolling_median is not None:
            return self._seasonal(rule, groups, incidents)
        if baseline.fixed is not None:
            rate = np.full(len(groups), baseline.fixed)
            return Compared(of_value(rate), rate, np.zeros(len(groups)))
        if baseline.version is not None:
            return self._others(rule, groups)
        past = self._span(rule, groups, *_past(rule, self._minute + MINUTE))
        found = of_counts(past.calls, past.failures, rule.minimum_baseline_calls)
        # What an alert was opened against stays, or a long incident would become its own normal.
        held = ~np.isnan(memory.frozen)
        found.rate = np.where(held, memory.frozen, found.rate)
        found.error = np.where(held, 0.0, found.error)
        return Compared(found, _floored(rule, found.rate), np.zeros(len(groups)))

    def _others(self, rule: RegressionRule, groups: Groups) -> Compared:
        """What the other versions of the same labels do at the same time."""
        window = self._counted(rule, groups, rule.window_length)
        order = {labels: n for n, labels in enumerate(dict.fromkeys(one[:-1] for one in groups.labels))}
        of = np.array([order[labels[:-1]] for labels in groups.labels], np.int64)
        calls = np.bincount(of, window.calls, len(order))[of] - window.calls
        failures = np.bincount(of, window.failures, len(order))[of] - window.failures
        found = of_counts(calls, failures, rule.minimum_baseline_calls)
        return Compared(found, _floored(rule, found.rate), np.zeros(len(groups)))

    def _seasonal(
        self, rule: RegressionRule | BlipRule, groups: Groups, incidents: Sequence[Incident]
    ) -> Compared:
        """The same time on other days, as far as it was no incident, with the calls of this minute."""
        size = len(groups)
        valid = self._valid(rule, groups, incidents)
        own = self._own.setdefault(rule.key, {})
        cached = own.get("hours")
        if cached is None or cached[0].shape[0] != size:
            table, day, slot = self._hours()
            cached = own["hours"] = tuple(
                groups.totals(table.series_id, day * 3 + slot, rows, DAYS * 3).T.reshape(size, DAYS, 3)
                for rows in self._rows(rule, table)
            )
        fraction = self._minute.minute / 60
        baseline = getattr(rule, "baseline", "seasonal")
        if isinstance(baseline, BaselineOf) and baseline.rolling_median is not None:
            days = int(seconds(baseline.rolling_median) // 86_400)
            found = median_of_days(cached[0], cached[1], fraction, valid=valid, days=days)
        else:
            found = seasonal(cached[0], cached[1], fraction, valid=valid, weekly=baseline == "weekly")
        mix = found.rate * (self._mix(rule, groups, valid) - 1)
        return Compared(found, _floored(rule, found.rate + mix), mix)

    def _mix(self, rule: RegressionRule | BlipRule, groups: Groups, valid: Bools) -> Floats:
        """How many times the baseline's rate is expected of this minute's mix of series."""
        now = self._sums(self._minute, self._minute + MINUTE)
        now_calls, _ = self._rows(rule, now)
        return mix_index(
            past=self._usual_mix(rule, groups, valid),
            now=(now.series_id, groups.instances(now.series_id), now_calls),
            size=len(groups),
        )

    def _usual_mix(self, rule: Measured, groups: Groups, valid: Bools) -> tuple[Ints, Ints, Floats, Floats]:
        """Of each series, its label set, its calls and its failures of the last week around this hour."""
        own, key = self._own.setdefault(rule.key, {}), ("mix", len(groups))
        if key not in own:
            table, day, _ = self._hours()
            instance = groups.instances(table.series_id)
            learned = _learned(valid, instance, day) & (day < MIX_DAYS)
            series = np.unique(table.series_id[learned])
            place = np.searchsorted(series, table.series_id[learned])
            n, x = (np.bincount(place, rows[learned], len(series)) for rows in self._rows(rule, table))
            own[key] = series, groups.instances(series), n, x
        found: tuple[Ints, Ints, Floats, Floats] = own[key]
        return found

    def _hours(self) -> tuple[Table, Ints, Ints]:
        """The rollups of the hours around this one on past days, and of each row which day and hour it is."""
        if "hours" not in self._past:
            centres = [self._hour - (k + 1) * DAY for k in range(DAYS)]
            wanted = [centre + (slot - 1) * HOUR for centre in centres for slot in range(3)]
            table = self._counters.hours(wanted, self._columns)
            place = {int(hour.timestamp()): n for n, hour in enumerate(wanted)}
            part = np.array([place[int(bucket)] for bucket in np.unique(table.bucket)], np.int64)
            part = part[np.searchsorted(np.unique(table.bucket), table.bucket)] if len(part) else part
            self._past["hours"] = table, part // 3, part % 3
        found: tuple[Table, Ints, Ints] = self._past["hours"]
        return found

    def _valid(self, rule: Rule, groups: Groups, incidents: Sequence[Incident]) -> Bools:
        """Of each label set, which past days may be learned from: ``[S, DAYS]``."""
        valid = np.ones((len(groups), DAYS), bool)
        own = [one for one in incidents if one.rule == rule.alert]
        place = {labels: n for n, labels in enumerate(groups.labels)} if own else {}
        for one in own:
            i = place.get(tuple(one.labels.get(name, "") for name in by_of(rule)))
            if i is None:
                continue
            for k in range(DAYS):
                then = self._minute - (k + 1) * DAY
                if one.start - GUARD <= then and (one.end is None or then <= one.end + GUARD):
                    valid[i, k] = False
        return valid

    def _percentile(
        self, rule: RegressionRule, groups: Groups, memory: Memory, incidents: Sequence[Incident]
    ) -> Reading:
        """Of a percentile: values above the baseline's, which are as many as failures of a rate are."""
        of, q = _of(METRICS[rule.metric]), _QUANTILES[statistic(rule)]
        size, end = len(groups), self._minute + MINUTE
        if isinstance(rule.baseline, BaselineOf):
            usual, calls, over = self._usual_values(rule, groups, q, np.ones((size, DAYS), bool))
            found = of_counts(calls.sum(axis=1), over.sum(axis=1), rule.minimum_baseline_calls)
            # What an alert was opened against stays, as for rates.
            held = ~np.isnan(memory.frozen)
            usual = np.where(held, np.nan_to_num(memory.frozen), usual).astype(np.int64)
            found.rate, found.error = np.where(held, 1 - q, found.rate), np.where(held, 0.0, found.error)
        else:
            own = self._own.setdefault(rule.key, {})
            if ("values", size) not in own:
                valid = self._valid(rule, groups, incidents)
                usual, calls, over = self._usual_values(rule, groups, q, valid)
                own["values", size] = usual, of_windows(calls, over)
            usual, found = own["values", size]
        counted = [
            self._over(groups, usual, of, end - length, end) for length in (MINUTE, SHORT, rule.window_length)
        ]
        return Reading(
            minute=counted[0],
            short=counted[1],
            window=counted[2],
            value=self._value(rule, groups, end - rule.window_length, end),
            past_value=middles(usual),
            kept=usual.astype(np.float64),
            compared=Compared(found, found.rate, np.zeros(size)),
        )

    def _usual_values(
        self, rule: RegressionRule, groups: Groups, q: float, valid: Bools
    ) -> tuple[Ints, Floats, Floats]:
        """The bucket of each label set's usual percentile; of each day its values, and those above that."""
        size = len(groups)
        rows, day = self._past_values(rule, _of(METRICS[rule.metric]))
        instance = groups.instances(rows.series_id)
        instance = np.where(_learned(valid, instance, day), instance, -1)
        usual = quantile_buckets(q, instance, rows.value_bucket, rows.n, size)
        calls, over = np.zeros((size, DAYS)), np.zeros((size, DAYS))
        for k in np.unique(day):
            which = np.where(day == k, instance, -1)
            over[:, k], calls[:, k] = exceedances(usual, which, rows.value_bucket, rows.n, size)
        return usual, calls, over

    def _over(self, groups: Groups, usual: Any, of: Of, start: datetime, stop: datetime) -> Counted:
        rows = self._histograms(start, stop, of)
        over, every = exceedances(
            usual, groups.instances(rows.series_id), rows.value_bucket, rows.n, len(groups)
        )
        return Counted(every, over)

    def _past_values(self, rule: RegressionRule, of: Of) -> tuple[Histograms, Ints]:
        """The histograms that a percentile is compared with, and how many days ago each row is of."""
        if isinstance(rule.baseline, BaselineOf):
            rows = self._histograms(*_past(rule, self._minute + MINUTE), of)
            return rows, np.zeros(len(rows.n), np.int64)
        if of not in self._past:
            hours = [self._hour - (k + 1) * DAY for k in range(PERCENTILE_DAYS)]
            rows = self._counters.hour_histograms(hours, of)
            day = (int(self._hour.timestamp()) - rows.bucket) // 86_400 - 1
            self._past[of] = rows, day
        found: tuple[Histograms, Ints] = self._past[of]
        return found

    def _days(self, rule: RegressionRule, groups: Groups, incidents: Sequence[Incident]) -> Reading:
        """The last 24 hours, and those before them one by one; all to the full hour."""
        own, key = self._own.setdefault(rule.key, {}), ("days", len(groups))
        if key not in own:
            own[key] = self._compare_days(rule, groups, self._valid(rule, groups, incidents))
        found: Reading = own[key]
        return found

    def _compare_days(self, rule: RegressionRule, groups: Groups, valid: Bools) -> Reading:
        spans = [(self._hour - (k + 1) * DAY, self._hour - k * DAY) for k in range(DAYS + 1)]
        counted = [self._span(rule, groups, *span) for span in spans]
        if METRICS[rule.metric].is_rate:
            calls, failures = (
                np.array([getattr(one, name) for one in counted[1:]]).T for name in ("calls", "failures")
            )
            beyond, usual = shift(counted[0].calls, counted[0].failures, calls, failures, valid=valid)
            value = past_value = None
        else:
            values = np.array([self._value(rule, groups, *span) for span in spans])
            past = np.where(valid, values[1:].T, np.nan)
            value, (beyond, usual) = values[0], mean_shift(values[0], past)
            past_value = usual
        window = Counted(self._calls(groups, *spans[0]), counted[0].failures)
        if value is None:
            window = counted[0]
        return Reading(
            minute=window,
            short=window,
            window=window,
            value=value,
            past_value=past_value,
            beyond=beyond,
            compared=Compared(of_value(usual), usual, np.zeros(len(groups))),
        )

    def _calls(self, groups: Groups, start: datetime, stop: datetime) -> Floats:
        table = self._sums(start, stop)
        return groups.total(table.series_id, table.total(["calls"]))

    def _absence(self, rule: AbsenceRule, groups: Groups) -> Reading:
        """What should be there in the window, and how much of it was at this time on other days."""
        end = self._minute + MINUTE
        size, length = len(groups), rule.window_length
        table, day, slot = self._hours()
        usual = np.zeros(size)
        if rule.absent != "watermark":
            rows = _present(rule, table)
            by_hour = groups.totals(table.series_id, day * 3 + slot, rows, DAYS * 3).T.reshape(size, DAYS, 3)
            usual = usual_calls(by_hour, self._minute.minute / 60) * (length / HOUR)
        span = self._sums(end - length, end)
        calls = span.total(["calls"])
        lacking = groups.total(span.series_id, calls - _present(rule, span))
        came = Counted(groups.total(span.series_id, calls), lacking)
        compared = _nothing(size)
        compared.baseline.calls = usual
        return Reading(minute=came, short=came, window=came, compared=compared)


def needs(rules: Sequence[Rule]) -> tuple[tuple[str, ...], tuple[Of, ...]]:
    """The counters and the histograms that these rules are judged by."""
    measured = [METRICS[rule.metric] for rule in rules if not isinstance(rule, AbsenceRule)]
    found = {name for one in measured for name in one.columns} | {"calls", *_CONTENT}
    histograms = dict.fromkeys(_of(one) for one in measured if one.histogram)
    return tuple(sorted(found - {"dead_letters"})), tuple(histograms)


def by_of(rule: Rule) -> tuple[str, ...]:
    """The dimensions whose values tell the label sets of a rule apart."""
    baseline = getattr(rule, "baseline", None)
    version = baseline.version if isinstance(baseline, BaselineOf) else None
    return (*rule.by, version) if version else rule.by


def values_of(where: Mapping[str, str | Sequence[str]]) -> dict[str, Sequence[str]]:
    """The values that each dimension may have, one or several."""
    return {name: [value] if isinstance(value, str) else value for name, value in where.items()}


def _learned(valid: Bools, instance: Ints, day: Ints) -> Bools:
    """Of each row, whether it is of a label set and of a day that this may learn from."""
    learned = instance >= 0
    learned[learned] = valid[instance[learned], day[learned]]
    return learned


def _denominator(metric: Metric) -> tuple[str, ...]:
    return metric.denominator or ("calls",)


def _of(metric: Metric) -> Of:
    return "duration" if metric.histogram == "duration" else "ttft"


def _present(rule: AbsenceRule, table: Table) -> Floats:
    """Of each row the calls; of ``content`` those that can have both input and output."""
    calls = table.total(["calls"])
    if rule.absent == "calls":
        return calls
    return calls - np.maximum(*(table.total([name]) for name in _CONTENT))


def _past(rule: RegressionRule, end: datetime) -> tuple[datetime, datetime]:
    """The span that ``previous`` or ``offset`` names."""
    start = end - rule.window_length
    baseline = rule.baseline
    if isinstance(baseline, BaselineOf) and baseline.offset is not None:
        back = timedelta(seconds=seconds(baseline.offset))
        return start - back, end - back
    given = baseline.previous if isinstance(baseline, BaselineOf) else None
    return start - timedelta(seconds=seconds(given or "24h")), start


def _floored(rule: RegressionRule | BlipRule, rate: Floats) -> Floats:
    """A rate that is tested against: not so near to 0 that one failure is a regression."""
    least = min(rule.absolute, LEAST_RATE) if isinstance(rule, RegressionRule) else LEAST_RATE
    return np.maximum(rate, least)


def _nothing(size: int) -> Compared:
    nothing = np.full(size, np.nan)
    return Compared(of_value(nothing), nothing, np.zeros(size))
