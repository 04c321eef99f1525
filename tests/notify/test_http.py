"""What one answer of a receiver means, apart from any channel."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import ConfigError, Transient
from monitor.notify.http import Answer, checked_url, request, retry_after, sayable

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("0", timedelta()),
        ("30", timedelta(seconds=30)),
        ("86400", timedelta(days=1)),
        ("9" * 5_000, timedelta(days=1)),
        ("Tue, 10 Mar 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Tue, 10 Mar 2026 12:05:00", timedelta(minutes=5)),
        ("Tue, 10 Mar 2026 14:05:00 +0200", timedelta(minutes=5)),
        ("Tue, 10 Mar 2026 11:59:00 GMT", timedelta()),
        ("Tue, 10 Mar 2099 12:05:00 GMT", timedelta(days=1)),
        ("-5", None),
        ("1.5", None),
        ("٣", timedelta(seconds=3)),
        ("soon", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:31],
)
def test_a_pause_is_asked_for_in_seconds_or_until_a_date(value: str, after: timedelta | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == after


def test_no_header_asks_for_no_pause() -> None:
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("channel_not_found", "channel_not_found"),
        ("  two\nlines\tand \x1b[31mcolour\u202e ", "two lines and [31mcolour"),
        ("key hunter2 is wrong", "key … is wrong"),
        ("x" * 500, "x" * 200),
        ("x" * 199 + "hunter2", "x" * 199 + "…"),
        (None, ""),
        ("", ""),
        (7, "7"),
        (["a", {"b": "hunter2"}], "['a', {'b': '…'}]"),
    ],
    ids=["code", "control", "secret", "long", "cut_secret", "none", "empty", "number", "list"],
)
def test_what_a_receiver_says_is_shown_as_one_short_line_without_the_secret(said: object, shown: str) -> None:
    assert sayable(said, "hunter2") == shown


@pytest.mark.parametrize(
    ("body", "found"),
    [(b'{"a": 1}', {"a": 1}), (b"[1]", {}), (b"", {}), (b"\xff", {}), (b"[" * 100_000, {}), (b"{", {})],
    ids=["object", "list", "empty", "bytes", "deep", "half"],
)
def test_a_body_that_is_no_object_says_nothing(body: bytes, found: dict[str, object]) -> None:
    assert Answer(200, {}, body).json() == found


def test_a_name_that_is_looked_up_for_ever_holds_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(Transient, match=r"^no answer: TimeoutError$"):
            request("GET", "http://slow.example.com/", timeout_s=0.2)
        assert not released.is_set()
    finally:
        released.set()


def test_a_host_that_can_be_none_is_refused() -> None:
    with pytest.raises(ConfigError):
        checked_url("http://xn--/")
