"""Slack's own rules: one message for an episode, replies for what changes, and text that stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import ConfigError, Permanent
from monitor.notify.channel import Receipt, TryLater
from monitor.notify.channels import ChannelConfig
from monitor.notify.page import Acknowledgement, Links
from monitor.notify.slack import SlackChannel, SlackSettings, message, reply
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Post, Receiver, Reply, judged_by
from tests.notify.slack_server import Slack

TOKEN = "xoxb-hunter2-hunter2"


@pytest.fixture
def slack() -> Slack:
    return Slack(TOKEN)


@pytest.fixture
def receiver(slack: Slack) -> Iterator[Receiver]:
    with Receiver() as running:
        running.answer = judged_by(slack)
        yield running


@pytest.fixture
def channel(receiver: Receiver) -> SlackChannel:
    return SlackChannel(TOKEN, "#alerts", buttons=True, url=receiver.url)


def told(channel: SlackChannel, *kinds: str) -> Receipt | None:
    """What is known after these notifications of one episode."""
    receipt: Receipt | None = None
    for kind in kinds:
        receipt = channel.send(notification(PAGES[kind], receipt)) or receipt
    return receipt


# ------------------------------------------------------------------------------------------------ messages


def test_an_episode_is_one_message_that_is_changed_in_place(slack: Slack, channel: SlackChannel) -> None:
    receipt = told(channel, "trigger", "update", "repeat", "acknowledge", "resolve")
    first, *replies = slack.messages.values()
    assert receipt == {"channel": "C1", "ts": next(iter(slack.messages))}
    assert first["text"] == "✅ resolved: json failed on checkout / production, now 2.0 %"
    assert [one["thread_ts"] for one in replies] == [receipt["ts"]] * 4
    assert [one["reply_broadcast"] for one in replies] == [True, True, False, True]


@pytest.mark.parametrize("kind", ["update", "acknowledge", "resolve", "digest"])
def test_what_was_never_told_there_is_told_in_a_message_of_its_own(
    slack: Slack, channel: SlackChannel, kind: str
) -> None:
    told(channel, kind)
    assert slack.calls == ["chat.postMessage"]


@pytest.mark.parametrize(
    "error", ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"]
)
def test_a_message_that_is_beyond_reach_is_posted_anew(
    slack: Slack, receiver: Receiver, channel: SlackChannel, error: str
) -> None:
    def judge(post: Post) -> Reply:
        return Reply(200, {"ok": False, "error": error}) if "chat.update" in post.path else slack(post)

    receiver.answer = judged_by(judge)
    receipt = channel.send(notification(PAGES["resolve"], {"channel": "C1", "ts": "1.1"}))
    assert receipt == {"channel": "C1", "ts": next(iter(slack.messages))}
    assert slack.calls == ["chat.postMessage"]


def test_a_change_that_broke_off_before_its_reply_is_made_again_as_a_whole(
    slack: Slack, receiver: Receiver, channel: SlackChannel
) -> None:
    receipt = told(channel, "trigger")
    answers = iter([True, False, True, True])
    receiver.answer = judged_by(lambda post: slack(post) if next(answers) else Reply(500))
    with pytest.raises(TryLater):
        channel.send(notification(PAGES["resolve"], receipt))
    channel.send(notification(PAGES["resolve"], receipt))
    assert slack.calls == ["chat.postMessage", "chat.update", "chat.update", "chat.postMessage"]


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "error", ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"]
)
def test_an_error_that_passes_is_tried_again_after_the_pause_it_asks_for(
    receiver: Receiver, channel: SlackChannel, error: str
) -> None:
    receiver.answer = judged_by(lambda post: Reply(200, {"ok": False, "error": error}, {"retry-after": "7"}))
    with pytest.raises(TryLater, match=error) as caught:
        channel.send(notification())
    assert caught.value.after == timedelta(seconds=7)


@pytest.mark.parametrize(
    "error", ["invalid_auth", "token_revoked", "not_in_channel", "is_archived", "invalid_blocks", "a_new_one"]
)
def test_any_other_error_is_final(receiver: Receiver, channel: SlackChannel, error: str) -> None:
    receiver.answer = judged_by(lambda post: Reply(200, {"ok": False, "error": error}))
    with pytest.raises(Permanent, match=f"^Slack refused it: {error}$"):
        channel.send(notification())


@pytest.mark.parametrize(
    "body", ["ok", {}, {"ok": "true"}, {"ok": False}, {"ok": False, "error": "X 1"}], ids=str
)
def test_what_is_no_answer_of_slacks_is_tried_again(
    receiver: Receiver, channel: SlackChannel, body: object
) -> None:
    receiver.answer = judged_by(lambda post: Reply(200, body))
    with pytest.raises(TryLater, match="nothing that Slack answers"):
        channel.send(notification())


# ------------------------------------------------------------------------------------------------- buttons


@pytest.mark.parametrize(
    ("changes", "buttons", "offered"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"alert_id": None}, True, False),
        ({"status": "resolved"}, True, False),
        ({"acknowledged": Acknowledgement(by="ada", at=AT, source="page")}, True, False),
    ],
    ids=["firing", "nobody_listens", "no_alert", "over", "acknowledged"],
)
def test_a_button_is_offered_while_somebody_can_still_acknowledge(
    changes: dict[str, Any], buttons: bool, offered: bool
) -> None:
    blocks = message(structs.replace(TRIGGER, **changes), buttons=buttons)["blocks"]
    found = [one for block in blocks if block["type"] == "actions" for one in block["elements"]]
    assert [one["value"] for one in found] == (["17"] if offered else [])


# ---------------------------------------------------------------------------------------------------- text


def test_the_message_has_all_that_the_page_says() -> None:
    said = _texts(message(TRIGGER, buttons=False))
    assert said[0] == f"🔴 {TRIGGER.title}"
    assert "Began about 2026-03-10 12:00 UTC." in said[1]
    assert said[said.index("*Failures*") + 1].startswith("truncated: 40 calls")
    assert said[-1].startswith("<https://monitor.example.com/alerts/17|Alert>  ·  <https://grafana")
    assert "&amp;to=1773145920000" in said[-1]


def test_a_title_that_a_header_has_no_room_for_is_said_in_full_below() -> None:
    long = structs.replace(TRIGGER, title="a " * 100)
    header, first, *_ = _texts(message(long, buttons=False))
    assert header.endswith("…")
    assert first == "🔴 " + ("a " * 100).strip()


def test_what_is_written_in_a_log_mentions_nobody_and_links_nowhere() -> None:
    whole = message(swollen(TRIGGER, HOSTILE), buttons=False)
    read = [text for text, kind in _kinds(whole) if kind == "mrkdwn"]
    assert [name for text in read for name in re.findall(r"<[^>|]*\|(\w+)>", text)] == [
        "Alert",
        "Dashboard",
        "Runbook",
        "Silence",
    ]
    assert not any("channel" in text or "evil" in text for text in read)
    assert any("<!channel> <@U1>" in text for text in _texts(whole))
    assert "<" not in whole["text"] + reply(swollen(TRIGGER, HOSTILE))


def test_a_message_that_is_too_long_says_that_there_is_more() -> None:
    assert "There is more to it than fits here." in _texts(
        message(swollen(TRIGGER, WIDE * 900), buttons=False)
    )


def test_an_address_cannot_end_its_link() -> None:
    page = structs.replace(TRIGGER, links=Links(alert="https://x.example/a|b>c <!channel>"))
    assert _texts(message(page, buttons=False))[-1] == "<https://x.example/a%7Cb%3Ec%20%3C!channel%3E|Alert>"


@pytest.mark.parametrize("sign", [WIDE, "<", "&", "é", "e\u0301"])
@pytest.mark.parametrize("length", [147, 148, 149, 150, 5_000])
def test_a_header_keeps_to_its_limit(sign: str, length: int) -> None:
    header = _texts(message(structs.replace(TRIGGER, title=sign * length), buttons=False))[0]
    assert len(header.encode("utf-16-le")) <= 300


@settings(max_examples=50)
@given(text=st.text(st.characters(codec="utf-8"), max_size=20), times=st.sampled_from([0, 1, 50, 300]))
def test_whatever_is_in_the_logs_the_message_is_taken(text: str, times: int) -> None:
    server = Slack(TOKEN)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    for kind in ("trigger", "digest"):
        page = swollen(PAGES[kind], text * times)
        said = {"channel": "C1", **message(page, buttons=True)}
        server(Post("/chat.postMessage", headers, msgspec.json.encode(said)))
        thread = {"channel": "C1", "text": reply(page), "thread_ts": next(iter(server.messages), "")}
        server(Post("/chat.postMessage", headers, msgspec.json.encode(thread)))
    assert server.refused == []


# ------------------------------------------------------------------------------------------- configuration


def test_its_configuration_names_a_channel() -> None:
    found = msgspec.convert(
        {"kind": "slack", "token": TOKEN, "channel": "#alerts", "signing_secret": "signed-by-slack"},
        ChannelConfig,
    )
    assert isinstance(found, SlackSettings)
    assert isinstance(found.channel(ManualClock(AT)), SlackChannel)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("token", "name"), [("", "C1"), ("hunter2", "C1"), ("xoxb-hunter2\n", "C1"), (TOKEN, ""), (TOKEN, " ")]
)
def test_a_token_or_channel_that_is_none_is_refused_without_showing_it(token: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SlackChannel(token, name)
    assert "hunter2" not in str(caught.value)


def _texts(whole: dict[str, Any]) -> list[str]:
    return [text for text, _ in _kinds(whole)]


def _kinds(whole: dict[str, Any]) -> list[tuple[str, str]]:
    """Each text of the blocks, and whether Slack reads or only shows it."""
    parts = [
        part
        for block in whole["blocks"]
        if block["type"] != "actions"
        for part in block.get("elements", [block.get("text")])
    ]
    return [(part["text"], part["type"]) for part in parts]


@pytest.mark.parametrize("secret", ["", "hunter2"], ids=["empty", "short"])
def test_a_signing_secret_that_can_be_guessed_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="signing_secret must have at least 8 bytes") as caught:
        SlackSettings(token=TOKEN, channel_id="#alerts", signing_secret=secret).channel(ManualClock(AT))
    assert "hunter2" not in str(caught.value)
