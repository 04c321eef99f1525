"""Decides which alerts are due to be sent as they stand: alerts and a time in, those that are due out.

What the Prometheus alert-generator compliance specification 1.0 asks ("Sending Alerts to Alertmanager"): an
alert that fires goes out at once and then every so often, one that ended at once and again for a quarter of
an hour, one that is pending never. What was sent is remembered in memory only: whoever starts anew sends
everything at once, which is what a receiver that keeps alerts in memory needs too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar

#: How long an alert that has ended is sent again.
KEPT = timedelta(minutes=15)


class Known(Protocol):
    """An alert as it is stored: ``state`` is pending, firing or resolved."""

    @property
    def alert_id(self) -> int:
        """Its number; a later one is newer."""
        ...

    @property
    def rule(self) -> str:
        """The name of its rule."""
        ...

    @property
    def state(self) -> str:
        """What it is now."""
        ...

    @property
    def told(self) -> bool:
        """Whether anybody was to be told that it fires."""
        ...

    @property
    def resolved_at(self) -> datetime | None:
        """When it ended."""
        ...


Alert = TypeVar("Alert", bound=Known)


class _Sent(NamedTuple):
    state: str
    at: datetime


class Resend(Generic[Alert]):
    """What was sent of each alert, and when.

    Args:
        every: the pause between two sendings of one alert.
        identity: what tells an alert from all others for whom it is sent to: its labels.
    """

    def __init__(self, every: timedelta, identity: Callable[[Alert], Hashable]) -> None:
        self._every = every
        self._identity = identity
        self._sent: dict[int, _Sent] = {}

    @property
    def firing(self) -> list[int]:
        """The numbers of alerts that were last sent as firing: however long ago they ended, that is due."""
        return [number for number, sent in self._sent.items() if sent.state == "firing"]

    def due(self, alerts: Sequence[Alert], now: datetime) -> list[Alert]:
        """Those of these alerts that are to be sent now; what is not among them is forgotten.

        Args:
            alerts: all that are open, that ended less than ``KEPT`` ago, and that are ``firing`` here.
            now: what time it is.
        """
        there = {one.alert_id for one in alerts}
        self._sent = {number: sent for number, sent in self._sent.items() if number in there}
        # An alert that ended has nothing to say any more once another with its labels is pending or fires.
        newest = {self._identity(one): one for one in sorted(alerts, key=lambda one: one.alert_id)}
        return [one for one in newest.values() if one.told and self._is_due(one, now)]

    def duplicated(self, alerts: Sequence[Alert]) -> set[str]:
        """The rules of which two alerts are open that look the same: none of theirs may be sent."""
        open_ = [(self._identity(one), one.rule) for one in alerts if one.resolved_at is None]
        times = Counter(identity for identity, _ in open_)
        return {rule for identity, rule in open_ if times[identity] > 1}

    def sent(self, alerts: Sequence[Alert], now: datetime) -> None:
        """These were sent."""
        self._sent.update((one.alert_id, _Sent(one.state, now)) for one in alerts)

    def _is_due(self, alert: Alert, now: datetime) -> bool:
        sent = self._sent.get(alert.alert_id)
        if alert.resolved_at is not None:
            if sent is not None and sent.state == "firing":
                return True
            if now - alert.resolved_at >= KEPT:
                return False
        elif alert.state != "firing":
            return False
        return sent is None or sent.state != alert.state or now - sent.at >= self._every
