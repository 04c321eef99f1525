"""What rules read, on a real Postgres: the same as slow sums in plain Python over the same calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil, comb
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from msgspec import structs

from monitor.reading import Reader
from monitor.records import ScoredCall, Status, ToolsOutcome, ToolsScore, Usage
from monitor.rules.baseline import DAYS, seasonal
from monitor.rules.baseline import Baseline as Found
from monitor.rules.compare import median_of_days, of_counts
from monitor.rules.judge import Counted, Reading
from monitor.rules.memory import Memory
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    RegressionRule,
    Rule,
    ThresholdRule,
)
from monitor.rules.ranks import bounds
from monitor.rules.shrunk import prior
from monitor.store import Batch, PostgresStore, connect
from monitor.store.alerts import Incident
from monitor.store.counters import Counters
from monitor.store.rollups import recompute_dirty, recompute_hours
from tests.examples import NOON, call, scores

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: The minute that is read.
NOW = NOON + 20 * MINUTE
END = NOW + MINUTE
SERVICES = ("desk", "shop")


class Made(NamedTuple):
    """What the slow sums know of a call."""

    at: datetime
    service: str
    model: str
    failed: bool
    ms: float

    @property
    def risk(self) -> float:
        """A risk like no other's."""
        return self.ms % 1


def _made() -> list[Made]:
    random = Random(7)
    of_past = [
        NOON - (k + 1) * DAY + slot * HOUR + random.randrange(60) * MINUTE
        for k in range(7)
        for slot in (-1, 0, 1)
        for _ in range(30)
    ]
    of_today = [NOON - 2 * HOUR + random.randrange(141) * MINUTE for _ in range(500)]
    return [
        Made(
            at,
            random.choice(SERVICES),
            random.choice("ab"),
            random.random() < 0.2,
            random.lognormvariate(6, 1),
        )
        for at in of_past + of_today
    ]


MADE = _made()


@pytest.fixture(scope="module")
def counters(module_database: str) -> Iterator[Counters]:
    engine = connect(module_database)
    calls = [
        ScoredCall(
            call(
                f"c{n}",
                one.at,
                service=one.service,
                model_served=one.model,
                status=Status.ERROR if one.failed else Status.OK,
                duration_ms=one.ms,
                usage=Usage(int(one.ms), None),
            ),
            structs.replace(
                scores(),
                tools=ToolsScore(ToolsOutcome.OK, risk=one.risk),
                cost=int(one.ms) * 1e-5,
            ),
        )
        for n, one in enumerate(MADE)
    ]
    PostgresStore(engine).save(Batch(tuple(calls), (), {}))
    while recompute_dirty(engine):
        pass
    while recompute_hours(engine):
        pass
    yield Counters(engine)
    engine.dispose()


def read(counters: Counters, rule: Rule, incidents: Sequence[Incident] = ()) -> tuple[Reading, list[Any]]:
    """What there is to judge, in the order of the label sets, which come too."""
    memory, reader = Memory(), Reader(counters, [rule])
    reader.at(NOW)
    reading = reader.read(rule, memory, incidents)
    return reading, memory.labels


def between(start: datetime, stop: datetime, **labels: str) -> list[Made]:
    return [
        one
        for one in MADE
        if start <= one.at < stop and all(getattr(one, name) == value for name, value in labels.items())
    ]


def counts(start: datetime, stop: datetime, **labels: str) -> tuple[float, float]:
    some = between(start, stop, **labels)
    return float(len(some)), float(sum(one.failed for one in some))


def by_service(reading: Counted, labels: list[Any]) -> dict[str, tuple[float, float]]:
    return {
        service: (float(reading.calls[n]), float(reading.failures[n])) for n, (service,) in enumerate(labels)
    }


def errors(**settings: Any) -> RegressionRule:
    return RegressionRule(
        **{"alert": "A", "metric": "errors", "by": ("service",), "runbook_url": "x", **settings}
    )


