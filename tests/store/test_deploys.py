"""Deploy markers: those that are given, those that calls show, and which of them a page has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from monitor.store import PostgresStore
from monitor.store.deploys import KNOWN, Deploy, Notices, add, between, nearest, notice
from monitor.store.rollups import recompute_dirty
from tests.examples import NOON, batch, scored
from tests.store.helpers import run_at_once

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

#: Before any series of a test came.
LONG_AGO = NOON - timedelta(days=30)

MARKER = Deploy(at=NOON, service="checkout", version="v8", environment="production", comment="by ann")


class Traffic:
    """Calls that are stored and counted, and the markers that were noticed in them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._offset = 0

    def call(self, at: datetime, *, counted: bool = True, **fields: Any) -> None:
        """One call of a service, counted in its minute unless told otherwise."""
        given = {"service": "checkout", "environment": "production", **fields}
        one = scored(str(self._offset), at, offset=self._offset, **given)
        PostgresStore(self._engine).save(batch([one], expected=self._offset or None))
        self._offset += 1
        while counted and recompute_dirty(self._engine):
            pass

    def notice(self, since: datetime = LONG_AGO) -> datetime:
        return notice(self._engine, since)

    def seen(self) -> list[tuple[datetime, str, str, str]]:
        found = between(self._engine, NOON - timedelta(days=9), NOON + timedelta(days=9))
        return [(one.at, one.dimension, one.subject, one.version) for one in found]


@pytest.fixture
def traffic(engine: sa.Engine) -> Traffic:
    return Traffic(engine)


# ---------------------------------------------------------------------------------------------- what is told


def test_a_marker_comes_back_as_it_was_given(engine: sa.Engine) -> None:
    add(engine, MARKER)
    assert between(engine, NOON, NOON + MINUTE) == [MARKER]


def test_the_same_marker_again_is_one_even_from_many_at_once(engine: sa.Engine) -> None:
    run_at_once(*[lambda: add(engine, MARKER)] * 4)
    id_, new = add(engine, msgspec.structs.replace(MARKER, comment="again", source="http"))
    assert not new
    assert between(engine, NOON, NOON + MINUTE) == [MARKER]
    assert add(engine, msgspec.structs.replace(MARKER, at=NOON + MINUTE)) == (id_ + 1, True)


@pytest.mark.parametrize("changed", ["service", "version", "environment"])
def test_a_marker_that_differs_is_another(engine: sa.Engine, changed: str) -> None:
    add(engine, MARKER)
    _, new = add(engine, msgspec.structs.replace(MARKER, **{changed: "other"}))
    assert new


def test_between_is_of_a_span_a_service_and_an_environment(engine: sa.Engine) -> None:
    everywhere = msgspec.structs.replace(MARKER, environment="", version="v9")
    staging = msgspec.structs.replace(MARKER, environment="staging")
    cart = msgspec.structs.replace(MARKER, service="cart")
    late = msgspec.structs.replace(MARKER, at=NOON + HOUR)
    for one in (everywhere, staging, cart, late, MARKER):
        add(engine, one)
    assert between(engine, NOON, NOON + HOUR) == [everywhere, staging, cart, MARKER]
    found = between(engine, NOON, NOON + HOUR, service="checkout", environment="production")
    assert found == [everywhere, MARKER]


def test_a_page_has_the_markers_around_its_time_that_may_have_to_do_with_it(engine: sa.Engine) -> None:
    ago = {
        name: msgspec.structs.replace(MARKER, version=name, at=NOON - before)
        for name, before in {
            "yesterday": timedelta(hours=25),
            "hours": 5 * HOUR,
            "minutes": 5 * MINUTE,
            "soon": -10 * MINUTE,
            "later": -HOUR,
        }.items()
    }
    for one in ago.values():
        add(engine, one)
    assert nearest(engine, {"service": "checkout"}, NOON) == [ago["minutes"], ago["soon"], ago["hours"]]
    assert nearest(engine, {"prompt_name": "p"}, NOON, limit=1) == [ago["minutes"]]
    assert nearest(engine, {"service": "cart"}, NOON) == []
    assert nearest(engine, {"service": "checkout", "environment": "staging"}, NOON) == []


# -------------------------------------------------------------------------------------------- what calls show


def test_a_prompt_version_that_was_never_seen_is_marked_at_its_first_minute(traffic: Traffic) -> None:
    traffic.call(NOON, prompt_name="ask", prompt_version="v7")
    traffic.call(NOON + 2 * HOUR + 10 * MINUTE, prompt_name="ask", prompt_version="v8")
    traffic.call(NOON + 2 * HOUR, prompt_name="ask", prompt_version="v8", route="/early")
    traffic.notice()
    assert traffic.seen() == [(NOON + 2 * HOUR, "prompt_version", "ask", "v8")]


