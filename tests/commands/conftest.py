"""What the tests of commands get: the command line on a migrated database of its own, run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from monitor.cli import app
from monitor.store import connect
from tests.store.helpers import empty

#: Runs the command line with these arguments.
Run = Callable[..., Any]


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    """An engine on the database of the commands; what a test leaves in it is deleted."""
    engine = connect(module_database)
    yield engine
    empty(engine)
    engine.dispose()


@pytest.fixture
def llm_monitor(module_database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line, configured by environment, on that database."""
    monkeypatch.setenv("LLM_MONITOR_DATABASE__URL", module_database)
    monkeypatch.setenv("LLM_MONITOR_KAFKA__CLIENT__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "140")
    return lambda *arguments: CliRunner().invoke(app, arguments)
