from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.demo.report import build_report
from monitor.demo.story import EXPECTED_ALERTS, QUIET, REACTION, Scene, Story
from monitor.demo.watch import AlertRow, Snapshot

BEGAN = datetime(2026, 11, 22, 12, 0, 15, tzinfo=UTC)


def snapshot(*states: str, unsent: int = 0) -> Snapshot:
    alerts = [
        AlertRow("Broken", {"service": str(n)}, state, BEGAN + timedelta(seconds=30), None, {})
        for n, state in enumerate(states)
    ]
    return Snapshot(BEGAN, 90, 6, 4, 0, [], alerts, len(alerts), 0, unsent)


FIRING = ("firing",) * EXPECTED_ALERTS
RESOLVED = ("resolved",) * EXPECTED_ALERTS


def test_the_whole_plot() -> None:
    story = Story(BEGAN)
    assert not story.advance(BEGAN, snapshot())
    broken = BEGAN + QUIET + timedelta(seconds=5)
    assert story.advance(broken, snapshot())
    told = broken + timedelta(seconds=5)
    assert not story.advance(told, snapshot(*FIRING))
    assert story.advance(told + REACTION, snapshot(*FIRING))
    over = told + REACTION + timedelta(seconds=60)
    assert story.advance(over, snapshot(*RESOLVED))
    assert story.scene is Scene.OVER
    assert (story.broken_at, story.mended_at) == (broken, told + REACTION)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(snapshot(), id="nothing has fired"),
        pytest.param(snapshot("firing"), id="only one of them has fired"),
        pytest.param(snapshot(*FIRING, unsent=1), id="not everything is delivered"),
    ],
)
def test_nothing_is_mended_before_every_alert_fired_and_was_delivered(known: Snapshot) -> None:
    story = Story(BEGAN)
    story.advance(BEGAN + QUIET + timedelta(seconds=5), snapshot())
    for second in range(60):
        assert not story.advance(BEGAN + QUIET + timedelta(seconds=6 + second), known)


def test_it_is_not_over_while_one_alert_still_fires() -> None:
    story = Story(BEGAN)
    story.advance(BEGAN + QUIET + timedelta(seconds=5), snapshot())
    for second in (6, 20):
        story.advance(BEGAN + QUIET + timedelta(seconds=second), snapshot(*FIRING))
    assert story.scene is Scene.MENDED
    assert not story.advance(BEGAN + timedelta(seconds=90), snapshot("resolved", "firing"))


def test_a_replay_breaks_nothing() -> None:
    story = Story(BEGAN, staged=False)
    for second in range(0, 300, 5):
        assert not story.advance(BEGAN + timedelta(seconds=second), snapshot())


def test_the_report_says_when_something_is_unaccounted_for() -> None:
    def lost(produced: int) -> int:
        report = build_report(
            snapshot(), produced=produced, dropped=0, broken_at=None, mended_at=None, duration_s=1.0
        )
        return report.lost

    assert lost(100) == 0
    assert lost(101) == 1


def test_the_report_counts_an_undelivered_notification_as_failed() -> None:
    report = build_report(
        snapshot(*FIRING, unsent=2), produced=100, dropped=0, broken_at=BEGAN, mended_at=None, duration_s=1.0
    )
    assert (report.notifications.sent, report.notifications.failed) == (2, 2)
    assert [(alert.fired_after_s, alert.resolved_after_s) for alert in report.alerts] == [(30.0, None)] * 2