def past_hours(service: str) -> tuple[np.ndarray, np.ndarray]:
    """Calls and failures around this hour on each past day."""
    hours = [
        [
            counts(start, start + HOUR, service=service)
            for slot in (-1, 0, 1)
            if (start := NOON - k * DAY + slot * HOUR)
        ]
        for k in range(1, DAYS + 1)
    ]
    both = np.array(hours)
    return both[np.newaxis, :, :, 0], both[np.newaxis, :, :, 1]


def assert_same(found: Found, place: int, expected: Found) -> None:
    for name in ("rate", "error", "drift", "calls", "failures", "windows"):
        assert getattr(found, name)[place] == pytest.approx(getattr(expected, name)[0], nan_ok=True), name


def test_the_minute_the_last_five_and_the_window(counters: Counters) -> None:
    reading, labels = read(counters, errors(window="1h"))
    for counted, length in [(reading.minute, MINUTE), (reading.short, 5 * MINUTE), (reading.window, HOUR)]:
        assert by_service(counted, labels) == {
            service: counts(END - length, END, service=service) for service in SERVICES
        }


def test_where_leaves_the_others_out(counters: Counters) -> None:
    reading, labels = read(counters, errors(where={"model_served": "a", "service": ("shop", "none")}))
    assert by_service(reading.window, labels) == {"shop": counts(END - HOUR, END, service="shop", model="a")}


@pytest.mark.parametrize(
    ("baseline", "start"),
    [(Baseline(previous="1h"), END - 2 * HOUR), (Baseline(offset="1d"), END - DAY - HOUR)],
    ids=["previous", "offset"],
)
def test_a_span_of_the_past(counters: Counters, baseline: Baseline, start: datetime) -> None:
    reading, labels = read(counters, errors(baseline=baseline, minimum_baseline_calls=10))
    for n, (service,) in enumerate(labels):
        calls, failures = counts(start, start + HOUR, service=service)
        assert calls >= 10
        assert_same(reading.compared.baseline, n, of_counts(np.array([calls]), np.array([failures]), 10))
        assert reading.compared.expected[n] - reading.compared.mix[n] == pytest.approx(failures / calls)


@pytest.mark.parametrize("kind", ["seasonal", "weekly"])
def test_the_time_of_day(counters: Counters, kind: Any) -> None:
    reading, labels = read(counters, errors(baseline=kind))
    for n, (service,) in enumerate(labels):
        expected = seasonal(*past_hours(service), 20 / 60, weekly=kind == "weekly")
        assert_same(reading.compared.baseline, n, expected)


def test_the_median_of_days(counters: Counters) -> None:
    reading, labels = read(counters, errors(baseline=Baseline(rolling_median="5d")))
    every = np.ones((1, DAYS), bool)
    for n, (service,) in enumerate(labels):
        expected = median_of_days(*past_hours(service), 20 / 60, valid=every, days=5)
        assert_same(reading.compared.baseline, n, expected)


def test_a_fixed_value(counters: Counters) -> None:
    reading, _ = read(counters, errors(baseline=Baseline(fixed=0.03)))
    assert reading.compared.baseline.rate.tolist() == reading.compared.expected.tolist() == [0.03, 0.03]


def test_the_other_versions_at_the_same_time(counters: Counters) -> None:
    rule = errors(baseline=Baseline(version="model_served"), minimum_baseline_calls=10)
    reading, labels = read(counters, rule)
    assert sorted(labels) == [(service, model) for service in SERVICES for model in "ab"]
    for n, (service, model) in enumerate(labels):
        other = {"a": "b", "b": "a"}[model]
        calls, failures = counts(END - HOUR, END, service=service, model=other)
        assert_same(reading.compared.baseline, n, of_counts(np.array([calls]), np.array([failures]), 10))


def test_a_past_incident_is_not_learned_from_and_that_of_others_is(counters: Counters) -> None:
    shop = {"service": "shop"}
    incidents = [
        Incident("A", shop, NOW - 2 * DAY - HOUR, NOW - 2 * DAY + HOUR),
        Incident("A", shop, NOW - 4 * DAY, None),
        Incident("B", {"service": "desk"}, NOW - 9 * DAY, None),
    ]
    reading, labels = read(counters, errors(), incidents)
    valid = np.ones((1, DAYS), bool)
    valid[0, :4] = False
    masked = seasonal(*past_hours("shop"), 20 / 60, valid=valid)
    assert_same(reading.compared.baseline, labels.index(("shop",)), masked)
    assert_same(reading.compared.baseline, labels.index(("desk",)), seasonal(*past_hours("desk"), 20 / 60))


