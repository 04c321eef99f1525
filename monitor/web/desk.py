"""Who answers for the service: what pages and ``/api`` ask, and what they can have done."""

from __future__ import annotations

from typing import Protocol

from monitor.web.values import (
    Acknowledgement,
    AlertDetail,
    Alerts,
    Filter,
    NewSilence,
    Silence,
    Status,
)


class Desk(Protocol):
    """Answers for the service. Every method raises ``Transient`` where Postgres can't be reached."""

    def status(self) -> Status:
        """How everything is."""
        ...

    def alerts(self, wanted: Filter) -> Alerts:
        """One page of the alerts that are wanted."""
        ...

    def alert(self, alert_id: int) -> AlertDetail | None:
        """Everything of one alert; ``None`` where there is none of that number."""
        ...

    def acknowledge(self, alert_id: int, by: str) -> Acknowledgement | None:
        """Note who takes care of the episode of an alert; gives who does, perhaps somebody who was first.

        ``None`` where nothing of it fires.
        """
        ...

    def silences(self) -> list[Silence]:
        """Those that are active or to come."""
        ...

    def silence(self, wanted: NewSilence, by: str) -> Silence:
        """Keep these alerts from being told, from now on.

        Raises:
            ValueError: what is wrong with the matchers or the duration, for whoever wrote them.
        """
        ...

    def expire(self, silence_id: int) -> bool:
        """End a silence now; ``False`` where none of that number was active or to come."""
        ...
