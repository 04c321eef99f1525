from __future__ import annotations

import httpx

from monitor.clock import SystemClock
from monitor.demo.receiver import Receiver
from monitor.notify import Notification, WebhookChannel
from tests.notify.pages import page


def test_a_repeated_notification_is_counted_and_not_shown_twice() -> None:
    with Receiver() as receiver:
        channel = WebhookChannel(receiver.url, SystemClock())
        for id_ in ("a", "b", "a"):
            channel.send(Notification(id=id_, page=page(title=id_)))
    assert [payload["title"] for payload in receiver.received] == ["a", "b"]
    assert receiver.repeats == 1


def test_what_is_not_json_is_refused() -> None:
    with Receiver() as receiver:
        assert httpx.post(receiver.url, content=b"{").status_code == 400
    assert receiver.received == []
