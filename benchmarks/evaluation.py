"""What it takes to judge a minute of many series: 10,000 series, 20 rules, a baseline of 28 days.

``python -m benchmarks.evaluation`` fills a PostgreSQL with rollups, made in SQL: of every series one row in
the minute that is judged, one in every tenth minute of the day before, and one in each hour of the baseline,
which is three hours around the same time of each of 28 days. Then it reads them as the evaluator does, and
beside that as rows of a plain ``SELECT``, of whose counters it makes an array; and adds them up by the labels
of 20 rules, each of which tells every series apart, beside a loop over the rows. The figures are the
processor time of this process and the time that goes by, the best of some rounds. At last the evaluator
itself judges three minutes by 20 such rules and stores what it found; the first is the first of an hour,
when the baseline is read, and of the process, when series are told apart.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import psycopg
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from benchmarks._service import postgres
from monitor.evaluation import Evaluator
from monitor.proof import Prover
from monitor.records import DIMENSIONS
from monitor.routing import Routing
from monitor.rules import Rules
from monitor.rules.grouping import Groups
from monitor.rules.histogram import quantile_buckets
from monitor.rules.metric import METRICS, Metric
from monitor.rules.model import RegressionRule
from monitor.store import connect
from monitor.store.alerts import Alerts
from monitor.store.counters import Counters, Table
from monitor.store.migrate import migrate
from monitor.store.partitions import ensure_partitions
from monitor.store.silences import Silences
from monitor.telemetry import ControlMetrics

SERIES = 10_000
DAYS = 28
#: A series has calls in one of so many minutes of the day.
EVERY = 10
ROUNDS = 2

#: What the rules are about: 20 rates of counters of rollups.
RULES: Sequence[Metric] = [
    one for one in METRICS.values() if one.is_rate and one.name not in ("dead_letters", "share")
][:20]

COLUMNS = tuple(sorted({column for rule in RULES for column in (*rule.numerator, *rule.denominator)}))

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

#: The minute that is judged.
MINUTE = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - DAY

#: The minutes that the evaluator judges.
JUDGED = [MINUTE + n * timedelta(minutes=1) for n in range(3)]

#: What issue 6 allows for one evaluation, in seconds on one core.
ALLOWED_S = 10

#: The hours of the baseline.
HOURS = [
    MINUTE.replace(minute=0) + around * HOUR - day * DAY
    for day in range(1, DAYS + 1)
    for around in (-1, 0, 1)
]

_SERIES = """
INSERT INTO series (key, service, environment, provider, model_requested, model_served, route, prompt_name,
    prompt_version, operation, agent)
SELECT sha256(convert_to(n::text, 'UTF8')), 'service-' || n % 10, 'production', 'provider',
    'model-' || n / 10 % 10, 'model-' || n / 10 % 10, 'route-' || n / 100 % 10, 'prompt-' || n / 1000, 'v1',
    'chat', ''
FROM generate_series(0, :series - 1) AS n
"""

#: So many calls of each kind, of which some failed; and durations in so many buckets.
_ROLLUPS = """
INSERT INTO {tier} (bucket, series_id, calls, errors, json_ok, json_truncated, requests, requests_failed,
    duration_buckets, duration_counts)
SELECT bucket, series_id, :calls, nullif((series_id * 7 + extract(epoch FROM bucket)::int / 60) % 5, 0),
    :calls - 1, 1, :calls, nullif(series_id % 3, 0),
    ARRAY(SELECT (300 + 10 * b + series_id % 10)::smallint FROM generate_series(1, :buckets) AS b),
    array_fill(:calls / :buckets, ARRAY[:buckets])
