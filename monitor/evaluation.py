"""Evaluates the rules, one closed minute after the other: rollups in, transitions of alerts out.

What is found of a minute is a function of the rollups and of what the rules remember of the minute before,
so that it does not matter which replica makes an evaluation, or how late. It is stored as a whole, once, by
whoever is first. Long, as half of it says in the store's words what the pure stages have found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import zip_longest
from typing import Any

import msgspec
import numpy as np
import structlog
from msgspec import structs

from monitor import telemetry
from monitor.errors import MonitorError
from monitor.moves import Moved, follow_all
from monitor.proof import Prover
from monitor.reading import MINUTE, Reader, by_of, values_of
from monitor.routing import Routing
from monitor.rules import Rules
from monitor.rules.judge import judge, lanes_for
from monitor.rules.matchers import selecting
from monitor.rules.memory import Labels, Memory
from monitor.rules.model import AbsenceRule, Rule, watches_itself
from monitor.rules.reason import explain
from monitor.rules.states import CODE, VERDICTS, Standing, State, Verdict
from monitor.store.alerts import (
    AlertChange,
    AlertRow,
    Alerts,
    Evaluated,
    Event,
    Incident,
    StoredMemory,
)
from monitor.store.counters import Counters
from monitor.store.outbox import ChannelState
from monitor.store.silences import Silence, Silences
from monitor.teller import Teller
from monitor.telling import Alert, tell

log = structlog.get_logger("monitor.evaluation")

#: Minutes that one evaluation catches up with before others get their turn.
AT_ONCE = 30

#: How far back a minute may lie that is still evaluated: what is older is for ``rules backtest``.
LONGEST_CATCH_UP = timedelta(hours=24)

#: How far in the future the last evaluation of a rule may lie: clocks of replicas differ by less.
MOST_AHEAD = timedelta(minutes=5)

#: How long an alert that has ended may still belong to an episode.
LONGEST_REOPENING = timedelta(days=1)

#: How far back incidents matter: as far as baselines reach.
INCIDENTS = timedelta(days=29)

_GONE = "the rule is gone from the configuration, or no longer by these labels"


class Evaluator:
    """Evaluates every rule, minute by minute, and stores what follows.

    Args:
        rules: what to evaluate.
        counters: the rollups.
        prover: what is shown of an alert that fires.
        alerts: what is open, and where changes go.
        silences: what is muted.
        routing: which alerts go where.
        metrics: where to count.
        dashboard: the address of the Grafana dashboard, for links to it; empty for none.
        channels: how the channels that are configured do.
    """

    def __init__(
        self,
        rules: Rules,
        counters: Counters,
        prover: Prover,
        alerts: Alerts,
        silences: Silences,
        routing: Routing,
        metrics: telemetry.ControlMetrics,
        dashboard: str = "",
        channels: Callable[[], Sequence[ChannelState]] = tuple,
    ) -> None:
        self._rules = {rule.key: rule for rule in rules.rules}
        self._inhibitions = rules.inhibitions
        self._counters = counters
        self._reader = Reader(counters, rules.rules)
        self._prover = prover
        self._alerts = alerts
        self._silences = silences
        self._metrics = metrics
        self._teller = Teller(alerts, routing, dashboard)
        self._channels = channels
        self._memories: dict[str, Memory] = {}
        #: The last minute that each rule was judged by, and the one that is stored.
        self._at: dict[str, datetime | None] = {}
        self._stored: dict[str, datetime | None] = {}

    def evaluate(self, last: datetime | None, now: datetime, *, stalled: bool = False) -> int:
        """Evaluate every closed minute that was not yet; gives how many alerts changed their state.

        Args:
            last: the newest closed minute; ``None`` where that is not known, and then none is evaluated.
            now: what time it is.
            stalled: the log is not read any further.

        Raises:
            Transient: Postgres can't be reached; whole minutes are done or not begun.
        """
        moved = 0
        with telemetry.span("control.evaluate", rules=len(self._rules)):
            self._remember(now)
            self._set_back(now)
            for minute in self._due(last) if last is not None else []:
                with self._metrics.evaluation_seconds.time():
                    moved += self._evaluate(minute, now, self._count)
                self._metrics.evaluated.set((minute + MINUTE).timestamp())
            moved += self._evaluate(_minute(now) - MINUTE, now, lambda minute: self._watch(minute, stalled))
            if self._teller.repeats:
                self._teller.repeat([self._alert(row) for row in self._alerts.open()], now)
        return moved

    def _due(self, last: datetime) -> list[datetime]:
        """The minutes that are closed and not evaluated yet, oldest first."""
        known = [at for key, at in self._at.items() if at and not watches_itself(self._rules[key])]
        # All go on together: one that comes back after a while does not keep the others waiting.
        first = max(known) + MINUTE if known else last
        if last - first > LONGEST_CATCH_UP:
            log.warning("minutes are not evaluated", since=first.isoformat(), reason="they are too old")
            first = last - LONGEST_CATCH_UP
        # Calls that are saved and not rolled up yet would look like calls that never came.
        undone = self._counters.dirty(first, last + MINUTE)
        last = last if undone is None else undone - MINUTE
        count = max(0, (last - first) // MINUTE + 1)
        return [first + n * MINUTE for n in range(min(count, AT_ONCE))]

    def _remember(self, now: datetime) -> None:
        """Read what the rules remember, unless that is known; of a rule that was changed that is nothing."""
        if self._memories:
            return
        self._read_memories(list(self._rules), now)

    def _read_memories(self, keys: Iterable[str], now: datetime) -> None:
        stored, rows = self._alerts.memories(), self._alerts.open()
        for key in keys:
            rule, found = self._rules[key], stored.get(key)
            self._at[key] = self._stored[key] = found.at if found else None
            its = [row for row in rows if f"{row.rule}/{row.severity}" == key and _is_about(rule, row.labels)]
            self._memories[key] = _restored(rule, found, its) or _adopted(rule, its, now)

    def _set_back(self, now: datetime) -> None:
        """Let rules begin anew whose last evaluation lies in the future: they would be blind until then."""
        ahead = [key for key, at in self._at.items() if at is not None and at > now + MOST_AHEAD]
        if not ahead:
            return
        rows = self._alerts.open()
        for key in ahead:
            rule = self._rules[key]
            its = [row for row in rows if f"{row.rule}/{row.severity}" == key and _is_about(rule, row.labels)]
            log.warning(
                "a rule begins anew", rule=key, evaluated=str(self._at[key]), reason="a clock was ahead"
            )
            self._metrics.set_back.labels(rule.alert).inc()
            self._memories[key], self._at[key] = _adopted(rule, its, now), None

    def _count(self, minute: datetime) -> list[Moved]:
        """Judge a closed minute by every rule that has not done so."""
        self._reader.at(minute)
        incidents = self._alerts.incidents(minute - INCIDENTS)
        moved, failed = [], []
        for key, rule in self._rules.items():
            at = self._at[key]
            if not watches_itself(rule) and (at is None or at < minute):
                try:
                    moved += self._judge(rule, self._memories[key], minute, incidents)
                except MonitorError:
                    raise
                except Exception as error:  # noqa: BLE001 - a bug costs its rule this minute, and no other
                    log.error("a rule failed", rule=key, minute=minute.isoformat(), **telemetry.origin(error))
                    self._metrics.evaluations.labels(rule.alert, "failed").inc()
                    failed.append(key)
                else:
                    self._at[key] = minute
        if failed:  # what it remembers may be half of this minute
            self._read_memories(failed, minute + MINUTE)
        return moved

    def _judge(
        self, rule: Rule, memory: Memory, minute: datetime, incidents: Sequence[Incident]
    ) -> list[Moved]:
        reading = self._reader.read(rule, memory, incidents)
        verdicts = judge(rule, memory, reading)
        for verdict in VERDICTS:
            count = int((verdicts == CODE[verdict]).sum())
            if count:
                self._metrics.evaluations.labels(rule.alert, verdict).inc(count)
        if not len(verdicts):
            self._metrics.evaluations.labels(rule.alert, Verdict.NO_DATA).inc()
        return follow_all(
            rule, memory, verdicts, reading, minute, lambda i: explain(rule, memory, reading, i)
        )

    def _watch(self, minute: datetime, stalled: bool) -> list[Moved]:
        """Judge, by the clock, whether the log is read: while it is not, no minute closes.

        And whether the channels take what they are given.
        """
        moved = []
        why = "the log is not read any further" if stalled else "the log is read"
        for key, rule in self._rules.items():
            memory, at = self._memories[key], self._at[key]
            if watches_itself(rule):
                if at is not None and at >= minute:
                    continue
                found = self._seen(rule, why, stalled, minute + MINUTE)
                memory.grow([*memory.labels, *(one for one in found if one not in memory.labels)])
                seen = [found.get(one, (False, "it is configured no more")) for one in memory.labels]
                verdicts = [Verdict.BREACH if bad else Verdict.CLEAR for bad, _ in seen]
                for verdict in verdicts:
                    self._metrics.evaluations.labels(rule.alert, verdict).inc()
                moved += follow_all(
                    rule,
                    memory,
                    [CODE[verdict] for verdict in verdicts],
                    None,
                    minute,
                    partial(_said, [said for _, said in seen]),
                )
                self._at[key] = minute
            elif memory.stale is not stalled and at is not None:
                memory.stale = stalled
                states = [State.NORMAL, State.STALE] if stalled else [State.STALE, State.NORMAL]
                before, after = map(Standing, states)
                reason = "every state is held" if stalled else "evaluated again"
                moved.append(Moved(rule, {}, before, after, f"{why}: {reason}", about_alert=False))
        return moved

    def _seen(self, rule: Rule, why: str, stalled: bool, now: datetime) -> dict[Labels, tuple[bool, str]]:
        """Of each label set of a rule about the monitor itself, whether it is bad, and in words how it is."""
        if not isinstance(rule, AbsenceRule) or rule.absent == "watermark":
            return {(): (stalled, why)}
        found: dict[Labels, tuple[bool, str]] = {}
        for one in self._channels():
            since, refused, begin = one.failing_since, one.refused_at, now - rule.window_length
            said = "it takes what it is given"
            if since is not None:
                said = f"{one.error}, since {since:%Y-%m-%d %H:%M} UTC"
            elif refused is not None and refused > begin:
                said = f"it refused a notification: {one.error}, {refused:%Y-%m-%d %H:%M} UTC"
            bad = (since is not None and since <= begin) or (refused is not None and refused > begin)
            found[one.channel,] = (bad, said)
        return found

    def _evaluate(self, minute: datetime, now: datetime, judged: Callable[[datetime], list[Moved]]) -> int:
        """Judge one minute and store what was found; if that fails, nothing of it is remembered."""
        self._remember(now)
        try:
            moved = judged(minute)
            found = self._found(moved, self._stored, minute + MINUTE, now)
            stored = self._alerts.commit(found, now)
        except BaseException:
            self._memories.clear()
            raise
        if not stored:
            log.info("evaluated elsewhere", minute=minute.isoformat())
            self._memories.clear()
            return 0
        self._stored |= {one.rule: one.at for one in found.memories}
        changed = [one for one in found.changes if one.state != one.before]
        for change in changed:
            self._metrics.transitions.labels(change.rule, change.state).inc()
            log.info("alert", rule=change.rule, labels=change.labels, state=change.state, told=change.told)
        return len(changed)

    def _found(
        self, moved: Sequence[Moved], expected: Mapping[str, datetime | None], at: datetime, now_: datetime
    ) -> Evaluated:
        """Everything that is to be stored of a minute that ends at ``at``."""
        stirred = {one.rule.key for one in moved}
        memories = [
            StoredMemory(key, definition(rule), judged, self._memories[key].encode(), expected[key])
            for key, rule in self._rules.items()
            if (judged := self._at[key]) is not None and (judged != expected[key] or key in stirred)
        ]
        before = [self._alert(row) for row in self._alerts.open(resolved_since=at - LONGEST_REOPENING)]
        now, messages = tell(self._after(before, moved, at), self._muting(now_), self._inhibitions, at)
        states = {one.fingerprint: one.state for one in before if one.state != "resolved"}
        return Evaluated(
            memories,
            # Those that were there come first and in their order.
            [
                _change(one, states.get(one.fingerprint), at)
                for one, was in zip_longest(now, before)
                if one != was
            ],
            [_event(one, at) for one in moved]
            + [
                _end(one, was.standing, at)
                for one, was in zip(now, before, strict=False)
                if one.reason == _GONE
            ],
            self._teller.tellings(messages, at, now_),
        )

    def _muting(self, at: datetime) -> list[Silence]:
        """The silences that are active; one that can't be read mutes nothing, and keeps no page back."""
        found = []
        for silence in self._silences.muting(at):
            try:
                selecting(silence.matchers)
            except ValueError as error:
                log.warning("a silence mutes nothing", silence=silence.silence_id, reason=str(error))
                self._metrics.unusable_silences.inc()
            else:
                found.append(silence)
        return found

    def _alert(self, row: AlertRow) -> Alert:
        """An alert as it is stored."""
        return Alert(
            name=row.rule,
            severity=row.severity,
            labels=row.labels,
            rule=self._rules.get(f"{row.rule}/{row.severity}"),
            state=row.state,
            standing=row.standing,
            since=row.started_at,
            onset_at=row.onset_at,
            resolved_at=row.resolved_at,
            episode=row.episode,
            muted_by=row.muted_by,
            told=row.told,
            evidence=row.evidence,
        )

    def _after(self, before: Iterable[Alert], moved: Sequence[Moved], at: datetime) -> list[Alert]:
        """Every alert after these transitions; one that no rule is about any more ends."""
        moves = {one.fingerprint: one for one in moved if one.about_alert}
        now = []
        for alert in before:
            one = moves.pop(alert.fingerprint, None) if alert.state != "resolved" else None
            if alert.state != "resolved" and not _is_about(alert.rule, alert.labels):
                alert = structs.replace(
                    alert, state="resolved", standing=State.NORMAL, resolved_at=at, reason=_GONE, evidence={}
                )
            now.append(_moved(alert, one, at) if one else alert)
        for one in moves.values():
            new = Alert(
                name=one.rule.alert, severity=one.rule.severity, labels=one.labels, rule=one.rule,
                state="pending", since=at,
            )  # fmt: skip
            if one.state != "resolved":
                now.append(_moved(new, one, at))
        fired = {one.fingerprint for one in moved if one.fired}
        proofs = self._prover.prove([one for one in now if one.fires and one.fingerprint in fired], at)
        proofs |= self._prover.account(
            [one for one in now if one.told and one.resolved_at and one.reason], at
        )
        return [
            structs.replace(one, evidence={**one.evidence, **proofs[one.fingerprint]})
            if one.reason and one.fingerprint in proofs
            else one
            for one in now
        ]


