"""A channel that wants alerts as they stand gets them, on a real Postgres; where it can't, somebody hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import MonitorError, Permanent, Transient
from monitor.notify.alertmanager import StandingAlert
from monitor.notify.channel import TryLater
from monitor.notify.page import Page, read_page
from monitor.resending import PATIENCE, Resending
from monitor.routing import Quiet, Route, Routing
from monitor.rules import Rule
from monitor.rules.matchers import parse
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts, Evaluated, Event
from monitor.store.current import Current
from monitor.store.outbox import Outbox
from monitor.store.tables import outbox
from tests.examples import NOON
from tests.store.helpers import empty
from tests.town import threshold

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
RULE = threshold(alert="Broken", by=("service",), labels={"team": "shop"}, summary="Bad.")


class Channel:
    """Takes what it is given, or fails as it is told to."""

    resend = MINUTE

    def __init__(self) -> None:
        self.error: MonitorError | None = None
        self.asked = 0
        self.posts: list[Sequence[StandingAlert]] = []

    def post(self, alerts: Sequence[StandingAlert]) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.posts.append(alerts)


class Stage:
    """A database with alerts, and a channel that is kept up to date with them."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.clock = ManualClock(NOON)
        self.channel = Channel()
        self.counted: list[str] = []
        self.rules: list[Rule] = [RULE]
        self.resending = self.replica()

    def replica(self, *routes: Route, fallback: str | None = "log") -> Resending:
        return Resending(
            "am",
            self.channel,
            {rule.key: rule for rule in self.rules},
            Routing(routes, ["am", "log"], {"am"}),
            Current(self.engine),
            Alerts(self.engine),
            Outbox(self.engine),
            fallback=fallback,
            clock=self.clock,
            count=lambda channel, result: self.counted.append(result),
            pages="https://monitor.example.com",
            dashboard="https://grafana.example.com/d/x",
            jitter=lambda: 0.0,
        )

    def alert(self, state: str = "firing", *, service: str = "shop", **changes: Any) -> None:
        """An evaluation found that the alert of a service is in this state."""
        change = AlertChange(
            rule="Broken",
            labels={"service": service},
            severity="page",
            state=state,
            before=None,
            standing="normal" if state == "resolved" else state,
            at=self.clock.now(),
            episode="Broken/page/1",
            told=changes.pop("told", True),
            **changes,
        )
        event = Event(
            rule="Broken", labels=change.labels, fingerprint=change.fingerprint, at=change.at,
            from_state=None, to_state=change.standing, reason=f"it is {state}", evidence={},
        )  # fmt: skip
        assert Alerts(self.engine).commit(Evaluated((), (change,), (event,), ()), self.clock.now())

    def sends(self, after: timedelta = timedelta()) -> list[StandingAlert]:
        """What goes out ``after`` so long."""
        self.clock.advance(after)
        before = len(self.channel.posts)
        self.resending.send()
        return [one for post in self.channel.posts[before:] for one in post]

    def told(self) -> list[tuple[str, Page]]:
        """What other channels are to be told."""
        with self.engine.begin() as connection:
            rows = connection.execute(sa.select(outbox).order_by(outbox.c.outbox_id)).all()
        return [(row.channel, read_page(row.payload)) for row in rows]

    def failing(self) -> tuple[datetime | None, str | None]:
        """Since when the channel fails, and why."""
        return next(((one.failing_since, one.error) for one in Outbox(self.engine).states()), (None, None))


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    made = connect(module_database)
    yield made
    empty(made)
    made.dispose()


@pytest.fixture
def stage(engine: sa.Engine) -> Stage:
    return Stage(engine)


# --------------------------------------------------------------------------------------------- what is sent


def test_an_alert_is_sent_with_the_time_it_fired_and_an_end_four_delays_ahead(stage: Stage) -> None:
    stage.alert("pending")
    assert stage.sends() == []
    stage.clock.advance(MINUTE)
    stage.alert()
    (sent,) = stage.sends(SECOND)
    assert sent.starts_at == NOON + MINUTE
    assert sent.ends_at == NOON + MINUTE + SECOND + 4 * MINUTE
    (again,) = stage.sends(MINUTE)
    assert (again.starts_at, again.ends_at) == (sent.starts_at, sent.ends_at + MINUTE)


