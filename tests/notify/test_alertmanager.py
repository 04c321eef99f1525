"""What reaches an Alertmanager: bounded bodies of alerts in its form, at every replica."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import ConfigError, Permanent, Transient
from monitor.notify.alertmanager import (
    ALERTS_AT_ONCE,
    BYTES_AT_ONCE,
    AlertmanagerChannel,
    AlertmanagerSettings,
    StandingAlert,
    label_set,
)
from monitor.notify.page import Page
from tests.notify.alertmanager_server import Alertmanager
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Receiver, judged_by, status

MINUTE = timedelta(minutes=1)


class Replica:
    """One Alertmanager behind a receiver."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.alertmanager = Alertmanager()
        receiver.answer = judged_by(self.alertmanager)


@pytest.fixture
def replicas() -> Iterator[list[Replica]]:
    with ExitStack() as stack:
        yield [Replica(stack.enter_context(Receiver())) for _ in range(2)]


def channel(replicas: list[Replica], **settings: Any) -> AlertmanagerChannel:
    return AlertmanagerChannel([one.receiver.url for one in replicas], ManualClock(AT), **settings)


def alert(page: Page = TRIGGER, **changes: Any) -> StandingAlert:
    return StandingAlert(structs.replace(page, **changes), AT, AT + 4 * MINUTE)


def many(count: int) -> list[StandingAlert]:
    return [alert(labels={"service": f"s{number}"}) for number in range(count)]


# --------------------------------------------------------------------------------------------- what is sent


def test_an_alert_has_labels_annotations_times_and_a_link_to_its_page(replicas: list[Replica]) -> None:
    channel(replicas).post([alert()])
    ((sent,),) = replicas[0].alertmanager.posted
    assert sent["labels"] == {
        "alertname": "JsonBroken",
        "severity": "page",
        "metric": "json.failed",
        "team": "shop",
        "service": "checkout",
        "environment": "production",
    }
    assert (sent["startsAt"], sent["endsAt"]) == ("2026-03-10T12:02:00.000Z", "2026-03-10T12:06:00.000Z")
    assert sent["generatorURL"] == "https://monitor.example.com/alerts/17"
    annotations = sent["annotations"]
    assert annotations.keys() == {
        "title", "summary", "description", "runbook_url", "dashboard_url", "silence_url",
    }  # fmt: skip
    assert annotations["title"] == TRIGGER.title
    assert annotations["runbook_url"] == TRIGGER.links.runbook
    assert "42 of 100 calls" in annotations["description"]


def test_what_is_not_known_is_left_out(replicas: list[Replica]) -> None:
    channel(replicas).post([alert(PAGES["bare"], labels={"route": ""})])
    ((sent,),) = replicas[0].alertmanager.posted
    assert sent.keys() == {"labels", "annotations", "startsAt", "endsAt"}
    assert sent["labels"] == {"alertname": "Quiet", "severity": "ticket", "metric": "calls"}


def test_the_name_of_the_alert_overrides_a_label_of_that_name(replicas: list[Replica]) -> None:
    channel(replicas).post([alert(labels={"alertname": "x", "severity": "x", "metric": "x"})])
    ((sent,),) = replicas[0].alertmanager.posted
    assert (sent["labels"]["alertname"], sent["labels"]["severity"]) == ("JsonBroken", "page")
    assert sent["labels"]["metric"] == "json.failed"


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("team", "team"),
        ("on-call.team", "on_call_team"),
        ("2nd", "_2nd"),
        ("", "_"),
        ("ö", "_"),
        ("a\nb", "a_b"),
    ],
    ids=["legal", "punctuation", "digit", "empty", "letter", "line"],
)
def test_a_labels_name_becomes_one_that_alertmanager_takes(name: str, legal: str) -> None:
    assert label_set({name: "x", "empty": ""}) == {legal: "x"}


@given(st.dictionaries(st.text(), st.text()))
def test_whatever_the_labels_are_alertmanager_takes_them(labels: dict[str, str]) -> None:
    found = label_set(labels)
    assert all(name.isascii() and name.isidentifier() and value for name, value in found.items())
    assert bool(found) is any(labels.values())


@pytest.mark.parametrize("text", [HOSTILE, WIDE * 9_000, "\x00" * 9_000], ids=["hostile", "wide", "control"])
def test_text_from_a_log_stays_text_and_is_bounded(replicas: list[Replica], text: str) -> None:
    channel(replicas).post([StandingAlert(swollen(TRIGGER, text), AT, AT)])
    ((sent,),) = replicas[0].alertmanager.posted
    assert replicas[0].alertmanager.refused == []
    annotations = sent["annotations"]
    assert len(annotations["title"]) <= 1_024
    assert len(annotations["description"].encode()) <= 8_192


# ------------------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("count", [1, ALERTS_AT_ONCE, ALERTS_AT_ONCE + 1, 3 * ALERTS_AT_ONCE + 5], ids=str)
def test_no_alert_is_dropped_and_no_body_grows_without_bound(replicas: list[Replica], count: int) -> None:
    channel(replicas).post(many(count))
    for one in replicas:
        batches = one.alertmanager.posted
        assert sum(map(len, batches)) == len(one.alertmanager.alerts) == count
        assert max(map(len, batches)) <= ALERTS_AT_ONCE


def test_a_body_of_large_alerts_is_cut_by_its_size(replicas: list[Replica]) -> None:
    large = [alert(labels={"route": f"{number}{WIDE * 20_000}"}) for number in range(20)]
    channel(replicas).post(large)
    posts = replicas[0].receiver.posts
    assert len(replicas[0].alertmanager.alerts) == 20
    assert len(posts) > 1
    assert all(len(post.body) <= BYTES_AT_ONCE for post in posts)