def definition(rule: Rule) -> str:
    """What tells a rule from one that is judged otherwise: evidence for the one is none for the other."""
    judged = structs.replace(rule, summary="", runbook_url="", channels=(), labels={})
    return hashlib.sha256(msgspec.json.encode(judged, order="sorted")).hexdigest()[:16]


def _restored(rule: Rule, found: StoredMemory | None, rows: Sequence[AlertRow]) -> Memory | None:
    """What a rule remembers; ``None`` where there is nothing, or it is of another definition or release."""
    if found is None or found.definition != definition(rule):
        return None
    try:
        memory = Memory.decode(found.state, lanes_for(rule))
    except ValueError as error:
        log.warning("evidence is gathered anew", rule=rule.key, reason=str(error))
        return None
    there = {_labels_of(rule, row) for row in rows}
    for i in np.flatnonzero(memory.open).tolist():
        if memory.labels[i] not in there:  # it was ended while the configuration had no such rule
            memory.stand(i, Standing())
    return memory


def _adopted(rule: Rule, rows: Sequence[AlertRow], now: datetime) -> Memory:
    """A memory without evidence, in which the alerts that a rule is still about stay open."""
    memory = Memory(lanes_for(rule))
    memory.grow([_labels_of(rule, row) for row in rows])
    for i, row in enumerate(rows):
        since = int(min(row.started_at, now).timestamp()) // 60
        fires = row.state == "firing"
        memory.stand(i, Standing(State.FIRING if fires else State.PENDING, since, fires, since))
    return memory


