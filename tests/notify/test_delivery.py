"""Delivery: when the next attempt is and when none is; then, on a real outbox, that nothing is told twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.clock import ManualClock
from monitor.errors import Permanent, Transient
from monitor.notify import Channel, Delivery, LogChannel, Notification, WebhookChannel
from monitor.notify.channel import Receipt, TryLater
from monitor.notify.delivery import (
    CLAIMED,
    GIVE_UP_AFTER,
    LEASE,
    LONGEST_ASKED,
    LONGEST_PAUSE,
    ROUNDS,
    notification_id,
    pause,
)
from monitor.notify.http import TIMEOUT_S
from monitor.notify.page import Undeliverable
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.outbox import Destination, Outbox, enqueue
from monitor.store.tables import outbox
from tests.notify.pages import page
from tests.notify.receiver import Receiver, status
from tests.store.helpers import evaluated

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Notes:
    """A channel that takes everything, or does as it is told."""

    def __init__(self, answer: Callable[[Notification], Receipt | None] = lambda _: None) -> None:
        self.answer = answer
        self.got: list[Notification] = []

    def send(self, notification: Notification) -> Receipt | None:
        self.got.append(notification)
        return self.answer(notification)

    @property
    def titles(self) -> list[str]:
        return [one.page.title for one in self.got]

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
        self,
        alerts: Alerts,
        channels: Mapping[str, Channel],
        *,
        fallback: str | None = "log",
        pages: str = "",
    ) -> None:
        self.clock = ManualClock(NOW)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.channels = channels
        self.outbox = outbox_of(alerts)
        self.delivery = Delivery(
            self.outbox,
            channels,
            fallback=fallback,
            clock=self.clock,
            count=lambda channel, result: self.counts.update([(channel, result)]),
            jitter=lambda: 1.0,
            pages=pages,
        )

    def deliver(self, after: timedelta = timedelta()) -> int:
        """One pass over every channel, the fallback last."""
        self.clock.advance(after)
        names = [*self.channels, *(set(self.outbox.channels()) - {*self.channels})]
        return sum(self.delivery.deliver(name) for name in sorted(names, key=lambda name: name == "log"))

    def pending(self) -> int:
        return self.outbox.pending(self.clock.now())[0]


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
    said = page(title=f"{rule} {state}", episode=rule).to_json()
    assert alerts.commit(evaluated(change, channels=channels, payload=said), NOW)


def outbox_of(alerts: Alerts) -> Outbox:
    return Outbox(alerts._engine)


def rows(engine: sa.Engine) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.outbox_id)))


# ------------------------------------------------------------------------------------------------- backoff


@pytest.mark.parametrize(
    ("attempts", "shortest", "longest"),
    [(1, 0, 2), (2, 0, 4), (3, 0, 8), (8, 0, 256), (9, 0, 300), (50, 0, 300), (10**6, 0, 300)],
)
def test_a_pause_doubles_up_to_five_minutes(attempts: int, shortest: float, longest: float) -> None:
    assert pause(attempts, 0.0).total_seconds() == shortest
    assert pause(attempts, 1.0).total_seconds() == longest


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_never_longer_than_the_longest(attempts: int, jitter: float) -> None:
    assert timedelta() <= pause(attempts, jitter) <= LONGEST_PAUSE


def test_a_lease_is_longer_than_an_attempt_can_take() -> None:
    assert LEASE.total_seconds() >= 3 * TIMEOUT_S


# ------------------------------------------------------------------------------------- on a real Postgres


def test_each_channel_is_told_once(alerts: Alerts, engine: sa.Engine) -> None:
    oncall, log = Notes(), Notes()
    fire(alerts, "oncall", "log")
    post = Post(alerts, {"oncall": oncall, "log": log})
    assert (post.deliver(), post.deliver(timedelta(hours=1))) == (2, 0)
    assert [len(oncall.got), len(log.got)] == [1, 1]
    assert post.counts == {("oncall", "sent"): 1, ("log", "sent"): 1}
    assert post.pending() == 0
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
    assert [one.page.undeliverable for one in log.got] == [
        None,
        Undeliverable(channel="oncall", error="the receiver answered 404"),
    ]
    assert len(set(log.ids)) == 2
    assert post.counts == {("oncall", "failed"): 1, ("log", "sent"): 2}
    assert [row.last_error for row in rows(engine)] == ["the receiver answered 404", None, None]
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["notification failed"]


def test_two_channels_that_fail_are_both_told_of(alerts: Alerts) -> None:
    log = Notes()
    fire(alerts, "a", "b")
    Post(alerts, {"a": failing(Permanent("x")), "b": failing(Permanent("y")), "log": log}).deliver()
    assert sorted(one.page.undeliverable.channel for one in log.got if one.page.undeliverable) == ["a", "b"]


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
    assert (post.deliver(), post.pending(), len(rows(engine))) == (1, 0, 1)


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
    assert log.got[0].page.undeliverable == Undeliverable(
        channel="oncall", error=f"given up after {tried} attempts: no answer: ConnectError"
    )
    assert post.counts == {("oncall", "retry"): tried - 1, ("oncall", "failed"): 1, ("log", "sent"): 1}


def test_a_receiver_that_asks_for_a_day_gets_a_quarter_of_an_hour(alerts: Alerts) -> None:
    busy = failing(TryLater("503", timedelta(days=1, seconds=1)))
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": busy})
    passes = [timedelta(), LONGEST_ASKED - timedelta(seconds=1), timedelta(seconds=1)]
    assert [post.deliver(after) for after in passes] == [1, 0, 1]


def test_ids_are_of_one_database_alone(alerts: Alerts) -> None:
    fire(alerts, "oncall")
    (row,) = outbox_of(alerts).claim("oncall", NOW, lease=LEASE)
    other = msgspec.structs.replace(row, created_at=NOW + timedelta(days=1))
    assert notification_id(row) == notification_id(msgspec.structs.replace(row, attempts=7))
    assert notification_id(row) != notification_id(other)


def test_a_channel_that_is_no_longer_configured_is_told_of_on_the_fallback(alerts: Alerts) -> None:
    log = Notes()
    fire(alerts, "former")
    Post(alerts, {"log": log}).deliver()
    assert log.got[0].page.undeliverable == Undeliverable(
        channel="former", error="channel 'former' is no longer configured"
    )


def test_a_trigger_that_was_not_taken_and_its_resolve_become_one(alerts: Alerts) -> None:
    oncall, log = failing(Transient("away")), Notes()
    fire(alerts, "oncall", "log")
    post = Post(alerts, {"oncall": oncall, "log": log})
    post.deliver()
    resolve(alerts, "oncall", "log")
    fire(alerts, "oncall", rule="B")
    oncall.answer = lambda _: None
    # The other alert and the other channel go on; the resolve waits for its trigger's next attempt.
    post.deliver()
    assert oncall.titles == ["A firing", "B firing"]
    assert log.titles == ["A firing", "A resolved"]
    post.deliver(timedelta(seconds=3))
    assert oncall.titles == ["A firing", "B firing", "A resolved"]
    assert post.pending() == 0


def test_a_receiver_that_is_down_for_an_hour_hears_of_every_episode_once(alerts: Alerts) -> None:
    oncall = failing(Transient("away"))
    post = Post(alerts, {"oncall": oncall})
    for number in range(30):
        fire(alerts, "oncall", rule=str(number))
        post.deliver(timedelta(minutes=2))
        if number % 2:
            resolve(alerts, "oncall", rule=str(number))
    oncall.got.clear()
    oncall.answer = lambda _: None
    post.deliver(LONGEST_PAUSE)
    assert sorted(oncall.titles) == sorted(f"{n} {'resolved' if n % 2 else 'firing'}" for n in range(30))


def test_a_resolve_goes_out_after_its_trigger_was_given_up(alerts: Alerts) -> None:
    refused, log = failing(Permanent("no")), Notes()
    fire(alerts, "oncall")
    post = Post(alerts, {"oncall": refused, "log": log})
    post.deliver()
    resolve(alerts, "oncall")
    post.deliver()
    assert refused.titles == ["A firing", "A resolved"]


def test_a_receiver_that_asks_for_a_pause_is_not_asked_for_other_episodes_either(alerts: Alerts) -> None:
    busy = failing(TryLater("the receiver answered 429", timedelta(seconds=90)))
    fire(alerts, "chat", rule="A")
    post = Post(alerts, {"chat": busy})
    assert post.deliver() == 1
    fire(alerts, "chat", rule="B")
    assert post.deliver(timedelta(seconds=89)) == 0
    busy.answer = lambda _: None
    assert post.deliver(timedelta(seconds=1)) == 2


def test_a_channel_is_given_back_what_it_gave(alerts: Alerts) -> None:
    chat = Notes(lambda one: {"ts": f"of {one.page.title}"} if one.receipt is None else None)
    post = Post(alerts, {"chat": chat})
    fire(alerts, "chat")
    post.deliver()
    resolve(alerts, "chat")
    post.deliver()
    assert [one.receipt for one in chat.got] == [None, {"ts": "of A firing"}]


def test_what_was_held_back_comes_as_one_that_says_how_many(alerts: Alerts, engine: sa.Engine) -> None:
    chat = Notes()
    with engine.begin() as connection:
        for title, status_, episode in (("a", "firing", "A"), ("b", "firing", "B"), ("a", "resolved", "A")):
            said = page(title=f"{title} {status_}", status=status_, episode=episode)
            held = Destination("chat", NOW + timedelta(hours=1), digest=True)
            enqueue(connection, [held], said.to_json(), NOW, episode=episode, kind="trigger")
    post = Post(alerts, {"chat": chat})
    assert [post.deliver(), post.deliver(timedelta(hours=1)), post.deliver()] == [0, 1, 0]
    (one,) = chat.got
    assert (one.page.kind, one.page.held, one.page.status) == ("digest", 3, "firing")
    assert one.page.title == "2 alerts held back: 1 still firing, 1 resolved"
    assert [held.title for held in one.page.digest] == ["b firing", "a resolved"]


def test_a_page_links_to_its_alert(alerts: Alerts) -> None:
    chat = Notes()
    fire(alerts, "chat")
    post = Post(alerts, {"chat": chat}, pages="https://monitor.example.com/")
    post.deliver()
    (opened,) = alerts.open()
    assert chat.got[0].page.links.alert == f"https://monitor.example.com/alerts/{opened.alert_id}"


def test_one_pass_ends_after_its_rounds(alerts: Alerts, engine: sa.Engine) -> None:
    most = CLAIMED * ROUNDS
    with engine.begin() as connection:
        for number in range(most + 5):
            said = page(episode=str(number)).to_json()
            enqueue(connection, [Destination("log")], said, NOW, episode=str(number), kind="trigger")
    post = Post(alerts, {"log": Notes()})
    assert [post.deliver(), post.deliver()] == [most, 5]


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


def test_one_that_was_frozen_between_claim_and_send_says_nothing_that_is_over(alerts: Alerts) -> None:
    fire(alerts, "oncall")
    frozen, other = Notes(), Notes()
    post = Post(alerts, {"oncall": frozen})
    (row,) = post.outbox.claim("oncall", post.clock.now(), lease=LEASE)
    resolve(alerts, "oncall")
    second = Post(alerts, {"oncall": other})
    assert second.deliver(LEASE) == 1
    post.clock.advance(LEASE)
    assert post.delivery.attempt(row, until=NOW + LEASE / 2) == "the lease is over"
    assert (frozen.titles, other.titles) == ([], ["A resolved"])


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
        while attempts := posts[index].deliver():
            made[index] += attempts

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == 2 * count
    assert sorted(Counter(oncall.ids).values()) == [1] * count
    assert sorted(Counter(log.ids).values()) == [1] * count
    assert posts[0].outbox.channels() == []
    for engine in engines:
        engine.dispose()


def test_over_http_one_state_change_is_one_id_whatever_the_receiver_answers(alerts: Alerts) -> None:
    with Receiver() as receiver:
        fire(alerts, "oncall")
        post = Post(alerts, {"oncall": WebhookChannel(receiver.url, ManualClock(NOW), secret="hunter02")})
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
