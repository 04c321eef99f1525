"""What every channel that speaks HTTP does: takes each kind of page to a receiver that refuses what the real
one refuses, says what each answer means, gives up in time, tells nobody its secret. ``CHANNELS`` has them.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import NamedTuple, Protocol

import pytest
from msgspec import structs

from monitor import logs
from monitor.clock import ManualClock
from monitor.errors import MonitorError, Permanent, Transient
from monitor.notify.alertmanager import AlertmanagerChannel
from monitor.notify.channel import Channel, Receipt, TryLater
from monitor.notify.http import TIMEOUT_S
from monitor.notify.opsgenie import OpsgenieChannel
from monitor.notify.pagerduty import PagerDutyChannel
from monitor.notify.slack import SlackChannel
from monitor.notify.teams import TeamsChannel
from monitor.notify.webhook import WebhookChannel
from tests.notify.alertmanager_server import Alertmanager
from tests.notify.opsgenie_server import Opsgenie
from tests.notify.pagerduty_server import PagerDuty
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen
from tests.notify.receiver import Post, Receiver, Reply, Request, judged_by, status
from tests.notify.slack_server import Slack
from tests.notify.teams_server import Workflow

#: In the key, token or URL of every channel here; hexadecimal, so that it fits each.
SECRET = "5ec2e75ec2e75ec2e75ec2e75ec2e7ab"


class Real(Protocol):
    """A receiver that judges as the real one does, and remembers what it refused."""

    refused: list[str]

    def __call__(self, post: Post) -> Reply: ...


class Case(NamedTuple):
    """How to make the receiver, and a channel to it from its address and the seconds an attempt may take."""

    real: Callable[[], Real]
    channel: Callable[[str, float], Channel]


class AnyWebhook:
    """Takes everything."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def __call__(self, post: Post) -> Reply:
        return Reply(204)


CHANNELS = {
    "webhook": Case(
        AnyWebhook,
        lambda url, limit: WebhookChannel(
            f"{url}?token={SECRET}", ManualClock(AT), secret=SECRET, timeout_s=limit
        ),
    ),
    "alertmanager": Case(
        Alertmanager,
        lambda url, limit: AlertmanagerChannel(
            (url,), ManualClock(AT), headers={"authorization": f"Bearer {SECRET}"}, timeout_s=limit
        ),
    ),
    "opsgenie": Case(
        lambda: Opsgenie(SECRET), lambda url, limit: OpsgenieChannel(SECRET, url=url, timeout_s=limit)
    ),
    "pagerduty": Case(PagerDuty, lambda url, limit: PagerDutyChannel(SECRET, url=url, timeout_s=limit)),
    "slack": Case(
        lambda: Slack(SECRET),
        lambda url, limit: SlackChannel(SECRET, "#alerts", buttons=True, url=url, timeout_s=limit),
    ),
    "teams": Case(Workflow, lambda url, limit: TeamsChannel(f"{url}?sig={SECRET}", timeout_s=limit)),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def receiver(server: Receiver) -> Receiver:
    """The one server of all these tests, as if it were new."""
    server.posts, server.answer = [], status(204)
    return server


@pytest.fixture(params=CHANNELS)
def case(request: pytest.FixtureRequest) -> Case:
    return CHANNELS[request.param]


def outcome(case: Case, receiver: Receiver, limit: float = TIMEOUT_S) -> MonitorError | None:
    """What one attempt raised, if anything; without secrets in any case."""
    try:
        case.channel(receiver.url, limit).send(notification())
    except MonitorError as error:
        said = error
    else:
        return None
    assert SECRET not in f"{said!r}"
    assert receiver.url not in f"{said!r}"
    assert said.__cause__ is None
    return said


# --------------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_of_every_kind_is_taken_with_and_without_a_receipt(
    case: Case, receiver: Receiver, kind: str
) -> None:
    real = case.real()
    receiver.answer = judged_by(real)
    channel = case.channel(receiver.url, TIMEOUT_S)
    receipt = channel.send(notification(PAGES[kind]))
    channel.send(notification(PAGES[kind], receipt))
    assert real.refused == []
    assert receiver.posts


@pytest.mark.parametrize(
    "text",
    [WIDE * 3_000, "x" * 3_000, "\x01" * 3_000, HOSTILE * 20, "&" * 3_000],
    ids=["wide", "long", "control", "hostile", "escaped"],
)
def test_a_page_beyond_every_limit_is_cut_before_it_is_sent(
    case: Case, receiver: Receiver, text: str
) -> None:
    real = case.real()
    receiver.answer = judged_by(real)
    channel = case.channel(receiver.url, TIMEOUT_S)
    receipt: Receipt | None = None
    for kind in ("trigger", "update", "acknowledge", "resolve", "digest"):
        receipt = channel.send(notification(swollen(PAGES[kind], text), receipt)) or receipt
    assert real.refused == []


