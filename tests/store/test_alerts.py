"""State changes behind compare-and-set, and the outbox, on a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.store import connect
from monitor.store.alerts import Alerts, StateChange, fingerprint
from monitor.store.tables import alert_events, alerts, outbox
from tests.store.helpers import run_at_once

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LABELS = {"service": "shop", "environment": ""}


@pytest.fixture
def subject(engine: sa.Engine) -> Alerts:
    return Alerts(engine)


def step(state: str, alert_id: int | None = None, *, seen: str | None = None, **more: Any) -> StateChange:
    values: dict[str, Any] = {
        "rule": "A",
        "labels": LABELS,
        "severity": "page",
        "at": NOW,
        "reason": "because",
        "evidence": {"window": {"calls": 3}},
    }
    return StateChange(alert_id=alert_id, expected_state=seen, state=state, **{**values, **more})


def made(subject: Alerts, change: StateChange) -> int:
    alert_id = subject.change(change)
    assert alert_id is not None
    return alert_id


def table(engine: sa.Engine, which: sa.Table) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(which).order_by(*which.primary_key)))


# --------------------------------------------------------------------------------------------- fingerprints


def test_the_order_of_labels_does_not_matter_to_an_alerts_identity() -> None:
    assert fingerprint("A", {"a": "1", "b": "2"}) == fingerprint("A", {"b": "2", "a": "1"})


def test_different_labels_never_look_alike() -> None:
    different = [
        fingerprint("A", {}),
        fingerprint("AB", {}),
        fingerprint("A", {"a": ""}),
        fingerprint("A", {"": "a"}),
        fingerprint("A", {"a": "b"}),
        fingerprint("A", {"a": '","b"'}),
        fingerprint("A", {"a": "", "b": ""}),
        fingerprint("A", {"ab": ""}),
    ]
    assert len(set(different)) == len(different)


# ------------------------------------------------------------------------------------------------- changes


def test_a_life_from_pending_to_resolved(subject: Alerts, engine: sa.Engine) -> None:
    alert_id = made(subject, step("pending"))
    opened = subject.open()[fingerprint("A", LABELS)]
    assert (opened.alert_id, opened.state, opened.started_at, opened.fired_at) == (
        alert_id,
        "pending",
        NOW,
        None,
    )
    assert (opened.labels, opened.evidence) == (LABELS, {"window": {"calls": 3}})
    fired = NOW + timedelta(minutes=2)
    made(subject, step("firing", alert_id, seen="pending", at=fired))
    clear = NOW + timedelta(minutes=5)
    made(subject, step("firing", alert_id, seen="firing", at=clear, clear_since=clear))
    opened = subject.open()[fingerprint("A", LABELS)]
    assert (opened.state, opened.fired_at, opened.clear_since) == ("firing", fired, clear)
    made(subject, step("resolved", alert_id, seen="firing", at=NOW + timedelta(minutes=9)))
    assert subject.open() == {}
    (row,) = table(engine, alerts)
    assert (row.state, row.resolved_at) == ("resolved", NOW + timedelta(minutes=9))
    assert [(event.from_state, event.to_state) for event in table(engine, alert_events)] == [
        (None, "pending"),
        ("pending", "firing"),
        ("firing", "firing"),
        ("firing", "resolved"),
    ]


def test_the_evidence_of_the_beginning_is_kept(subject: Alerts) -> None:
    alert_id = made(subject, step("pending", evidence={"baseline": {"calls": 7}}))
    made(subject, step("firing", alert_id, seen="pending", evidence={"baseline": {"calls": 9}}))
    assert subject.open()[fingerprint("A", LABELS)].evidence == {"baseline": {"calls": 7}}


def test_an_alert_opens_once_while_it_is_open_and_again_after_it_has_resolved(subject: Alerts) -> None:
    first = made(subject, step("firing"))
    assert subject.change(step("firing")) is None
    assert subject.change(step("pending")) is None
    made(subject, step("resolved", first, seen="firing"))
    assert made(subject, step("firing")) != first


@pytest.mark.parametrize("seen", ["pending", "resolved"])
def test_a_change_from_a_state_that_is_no_longer_true_does_nothing(
    subject: Alerts, engine: sa.Engine, seen: str
) -> None:
    alert_id = made(subject, step("firing"))
    assert subject.change(step("resolved", alert_id, seen=seen, channels=["log"])) is None
    assert len(table(engine, alert_events)) == 1
    assert table(engine, outbox) == []


def test_a_change_comes_with_one_notification_a_channel_that_names_the_alert(
    subject: Alerts, engine: sa.Engine
) -> None:
    alert_id = made(subject, step("firing", channels=["oncall", "log"], payload={"title": "t"}))
    assert [(row.channel, row.payload, row.created_at) for row in table(engine, outbox)] == [
        ("oncall", {"title": "t", "alert_id": alert_id}, NOW),
        ("log", {"title": "t", "alert_id": alert_id}, NOW),
    ]


def test_there_is_no_change_without_its_notifications(database: str) -> None:
    engine = connect(database)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE outbox ADD CHECK (channel <> 'bad')"))
    with pytest.raises(sa.exc.IntegrityError):
        Alerts(engine).change(step("firing", channels=["log", "bad"]))
    assert [table(engine, which) for which in (alerts, alert_events, outbox)] == [[], [], []]
    engine.dispose()


def test_of_many_who_make_the_same_change_at_once_one_does(subject: Alerts, engine: sa.Engine) -> None:
    def race(change: StateChange) -> int:
        results: list[int | None] = []
        run_at_once(*[lambda: results.append(subject.change(change))] * 6)
        (alert_id,) = [result for result in results if result is not None]
        return alert_id

    alert_id = race(step("firing", channels=["log"]))
    race(step("resolved", alert_id, seen="firing", channels=["log"]))
    assert [event.to_state for event in table(engine, alert_events)] == ["firing", "resolved"]
    assert len(table(engine, outbox)) == 2


# -------------------------------------------------------------------------------------------------- outbox


LEASE = timedelta(minutes=1)


def test_what_is_claimed_is_left_alone_until_its_lease_ends(subject: Alerts) -> None:
    made(subject, step("firing", channels=["log"]))
    (row,) = subject.claim(NOW, lease=LEASE)
    assert (row.channel, row.attempts, row.instead_of) == ("log", 1, "")
    assert subject.claim(NOW + LEASE - timedelta(seconds=1), lease=LEASE) == []
    assert [row.attempts for row in subject.claim(NOW + LEASE, lease=LEASE)] == [2]


def test_the_oldest_is_claimed_first_and_no_more_than_asked_for(subject: Alerts) -> None:
    for rule in "ABCDE":
        made(subject, step("firing", rule=rule, channels=["log"], payload={"rule": rule}))
    claimed = [
        "".join(row.payload["rule"] for row in subject.claim(NOW, lease=LEASE, limit=limit))
        for limit in (1, 3, 10)
    ]
    assert claimed == ["A", "BCD", "E"]


def test_of_one_alert_and_channel_only_the_oldest_is_given(subject: Alerts) -> None:
    alert_id = made(subject, step("firing", channels=["oncall", "log"]))
    made(subject, step("resolved", alert_id, seen="firing", channels=["oncall", "log"]))
    first = subject.claim(NOW, lease=LEASE)
    assert [row.channel for row in first] == ["oncall", "log"]
    subject.delivered(first[0].outbox_id, NOW)
    assert [(row.channel, row.event_id > first[0].event_id) for row in subject.claim(NOW, lease=LEASE)] == [
        ("oncall", True)
    ]
    subject.failed(first[1], NOW, "no", instead=None)
    assert [row.channel for row in subject.claim(NOW, lease=LEASE)] == ["log"]


def test_what_is_delivered_or_failed_is_never_claimed_again(subject: Alerts) -> None:
    made(subject, step("firing", channels=["a", "b", "c"]))
    a, b, c = subject.claim(NOW, lease=LEASE)
    subject.delivered(a.outbox_id, NOW)
    subject.failed(b, NOW, "no", instead=None)
    subject.retry(c.outbox_id, NOW + timedelta(hours=1), "later")
    assert subject.pending() == 1
    assert subject.claim(NOW + timedelta(minutes=59), lease=LEASE) == []
    assert [row.channel for row in subject.claim(NOW + timedelta(days=9), lease=LEASE)] == ["c"]


def test_a_stand_in_says_for_whom_and_why_and_comes_once(subject: Alerts, engine: sa.Engine) -> None:
    made(subject, step("firing", channels=["oncall", "log"], payload={"title": "t"}))
    oncall, _ = subject.claim(NOW, lease=LEASE)
    subject.failed(oncall, NOW, "the receiver answered 404", instead="log")
    subject.failed(oncall, NOW, "the receiver answered 404", instead="log")
    stand_ins = [row for row in table(engine, outbox) if row.instead_of]
    assert [(row.channel, row.instead_of, row.payload["undeliverable"]) for row in stand_ins] == [
        ("log", "oncall", {"channel": "oncall", "error": "the receiver answered 404"})
    ]


@pytest.mark.parametrize(
    "ask",
    [
        lambda subject: subject.open(),
        lambda subject: subject.pending(),
        lambda subject: subject.claim(NOW, lease=LEASE),
        lambda subject: subject.change(step("firing")),
        lambda subject: subject.delivered(1, NOW),
    ],
)
def test_a_database_that_is_away_is_transient(ask: Any) -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(Transient, match=r"^Postgres: ") as caught:
        ask(Alerts(engine))
    assert "hunter2" not in str(caught.value)
    engine.dispose()
