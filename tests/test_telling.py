"""Who is told what: episodes, mutes, storms; and that no alert is ever dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from monitor.rules.inhibit import Inhibition
from monitor.rules.model import ThresholdRule
from monitor.rules.states import State
from monitor.telling import APART, TABLE, Alert, Message, tell

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Silence:
    """One that is active."""

    silence_id: int
    matchers: tuple[str, ...]


SHOP = Silence(7, ("service=shop",))


def rule(name: str = "A", **settings: Any) -> ThresholdRule:
    return ThresholdRule(**{"alert": name, "metric": "errors", "above": 0.1, "runbook_url": "x", **settings})


def fires(since: datetime = NOON, name: str = "A", severity: str = "page", **labels: str) -> Alert:
    """An alert that has just begun to fire."""
    under = rule(name, severity=severity)
    return Alert(name=name, severity=severity, labels=labels, rule=under, state="firing", since=since)


def ended(alert: Alert, at: datetime) -> Alert:
    """The same, resolved."""
    return structs.replace(alert, state="resolved", resolved_at=at, reason="recovered")


def told(
    alerts: Sequence[Alert],
    at: datetime = NOON,
    silences: Sequence[Silence] = (),
    inhibitions: Sequence[Inhibition] = (),
) -> tuple[list[Alert], list[Message]]:
    """What is told; and that nothing is lost on the way, nor told without an episode."""
    now, messages = tell(alerts, silences, inhibitions, at)
    assert [one.fingerprint for one in now] == [one.fingerprint for one in alerts]
    assert [one.state for one in now] == [one.state for one in alerts]
    assert all(one.episode for one in now if one.told)
    return now, messages


# ------------------------------------------------------------------------------------------------ episodes


def test_alerts_of_one_rule_and_service_that_fire_together_are_one_message_with_a_table() -> None:
    alerts = [fires(service="shop", prompt_version=version) for version in ("1", "2", "3")]
    now, [message] = told(alerts)
    assert [one.labels["prompt_version"] for one in message.table] == ["1", "2", "3"]
    assert (message.more, message.update, message.lead.fires) == (0, False, True)
    assert {one.episode for one in now} == {message.episode}
    assert told(now, NOON + MINUTE)[1] == [], "and once"


@pytest.mark.parametrize(
    "other",
    [
        fires(service="desk"),
        fires(service="shop", environment="canary"),
        fires(name="B", service="shop"),
        fires(severity="ticket", service="shop", route="checkout"),
    ],
    ids=["service", "environment", "rule", "severity"],
)
def test_alerts_of_another_place_or_rule_are_another_episode(other: Alert) -> None:
    _, messages = told([fires(service="shop"), other])
    assert len({one.episode for one in messages}) == 2
    assert [one.table for one in messages] == [(one.lead,) for one in messages]


def test_one_that_joins_is_an_update_that_shows_all() -> None:
    [first], [begun] = told([fires(service="shop", route="a")])
    joined = fires(NOON + MINUTE, service="shop", route="b")
    _, [message] = told([first, joined], NOON + MINUTE)
    assert (message.episode, message.update) == (begun.episode, True)
    assert [one.labels["route"] for one in message.table] == ["b", "a"], "what is new comes first"


def test_the_end_is_told_once_and_when_the_last_has_ended() -> None:
    now, [begun] = told([fires(service="shop", route=route) for route in "ab"])
    at = NOON + 5 * MINUTE
    now, messages = told([ended(now[0], at), now[1]], at)
    assert messages == [], "another still fires"
    at += MINUTE
    now, [message] = told([now[0], ended(now[1], at)], at)
    assert (message.episode, message.lead.labels["route"], message.lead.state) == (
        begun.episode,
        "b",
        "resolved",
    )
    assert [one.state for one in message.table] == ["resolved", "resolved"]
    assert told(now, at + MINUTE)[1] == []


def test_one_that_ends_while_another_joins_is_told_with_it() -> None:
    [first], [begun] = told([fires(service="shop", route="a")])
    at = NOON + MINUTE
    _, [message] = told([ended(first, at), fires(at, service="shop", route="b")], at)
    assert (message.episode, message.update, message.lead.state) == (begun.episode, True, "firing")
    assert [one.labels["route"] for one in message.table] == ["b"]


@pytest.mark.parametrize(("later", "same"), [(1, True), (30, True), (31, False)])
def test_an_episode_is_reopened_within_its_time_and_is_another_after(later: int, same: bool) -> None:
    [first], [begun] = told([fires(service="shop")])
    end = NOON + MINUTE
    [over], _ = told([ended(first, end)], end)
    at = end + later * MINUTE
    _, [message] = told([over, fires(at, service="shop")], at)
    assert (message.episode == begun.episode, message.update) == (same, same)


def test_an_episode_that_was_reopened_ends_once_more() -> None:
    [first], _ = told([fires(service="shop")])
    [over], _ = told([ended(first, NOON + MINUTE)], NOON + MINUTE)
    again = fires(NOON + 2 * MINUTE, service="shop")
    now, _ = told([over, again], NOON + 2 * MINUTE)
    at = NOON + 3 * MINUTE
    now, [message] = told([now[0], ended(now[1], at)], at)
    assert (message.lead.resolved_at, message.update) == (at, True)


def test_an_alert_of_no_rule_ends_where_it_was_told_and_reopens_nothing() -> None:
    [first], [begun] = told([fires(service="shop")])
    gone = structs.replace(ended(first, NOON + MINUTE), rule=None)
    now, [message] = told([gone], NOON + MINUTE)
    assert (message.episode, message.lead.state) == (begun.episode, "resolved")
    later = NOON + 2 * MINUTE
    _, [message] = told([*now, fires(later, service="shop")], later)
    assert not message.update


def test_a_pending_alert_is_told_to_nobody() -> None:
    [now], messages = told([structs.replace(fires(service="shop"), state="pending")])
    assert (now.told, messages) == (False, [])
    over = ended(now, NOON + MINUTE)
    assert told([over], NOON + MINUTE)[1] == []


# --------------------------------------------------------------------------------------------------- mutes


def test_what_a_silence_mutes_is_told_to_nobody_though_it_ends() -> None:
    [now], messages = told([fires(service="shop")], silences=[SHOP])
    assert (now.muted_by, now.told, messages) == ("silence 7", False, [])
    over = ended(now, NOON + MINUTE)
    assert told([over], NOON + MINUTE)[1] == []


def test_a_silence_that_ends_while_it_fires_is_told_then() -> None:
    [muted], _ = told([fires(service="shop")], silences=[SHOP])
    [now], [message] = told([muted], NOON + 9 * MINUTE)
    assert (now.muted_by, now.told, message.update) == (None, True, False)
    assert message.lead.since == NOON


def test_one_that_is_good_again_when_its_silence_ends_is_not_told_unless_it_turns_bad() -> None:
    now, _ = told([fires(service="shop")], silences=[SHOP])
    recovering = [structs.replace(one, standing=State.RECOVERING) for one in now]
    now, messages = told(recovering, NOON + MINUTE)
    assert (messages, now[0].told, now[0].muted_by) == ([], False, None)
    bad = [structs.replace(one, standing=State.FIRING) for one in now]
    assert [one.update for one in told(bad, NOON + 2 * MINUTE)[1]] == [False]


def test_a_silence_mutes_only_what_it_matches() -> None:
    now, [message] = told([fires(service="shop"), fires(service="desk")], silences=[SHOP])
    assert [one.muted_by for one in now] == ["silence 7", None]
    assert message.lead.labels == {"service": "desk"}


@pytest.mark.parametrize(
    ("matcher", "muted"),
    [
        ("alertname=A", True),
        ("severity=page", True),
        ("metric=errors", True),
        ("team=search", True),
        ("team=ads", False),
        ("service=~sh.*", True),
        ("service=~.*desk", False),
    ],
)
def test_a_silence_sees_labels_the_rules_too_and_name_severity_and_metric(matcher: str, muted: bool) -> None:
    alert = structs.replace(fires(service="shop"), rule=rule(labels={"team": "search"}))
    [now], _ = told([alert], silences=[Silence(1, (matcher,))])
    assert (now.muted_by is not None) is muted


def test_one_that_was_told_and_silenced_later_still_ends_where_it_was_told() -> None:
    [now], [begun] = told([fires(service="shop")])
    at = NOON + MINUTE
    [now], messages = told([now], at, silences=[SHOP])
    assert (now.muted_by, messages) == ("silence 7", [])
    at += MINUTE
    _, [message] = told([ended(now, at)], at, silences=[SHOP])
    assert (message.episode, message.lead.state) == (begun.episode, "resolved")


def test_an_inhibition_mutes_its_targets_while_the_source_fires() -> None:
    down = Inhibition(source=("alertname=ProviderDown",), target=("alertname=A",), equal=("provider",))
    source = fires(name="ProviderDown", provider="p")
    alerts = [source, fires(provider="p"), fires(provider="q")]
    now, messages = told(alerts, inhibitions=[down])
    assert [one.muted_by for one in now] == [None, f"alert {source.fingerprint}", None]
    assert sorted((one.lead.name, one.lead.labels["provider"]) for one in messages) == [
        ("A", "q"),
        ("ProviderDown", "p"),
    ]
    at = NOON + 5 * MINUTE
    now, messages = told([ended(now[0], at), *now[1:]], at, inhibitions=[down])
    assert [(one.lead.state, one.lead.labels) for one in messages if one.lead.name == "A"] == [
        ("firing", {"provider": "p"})
    ], "it still fires, so it is told now"


def test_a_source_that_is_pending_mutes_nothing() -> None:
    down = Inhibition(source=("alertname=ProviderDown",), target=("alertname=A",))
    source = structs.replace(fires(name="ProviderDown"), state="pending")
    now, [message] = told([source, fires()], inhibitions=[down])
    assert (now[1].muted_by, message.lead.name) == (None, "A")


def test_a_page_mutes_the_ticket_of_the_same_rule_and_labels_and_no_other() -> None:
    alerts = [
        fires(severity="ticket", service="shop"),
        fires(severity="page", service="shop"),
        fires(severity="ticket", service="desk"),
    ]
    now, messages = told(alerts)
    assert [one.muted_by is not None for one in now] == [True, False, False]
    assert [(one.lead.severity, one.lead.labels["service"]) for one in messages] == [
        ("page", "shop"),
        ("ticket", "desk"),
    ]
    at = NOON + MINUTE
    _, messages = told([now[0], ended(now[1], at), now[2]], at)
    assert [(one.lead.severity, one.lead.state) for one in messages] == [
        ("ticket", "firing"),
        ("page", "resolved"),
    ]


def test_one_whose_mute_ends_after_the_episode_it_began_with_is_a_new_one() -> None:
    """It would update a page that is over, and wake nobody."""
    loud, quiet = fires(service="shop", route="a"), fires(service="shop", route="b")
    now, [begun] = told([loud, quiet], silences=[Silence(1, ("route=b",))])
    end = NOON + MINUTE
    now, _ = told([ended(now[0], end), now[1]], end, silences=[Silence(1, ("route=b",))])
    _, [message] = told(now, end + 60 * MINUTE)
    assert message.lead.labels["route"] == "b"
    assert (message.update, message.episode == begun.episode) == (False, False)


# -------------------------------------------------------------------------------------------------- storms


def test_a_storm_of_a_thousand_is_one_message_with_a_table_and_more_and_drops_no_alert() -> None:
    alerts = [fires(service="shop", route=f"r{n}") for n in range(1_000)]
    now, [message] = told(alerts)
    assert (len(message.table), message.more) == (TABLE, 1_000 - TABLE)
    assert len({one.fingerprint for one in message.table}) == TABLE
    assert all(one.told and one.episode == message.episode for one in now)
    at = NOON + MINUTE
    _, [message] = told([ended(one, at) for one in now], at)
    assert (len(message.table), message.more, message.lead.state) == (TABLE, 1_000 - TABLE, "resolved")


def places(count: int, at: datetime = NOON) -> list[Alert]:
    return [fires(at, service=f"s{n}", environment="production") for n in range(count)]


def test_one_rule_that_fires_in_many_places_at_once_is_one_episode() -> None:
    now, [message] = told(places(40))
    assert {one.episode for one in now} == {message.episode}
    assert (len(message.table), message.more, len(message.members)) == (TABLE, 40 - TABLE, 40)
    at = NOON + MINUTE
    _, [ending] = told([ended(one, at) for one in now], at)
    assert (ending.episode, ending.lead.state) == (message.episode, "resolved")


def test_a_few_places_are_told_one_by_one() -> None:
    _, messages = told(places(APART))
    assert len(messages) == APART


def test_a_storm_that_grows_is_told_apart_at_first_and_then_as_one() -> None:
    alerts, messages = told(places(3))
    assert len(messages) == 3
    at = NOON + 2 * MINUTE
    alerts, messages = told([*alerts, *places(30, at)[3:]], at)
    assert [(len(one.members), one.update) for one in messages] == [(27, False)]
    later = at + timedelta(hours=3)
    _, messages = told([*alerts, fires(later, service="late", environment="production")], later)
    assert [(len(one.members), one.update) for one in messages] == [(28, True)]


def test_places_that_fail_hours_apart_are_no_storm() -> None:
    alerts: list[Alert] = []
    for n in range(2 * APART):
        at = NOON + n * timedelta(hours=1)
        alerts, messages = told([*alerts, fires(at, service=f"s{n}", environment="production")], at)
        assert len(messages) == 1
    assert len({one.episode for one in alerts}) == 2 * APART


def test_no_value_of_a_label_looks_like_two_labels() -> None:
    one = fires(service="a/environment=b", environment="c")
    other = fires(service="a", environment="b/environment=c")
    assert len({alert.episode for alert in told([one, other])[0]}) == 2


moments = st.lists(
    st.tuples(
        st.sampled_from(["fire", "end", "nothing"]), st.sampled_from("abc"), st.booleans(), st.integers(1, 40)
    ),
    max_size=25,
)


@given(moments)
def test_of_any_life_each_episode_begins_with_a_page_and_is_not_ended_while_one_fires(
    lives: list[tuple[str, str, bool, int]],
) -> None:
    at, alerts, heard = NOON, list[Alert](), list[str]()
    for what, route, silenced, later in lives:
        at += later * MINUTE
        going = {one.labels["route"]: n for n, one in enumerate(alerts) if one.fires}
        if what == "fire" and route not in going:
            alerts.append(fires(at, service="shop", route=route))
        elif what == "end" and route in going:
            alerts[going[route]] = ended(alerts[going[route]], at)
        alerts, messages = told(alerts, at, silences=[SHOP] if silenced else [])
        firing = [one for one in alerts if one.fires]
        assert len(messages) <= 1
        for message in messages:
            assert message.update == (message.episode in heard)
            assert message.lead.fires == any(one.told for one in firing)
            heard.append(message.episode)
        assert all(one.told or one.muted_by for one in firing)
