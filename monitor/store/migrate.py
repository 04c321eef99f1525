"""Brings a database to the newest schema by the alembic migrations, and makes the first partitions."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.clock import Clock, SystemClock
from monitor.resources import folder
from monitor.store.database import connect, transient_if_unreachable
from monitor.store.partitions import ensure_partitions

#: One migration at a time, however many replicas start: the key of a Postgres advisory lock.
_MIGRATION_LOCK = 0x6C6C6D01


def migrate(url: str, *, clock: Clock | None = None) -> tuple[str | None, str]:
    """Run every migration that the database does not have yet, then make the partitions of these days.

    Gives the revision before (``None`` for an empty database) and the revision after. Safe to run from
    several replicas at once.

    Raises:
        ConfigError: the URL can't be understood.
        Transient: the database can't be reached.
    """
    engine = connect(url)
    try:
        with transient_if_unreachable(), engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            before = current_revision(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            after = current_revision(connection)
            ensure_partitions(connection, (clock or SystemClock()).now())
    finally:
        engine.dispose()
    assert after is not None  # noqa: S101 - an upgrade to head leaves a revision
    return before, after


def current_revision(connection: sa.Connection) -> str | None:
    """The revision that this database is at, or ``None`` when no migration ran yet."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def newest_revision() -> str:
    """The revision that this release of the code needs. Every migration is read for it, so only once."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the project ships migrations
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder("migrations")))
    return config
