"""The outbox: what is due, to whom, once, in order, and as one where it waited. On a real Postgres."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.store import connect
from monitor.store.outbox import ChannelState, Destination, Outbox, OutboxRow, enqueue
from monitor.store.tables import outbox
from tests.store.helpers import run_at_once

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE, LEASE = timedelta(minutes=1), timedelta(minutes=1)


@pytest.fixture
def subject(engine: sa.Engine) -> Outbox:
    return Outbox(engine)


def put(
    engine: sa.Engine,
    kind: str,
    episode: str = "e",
    *,
    channel: str = "chat",
    at: datetime = NOW,
    not_before: datetime | None = None,
    digest: bool = False,
) -> int:
    with engine.begin() as connection:
        [number] = enqueue(
            connection,
            [Destination(channel, not_before, digest)],
            {"says": f"{episode} {kind}", "episode": episode, "kind": kind},
            at,
            episode=episode,
            kind=kind,
        )
        return number


def claim(subject: Outbox, at: datetime = NOW, limit: int = 10) -> list[OutboxRow]:
    return subject.claim("chat", at, lease=LEASE, limit=limit)


def said(rows: Sequence[OutboxRow]) -> list[str]:
    return [row.payload["says"] for row in rows]


def rows(engine: sa.Engine) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.outbox_id)))


def test_what_is_claimed_is_left_alone_until_its_lease_ends(subject: Outbox, engine: sa.Engine) -> None:
    put(engine, "trigger")
    (row,) = claim(subject)
    assert (row.channel, row.attempts, row.instead_of, row.kind) == ("chat", 1, "", "trigger")
    assert claim(subject, NOW + LEASE - timedelta(seconds=1)) == []
    assert [row.attempts for row in claim(subject, NOW + LEASE)] == [2]


def test_the_oldest_is_claimed_first_and_no_more_than_asked_for(subject: Outbox, engine: sa.Engine) -> None:
    for episode in "ABCDE":
        put(engine, "trigger", episode)
    assert [said(claim(subject, limit=limit)) for limit in (1, 3, 10)] == [
        ["A trigger"],
        ["B trigger", "C trigger", "D trigger"],
        ["E trigger"],
    ]


def test_a_channel_is_given_its_own_only(subject: Outbox, engine: sa.Engine) -> None:
    put(engine, "trigger", channel="mail")
    assert claim(subject) == []
    assert subject.channels() == ["mail"]


@pytest.mark.parametrize(
    ("waiting", "sent"),
    [
        (["trigger"], ["trigger"]),
        (["trigger", "resolve"], ["resolve"]),
        (["trigger", "update", "update"], ["update"]),
        (["trigger", "update", "repeat", "resolve"], ["resolve"]),
        # An acknowledgement says less than what was not told yet.
        (["trigger", "acknowledge"], ["trigger", "acknowledge"]),
        (["trigger", "acknowledge", "resolve"], ["resolve"]),
        # Fired again after its end: the newest says so.
        (["resolve", "update"], ["update"]),
        (["resolve", "trigger"], ["resolve", "trigger"]),
    ],
    ids=" ".join,
)
def test_of_what_waits_of_an_episode_the_newest_that_says_all_is_sent(
    subject: Outbox, engine: sa.Engine, waiting: list[str], sent: list[str]
) -> None:
    for kind in waiting:
        put(engine, kind)
    put(engine, "trigger", "other")
    given = []
    while found := [row for row in claim(subject) if row.episode == "e"]:
        (row,) = found
        given.append(row.kind)
        subject.delivered(row, NOW)
    assert given == sent
    assert all(row.delivered_at or row.superseded_at for row in rows(engine) if row.episode == "e")


def test_what_is_on_its_way_is_overtaken_by_nothing(subject: Outbox, engine: sa.Engine) -> None:
    put(engine, "trigger")
    (trigger,) = claim(subject)
    put(engine, "resolve")
    assert claim(subject) == []
    subject.retry(trigger, NOW, NOW + timedelta(minutes=5), "away")
    assert claim(subject, NOW + timedelta(minutes=4)) == []
    assert said(claim(subject, NOW + timedelta(minutes=5))) == ["e resolve"]


def test_what_was_told_by_a_later_one_is_never_sent(subject: Outbox, engine: sa.Engine) -> None:
    put(engine, "trigger")
    put(engine, "resolve")
    (row,) = claim(subject)
    subject.failed(row, NOW, "no", instead=None)
    assert claim(subject, NOW + timedelta(days=9)) == []
    first, second = rows(engine)
    assert (first.superseded_at, second.failed_at) == (NOW, NOW)


def test_what_is_delivered_or_failed_is_never_claimed_again(subject: Outbox, engine: sa.Engine) -> None:
    for episode in "abc":
        put(engine, "trigger", episode)
    a, b, c = claim(subject)
    subject.delivered(a, NOW)
    subject.failed(b, NOW, "no", instead=None)
    subject.retry(c, NOW, NOW + timedelta(hours=1), "later")
    assert subject.pending(NOW) == (1, NOW)
    assert claim(subject, NOW + timedelta(minutes=59)) == []
    assert [row.episode for row in claim(subject, NOW + timedelta(days=9))] == ["c"]


def test_a_channel_is_given_back_what_it_gave_when_it_last_took_one(
    subject: Outbox, engine: sa.Engine
) -> None:
    given = []
    for kind, receipt in (
        ("trigger", {"ts": "1"}),
        ("update", None),
        ("update", {"ts": "2"}),
        ("resolve", None),
    ):
        put(engine, kind)
        put(engine, kind, "other")
        (row,) = [one for one in claim(subject) if one.episode == "e"]
        given.append(row.receipt)
        subject.delivered(row, NOW, receipt)
    assert given == [None, {"ts": "1"}, {"ts": "1"}, {"ts": "2"}]


def test_a_stand_in_says_for_whom_and_why_and_comes_once(subject: Outbox, engine: sa.Engine) -> None:
    put(engine, "trigger")
    put(engine, "trigger", channel="log")
    (row,) = claim(subject)
    subject.failed(row, NOW, "the receiver answered 404", instead="log")
    subject.failed(row, NOW, "the receiver answered 404", instead="log")
    stand_ins = [one for one in rows(engine) if one.instead_of]
    assert [(one.channel, one.instead_of, one.payload["undeliverable"]) for one in stand_ins] == [
        ("log", "chat", {"channel": "chat", "error": "the receiver answered 404"})
    ]
    # It is told besides what that channel has to say itself, one after the other.
    (own,) = subject.claim("log", NOW, lease=LEASE, limit=9)
    subject.delivered(own, NOW)
    assert [one.instead_of for one in subject.claim("log", NOW, lease=LEASE, limit=9)] == ["chat"]


def test_what_is_put_in_is_taken_at_once_and_left_alone_by_others(subject: Outbox, engine: sa.Engine) -> None:
    row = subject.put_leased("chat", {"episode": "test/1", "kind": "test", "says": "hello"}, NOW, lease=LEASE)
    assert claim(subject) == []
    subject.delivered(row, NOW, {"ts": "1"})
    assert [(one.kind, one.delivered_at, one.receipt) for one in rows(engine)] == [("test", NOW, {"ts": "1"})]


def test_a_channel_that_stands_in_hears_of_it_and_of_its_own_in_order(
    subject: Outbox, engine: sa.Engine
) -> None:
    put(engine, "trigger", channel="pager")
    (trigger,) = subject.claim("pager", NOW, lease=LEASE)
    subject.failed(trigger, NOW, "refused", instead="chat")
    put(engine, "resolve", channel="pager")
    put(engine, "resolve")
    heard = []
    while found := claim(subject):
        heard += [(row.kind, row.instead_of) for row in found]
        for row in found:
            subject.delivered(row, NOW, {"ts": "1"} if row.receipt is None else None)
    assert heard == [("trigger", "pager"), ("resolve", "")]
    (resolve,) = subject.claim("pager", NOW, lease=LEASE)
    subject.failed(resolve, NOW, "refused", instead="chat")
    assert claim(subject) == [], "it has heard of the end"
    assert [row.receipt for row in rows(engine) if row.channel == "chat"] == [{"ts": "1"}, None]


def test_what_is_held_back_is_not_told_with_what_is_due(subject: Outbox, engine: sa.Engine) -> None:
    put(engine, "trigger")
    put(engine, "update", not_before=NOW + timedelta(hours=8))
    assert said(claim(subject)) == ["e trigger"]


# --------------------------------------------------------------------------------------- held back, digests


def digest(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"says": [one["says"] for one in payloads], "episode": "digest", "kind": "digest"}


def test_what_is_held_back_is_due_when_its_time_comes_and_then_as_one(
    subject: Outbox, engine: sa.Engine
) -> None:
    morning = NOW + timedelta(hours=8)
    put(engine, "trigger", not_before=morning)
    put(engine, "resolve", not_before=morning)
    assert claim(subject, morning - MINUTE) == []
    assert subject.pending(NOW) == (2, None), "what is held back on purpose is not late"
    assert said(claim(subject, morning)) == ["e resolve"]


def test_a_digest_takes_all_that_is_due_in_one_and_nothing_is_sent_by_itself(
    subject: Outbox, engine: sa.Engine
) -> None:
    hour = NOW + timedelta(hours=1)
    for kind, episode in (("trigger", "a"), ("trigger", "b"), ("resolve", "a")):
        put(engine, kind, episode, not_before=hour, digest=True)
    put(engine, "trigger", "c", not_before=hour + MINUTE, digest=True)
    put(engine, "trigger", "d")
    assert subject.gather("chat", hour - MINUTE, digest, bool) == 0
    assert said(claim(subject, hour)) == ["d trigger"]
    assert [subject.gather("chat", hour, digest, bool), subject.gather("chat", hour, digest, bool)] == [3, 0]
    (one,) = claim(subject, hour)
    assert (one.kind, one.payload["says"]) == ("digest", ["a trigger", "b trigger", "a resolve"])
    assert sum(row.superseded_at is not None for row in rows(engine)) == 3


def test_what_can_not_be_read_is_in_no_digest_and_holds_none_up(subject: Outbox, engine: sa.Engine) -> None:
    for episode in "abc":
        put(engine, "trigger", episode, digest=True)
    assert subject.gather("chat", NOW, digest, lambda payload: payload["episode"] != "b") == 2
    assert [row.kind for row in claim(subject)] == ["trigger", "digest"]


def test_two_that_gather_at_once_make_one_digest(subject: Outbox, engine: sa.Engine) -> None:
    for number in range(50):
        put(engine, "trigger", str(number), digest=True)
    counts: list[int] = []
    run_at_once(*[lambda: counts.append(subject.gather("chat", NOW, digest, bool))] * 4)
    assert sum(counts) == 50
    held = [text for row in rows(engine) if row.kind == "digest" for text in row.payload["says"]]
    assert sorted(held) == sorted(f"{number} trigger" for number in range(50))


# ------------------------------------------------------------------------------------------------- channels


def test_a_channel_fails_since_its_first_failure_until_it_takes_something(
    subject: Outbox, engine: sa.Engine
) -> None:
    for episode in "abc":
        put(engine, "trigger", episode)
    a, b, c = claim(subject)
    subject.retry(a, NOW, NOW + MINUTE, "no answer")
    subject.failed(b, NOW + MINUTE, "refused", instead=None)
    assert subject.states() == [ChannelState("chat", None, NOW, "refused", NOW + MINUTE)]
    subject.delivered(c, NOW + 2 * MINUTE)
    assert subject.states() == [ChannelState("chat", NOW + 2 * MINUTE, None, "refused", NOW + MINUTE)]
    subject.retry(a, NOW + 3 * MINUTE, NOW + 4 * MINUTE, "no answer")
    assert subject.states()[0].failing_since == NOW + 3 * MINUTE


def test_how_a_channel_does_that_needs_no_rows_is_known_too(subject: Outbox) -> None:
    assert subject.fails("am", NOW, "no answer") == NOW
    assert subject.fails("am", NOW + MINUTE, "refused") == NOW
    assert subject.states() == [ChannelState("am", None, NOW, "refused")]
    subject.works("am", NOW + 2 * MINUTE)
    assert subject.states() == [ChannelState("am", NOW + 2 * MINUTE, None, None)]
    assert subject.fails("am", NOW + 3 * MINUTE, "refused") == NOW + 3 * MINUTE


def test_many_claimers_at_once_are_each_given_others(engine: sa.Engine, database: str) -> None:
    count = 60
    for number in range(count):
        put(engine, "trigger", str(number % 20))
        put(engine, "acknowledge", str(number % 20))
    engines = [connect(database) for _ in range(4)]
    taken: list[str] = []
    underway: set[str] = set()
    lock = threading.Lock()

    def work(one: sa.Engine) -> None:
        mine = Outbox(one)
        while given := mine.claim("chat", NOW, lease=LEASE, limit=3):
            for row in given:
                with lock:
                    assert row.episode not in underway, "two of one episode at once"
                    underway.add(row.episode)
                    taken.append(row.payload["says"])
                with lock:
                    underway.discard(row.episode)
                mine.delivered(row, NOW)

    run_at_once(*[lambda one=one: work(one) for one in engines])
    for one in engines:
        one.dispose()
    left = [row for row in rows(engine) if not row.delivered_at and not row.superseded_at]
    assert len(taken) + len(left) == 2 * count


@pytest.mark.parametrize(
    "ask",
    [
        lambda subject: subject.claim("chat", NOW, lease=LEASE),
        lambda subject: subject.gather("chat", NOW, digest, bool),
        lambda subject: subject.pending(NOW),
        lambda subject: subject.states(),
        lambda subject: subject.channels(),
        lambda subject: subject.put("chat", {"episode": "e", "kind": "test"}, NOW),
    ],
    ids=["claim", "gather", "pending", "states", "channels", "put"],
)
def test_a_database_that_is_away_is_transient(ask: Any) -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(Transient, match=r"^Postgres: ") as caught:
        ask(Outbox(engine))
    assert "hunter2" not in str(caught.value)
    engine.dispose()
