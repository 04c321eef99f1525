"""Apprise against a receiver of its JSON service: what arrives, what a failure means, no secret anywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from monitor import logs
from monitor.clock import ManualClock
from monitor.errors import ConfigError, MonitorError, Transient
from monitor.notify.apprise import TITLE, AppriseChannel, AppriseSettings
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Receiver, status

SECRET = "5ec2e75ec2e7"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def channel(receiver: Receiver, **settings: Any) -> AppriseChannel:
    return AppriseChannel(f"{receiver.url.replace('http:', 'json:')}/{SECRET}?+token={SECRET}", **settings)


def failure(receiver: Receiver, **settings: Any) -> MonitorError:
    with pytest.raises(MonitorError) as caught:
        channel(receiver, **settings).send(notification())
    assert SECRET not in f"{caught.value!r}"
    assert caught.value.__cause__ is None
    return caught.value


def got(receiver: Receiver) -> dict[str, Any]:
    (post,) = receiver.posts
    found: dict[str, Any] = json.loads(post.body)
    return found


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_of_every_kind_arrives(receiver: Receiver, kind: str) -> None:
    page = PAGES[kind]
    channel(receiver).send(notification(page))
    said = got(receiver)
    assert (page.title or page.alert) in said["title"]
    for url in (page.links.alert, page.links.runbook):
        assert url is None or url in said["message"]


@pytest.mark.parametrize(
    ("kind", "type_"),
    [("trigger", "failure"), ("bare", "warning"), ("resolve", "success"), ("test", "info")],
    ids=["page", "ticket", "resolved", "test"],
)
def test_a_service_is_told_how_bad_it_is(receiver: Receiver, kind: str, type_: str) -> None:
    channel(receiver).send(notification(PAGES[kind]))
    assert got(receiver)["type"] == type_


@pytest.mark.parametrize("text", [WIDE * 9_000, "x" * 40_000, HOSTILE * 200], ids=["wide", "long", "hostile"])
def test_a_page_is_cut_to_the_limits_of_the_service_with_its_links(receiver: Receiver, text: str) -> None:
    page = swollen(TRIGGER, text)
    channel(receiver).send(notification(structs.replace(page, links=TRIGGER.links)))
    said = got(receiver)
    assert len(said["title"]) <= TITLE
    assert len(said["message"]) <= 32_768
    assert said["message"].endswith(f"Silence: {TRIGGER.links.silence}")


@pytest.mark.parametrize("code", [302, 400, 401, 404, 429, 500, 503])
def test_whatever_goes_wrong_is_tried_again_as_apprise_does_not_say_what_it_was(
    receiver: Receiver, code: int
) -> None:
    receiver.answer = status(code)
    error = failure(receiver)
    assert (type(error), str(error)) == (Transient, "the service did not take it; apprise does not say why")


def test_a_service_that_does_not_answer_does_not_hold_it_up(receiver: Receiver) -> None:
    receiver.answer = lambda _: wait(receiver)
    error = failure(receiver, timeout_s=0.2)
    assert (type(error), str(error)) == (Transient, "no answer: TimeoutError")


@pytest.mark.parametrize(
    "url",
    ["", SECRET, f"nosuch://{SECRET}", f"https://example.com/{SECRET}", f"slack://{SECRET}", "json://"],
    ids=["empty", "none", "unknown", "web", "incomplete", "no_host"],
)
def test_a_url_that_apprise_does_not_know_is_refused_at_load_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AppriseSettings(url=url).channel(ManualClock(AT))
    assert SECRET not in str(caught.value)


def test_no_secret_is_logged_at_any_level(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure("debug", "json")
        root.addHandler(caplog.handler)
        channel(receiver).send(notification())
        receiver.answer = status(500)
        failure(receiver)
        with pytest.raises(ConfigError):
            AppriseChannel(f"nosuch://{SECRET}")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert SECRET not in caplog.text


def wait(receiver: Receiver) -> None:
    """Until the receiver ends."""
    assert receiver.released.wait(30)
