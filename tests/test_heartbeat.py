"""The dead man's switch is asked for while rules are evaluated, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from monitor.clock import ManualClock
from monitor.errors import ConfigError
from monitor.heartbeat import Heartbeat
from tests.notify.receiver import Receiver, status

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=2)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


class Switch:
    def __init__(self, url: str) -> None:
        self.clock = ManualClock(NOW)
        self.results: list[str] = []
        self.heartbeat = Heartbeat(url, self.clock, limit=LIMIT, count=self.results.append)

    def beat(self, after: timedelta = timedelta()) -> str:
        self.clock.advance(after)
        self.heartbeat.beat()
        return self.results[-1]


def test_it_beats_while_rules_are_evaluated(receiver: Receiver) -> None:
    switch = Switch(receiver.url)
    assert switch.beat() == "withheld"
    switch.heartbeat.evaluated()
    assert [switch.beat(), switch.beat(LIMIT)] == ["sent", "sent"]
    assert switch.beat(timedelta(seconds=1)) == "withheld"
    switch.heartbeat.evaluated()
    assert switch.beat() == "sent"
    assert len(receiver.gets) == 3


@pytest.mark.parametrize("code", [404, 503])
def test_a_switch_that_does_not_take_it_is_logged_without_its_url(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    switch = Switch(f"{receiver.url}/hunter2")
    switch.heartbeat.evaluated()
    with capture_logs() as logged:
        assert switch.beat() == "failed"
    assert (logged[0]["event"], logged[0]["reason"]) == ("heartbeat failed", f"the receiver answered {code}")
    assert "hunter2" not in str(logged)


def test_a_switch_that_is_away_is_no_end_of_anything() -> None:
    switch = Switch("http://127.0.0.1:1/x")
    switch.heartbeat.evaluated()
    assert switch.beat() == "failed"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^heartbeat.url must be http"):
        Switch("hc-ping.com/hunter2")
