"""What the demo did, as numbers: the JSON that ``--report`` writes. Its keys are a fixed interface."""

from __future__ import annotations

from datetime import datetime

import msgspec

from monitor.demo.watch import Snapshot


class AlertReport(msgspec.Struct, frozen=True):
    """One alert: seconds from the breakage to the alert, and from the roll-back to its end."""

    rule: str
    labels: dict[str, str]
    fired_after_s: float | None
    resolved_after_s: float | None


class NotificationReport(msgspec.Struct, frozen=True):
    """Notifications that the receiver took, and that could not be delivered."""

    sent: int
    failed: int


class Report(msgspec.Struct, frozen=True):
    """The whole run. ``stored == produced - dead_letters - duplicates`` unless something was lost."""

    produced: int
    stored: int
    duplicates: int
    dead_letters: int
    alerts: list[AlertReport]
    notifications: NotificationReport
    duration_s: float
    dropped: int = 0
    """Calls that an application's shipper dropped before Kafka had them."""

    @property
    def lost(self) -> int:
        """Calls that Kafka had and of which nothing is known. Anything but zero is a bug."""
        return self.produced - self.stored - self.duplicates - self.dead_letters


def build_report(
    snapshot: Snapshot,
    *,
    produced: int,
    dropped: int,
    broken_at: datetime | None,
    mended_at: datetime | None,
    duration_s: float,
) -> Report:
    """The report of a run that ended as ``snapshot`` shows."""
    return Report(
        produced=produced,
        stored=snapshot.stored,
        duplicates=snapshot.duplicates,
        dead_letters=snapshot.dead_letters,
        alerts=[
            AlertReport(
                alert.rule,
                alert.labels,
                _seconds(broken_at, alert.fired_at),
                _seconds(mended_at, alert.resolved_at),
            )
            for alert in snapshot.alerts
        ],
        notifications=NotificationReport(snapshot.sent, snapshot.failed + snapshot.unsent),
        duration_s=round(duration_s, 1),
        dropped=dropped,
    )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 1) if start and end else None