FROM unnest(CAST(:times AS timestamptz[])) AS bucket CROSS JOIN series
WHERE (series_id + extract(epoch FROM bucket)::int / 60) % :every = 0
"""


class Measured(NamedTuple):
    """The best of some rounds, in seconds: of processor time of this process, and of time that went by."""

    spent: float
    took: float


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=SERIES)
    options = parser.parse_args()
    with postgres(fsync=False) as server:
        migrate(server.url())
        engine = connect(server.url(), pool_size=1)
        fill(engine, options.series)
        with psycopg.connect(server.url(), autocommit=True) as plain:
            plain.execute("SET jit = off")
            report(Counters(engine), plain)
        judge(engine)
        engine.dispose()


def fill(engine: sa.Engine, series: int) -> None:
    """Make the series and their rollups."""
    with engine.begin() as connection:
        ensure_partitions(connection, MINUTE, max_lateness=timedelta(days=DAYS + 2))
        connection.execute(sa.text(_SERIES), {"series": series})
        day = [MINUTE - n * timedelta(minutes=1) for n in range(1, 1_441)]
        for tier, times, every, calls, buckets in [
            ("rollup_1m", JUDGED, 1, 12, 4),
            ("rollup_1m", day, EVERY, 12, 4),
            ("rollup_1h", HOURS, 1, 72, 12),
        ]:
            connection.execute(
                sa.text(_ROLLUPS.format(tier=tier)),
                {"times": times, "every": every, "calls": calls, "buckets": buckets},
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM (ANALYZE)"))


def report(counters: Counters, plain: psycopg.Connection[Any]) -> None:
    """Measure, and print a line for each part of the work."""
    day = (MINUTE - DAY, MINUTE)
    after = MINUTE + timedelta(minutes=1)
    print(f"{len(COLUMNS)} counters of {len(RULES)} rules; seconds of processor here, and until it is done")
    print(f"{'':36}{'rows':>12}{'arrays':>16}{'plain rows':>16}")

    def line(name: str, ours: Callable[[], int], *references: Callable[[], int]) -> None:
        figures = "".join(f"{one.spent:>8.2f}{one.took:>8.2f}" for one in map(measured, (ours, *references)))
        print(f"{name:36}{ours():>12,}{figures}", flush=True)

    columns = ", ".join(COLUMNS)
    line(
        "read the minute",
        lambda: len(counters.minutes(MINUTE, after, COLUMNS).bucket),
        lambda: arrayed(plain, f"SELECT series_id, {columns} FROM rollup_1m WHERE bucket = %s", [MINUTE]),
    )
    sums = ", ".join(f"sum({name})" for name in COLUMNS)
    line(
        "read the sums of a day",
        lambda: len(counters.sums(*day, COLUMNS).bucket),
        lambda: arrayed(plain, f"SELECT series_id, {sums} FROM rollup(%s, %s) GROUP BY 1", day),
    )
    line(
        "read the hours of the baseline",
        lambda: len(counters.hours(HOURS, COLUMNS).bucket),
        lambda: arrayed(plain, f"SELECT series_id, {columns} FROM rollup_1h WHERE bucket = ANY(%s)", [HOURS]),
    )
    pair = "duration_buckets, duration_counts"
    line(
        "read histograms of the minute",
        lambda: len(counters.minute_histograms(MINUTE, after, "duration").n),
        lambda: fetched(plain, f"SELECT series_id, {pair} FROM rollup_1m WHERE bucket = %s", [MINUTE]),
    )
    line(
        "read histograms of the baseline",
        lambda: len(counters.hour_histograms(HOURS, "duration").n),
        lambda: fetched(
            plain, f"SELECT series_id, bucket, {pair} FROM rollup_1h WHERE bucket = ANY(%s)", [HOURS]
        ),
    )
    groups = grouped(counters)
    minute, hours = counters.minutes(MINUTE, after, COLUMNS), counters.hours(HOURS, COLUMNS)
    line("find the series of all rules", lambda: len(grouped(counters)) * len(groups[0]))
    line("add up the minute", lambda: added_up(groups, minute), lambda: looped(groups, minute))
    line(
        "add up the baseline, one rule",
        lambda: added_up(groups[:1], hours),
        lambda: looped(groups[:1], hours),
    )
    line("add up the baseline", lambda: added_up(groups, hours))
    found = counters.hour_histograms(HOURS, "duration")
    instance = groups[0].instances(found.series_id)
    line(
        "quantile of the baseline, one rule",
        lambda: len(quantile_buckets(0.95, instance, found.value_bucket, found.n, len(groups[0]))),
        lambda: fetched(
            plain,
            "SELECT series_id, percentile(0.95) WITHIN GROUP"
            f" (ORDER BY histogram({pair})) FROM rollup_1h WHERE bucket = ANY(%s) GROUP BY 1",
            [HOURS],
        ),
    )


def judge(engine: sa.Engine) -> None:
    """Evaluate three minutes as the service does, and print what each takes."""
    rules = tuple(
        RegressionRule(alert=f"Rule{n}", metric=one.name, by=DIMENSIONS, runbook_url="none")
        for n, one in enumerate(RULES)
    )
    evaluator = Evaluator(
        Rules(rules),
        Counters(engine),
        Prover(engine),
        Alerts(engine),
        Silences(engine),
        Routing([], ["log"]),
        ControlMetrics(CollectorRegistry()),
    )
    print(f"\n{'the evaluator, of all rules':36}{'':12}{'seconds':>16}   target ≤ {ALLOWED_S} s")
    for name, minute in zip(("first minute of an hour", "the next one", "the next one"), JUDGED, strict=True):
        spent, began = process_time(), perf_counter()
        evaluator.evaluate(minute, minute + timedelta(minutes=1))
        print(f"{name:48}{process_time() - spent:>8.2f}{perf_counter() - began:>8.2f}", flush=True)


def measured(work: Callable[[], int]) -> Measured:
    """The best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        spent, began = process_time(), perf_counter()
        work()
        rounds.append(Measured(process_time() - spent, perf_counter() - began))
    return min(rounds, key=lambda one: one.took)


def fetched(plain: psycopg.Connection[Any], statement: str, values: Sequence[Any]) -> int:
    return len(plain.execute(statement.encode(), values).fetchall())


def arrayed(plain: psycopg.Connection[Any], statement: str, values: Sequence[Any]) -> int:
    return len(np.array(plain.execute(statement.encode(), values).fetchall(), np.float64))


def grouped(counters: Counters) -> list[Groups]:
    """The instances of each rule: every series is one."""
    series = counters.series()
    groups = [Groups(DIMENSIONS, {"environment": ["production"]}) for _ in RULES]
    for one in groups:
        one.grow(series.ids, series.columns)
    return groups


def added_up(groups: Sequence[Groups], table: Table) -> int:
    """Failures and calls of every instance and bucket, of as many rules as there are groups."""
    buckets, part = np.unique(table.bucket, return_inverse=True)
    done = 0
    for one, rule in zip(groups, RULES, strict=False):
        for columns in (rule.numerator, rule.denominator):
            done += one.totals(table.series_id, part, table.total(columns), len(buckets)).size
    return done


def looped(groups: Sequence[Groups], table: Table) -> int:
    """The same by a loop over the rows."""
    instances = [one.instances(table.series_id).tolist() for one in groups]
    rows = table.values.tolist()
    buckets = table.bucket.tolist()
    done = 0
    for instance, rule in zip(instances, RULES, strict=False):
        for columns in (rule.numerator, rule.denominator):
            places = [table.columns.index(name) for name in columns]
            sums: dict[tuple[int, int], float] = defaultdict(float)
            for bucket, which, values in zip(buckets, instance, rows, strict=True):
                sums[bucket, which] += sum(values[place] for place in places)
            done += len(sums)
    return done


if __name__ == "__main__":
    main()
