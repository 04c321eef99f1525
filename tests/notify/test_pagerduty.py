"""PagerDuty's own rules: what opens, joins and ends an incident, and what an event may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import ConfigError, Permanent, Transient
from monitor.notify.pagerduty import PagerDutyChannel, PagerDutySettings, event
from tests.notify.pagerduty_server import PagerDuty
from tests.notify.pages import AT, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Post, Receiver, Reply, judged_by

KEY = "abcdef0123456789abcdef0123456789"


@pytest.fixture
def pagerduty() -> PagerDuty:
    return PagerDuty()


@pytest.fixture
def channel(pagerduty: PagerDuty) -> Iterator[PagerDutyChannel]:
    with Receiver() as receiver:
        receiver.answer = judged_by(pagerduty)
        yield PagerDutyChannel(KEY, url=receiver.url)


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["trigger"], "triggered"),
        (["trigger", "update", "repeat"], "triggered"),
        (["trigger", "acknowledge"], "acknowledged"),
        (["trigger", "acknowledge", "update"], "acknowledged"),
        (["trigger", "acknowledge", "resolve"], "resolved"),
        (["update"], "triggered"),
        (["stands_in", "resolve"], "resolved"),
        (["acknowledge"], None),
        (["resolve"], None),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_an_episode_is_one_incident(
    pagerduty: PagerDuty, channel: PagerDutyChannel, kinds: list[str], status: str | None
) -> None:
    for kind in kinds:
        channel.send(notification(PAGES[kind]))
    assert list(pagerduty.incidents.values()) == ([status] if status else [])


@pytest.mark.parametrize("kind", ["trigger", "update", "repeat"])
def test_news_of_what_was_acknowledged_stand_for_the_acknowledgement(
    pagerduty: PagerDuty, channel: PagerDutyChannel, kind: str
) -> None:
    news = structs.replace(PAGES[kind], acknowledged=PAGES["acknowledge"].acknowledged)
    for _ in range(2):
        channel.send(notification(news))
        assert list(pagerduty.incidents.values()) == ["acknowledged"]


def test_an_acknowledgement_that_got_lost_on_the_way_is_sent_again_with_its_news(
    pagerduty: PagerDuty,
) -> None:
    news = notification(structs.replace(PAGES["update"], acknowledged=PAGES["acknowledge"].acknowledged))
    lost = iter([False, True])
    with Receiver() as receiver:
        receiver.answer = judged_by(lambda post: Reply(503) if next(lost, False) else pagerduty(post))
        subject = PagerDutyChannel(KEY, url=receiver.url)
        with pytest.raises(Transient):
            subject.send(news)
        assert list(pagerduty.incidents.values()) == ["triggered"]
        subject.send(news)
    assert list(pagerduty.incidents.values()) == ["acknowledged"]


def test_the_same_notification_twice_opens_one_incident(
    pagerduty: PagerDuty, channel: PagerDutyChannel
) -> None:
    for attempt in (1, 2):
        channel.send(structs.replace(notification(), attempt=attempt))
    assert pagerduty.incidents == {notification().dedup_key: "triggered"}
    assert pagerduty.events[0] == pagerduty.events[1]


def test_an_event_says_what_where_and_how_bad() -> None:
    said = event(notification())
    details = said["payload"].pop("custom_details")
    assert said == {
        "event_action": "trigger",
        "dedup_key": notification().dedup_key,
        "client": "llm-monitor",
        "client_url": "https://monitor.example.com/alerts/17",
        "links": [
            {"href": "https://monitor.example.com/alerts/17", "text": "Alert"},
            {"href": TRIGGER.links.dashboard, "text": "Dashboard"},
            {"href": "https://wiki.example.com/docs/runbook.md#jsonbroken", "text": "Runbook"},
            {"href": "https://monitor.example.com/alerts/17#silence", "text": "Silence"},
        ],
        "payload": {
            "summary": "json failed up ×21 (2.0 % → 42.0 %) on checkout / production",
            "source": "checkout / production",
            "severity": "critical",
            "timestamp": "2026-03-10T12:02:00+00:00",
            "class": "json.failed",
        },
    }
    assert details["What"].startswith("Answers that should be JSON")
    assert details["Failures"] == "truncated: 40 calls\nnot_json: 2 calls"


@pytest.mark.parametrize(
    ("severity", "theirs"),
    [("page", "critical"), ("ticket", "warning"), ("info", "info"), ("sev0", "error")],
)
def test_severities_are_said_in_their_words(severity: str, theirs: str) -> None:
    assert event(notification(severity=severity))["payload"]["severity"] == theirs


@pytest.mark.parametrize("length", [1_023, 1_024, 1_025, 5_000])
def test_a_summary_keeps_to_its_limit(length: int) -> None:
    summary = event(notification(title=WIDE * length))["payload"]["summary"]
    assert len(summary) == min(length, 1_024)
    assert summary.endswith("…") == (length > 1_024)


def test_a_link_that_is_too_long_is_left_out_not_cut() -> None:
    links = structs.replace(TRIGGER.links, alert="https://x/" + "a" * 3_000)
    said = event(notification(links=links))
    assert "client_url" not in said
    assert [one["text"] for one in said["links"]] == ["Dashboard", "Runbook", "Silence"]


@settings(max_examples=50)
@given(text=st.text(st.characters(codec="utf-8"), max_size=20), times=st.sampled_from([0, 1, 50, 300]))
def test_whatever_is_in_the_logs_the_event_is_taken(text: str, times: int) -> None:
    server = PagerDuty()
    for kind in ("trigger", "digest"):
        said = {"routing_key": KEY, **event(notification(swollen(PAGES[kind], text * times)))}
        server(Post("/", {"content-type": "application/json"}, json.dumps(said).encode()))
    assert server.refused == []


def test_what_pagerduty_finds_wrong_is_in_the_error() -> None:
    faults = {"status": "invalid event", "errors": ["'payload.x' is wrong", f"{KEY} is unknown"]}
    with Receiver() as receiver:
        receiver.answer = judged_by(lambda post: Reply(400, faults))
        with pytest.raises(Permanent) as caught:
            PagerDutyChannel(KEY, url=receiver.url).send(notification())
    assert str(caught.value) == "the receiver answered 400: 'payload.x' is wrong; … is unknown"


@pytest.mark.parametrize("key", ["", "hunter2", KEY + "0", "a b" + KEY[3:], KEY[1:] + "é"])
def test_a_key_that_is_none_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PagerDutySettings(routing_key=key).channel(ManualClock(AT))
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "hunter2"], ids=["empty", "short"])
def test_a_signing_secret_that_can_be_guessed_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="signing_secret must have at least 8 bytes") as caught:
        PagerDutySettings(routing_key=KEY, signing_secret=secret).channel(ManualClock(AT))
    assert "hunter2" not in str(caught.value)


def test_no_digest_is_sent_there() -> None:
    assert not PagerDutySettings(routing_key=KEY).reads_digests
