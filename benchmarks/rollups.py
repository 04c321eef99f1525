"""What rollups cost: bytes of a row, and processor time of a recomputation.

``python -m benchmarks.rollups [--calls 10000]`` stores calls of the mixed workload in one minute of an
embedded PostgreSQL and recomputes it. Beside that stands the row as it was before migration 0006, with every
counter stored, and with a histogram of one duration alone.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from benchmarks._processes import cpu_s
from benchmarks.width import store_now, workload
from monitor.demo.embedded import PostgresServer, embedded_postgres_bin
from monitor.scorers.fallback.requests import relate
from monitor.store import connect
from monitor.store.migrate import migrate
from monitor.store.rollups import recompute_dirty
from monitor.store.tables import COUNTED, HISTOGRAMS

ROUNDS = 3

#: A row with its zeros, as before; of one histogram.
_BEFORE = (
    "ROW(bucket, series_id, calls, duration_buckets, duration_counts, "
    + ", ".join(f"coalesce({name}, 0)" for name in COUNTED if not name.startswith("ttft"))
    + ")"
)


def recomputation_us(engine: sa.Engine, minute: datetime, calls: int, marked_at: str) -> float:
    """Microseconds of PostgreSQL's processor a call, where calls are new since ``marked_at``."""
    with engine.begin() as connection:
        mark = sa.text("INSERT INTO dirty_minutes VALUES (:minute, CAST(:marked_at AS timestamptz))")
        connection.execute(mark, {"minute": minute, "marked_at": marked_at})
        pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    before = cpu_s(pid)
    recompute_dirty(engine, relate=relate)
    return (cpu_s(pid) - before) / calls * 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    minute = hour - timedelta(minutes=1)
    calls = [one for one in workload(options.calls, minute) if one.call.started_at < hour]
    with PostgresServer(embedded_postgres_bin()) as server:
        migrate(server.url())
        engine = connect(server.url(), pool_size=1)
        store_now(engine, calls)
        recompute_dirty(engine)
        new, again = (
            min(recomputation_us(engine, minute, len(calls), marked_at) for _ in range(ROUNDS))
            for marked_at in ("epoch", "now")
        )
        with engine.begin() as connection:
            series, before, now = connection.execute(
                sa.text(
                    f"SELECT count(*), avg(pg_column_size({_BEFORE})), avg(pg_column_size(rollup_1m.*))"
                    " FROM rollup_1m"
                )
            ).one()
        engine.dispose()
    print(f"{len(calls)} calls of {series} series in a minute")
    print(f"a row: {before:.0f} bytes before, {now:.0f} now, with {len(HISTOGRAMS)} histograms")
    print(f"recomputed: {new:.1f} µs a call when new, {again:.1f} µs again")


if __name__ == "__main__":
    main()
