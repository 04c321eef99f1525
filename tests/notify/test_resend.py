"""When alerts are sent: the cases of the Prometheus alert-generator compliance specification 1.0.

The sections that its names refer to are "Conditions for Sending `firing` Alerts" and "Conditions for Sending
`inactive` Alerts"; what a body has is in ``test_alertmanager.py``, times and labels in ``test_resending.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.resend import KEPT, Resend

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Alert(NamedTuple):
    """An alert as it is stored."""

    state: str = "firing"
    alert_id: int = 1
    rule: str = "A"
    told: bool = True
    resolved_at: datetime | None = None
    labels: str = "shop"


def ended(at: datetime = NOON, alert_id: int = 1) -> Alert:
    return Alert("resolved", alert_id, resolved_at=at)


def fresh(every: timedelta = MINUTE) -> Resend[Alert]:
    return Resend(every, lambda one: (one.rule, one.labels))


def sends(subject: Resend[Alert], *alerts: Alert, at: datetime) -> list[int]:
    """Send what is due, and say which that was."""
    due = subject.due(alerts, at)
    subject.sent(due, at)
    return [one.alert_id for one in due]


# --------------------------------------------------------------------------------------------- firing alerts


def test_an_alert_is_sent_when_it_first_fires() -> None:
    assert sends(fresh(), Alert(), at=NOON) == [1]


def test_a_pending_alert_is_never_sent() -> None:
    subject = fresh()
    assert [sends(subject, Alert("pending"), at=NOON + n * MINUTE) for n in range(20)] == [[]] * 20


def test_an_alert_that_was_pending_is_sent_when_it_fires() -> None:
    subject = fresh()
    assert sends(subject, Alert("pending"), at=NOON) == []
    assert sends(subject, Alert(), at=NOON + SECOND) == [1]


@pytest.mark.parametrize("every", [SECOND * 10, MINUTE, MINUTE * 5], ids=str)
def test_a_firing_alert_is_sent_again_after_the_resend_delay_and_not_before(every: timedelta) -> None:
    subject = fresh(every)
    times = [NOON, NOON + every - SECOND, NOON + every, NOON + 2 * every - SECOND, NOON + 2 * every]
    assert [sends(subject, Alert(), at=at) for at in times] == [[1], [], [1], [], [1]]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60))
def test_a_firing_alert_is_sent_at_the_first_look_after_the_delay_for_as_long_as_it_fires(
    steps: list[int],
) -> None:
    subject, last, at = fresh(), NOON, NOON
    sends(subject, Alert(), at=NOON)
    for step in steps:
        at += step * SECOND
        due = at - last >= MINUTE
        assert sends(subject, Alert(), at=at) == [1] * due
        last = at if due else last


def test_what_was_not_taken_is_due_again() -> None:
    subject = fresh()
    assert subject.due([Alert()], NOON) == subject.due([Alert()], NOON + SECOND) == [Alert()]


def test_what_nobody_was_to_be_told_is_not_sent() -> None:
    subject = fresh()
    assert sends(subject, Alert(told=False), at=NOON) == []
    assert sends(subject, ended()._replace(told=False), at=NOON) == []


def test_whoever_starts_anew_sends_everything_at_once() -> None:
    alerts = [Alert(), Alert(alert_id=2, labels="search"), ended(alert_id=3)._replace(labels="chat")]
    sends(fresh(), *alerts, at=NOON)
    assert sends(fresh(), *alerts, at=NOON + SECOND) == [1, 2, 3]


# ------------------------------------------------------------------------------------------- inactive alerts


def test_an_alert_is_sent_when_it_first_is_inactive() -> None:
    subject = fresh()
    sends(subject, Alert(), at=NOON)
    assert sends(subject, ended(NOON + SECOND), at=NOON + SECOND) == [1]


def test_an_inactive_alert_is_sent_again_until_a_quarter_of_an_hour_after_it_was_resolved() -> None:
    subject = fresh()
    sends(subject, Alert(), at=NOON - MINUTE)
    times = [NOON + n * 10 * SECOND for n in range(6 * 30)]
    sent = [at for at in times if sends(subject, ended(NOON), at=at)]
    assert sent == [NOON + n * MINUTE for n in range(15)]


@pytest.mark.parametrize("state", ["pending", "firing"])
def test_an_inactive_alert_is_not_sent_again_once_another_with_its_labels_is_active(state: str) -> None:
    subject = fresh()
    sends(subject, Alert(), at=NOON)
    sends(subject, ended(NOON), at=NOON)
    assert sends(subject, ended(NOON), Alert(state, 2), at=NOON + MINUTE) == [2] * (state == "firing")


def test_an_alert_that_comes_back_is_a_new_one() -> None:
    subject = fresh()
    sends(subject, Alert(), at=NOON)
    sends(subject, ended(NOON + SECOND), at=NOON + SECOND)
    assert sends(subject, ended(NOON + SECOND), Alert(alert_id=2), at=NOON + 2 * SECOND) == [2]


def test_of_two_ends_with_the_same_labels_only_the_later_is_sent() -> None:
    assert sends(fresh(), ended(NOON - MINUTE), ended(NOON, alert_id=2), at=NOON) == [2]


def test_an_alert_that_never_fired_has_no_end_to_send() -> None:
    subject = fresh()
    sends(subject, Alert("pending", told=False), at=NOON)
    assert sends(subject, ended()._replace(told=False), at=NOON) == []


def test_an_end_that_is_found_out_late_is_sent_all_the_same() -> None:
    """Rules that catch up after a stop look at minutes of an hour ago."""
    subject, late = fresh(), NOON + timedelta(hours=1)
    sends(subject, Alert(), at=late)
    assert subject.firing == [1]
    assert sends(subject, ended(NOON), at=late + SECOND) == [1]
    assert sends(subject, ended(NOON), at=late + MINUTE + SECOND) == []
    assert subject.firing == []


def test_an_end_of_long_ago_is_not_sent_by_one_who_starts_anew() -> None:
    assert sends(fresh(), ended(NOON), at=NOON + KEPT) == []


def test_what_is_no_longer_there_is_forgotten() -> None:
    subject = fresh()
    sends(subject, Alert(), at=NOON)
    assert sends(subject, at=NOON) == []
    assert subject.firing == []


# ------------------------------------------------------------------------------------------------ duplicates


@pytest.mark.parametrize("state", ["pending", "firing"])
def test_two_active_alerts_with_the_same_labels_are_an_error_of_their_rule(state: str) -> None:
    alerts = [Alert(), Alert(state, 2), Alert(alert_id=3, rule="B")]
    assert fresh().duplicated(alerts) == {"A"}


def test_an_inactive_alert_may_have_the_labels_of_another() -> None:
    assert fresh().duplicated([ended(), ended(alert_id=2), Alert(alert_id=3)]) == set()
