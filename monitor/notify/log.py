"""The ``log`` channel: an alert as one structured line in the service's own log. It never fails."""

from __future__ import annotations

import structlog

from monitor.notify.channel import Notification

log = structlog.get_logger("monitor.alert")


class LogChannel:
    """Writes each notification to the log."""

    def send(self, notification: Notification) -> None:
        """Log title, status and labels; the evidence is in the database."""
        payload = notification.payload
        log.warning(
            payload.get("title", ""),
            id=notification.id,
            status=payload.get("status"),
            alert=payload.get("alert"),
            labels=payload.get("labels"),
            severity=payload.get("severity"),
            undeliverable=payload.get("undeliverable"),
        )
