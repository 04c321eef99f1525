"""Runs a migration on the connection that ``monitor.store.migrate`` hands over, or on a URL of alembic's own.

``alembic -c`` is not needed in production: ``llm-monitor migrate`` does it. For developers,
``DATABASE_URL=… alembic revision --autogenerate`` works through the settings in ``pyproject.toml``.
"""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import context

from monitor.store.database import connect
from monitor.store.reflection import include_object
from monitor.store.tables import metadata


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, include_object=include_object)
    with context.begin_transaction():
        context.run_migrations()


connection: sa.Connection | None = context.config.attributes.get("connection")
if connection is not None:
    _run(connection)
else:
    with connect(os.environ["DATABASE_URL"]).begin() as opened:
        _run(opened)
