"""What an evaluation found is written whole or not at all, once. On a real Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.store import connect
from monitor.store.alerts import (
    Acknowledged,
    AlertChange,
    Alerts,
    Evaluated,
    Incident,
    StoredMemory,
    fingerprint,
)
from monitor.store.tables import alert_events, alerts, outbox, rule_states
from tests.store.helpers import evaluated, run_at_once

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LABELS = {"service": "shop", "environment": ""}


@pytest.fixture
def subject(engine: sa.Engine) -> Alerts:
    return Alerts(engine)


def change(state: str, before: str | None = None, **more: Any) -> AlertChange:
    """The alert of rule A is in another state."""
    values: dict[str, Any] = {
        "rule": "A",
        "labels": LABELS,
        "severity": "page",
        "standing": "normal" if state == "resolved" else state,
        "at": NOW,
    }
    return AlertChange(state=state, before=before, **{**values, **more})


def remembered(minute: datetime, after: datetime | None = None, *, rule: str = "A/page") -> StoredMemory:
    """What a rule remembers of a minute, having gone on from another."""
    return StoredMemory(rule, "d", minute, minute.isoformat().encode(), after)


def commit(
    subject: Alerts,
    *changes: AlertChange,
    memories: Sequence[StoredMemory] = (),
    channels: Sequence[str] = (),
    payload: dict[str, Any] | None = None,
) -> bool:
    found = evaluated(*changes, channels=channels, payload=payload)
    return subject.commit(msgspec.structs.replace(found, memories=memories), NOW)


def table(engine: sa.Engine, which: sa.Table) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.execute(sa.select(which).order_by(*which.primary_key)))


def written(engine: sa.Engine) -> list[int]:
    """How many rows there are of each kind."""
    return [len(table(engine, which)) for which in (rule_states, alerts, alert_events, outbox)]


# --------------------------------------------------------------------------------------------- fingerprints


def test_the_order_of_labels_does_not_matter_to_an_alerts_identity() -> None:
    assert fingerprint("A", "page", {"a": "1", "b": "2"}) == fingerprint("A", "page", {"b": "2", "a": "1"})


def test_different_alerts_never_look_alike() -> None:
    different = [
        fingerprint(rule, severity, labels)
        for rule, severity in (("A", "page"), ("A", "ticket"), ("AB", "page"), ("", "Apage"))
        for labels in ({}, {"a": ""}, {"": "a"}, {"a": "b"}, {"a": '","b"'}, {"a": "", "b": ""}, {"ab": ""})
    ]
    assert len(set(different)) == len(different)


# ----------------------------------------------------------------------------------------------- a life


def test_a_life_from_pending_to_resolved(subject: Alerts, engine: sa.Engine) -> None:
    assert commit(subject, change("pending", evidence={"window": {"calls": 3}}))
    (opened,) = subject.open()
    assert (opened.state, opened.started_at, opened.fired_at) == ("pending", NOW, None)
    assert (opened.labels, opened.evidence) == (LABELS, {"window": {"calls": 3}})
    fired, cleared, ended = (NOW + n * MINUTE for n in (2, 5, 9))
    commit(subject, change("firing", "pending", at=fired, onset_at=NOW - MINUTE, told=True, episode="e"))
    commit(subject, change("firing", "firing", at=cleared, standing="recovering", told=True, episode="e"))
    (opened,) = subject.open()
    assert (opened.state, opened.standing, opened.fired_at) == ("firing", "recovering", fired)
    assert (opened.told, opened.episode, opened.muted_by) == (True, "e", None)
    commit(subject, change("resolved", "firing", at=ended))
    assert subject.open() == []
    (row,) = table(engine, alerts)
    assert (row.state, row.standing, row.resolved_at) == ("resolved", "normal", ended)
    assert [(event.from_state, event.to_state) for event in table(engine, alert_events)] == [
        (None, "pending"),
        ("pending", "firing"),
        ("firing", "recovering"),
        ("firing", "normal"),
    ]
    assert {event.alert_id for event in table(engine, alert_events)} == {row.alert_id}


def test_evidence_stays_until_there_is_other_evidence(subject: Alerts) -> None:
    commit(subject, change("pending", evidence={"calls": 7}))
    commit(subject, change("firing", "pending"))
    assert [one.evidence for one in subject.open()] == [{"calls": 7}]
    commit(subject, change("firing", "firing", evidence={"calls": 9}))
    assert [one.evidence for one in subject.open()] == [{"calls": 9}]


def test_an_alert_is_one_while_it_is_open_and_another_after_it_has_resolved(
    subject: Alerts, engine: sa.Engine
) -> None:
    for step in (
        change("pending"),
        change("firing", "pending"),
        change("firing", "firing", muted_by="silence 1"),
        change("resolved", "firing"),
        change("firing"),
    ):
        commit(subject, step)
    assert [row.state for row in table(engine, alerts)] == ["resolved", "firing"]


def test_what_has_resolved_is_given_as_long_as_it_is_asked_for(subject: Alerts) -> None:
    commit(subject, change("firing"), change("firing", labels={}))
    commit(subject, change("resolved", "firing"))
    assert [one.labels for one in subject.open()] == [{}]
    assert [one.labels for one in subject.open(resolved_since=NOW)] == [LABELS, {}]
    assert [one.labels for one in subject.open(resolved_since=NOW + MINUTE)] == [{}]


def test_the_two_severities_of_a_rule_are_two_alerts(subject: Alerts) -> None:
    commit(subject, change("firing"), change("pending", severity="ticket"))
    assert [(one.severity, one.state) for one in subject.open()] == [
        ("page", "firing"),
        ("ticket", "pending"),
    ]


def test_a_transition_of_labels_without_an_alert_is_an_event_all_the_same(
    subject: Alerts, engine: sa.Engine
) -> None:
    (event,) = evaluated(change("normal")).events
    subject.commit(Evaluated(events=[event]), NOW)
    (row,) = table(engine, alert_events)
    assert (row.rule, row.labels, row.fingerprint, row.alert_id) == ("A", LABELS, event.fingerprint, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([change("pending")], []),
        ([change("firing")], [(NOW, None)]),
        ([change("firing", onset_at=NOW - MINUTE)], [(NOW - MINUTE, None)]),
        ([change("pending"), change("resolved", "pending", at=NOW + MINUTE)], []),
        ([change("firing"), change("resolved", "firing", at=NOW + MINUTE)], [(NOW, NOW + MINUTE)]),
        ([change("firing"), change("resolved", "firing", at=NOW - 2 * MINUTE)], []),
    ],
    ids=["pending", "firing", "from its onset", "never fired", "resolved", "resolved too long ago"],
)
def test_an_incident_is_the_time_in_which_an_alert_fired(
    subject: Alerts, changes: list[AlertChange], expected: list[tuple[datetime, datetime | None]]
) -> None:
    for one in changes:
        commit(subject, one)
    assert subject.incidents(NOW - MINUTE) == [Incident("A", LABELS, *times) for times in expected]


# --------------------------------------------------------------------------------- whole, once, or not at all


def test_what_a_rule_remembers_goes_on_from_minute_to_minute(subject: Alerts) -> None:
    assert commit(subject, memories=[remembered(NOW)])
    assert commit(subject, memories=[remembered(NOW + MINUTE, NOW)])
    assert subject.memories() == {"A/page": remembered(NOW + MINUTE)}


@pytest.mark.parametrize(
    "late",
    [
        [remembered(NOW)],
        [remembered(NOW + 2 * MINUTE, NOW)],
        [remembered(NOW + 2 * MINUTE, NOW + MINUTE), remembered(NOW, NOW - MINUTE, rule="B/page")],
    ],
    ids=["as if it were the first", "from a minute that is past", "of a rule that is not there"],
)
def test_who_goes_on_from_another_minute_than_the_stored_one_writes_nothing(
    subject: Alerts, engine: sa.Engine, late: list[StoredMemory]
) -> None:
    commit(subject, memories=[remembered(NOW)])
    commit(subject, memories=[remembered(NOW + MINUTE, NOW)])
    assert not commit(subject, change("firing"), memories=late, channels=["log"])
    assert written(engine) == [1, 0, 0, 0]
    assert subject.memories() == {"A/page": remembered(NOW + MINUTE)}


def test_of_many_who_commit_the_same_minute_at_once_one_does_whole(
    subject: Alerts, engine: sa.Engine
) -> None:
    def race(one: AlertChange, memories: list[StoredMemory]) -> None:
        results: list[bool] = []
        run_at_once(*[lambda: results.append(commit(subject, one, memories=memories, channels=["log"]))] * 6)
        assert sorted(results) == [False] * 5 + [True]

    rules = ["A/page", "B/page", "C/ticket"]
    race(change("firing"), [remembered(NOW, rule=rule) for rule in rules])
    assert written(engine) == [3, 1, 1, 1]
    race(
        change("resolved", "firing"),
        [remembered(NOW + MINUTE, NOW, rule=rule) for rule in reversed(rules)],
    )
    assert written(engine) == [3, 1, 2, 2]


@pytest.mark.parametrize(
    ("refused", "check"),
    [
        ("rule_states", "at < '2026-03-10'"),
        ("alerts", "state <> 'firing'"),
        ("alert_events", "to_state <> 'firing'"),
        ("outbox", "channel <> 'bad'"),
    ],
    ids=["memory", "alert", "event", "notification"],
)
def test_a_statement_that_fails_leaves_nothing_written(database: str, refused: str, check: str) -> None:
    engine = connect(database)
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {refused} ADD CHECK ({check})"))
    with pytest.raises(sa.exc.IntegrityError):
        commit(Alerts(engine), change("firing"), memories=[remembered(NOW)], channels=["log", "bad"])
    assert written(engine) == [0, 0, 0, 0]
    engine.dispose()


# -------------------------------------------------------------------------------------------------- telling


def test_a_notification_for_each_channel_names_the_alert(subject: Alerts, engine: sa.Engine) -> None:
    commit(subject, change("firing", episode="e"), channels=["oncall", "log"], payload={"title": "t"})
    (opened,) = subject.open()
    payload = {"title": "t", "alert_id": opened.alert_id}
    assert [(row.channel, row.episode, row.payload, row.created_at) for row in table(engine, outbox)] == [
        ("oncall", "e", payload, NOW),
        ("log", "e", payload, NOW),
    ]


def test_an_alert_that_is_told_later_is_told_under_its_newest_event(
    subject: Alerts, engine: sa.Engine
) -> None:
    commit(subject, change("pending"))
    commit(subject, change("firing", "pending", muted_by="silence 1"))
    told = msgspec.structs.replace(evaluated(change("firing", "firing"), channels=["log"]), events=())
    subject.commit(told, NOW + MINUTE)
    *_, firing = table(engine, alert_events)
    assert [(row.event_id, row.created_at) for row in table(engine, outbox)] == [
        (firing.event_id, NOW + MINUTE)
    ]


def test_who_was_told_of_an_episode_is_known_by_their_channels(subject: Alerts) -> None:
    commit(subject, change("firing", episode="e"), channels=["oncall", "log"])
    commit(subject, change("firing", labels={}, episode="f"), channels=["mail"])
    assert [subject.told(episode) for episode in "efg"] == [["log", "oncall"], ["mail"], []]


# --------------------------------------------------------------------------------- acknowledging, repeating


def test_an_acknowledgement_is_told_to_everybody_who_heard_but_for_whom_it_came_from(
    subject: Alerts, engine: sa.Engine
) -> None:
    commit(subject, change("firing", episode="e"), channels=["pager", "chat"], payload={"title": "t"})
    said = subject.acknowledge("e", by="mia", source="pager", now=NOW + MINUTE)
    assert said == Acknowledged("e", NOW + MINUTE, "mia", "pager")
    assert subject.acknowledged(["e", "f"]) == {"e": said}
    *_, last = table(engine, outbox)
    assert (len(table(engine, outbox)), last.channel, last.kind, last.payload["title"]) == (
        3,
        "chat",
        "acknowledge",
        "t",
    )
    assert last.payload["acknowledged"] == {
        "by": "mia",
        "at": (NOW + MINUTE).isoformat(),
        "source": "pager",
    }


def test_who_is_first_takes_care_and_nobody_is_told_twice(subject: Alerts, engine: sa.Engine) -> None:
    commit(subject, change("firing", episode="e"), channels=["chat"])
    subject.acknowledge("e", by="mia", source="page", now=NOW)
    second = subject.acknowledge("e", by="tom", source="command", now=NOW + MINUTE)
    assert second is not None
    assert second.by == "mia"
    assert len(table(engine, outbox)) == 2


@pytest.mark.parametrize("state", ["none", "pending", "resolved"])
def test_what_does_not_fire_can_not_be_acknowledged(subject: Alerts, state: str) -> None:
    if state != "none":
        commit(subject, change("pending", episode="e"))
    if state == "resolved":
        commit(subject, change("resolved", "pending", episode="e"))
    assert subject.acknowledge("e", by="mia", source="page", now=NOW) is None
    assert subject.acknowledged(["e"]) == {}


def test_an_acknowledgement_ends_with_its_episode(subject: Alerts) -> None:
    commit(subject, change("firing", episode="e"), channels=["chat"])
    subject.acknowledge("e", by="mia", source="page", now=NOW)
    ended = evaluated(change("resolved", "firing", episode="e"), channels=["chat"])
    ending = [msgspec.structs.replace(one, ends_acknowledgement=True) for one in ended.tellings]
    subject.commit(msgspec.structs.replace(ended, tellings=ending), NOW + MINUTE)
    assert subject.acknowledged(["e"]) == {}


def test_a_repeat_is_told_once_whoever_asks(subject: Alerts, engine: sa.Engine) -> None:
    commit(subject, change("firing", episode="e"), channels=["chat", "mail"])
    (first, *_) = evaluated(change("firing", episode="e"), channels=["chat"], payload={}).tellings
    hour = NOW + timedelta(hours=1)
    again = msgspec.structs.replace(first, kind="repeat")
    subject.repeat(again, hour - MINUTE, NOW - MINUTE)  # not due: chat was told after that
    run_at_once(*[lambda: subject.repeat(again, hour, NOW)] * 4)
    assert [(row.channel, row.kind) for row in table(engine, outbox)][2:] == [("chat", "repeat")]
    assert subject.told_at(["e"]) == {("e", "chat"): hour, ("e", "mail"): NOW}


def test_what_has_ended_is_not_repeated(subject: Alerts, engine: sa.Engine) -> None:
    commit(subject, change("firing", episode="e"), channels=["chat"])
    (telling,) = evaluated(change("firing", episode="e"), channels=["chat"]).tellings
    commit(subject, change("resolved", "firing", episode="e"))
    subject.repeat(telling, NOW + timedelta(hours=1), NOW)
    assert len(table(engine, outbox)) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda subject: subject.open(),
        lambda subject: commit(subject, change("firing")),
        lambda subject: subject.memories(),
        lambda subject: subject.incidents(NOW),
        lambda subject: subject.told("e"),
        lambda subject: subject.told_at(["e"]),
        lambda subject: subject.acknowledged(["e"]),
        lambda subject: subject.acknowledge("e", by="mia", source="command", now=NOW),
    ],
    ids=["open", "commit", "memories", "incidents", "told", "told_at", "acknowledged", "acknowledge"],
)
def test_a_database_that_is_away_is_transient(ask: Any) -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    with pytest.raises(Transient, match=r"^Postgres: ") as caught:
        ask(Alerts(engine))
    assert "hunter2" not in str(caught.value)
    engine.dispose()
