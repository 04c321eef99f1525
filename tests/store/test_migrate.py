"""Migrations: from nothing to the newest schema, once, however many start at the same time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.runtime.migration import MigrationContext

from monitor.clock import ManualClock
from monitor.errors import ConfigError, Transient
from monitor.records import DIMENSIONS, Attempt, Related, alone
from monitor.store import PostgresStore, connect
from monitor.store import migrate as migrate_module
from monitor.store.migrate import current_revision, migrate, newest_revision
from monitor.store.partitions import ROLLUPS
from monitor.store.reflection import include_object
from monitor.store.rollups import recompute_dirty
from monitor.store.tables import (
    calls,
    dirty_hours,
    dirty_minutes,
    metadata,
    rollup_1h,
    rollup_1m,
    rollup_service_1h,
    rollup_service_1m,
    series,
)
from tests.examples import batch, scored
from tests.services.paths import ROOT
from tests.store.helpers import rows


@pytest.fixture
def empty(empty_database: str) -> Iterator[sa.Engine]:
    """An engine on a database in which nothing ran yet."""
    engine = connect(empty_database)
    yield engine
    engine.dispose()


def tables(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def revision(engine: sa.Engine) -> str | None:
    with engine.begin() as connection:
        return current_revision(connection)


def test_an_empty_database_gets_every_table_and_the_days_around_now(
    empty: sa.Engine, empty_database: str
) -> None:
    assert revision(empty) is None
    assert migrate(empty_database) == (None, newest_revision())
    assert revision(empty) == newest_revision()
    assert set(metadata.tables) <= tables(empty)
    now = datetime.now(UTC)
    store = PostgresStore(empty)
    assert store.save(batch([scored("a", now), scored("b", now - timedelta(days=7))])).stored == 2


def test_the_days_are_those_of_the_clock(empty: sa.Engine, empty_database: str) -> None:
    migrate(empty_database, clock=ManualClock(datetime(2031, 3, 1, tzinfo=UTC)))
    assert {"calls_20310221", "calls_20310305"} <= tables(empty)


def test_a_second_migration_changes_nothing(empty: sa.Engine, empty_database: str) -> None:
    migrate(empty_database)
    before = tables(empty)
    assert migrate(empty_database) == (newest_revision(), newest_revision())
    assert tables(empty) == before


def test_several_replicas_may_migrate_at_once(empty: sa.Engine, empty_database: str) -> None:
    program = f"from monitor.store.migrate import migrate; print(migrate({empty_database!r})[0])"
    replicas = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    answers = sorted(replica.communicate(timeout=60)[0].strip() for replica in replicas)
    assert [replica.returncode for replica in replicas] == [0, 0, 0]
    assert answers == sorted([newest_revision(), newest_revision(), "None"])


def test_a_migration_that_fails_leaves_nothing(
    empty: sa.Engine, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(migrate_module, "ensure_partitions", fail)
    with pytest.raises(ZeroDivisionError):
        migrate(empty_database)
    assert tables(empty) == set()
    assert revision(empty) is None


def test_a_database_that_is_away_is_transient() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Transient):
        migrate(f"postgresql://monitor@127.0.0.1:{port}/monitor")


def test_a_url_that_cannot_be_read_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError):
        migrate("mysql://localhost/monitor")


# -------------------------------------------------------------------------------------- from an older release

CALLS_OF_0001 = """
    INSERT INTO calls (
        started_at, call_id, series_id, request_id, attempt, format, topic, partition, kafka_offset, item,
        status, finish_reason, contract, json, tools, grounding, grounding_words, fallback, output_chars,
        captured_input, captured_output, captured_tools, captured_schema
    )
    SELECT CAST(:at AS timestamptz), call_id, 1, 'q', 1, 'native', 'calls', 0, 0, 0, status, finish_reason,
        'none', 'ok', 'ok', 'supported', 0, 'none', 1, true, true, false, true
    FROM (VALUES
        ('answered', 'ok', 'stop'), ('unknown', 'ok', NULL),
        ('filtered', 'ok', 'content_filter'), ('failed', 'error', NULL)
    ) AS old(call_id, status, finish_reason)