def test_one_channel_speaks_of_many_episodes_at_once(case: Case, receiver: Receiver) -> None:
    real = case.real()
    receiver.answer = judged_by(real)
    channel = case.channel(receiver.url, TIMEOUT_S)
    pages = [structs.replace(TRIGGER, episode=f"e/{number}", alert_id=number) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(channel.send, [notification(page) for page in pages]))
    assert real.refused == []
    assert len(receiver.posts) >= len(pages)


# ------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("code", [301, 307, 400, 401, 403, 404, 410, 413, 422])
def test_a_redirect_or_a_refusal_is_final(case: Case, receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, location=receiver.url)
    error = outcome(case, receiver)
    assert type(error) is Permanent
    assert str(error).startswith(f"the receiver answered {code}")
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("code", [408, 425, 429, 500, 503, 599])
def test_an_answer_that_asks_for_patience_is_tried_again(case: Case, receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    error = outcome(case, receiver)
    assert isinstance(error, TryLater)
    assert error.after is None
    assert str(error).startswith(f"the receiver answered {code}")


@pytest.mark.parametrize("code", [429, 503])
def test_a_pause_that_is_asked_for_is_kept(case: Case, receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, retry_after="30")
    error = outcome(case, receiver)
    assert isinstance(error, TryLater)
    assert error.after == timedelta(seconds=30)


@pytest.mark.parametrize("code", [200, 400])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '{"ok": 1, "error": 7, "errors": "x", "message": []}',
        "<html>",
        "[" * 9_000,
    ],
    ids=["empty", "half", "list", "other_types", "html", "deep"],
)
def test_a_body_that_is_none_of_the_vendors_is_no_bug_of_ours(
    case: Case, receiver: Receiver, code: int, body: str
) -> None:
    receiver.answer = judged_by(lambda post: Reply(code, body))
    error = outcome(case, receiver)
    assert error is not None or code == 200
    assert len(str(error)) < 300


def test_no_answer_in_time_is_tried_again(case: Case, receiver: Receiver) -> None:
    receiver.answer = lambda _: wait(receiver)
    error = outcome(case, receiver, 0.05)
    assert type(error) is Transient
    assert str(error) in ("no answer: TimeoutError", "no answer: ReadTimeout")


def test_an_answer_that_comes_drop_by_drop_does_not_hold_it_up(case: Case, receiver: Receiver) -> None:
    """Each byte comes in time for a timeout that starts anew with each."""

    def trickle(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not receiver.released.wait(0.02):
            request.wfile.write(b"x")

    receiver.answer = trickle
    assert str(outcome(case, receiver, 0.2)) == "no answer: TimeoutError"


def test_a_body_that_never_ends_does_not_hold_it_up(case: Case, receiver: Receiver) -> None:
    """It is taken, where the body says nothing, or tried again."""

    def slow(request: Request) -> None:
        request.send_response(200)
        request.send_header("content-length", "1000000")
        request.end_headers()
        while not receiver.released.wait(0.02):
            request.wfile.write(b" ")

    receiver.answer = slow
    assert str(outcome(case, receiver, 0.2)) in ("None", "no answer: TimeoutError")


def test_a_connection_that_breaks_is_tried_again(case: Case, receiver: Receiver) -> None:
    receiver.answer = lambda request: request.connection.shutdown(socket.SHUT_RDWR)
    error = outcome(case, receiver)
    assert type(error) is Transient
    assert str(error) in ("no answer: RemoteProtocolError", "no answer: ReadError")


def test_what_is_no_http_is_tried_again(case: Case, receiver: Receiver) -> None:
    receiver.answer = lambda request: void(request.wfile.write(b"SSH-2.0-OpenSSH_9\r\n\r\n"))
    assert str(outcome(case, receiver)) == "no answer: RemoteProtocolError"


def test_nobody_listening_is_tried_again(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Transient, match=r"^no answer: ConnectError$"):
        case.channel(f"http://127.0.0.1:{port}/", TIMEOUT_S).send(notification())


# ------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("code", [200, 302, 400, 429, 500])
def test_a_receiver_that_says_the_secret_back_is_not_quoted(
    case: Case, receiver: Receiver, code: int
) -> None:
    def echo(post: Post) -> Reply:
        said = f"{SECRET} {post.path} {post.headers} {post.body.decode()}"
        body = {"ok": False, "error": SECRET, "errors": [said], "message": said, "detail": said}
        return Reply(code, body, {"location": receiver.url})

    receiver.answer = judged_by(echo)
    assert outcome(case, receiver) is not None or code == 200


def test_neither_address_nor_secret_is_logged_at_any_level(
    case: Case, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure("debug", "json")
        root.addHandler(caplog.handler)
        receiver.answer = judged_by(case.real())
        case.channel(receiver.url, TIMEOUT_S).send(notification())
        receiver.answer = status(500)
        outcome(case, receiver)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert SECRET not in caplog.text
    assert receiver.url not in caplog.text


def wait(receiver: Receiver) -> None:
    """Until the receiver ends."""
    assert receiver.released.wait(30)


def void(_: object) -> None:
    pass
