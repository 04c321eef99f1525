"""Reads a percentile: of one rule's view, how many values there are and how many above the usual one."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from monitor.reading import mix
from monitor.reading.rates import floored
from monitor.reading.spans import MINUTE, SHORT, THIS_HOUR
from monitor.reading.view import View, learned, of_metric
from monitor.rules.baseline import DAYS, of_windows
from monitor.rules.compare import Bools, Ints, mix_index, of_counts
from monitor.rules.grouping import Floats
from monitor.rules.histogram import NO_BUCKET, exceedances, quantile_buckets, values
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.metric import METRICS
from monitor.rules.model import Baseline, RegressionRule
from monitor.rules.named import PERCENTILES, statistic
from monitor.store.counters import Histograms


def read_percentile(view: View, rule: RegressionRule) -> Reading:
    """The minute, the short window and the window by calls above the usual percentile."""
    q, size, end = PERCENTILES[statistic(rule)], view.size, view.spans.end
    spanned = isinstance(rule.baseline, Baseline)
    valid = np.ones((size, DAYS), bool) if spanned else view.valid(*THIS_HOUR)
    key = ("values", size, valid.tobytes())
    if spanned or key not in view.own:
        bucket, calls, over = _usual_values(view, rule, q, valid)
        if isinstance(rule.baseline, Baseline):
            found = of_counts(calls.sum(axis=1), over.sum(axis=1), rule.minimum_baseline_calls)
        else:
            found = of_windows(calls, over)
        view.own[key] = bucket, found
    bucket, found = view.own[key]
    learned_ = np.isfinite(found.rate)
    found, (level,) = view.kept(found, np.where(bucket == NO_BUCKET, np.nan, bucket))
    bucket = np.where(np.isnan(level), NO_BUCKET, np.nan_to_num(level)).astype(np.int64)
    counted = [_over(view, rule, bucket, end - length, end) for length in (MINUTE, SHORT, rule.window_length)]
    above = ("above", size, valid.tobytes(), bucket.tobytes())
    if spanned or above not in view.own:
        view.own[above] = _usual_mix(view, rule, bucket, valid)
    moved = found.rate * (_index(view, rule, view.own[above]) - 1)
    return Reading(
        minute=counted[0],
        short=counted[1],
        window=counted[2],
        value=view.value(rule, *view.window(rule)),
        past_value=values(of_metric(METRICS[rule.metric]), bucket),
        bounds=view.bounds(rule),
        compared=Compared(
            found, floored(rule, found.rate + moved), moved, learned_, (level,), hourly=not spanned
        ),
    )


def _usual_mix(view: View, rule: RegressionRule, bucket: Ints, valid: Bools) -> mix.Mix:
    """Of each series its values, and how many of them are usually above the bucket."""
    rows, day = _past_values(view, rule)
    instance = view.groups.instances(rows.series_id)
    some = learned(valid, instance, day)
    over = rows.value_bucket[some] > bucket[instance[some]]
    n = rows.n[some].astype(np.float64)
    return mix.added_up(rows.series_id[some], view.groups.instances, n, n * over)


def _index(view: View, rule: RegressionRule, past: mix.Mix) -> Floats:
    """How many times as many calls are expected above the bucket, of the mix of this minute, ``[S]``."""
    now = view.spans.histograms(view.spans.minute, view.spans.end, of_metric(METRICS[rule.metric]))
    present = now.series_id, view.groups.instances(now.series_id), now.n.astype(np.float64)
    return mix_index(past=past, now=present, size=view.size)


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