"""


def test_a_database_of_the_first_release_is_taken_over_with_its_rows(
    empty: sa.Engine, empty_database: str
) -> None:
    now = datetime.now(UTC)
    minute = now.replace(second=0, microsecond=0)
    with empty.begin() as connection:
        config = migrate_module._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            sa.text(
                f"CREATE TABLE calls_{now:%Y%m%d} PARTITION OF calls"
                f" FOR VALUES FROM ('{now:%Y-%m-%d}Z') TO ('{now + timedelta(days=1):%Y-%m-%d}Z')"
            )
        )
        connection.execute(sa.text(CALLS_OF_0001), {"at": now})
        connection.execute(sa.text("GRANT SELECT ON calls, rollup_1m TO PUBLIC"))
        counters = [
            column["name"]
            for column in sa.inspect(connection).get_columns("rollup_1m")
            if column["name"] not in ("bucket", "duration_buckets", "duration_counts")
        ]
        connection.execute(
            sa.text(
                f"INSERT INTO rollup_1m (bucket, duration_buckets, duration_counts, {', '.join(counters)})"
                f" VALUES (:minute, '{{}}', '{{}}', {', '.join('7' for _ in counters)})"
            ),
            {"minute": minute},
        )
    assert migrate(empty_database) == ("0001", newest_revision())
    assert {row.call_id: row.answered for row in rows(empty, sa.select(calls))} == {
        "answered": True,
        "unknown": True,
        "filtered": False,
        "failed": False,
    }
    public = rows(
        empty,
        "SELECT relname, privilege_type FROM pg_class, aclexplode(relacl)"
        " WHERE grantee = 0 AND relnamespace = 'public'::regnamespace",
    )
    readable = {"calls", "rollup_1m", "rollup_1h", "rollup_service_1m", "rollup_service_1h", "dirty_hours"}
    assert set(public) == {(name, "SELECT") for name in readable}, (
        "who could read calls and rollups still may"
    )
    (rollup,) = rows(empty, sa.select(rollup_1m))
    assert [row.hour for row in rows(empty, sa.select(dirty_hours))] == [minute.replace(minute=0)]
    assert (rollup.calls, rollup.fallback_exhausted, rollup.uncaptured_tools) == (7, None, None)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": include_object})
        assert compare_metadata(context, metadata) == []
    old_day = {index["name"] for index in sa.inspect(empty).get_indexes(f"calls_{now:%Y%m%d}")}
    assert len(old_day) == 6
    asked: list[str] = []

    def keep(attempts: Sequence[Attempt]) -> list[Related]:
        asked.extend(attempt.call_id for attempt in attempts)
        return list(map(alone, attempts))

    PostgresStore(empty).save(batch([scored("new", now, request_id="q")]))
    recompute_dirty(empty, relate=keep)
    assert sorted(asked) == ["answered", "failed", "filtered", "new", "unknown"]
    assert [row.uncaptured_tools for row in rows(empty, sa.select(rollup_1m)) if row.series_id == 1] == [4]


def test_rollups_that_are_there_are_added_up_by_service(empty: sa.Engine, empty_database: str) -> None:
    """Of three series of two services, over three days and a change of months."""
    days = [datetime(2026, 10, 30, 23, 59, tzinfo=UTC) + timedelta(days=number) for number in range(3)]
    with empty.begin() as connection:
        config = migrate_module._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        for name, (month, after) in product(
            ("rollup_1m", "rollup_1h"), [("2026-10-01", "2026-11-01"), ("2026-11-01", "2026-12-01")]
        ):
            connection.execute(
                sa.text(
                    f"CREATE TABLE {name}_{month[:7].replace('-', '')} PARTITION OF {name}"
                    f" FOR VALUES FROM ('{month}Z') TO ('{after}Z')"
                )
            )
        for service, model in (("shop", "small"), ("shop", "large"), ("search", "small")):
            named = dict.fromkeys(DIMENSIONS, "") | {"service": service, "model_served": model}
            connection.execute(sa.insert(series).values(key=f"{service} {model}".encode(), **named))
        shop, same, search = connection.execute(sa.select(series.c.series_id).order_by("series_id")).scalars()
        for tier, day in product((rollup_1m, rollup_1h), days):
            connection.execute(
                sa.insert(tier),
                [
                    {"bucket": day, "calls": 2, "errors": None, "cost": 0.5, "series_id": shop}
                    | {"duration_buckets": [3, 7], "duration_counts": [1, 1]},
                    {"bucket": day, "calls": 3, "errors": 1, "cost": None, "series_id": same}
                    | {"duration_buckets": [7], "duration_counts": [3]},
                    {"bucket": day, "calls": 1, "errors": None, "cost": None, "series_id": search}
                    | {"duration_buckets": None, "duration_counts": None},
                ],
            )
    migrate(empty_database)
    for tier in (rollup_service_1m, rollup_service_1h):
        added = tier.c[
            "bucket", "series_id", "calls", "errors", "cost", "duration_buckets", "duration_counts"
        ]
        assert [tuple(row) for row in rows(empty, sa.select(*added).order_by("bucket", "series_id"))] == [
            row
            for day in days
            for row in (
                (day, shop, 5, 1, 0.5, [3, 7], [1, 4]),
                (day, search, 1, None, None, None, None),
            )
        ]


def test_a_worker_and_a_leader_of_the_version_before_go_on_writing(engine: sa.Engine) -> None:
    """A rolling upgrade migrates first; until the last replica is replaced, they know no new column."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    of_0002 = CALLS_OF_0001.replace("captured_schema\n", "captured_schema, answered\n", 1).replace(
        "false, true", "false, true, status = 'ok'", 1
    )
    old = {"json_ok", "tools_ok", "grounding_supported", "fallback_none", "uncaptured_input"}
    with engine.begin() as connection:
        connection.execute(sa.text(of_0002), {"at": now})
        connection.execute(sa.insert(dirty_minutes), [{"minute": now}])
        connection.execute(
            sa.insert(rollup_1m).values(
                bucket=now - timedelta(minutes=1),
                series_id=1,
                calls=1,
                errors=0,
                input_tokens=0,
                output_tokens=0,
                duration_sum_ms=0,
                duration_buckets=[],
                duration_counts=[],
                **dict.fromkeys(old, 1),
            )
        )
    recompute_dirty(engine)
    before, after = sorted(rows(engine, sa.select(rollup_1m)), key=lambda row: row.bucket)
    assert (before.json_ok, before.requests, before.cost) == (1, None, None)
    assert (after.calls, after.instructions_unknown, after.requests, after.requests_failed) == (4, 4, 4, 1)


# ------------------------------------------------------------------------------------------------- comparing


def test_the_migrations_build_what_the_tables_say(engine: sa.Engine) -> None:
    """And nothing of the partitions is in the difference, for which alembic would propose to drop them."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": include_object, "compare_type": True, "compare_server_default": True},
        )
        assert compare_metadata(context, metadata) == []
        operations = produce_migrations(context, metadata).upgrade_ops
        assert operations is not None
        assert operations.is_empty()


def test_without_the_filter_alembic_would_drop_every_partition(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    dropped = {item.name for kind, item in differences if kind == "remove_table"}
    parents = {"calls", *ROLLUPS.tables}
    assert dropped == {name for name in tables(engine) if name.rpartition("_")[0] in parents}


def test_a_table_that_nobody_declared_is_seen(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE calls_by_hand (n int)"))
        context = MigrationContext.configure(connection, opts={"include_object": include_object})
        ((kind, table),) = compare_metadata(context, metadata)
    assert (kind, table.name) == ("remove_table", "calls_by_hand")


def test_alembics_own_command_finds_no_difference(module_database: str) -> None:
    """What a developer runs before writing a migration."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "check"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": module_database},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "No new upgrade operations detected" in done.stdout, done.stderr
    assert done.returncode == 0