def test_the_end_of_an_alert_is_sent_with_the_times_it_fired_and_was_resolved(stage: Stage) -> None:
    stage.alert()
    stage.sends()
    stage.clock.advance(MINUTE)
    stage.alert("resolved")
    for _ in range(15):
        (sent,) = stage.sends()
        assert (sent.starts_at, sent.ends_at) == (NOON, NOON + MINUTE)
        assert sent.page.status == "resolved"
        stage.clock.advance(MINUTE)
    assert stage.sends() == []


def test_an_alert_that_nothing_was_told_of_is_not_sent(stage: Stage) -> None:
    stage.alert(told=False, muted_by="silence 7")
    assert stage.sends() == []


def test_an_alert_that_is_muted_after_it_was_told_does_not_end(stage: Stage) -> None:
    """Alertmanager would tell everybody that it is good again, and page anew when the silence is over."""
    stage.alert()
    stage.sends()
    stage.alert(muted_by="silence 7")
    (sent,) = stage.sends(MINUTE)
    assert sent.page.status == "firing"


def test_every_alert_is_sent_and_not_only_those_in_the_table_of_their_episode(stage: Stage) -> None:
    for number in range(60):
        stage.alert(service=f"s{number}")
    assert {one.page.labels["service"] for one in stage.sends()} == {f"s{n}" for n in range(60)}


def test_an_alert_says_what_it_is_about_and_what_is_known_of_it_now(stage: Stage) -> None:
    stage.alert(evidence={"window": {"calls": 10, "failures": 4, "rate": 0.4, "interval_95": [0.1, 0.7]}})
    (sent,) = stage.sends()
    page = sent.page
    assert "40.0 %" in page.title
    assert (page.alert, page.severity, page.metric) == ("Broken", "page", "json.failed")
    assert (page.labels, page.routing) == ({"service": "shop"}, {"team": "shop"})
    assert (page.summary, page.reason, page.at) == ("Bad.", "it is firing", NOON)
    assert page.links.alert == f"https://monitor.example.com/alerts/{page.alert_id}"
    assert page.links.dashboard is not None
    stage.alert(evidence={"window": {"calls": 10, "failures": 9, "rate": 0.9, "interval_95": [0.6, 1]}})
    (sent,) = stage.sends(MINUTE)
    assert "90.0 %" in sent.page.title


def test_an_end_does_not_give_the_numbers_it_fired_on_for_those_of_now(stage: Stage) -> None:
    stage.alert(evidence={"window": {"calls": 10, "failures": 4, "rate": 0.4, "interval_95": [0.1, 0.7]}})
    stage.alert("resolved")
    (sent,) = stage.sends()
    assert sent.page.title == "resolved: json failed on shop"


def test_an_alert_whose_rule_is_gone_ends(stage: Stage) -> None:
    stage.alert()
    stage.rules = []
    stage.alert("resolved")
    stage.resending = stage.replica()
    (sent,) = stage.sends()
    assert (sent.page.alert, sent.page.status) == ("Broken", "resolved")


# ------------------------------------------------------------------------------------------------- routing


def test_only_what_is_routed_there_is_sent(stage: Stage) -> None:
    elsewhere = Route(tuple(parse("service=search")), ("log",))
    stage.resending = stage.replica(elsewhere, Route((), ("log", "am")))
    stage.alert()
    stage.alert(service="search")
    assert [one.page.labels["service"] for one in stage.sends()] == ["shop"]


def test_a_rule_that_names_its_channels_goes_there(stage: Stage) -> None:
    stage.rules = [structs.replace(RULE, channels=("log",))]
    stage.resending = stage.replica()
    stage.alert()
    assert stage.sends() == []


def test_quiet_hours_hold_back_what_begins_in_them_and_end_nothing_that_stands(stage: Stage) -> None:
    quiet = Quiet(time(12, 5), time(12, 10), ZoneInfo("UTC"), frozenset(range(7)))
    stage.resending = stage.replica(Route((), ("am",), quiet=quiet))
    stage.alert()
    assert len(stage.sends()) == 1
    stage.clock.advance(5 * MINUTE)
    stage.alert(service="search")
    assert [one.page.labels["service"] for one in stage.sends()] == ["shop"]
    assert {one.page.labels["service"] for one in stage.sends(5 * MINUTE)} == {"shop", "search"}


# -------------------------------------------------------------------------------------------------- failure


