"""What the rules see: the rollups of the last day in, the traffic of each rule's label sets out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from monitor.reading import by_of, needs, values_of
from monitor.rules.grouping import Groups
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule, RegressionRule, Rule, watches_itself
from monitor.rules.named import statistic
from monitor.rules.sight import BEYOND, Traffic
from monitor.store.counters import Counters, Floats, Table

#: The time that traffic is read of: a day, so that every hour of it is in.
SPAN = timedelta(days=1)


def traffic(counters: Counters, rules: Sequence[Rule], stop: datetime) -> dict[str, list[Traffic]]:
    """Of each rule, by its key, the traffic of its label sets that had calls, the smallest first.

    Raises:
        Transient: Postgres can't be reached.
    """
    columns, _ = needs(rules)
    table = counters.sums(stop - SPAN, stop, columns)
    series = counters.series()
    _, letters = counters.dead_letters(stop - SPAN, stop)
    found: dict[str, list[Traffic]] = {}
    for rule in rules:
        if watches_itself(rule):
            found[rule.key] = []
            continue
        groups = Groups(by_of(rule), values_of(rule.where))
        groups.grow(series.ids, series.columns)
        calls, share = _counted(rule, groups, table, float(letters.sum()))
        some = calls > 0
        per_minute = calls[some] / (SPAN / timedelta(minutes=1))
        pairs = zip(per_minute.tolist(), share[some].tolist(), strict=True)
        found[rule.key] = sorted((Traffic(*pair) for pair in pairs), key=lambda one: one.calls_per_minute)
    return found


def _counted(rule: Rule, groups: Groups, table: Table, letters: float) -> tuple[Floats, Floats]:
    """Calls of each label set that count for a rule, and the share that is in its numerator; ``[S]``."""

    def total(columns: Sequence[str]) -> Floats:
        return groups.total(table.series_id, table.total([one for one in columns if one != "dead_letters"]))

    if isinstance(rule, AbsenceRule):
        calls = total(["calls"])
        return calls, np.zeros(len(calls))
    metric = METRICS[rule.metric]
    calls = total(metric.denominator or ("calls",))
    if not metric.is_rate:
        return calls, np.full(len(calls), BEYOND.get(statistic(rule), 0.0))
    failures = total(metric.numerator)
    if rule.metric == "dead_letters":
        calls, failures = calls + letters, failures + letters
    with np.errstate(invalid="ignore", divide="ignore"):
        share = failures / calls
    lower = isinstance(rule, RegressionRule) and rule.worse == "lower"
    return calls, 1 - share if lower else share
