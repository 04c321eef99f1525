"""The ``log`` channel: an alert as one structured line in the service's own log. It never fails."""

from __future__ import annotations

import structlog

from monitor.clock import Clock
from monitor.notify.channel import ChannelSettings, Notification

log = structlog.get_logger("monitor.alert")


class LogSettings(ChannelSettings, frozen=True, kw_only=True, tag="log", tag_field="kind"):
    """A channel that writes to the service's log."""

    def channel(self, clock: Clock) -> LogChannel:  # noqa: ARG002 - the log has its own
        """See ``ChannelSettings``."""
        return LogChannel()


class LogChannel:
    """Writes each notification to the log."""

    def send(self, notification: Notification) -> None:
        """Log title, status and labels; the evidence is in the database."""
        page = notification.page
        log.warning(
            page.title,
            id=notification.id,
            kind=page.kind,
            status=page.status,
            alert=page.alert,
            labels=page.labels,
            severity=page.severity,
            undeliverable=page.undeliverable and page.undeliverable.channel,
        )
