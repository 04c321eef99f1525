"""The webhook against a real HTTP server: what is in a request, and what its contract leaves to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.clock import ManualClock
from monitor.errors import ConfigError
from monitor.notify import Page, WebhookChannel
from monitor.notify.webhook import WebhookSettings
from tests.notify.pages import notification
from tests.notify.receiver import Receiver, status

NOW = datetime(2026, 3, 10, 12, 0, 0, 900_000, tzinfo=UTC)
NEWS = notification()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def channel(receiver: Receiver, **settings: Any) -> WebhookChannel:
    return WebhookChannel(f"{receiver.url}?token=hunter2", ManualClock(NOW), **settings)


# ------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    channel(receiver).send(NEWS)
    assert len(receiver.posts) == 1


def test_the_body_of_an_answer_is_not_waited_for(receiver: Receiver) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        handler.wfile.write(b"x")
        wait(receiver)

    receiver.answer = endless
    channel(receiver).send(NEWS)


# ------------------------------------------------------------------------------------------------ requests


def test_a_request_is_json_with_the_standard_headers(receiver: Receiver) -> None:
    channel(receiver).send(NEWS)
    (post,) = receiver.posts
    assert post.path == "/hook?token=hunter2"
    assert msgspec.json.decode(post.body, type=Page) == NEWS.page
    expected = {
        "content-type": "application/json",
        "user-agent": "llm-monitor",
        "webhook-id": "ntf_7",
        "webhook-timestamp": str(int(NOW.timestamp())),
    }
    assert {name: post.headers[name] for name in expected} == expected
    assert "webhook-signature" not in post.headers


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("hunter03", b"hunter03"),
        ("whsec_aHVudGVyMDQ=", b"hunter04"),
        ("whsec_" + base64.b64encode(bytes(range(64))).decode(), bytes(range(64))),
    ],
)
def test_a_signature_is_that_of_the_specification(receiver: Receiver, secret: str, key: bytes) -> None:
    channel(receiver, secret=secret).send(NEWS)
    (post,) = receiver.posts
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert post.headers["webhook-signature"] == f"v1,{signature}"


def test_the_receiver_of_the_documentation_knows_us(receiver: Receiver) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "webhook.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - our own documentation
    for secret in ("hunter03", "whsec_aHVudGVyMDQ="):
        channel(receiver, secret=secret).send(NEWS)
        post = receiver.posts[-1]
        assert namespace["is_ours"](post.headers, post.body, secret)
        assert not namespace["is_ours"](post.headers, post.body + b" ", secret)


def test_the_id_stays_the_same_over_attempts_and_the_timestamp_does_not(receiver: Receiver) -> None:
    clock = ManualClock(NOW)
    subject = WebhookChannel(receiver.url, clock, secret="hunter03")
    subject.send(NEWS)
    clock.advance(timedelta(minutes=5))
    subject.send(msgspec.structs.replace(NEWS, attempt=2))
    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 300
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert first.body == second.body


# -------------------------------------------------------------------------------------------- at the start


@pytest.mark.parametrize(
    "url", ["", "hunter2", "example.com/hunter2", "ftp://example.com/", "http://", "http:///hunter2", "http://a:b/"]
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebhookChannel(url, ManualClock(NOW))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("secret", ["whsec_hunter2", "whsec_*", "whsec_a b", "whsec_é"])
def test_a_secret_that_says_it_is_base64_and_is_not_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebhookChannel("http://example.com/", ManualClock(NOW), secret=secret)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "secret", ["", "hunter2", "whsec_", "whsec_aHVudGVyMg=="], ids=["empty", "short", "no_key", "short_key"]
)
def test_a_secret_that_can_be_guessed_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="at least 8 bytes") as caught:
        WebhookSettings(url="http://example.com/", secret=secret).channel(ManualClock(NOW))
    assert "hunter2" not in str(caught.value)


def wait(receiver: Receiver) -> None:
    """Until the receiver ends."""
    assert receiver.released.wait(30)


def void(_: object) -> None:
    pass
