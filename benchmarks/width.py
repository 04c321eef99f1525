"""What a stored call takes: bytes of the table, of each index and of the log, beside the layout before.

``python -m benchmarks.width [--calls 10000]`` makes the mixed workload, decodes and scores it, and stores it
twice in an embedded PostgreSQL: as the service does now, and in the layout of migration 0004, where every id
was indexed as text and a provider's numbers were kept whole. Batches are of 1,000 calls, one thousand calls a
second. Sizes are those after storing, with the free space that indexes keep; the log's (WAL) include whole
pages after checkpoints.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg.types.json import Jsonb

from benchmarks._workload import decoded, messages
from monitor.demo.embedded import PostgresServer, embedded_postgres_bin
from monitor.records import Partition, ScoredCall
from monitor.resources import folder
from monitor.scorers import score
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.partitions import CALLS, ensure_partitions
from monitor.store.rows import COLUMNS, row

BATCH = 1_000
SEED = 5

#: What of a row was another value in the layout before.
_BEFORE: dict[str, Callable[[ScoredCall], object]] = {
    "request_id": lambda scored: scored.call.request_id,
    "usage_raw": lambda scored: scored.call.usage.raw and Jsonb(scored.call.usage.raw, msgspec.json.encode),
}

_SIZES = sa.text(
    """
    SELECT CASE relkind WHEN 'r' THEN 'table' ELSE pg_get_indexdef(oid) END AS name,
        pg_relation_size(oid) AS size
    FROM pg_class
    WHERE oid = CAST(:day AS regclass)
    OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = CAST(:day AS regclass))
    ORDER BY relkind DESC, 2 DESC
    """
)


class Width(NamedTuple):
    """Bytes a call: of the table and each index, by what it is on; and of the log."""

    relations: dict[str, float]
    log: float

    def total(self) -> float:
        """What stays."""
        return sum(self.relations.values())


def workload(count: int, start: datetime) -> list[ScoredCall]:
    """Calls of the mixed workload, scored, without their content."""
    found = islice(messages(SEED, start), count)
    calls = (decoded(message, offset) for offset, message in enumerate(found))
    return [
        ScoredCall(msgspec.structs.replace(call, input=(), documents=(), tools=()), score(call))
        for call in calls
    ]


def batches(calls: Sequence[ScoredCall]) -> Iterator[Sequence[ScoredCall]]:
    """The calls by thousands."""
    return (calls[n : n + BATCH] for n in range(0, len(calls), BATCH))


def store_now(engine: sa.Engine, calls: Sequence[ScoredCall]) -> None:
    """Store them as the service does."""
    store = PostgresStore(engine)
    done: int | None = None
    for batch in batches(calls):
        end = (done or 0) + len(batch)
        move = OffsetMove(done, end, len(batch), end)
        store.save(Batch(tuple(batch), (), {Partition("calls", 0): move}))
        done = end


def store_before(engine: sa.Engine, calls: Sequence[ScoredCall]) -> None:
    """Store the same by plain COPY, with what the layout before kept besides."""
    names = [name for name, _ in COLUMNS]
    for batch in batches(calls):
        with engine.begin() as connection:
            cursor = connection.connection.cursor()
            with cursor.copy(f"COPY calls ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types([type_ for _, type_ in COLUMNS])
                for scored in batch:
                    values = dict(zip(names, row(scored, 1), strict=True))
                    copy.write_row([*(values | {n: of(scored) for n, of in _BEFORE.items()}).values()])


def measure(
    server: PostgresServer,
    revision: str,
    calls: Sequence[ScoredCall],
    save: Callable[[sa.Engine, Sequence[ScoredCall]], None],
) -> Width:
    """What these calls take in a new database at this revision."""
    database = f"at_{revision}"
    admin = connect(server.url())
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {database}"))
    admin.dispose()
    engine = connect(server.url(database))
    start = calls[0].call.started_at
    config = Config()
    config.set_main_option("script_location", str(folder("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        ensure_partitions(connection, start, of=[CALLS])
    with engine.begin() as connection:
        before = connection.execute(sa.text("SELECT pg_current_wal_lsn()")).scalar_one()
    save(engine, calls)
    with engine.begin() as connection:
        written = sa.text("SELECT pg_current_wal_lsn() - CAST(:before AS pg_lsn)")
        log = float(connection.execute(written, {"before": before}).scalar_one())
        sizes = connection.execute(_SIZES, {"day": f"calls_{start:%Y%m%d}"}).all()
    engine.dispose()
    relations = {name.split(" USING ")[-1]: size / len(calls) for name, size in sizes}
    return Width(relations, log / len(calls))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    start = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    calls = workload(options.calls, start)
    with PostgresServer(embedded_postgres_bin(), fsync=True) as server:
        before = measure(server, "0004", calls, store_before)
        now = measure(server, "head", calls, store_now)
    print(f"{len(calls)} calls of the mixed workload, in bytes a call")
    for title, width in (("before, at migration 0004", before), ("now", now)):
        print(f"\n{title}")
        for name, size in width.relations.items():
            print(f"{size:8.0f}  {name}")
        print(f"{width.total():8.0f}  stored in all\n{width.log:8.0f}  written to the log")
    print(f"\nstored now / before: {now.total() / before.total():.2f}")


if __name__ == "__main__":
    main()