@pytest.mark.parametrize(
    "asked", [("gpt-x", "gpt-x"), ("gpt-x", "gpt-y")], ids=["same-requested", "another-requested"]
)
def test_a_model_that_was_never_seen_is_marked(traffic: Traffic, asked: tuple[str, str]) -> None:
    first, second = asked
    traffic.call(NOON, model_requested=first, model_served="gpt-x-1")
    traffic.call(NOON + 2 * HOUR, model_requested=second, model_served="gpt-x-2")
    traffic.notice()
    assert traffic.seen() == [(NOON + 2 * HOUR, "model_served", second, "gpt-x-2")]


def _prompt(hours: float, **fields: Any) -> tuple[float, dict[str, Any]]:
    return hours, {"prompt_name": "ask", "prompt_version": "v7", **fields}


@pytest.mark.parametrize(
    "calls",
    [
        [_prompt(0)],
        [_prompt(0), _prompt(5)],
        [_prompt(0), _prompt(5, route="/new")],
        [_prompt(0), _prompt(5, prompt_version="")],
        [_prompt(0), _prompt(5, prompt_version="other")],
        [_prompt(0, prompt_version="other"), _prompt(5)],
        [_prompt(0, prompt_version=""), _prompt(5)],
        [_prompt(0), _prompt(5, prompt_name="new", prompt_version="v1")],
        [_prompt(0), _prompt(5, environment="staging", prompt_version="v8")],
        [_prompt(0), _prompt(5, service="cart", prompt_version="v8")],
        [_prompt(0), _prompt(KNOWN / HOUR - 0.1, prompt_version="v8")],
    ],
    ids=[
        *("the-first", "the-same", "another-route", "no-version", "folded", "after-folded", "after-none"),
        *("a-new-prompt", "a-new-environment", "a-new-service", "hardly-known"),
    ],
)
def test_what_is_no_new_version_is_not_marked(
    traffic: Traffic, calls: list[tuple[float, dict[str, Any]]]
) -> None:
    for hours, fields in calls:
        traffic.call(NOON + hours * HOUR, **fields)
    traffic.notice()
    assert traffic.seen() == []


def test_a_version_that_comes_back_is_not_marked_again(traffic: Traffic) -> None:
    for hours, version in ((0, "v7"), (2, "v8"), (4, "v7"), (6, "v8")):
        traffic.call(NOON + hours * HOUR, prompt_name="ask", prompt_version=version)
        traffic.notice()
    traffic.call(NOON + 8 * HOUR, prompt_name="ask", prompt_version="v7", route="/new")
    traffic.notice()
    assert [version for *_, version in traffic.seen()] == ["v8"]


def test_calls_that_come_late_are_no_deploy(traffic: Traffic) -> None:
    traffic.call(NOON + 2 * HOUR, prompt_name="ask", prompt_version="v8")
    traffic.call(NOON, prompt_name="ask", prompt_version="v7")
    traffic.notice()
    assert traffic.seen() == [(NOON + 2 * HOUR, "prompt_version", "ask", "v8")]


def test_a_version_is_marked_once_its_calls_are_counted_however_late_that_is(
    traffic: Traffic,
) -> None:
    traffic.call(NOON, prompt_name="ask", prompt_version="v7")
    since = traffic.notice()
    traffic.call(NOON + 2 * HOUR, prompt_name="ask", prompt_version="v8", counted=False)
    for _ in range(3):
        since = traffic.notice(since)
        assert traffic.seen() == []
    traffic.call(NOON + 3 * HOUR, prompt_name="ask", prompt_version="v8")
    traffic.notice(since)
    assert traffic.seen() == [(NOON + 2 * HOUR, "prompt_version", "ask", "v8")]


def test_a_look_begins_where_the_one_before_left_off(traffic: Traffic, engine: sa.Engine) -> None:
    assert traffic.notice() == LONG_AGO, "without any series"
    traffic.call(NOON, prompt_name="ask", prompt_version="v7")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE series SET first_seen = :noon"), {"noon": NOON})
    since = traffic.notice()
    assert NOON - 5 * MINUTE < since < NOON
    assert traffic.notice(since) == since
    assert traffic.notice(NOON + HOUR) == NOON + HOUR


def test_the_job_finds_what_came_since_its_last_look(traffic: Traffic, engine: sa.Engine) -> None:
    notices = Notices(engine, LONG_AGO)
    for hours, version in ((0, "v7"), (2, "v8"), (4, "v9")):
        traffic.call(NOON + hours * HOUR, prompt_name="ask", prompt_version=version)
        notices.look()
    assert [version for *_, version in traffic.seen()] == ["v8", "v9"]
