"""What comes back from PagerDuty and Slack: read when it is signed and of these minutes, else refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.answers import from_pagerduty, from_slack
from monitor.notify.channel import Acknowledging, Forged
from monitor.notify.log import LogSettings
from monitor.notify.pagerduty import PagerDutySettings
from monitor.notify.slack import SlackSettings
from tests.notify.pages import AT, notification

SECRET = "hunter2"
KEY = notification().dedup_key


def digest(signed: bytes, secret: str = SECRET) -> str:
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()


# ----------------------------------------------------------------------------------------------- PagerDuty


def webhook(**changes: Any) -> bytes:
    """An event as PagerDuty's documentation has it ("Webhook Payload")."""
    event = {
        "id": "5ac64822-4adc-4fda-ade0-410becf0de4f",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": "2026-03-10T12:05:00.000Z",
        "agent": {"id": "PLH1HKV", "summary": "Ada Lovelace", "type": "user_reference"},
        "client": {"name": "PagerDuty"},
        "data": {"id": "PGR0VU2", "type": "incident", "status": "acknowledged", "incident_key": KEY},
    }
    return json.dumps({"event": event | changes}).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-pagerduty-signature": f"v1={digest(body, secret)}"}


def test_an_acknowledgement_at_pagerduty_says_who_and_of_what() -> None:
    body = webhook()
    assert from_pagerduty(signed(body), body, SECRET) == Acknowledging(by="Ada Lovelace", dedup_key=KEY)


def test_one_of_several_signatures_is_enough_while_the_secret_changes() -> None:
    body = webhook()
    both = f"v1={digest(body, 'old')}, {signed(body)['x-pagerduty-signature']}"
    assert from_pagerduty({"x-pagerduty-signature": both}, body, SECRET) is not None


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1=",
        f"v1={digest(webhook(), 'other')}",
        f"v1={digest(webhook() + b' ')}",
        f"v0={digest(webhook())}",
        digest(webhook()),
        f"v1={digest(webhook()).upper()}",
        f"v1={digest(webhook())}x",
        "v1=é\udcff",
        "," * 5_000,
    ],
    ids=["none", "empty", "secret", "body", "version", "bare", "upper", "longer", "bytes", "commas"],
)
def test_a_webhook_that_is_not_pagerdutys_is_refused_unread(signature: str) -> None:
    with pytest.raises(Forged) as caught:
        from_pagerduty({"x-pagerduty-signature": signature}, webhook(), SECRET)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        webhook(event_type="incident.resolved"),
        webhook(event_type="pagey.ping", data={"message": "Hello", "type": "ping"}),
        webhook(agent=None),
        webhook(agent={"type": "inbound_integration_reference", "summary": "llm-monitor"}),
        webhook(data={"incident_key": None}),
        webhook(data={"incident_key": "somebody else's"}),
        webhook(data={"incident_key": KEY + "\n"}),
        webhook(data={"incident_key": [KEY]}),
        webhook(data=[]),
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"[" * 100_000,
    ],
    ids=[
        "resolved", "ping", "nobody", "integration", "no_key", "other_key", "longer_key", "keys", "list",
        "empty", "object", "array", "bytes", "deep",
    ],
)  # fmt: skip
def test_any_other_event_of_pagerdutys_says_nothing(body: bytes) -> None:
    assert from_pagerduty(signed(body), body, SECRET) is None


# --------------------------------------------------------------------------------------------------- Slack


def press(**changes: Any) -> bytes:
    """A press of our button as Slack's reference has it ("block_actions payload")."""
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada", "name": "ada", "team_id": "T1"},
        "team": {"id": "T1", "domain": "example"},
        "channel": {"id": "C1", "name": "alerts"},
        "response_url": "https://hooks.slack.example/actions/1",
        "actions": [
            {"action_id": "acknowledge", "block_id": "x", "type": "button", "value": "17", "action_ts": "1.1"}
        ],
    }
    return urlencode({"payload": json.dumps(payload | changes)}).encode()


def stamped(body: bytes, *, late: float = 0, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int((AT - timedelta(seconds=late)).timestamp()))
    signature = f"v0={digest(f'v0:{stamp}:'.encode() + body, secret)}"
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}


def test_a_press_of_the_button_says_who_and_of_what() -> None:
    body = press()
    assert from_slack(stamped(body), body, SECRET, AT) == Acknowledging(by="ada", alert_id=17)


@pytest.mark.parametrize("late", [300, -300, 0.0])
def test_a_press_is_heard_within_five_minutes(late: float) -> None:
    body = press()
    assert from_slack(stamped(body, late=late), body, SECRET, AT) is not None


