"""A leader that is killed, again and again, at any moment of its work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.store import connect
from monitor.store.tables import alert_events, alerts, metadata, outbox, rule_states
from tests.examples import NOON
from tests.integration.killed_leader import MINUTES, RULES, evaluate
from tests.town import MINUTE, Town

pytestmark = pytest.mark.one_postgres

#: Numbers that a transaction that was undone has taken too.
_NUMBERS = {"alert_id", "event_id", "outbox_id"}


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database)
    yield made
    made.dispose()


def found(engine: sa.Engine) -> dict[str, list[dict[str, Any]]]:
    """All that was evaluated, without its numbers."""
    with engine.begin() as connection:
        return {
            table.name: [
                {name: _without(value) for name, value in row._mapping.items() if name not in _NUMBERS}
                for row in connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in (alerts, alert_events, outbox, rule_states)
        }


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(one) for name, one in value.items() if name not in _NUMBERS}
    return value


def test_a_leader_that_is_killed_again_and_again_neither_loses_nor_repeats_a_transition(
    engine: sa.Engine, database: str
) -> None:
    town = Town(engine, *RULES)
    for n in MINUTES:
        town.at = NOON + n * MINUTE
        for place, service in enumerate(("desk", "shop", "mill")):
            bad = 15 if (n + 3 * place) // 6 % 2 else 0
            town.calls(30 - bad, bad, service=service)
    for step in MINUTES:
        evaluate(town.replica(*RULES), step)
    undisturbed = found(engine)
    assert len(undisturbed["alert_events"]) > 30
    assert {one["to_state"] for one in undisturbed["alert_events"]} >= {
        "pending",
        "firing",
        "stale",
        "normal",
    }
    with engine.begin() as connection:
        for table in (outbox, alert_events, alerts, rule_states):
            connection.execute(sa.delete(metadata.tables[table.name]))
    command = [sys.executable, "-m", "tests.integration.killed_leader", database, "11", "25"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout.splitlines()[-1]) >= 10, "it was killed while it worked"
    assert found(engine) == undisturbed
