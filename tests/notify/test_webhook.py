"""The webhook against a real HTTP server: every kind of answer, and what is in a request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.clock import ManualClock
from monitor.errors import ConfigError, MonitorError, Permanent, Transient
from monitor.notify import Notification, WebhookChannel
from monitor.notify.channel import TryLater
from tests.notify.receiver import Receiver, status

NOW = datetime(2026, 3, 10, 12, 0, 0, 900_000, tzinfo=UTC)
NEWS = Notification("evt_7_oncall", {"status": "firing", "title": "×21 on checkout"}, 1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def channel(receiver: Receiver, **settings: Any) -> WebhookChannel:
    return WebhookChannel(f"{receiver.url}?token=hunter2", ManualClock(NOW), **settings)


def failure(receiver: Receiver, **settings: Any) -> MonitorError:
    with pytest.raises(MonitorError) as caught:
        channel(receiver, **settings).send(NEWS)
    assert "hunter2" not in f"{caught.value!r}"
    assert caught.value.__cause__ is None
    return caught.value


# ------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    channel(receiver).send(NEWS)
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("code", [300, 301, 302, 304, 307, 400, 401, 403, 404, 405, 410, 413, 422])
def test_a_redirect_or_a_refusal_is_final(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, location=receiver.url)
    error = failure(receiver)
    assert type(error) is Permanent
    assert str(error) == f"the receiver answered {code}"
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_an_answer_that_asks_for_patience_is_tried_again(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    error = failure(receiver)
    assert isinstance(error, TryLater)
    assert (str(error), error.after) == (f"the receiver answered {code}", None)


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("0", timedelta()),
        ("30", timedelta(seconds=30)),
        ("86400", timedelta(days=1)),
        ("9" * 5_000, timedelta(days=1)),
        ("Tue, 10 Mar 2026 12:05:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:12],
)
@pytest.mark.parametrize("code", [429, 503])
def test_a_pause_that_is_asked_for_in_seconds_is_kept(
    receiver: Receiver, code: int, value: str, after: timedelta | None
) -> None:
    receiver.answer = status(code, retry_after=value)
    error = failure(receiver)
    assert isinstance(error, TryLater)
    assert error.after == after


def test_no_answer_in_time_is_tried_again(receiver: Receiver) -> None:
    receiver.answer = lambda _: wait(receiver)
    error = failure(receiver, timeout_s=0.05)
    assert type(error) is Transient
    assert str(error) in ("no answer: TimeoutError", "no answer: ReadTimeout")


def test_an_answer_that_comes_drop_by_drop_does_not_hold_it_up(receiver: Receiver) -> None:
    """Each byte comes in time for a timeout that starts anew with each."""

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not receiver.released.wait(0.02):
            handler.wfile.write(b"x")

    receiver.answer = trickle
    assert str(failure(receiver, timeout_s=0.2)) == "no answer: TimeoutError"


def test_the_body_of_an_answer_is_not_waited_for(receiver: Receiver) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        handler.wfile.write(b"x")
        wait(receiver)

    receiver.answer = endless
    channel(receiver).send(NEWS)


def test_a_connection_that_breaks_is_tried_again(receiver: Receiver) -> None:
    receiver.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    error = failure(receiver)
    assert type(error) is Transient
    assert str(error) in ("no answer: RemoteProtocolError", "no answer: ReadError")


def test_what_is_no_http_is_tried_again(receiver: Receiver) -> None:
    receiver.answer = lambda handler: void(handler.wfile.write(b"SSH-2.0-OpenSSH_9\r\n\r\n"))
    assert str(failure(receiver)) == "no answer: RemoteProtocolError"


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Transient, match=r"^no answer: ConnectError$"):
        WebhookChannel(f"http://127.0.0.1:{port}/hunter2", ManualClock(NOW)).send(NEWS)


# ------------------------------------------------------------------------------------------------ requests


def test_a_request_is_json_with_the_standard_headers(receiver: Receiver) -> None:
    channel(receiver).send(NEWS)
    (post,) = receiver.posts
    assert post.path == "/hook?token=hunter2"
    assert msgspec.json.decode(post.body) == NEWS.payload
    expected = {
        "content-type": "application/json",
        "user-agent": "llm-monitor",
        "webhook-id": "evt_7_oncall",
        "webhook-timestamp": str(int(NOW.timestamp())),
    }
    assert {name: post.headers[name] for name in expected} == expected
    assert "webhook-signature" not in post.headers


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("hunter3", b"hunter3"),
        ("whsec_aHVudGVyNA==", b"hunter4"),
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
    for secret in ("hunter3", "whsec_aHVudGVyNA=="):
        channel(receiver, secret=secret).send(NEWS)
        post = receiver.posts[-1]
        assert namespace["is_ours"](post.headers, post.body, secret)
        assert not namespace["is_ours"](post.headers, post.body + b" ", secret)


def test_the_id_stays_the_same_over_attempts_and_the_timestamp_does_not(receiver: Receiver) -> None:
    clock = ManualClock(NOW)
    subject = WebhookChannel(receiver.url, clock, secret="hunter3")
    subject.send(NEWS)
    clock.advance(timedelta(minutes=5))
    subject.send(msgspec.structs.replace(NEWS, attempt=2))
    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 300
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert first.body == second.body


def test_neither_url_nor_secret_is_logged_at_any_level(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    from monitor import logs

    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure("debug", "json")
        root.addHandler(caplog.handler)
        channel(receiver, secret="hunter3").send(NEWS)
        receiver.answer = status(500)
        failure(receiver, secret="hunter3")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert "hunter" not in caplog.text


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


def wait(receiver: Receiver) -> None:
    """Until the receiver ends."""
    assert receiver.released.wait(30)


def void(_: object) -> None:
    pass