@pytest.mark.parametrize(
    ("error", "result", "waits"),
    [(Transient("no answer"), "retry", PATIENCE), (Permanent("the receiver answered 401"), "failed", MINUTE)],
    ids=["transient", "refusal"],
)
def test_a_channel_that_takes_nothing_is_told_on_the_fallback_channel_once(
    stage: Stage, error: MonitorError, result: str, waits: timedelta
) -> None:
    stage.alert()
    stage.channel.error = error
    stage.sends()
    assert stage.failing() == (NOON, str(error))
    assert bool(stage.told()) is isinstance(error, Permanent)
    stage.sends(waits)
    stage.sends(MINUTE)
    ((channel, page),) = stage.told()
    assert (channel, page.kind, page.alert) == ("log", "trigger", "ChannelFailing")
    assert page.title == "channel am takes no alerts"
    assert "Broken on shop" in page.reason
    assert page.undeliverable is not None
    assert (page.undeliverable.channel, page.undeliverable.error) == ("am", str(error))
    assert set(stage.counted) == {result}


def test_an_alert_that_joins_those_that_could_not_be_told_is_told_on_the_fallback_channel(
    stage: Stage,
) -> None:
    stage.alert()
    stage.channel.error = Permanent("refused")
    stage.sends()
    stage.alert(service="search")
    stage.sends(MINUTE)
    stage.sends(MINUTE)
    assert [page.kind for _, page in stage.told()] == ["trigger", "update"]
    assert "search" in stage.told()[1][1].reason
    assert len({page.episode for _, page in stage.told()}) == 1


def test_a_new_leader_goes_on_with_the_failure_that_was_told(stage: Stage) -> None:
    stage.alert()
    stage.channel.error = Permanent("refused")
    stage.sends()
    stage.resending = stage.replica()
    stage.sends(MINUTE)
    stage.sends(MINUTE)
    assert [page.kind for _, page in stage.told()] == ["trigger", "update"]


def test_what_was_not_taken_is_sent_as_soon_as_it_can_be_and_the_failure_ends(stage: Stage) -> None:
    stage.alert()
    stage.channel.error = Permanent("refused")
    stage.sends()
    stage.channel.error = None
    assert len(stage.sends(SECOND)) == 1
    assert stage.failing() == (None, None)
    first, last = (page for _, page in stage.told())
    assert (last.kind, last.status, last.episode) == ("resolve", "resolved", first.episode)
    assert last.title == "channel am takes alerts again"


def test_a_channel_that_failed_is_asked_again_when_nothing_is_due_any_more(stage: Stage) -> None:
    stage.alert()
    stage.channel.error = Transient("no answer")
    stage.sends()
    stage.alert("resolved")
    stage.sends(timedelta(hours=1))
    stage.channel.error = None
    assert stage.sends(MINUTE) == []
    assert stage.channel.posts == [[]]
    assert stage.failing() == (None, None)
    asked = stage.channel.asked
    stage.sends(MINUTE)
    assert stage.channel.asked == asked


def test_a_pause_that_is_asked_for_is_kept(stage: Stage) -> None:
    stage.alert()
    stage.channel.error = TryLater("the receiver answered 429", timedelta(minutes=3))
    stage.sends()
    stage.channel.error = None
    assert stage.sends(3 * MINUTE - SECOND) == []
    assert len(stage.sends(SECOND)) == 1


@pytest.mark.parametrize("fallback", [None, "am"], ids=["none", "itself"])
def test_without_another_channel_the_failure_is_written_down(stage: Stage, fallback: str | None) -> None:
    stage.resending = stage.replica(fallback=fallback)
    stage.alert()
    stage.channel.error = Permanent("refused")
    stage.sends()
    assert stage.failing() == (NOON, "refused")
    assert stage.told() == []


def test_alerts_of_one_rule_that_look_the_same_are_an_error_and_hold_no_other_rule_up(stage: Stage) -> None:
    """Labels that differ for us only in a value that is empty are the same for Alertmanager."""
    stage.rules = [RULE, threshold(alert="Other", by=("service",))]
    stage.resending = stage.replica()
    for rule, labels in (
        ("Broken", {"service": "shop"}),
        ("Broken", {"service": "shop", "route": ""}),
        ("Other", {"service": "shop"}),
    ):
        change = AlertChange(
            rule=rule, labels=labels, severity="page", state="firing", before=None, standing="firing",
            at=NOON, episode=rule, told=True,
        )  # fmt: skip
        assert Alerts(stage.engine).commit(Evaluated((), (change,), (), ()), NOON)
    assert [one.page.alert for one in stage.sends()] == ["Other"]
    assert stage.failing() == (NOON, "alerts of one rule look the same: Broken")
    assert [page.kind for _, page in stage.told()] == ["trigger"]


def test_a_database_that_is_away_is_transient() -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Transient):
        Stage(away).sends()
    away.dispose()
