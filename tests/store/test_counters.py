"""Rollups as arrays, on a real Postgres: what comes out is what a slow sum of the same rows says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import Transient
from monitor.records import DIMENSIONS, JsonOutcome, ScoredCall, Status
from monitor.rules.histogram import bucket_of, middles, quantile_buckets
from monitor.store import Batch, PostgresStore, connect
from monitor.store.counters import Counters, Histograms, Table
from monitor.store.rollups import recompute_dirty, recompute_hours
from monitor.store.tables import dead_letters, dirty_hours
from tests.examples import NOON, call, scores

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

COLUMNS = ("json_fenced", "calls", "errors", "cost")

SERVICES = ("checkout", "search", "other")

#: From the hour before noon until the hour after it, every 25 minutes, so that no hour is the same.
STARTS = [NOON - HOUR + 25 * n * MINUTE + timedelta(seconds=n) for n in range(8)]

Cell = tuple[str, datetime]


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0)


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0)


CALLS = [
    ScoredCall(
        call(
            f"{service}-{number}-{twin}",
            start,
            service=service,
            status=Status.ERROR if (number + twin) % 3 == 0 else Status.OK,
            duration_ms=float(10 ** (number % 4)),
        ),
        scores(json=JsonOutcome.FENCED if number % 2 else JsonOutcome.OK),
    )
    for place, service in enumerate(SERVICES)
    for number, start in enumerate(STARTS)
    for twin in range(place + 1)
    if (number + place) % 4
]


@pytest.fixture
def counters(engine: sa.Engine) -> Counters:
    """Of a database with the calls' rollups: the hour before noon is made, the one of noon waits."""
    PostgresStore(engine).save(Batch(tuple(CALLS), (), {}))
    while recompute_dirty(engine):
        pass
    while recompute_hours(engine):
        pass
    with engine.begin() as connection:
        connection.execute(sa.insert(dirty_hours), {"hour": NOON})
    return Counters(engine)


def expected(calls: Sequence[ScoredCall]) -> list[float]:
    """The ``COLUMNS`` of these calls."""
    return [
        float(sum(one.scores.json.outcome is JsonOutcome.FENCED for one in calls)),
        float(len(calls)),
        float(sum(one.call.status is Status.ERROR for one in calls)),
        0.0,
    ]


def cells(counters: Counters, table: Table) -> dict[tuple[str, int], list[float]]:
    """What a table says, by service and bucket; no cell comes twice."""
    services = dict(zip(counters.series().ids, counters.series().columns["service"], strict=True))
    keys = [
        (services[series_id], bucket)
        for series_id, bucket in zip(table.series_id.tolist(), table.bucket.tolist(), strict=True)
    ]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, table.values.tolist(), strict=True))


def summed(buckets: Mapping[int, Sequence[ScoredCall]]) -> dict[tuple[str, int], list[float]]:
    """The same, by a slow sum over the calls of each bucket."""
    return {
        (service, bucket): expected(of_service)
        for bucket, calls in buckets.items()
        for service in SERVICES
        if (of_service := [one for one in calls if one.call.service == service])
    }


def test_minutes_have_a_row_for_each_series_and_minute(counters: Counters) -> None:
    start, stop = minute_of(STARTS[1]), minute_of(STARTS[5])
    table = counters.minutes(start, stop, COLUMNS)
    within = {
        seconds(minute_of(at)): [one for one in CALLS if one.call.started_at == at] for at in STARTS[1:5]
    }
    assert table.columns == COLUMNS
    assert cells(counters, table) == summed(within)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        pytest.param(NOON - HOUR, NOON + 2 * HOUR, id="whole hours"),
        pytest.param(NOON - HOUR + MINUTE, NOON + 5 * MINUTE, id="minutes"),
        pytest.param(NOON - 26 * MINUTE, NOON + HOUR + MINUTE, id="an hour that waits between minutes"),
    ],
)
def test_sums_have_a_row_for_each_series(counters: Counters, start: datetime, stop: datetime) -> None:
    table = counters.sums(start, stop, COLUMNS)
    within = [one for one in CALLS if start <= one.call.started_at < stop]
    assert cells(counters, table) == summed({seconds(start): within})


def test_an_hour_is_read_once_whether_it_is_made_or_waits(counters: Counters) -> None:
    hours = [NOON - HOUR, NOON, NOON + HOUR, NOON + 5 * HOUR]
    within = {seconds(hour): [one for one in CALLS if hour_of(one.call.started_at) == hour] for hour in hours}
    assert cells(counters, counters.hours(hours, COLUMNS)) == summed(within)
    assert cells(counters, counters.hours(hours[1:2], COLUMNS)) == summed(
        {seconds(NOON): within[seconds(NOON)]}
    )


def test_columns_are_added_up_by_name(counters: Counters) -> None:
    table = counters.sums(NOON - HOUR, NOON + 2 * HOUR, ("json_ok", "calls", "json_fenced"))
    assert table.total(("json_fenced", "json_ok")).tolist() == table.total(("calls",)).tolist()


def test_where_nothing_is_the_arrays_are_empty(counters: Counters) -> None:
    past = NOON - timedelta(days=1)
    for table in (
        counters.minutes(past, past + HOUR, COLUMNS),
        counters.sums(past, past + HOUR, COLUMNS),
        counters.hours([], COLUMNS),
    ):
        assert (table.series_id.shape, table.bucket.shape, table.values.shape) == (
            (0,),
            (0,),
            (0, len(COLUMNS)),
        )
    assert counters.histograms(past, past + HOUR, "duration").n.shape == (0,)
    assert [part.tolist() for part in counters.dead_letters(past, past + HOUR)] == [[], []]