def test_an_alert_that_is_too_large_for_any_body_goes_alone(replicas: list[Replica]) -> None:
    channel(replicas).post([alert(), alert(labels={"route": "x" * BYTES_AT_ONCE}), alert(severity="info")])
    assert [len(batch) for batch in replicas[0].alertmanager.posted] == [1, 1, 1]


def test_without_alerts_it_only_asks_whether_anybody_is_there(replicas: list[Replica]) -> None:
    channel(replicas).post([])
    assert [one.alertmanager.posted for one in replicas] == [[[]], [[]]]


# ------------------------------------------------------------------------------------------------ replicas


def test_every_replica_gets_everything(replicas: list[Replica]) -> None:
    channel(replicas).post(many(3))
    first, second = (one.alertmanager.posted for one in replicas)
    assert first == second


@pytest.mark.parametrize("down", [0, 1], ids=["first", "second"])
def test_alerts_that_one_replica_took_are_taken(replicas: list[Replica], down: int) -> None:
    replicas[down].receiver.answer = status(503)
    channel(replicas).post(many(3))
    assert len(replicas[1 - down].alertmanager.alerts) == 3


@pytest.mark.parametrize(
    ("answers", "expected"),
    [((503, 503), Transient), ((400, 503), Transient), ((503, 400), Transient), ((400, 401), Permanent)],
    ids=lambda value: "_".join(map(str, value)) if isinstance(value, tuple) else value.__name__,
)
def test_alerts_that_no_replica_took_are_refused_only_if_all_refuse(
    replicas: list[Replica], answers: tuple[int, int], expected: type[Exception]
) -> None:
    for one, code in zip(replicas, answers, strict=True):
        one.receiver.answer = status(code)
    with pytest.raises(expected):
        channel(replicas).post(many(1))


def test_a_replica_that_fails_is_left_alone_until_the_next_sending(replicas: list[Replica]) -> None:
    replicas[0].receiver.answer = status(500)
    channel(replicas).post(many(3 * ALERTS_AT_ONCE))
    assert len(replicas[0].receiver.posts) == 1
    assert len(replicas[1].receiver.posts) == 3


# ------------------------------------------------------------------------------- tests, and standing in


@pytest.mark.parametrize("kind", ["test", "stands_in", "trigger", "update", "digest"])
def test_what_is_no_alert_of_a_rule_ends_by_itself(replicas: list[Replica], kind: str) -> None:
    channel(replicas, resend=2 * MINUTE).send(notification(PAGES[kind]))
    ((sent,),) = replicas[0].alertmanager.posted
    assert sent["endsAt"] == "2026-03-10T12:10:00.000Z"


def test_a_test_says_that_it_is_one(replicas: list[Replica]) -> None:
    channel(replicas).send(notification(PAGES["test"]))
    ((sent,),) = replicas[0].alertmanager.posted
    assert "This is a test" in sent["annotations"]["description"]


def test_an_end_that_another_channel_could_not_take_is_an_end(replicas: list[Replica]) -> None:
    page = PAGES["resolve"]
    channel(replicas).send(notification(page))
    ((sent,),) = replicas[0].alertmanager.posted
    assert sent["endsAt"] == "2026-03-10T12:32:00.000Z"


# ----------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"token": "hunter2"}, {"authorization": "Bearer hunter2"}),
        ({"user": "ada", "password": "hunter2"}, {"authorization": "Basic YWRhOmh1bnRlcjI="}),
        ({"headers": {"X-Scope-OrgID": "7"}}, {"x-scope-orgid": "7"}),
    ],
    ids=["token", "password", "headers"],
)
def test_it_logs_in(replicas: list[Replica], settings: dict[str, Any], header: dict[str, str]) -> None:
    urls = (f"{replicas[0].receiver.url}/",)
    subject = AlertmanagerSettings(urls=urls, **settings).channel(ManualClock(AT))
    subject.post(many(1))
    (post,) = replicas[0].receiver.posts
    assert post.path == "/hook/api/v2/alerts"
    assert header.items() <= post.headers.items()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"urls": ()}, "urls is empty"),
        ({"urls": ("ftp://hunter2",)}, "must be http"),
        ({"urls": ("http://am/?hunter2",)}, "perhaps a path"),
        ({"token": "hunter2", "user": "ada"}, "give one"),
        ({"user": "ada"}, "give both"),
        ({"password": "hunter2"}, "give both"),
        ({"token": "hunter2\r\nx: y"}, "visible ASCII"),
        ({"headers": {"x y": "hunter2"}}, "visible ASCII"),
        ({"resend": "9s"}, "between 10s and 1h"),
        ({"resend": "2h"}, "between 10s and 1h"),
    ],
    ids=[
        "none", "scheme", "query", "both", "user_alone", "password_alone", "value", "name", "often", "rarely",
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_without_showing_a_secret(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        AlertmanagerSettings(**{"urls": ("http://am:9093",), **settings}).channel(ManualClock(AT))
    assert "hunter2" not in str(caught.value)


def test_a_digest_is_not_for_it() -> None:
    assert not AlertmanagerSettings(urls=("http://am:9093",)).reads_digests


def test_bodies_are_json_of_utf8(replicas: list[Replica]) -> None:
    channel(replicas).post([alert(labels={"route": "größe→∞"})])
    assert json.loads(replicas[0].receiver.posts[0].body)[0]["labels"]["route"] == "größe→∞"
