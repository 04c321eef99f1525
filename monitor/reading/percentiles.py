"""Reads a percentile: of one rule's view, how many values there are and how many above the usual one."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from monitor.reading.spans import MINUTE, SHORT
from monitor.reading.view import View, learned, of_metric
from monitor.rules.baseline import DAYS, of_windows
from monitor.rules.compare import Bools, Ints, of_counts
from monitor.rules.grouping import Floats
from monitor.rules.histogram import exceedances, quantile_buckets, values
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.metric import METRICS
from monitor.rules.model import Baseline, RegressionRule
from monitor.rules.named import PERCENTILES, statistic
from monitor.store.counters import Histograms


def read_percentile(view: View, rule: RegressionRule) -> Reading:
    """The minute, the short window and the window by calls above the usual percentile."""
    q, size, end = PERCENTILES[statistic(rule)], view.size, view.spans.end
    if isinstance(rule.baseline, Baseline):
        usual, calls, over = _usual_values(view, rule, q, np.ones((size, DAYS), bool))
        found = of_counts(calls.sum(axis=1), over.sum(axis=1), rule.minimum_baseline_calls)
        # What an alert was opened against stays, as for rates.
        held = ~np.isnan(view.memory.frozen)
        usual = np.where(held, np.nan_to_num(view.memory.frozen), usual).astype(np.int64)
        found.rate, found.error = np.where(held, 1 - q, found.rate), np.where(held, 0.0, found.error)
    else:
        if ("values", size) not in view.own:
            usual, calls, over = _usual_values(view, rule, q, view.valid())
            view.own["values", size] = usual, of_windows(calls, over)
        usual, found = view.own["values", size]
    counted = [_over(view, rule, usual, end - length, end) for length in (MINUTE, SHORT, rule.window_length)]
    return Reading(
        minute=counted[0],
        short=counted[1],
        window=counted[2],
        value=view.value(rule, *view.window(rule)),
        past_value=values(of_metric(METRICS[rule.metric]), usual),
        bounds=view.bounds(rule),
        kept=usual.astype(np.float64),
        compared=Compared(found, found.rate, np.zeros(size)),
    )


def _usual_values(view: View, rule: RegressionRule, q: float, valid: Bools) -> tuple[Ints, Floats, Floats]:
    """The bucket of each label set's usual percentile; of each day its values, and those above that."""
    rows, day = _past_values(view, rule)
    instance = view.groups.instances(rows.series_id)
    instance = np.where(learned(valid, instance, day), instance, -1)
    usual = quantile_buckets(q, instance, rows.value_bucket, rows.n, view.size)
    calls, over = np.zeros((view.size, DAYS)), np.zeros((view.size, DAYS))
    for k in np.unique(day):
        which = np.where(day == k, instance, -1)
        over[:, k], calls[:, k] = exceedances(usual, which, rows.value_bucket, rows.n, view.size)
    return usual, calls, over


def _past_values(view: View, rule: RegressionRule) -> tuple[Histograms, Ints]:
    """The histograms that a percentile is compared with, and how many days ago each row is of."""
    of = of_metric(METRICS[rule.metric])
    if isinstance(rule.baseline, Baseline):
        rows = view.spans.histograms(*view.past(rule), of)
        return rows, np.zeros(len(rows.n), np.int64)
    return view.spans.hour_histograms(of)


def _over(view: View, rule: RegressionRule, usual: Ints, start: datetime, stop: datetime) -> Counted:
    rows = view.spans.histograms(start, stop, of_metric(METRICS[rule.metric]))
    instance = view.groups.instances(rows.series_id)
    over, every = exceedances(usual, instance, rows.value_bucket, rows.n, view.size)
    return Counted(every, over)
