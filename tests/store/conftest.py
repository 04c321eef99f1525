"""What every test of the store gets: an engine on a migrated database without rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from monitor.store import connect
from tests.store.helpers import empty


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    """An engine on a migrated database without rows; what a test leaves in it is deleted."""
    engine = connect(module_database)
    yield engine
    empty(engine)
    engine.dispose()