def test_an_incident_that_is_over_masks_its_days_alone(counters: Counters) -> None:
    over = [Incident("A", {"service": "shop"}, NOW - 2 * DAY - HOUR, NOW - 2 * DAY + HOUR)]
    reading, labels = read(counters, errors(), over)
    valid = np.ones((1, DAYS), bool)
    valid[0, 1] = False
    masked = seasonal(*past_hours("shop"), 20 / 60, valid=valid)
    assert_same(reading.compared.baseline, labels.index(("shop",)), masked)


@pytest.mark.parametrize(
    "rule",
    [errors(), errors(metric="duration", statistic="p90"), errors(evidence="days")],
    ids=["a rate", "a percentile", "days"],
)
@pytest.mark.parametrize("end", [NOON - 2 * DAY + 10 * MINUTE, None], ids=["over", "open"])
def test_which_days_are_learned_from_does_not_hang_on_the_minute_that_is_read_first(
    counters: Counters, rule: RegressionRule, end: datetime | None
) -> None:
    incidents = [Incident("A", {"service": "shop"}, NOON - 2 * DAY + 5 * MINUTE, end)]
    memory, reader = Memory(), Reader(counters, [rule])
    for n in (0, 7, 20):
        reader.at(NOON + n * MINUTE)
        reading = reader.read(rule, memory, incidents)
    at_once, _ = read(counters, rule, incidents)
    assert reading.compared.baseline.rate.tolist() == at_once.compared.baseline.rate.tolist()
    assert (reading.past_value is None) == (at_once.past_value is None)
    if reading.past_value is not None and at_once.past_value is not None:
        assert reading.past_value.tolist() == at_once.past_value.tolist()


def test_an_incident_of_one_minute_leaves_out_the_whole_day_that_days_compare(counters: Counters) -> None:
    brief = [Incident("A", {"service": "shop"}, NOON - 60 * HOUR, NOON - 60 * HOUR + MINUTE)]
    with_it, labels = read(counters, errors(evidence="days"), brief)
    without, _ = read(counters, errors(evidence="days"))
    shop, desk = labels.index(("shop",)), labels.index(("desk",))
    fewer = with_it.compared.baseline.windows - without.compared.baseline.windows
    assert (fewer[shop], fewer[desk]) == (-1, 0)


def test_a_share_is_of_all_calls_those_it_names(counters: Counters) -> None:
    rule = ThresholdRule(
        alert="A", metric="share", of={"model_served": "b"}, by=("service",), above=0.5, window="1h",
        runbook_url="x",
    )  # fmt: skip
    reading, labels = read(counters, rule)
    assert by_service(reading.window, labels) == {
        service: (
            counts(END - HOUR, END, service=service)[0],
            counts(END - HOUR, END, service=service, model="b")[0],
        )
        for service in SERVICES
    }


def test_lower_is_worse_counts_the_good_ones(counters: Counters) -> None:
    reading, labels = read(counters, errors(worse="lower"))
    for service, (calls, good) in by_service(reading.window, labels).items():
        every, failed = counts(END - HOUR, END, service=service)
        assert (calls, good) == (every, every - failed)


def duration(q: float, start: datetime, stop: datetime, service: str) -> float:
    """The quantile by rank of the raw values."""
    values = [one.ms for one in between(start, stop, service=service)]
    return float(np.quantile(values, q, method="inverted_cdf"))


@pytest.mark.parametrize("chosen", ["p50", "p90", "p95", "p99"])
def test_a_percentile_is_within_one_percent_of_that_of_the_raw_values(
    counters: Counters, chosen: Any
) -> None:
    rule = ThresholdRule(
        alert="A", metric="duration", statistic=chosen, by=("service",), above=1.0, window="1h",
        runbook_url="x",
    )  # fmt: skip
    reading, labels = read(counters, rule)
    assert reading.value is not None
    for n, (service,) in enumerate(labels):
        exact = duration(int(chosen[1:]) / 100, END - HOUR, END, service)
        assert reading.value[n] == pytest.approx(exact, rel=0.0101)


