"""Delivery: when the next attempt is and when none is; then, on a real outbox, that nothing is told twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.clock import ManualClock
from monitor.errors import Permanent, Transient
from monitor.notify import Channel, Delivery, LogChannel, Notification, WebhookChannel
from monitor.notify.channel import TryLater
from monitor.notify.delivery import FIRST_PAUSE, GIVE_UP_AFTER, LEASE, LONGEST_PAUSE, pause
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.tables import outbox
from tests.notify.receiver import Receiver, status
from tests.store.helpers import evaluated

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Notes:
    """A channel that takes everything, or does as it is told."""

    def __init__(self, answer: Callable[[Notification], None] = lambda _: None) -> None:
        self.answer = answer
        self.got: list[Notification] = []

    def send(self, notification: Notification) -> None:
        self.got.append(notification)
        self.answer(notification)

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.got]


def failing(error: Exception) -> Notes:
    def answer(_: Notification) -> None:
        raise error

    return Notes(answer)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=8)
    yield made
    made.dispose()


@pytest.fixture
def alerts(engine: sa.Engine) -> Alerts:
    return Alerts(engine)


class Post:
    """A delivery with its clock and counts."""

    def __init__(
        self, alerts: Alerts, channels: Mapping[str, Channel], *, fallback: str | None = "log"
    ) -> None:
        self.clock = ManualClock(NOW)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.delivery = Delivery(
            alerts,
            channels,
            fallback=fallback,
            clock=self.clock,
            count=lambda channel, result: self.counts.update([(channel, result)]),
            jitter=lambda: 1.0,
        )

    def deliver(self, after: timedelta = timedelta()) -> int:
        self.clock.advance(after)
        return self.delivery.deliver()


def fire(alerts: Alerts, *channels: str, rule: str = "A") -> None:
    """An alert fires, and these channels are told."""
    _change(alerts, channels, rule, "firing", None)


def resolve(alerts: Alerts, *channels: str, rule: str = "A") -> None:
    """It resolves, and they are told that too."""
    _change(alerts, channels, rule, "resolved", "firing")


def _change(alerts: Alerts, channels: Sequence[str], rule: str, state: str, before: str | None) -> None:
    change = AlertChange(
        rule=rule,
        labels={"service": "shop"},
        severity="page",
        state=state,
        before=before,
        standing=state,
        at=NOW,
        episode=rule,
    )
    assert alerts.commit(evaluated(change, channels=channels, payload={"title": f"{rule} {state}"}), NOW)


def rows(engine: sa.Engine) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.outbox_id)))


# ------------------------------------------------------------------------------------------------- backoff


@pytest.mark.parametrize(
    ("attempts", "shortest", "longest"),
    [(1, 1, 2), (2, 2, 4), (3, 4, 8), (8, 128, 256), (9, 150, 300), (50, 150, 300), (10**6, 150, 300)],
)
def test_a_pause_doubles_up_to_five_minutes(attempts: int, shortest: float, longest: float) -> None:
    assert pause(attempts, 0.0).total_seconds() == shortest
    assert pause(attempts, 1.0).total_seconds() == longest


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_never_nothing_and_never_longer_than_the_longest(attempts: int, jitter: float) -> None:
    assert FIRST_PAUSE / 2 <= pause(attempts, jitter) <= LONGEST_PAUSE


def test_a_lease_is_longer_than_an_attempt_can_take() -> None:
    from monitor.notify.webhook import TIMEOUT_S

    assert LEASE.total_seconds() >= 3 * TIMEOUT_S


# ------------------------------------------------------------------------------------- on a real Postgres


def test_each_channel_is_told_once(alerts: Alerts, engine: sa.Engine) -> None:
    oncall, log = Notes(), Notes()
    fire(alerts, "oncall", "log")
    post = Post(alerts, {"oncall": oncall, "log": log})
    assert (post.deliver(), post.deliver(timedelta(hours=1))) == (2, 0)
    assert [len(oncall.got), len(log.got)] == [1, 1]
    assert post.counts == {("oncall", "sent"): 1, ("log", "sent"): 1}
    assert alerts.pending() == 0
    assert all(row.delivered_at == NOW and row.attempts == 1 for row in rows(engine))


def test_a_failed_attempt_is_made_again_after_its_pause_with_the_same_id(
    alerts: Alerts, engine: sa.Engine
) -> None:
    oncall = failing(Transient("no answer: ConnectError"))
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": oncall})
    assert post.deliver() == 1
    assert post.deliver(timedelta(seconds=1.9)) == 0
    assert post.deliver(timedelta(seconds=0.2)) == 1
    assert post.deliver(timedelta(seconds=3.8)) == 0
    oncall.answer = lambda _: None
    assert post.deliver(timedelta(seconds=0.3)) == 1
    assert len(set(oncall.ids)) == 1
    assert [one.attempt for one in oncall.got] == [1, 2, 3]
    assert post.counts == {("oncall", "retry"): 2, ("oncall", "sent"): 1}
    assert [(row.last_error, row.failed_at) for row in rows(engine)] == [(None, None)]


def test_a_channel_with_a_bug_is_tried_again_and_stops_no_other(alerts: Alerts) -> None:
    broken, fine = failing(ZeroDivisionError()), Notes()
    fire(alerts, "broken", "fine")
    post = Post(alerts, {"broken": broken, "fine": fine})
    assert post.deliver() == 2
    assert len(fine.got) == 1
    assert post.counts == {("broken", "retry"): 1, ("fine", "sent"): 1}


def test_a_receiver_that_asks_for_a_pause_gets_it(alerts: Alerts) -> None:
    oncall = failing(TryLater("the receiver answered 429", timedelta(seconds=90)))
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": oncall})
    assert [post.deliver(), post.deliver(timedelta(seconds=89)), post.deliver(timedelta(seconds=2))] == [
        1,
        0,
        1,
    ]


def test_a_refusal_is_told_to_the_fallback_channel_even_if_that_had_the_alert_itself(
    alerts: Alerts, engine: sa.Engine
) -> None:
    log = Notes()
    fire(alerts, "oncall", "log")
    post = Post(alerts, {"oncall": failing(Permanent("the receiver answered 404")), "log": log})
    with capture_logs() as logged:
        assert post.deliver() == 3
    assert [one.payload.get("undeliverable") for one in log.got] == [
        None,
        {"channel": "oncall", "error": "the receiver answered 404"},
    ]
    assert len(set(log.ids)) == 2
    assert post.counts == {("oncall", "failed"): 1, ("log", "sent"): 2}
    assert [row.last_error for row in rows(engine)] == ["the receiver answered 404", None, None]
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["notification failed"]


def test_two_channels_that_fail_are_both_told_of(alerts: Alerts) -> None:
    log = Notes()
    fire(alerts, "a", "b")
    Post(alerts, {"a": failing(Permanent("x")), "b": failing(Permanent("y")), "log": log}).deliver()
    assert [one.payload["undeliverable"]["channel"] for one in log.got] == ["a", "b"]


def test_a_fallback_that_fails_is_the_end_and_the_log_says_so(alerts: Alerts, engine: sa.Engine) -> None:
    fire(alerts, "oncall")
    post = Post(
        alerts,
        {"oncall": failing(Permanent("x")), "pager": failing(Permanent("y"))},
        fallback="pager",
    )
    with capture_logs() as logged:
        assert (post.deliver(), post.deliver(timedelta(days=2))) == (2, 0)
    assert [row.last_error for row in rows(engine)] == ["x", "y"]
    assert [(entry["channel"], entry["instead"]) for entry in logged] == [
        ("oncall", "pager"),
        ("pager", None),
    ]


def test_without_a_fallback_a_refusal_is_the_end(alerts: Alerts, engine: sa.Engine) -> None:
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": failing(Permanent("x"))}, fallback=None)
    assert (post.deliver(), alerts.pending(), len(rows(engine))) == (1, 0, 1)


def test_after_a_day_it_is_given_up_and_the_fallback_is_told(alerts: Alerts) -> None:
    log = Notes()
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": failing(Transient("no answer: ConnectError")), "log": log})
    attempts = 0
    while not log.got:
        attempts += post.deliver(LONGEST_PAUSE)
        assert attempts < 1_000
    assert post.clock.now() - NOW <= GIVE_UP_AFTER + LONGEST_PAUSE
    assert post.clock.now() - NOW >= GIVE_UP_AFTER - LONGEST_PAUSE
    tried = attempts - 1
    assert log.got[0].payload["undeliverable"] == {
        "channel": "oncall",
        "error": f"given up after {tried} attempts: no answer: ConnectError",
    }
    assert post.counts == {("oncall", "retry"): tried - 1, ("oncall", "failed"): 1, ("log", "sent"): 1}


def test_a_receiver_that_asks_for_a_day_is_given_up_at_once(alerts: Alerts) -> None:
    log = Notes()
    fire(alerts, "oncall")
    Post(alerts, {"oncall": failing(TryLater("503", timedelta(days=1, seconds=1))), "log": log}).deliver()
    assert log.got[0].payload["undeliverable"]["error"] == "given up after 1 attempts: 503"


def test_a_channel_that_is_no_longer_configured_is_told_of_on_the_fallback(alerts: Alerts) -> None:
    log = Notes()
    fire(alerts, "former")
    Post(alerts, {"log": log}).deliver()
    assert log.got[0].payload["undeliverable"] == {
        "channel": "former",
        "error": "channel 'former' is no longer configured",
    }


def test_a_resolve_never_overtakes_its_trigger(alerts: Alerts) -> None:
    oncall = failing(Transient("away"))
    fire(alerts, "oncall", "log")
    log = Notes()
    post = Post(alerts, {"oncall": oncall, "log": log})
    post.deliver()
    resolve(alerts, "oncall", "log")
    fire(alerts, "oncall", rule="B")
    oncall.answer = lambda _: None
    # The other alert and the other channel go on; the resolve waits for its trigger's next attempt.
    post.deliver()
    assert [one.payload["title"] for one in oncall.got] == ["A firing", "B firing"]
    assert [one.payload["title"] for one in log.got] == ["A firing", "A resolved"]
    post.deliver(timedelta(seconds=3))
    assert [one.payload["title"] for one in oncall.got] == [
        "A firing",
        "B firing",
        "A firing",
        "A resolved",
    ]


def test_a_resolve_goes_out_after_its_trigger_was_given_up(alerts: Alerts) -> None:
    refused = failing(Permanent("no"))
    fire(alerts, "oncall")
    resolve(alerts, "oncall")
    log = Notes()
    Post(alerts, {"oncall": refused, "log": log}).deliver()
    assert [one.payload["title"] for one in refused.got] == ["A firing", "A resolved"]


def test_one_pass_ends_after_its_limit(alerts: Alerts) -> None:
    for number in range(5):
        fire(alerts, "log", rule=str(number))
    post = Post(alerts, {"log": Notes()})
    assert [post.delivery.deliver(limit=3), post.delivery.deliver(limit=3)] == [3, 2]


def test_a_crash_between_sending_and_noting_sends_the_same_id_again_and_only_after_the_lease(
    alerts: Alerts,
) -> None:
    class Crash(BaseException):
        pass

    def crash(_: Notification) -> None:
        raise Crash

    oncall = Notes(crash)
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": oncall})
    with pytest.raises(Crash):
        post.deliver()
    oncall.answer = lambda _: None
    assert post.deliver(LEASE - timedelta(seconds=1)) == 0
    assert post.deliver(timedelta(seconds=2)) == 1
    assert len(oncall.ids) == 2
    assert len(set(oncall.ids)) == 1


def test_two_deliverers_at_once_tell_each_change_once(alerts: Alerts, database: str) -> None:
    count = 40
    for number in range(count):
        fire(alerts, "oncall", "log", rule=str(number))
    oncall, log = Notes(), Notes()
    together = threading.Barrier(2)
    engines = [connect(database), connect(database)]
    posts = [Post(Alerts(engine), {"oncall": oncall, "log": log}) for engine in engines]
    made = [0, 0]

    def work(index: int) -> None:
        together.wait(30)
        while attempts := posts[index].delivery.deliver(limit=7):
            made[index] += attempts

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert sum(made) == 2 * count
    assert sorted(Counter(oncall.ids).values()) == [1] * count
    assert sorted(Counter(log.ids).values()) == [1] * count
    assert alerts.pending() == 0


def test_over_http_one_state_change_is_one_id_whatever_the_receiver_answers(alerts: Alerts) -> None:
    with Receiver() as receiver:
        fire(alerts, "oncall")
        post = Post(alerts, {"oncall": WebhookChannel(receiver.url, ManualClock(NOW), secret="s")})
        for code in (503, 429):
            receiver.answer = status(code)
            assert post.deliver(timedelta(seconds=10)) == 1
        receiver.answer = status(200)
        assert [post.deliver(timedelta(seconds=10)), post.deliver(timedelta(hours=1))] == [1, 0]
        assert len({one.headers["webhook-id"] for one in receiver.posts}) == 1
        assert len(receiver.posts) == 3


def test_the_log_channel_writes_one_line_without_the_evidence(alerts: Alerts) -> None:
    fire(alerts, "log")
    with capture_logs() as logged:
        Post(alerts, {"log": LogChannel()}).deliver()
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("A firing", "warning")
    assert "evidence" not in line