def test_a_column_that_no_rollup_has_is_not_asked_for(counters: Counters) -> None:
    with pytest.raises(KeyError):
        counters.minutes(NOON, NOON + MINUTE, ("calls, pg_sleep(1)",))


def values_of(histograms: Histograms) -> Counter[tuple[int, int]]:
    """How many values by bucket of time and bucket of value, of all series together."""
    found: Counter[tuple[int, int]] = Counter()
    for bucket, value_bucket, n in zip(
        histograms.bucket.tolist(), histograms.value_bucket.tolist(), histograms.n.tolist(), strict=True
    ):
        found[bucket, value_bucket] += n
    return found


def test_histograms_count_every_value(counters: Counters) -> None:
    buckets = {1.0: 0, 10.0: 117, 100.0: 233, 1000.0: 349}

    def durations(calls: Sequence[ScoredCall], bucket: int) -> Counter[tuple[int, int]]:
        return Counter((bucket, buckets[one.call.duration_ms or 0]) for one in calls)

    start, stop = NOON - HOUR, NOON + 2 * HOUR
    together = counters.histograms(start, stop, "duration")
    assert values_of(together) == durations(CALLS, seconds(start))
    assert together.series_id.dtype == together.n.dtype == np.int64
    by_hour = values_of(counters.hour_histograms([NOON - HOUR, NOON, NOON + HOUR], "duration"))
    assert by_hour == sum(
        (durations([one], seconds(hour_of(one.call.started_at))) for one in CALLS), Counter()
    )
    by_minute = values_of(counters.minute_histograms(start, stop, "duration"))
    assert by_minute == sum(
        (durations([one], seconds(minute_of(one.call.started_at))) for one in CALLS), Counter()
    )
    assert not values_of(counters.histograms(start, stop, "ttft"))


HISTOGRAM = st.dictionaries(st.integers(-233, 923), st.integers(1, 2**31 - 1), max_size=9)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HISTOGRAM, min_size=1, max_size=9), st.floats(0, 1))
def test_quantiles_are_those_of_the_sql_function(
    engine: sa.Engine, histograms: list[dict[int, int]], q: float
) -> None:
    ask = sa.text("SELECT histogram_quantile(:q, CAST(:buckets AS smallint[]), CAST(:counts AS bigint[]))")
    with engine.begin() as connection:
        in_sql = [
            connection.execute(ask, {"q": q, "buckets": list(one), "counts": list(one.values())}).scalar_one()
            for one in histograms
        ]
    rows = [(place, *cell) for place, one in enumerate(histograms) for cell in one.items()]
    instance, value_bucket, n = np.array(rows, np.int64).reshape(-1, 3).T
    found = middles(quantile_buckets(q, instance, value_bucket, n, len(histograms)))
    assert [None if np.isnan(value) else value for value in found] == [
        None if value is None else pytest.approx(value, rel=1e-12) for value in in_sql
    ]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 2e8), min_size=1, max_size=20))
def test_a_value_is_in_the_bucket_that_the_sql_function_says(engine: sa.Engine, values: list[float]) -> None:
    ask = sa.text("SELECT histogram_bucket(value) FROM unnest(CAST(:values AS float8[])) AS value")
    with engine.begin() as connection:
        assert list(map(bucket_of, values)) == list(connection.execute(ask, {"values": values}).scalars())


def test_series_are_read_once_and_grow(engine: sa.Engine) -> None:
    counters, store = Counters(engine), PostgresStore(engine, max_values=2)
    assert counters.series().ids == []
    store.save(Batch((ScoredCall(call("a", service="checkout", agent="x"), scores()),), (), {}))
    first = counters.series()
    assert [first.columns[name] for name in ("service", "agent")] == [["checkout"], ["x"]]
    more = [
        ScoredCall(call(service, service=service), scores()) for service in ("checkout", "search", "third")
    ]
    store.save(Batch(tuple(more), (), {}))
    assert counters.series() is first
    assert first.ids == sorted(first.ids)
    assert sorted(first.columns["service"]) == ["checkout", "checkout", "other", "search"]
    assert set(map(len, first.columns.values())) == {len(first.ids)}
    assert tuple(first.columns) == DIMENSIONS


def test_dead_letters_are_of_their_records_minute(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for offset, (first_seen, recorded_at) in enumerate(
            [
                (NOON, None),
                (NOON + HOUR, NOON + timedelta(seconds=59)),
                (NOON + MINUTE, datetime(2100, 1, 1, tzinfo=UTC)),
                (NOON + HOUR, NOON - MINUTE),
                (NOON + 2 * MINUTE, None),
            ]
        ):
            connection.execute(
                sa.insert(dead_letters).values(
                    topic="calls",
                    partition=0,
                    kafka_offset=offset,
                    item=0,
                    reason="not_json",
                    detail="line 1",
                    size=8,
                    sha256=b"",
                    first_seen=first_seen,
                    recorded_at=recorded_at,
                )
            )
    minutes, n = Counters(engine).dead_letters(NOON, NOON + 2 * MINUTE)
    assert (minutes.tolist(), n.tolist()) == ([seconds(NOON), seconds(NOON + MINUTE)], [2, 1])


def test_a_database_that_is_away_is_transient() -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    counters = Counters(engine)
    for ask in (
        lambda: counters.minutes(NOON, NOON + MINUTE, COLUMNS),
        lambda: counters.dead_letters(NOON, NOON + MINUTE),
        counters.series,
    ):
        with pytest.raises(Transient, match=r"^Postgres: "):
            ask()
    engine.dispose()