def test_a_call_p95_is_of_the_risks_to_the_hundredth_and_has_its_bounds(counters: Counters) -> None:
    rule = ThresholdRule(
        alert="A", metric="tools.risk", statistic="call_p95", by=("service",), above=0.5, window="1h",
        runbook_url="x",
    )  # fmt: skip
    reading, labels = read(counters, rule)
    assert reading.value is not None
    assert reading.bounds is not None
    for n, (service,) in enumerate(labels):
        risks = sorted(one.risk for one in between(END - HOUR, END, service=service))
        assert reading.value[n] == pytest.approx(risks[ceil(0.95 * len(risks)) - 1], abs=0.0051)
        low, high = (int(rank[0]) for rank in bounds(0.95, np.array([len(risks)])))
        assert len(risks) >= 59
        assert reading.bounds[0][n] == pytest.approx(risks[low - 1], abs=0.0051)
        assert reading.bounds[1][n] == pytest.approx(risks[high - 1], abs=0.0051)


@pytest.mark.parametrize("metric", ["input_tokens", "cost"])
def test_tokens_and_cost_have_percentiles_of_calls(counters: Counters, metric: str) -> None:
    rule = ThresholdRule(
        alert="A", metric=metric, statistic="p90", above=0.5, window="1h", runbook_url="x"
    )  # fmt: skip
    reading, _ = read(counters, rule)
    assert reading.value is not None
    some = sorted(int(one.ms) for one in between(END - HOUR, END))
    exact = some[ceil(0.9 * len(some)) - 1]
    assert reading.value[0] == pytest.approx(exact * (1e-5 if metric == "cost" else 1), rel=0.0101)


def test_a_percentile_is_of_as_many_calls_as_were_measured(counters: Counters) -> None:
    rule = ThresholdRule(alert="A", metric="ttft", by=("service",), above=1.0, window="1h", runbook_url="x")
    reading, _ = read(counters, rule)
    assert reading.window.calls.tolist() == [0.0, 0.0], "none streams"
    of_durations, labels = read(counters, structs.replace(rule, metric="duration"))
    assert by_service(of_durations.window, labels) == {
        service: (counts(END - HOUR, END, service=service)[0], 0.0) for service in SERVICES
    }


def test_a_mean_is_that_of_the_raw_values(counters: Counters) -> None:
    rule = ThresholdRule(
        alert="A", metric="duration", statistic="mean", by=("service",), above=1.0, window="1h",
        runbook_url="x",
    )  # fmt: skip
    reading, labels = read(counters, rule)
    assert reading.value is not None
    for n, (service,) in enumerate(labels):
        exact = np.mean([one.ms for one in between(END - HOUR, END, service=service)])
        assert reading.value[n] == pytest.approx(exact, rel=1e-3)


def test_a_percentile_regression_counts_the_values_above_the_usual_one(counters: Counters) -> None:
    reading, labels = read(
        counters, errors(metric="duration", statistic="p90", baseline=Baseline(previous="1h"))
    )
    assert reading.past_value is not None
    for n, (service,) in enumerate(labels):
        usual = duration(0.9, END - 2 * HOUR, END - HOUR, service)
        assert reading.past_value[n] == pytest.approx(usual, rel=0.0101)
        values = [one.ms for one in between(END - HOUR, END, service=service)]
        assert reading.window.calls[n] == len(values)
        # The values of the one bucket that the usual one is in may be on either side.
        near = sum(abs(ms / usual - 1) <= 0.03 for ms in values)
        assert reading.window.failures[n] == pytest.approx(sum(ms > usual for ms in values), abs=near)


