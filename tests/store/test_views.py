"""What pages ask of Postgres: order, filters, bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.records import DIMENSIONS
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.narrow import FEW, TOGETHER, Narrow
from monitor.store.tables import consumer_offsets, dead_letters, dirty_hours, rollup_1m, series
from monitor.store.views import EVENTS, SERVICES, Filter, Views
from tests.examples import NOON
from tests.store.helpers import evaluated

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def views(engine: sa.Engine) -> Views:
    return Views(engine)


def happened(engine: sa.Engine, rule: str, *states: str, service: str = "shop", **more: Any) -> None:
    """An alert that was in these states, one minute after the other."""
    before = None
    for n, state in enumerate(states):
        change = AlertChange(
            rule=rule, labels={"service": service}, severity=more.get("severity", "page"), state=state,
            before=before, standing=state, at=more.get("at", NOW) + n * MINUTE, episode=more.get("episode"),
        )  # fmt: skip
        Alerts(engine).commit(evaluated(change, channels=more.get("channels", ())), NOW)
        before = state


def names(views: Views, limit: int = 10, offset: int = 0) -> list[str]:
    return [row.rule for row in views.alerts(Filter(), limit=limit, offset=offset)]


def test_what_fires_comes_first_then_the_newest(engine: sa.Engine, views: Views) -> None:
    happened(engine, "Over", "firing", "resolved", at=NOW - HOUR)
    happened(engine, "JustOver", "firing", "resolved")
    happened(engine, "Pending", "pending")
    happened(engine, "Firing", "firing", at=NOW - HOUR)
    assert names(views) == ["Firing", "Pending", "JustOver", "Over"]
    assert names(views, limit=2, offset=1) == ["Pending", "JustOver"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"state": "firing"}, ["A"]),
        ({"severity": "ticket"}, ["B"]),
        ({"service": "desk"}, ["B"]),
        ({"text": "ES"}, ["B"]),
        ({"text": "a"}, ["A"]),
        ({"text": "service"}, []),
        ({"text": "%"}, []),
        ({"text": "_"}, []),
        ({"state": "resolved", "service": "shop"}, []),
    ],
    ids=str,
)
def test_alerts_are_found_by_state_severity_service_and_text(
    engine: sa.Engine, views: Views, wanted: dict[str, str], expected: list[str]
) -> None:
    happened(engine, "A", "firing")
    happened(engine, "B", "firing", "resolved", severity="ticket", service="desk")
    assert [row.rule for row in views.alerts(Filter(**wanted), limit=10)] == expected


def test_the_services_are_those_of_alerts(engine: sa.Engine, views: Views) -> None:
    for service in ("shop", "desk", "shop", ""):
        happened(engine, f"A{service}", "firing", service=service)
    assert views.services() == ["desk", "shop"]


def test_an_alert_has_its_life_and_its_episode_its_notifications(engine: sa.Engine, views: Views) -> None:
    happened(engine, "A", "firing", "resolved", episode="A/1", channels=["oncall"])
    happened(engine, "B", "firing", episode="A/1")
    [first, second] = sorted(views.episode("A/1"), key=lambda row: row.rule)
    assert views.alert(first.alert_id) == first
    assert views.alert(second.alert_id + 1) is None
    events = views.events(first.alert_id)
    assert [(one.from_state, one.to_state) for one in events] == [(None, "firing"), ("firing", "resolved")]
    assert [one.kind for one in views.deliveries("A/1")] == ["trigger", "resolve"]


def test_of_a_long_life_the_newest_is_given(engine: sa.Engine, views: Views) -> None:
    happened(engine, "A", *["pending", "firing"] * (EVENTS // 2 + 5))
    [row] = views.alerts(Filter(), limit=1)
    events = views.events(row.alert_id)
    assert len(events) == EVENTS
    assert events[-1].to_state == "firing"
    assert events[0].at == NOW + 10 * MINUTE


def count(engine: sa.Engine, *rows: tuple[str, datetime, int]) -> None:
    """Calls of services in minutes, each of a series of its own; no hour has its rollup yet."""
    with engine.begin() as connection:
        for hour in {at.replace(minute=0) for _, at, _ in rows}:
            connection.execute(insert(dirty_hours).values(hour=hour).on_conflict_do_nothing())
        for n, (service, at, calls) in enumerate(rows):
            values = {**dict.fromkeys(DIMENSIONS, ""), "service": service, "route": f"{at}{n}"}
            made = sa.insert(series).values(**values, key=f"{service}{at}{n}".encode())
            series_id = connection.execute(made.returning(series.c.series_id)).scalar_one()
            connection.execute(
                sa.insert(rollup_1m).values(series_id=series_id, bucket=at, calls=calls, errors=calls // 2)
            )


def test_a_day_is_summed_up_by_service_and_hour(engine: sa.Engine, views: Views) -> None:
    count(engine, ("shop", NOON, 10), ("shop", NOON + MINUTE, 4), ("shop", NOON - HOUR, 1), ("desk", NOON, 2))
    count(engine, ("shop", NOON + HOUR, 99))
    found = views.hours(NOON - HOUR, NOON + HOUR, ["calls", "errors"])
    assert [(one.service, one.at, one.counted) for one in found] == [
        ("desk", NOON, {"calls": 2, "errors": 1}),
        ("shop", NOON - HOUR, {"calls": 1, "errors": 0}),
        ("shop", NOON, {"calls": 14, "errors": 7}),
    ]


def test_of_many_services_the_busiest_are_given(engine: sa.Engine, views: Views) -> None:
    count(engine, *((f"s{n}", NOON, n + 1) for n in range(SERVICES + 3)))
    found = {one.service for one in views.hours(NOON, NOON + HOUR, ["calls"])}
    assert len(found) == SERVICES
    assert {"s0", "s1", "s2"}.isdisjoint(found)


def test_lag_is_of_the_topics_that_are_read(engine: sa.Engine, views: Views) -> None:
    counted = {"records": 0, "stored": 0, "duplicates": 0, "dead_letters": 0}
    with engine.begin() as connection:
        for topic, partition, next_, end in [("a", 0, 5, 9), ("a", 1, 9, 9), ("b", 0, 0, 100)]:
            values = {"topic": topic, "partition": partition, "next_offset": next_, "end_offset": end}
            connection.execute(sa.insert(consumer_offsets).values(**values, **counted))
    assert views.lag(["a"]) == 4
    assert views.lag([]) == 0


def test_dead_letters_are_counted_since_a_time(engine: sa.Engine, views: Views) -> None:
    with engine.begin() as connection:
        for n, at in enumerate([NOW - HOUR, NOW, NOW + MINUTE]):
            connection.execute(
                sa.insert(dead_letters).values(
                    topic="a", partition=0, kafka_offset=n, item=0, reason="empty", detail="", size=0,
                    sha256=b"", first_seen=at,
                )
            )  # fmt: skip
    assert views.letters(NOW) == 2


# -------------------------------------------------------------------------------------- rollups of few series


def test_only_the_rollups_of_the_wanted_series_are_read(engine: sa.Engine) -> None:
    count(engine, ("shop", NOON, 10), ("shop", NOON + MINUTE, 4), ("desk", NOON, 2))
    narrow = Narrow(engine, {"service": ["shop"]})
    table = narrow.minutes(NOON, NOON + HOUR, ["calls", "errors"], MINUTE)
    assert sorted(zip(table.bucket.tolist(), table.values[:, 0].tolist(), strict=True)) == [
        (NOON.timestamp(), 10.0),
        (NOON.timestamp() + 60, 4.0),
    ]
    assert set(narrow.series.columns["service"]) == {"shop"}
    together = narrow.minutes(NOON, NOON + HOUR, ["calls"], HOUR)
    assert together.values.sum() == 14
    assert len(set(together.bucket.tolist())) == 1


def test_an_hour_that_has_no_rollup_yet_or_no_series_is_nothing(engine: sa.Engine) -> None:
    assert len(Narrow(engine, {"service": ["none"]}).hours([NOON], ["calls"]).bucket) == 0
    assert len(Narrow(engine, {}).hour_histograms([NOON], "duration").bucket) == 0


def test_many_series_are_read_as_one(engine: sa.Engine) -> None:
    count(engine, *[("shop", NOON, 2)] * (FEW + 1))
    narrow = Narrow(engine, {"service": ["shop"]})
    table = narrow.minutes(NOON, NOON + MINUTE, ["calls"], MINUTE)
    assert (table.series_id.tolist(), table.values.tolist()) == ([TOGETHER], [[2.0 * (FEW + 1)]])
    assert narrow.series.columns["service"] == ["shop"]
