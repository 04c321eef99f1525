"""The rules of Teams: a card that a workflow can post, within its size, and text that stays text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import ConfigError
from monitor.notify.teams import TeamsChannel, TeamsSettings, message
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Post, Receiver, judged_by
from tests.notify.teams_server import Workflow


def card(page: Any) -> dict[str, Any]:
    """The card as the workflow got it."""
    workflow = Workflow()
    workflow(Post("/", {}, json.dumps(message(page)).encode()))
    assert workflow.refused == []
    (found,) = workflow.cards
    return found


def texts(found: dict[str, Any]) -> list[str]:
    return [run["text"] for element in found["body"] for run in element["inlines"]]


def test_a_card_has_all_that_the_page_says() -> None:
    found = card(TRIGGER)
    said = texts(found)
    assert said[0] == f"🔴 {TRIGGER.title}"
    assert "Began about 2026-03-10 12:00 UTC." in said
    assert said[said.index("Failures") + 1].startswith("truncated: 40 calls")
    assert [(one["title"], one["url"]) for one in found["actions"]] == [
        ("Alert", TRIGGER.links.alert),
        ("Dashboard", TRIGGER.links.dashboard),
        ("Runbook", TRIGGER.links.runbook),
        ("Silence", TRIGGER.links.silence),
    ]


def test_every_notification_is_a_card_of_its_own() -> None:
    workflow = Workflow()
    with Receiver() as receiver:
        receiver.answer = judged_by(workflow)
        channel = TeamsSettings(url=receiver.url).channel(ManualClock(AT))
        for kind in ("trigger", "update", "resolve"):
            channel.send(notification(PAGES[kind]))
    assert len(workflow.cards) == 3
    assert texts(workflow.cards[-1])[0].startswith("✅ resolved:")


@pytest.mark.parametrize("letter", ["x", "é", WIDE, '"', "\\"])
def test_a_card_that_is_too_large_says_that_there_is_more(letter: str) -> None:
    found = card(swollen(TRIGGER, letter * 5_000))
    assert len(json.dumps(found)) <= 20_000
    assert texts(found)[-1] == "There is more to it than fits here."


def test_markup_in_a_log_is_not_read() -> None:
    found = card(swollen(TRIGGER, HOSTILE))
    assert {element["type"] for element in found["body"]} == {"RichTextBlock"}
    assert any("[x](https://evil.example)" in text for text in texts(found))


@settings(max_examples=50)
@given(text=st.text(st.characters(codec="utf-8"), max_size=20), times=st.sampled_from([0, 1, 50, 300]))
def test_whatever_is_in_the_logs_the_card_is_posted(text: str, times: int) -> None:
    for kind in ("trigger", "digest", "resolve"):
        card(swollen(PAGES[kind], text * times))


def test_a_link_that_is_too_long_is_left_out_not_cut() -> None:
    links = structs.replace(TRIGGER.links, dashboard="https://x/" + "a" * 3_000)
    assert "Dashboard" not in [one["title"] for one in card(structs.replace(TRIGGER, links=links))["actions"]]


@pytest.mark.parametrize("url", ["", "hunter2", "ftp://x/hunter2", "https://"])
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TeamsChannel(url)
    assert "hunter2" not in str(caught.value)
