"""What the monitor tells of itself: a channel that takes nothing is an alert of its own, on the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.rules.model import AbsenceRule
from monitor.store import connect
from monitor.store.outbox import Outbox
from monitor.store.tables import outbox
from tests.examples import NOON
from tests.store.test_outbox import put
from tests.town import MINUTE, Town, threshold

FAILING = AbsenceRule(
    alert="NotificationsFailing", absent="delivery", window="5m", keep_firing_for="0s", runbook_url="x"
)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=8)
    yield made
    made.dispose()


def fail(engine: sa.Engine, channel: str, error: str) -> Any:
    put(engine, "trigger", "e", channel=channel, at=NOON)
    (row,) = Outbox(engine).claim(channel, NOON, lease=MINUTE)
    Outbox(engine).retry(row, NOON, NOON + timedelta(hours=1), error)
    return row


def test_a_channel_that_takes_nothing_is_told_on_the_others_and_ends_when_it_does(engine: sa.Engine) -> None:
    town = Town(engine, FAILING)
    row = fail(engine, "oncall", "the receiver answered 401")
    for _ in range(4):
        town.evaluate()
    assert town.states() == {}
    town.evaluate()
    assert town.states() == {"oncall": "firing"}
    _, *told = town.rows(outbox)
    assert {one.channel for one in told} == {"oncall", "log"}
    page = told[0].payload
    assert page["title"] == "notifications fail on oncall"
    assert f"the receiver answered 401, since {NOON:%Y-%m-%d %H:%M} UTC" in page["reason"]
    Outbox(engine).delivered(row, town.at)
    town.evaluate()
    assert town.states() == {"oncall": "resolved"}


def test_channels_that_work_raise_nothing_and_each_that_fails_is_an_alert(engine: sa.Engine) -> None:
    town = Town(engine, FAILING, threshold())
    for channel in ("oncall", "log"):
        fail(engine, channel, "no answer: ConnectError")
    put(engine, "trigger", "e", channel="mail", at=NOON)
    (good,) = Outbox(engine).claim("mail", NOON, lease=MINUTE)
    Outbox(engine).delivered(good, NOON)
    for _ in range(6):
        town.evaluate()
    assert town.states() == {"log": "firing", "oncall": "firing"}


def test_a_channel_that_refuses_now_and_then_is_told_of_though_it_takes_others(engine: sa.Engine) -> None:
    town = Town(engine, FAILING)
    row = fail(engine, "oncall", "no answer: ConnectError")
    Outbox(engine).failed(row, NOON, "the receiver answered 400", instead=None)
    put(engine, "trigger", "f", channel="oncall", at=NOON)
    (good,) = Outbox(engine).claim("oncall", NOON, lease=MINUTE)
    Outbox(engine).delivered(good, NOON)
    town.evaluate()
    assert town.states() == {"oncall": "firing"}
    for _ in range(8):
        town.evaluate()
    assert town.states() == {"oncall": "resolved"}, "one refusal is not for ever"


def test_a_silence_that_is_active_now_mutes_what_is_caught_up_with(engine: sa.Engine) -> None:
    town, now = Town(engine, threshold(by=("service",))), NOON + timedelta(hours=2)
    town.silences.add(
        ['service="shop"'], starts_at=now - MINUTE, ends_at=now + MINUTE, created_by="mia", comment="known"
    )
    town.calls(10, 60)
    town.evaluator.evaluate(NOON.replace(second=0, microsecond=0), now)
    assert (town.states(), town.told()) == ({"shop": "firing"}, [])
