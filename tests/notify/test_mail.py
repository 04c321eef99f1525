"""E-mail against a real mail server: TLS, logins, recipients one by one, and what is in a message."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from monitor.clock import ManualClock
from monitor.errors import ConfigError, MonitorError, Permanent, Transient
from monitor.notify.channel import Notification
from monitor.notify.mail import EmailChannel, EmailSettings
from monitor.notify.mail_message import SUBJECT, TEXT, message_of
from tests.notify.mail_server import PASSWORD, Certificate, MailServer
from tests.notify.pages import AT, HOSTILE, PAGES, TRIGGER, WIDE, notification, swollen

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"
SENDER = "monitor@example.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def settings(port: int, **changes: Any) -> EmailSettings:
    given: dict[str, Any] = {"encryption": "none", "to": (ADA,), "port": port, **changes}
    return EmailSettings(host="127.0.0.1", sender=SENDER, **given)


def channel(server: MailServer, **changes: Any) -> EmailChannel:
    return EmailChannel(settings(server.port, **changes), ManualClock(AT))


def failure(subject: EmailChannel, said: Notification | None = None) -> MonitorError:
    with pytest.raises(MonitorError) as caught:
        subject.send(said or notification())
    assert PASSWORD not in f"{caught.value!r}"
    assert caught.value.__cause__ is None
    return caught.value


# -------------------------------------------------------------------------------------- the way to the server


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_message_goes_over_tls_with_a_login(certificate: Certificate, encryption: str) -> None:
    with MailServer(encryption, certificate) as server:
        login = {"user": "ada", "password": PASSWORD, "ca_file": str(certificate.certificate)}
        channel(server, encryption=encryption, **login).send(notification())
    ((recipients, message),) = server.mails
    assert recipients == [ADA]
    assert message["Subject"] == f"🔴 {TRIGGER.title}"


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Certificate, encryption: str) -> None:
    with MailServer(encryption, certificate) as server:
        error = failure(channel(server, encryption=encryption))
    assert type(error) is Permanent
    assert "certificate" in str(error)
    assert server.mails == []


def test_a_certificate_of_another_server_is_refused(tmp_path: Path) -> None:
    other = Certificate.make(tmp_path, "DNS:mail.example.org")
    with MailServer("starttls", other) as server:
        error = failure(channel(server, encryption="starttls", ca_file=str(other.certificate)))
    assert type(error) is Permanent
    assert server.mails == []


def test_a_server_without_starttls_gets_neither_password_nor_message(server: MailServer) -> None:
    error = failure(channel(server, encryption="starttls", user="ada", password=PASSWORD))
    assert type(error) is Permanent
    assert server.mails == []


def test_a_login_that_is_refused_is_final(server: MailServer) -> None:
    server.login = False
    error = failure(channel(server, user="ada", password=PASSWORD))
    assert (type(error), str(error)) == (Permanent, "the server answered 535 5.7.8")


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = failure(EmailChannel(settings(port), ManualClock(AT)))
    assert (type(error), str(error)) == (Transient, "no answer: ConnectionRefusedError")


@pytest.mark.parametrize(
    "greeting",
    [b"", b"554 5.3.2 no", b"421 4.3.2 later", b"HTTP/1.1 400 Bad Request"],
    ids=["silence", "never", "later", "http"],
)
def test_a_server_that_does_not_greet_is_judged_by_what_it_says(greeting: bytes) -> None:
    with talker(greeting + b"\r\n" if greeting else b"") as port:
        error = failure(EmailChannel(settings(port), ManualClock(AT)))
    assert type(error) is (Permanent if greeting.startswith(b"554") else Transient)


def test_a_server_that_trickles_does_not_hold_it_up() -> None:
    """Each byte comes in time for a timeout that starts anew with each."""
    with talker(b"220-", trickle=b"x") as port:
        error = failure(EmailChannel(settings(port), ManualClock(AT), timeout_s=0.2))
    assert (type(error), str(error)) == (Transient, "no answer: TimeoutError")


# --------------------------------------------------------------------------------------------- recipients


@pytest.mark.parametrize(
    ("code", "expected"),
    [("451 4.3.0 later", Transient), ("552 5.3.4 too large", Permanent), ("554 5.7.1 spam", Permanent)],
    ids=["later", "size", "content"],
)
def test_what_the_server_says_of_the_message_decides(
    server: MailServer, code: str, expected: type[MonitorError]
) -> None:
    server.data = code
    error = failure(channel(server))
    assert type(error) is expected
    assert str(error) == f"the server answered {code[:9]}"


def test_all_recipients_are_served_by_one_message(server: MailServer) -> None:
    channel(server, to=(ADA, BOB, ADA)).send(notification())
    ((recipients, message),) = server.mails
    assert recipients == [ADA, BOB]
    assert message["To"] == f"{ADA}, {BOB}"


def test_a_recipient_that_is_refused_for_now_is_tried_again_and_the_others_get_it_once(
    server: MailServer,
) -> None:
    subject = channel(server, to=(ADA, BOB, EVE))
    server.recipients = {BOB: "450 4.2.1 greylisted"}
    error = failure(subject)
    assert (type(error), str(error)) == (Transient, f"the server takes it later for {BOB}")
    assert [mail.recipients for mail in server.mails] == [[ADA, EVE]]
    failure(subject)
    assert len(server.mails) == 1
    server.recipients = {}
    subject.send(notification())
    assert [mail.recipients for mail in server.mails] == [[ADA, EVE], [BOB]]
    first, second = (mail.message for mail in server.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert second["To"] == f"{ADA}, {BOB}, {EVE}"


def test_a_recipient_that_is_refused_for_ever_is_told_of_and_the_others_get_it_once(
    server: MailServer,
) -> None:
    subject = channel(server, to=(ADA, BOB))
    server.recipients = {BOB: "550 5.1.1 no such user hunter2"}
    for _ in range(2):
        error = failure(subject)
        assert type(error) is Permanent
        assert str(error) == f"the server refused 1 of 2 recipients: {BOB} (550 5.1.1)"
    assert [mail.recipients for mail in server.mails] == [[ADA]]


def test_nobody_is_lost_among_recipients_that_are_refused_in_different_ways(server: MailServer) -> None:
    subject = channel(server, to=(ADA, BOB, EVE))
    server.recipients = {ADA: "550 5.1.1 unknown", BOB: "452 4.2.2 full"}
    assert type(failure(subject)) is Transient
    server.recipients = {}
    error = failure(subject)
    assert str(error) == f"the server refused 1 of 3 recipients: {ADA} (550 5.1.1)"
    assert [mail.recipients for mail in server.mails] == [[EVE], [BOB]]


def test_too_many_recipients_at_once_come_later(server: MailServer) -> None:
    server.recipients = {BOB: "552 too many recipients"}
    assert type(failure(channel(server, to=(ADA, BOB)))) is Transient


def test_another_notification_is_another_message(server: MailServer) -> None:
    subject = channel(server)
    subject.send(notification())
    subject.send(structs.replace(notification(), id="ntf_8"))
    first, second = (mail.message for mail in server.mails)
    assert first["Message-ID"] != second["Message-ID"]


# ------------------------------------------------------------------------------------------------ messages


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_of_every_kind_is_a_message_in_plain_text_and_html(server: MailServer, kind: str) -> None:
    channel(server).send(notification(PAGES[kind]))
    ((_, message),) = server.mails
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    title = PAGES[kind].title or PAGES[kind].alert
    for part in message.iter_parts():
        assert title in part.get_content().replace("&#x27;", "'")


def test_messages_of_an_episode_are_one_thread(server: MailServer) -> None:
    subject = channel(server)
    for number, kind in enumerate(("trigger", "update", "resolve")):
        subject.send(structs.replace(notification(PAGES[kind]), id=f"ntf_{number}"))
    messages = [mail.message for mail in server.mails]
    assert len({one["References"] for one in messages}) == len({one["In-Reply-To"] for one in messages}) == 1
    assert len({one["Message-ID"] for one in messages}) == 3
    other = notification(structs.replace(TRIGGER, episode="another"))
    assert message(other)["References"] != messages[0]["References"]


def test_a_message_says_that_nobody_wrote_it(server: MailServer) -> None:
    channel(server).send(notification())
    ((_, sent),) = server.mails
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent["List-Id"] == "llm-monitor <llm-monitor.example.com>"
    assert sent["From"] == f"llm-monitor <{SENDER}>"
    assert sent["Importance"] == "high"
    assert sent["Date"].datetime == AT


def test_what_is_no_page_or_has_ended_is_of_no_importance() -> None:
    for page in (PAGES["resolve"], PAGES["bare"]):
        assert message(notification(page))["Importance"] is None


@pytest.mark.parametrize("kind", PAGES)
def test_text_from_a_log_is_no_header_and_no_html(server: MailServer, kind: str) -> None:
    channel(server).send(notification(swollen(PAGES[kind], HOSTILE)))
    ((_, sent),) = server.mails
    assert "Bcc" not in sent
    added_by_the_server = {"X-Peer", "X-MailFrom", "X-RcptTo"}
    assert set(sent.keys()) <= {*message(notification()).keys()} | added_by_the_server
    html = content(sent, "html")
    assert "<script>" not in html
    assert "<https://evil.example" not in html


@pytest.mark.parametrize("text", [WIDE * 9_000, "x" * 9_000], ids=["wide", "long"])
def test_a_page_beyond_every_limit_is_cut(text: str) -> None:
    made = message(notification(swollen(TRIGGER, text)))
    assert len(made["Subject"]) <= SUBJECT
    assert len(content(made, "plain")) <= 2 * TEXT
    assert len(made.as_bytes()) < 2_000_000
    assert max(map(len, made.as_bytes().splitlines())) <= 998


@pytest.mark.parametrize("url", ["javascript:alert(1)", 'https://x/"onmouseover="y'], ids=["scheme", "quote"])
def test_a_link_is_one_of_the_web_and_stays_in_its_place(url: str) -> None:
    links = structs.replace(TRIGGER.links, runbook=url)
    html = content(message(notification(TRIGGER, links=links)), "html")
    assert 'href="javascript' not in html
    assert '"onmouseover="' not in html


def test_the_html_names_no_colour_so_that_it_is_readable_in_the_dark() -> None:
    html = content(message(notification()), "html")
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "background" not in html
    assert "color:" not in html


# ------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"to": ()}, "to is empty"),
        ({"to": ("ada",)}, "to must be an address"),
        ({"to": ("ada@example.com\r\nBcc: x@example.com",)}, "to must be an address"),
        ({"to": ("Ada <ada@example.com>",)}, "to must be an address"),
        ({"to": ("ada@exämple.com",)}, "to must be an address"),
        ({"sender": "monitor"}, "sender must be an address"),
        ({"host": ""}, "host must be"),
        ({"host": "mail example"}, "host must be"),
        ({"port": 0}, "port must be"),
        ({"user": "ada"}, "give both"),
        ({"encryption": "none", "user": "ada", "password": PASSWORD}, "in the clear"),
        ({"ca_file": "/nowhere.pem"}, "ca_file must be"),
    ],
    ids=[
        "nobody", "no_address", "header", "name", "not_ascii", "sender", "no_host", "no_name", "port",
        "no_password", "clear", "no_file",
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_without_showing_a_secret(
    changes: dict[str, Any], said: str
) -> None:
    given: dict[str, Any] = {"host": "mail.example.com", "sender": SENDER, "to": (ADA,), **changes}
    with pytest.raises(ConfigError, match=said) as caught:
        EmailSettings(**given).channel(ManualClock(AT))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_password_may_go_in_the_clear_within_this_machine(host: str) -> None:
    EmailSettings(
        host=host, sender=SENDER, to=(ADA,), encryption="none", user="ada", password=PASSWORD
    ).channel(ManualClock(AT))


# ------------------------------------------------------------------------------------------------- helpers


def message(said: Notification) -> EmailMessage:
    return message_of(said, sender=SENDER, to=[ADA], at=AT)


def content(message: EmailMessage, kind: str) -> str:
    """What one of its two bodies says."""
    body = message.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text


@contextmanager
def talker(words: bytes, trickle: bytes = b"") -> Iterator[int]:
    """A server on some port that says these words to whoever comes, and then ends or trickles."""
    done = threading.Event()

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(words)
            while trickle and not done.wait(0.02):
                try:
                    connection.sendall(trickle)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join()
