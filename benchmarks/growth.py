"""Whether it slows down as it fills: ingest and Grafana's queries at more and more stored calls.

It fills one PostgreSQL with calls of 1,000 series, a few of which have most of the calls. The calls are rows
that the real store wrote of the mixed workload, multiplied in SQL with times, ids and series of their own;
the rollups are made by the real recomputation. At each step it then measures what saving new calls and
recomputing their minutes costs, and every query of the dashboard over a day, a week and 30 days.

``python -m benchmarks.growth --steps 1,10,50 --svg docs/growth.svg`` lets the traffic grow: each step has so
many millions of calls in the same 30 days. ``--days 1,7,30 --millions-a-day 1.7`` lets time pass: each step
has kept the same traffic for so many days, and what is asked of the last day should take no longer.

``--steps 1`` is the short run; a step asks first whether there is room for it on the disk. The server does
not wait for the disk (``fsync`` is off), as filling it would take hours: how commits do is for
``benchmarks.ingest`` to say.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice, pairwise
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa
from msgspec import structs

from benchmarks import _processes as processes
from benchmarks._chart import Chart, Line, svg
from benchmarks._service import postgres
from benchmarks._workload import decoded, messages
from grafana.overview import dashboard
from grafana.sql import ALL, VARIABLES
from monitor.records import DIMENSIONS, Partition, ScoredCall
from monitor.scorers import score
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.migrate import migrate
from monitor.store.partitions import ensure_partitions
from monitor.store.rollups import recompute_dirty, recompute_hours
from monitor.store.series import SeriesIds
from tests.grafana_macros import expand, interval_for

DAYS = 30
SERIES = 1_000
#: Rows of the real store that are multiplied.
TEMPLATES = 2_000
#: Calls of one transaction, and of one measurement of ingest, which is made so often.
BATCH, MEASURED, ROUNDS = 5_000, 10_000, 3
SPANS = {"1 day": timedelta(days=1), "7 days": timedelta(days=7), "30 days": timedelta(days=30)}
#: Bytes of a stored call with its rollups, before any was measured.
BYTES = 1_200
#: What issue 5 allows: times the figures of the first step.
ALLOWED = 1.2


class Measured(NamedTuple):
    """One step.

    Attributes:
        calls: how many are stored.
        bytes: of the database.
        save_us: processor time to save a call, of this process and of PostgreSQL, in microseconds.
        rollup_us: the same to recompute its minute.
        rate: calls a second that are saved, one after the other.
        queries_ms: milliseconds of PostgreSQL's processor for all queries of the dashboard together, by each
            span that is filled.
        slowest: the query that takes longest, by span.
    """

    calls: int
    bytes: int
    save_us: float
    rollup_us: float
    rate: float
    queries_ms: dict[str, float]
    slowest: dict[str, str]


class Step(NamedTuple):
    """What is stored before it is measured again.

    Attributes:
        more: calls that are added.
        days: those of the ``DAYS`` over which they are spread; the last one ends now.
    """

    more: int
    days: range


def more_traffic(millions: Sequence[float]) -> list[Step]:
    """Steps after each of which all days have so many million calls together."""
    calls = [0, *(round(one * 1e6) for one in millions)]
    return [Step(after - before, range(DAYS)) for before, after in pairwise(calls)]


def more_days(days: Sequence[int], a_day: float) -> list[Step]:
    """Steps after each of which so many days, up to now, have so many million calls each."""
    return [
        Step(round((after - before) * a_day * 1e6), range(DAYS - after, DAYS - before))
        for before, after in pairwise([0, *days])
    ]


class Town:
    """A database that fills.

    Args:
        url: of a migrated database.
        server: the process id of its server.
    """

    def __init__(self, url: str, server: int) -> None:
        self._url = url
        self._server = server
        self._engine = connect(url)
        self._now = datetime.now(UTC).replace(second=0, microsecond=0)
        self._stored = 0
        self._kept = timedelta()
        made = map(decoded, islice(messages(1, self._now, 1_000), MEASURED))
        self._sample = [ScoredCall(call, score(call)) for call in made]
        self._numbers = count(1)
        with self._engine.begin() as connection:
            ensure_partitions(connection, self._now, max_lateness=timedelta(days=DAYS + 1))
        self._make_templates()

    @property
    def size(self) -> int:
        """Bytes of the database."""
        with self._engine.connect() as connection:
            return int(
                connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()
            )

    def fill(self, step: Step) -> None:
        """Store the calls of a step, with their rollups, evenly over its days."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = 'calls'::regclass"
                    " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
                )
            ]
            for day in step.days:
                connection.execute(_multiply(names), self._day(day, step.more // len(step.days)))
                self._analyze(connection, day)
                self._recompute()
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")
        self._stored += step.more
        self._kept = timedelta(days=DAYS - step.days[0])

    def measured(self) -> Measured:
        """Measure ingest and the queries as it is now."""
        rounds = [self._ingest() for _ in range(ROUNDS)]
        save, rollup, rate = (median(figures) for figures in zip(*rounds, strict=True))
        queries, slowest = {}, {}
        for name, span in SPANS.items():
            if span > self._kept:
                break
            rounds_of_queries = [self._ask_everything(span) for _ in range(ROUNDS)]
            queries[name] = min(spent for spent, _ in rounds_of_queries)
            took = min((took for _, took in rounds_of_queries), key=lambda took: sum(took.values()))
            worst = max(took, key=took.__getitem__)
            slowest[name] = f"{worst}: {took[worst]:,.0f} ms"
        return Measured(self._stored, self.size, save, rollup, rate, queries, slowest)

    # ------------------------------------------------------------------------------------------- filling

    def _scored(self) -> list[ScoredCall]:
        """The sample as calls that are new, of a minute of their own."""
        number = next(self._numbers)
        return [
            structs.replace(
                one,
                call=structs.replace(
                    one.call,
                    call_id=f"{number}-{one.call.call_id}",
                    request_id=f"{number}-{one.call.request_id}",
                    started_at=one.call.started_at - timedelta(minutes=number),
                ),
            )
            for one in self._sample
        ]

    def _make_templates(self) -> None:
        """Save the sample as the service does, set its rows aside, and make the series."""
        self._save(self._sample[:TEMPLATES])
        names = {"service": 1, "model_served": 10, "prompt_version": 100}
        keys = {
            tuple(f"{name}-{n // names[name] % 10}" if name in names else "" for name in DIMENSIONS)
            for n in range(SERIES)
        }
        ids = SeriesIds().resolve(self._engine, keys)
        with self._engine.begin() as connection:
            for statement in (
                "CREATE TABLE templates AS SELECT row_number() OVER () - 1 AS n, calls.* FROM calls",
                "CREATE UNIQUE INDEX ON templates (n)",
                "CREATE TABLE filled_series (n int PRIMARY KEY, id int)",
                "TRUNCATE calls",
                "TRUNCATE dirty_minutes",
            ):
                connection.execute(sa.text(statement))
            numbered = [{"n": number, "id": one} for number, one in enumerate(sorted(ids.values()))]
            connection.execute(sa.text("INSERT INTO filled_series VALUES (:n, :id)"), numbered)

    def _day(self, day: int, calls: int) -> dict[str, Any]:
        """What is different in each day's rows; the last day ends now."""
        return {
            "start": self._now - timedelta(days=DAYS - day),
            "count": calls,
            "name": f"{self._stored}-{day}",
            "templates": TEMPLATES - 1,
            "series": SERIES,
        }

    def _analyze(self, connection: psycopg.Connection[Any], day: int) -> None:
        """Let the planner know a day's calls, and the rollups now and then, as autovacuum would."""
        start = self._now - timedelta(days=DAYS - day)
        for at in (start, start + timedelta(days=1)):
            connection.execute(f"ANALYZE calls_{at:%Y%m%d}".encode())
        if day < 2 or day % 7 == 0:
            connection.execute("ANALYZE rollup_1m, rollup_1h")

    def _recompute(self) -> None:
        """Mark all minutes of which calls have no rollups yet, and make them."""
        while recompute_dirty(self._engine) or recompute_hours(self._engine):
            pass

    # ----------------------------------------------------------------------------------------- measuring

    def _ingest(self) -> tuple[float, float, float]:
        """Microseconds of a save, of its rollups, and saves a second."""
        calls = self._scored()
        spent, started = self._spent(), perf_counter()
        self._save(calls)
        save, rate = self._spent() - spent, MEASURED / (perf_counter() - started)
        spent = self._spent()
        self._recompute()
        return save / MEASURED * 1e6, (self._spent() - spent) / MEASURED * 1e6, rate

    def _save(self, calls: Sequence[ScoredCall]) -> None:
        store = PostgresStore(self._engine)
        partition = Partition("growth", 0)
        offset = store.offsets([partition])[partition]
        for start in range(0, len(calls), BATCH):
            batch = tuple(calls[start : start + BATCH])
            end = (offset or 0) + len(batch)
            store.save(Batch(batch, (), {partition: OffsetMove(offset, end, len(batch), end)}))
            offset = end

    def _spent(self) -> float:
        """Seconds of processor time of this process and of PostgreSQL."""
        return process_time() + processes.total_cpu_s(processes.tree(self._server))

    def _ask_everything(self, span: timedelta) -> tuple[float, dict[str, float]]:
        """Ask every query of the dashboard over a span up to now.

        Gives PostgreSQL's processor time for all of them, and what each took, in milliseconds. They share one
        process, so that its time is known.
        """
        page = dashboard()
        queries = {
            panel["title"]: panel["targets"][0]["rawSql"]
            for panel in page["panels"]
            if panel["type"] != "row"
        }
        took = {}
        options = "-c timezone=UTC -c jit=off -c max_parallel_workers_per_gather=0"
        with psycopg.connect(self._url, autocommit=True, options=options) as connection:
            backend = connection.info.backend_pid
            before = processes.cpu_s(backend)
            for title, sql in queries.items():
                statement = expand(
                    sql,
                    start=self._now - span,
                    end=self._now,
                    interval=interval_for(span),
                    variables=dict.fromkeys(VARIABLES, ALL),
                )
                took[title] = _milliseconds(connection, statement)
            return (processes.cpu_s(backend) - before) * 1_000, took


def _milliseconds(connection: psycopg.Connection[Any], statement: str) -> float:
    started = perf_counter()
    connection.execute(statement.encode()).fetchall()
    return (perf_counter() - started) * 1_000


def _multiply(names: Sequence[str]) -> bytes:
    """The statement that stores a day's calls: rows of the templates, each with what must be its own.

    A cube of a number below one is small more often than large: so a few series have most calls. The day's
    minutes are marked as a save marks them.
    """
    own = {
        "started_at": "%(start)s::timestamptz + interval '1 day' * (g / %(count)s::float8)",
        "ingested_at": "%(start)s::timestamptz + interval '1 day' * (g / %(count)s::float8)",
        "call_id": "'call-' || substr(md5(%(name)s || g), 1, 24)",
        "request_id": "'req-' || substr(md5(g || %(name)s), 1, 16)",
        "series_id": "filled_series.id",
        "kafka_offset": "g",
    }
    values = ", ".join(own.get(name, f"templates.{name}") for name in names)
    return (
        f"""
        WITH stored AS (
            INSERT INTO calls ({", ".join(names)})
            SELECT {values}
            FROM (
                SELECT g, (random() * %(templates)s)::int AS template,
                floor(power(random(), 3) * %(series)s)::int AS series
                FROM generate_series(0, %(count)s - 1) AS g
            ) AS drawn
            JOIN templates ON templates.n = drawn.template
            JOIN filled_series ON filled_series.n = drawn.series
        )
        INSERT INTO dirty_minutes
        SELECT generate_series(
            %(start)s::timestamptz, %(start)s::timestamptz + interval '1 day - 1 minute', interval '1 minute'
        )
        """
    ).encode()


def _curves(steps: Sequence[Measured]) -> dict[str, list[float]]:
    """Each figure as times its first, step by step from its first on."""
    curves = {"save": [one.save_us for one in steps], "rollups": [one.rollup_us for one in steps]}
    for name in SPANS:
        curves[f"Grafana, {name}"] = [one.queries_ms[name] for one in steps if name in one.queries_ms]
    return {name: [value / values[0] for value in values] for name, values in curves.items() if values}


def _row(steps: Sequence[Measured]) -> str:
    """One line of the table, of the last step, with how many times its first each figure is."""
    one, curves = steps[-1], _curves(steps)
    figures = [one.save_us, one.rollup_us, *one.queries_ms.values()]
    cells = "".join(
        f"{figure:12,.1f} ×{curve[-1]:5.2f}" for figure, curve in zip(figures, curves.values(), strict=True)
    )
    return f"{one.calls:12,}{one.bytes / 1e9:8.1f}{one.bytes / one.calls:10,.0f}{one.rate:10,.0f}{cells}"


def chart(steps: Sequence[Measured]) -> str:
    """The curves that every step has a value of."""
    sizes = [one.calls for one in steps]
    lines = [Line(name, curve) for name, curve in _curves(steps).items() if len(curve) == len(steps)]
    title = f"Cost of a call and time of all queries, as times what they are at {sizes[0]:,} stored calls"
    return svg(Chart(title, sizes, lines, allowed=ALLOWED))


def main() -> None:
    """Fill, measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", default="1", help="millions of calls in 30 days, by commas")
    parser.add_argument("--days", help="instead: days of the same traffic that are kept, by commas, up to 30")
    parser.add_argument("--millions-a-day", type=float, default=1.0, help="calls of each of those days")
    parser.add_argument("--svg", type=Path, help="where to draw the curve")
    options = parser.parse_args()
    if options.days:
        steps = more_days([int(day) for day in options.days.split(",")], options.millions_a_day)
    else:
        steps = more_traffic([float(step) for step in options.steps.split(",")])
    heads = f"{'calls':>12}{'GB':>8}{'bytes/call':>10}{'calls/s':>10}{'save, µs':>19}{'rollup, µs':>19}"
    print(heads + "".join(f"{f'queries {name}, ms':>19}" for name in SPANS), flush=True)
    done: list[Measured] = []
    with postgres(fsync=False) as server, tempfile.TemporaryDirectory() as folder:
        migrate(server.url())
        pid = next(pid for pid in processes.tree(os.getpid()) if processes.name(pid) == "postgres")
        town = Town(server.url(), pid)
        for step in steps:
            bytes_per_call = done[-1].bytes / done[-1].calls if done else BYTES
            needed, free = step.more * bytes_per_call * 1.3, shutil.disk_usage(folder).free
            if needed > free:
                print(f"{step.more:12,} left out: they need {needed / 1e9:.0f} GB, {free / 1e9:.0f} are free")
                break
            town.fill(step)
            done.append(town.measured())
            print(_row(done), flush=True)
            print("".join(f"{'':14}slowest over {span}: {what}\n" for span, what in done[-1].slowest.items()))
    if options.svg and done:
        options.svg.write_text(chart(done))


if __name__ == "__main__":
    main()
