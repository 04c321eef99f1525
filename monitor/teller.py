"""Writes down what goes to whom: messages about episodes in, pages for the channels of their routes out.

An episode that goes on is told again where a route says so, until somebody takes care of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from monitor.notify.page import Acknowledgement
from monitor.paging import page_of
from monitor.routing import Route, Routing
from monitor.store.alerts import Alerts, Telling
from monitor.store.outbox import Destination
from monitor.telling import Alert, Message, again, labels_of


class Teller:
    """Says who is told what.

    Args:
        alerts: who was told before, and who takes care of what.
        routing: which alerts go where.
        dashboard: the address of the Grafana dashboard, for links to it; empty for none.
    """

    def __init__(self, alerts: Alerts, routing: Routing, dashboard: str = "") -> None:
        self._alerts = alerts
        self._routing = routing
        self._dashboard = dashboard

    @property
    def repeats(self) -> bool:
        """Whether anything is ever told again."""
        return self._routing.repeats

    def tellings(self, messages: Sequence[Message], at: datetime, now: datetime) -> list[Telling]:
        """What goes to whom, of what was found of a minute that ends at ``at``.

        Raises:
            Transient: Postgres can't be reached.
        """
        taken = self._alerts.acknowledged([one.episode for one in messages]) if messages else {}
        tellings = []
        for message in messages:
            lead = message.lead
            page = page_of(message, at, dashboard=self._dashboard)
            if (who := taken.get(message.episode)) is not None and not message.reopened:
                said = Acknowledgement(by=who.by, at=who.at, source=who.source)
                page = structs.replace(page, acknowledged=said)
            destinations = self._destinations(message, now)
            if lead.state == "resolved":
                # Whoever heard of it hears of its end, whatever the routes say by now.
                routed = {one.channel: one for one in destinations}
                told = self._alerts.told(message.episode)
                destinations = [routed.get(name, Destination(name)) for name in told]
            tellings.append(
                Telling(
                    fingerprint=lead.fingerprint,
                    episode=message.episode,
                    kind=page.kind,
                    destinations=destinations,
                    payload=page.to_json(),
                    ends_acknowledgement=message.reopened or lead.state == "resolved",
                )
            )
        return tellings

    def repeat(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Tell again of what still fires, where a route says so and nobody takes care of it.

        Raises:
            Transient: Postgres can't be reached.
        """
        routed = {one.episode: (one, [r for r in self._routes(one) if r.repeat]) for one in again(alerts)}
        repeating = {name: found for name, found in routed.items() if found[1]}
        if not repeating:
            return
        taken, told_at = self._alerts.acknowledged(repeating), self._alerts.told_at(repeating)
        for name, (message, routes) in repeating.items():
            for route in routes if name not in taken else []:
                since = now - route.repeat  # type: ignore[operator]  # those that have one were chosen
                due = [
                    one for one in route.destinations(now) if told_at.get((name, one.channel), now) <= since
                ]
                if due:
                    self._alerts.repeat(self._again(message, due, now), now, since)

    def _again(self, message: Message, destinations: Sequence[Destination], now: datetime) -> Telling:
        page = structs.replace(page_of(message, now, dashboard=self._dashboard), kind="repeat")
        return Telling(
            fingerprint=message.lead.fingerprint,
            episode=message.episode,
            kind="repeat",
            destinations=destinations,
            payload=page.to_json(),
        )

    def _routes(self, message: Message) -> list[Route]:
        """The routes of all alerts of an episode: a storm may be of several teams."""
        found = (
            self._routing.route(labels_of(one), one.rule.channels if one.rule else ())
            for one in message.members
        )
        return list(dict.fromkeys(found))

    def _destinations(self, message: Message, now: datetime) -> list[Destination]:
        """Where a message goes, each channel once."""
        found: dict[str, Destination] = {}
        for route in self._routes(message):
            for one in route.destinations(now):
                found.setdefault(one.channel, one)
        return list(found.values())
