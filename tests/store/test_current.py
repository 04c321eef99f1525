"""Alerts as they stand, with and without what proves them. On a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.current import Current, Proof
from tests.store.helpers import evaluated

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def change(engine: sa.Engine, service: str, state: str, at: datetime = NOON, **more: Any) -> None:
    """The alert of a service is in another state."""
    standing = "normal" if state == "resolved" else state
    one = AlertChange(
        rule="A", labels={"service": service}, severity="page", state=state, before=None, standing=standing,
        at=at, **more,
    )  # fmt: skip
    assert Alerts(engine).commit(evaluated(one), at)


def services(engine: sa.Engine, since: datetime, *also: int) -> list[str]:
    return [one.labels["service"] for one in Current(engine).alerts(resolved_since=since, also=also)]


def test_what_is_open_and_what_ended_not_long_ago_is_there_oldest_first(engine: sa.Engine) -> None:
    change(engine, "pending", "pending")
    change(engine, "firing", "firing")
    change(engine, "ended", "firing")
    change(engine, "ended", "resolved", NOON + MINUTE)
    assert services(engine, NOON + MINUTE) == ["pending", "firing", "ended"]
    assert services(engine, NOON + 2 * MINUTE) == ["pending", "firing"]


def test_what_is_asked_for_by_number_is_there_however_long_ago_it_ended(engine: sa.Engine) -> None:
    change(engine, "ended", "firing")
    (alert,) = Current(engine).alerts(resolved_since=NOON)
    change(engine, "ended", "resolved", NOON + MINUTE)
    assert services(engine, NOON + 2 * MINUTE, alert.alert_id) == ["ended"]


def test_an_alert_has_the_times_it_fired_and_ended(engine: sa.Engine) -> None:
    change(engine, "shop", "pending")
    change(engine, "shop", "firing", NOON + MINUTE, told=True, muted_by="silence 7")
    change(engine, "shop", "resolved", NOON + 2 * MINUTE, told=True)
    (alert,) = Current(engine).alerts(resolved_since=NOON)
    assert (alert.started_at, alert.fired_at) == (NOON, NOON + MINUTE)
    assert (alert.resolved_at, alert.told, alert.muted_by) == (NOON + 2 * MINUTE, True, None)


def test_what_proves_an_alert_is_what_it_fired_on_and_its_newest_reason(engine: sa.Engine) -> None:
    change(engine, "shop", "firing", evidence={"ratio": 2.0})
    (alert,) = Current(engine).alerts(resolved_since=NOON)
    assert Current(engine).proofs([alert.alert_id]) == {alert.alert_id: Proof({"ratio": 2.0}, "because")}
    assert Current(engine).proofs([]) == {}


def test_a_database_that_is_away_is_transient() -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Transient):
        Current(away).alerts(resolved_since=NOON)
    away.dispose()
