"""Where an alert goes and when: routes in order, quiet hours, digests; then repeats in a real evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import QuietConfig, RouteConfig
from monitor.routing import Route, Routing, routing_of
from monitor.store import connect
from monitor.store.alerts import Alerts
from monitor.store.outbox import Destination
from monitor.store.tables import outbox
from tests.town import MINUTE, Town, threshold

pytestmark = pytest.mark.one_postgres

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday
CHANNELS = ("oncall", "chat", "log")

ROUTES = (
    RouteConfig(match=('severity="page"', 'team="search"'), channels=("oncall", "chat")),
    RouteConfig(match=('service=~"shop.*"',), channels=("chat",)),
    RouteConfig(channels=("log",)),
)


@pytest.mark.parametrize(
    ("labels", "own", "expected"),
    [
        ({"severity": "page", "team": "search", "service": "shop-1"}, (), ("oncall", "chat")),
        ({"severity": "ticket", "team": "search", "service": "shop-1"}, (), ("chat",)),
        ({"severity": "page", "service": "other"}, (), ("log",)),
        ({}, (), ("log",)),
        ({"severity": "page", "team": "search"}, ("oncall",), ("oncall",)),
    ],
    ids=["first", "second", "the last takes the rest", "without labels", "a rule's own channels"],
)
def test_the_first_route_that_matches_decides(
    labels: dict[str, str], own: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert routing_of(ROUTES, CHANNELS).route(labels, own).channels == expected


def test_without_routes_everything_goes_to_every_channel_at_once() -> None:
    destinations = routing_of((), CHANNELS).route({"severity": "info"}).destinations(NOON)
    assert destinations == [Destination(name) for name in CHANNELS]


@pytest.mark.parametrize(
    ("labels", "own", "expected"),
    [
        ({"severity": "page", "team": "search"}, (), ("chat",)),
        ({}, (), ()),
        ({}, ("oncall", "chat"), ("chat",)),
    ],
    ids=["a route", "none of a route", "a rule's own channels"],
)
def test_channels_that_a_routing_is_not_about_are_left_out(
    labels: dict[str, str], own: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert routing_of(ROUTES, CHANNELS, {"chat"}).route(labels, own).channels == expected


def test_without_routes_everything_goes_to_every_channel_that_a_routing_is_about() -> None:
    assert routing_of((), CHANNELS, {"chat"}).route({}).channels == ("chat",)


def quiet(start: str, end: str, zone: str = "UTC", days: tuple[str, ...] = ()) -> Route:
    config = RouteConfig(
        channels=("chat",),
        quiet=QuietConfig(start=start, end=end, zone=zone, days=days),  # type: ignore[arg-type]
    )
    return routing_of([config], CHANNELS).route({})


@pytest.mark.parametrize(
    ("route", "now", "until"),
    [
        (quiet("22:00", "07:00"), "2026-03-10T21:59", None),
        (quiet("22:00", "07:00"), "2026-03-10T22:00", "2026-03-11T07:00"),
        (quiet("22:00", "07:00"), "2026-03-11T06:59", "2026-03-11T07:00"),
        (quiet("22:00", "07:00"), "2026-03-11T07:00", None),
        (quiet("12:00", "13:00"), "2026-03-10T12:30", "2026-03-10T13:00"),
        (quiet("22:00", "07:00", "Europe/Berlin"), "2026-03-10T21:30", "2026-03-11T06:00"),
        # The night of Friday is quiet until Saturday morning; that of Sunday is not.
        (quiet("22:00", "07:00", days=("fri",)), "2026-03-14T06:00", "2026-03-14T07:00"),
        (quiet("22:00", "07:00", days=("fri",)), "2026-03-15T23:00", None),
        (quiet("00:00", "24:00", days=("sat", "sun")), "2026-03-15T23:59:59", "2026-03-16T00:00"),
        # Clocks are put forward in this night: it is an hour shorter, and back in that one.
        (quiet("22:00", "07:00", "Europe/Berlin"), "2026-03-28T22:00", "2026-03-29T05:00"),
        (quiet("22:00", "07:00", "Europe/Berlin"), "2026-10-24T21:00", "2026-10-25T06:00"),
    ],
    ids=[
        "before", "begins", "still", "over", "at noon", "elsewhere", "a day's night", "another", "whole day",
        "spring", "autumn",
    ],
)  # fmt: skip
def test_quiet_hours_hold_back_until_they_are_over(route: Route, now: str, until: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    end = None if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert route.destinations(at) == [Destination("chat", end)]


@given(st.integers(0, 366 * 24 * 60))
def test_what_is_held_back_is_due_at_a_time_that_is_not_quiet(minutes: int) -> None:
    now = NOON + timedelta(minutes=minutes)
    route = quiet("23:30", "06:15", "America/New_York", ("mon", "tue", "sat"))
    [destination] = route.destinations(now)
    if destination.not_before is not None:
        assert timedelta() < destination.not_before - now <= timedelta(hours=8)
        assert route.destinations(destination.not_before) == [Destination("chat")]


def test_a_digest_is_due_at_its_next_turn_and_after_the_quiet_hours() -> None:
    config = RouteConfig(channels=("chat",), digest="1h", quiet=QuietConfig(start="22:00", end="07:30"))
    route = routing_of([config], CHANNELS).route({})
    for now, then in (("12:20", "13:00"), ("13:00", "13:00"), ("23:10", "08:00")):
        at = NOON.replace(hour=int(now[:2]), minute=int(now[3:]))
        [destination] = route.destinations(at)
        assert destination.not_before is not None
        assert (destination.digest, destination.not_before.strftime("%H:%M")) == (True, then)


# ------------------------------------------------------------------------------------- in a real evaluation


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database)
    yield made
    made.dispose()


HOURLY = (Route((), ("oncall",), repeat=timedelta(hours=1)),)


def burn(town: Town, minutes: int) -> None:
    for _ in range(minutes):
        town.calls(10, 20)
        town.evaluate()


def kinds(town: Town) -> list[str]:
    return [row.kind for row in town.rows(outbox)]


def test_what_fires_is_told_again_after_the_repeat_interval_and_not_before(engine: sa.Engine) -> None:
    town = Town(engine, threshold(), routes=HOURLY)
    burn(town, 60)
    assert kinds(town) == ["trigger"]
    burn(town, 2)
    assert kinds(town) == ["trigger", "repeat"]
    _, again = town.rows(outbox)
    assert (again.payload["kind"], again.payload["status"]) == ("repeat", "firing")
    burn(town, 58)
    assert kinds(town) == ["trigger", "repeat"]


def test_what_somebody_takes_care_of_is_not_told_again(engine: sa.Engine) -> None:
    town = Town(engine, threshold(), routes=HOURLY)
    burn(town, 1)
    (row,) = town.rows(outbox)
    assert Alerts(engine).acknowledge(row.episode, by="mia", source="oncall", now=town.at)
    burn(town, 62)
    assert kinds(town) == ["trigger"]


def test_two_leaders_repeat_once(engine: sa.Engine) -> None:
    town = Town(engine, threshold(), routes=HOURLY)
    burn(town, 60)
    other = town.replica(threshold())
    burn(town, 2)
    other.evaluate(town.at - 2 * MINUTE, town.at)
    assert kinds(town) == ["trigger", "repeat"]


def test_what_ends_is_told_to_whoever_heard_even_if_the_routes_are_others_by_now(engine: sa.Engine) -> None:
    town = Town(engine, threshold(), routes=HOURLY)
    burn(town, 1)
    town.routing = Routing((), ("mail",))
    town.evaluator = town.replica(threshold())
    for _ in range(20):
        town.calls(30)
        town.evaluate()
    assert [(row.channel, row.kind) for row in town.rows(outbox)] == [
        ("oncall", "trigger"),
        ("oncall", "resolve"),
    ]


def test_a_storm_of_several_teams_is_told_to_all_of_them(engine: sa.Engine) -> None:
    teams = [RouteConfig(match=(f'service="s{n}"',), channels=(name,)) for n, name in enumerate(CHANNELS)]
    town = Town(engine, threshold(by=("service",)))
    town.routing = routing_of([*teams, RouteConfig(channels=("oncall",))], CHANNELS)
    town.evaluator = town.replica(threshold(by=("service",)))
    for n in range(8):
        town.calls(10, 30, service=f"s{n}")
    town.evaluate()
    assert sorted((row.channel, row.kind) for row in town.rows(outbox)) == [
        ("chat", "trigger"),
        ("log", "trigger"),
        ("oncall", "trigger"),
    ]