def test_a_seasonal_percentile_is_of_this_hour_on_seven_days(counters: Counters) -> None:
    reading, labels = read(counters, errors(metric="duration", statistic="p90"))
    assert reading.past_value is not None
    for n, (service,) in enumerate(labels):
        values = [
            one.ms
            for k in range(1, 8)
            for one in between(NOON - k * DAY, NOON - k * DAY + HOUR, service=service)
        ]
        exact = float(np.quantile(values, 0.9, method="inverted_cdf"))
        assert reading.past_value[n] == pytest.approx(exact, rel=0.0101)


def minutes_of(start: datetime, **labels: str) -> list[tuple[float, float, float]]:
    """Calls, failures and calls in flight of each minute of an hour."""
    found = []
    for minute in range(60):
        at = start + minute * MINUTE
        some = between(at, at + MINUTE, **labels)
        found.append((*counts(at, at + MINUTE, **labels), sum(one.ms for one in some) / 60_000))
    return found


def filled(minutes: list[tuple[float, float, float]], size: float) -> list[tuple[float, float]]:
    """The calls and failures of each full group of minutes."""
    found, n, x = [], 0.0, 0.0
    for calls, failures, _ in minutes:
        n, x = n + calls, x + failures
        if n >= size:
            found.append((n, x))
            n = x = 0.0
    return found


def test_buckets_are_of_this_hour_on_seven_days_and_as_large_now_as_then(counters: Counters) -> None:
    reading, _ = read(counters, errors(statistic="bucket_p95", minimum_calls=1, by=()))
    assert reading.buckets is not None
    past = [minutes_of(NOON - k * DAY) for k in range(1, 8)]
    calls, failures, _ = np.array(past).sum(axis=(0, 1))
    size = int(np.ceil(5 * calls / failures))
    assert reading.buckets.size.tolist() == [size]
    groups = [group for day in past for group in filled(day, size)]
    assert len(groups) >= 7
    # Of each group any ``size`` of its calls are the bucket.
    most = int(np.searchsorted(np.cumsum(np.mean([share(size, *one) for one in groups], axis=0)), 0.95))
    assert reading.buckets.most.tolist() == [most]
    now = filled(minutes_of(END - HOUR), size)
    assert reading.window.calls.tolist() == [len(now)]
    assert reading.window.failures[0] == pytest.approx(
        sum(share(size, *one)[most + 1 :].sum() for one in now)
    )
    assert reading.came is not None
    assert reading.came.tolist() == [counts(END - HOUR, END)[0]]


def share(size: int, calls: float, failures: float) -> np.ndarray:
    """The chance of each number of failures among ``size`` of the calls, by counting choices."""
    n, x = int(calls), int(failures)
    return np.array([comb(x, k) * comb(n - x, size - k) / comb(n, size) for k in range(size + 1)])


def test_the_p95_of_groups_is_of_their_rates_each_drawn_towards_all(counters: Counters) -> None:
    rule = ThresholdRule(
        alert="A", metric="errors", statistic="group_p95", over="model_served", by=("service",), above=0.5,
        window="1h", minimum_calls=10, runbook_url="x",
    )  # fmt: skip
    reading, labels = read(counters, rule)
    assert reading.value is not None
    for n, (service,) in enumerate(labels):
        some = [counts(END - HOUR, END, service=service, model=model) for model in "ab"]
        calls, failures = np.array(some).T
        of = np.zeros(2, np.int64)
        assert reading.value[n] == prior(calls, failures, of, 1).shrunk(calls, failures, of).max()


def test_a_quarter_hour_of_a_group_is_a_trial_as_often_now_as_then(counters: Counters) -> None:
    rule = errors(statistic="group_p95", over="model_served", by=(), minimum_calls=10, severity="ticket")
    reading, _ = read(counters, rule)
    baseline = reading.compared.baseline
    quarters = [
        counts(start, start + 15 * MINUTE, model=model)[0]
        for model in "ab"
        for k in range(1, 8)
        for quarter in range(4)
        if (start := NOON - k * DAY + quarter * 15 * MINUTE)
    ]
    assert baseline.calls.tolist() == [sum(calls >= 1 for calls in quarters)]
    assert 0 < baseline.rate[0] < 0.1
    assert reading.window.calls.tolist() == [8], "two models, four quarter hours"
    assert reading.came is not None
    assert reading.came.tolist() == [counts(END - HOUR, END)[0]]


