"""Acknowledgements from a channel's other side, over HTTP into a real database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.testclient import TestClient

from monitor.errors import Transient
from monitor.hook_api import MAX_BODY, hooks_route
from monitor.notify.channel import dedup_key
from monitor.notify.pagerduty import PagerDutySettings
from monitor.notify.slack import SlackSettings
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.tables import acknowledgements, alerts, outbox
from monitor.store.views import Views
from tests.store.helpers import empty, evaluated
from tests.web.desk import NOW, AtNow

SECRET = "s3cret"
EPISODE = "JsonBroken/page/service=checkout/1"
CHANNELS = {
    "duty": PagerDutySettings(routing_key="k", signing_secret=SECRET),
    "chat": SlackSettings(token="t", channel_id="#alerts", signing_secret=SECRET),
    "deaf": SlackSettings(token="t", channel_id="#alerts"),
}


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    engine = connect(module_database)
    change = AlertChange(
        rule="JsonBroken", labels={"service": "checkout"}, severity="page", state="firing", before=None,
        standing="firing", at=NOW, episode=EPISODE, told=True,
    )  # fmt: skip
    Alerts(engine).commit(evaluated(change, channels=["duty", "chat"]), NOW)
    yield engine
    empty(engine)
    engine.dispose()


@pytest.fixture
def site(engine: sa.Engine) -> Iterator[TestClient]:
    route = hooks_route(CHANNELS, Alerts(engine), Views(engine), AtNow())
    with TestClient(Starlette(routes=[route])) as client:
        yield client


def signed(text: bytes) -> str:
    return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()


def from_pagerduty(site: TestClient, key: str, path: str = "/api/hooks/pagerduty/duty") -> int:
    event = {
        "event_type": "incident.acknowledged",
        "agent": {"type": "user_reference", "summary": "Ann"},
        "data": {"incident_key": key},
    }
    body = json.dumps({"event": event}).encode()
    return site.post(path, content=body, headers={"x-pagerduty-signature": f"v1={signed(body)}"}).status_code


def from_slack(site: TestClient, alert_id: int, path: str = "/api/hooks/slack/chat") -> int:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ann"},
        "actions": [{"action_id": "acknowledge", "value": str(alert_id)}],
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(int(NOW.timestamp()))
    signature = signed(f"v0:{stamp}:".encode() + body)
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={signature}"}
    return site.post(path, content=body, headers=headers).status_code


def noted(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        found = sa.select(acknowledgements.c.episode, acknowledgements.c.by, acknowledgements.c.source)
        return [tuple(row) for row in connection.execute(found)]


def number(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(sa.select(alerts.c.alert_id)).scalar_one())


def test_an_acknowledgement_in_pagerduty_is_one_here_and_the_others_are_told(
    site: TestClient, engine: sa.Engine
) -> None:
    assert from_pagerduty(site, dedup_key(EPISODE)) == 200
    assert noted(engine) == [(EPISODE, "Ann", "duty")]
    with engine.begin() as connection:
        told = sa.select(outbox.c.channel).where(outbox.c.kind == "acknowledge")
        assert list(connection.execute(told).scalars()) == ["chat"]


def test_a_press_of_slacks_button_is_an_acknowledgement(site: TestClient, engine: sa.Engine) -> None:
    assert from_slack(site, number(engine)) == 200
    assert noted(engine) == [(EPISODE, "ann", "chat")]


def test_of_what_is_not_there_nothing_is_noted(site: TestClient, engine: sa.Engine) -> None:
    assert from_pagerduty(site, dedup_key("another")) == 200
    assert from_slack(site, number(engine) + 1) == 200
    assert noted(engine) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/hooks/pagerduty/chat", 404),
        ("/api/hooks/slack/duty", 404),
        ("/api/hooks/slack/nobody", 404),
        ("/api/hooks/slack/deaf", 401),
        ("/api/hooks/slack/chat", 401),
    ],
    ids=str,
)
def test_only_what_a_channel_signed_is_heard(
    site: TestClient, engine: sa.Engine, path: str, status: int
) -> None:
    """What PagerDuty signed says nothing to Slack's endpoint."""
    assert from_pagerduty(site, dedup_key(EPISODE), path) == status
    assert noted(engine) == []


def test_a_body_that_is_too_large_is_not_read(site: TestClient) -> None:
    assert site.post("/api/hooks/slack/chat", content=b"x" * (MAX_BODY + 1)).status_code == 413


def test_without_postgres_the_sender_is_asked_to_try_again(
    site: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_self: Alerts, **_more: object) -> None:
        raise Transient("Postgres can't be reached")

    monkeypatch.setattr(Alerts, "open", away)
    assert from_pagerduty(site, dedup_key(EPISODE)) == 503