def _labels_of(rule: Rule, row: AlertRow) -> Labels:
    return tuple(row.labels[name] for name in by_of(rule))


def _moved(alert: Alert, one: Moved, at: datetime) -> Alert:
    fires_now, ended = one.fired, one.state == "resolved"
    return structs.replace(
        alert,
        state=one.state,
        standing=one.after.state,
        reason=one.reason,
        onset_at=one.onset_at if fires_now else alert.onset_at,
        resolved_at=at if ended else None,
        # What is told of an end is how things are now; what is stored stays what it fired on.
        evidence=one.evidence if fires_now or ended or not alert.evidence else alert.evidence,
    )


def _change(alert: Alert, before: str | None, at: datetime) -> AlertChange:
    return AlertChange(
        rule=alert.name,
        labels=alert.labels,
        severity=alert.severity,
        state=alert.state,
        before=before,
        standing=alert.standing,
        at=at,
        onset_at=alert.onset_at,
        episode=alert.episode,
        muted_by=alert.muted_by,
        told=alert.told,
        evidence=None if alert.state == "resolved" else alert.evidence,
    )


def _event(one: Moved, at: datetime) -> Event:
    return Event(
        rule=one.rule.alert,
        labels=one.labels,
        fingerprint=one.fingerprint,
        at=at,
        from_state=one.before.state,
        to_state=one.after.state,
        reason=one.reason,
        evidence=one.evidence,
    )


def _end(alert: Alert, before: str, at: datetime) -> Event:
    """The event of an alert that no rule is about any more."""
    return Event(
        rule=alert.name,
        labels=alert.labels,
        fingerprint=alert.fingerprint,
        at=at,
        from_state=before,
        to_state=State.NORMAL,
        reason=_GONE,
        evidence={},
    )


def _is_about(rule: Rule | None, labels: Mapping[str, str]) -> bool:
    """Whether a rule, as it is now, could still say something of an alert with these labels."""
    if rule is None or {*by_of(rule)} != labels.keys():
        return False
    return all(labels[name] in values for name, values in values_of(rule.where).items() if name in labels)


def _said(words: Sequence[str], i: int) -> tuple[str, Mapping[str, Any]]:
    return words[i], {}


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)