def test_under_load_are_the_minutes_as_busy_as_the_busiest_of_other_days(counters: Counters) -> None:
    reading, labels = read(counters, errors(statistic="rate_at_load"))
    for n, (service,) in enumerate(labels):
        past = [minutes_of(NOON - k * DAY, service=service) for k in range(1, 8)]
        load = sorted(sorted(busy for *_, busy in day)[56] for day in past)[3]
        loaded = [one for one in minutes_of(END - HOUR, service=service) if one[2] >= load]
        assert reading.window.calls[n] == sum(calls for calls, *_ in loaded)
        assert reading.window.failures[n] == sum(failures for _, failures, _ in loaded)
        then = [one for day in past for one in day if one[2] >= load]
        assert reading.compared.baseline.calls[n] == sum(calls for calls, *_ in then)


def test_a_day_is_compared_with_the_days_before_to_the_full_hour(counters: Counters) -> None:
    reading, labels = read(counters, errors(evidence="days"))
    assert by_service(reading.window, labels) == {
        service: counts(NOON - DAY, NOON, service=service) for service in SERVICES
    }
    assert reading.beyond is not None
    assert np.isfinite(reading.beyond).all()


def test_the_calls_that_should_be_there(counters: Counters) -> None:
    rule = AbsenceRule(alert="A", absent="calls", by=("service",), window="10m", runbook_url="x")
    reading, labels = read(counters, rule)
    for n, (service,) in enumerate(labels):
        assert reading.window.calls[n] == counts(END - 10 * MINUTE, END, service=service)[0]
        calls, _ = past_hours(service)
        found = seasonal(calls, np.zeros_like(calls), 20 / 60)
        a_window = found.calls[0] / found.windows[0] / 6
        assert 0.2 * a_window < reading.compared.baseline.calls[n] <= a_window * 1.01


KINDS: dict[str, Rule] = {
    "threshold": ThresholdRule(alert="A", metric="errors", above=0.1, runbook_url="x"),
    "percentile": ThresholdRule(alert="A", metric="duration", above=1.0, runbook_url="x"),
    "seasonal": errors(),
    "median": errors(baseline=Baseline(rolling_median="7d")),
    "previous": errors(baseline=Baseline(previous="1h")),
    "version": errors(baseline=Baseline(version="model_served")),
    "fixed": errors(baseline=Baseline(fixed=0.1)),
    "days": errors(evidence="days"),
    "days of a mean": errors(metric="cost", evidence="days"),
    "percentile regression": errors(metric="duration"),
    "buckets": errors(statistic="bucket_p95"),
    "under load": errors(statistic="rate_at_load"),
    "groups": errors(statistic="group_p95", over="model_served", severity="ticket"),
    "groups, a limit": ThresholdRule(
        alert="A", metric="errors", statistic="group_p95", over="route", above=0.1, runbook_url="x"
    ),
    "burn rate": BurnRateRule(alert="A", metric="errors", objective=0.9, runbook_url="x"),
    "absence": AbsenceRule(alert="A", absent="content", runbook_url="x"),
    "blip": BlipRule(alert="A", metric="errors", runbook_url="x"),
}


@pytest.mark.parametrize("where", ["none", "shop"])
@pytest.mark.parametrize("by", [(), ("service",)], ids=["over all", "by service"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_what_is_there_and_where_nothing_is(
    counters: Counters, kind: str, by: tuple[str, ...], where: str
) -> None:
    rule = structs.replace(KINDS[kind], by=by, where={"service": where})
    reading, labels = read(counters, rule)
    assert len(reading.window.calls) == len(labels)
    came = reading.window.calls if reading.came is None else reading.came
    assert bool(came.sum()) == (where == "shop")


def test_every_kind_reads_an_empty_database(database: str) -> None:
    engine = connect(database)
    for kind, rule in KINDS.items():
        reading, _ = read(Counters(engine), rule)
        assert not reading.window.calls.any(), kind
    engine.dispose()
