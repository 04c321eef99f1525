"""The desk that the pages ask: it reads Postgres, and does what people may have done."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from msgspec import structs

from monitor.clock import Clock
from monitor.durations import seconds
from monitor.notify.page import Page
from monitor.reading import MINUTE, by_of, values_of
from monitor.rules.matchers import selecting
from monitor.rules.model import Baseline, Rule, watches_itself
from monitor.rules.watermark import watermark
from monitor.showing import alert as showing
from monitor.showing.course import course, gathered, span_of
from monitor.showing.rolled import rolled
from monitor.showing.status import COUNTERS, first_hour, services
from monitor.store.alerts import Acknowledged, AlertRow, Alerts
from monitor.store.counters import Counters
from monitor.store.narrow import Narrow
from monitor.store.outbox import Outbox
from monitor.store.silences import Silence as StoredSilence
from monitor.store.silences import Silences
from monitor.store.views import Filter as Wanted
from monitor.store.views import Views
from monitor.store.watermark import read_progress
from monitor.web import values
from monitor.web.values import Course, Gathered, NewSilence, Silence

#: Alerts on one page of a list, and on the status page.
PAGE, FIRING = 50, 20

#: Shown before the onset of an alert and after its end.
BEFORE, AFTER = timedelta(hours=1), timedelta(minutes=30)

#: The evidence is shown from before the onset until so long after it.
GATHERED_BEFORE, GATHERED = timedelta(minutes=10), timedelta(hours=3)

#: How far back incidents matter to a baseline.
INCIDENTS = timedelta(days=29)

#: The longest silence that is made here.
LONGEST_SILENCE = timedelta(days=31)


class Showing:
    """Answers for the service; see ``monitor.web.desk.Desk``. Several threads may use it.

    Args:
        engine: where everything is stored.
        rules: those that are evaluated.
        topics: those that are read.
        clock: what time it is.
        dashboard: the address of the Grafana dashboard; empty for none.
        channels: those that are configured; ``None`` shows every one that there ever was.
    """

    def __init__(
        self,
        engine: sa.Engine,
        rules: Sequence[Rule],
        topics: Sequence[str],
        clock: Clock,
        dashboard: str = "",
        channels: Collection[str] | None = None,
    ) -> None:
        self._engine, self._clock, self._topics, self._dashboard = engine, clock, topics, dashboard
        self._channels = channels
        self._rules = {rule.key: rule for rule in rules}
        self._views, self._alerts = Views(engine), Alerts(engine)
        self._silences, self._outbox = Silences(engine), Outbox(engine)
        # Pictures are drawn one at a time: they take the most time, and nobody looks at many at once.
        self._drawing = threading.Lock()

    def status(self) -> values.Status:
        """How everything is."""
        now = self._clock.now()
        first = first_hour(now)
        mark = watermark(read_progress(self._engine, self._topics), now)
        firing = self._views.alerts(Wanted(state="firing"), limit=FIRING + 1)
        return values.Status(
            at=now,
            firing=self._summed_up(firing[:FIRING], now),
            more_firing=len(firing) > FIRING,
            services=services(self._views.hours(first, now, COUNTERS), first),
            channels=tuple(
                values.Channel(
                    channel=one.channel, sent_at=one.sent_at, failing_since=one.failing_since, error=one.error
                )
                for one in self._outbox.states()
                if self._channels is None or one.channel in self._channels
            ),
            lag=self._views.lag(self._topics),
            watermark=mark.at,
            stalled=bool(mark.stalled),
            dead_letters=self._views.letters(now - timedelta(days=1)),
            waiting=self._outbox.pending(now)[0],
        )

    def alerts(self, wanted: values.Filter) -> values.Alerts:
        """One page of the alerts that are wanted."""
        which = Wanted(state=wanted.state, severity=wanted.severity, service=wanted.service, text=wanted.text)
        rows = self._views.alerts(which, limit=PAGE + 1, offset=(wanted.page - 1) * PAGE)
        return values.Alerts(
            alerts=self._summed_up(rows[:PAGE], self._clock.now()),
            page=wanted.page,
            more=len(rows) > PAGE,
            services=tuple(self._views.services()),
        )

    def alert(self, alert_id: int) -> values.AlertDetail | None:
        """Everything of one alert; ``None`` where there is none of that number."""
        row = self._views.alert(alert_id)
        if row is None:
            return None
        now, rule = self._clock.now(), self._rules.get(f"{row.rule}/{row.severity}")
        others = self._views.episode(row.episode) if row.episode else []
        taken = self._alerts.acknowledged([row.episode] if row.episode else [])
        drawn, evidence = self._draw(row, rule, now)
        events = self._views.events(alert_id)
        return values.AlertDetail(
            **structs.asdict(showing.summed_up(row, rule, now, taken)),
            episode=row.episode,
            reason=events[-1].reason if events else "",
            proof=showing.proof(
                row,
                rule,
                now,
                dashboard=self._dashboard,
                told=self._views.ended(alert_id) if row.resolved_at else None,
                course=drawn,
            ),
            course=drawn,
            gathered=evidence,
            events=tuple(
                values.Event(at=one.at, from_state=one.from_state, to_state=one.to_state, reason=one.reason)
                for one in events
            ),
            deliveries=tuple(
                showing.delivery(one) for one in (self._views.deliveries(row.episode) if row.episode else [])
            ),
            others=tuple(
                showing.summed_up(one, self._rules.get(f"{one.rule}/{one.severity}"), now, taken)
                for one in others
                if one.alert_id != alert_id
            ),
            matchers=showing.matchers(row, rule),
        )

    def page(self, alert_id: int) -> Page | None:
        """What is said of an alert; ``None`` where there is none of that number."""
        row = self._views.alert(alert_id)
        if row is None:
            return None
        rule = self._rules.get(f"{row.rule}/{row.severity}")
        return showing.page(row, rule, self._clock.now(), self._dashboard)

    def acknowledge(self, alert_id: int, by: str, source: str = "page") -> values.Acknowledgement | None:
        """Note who takes care of the episode of an alert; ``None`` where nothing of it fires."""
        row = self._views.alert(alert_id)
        if row is None or row.episode is None:
            return None
        who = self._alerts.acknowledge(row.episode, by=by, source=source, now=self._clock.now())
        return showing.acknowledgement(who) if who else None

    def silences(self) -> list[Silence]:
        """Those that are active or to come."""
        now = self._clock.now()
        return [_silence(one, now) for one in self._silences.unexpired(now)]

    def silence(self, wanted: NewSilence, by: str) -> Silence:
        """Keep these alerts from being told, from now on.

        Raises:
            ValueError: what is wrong with the matchers or the duration.
        """
        now, length = self._clock.now(), timedelta(seconds=seconds(wanted.duration))
        if length > LONGEST_SILENCE:
            raise ValueError(f"a silence may last {LONGEST_SILENCE.days} days at most")
        matchers = tuple(str(one) for one in selecting(wanted.matchers))
        ends = now + length
        silence_id = self._silences.add(
            matchers, starts_at=now, ends_at=ends, created_by=by, comment=wanted.comment
        )
        return Silence(
            silence_id=silence_id,
            state="active",
            matchers=matchers,
            starts_at=now,
            ends_at=ends,
            created_by=by,
            comment=wanted.comment,
        )

    def expire(self, silence_id: int) -> bool:
        """End a silence now; ``False`` where none of that number was active or to come."""
        return bool(self._silences.expire([silence_id], self._clock.now()))

    def _summed_up(self, rows: Sequence[AlertRow], now: datetime) -> tuple[values.Alert, ...]:
        taken: Mapping[str, Acknowledged] = self._alerts.acknowledged(
            {row.episode for row in rows if row.episode}
        )
        return tuple(
            showing.summed_up(row, self._rules.get(f"{row.rule}/{row.severity}"), now, taken) for row in rows
        )

    def _draw(self, row: AlertRow, rule: Rule | None, now: datetime) -> tuple[Course | None, Gathered | None]:
        """The picture of an alert and its evidence; nothing where its rule is gone, or is about us."""
        if rule is None or watches_itself(rule):
            return None, None
        began = row.onset_at or row.started_at
        until = min(now, row.resolved_at + AFTER) if row.resolved_at else now
        shown = span_of(began - BEFORE, until)
        held = (row.started_at, row.resolved_at or now + MINUTE)
        with self._drawing:
            narrow = Narrow(self._engine, _series(rule, row.labels))
            incidents = self._alerts.incidents(shown.start - INCIDENTS)
            counters = Counters(self._engine)
            history = rolled(narrow, counters, rule, *shown)
            drawn = course(rule, row.labels, history, incidents, shown, held)
            start, stop = began - GATHERED_BEFORE, min(until, began + GATHERED)
            if shown.step > MINUTE or start < shown.start:
                history = rolled(narrow, counters, rule, start, stop, MINUTE)
            evidence = gathered(rule, row.labels, history, incidents, start, stop, held)
        return drawn, evidence


def _series(rule: Rule, labels: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """The series that an alert is judged by: its own, and the other versions where it is held to them."""
    baseline = getattr(rule, "baseline", None)
    others = baseline.version if isinstance(baseline, Baseline) else None
    own = {name: labels[name] for name in by_of(rule) if name in labels and name != others}
    return {**values_of(rule.where), **{name: [value] for name, value in own.items()}}


def _silence(one: StoredSilence, now: datetime) -> Silence:
    return Silence(
        silence_id=one.silence_id,
        state=one.state(now),
        matchers=one.matchers,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        created_by=one.created_by,
        comment=one.comment,
    )
