"""Keeps a channel that wants alerts as they stand up to date: alerts of Postgres in, sendings of them out.

Unlike a notification, an alert that was not taken is simply due again, so nothing of this goes through the
outbox. What does is that a channel takes nothing: whoever reads the fallback channel hears so once, with the
alerts that could not be told, then of each that joins them, and when it is over.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from msgspec import structs

from monitor.clock import Clock
from monitor.errors import MonitorError, Permanent, Transient
from monitor.notify.alertmanager import AHEAD, StandingAlert, label_set
from monitor.notify.channel import TryLater
from monitor.notify.delivery import pause
from monitor.notify.page import Kind, Page, Undeliverable, linked
from monitor.notify.resend import KEPT, Resend
from monitor.notify.words import fitting, place
from monitor.paging import page_of
from monitor.routing import Routing
from monitor.rules.model import Rule
from monitor.store.alerts import Alerts
from monitor.store.current import Current, CurrentAlert, Proof
from monitor.store.outbox import Outbox
from monitor.telling import Alert, Message, labels_of

log = structlog.get_logger("monitor.resending")

#: How long a channel may fail until that is told elsewhere; a refusal is told at once.
PATIENCE = timedelta(minutes=5)

#: Characters that the names of alerts take which could not be told.
_NAMES = 1_000


class StandingChannel(Protocol):
    """A channel that wants alerts as they stand."""

    @property
    def resend(self) -> timedelta:
        """The pause between two sendings of an alert."""
        ...

    def post(self, alerts: Sequence[StandingAlert]) -> None:
        """Send these; without any, ask whether it would take some.

        Raises:
            Transient: it could not take them now.
            Permanent: it refuses them.
        """
        ...


class Resending:
    """Keeps one channel up to date.

    Args:
        name: what the configuration calls it.
        channel: where alerts go.
        rules: every rule of the configuration, by key.
        routing: which alerts go to this channel.
        current: the alerts as they stand.
        alerts: what was told.
        outbox: how the channel does, and what other channels are told of it.
        fallback: the channel that is told when this one takes nothing; ``None`` for none.
        clock: what time it is.
        count: called with channel and result (``sent``, ``retry``, ``failed``) for each sending.
        turn: the time from one ``send`` to the next.
        pages: the address of the service's own pages; empty for none.
        dashboard: the address of the Grafana dashboard; empty for none.
        jitter: a number in 0..1 for the backoff.
    """

    def __init__(
        self,
        name: str,
        channel: StandingChannel,
        rules: Mapping[str, Rule],
        routing: Routing,
        current: Current,
        alerts: Alerts,
        outbox: Outbox,
        *,
        fallback: str | None,
        clock: Clock,
        count: Callable[[str, str], None],
        turn: timedelta = timedelta(),
        pages: str = "",
        dashboard: str = "",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._channel = channel
        self._rules = rules
        self._routing = routing
        self._current = current
        self._alerts = alerts
        self._outbox = outbox
        self._fallback = fallback if fallback != name else None
        self._clock = clock
        self._count = count
        self._every = max(channel.resend, turn)
        self._pages = pages
        self._dashboard = dashboard
        self._jitter = jitter
        self._resend: Resend[CurrentAlert] = Resend(self._every, self._identity)
        self._failures = 0
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._untold: frozenset[int] = frozenset()

    def send(self) -> int:
        """Send what is due; gives how many alerts that were.

        A channel that failed is asked again even when nothing is due, so that it does not count as failing
        for ever.

        Raises:
            Transient: Postgres can't be reached.
        """
        now = self._clock.now()
        if now < self._not_before:
            return 0
        stored = self._current.alerts(resolved_since=now - KEPT, also=self._resend.firing)
        here = [one for one in stored if self._goes_here(one, now)]
        alike = self._resend.duplicated(here)
        due = self._resend.due([one for one in here if one.rule not in alike], now)
        failing_since = self._failing_since()
        if not due and not alike and failing_since is None:
            return 0
        proofs = self._current.proofs([one.alert_id for one in due])
        try:
            self._channel.post([self._standing(one, proofs.get(one.alert_id), now) for one in due])
        except (Transient, Permanent) as error:
            self._failed(error, due, now)
            return 0
        self._resend.sent(due, now)
        if alike:
            same = Permanent(f"alerts of one rule look the same: {', '.join(sorted(alike))}")
            self._failed(same, [one for one in here if one.rule in alike], now)
        else:
            self._worked(failing_since, now)
        return len(due)

    def _identity(self, alert: CurrentAlert) -> frozenset[tuple[str, str]]:
        """What the receiver tells alerts apart by."""
        return frozenset(label_set(labels_of(_told(alert, self._rules.get(_key(alert))))).items())

    def _goes_here(self, alert: CurrentAlert, now: datetime) -> bool:
        """Whether it is routed here, and not held back since it fired."""
        rule = self._rules.get(_key(alert))
        route = self._routing.route(labels_of(_told(alert, rule)), rule.channels if rule else ())
        return any(
            one.channel == self._name and (one.not_before is None or one.not_before <= now)
            for one in route.destinations(alert.fired_at or now)
        )

    def _standing(self, alert: CurrentAlert, proof: Proof | None, now: datetime) -> StandingAlert:
        told = _told(alert, self._rules.get(_key(alert)), proof)
        message = Message(alert.episode or alert.fingerprint, told, (told,), 0, update=False)
        at = alert.resolved_at or now
        page = page_of(message, at, dashboard=self._dashboard)
        return StandingAlert(
            linked(structs.replace(page, alert_id=alert.alert_id), self._pages),
            alert.fired_at or alert.started_at,
            alert.resolved_at or now + AHEAD * self._every,
        )

    def _failing_since(self) -> datetime | None:
        return next((one.failing_since for one in self._outbox.states() if one.channel == self._name), None)

    def _worked(self, failing_since: datetime | None, now: datetime) -> None:
        self._failures, self._untold = 0, frozenset()
        self._count(self._name, "sent")
        if failing_since is not None:
            episode = _episode(self._name, failing_since)
            for channel in self._alerts.told(episode):
                self._outbox.put(channel, self._page("resolve", failing_since, now).to_json(), now)
        self._outbox.works(self._name, now)

    def _failed(self, error: MonitorError, due: Sequence[CurrentAlert], now: datetime) -> None:
        self._failures += 1
        asked = error.after if isinstance(error, TryLater) else None
        wait = min(pause(self._failures, self._jitter()), self._every)
        self._not_before = now + max(wait, asked or timedelta())
        self._count(self._name, "failed" if isinstance(error, Permanent) else "retry")
        log.warning("alerts were not taken", channel=self._name, alerts=len(due), reason=str(error))
        since = self._outbox.fails(self._name, now, str(error))
        if self._fallback is None or (isinstance(error, Transient) and now - since < PATIENCE):
            return
        told = self._alerts.told(_episode(self._name, since))
        firing = frozenset(one.alert_id for one in due if one.state == "firing")
        if not told or firing - self._untold:
            page = self._page("update" if told else "trigger", since, now, str(error), due)
            self._outbox.put(self._fallback, page.to_json(), now)
        self._untold |= firing

    def _page(
        self, kind: Kind, since: datetime, now: datetime, error: str = "", due: Sequence[CurrentAlert] = ()
    ) -> Page:
        """What is told elsewhere of this channel."""
        names = fitting([f"{one.rule} on {place(one.labels)}" for one in due], _NAMES, "; ")
        ended = kind == "resolve"
        return Page(
            kind=kind,
            status="resolved" if ended else "firing",
            episode=_episode(self._name, since),
            alert="ChannelFailing",
            severity="page",
            metric="",
            labels={"channel": self._name},
            title=f"channel {self._name} takes {'alerts again' if ended else 'no alerts'}",
            summary="" if ended else "What fires is not told there. It is sent again until it is taken.",
            reason=f"Not told there: {names}" if names else "",
            started_at=since,
            at=now,
            undeliverable=Undeliverable(channel=self._name, error=error) if error else None,
        )


def _episode(channel: str, since: datetime) -> str:
    return f"channel/{channel}/{int(since.timestamp())}"


def _key(alert: CurrentAlert) -> str:
    return f"{alert.rule}/{alert.severity}"


def _told(alert: CurrentAlert, rule: Rule | None, proof: Proof | None = None) -> Alert:
    """The alert in the words of what is told; of one that has ended without what it once fired on."""
    ended = alert.resolved_at is not None
    return Alert(
        name=alert.rule,
        severity=alert.severity,
        labels=alert.labels,
        rule=rule,
        state=alert.state,
        standing=alert.standing,
        since=alert.started_at,
        reason=proof.reason if proof else "",
        onset_at=alert.onset_at,
        resolved_at=alert.resolved_at,
        episode=alert.episode,
        muted_by=alert.muted_by,
        told=alert.told,
        evidence=proof.evidence if proof and not ended else {},
    )
