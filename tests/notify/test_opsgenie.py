"""Opsgenie's own rules: what opens, joins and closes an alert, and what its fields may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import ConfigError, Permanent, Transient
from monitor.notify.channel import Receipt, TryLater
from monitor.notify.opsgenie import OpsgenieChannel, OpsgenieSettings, alert
from tests.notify.opsgenie_server import Opsgenie
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Post, Receiver, Reply, judged_by

KEY = "hunter2-hunter2-hunter2"


@pytest.fixture
def opsgenie() -> Opsgenie:
    return Opsgenie(KEY)


@pytest.fixture
def receiver(opsgenie: Opsgenie) -> Iterator[Receiver]:
    with Receiver() as running:
        running.answer = judged_by(opsgenie)
        yield running


@pytest.fixture
def channel(receiver: Receiver) -> OpsgenieChannel:
    return OpsgenieChannel(KEY, url=receiver.url)


@pytest.mark.parametrize(
    ("kinds", "status", "count", "notes"),
    [
        (["trigger"], "open", 1, 0),
        (["trigger", "update", "repeat"], "open", 3, 2),
        (["trigger", "acknowledge"], "acknowledged", 1, 1),
        (["trigger", "acknowledge", "resolve"], "closed", 1, 2),
        (["update", "resolve"], "closed", 1, 1),
    ],
    ids=["first", "changes", "acknowledged", "closed", "late"],
)
def test_an_episode_is_one_alert(
    opsgenie: Opsgenie, channel: OpsgenieChannel, kinds: list[str], status: str, count: int, notes: int
) -> None:
    receipt: Receipt | None = None
    for kind in kinds:
        receipt = channel.send(notification(PAGES[kind], receipt))
    (found,) = opsgenie.alerts.values()
    assert (found["status"], found["count"], len(found["notes"])) == (status, count, notes)


@pytest.mark.parametrize("kind", ["trigger", "update", "repeat"])
def test_news_of_what_was_acknowledged_stand_for_the_acknowledgement(
    receiver: Receiver, opsgenie: Opsgenie, channel: OpsgenieChannel, kind: str
) -> None:
    news = structs.replace(PAGES[kind], acknowledged=PAGES["acknowledge"].acknowledged)
    for _ in range(2):
        channel.send(notification(news))
        (found,) = opsgenie.alerts.values()
        assert found["status"] == "acknowledged"


def test_an_acknowledgement_that_got_lost_on_the_way_is_sent_again_with_its_news(
    receiver: Receiver, opsgenie: Opsgenie, channel: OpsgenieChannel
) -> None:
    news = notification(structs.replace(PAGES["update"], acknowledged=PAGES["acknowledge"].acknowledged))
    lost = iter([False, True])
    receiver.answer = judged_by(lambda post: Reply(503) if next(lost, False) else opsgenie(post))
    with pytest.raises(Transient):
        channel.send(news)
    channel.send(news)
    (found,) = opsgenie.alerts.values()
    assert found["status"] == "acknowledged"


@pytest.mark.parametrize("kind", ["acknowledge", "resolve"])
def test_what_is_said_of_an_alert_that_is_not_there_does_nothing(
    opsgenie: Opsgenie, channel: OpsgenieChannel, kind: str
) -> None:
    channel.send(notification(PAGES[kind]))
    assert opsgenie.alerts == {}


def test_an_alert_says_what_where_and_how_bad() -> None:
    said = alert(TRIGGER, "key", team="shop")
    description = said.pop("description")
    assert said == {
        "message": f"🔴 {TRIGGER.title}",
        "alias": "key",
        "priority": "P1",
        "entity": "checkout",
        "source": "llm-monitor",
        "tags": ["llm-monitor", "JsonBroken", "page"],
        "details": {
            "Alert": TRIGGER.links.alert,
            "Dashboard": TRIGGER.links.dashboard,
            "Runbook": TRIGGER.links.runbook,
            "Silence": TRIGGER.links.silence,
        },
        "responders": [{"type": "team", "name": "shop"}],
    }
    assert description.startswith("Answers that should be JSON")
    assert "responders" not in alert(TRIGGER, "key", team=None)


@pytest.mark.parametrize(
    ("severity", "theirs"), [("page", "P1"), ("ticket", "P3"), ("info", "P5"), ("sev0", "P3")]
)
def test_severities_are_said_in_their_words(severity: str, theirs: str) -> None:
    assert alert(structs.replace(TRIGGER, severity=severity), "key", team=None)["priority"] == theirs


def test_who_acknowledged_and_why_it_ended_are_in_the_notes(
    receiver: Receiver, channel: OpsgenieChannel
) -> None:
    channel.send(notification(PAGES["acknowledge"]))
    channel.send(notification(PAGES["resolve"]))
    acknowledged, closed = (json.loads(post.body) for post in receiver.posts)
    assert acknowledged["user"] == "ada@example.com"
    assert closed["user"] == "llm-monitor"
    assert "Lasted 30 min" in closed["note"]


@pytest.mark.parametrize("length", [127, 128, 129, 130, 5_000])
@pytest.mark.parametrize("letter", ["x", WIDE, "<"])
def test_a_message_keeps_to_its_limit(letter: str, length: int) -> None:
    message = alert(structs.replace(TRIGGER, title=letter * length), "key", team=None)["message"]
    assert len(message.encode("utf-16-le")) <= 260


def test_what_is_written_in_a_log_is_no_html() -> None:
    said = alert(swollen(TRIGGER, HOSTILE), "key", team=None)
    assert "<" not in said["message"] + said["description"] + said["entity"] + "".join(said["tags"])


@settings(max_examples=50)
@given(text=st.text(st.characters(codec="utf-8"), max_size=20), times=st.sampled_from([0, 1, 50, 300]))
def test_whatever_is_in_the_logs_the_alert_is_taken(text: str, times: int) -> None:
    server = Opsgenie(KEY)
    for kind in ("trigger", "digest"):
        said = alert(swollen(PAGES[kind], text * times), "key", team="shop")
        server(Post("/v2/alerts", {"authorization": f"GenieKey {KEY}"}, json.dumps(said).encode()))
    assert server.refused == []


def test_what_opsgenie_finds_wrong_is_in_the_error_without_the_key(
    receiver: Receiver, channel: OpsgenieChannel
) -> None:
    receiver.answer = judged_by(lambda post: Reply(422, {"message": f"Key {KEY} is not for alerts"}))
    with pytest.raises(Permanent, match=r"^the receiver answered 422: Key … is not for alerts$"):
        channel.send(notification())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-period-in-sec": "60"}, 60),
        ({"x-ratelimit-period-in-sec": "60", "retry-after": "5"}, 5),
        ({"x-ratelimit-period-in-sec": "soon"}, None),
    ],
    ids=["period", "both", "no_number"],
)
def test_the_pause_that_opsgenie_asks_for_is_kept(
    receiver: Receiver, channel: OpsgenieChannel, headers: dict[str, str], seconds: int | None
) -> None:
    receiver.answer = judged_by(lambda post: Reply(429, {"message": "TooManyRequests"}, headers))
    with pytest.raises(TryLater, match="429: TooManyRequests") as caught:
        channel.send(notification())
    assert caught.value.after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("key", ["", "hunter2", "hunter2 hunter2", "hunter2hunter2\n"])
def test_a_key_that_is_none_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OpsgenieSettings(api_key=key).channel(ManualClock(AT))
    assert "hunter2" not in str(caught.value)


def test_no_digest_is_sent_there() -> None:
    assert not OpsgenieSettings(api_key=KEY).reads_digests