@pytest.mark.parametrize("late", [301, -301, 86_400])
def test_a_press_of_another_time_is_refused(late: float) -> None:
    body = press()
    with pytest.raises(Forged):
        from_slack(stamped(body, late=late), body, SECRET, AT)


@pytest.mark.parametrize(
    "changes",
    [
        {"x-slack-signature": ""},
        {"x-slack-signature": "v0="},
        {"x-slack-signature": f"v0={digest(press())}"},
        {"x-slack-signature": stamped(press(), secret="other")["x-slack-signature"]},
        {"x-slack-signature": stamped(press(user={"id": "U2"}))["x-slack-signature"]},
        {"x-slack-signature": "v0=é"},
        {"x-slack-request-timestamp": ""},
        {"x-slack-request-timestamp": str(int(AT.timestamp()) + 1)},
        {"x-slack-request-timestamp": "9" * 5_000},
        {"x-slack-request-timestamp": "-1"},
        {"x-slack-request-timestamp": "nan"},
        {"x-slack-request-timestamp": "١٧٧٣١٤٤١٢٠"},
    ],
    ids=[
        "none", "empty", "unstamped", "secret", "body", "bytes", "no_stamp", "other_stamp", "long_stamp",
        "minus", "nan", "digits",
    ],
)  # fmt: skip
def test_a_request_that_is_not_slacks_is_refused_unread(changes: dict[str, str]) -> None:
    with pytest.raises(Forged) as caught:
        from_slack(stamped(press()) | changes, press(), SECRET, AT)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        press(type="view_submission"),
        press(actions=[]),
        press(actions=[{"action_id": "other", "value": "17"}]),
        press(user=None),
        press(user={}),
        b"",
        b"payload=",
        b"payload=%FF",
        b"a=1&" * 100,
        b"payload=" + quote_plus("[" * 100_000).encode(),
    ],
    ids=["type", "no_action", "other_action", "nobody", "no_id", "empty", "blank", "bytes", "many", "deep"],
)
def test_any_other_request_of_slacks_says_nothing(body: bytes) -> None:
    assert from_slack(stamped(body), body, SECRET, AT) is None


@pytest.mark.parametrize(
    "value", [None, 17, "", "0", "-1", "017", "1.5", "17 ", "9" * 19, "\uff11\uff17", "17;drop"]
)
def test_a_value_that_we_did_not_give_the_button_says_nothing(value: object) -> None:
    body = press(actions=[{"action_id": "acknowledge", "value": value}])
    assert from_slack(stamped(body), body, SECRET, AT) is None


# ---------------------------------------------------------------------------------------------------- both


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Ada\r\nX: y\u202e", "Ada X: y"),
        ("a" * 500, "a" * 99 + "…"),
        ("<b>", "<b>"),
        ("\n", "somebody at PagerDuty"),
        (None, "somebody at PagerDuty"),
    ],
    ids=["lines", "long", "markup", "blank", "none"],
)
def test_a_name_is_one_short_line(name: str | None, said: str) -> None:
    body = webhook(agent={"type": "user_reference", "summary": name})
    found = from_pagerduty(signed(body), body, SECRET)
    assert found is not None
    assert found.by == said


@given(body=st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(str).map(str.encode))
def test_nothing_that_is_signed_breaks_the_reader(body: bytes) -> None:
    assert from_pagerduty(signed(body), body, SECRET) is None
    assert from_slack(stamped(body), body, SECRET, AT) is None
    form = b"payload=" + quote_plus(body).encode()
    assert from_slack(stamped(form), form, SECRET, AT) is None


def test_a_channel_hears_only_with_a_signing_secret() -> None:
    key, body, form = "0" * 32, webhook(), press()
    pagerduty = PagerDutySettings(routing_key=key, signing_secret=SECRET)
    slack = SlackSettings(token="xoxb-1234", channel_id="C1", signing_secret=SECRET)
    assert pagerduty.hear(signed(body), body, AT) == Acknowledging(by="Ada Lovelace", dedup_key=KEY)
    assert slack.hear(stamped(form), form, AT) == Acknowledging(by="ada", alert_id=17)
    deaf = (
        PagerDutySettings(routing_key=key),
        SlackSettings(token="xoxb-1234", channel_id="C1"),
        LogSettings(),
    )
    for settings in deaf:
        with pytest.raises(Forged, match="nothing is heard"):
            settings.hear(signed(body) | stamped(form), body, AT)
