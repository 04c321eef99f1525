"""Episodes through a real outbox to receivers that judge as the vendors do: what each side has in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.clock import ManualClock
from monitor.notify import Channel, Delivery, LogChannel
from monitor.notify.opsgenie import OpsgenieChannel
from monitor.notify.pagerduty import PagerDutyChannel
from monitor.notify.slack import SlackChannel
from monitor.notify.teams import TeamsChannel
from monitor.store import connect
from monitor.store.outbox import Destination, Outbox, enqueue
from tests.notify.opsgenie_server import Opsgenie
from tests.notify.pagerduty_server import PagerDuty
from tests.notify.pages import AT, PAGES, notification
from tests.notify.receiver import Receiver, Reply, Vendor, judged_by
from tests.notify.slack_server import Slack
from tests.notify.teams_server import Workflow

KEY = "0123456789abcdef0123456789abcdef"

LIFE = ("trigger", "update", "repeat", "acknowledge", "resolve")


class Receivers:
    """Four vendors, a channel to each, and a delivery from an outbox to them; anybody can be away.

    Attributes:
        away: who answers 503.
    """

    def __init__(self, engine: sa.Engine, stack: ExitStack) -> None:
        self.pagerduty, self.slack = PagerDuty(), Slack(KEY)
        self.opsgenie, self.teams = Opsgenie(KEY), Workflow()
        self.away: set[str] = set()
        self.clock = ManualClock(AT)
        self.engine = engine
        vendors: dict[str, Vendor] = {
            "pagerduty": self.pagerduty,
            "slack": self.slack,
            "opsgenie": self.opsgenie,
            "teams": self.teams,
        }
        self.urls = {name: self._serve(name, vendor, stack) for name, vendor in vendors.items()}
        self.channels: dict[str, Channel] = {
            "pagerduty": PagerDutyChannel(KEY, url=self.urls["pagerduty"]),
            "slack": SlackChannel(KEY, "#alerts", url=self.urls["slack"]),
            "opsgenie": OpsgenieChannel(KEY, url=self.urls["opsgenie"]),
            "teams": TeamsChannel(self.urls["teams"]),
            "log": LogChannel(),
        }

    def _serve(self, name: str, vendor: Vendor, stack: ExitStack) -> str:
        receiver = stack.enter_context(Receiver())
        receiver.answer = judged_by(lambda post: Reply(503) if name in self.away else vendor(post))
        return receiver.url

    def tell(self, kind: str, *names: str) -> None:
        """Put a page into the outbox, for some channels or for the four."""
        page = PAGES[kind]
        to = [Destination(name) for name in names or self.urls]
        with self.engine.begin() as connection:
            enqueue(connection, to, page.to_json(), self.clock.now(), episode=page.episode, kind=page.kind)

    def deliver(self, fallback: str = "log", outbox: Outbox | None = None) -> None:
        """One pass over every channel, as a service that just started makes it; then two minutes go by."""
        delivery: Delivery = Delivery(
            outbox or Outbox(self.engine),
            self.channels,
            fallback=fallback,
            clock=self.clock,
            count=lambda channel, result: None,
            jitter=lambda: 0.0,
        )
        for name in self.channels:
            delivery.deliver(name)
        self.clock.advance(timedelta(minutes=2))


class Dies(Outbox):
    """An outbox of a service that is killed when it has sent, before it can note so."""

    def all_delivered(self, taken: Any, now: Any) -> None:
        """Never comes to that."""


@pytest.fixture
def receivers(database: str) -> Iterator[Receivers]:
    engine = connect(database, pool_size=8)
    with ExitStack() as stack:
        yield Receivers(engine, stack)
    engine.dispose()


def test_an_episode_is_one_incident_one_message_one_alert(receivers: Receivers) -> None:
    for kind in LIFE:
        receivers.tell(kind)
        receivers.deliver()
    assert list(receivers.pagerduty.incidents.values()) == ["resolved"]
    assert [one["status"] for one in receivers.opsgenie.alerts.values()] == ["closed"]
    message, *replies = receivers.slack.messages.values()
    assert message["text"].startswith("✅ resolved")
    assert len(replies) == 4
    assert all("thread_ts" in reply for reply in replies)
    assert len(receivers.teams.cards) == 5


def test_what_came_and_went_while_a_receiver_was_away_is_told_in_one(receivers: Receivers) -> None:
    receivers.away = {"pagerduty", "slack", "opsgenie", "teams"}
    for kind in ("trigger", "update", "resolve"):
        receivers.tell(kind)
        receivers.deliver()
    receivers.away = set()
    receivers.deliver()
    receivers.deliver()
    assert receivers.pagerduty.incidents == {}
    assert receivers.opsgenie.alerts == {}
    (message,) = receivers.slack.messages.values()
    assert message["text"].startswith("✅ resolved")
    assert len(receivers.teams.cards) == 1


def test_a_kill_between_sending_and_noting_is_absorbed_where_there_is_a_key(receivers: Receivers) -> None:
    receivers.tell("trigger")
    receivers.deliver(outbox=Dies(receivers.engine))
    receivers.deliver()
    receivers.tell("resolve")
    receivers.deliver()
    assert list(receivers.pagerduty.incidents.values()) == ["resolved"]
    assert [one["status"] for one in receivers.opsgenie.alerts.values()] == ["closed"]
    # Slack and Teams know no key: they say it twice, and the end is said of the newer message.
    firing, ended, reply = receivers.slack.messages.values()
    assert firing["text"].startswith("🔴")
    assert ended["text"].startswith("✅")
    assert reply["thread_ts"] == list(receivers.slack.messages)[1]
    assert len(receivers.teams.cards) == 3


def test_a_page_that_slack_refuses_wakes_somebody_else(receivers: Receivers) -> None:
    receivers.channels["slack"] = SlackChannel(KEY, "#gone", url=receivers.urls["slack"])
    receivers.tell("trigger", "slack")
    receivers.deliver(fallback="pagerduty")
    receivers.deliver(fallback="pagerduty")
    (event,) = receivers.pagerduty.events
    assert event["dedup_key"] == notification().dedup_key
    assert (
        "Channel slack could not take this: Slack refused it: channel_not_found"
        in (event["payload"]["custom_details"]["What"])
    )
