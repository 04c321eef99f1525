"""Decides who is told what: the alerts there are in, what mutes each and the messages that are due out. Pure.

Alerts of one rule in one service and environment that fire together are one episode: told once, with a table
of all of them; one that joins is an update, and the end is told when the last of them has ended. When one
rule fires in many places within minutes, that is one episode too. What a
silence or another alert mutes is not told; it is once nothing mutes it any more, if it is still bad.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from msgspec import structs

from monitor.rules.inhibit import Inhibition, inhibited
from monitor.rules.matchers import alert_labels, match, selecting
from monitor.rules.model import AbsenceRule, Rule
from monitor.rules.states import State
from monitor.store.alerts import fingerprint

#: The labels by which alerts of one rule are one episode; whatever else they differ in is in its table.
EPISODE_BY = ("service", "environment")

#: Episodes of one rule that begin within a while and are told one by one; what comes beyond is one storm.
APART, WHILE = 5, timedelta(minutes=10)

#: Rows of the table in a message; of more it says how many.
TABLE = 20


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as an evaluation leaves it.

    ``rule`` is ``None`` where the configuration has it no more. ``state`` is pending, firing or resolved, and
    ``reason`` why it is that since this evaluation; empty where it was that before.
    """

    name: str
    severity: str
    labels: dict[str, str]
    rule: Rule | None
    state: str
    standing: str = State.NORMAL
    since: datetime
    reason: str = ""
    onset_at: datetime | None = None
    resolved_at: datetime | None = None
    episode: str | None = None
    muted_by: str | None = None
    told: bool = False
    evidence: Mapping[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint(self.name, self.severity, self.labels)

    @property
    def fires(self) -> bool:
        """Whether it fires, or is held as if it did."""
        return self.state == "firing"


class Message(msgspec.Struct, frozen=True):
    """What is to be said of an episode, and which of its alerts it is mainly about."""

    episode: str
    lead: Alert
    table: tuple[Alert, ...]
    more: int
    update: bool
    """Whether this episode was told before."""
    reopened: bool = False
    """Whether it had ended."""
    members: tuple[Alert, ...] = ()
    """All its alerts, those beyond the table too."""


class Silence(Protocol):
    """A silence that is active."""

    @property
    def silence_id(self) -> int:
        """Its number."""
        ...

    @property
    def matchers(self) -> tuple[str, ...]:
        """What it mutes, in the words of ``monitor.rules.matchers``."""
        ...


def tell(
    alerts: Sequence[Alert], silences: Sequence[Silence], inhibitions: Sequence[Inhibition], at: datetime
) -> tuple[list[Alert], list[Message]]:
    """The alerts with what mutes each and who was told, and the messages that are due.

    Args:
        alerts: all that are open, that ended in this evaluation, and that ended before but not long ago.
        silences: those that are active.
        inhibitions: of the rule files.
        at: the time of the evaluation.
    """
    mutes = _mutes([one for one in alerts if one.fires], silences, inhibitions)
    before = {one.episode: one for one in alerts if one.told}
    now = [structs.replace(one, muted_by=mutes.get(one.fingerprint)) if one.fires else one for one in alerts]
    # What was muted and is good again by now is no news.
    news = {
        one.fingerprint: one
        for one in now
        if one.fires and not one.told and one.muted_by is None and one.standing != State.RECOVERING
    }
    episodes = _Episodes(alerts, list(news.values()), at)
    for n, one in enumerate(now):
        if one.fires and one.fingerprint in news:
            now[n] = structs.replace(one, told=True, episode=episodes.of(one))
    messages = []
    for episode in dict.fromkeys(one.episode for one in now if one.told and one.episode):
        members = [one for one in now if one.told and one.episode == episode]
        firing = [one for one in members if one.fires]
        fresh = [one for one in firing if one.fingerprint in news]
        ended = [one for one in members if one.resolved_at == at and one.reason]
        if fresh:
            reopened = episode in before and not any(one.fires for one in alerts if one.episode == episode)
            message = _message(episode, fresh[0], firing, update=episode in before)
            messages.append(structs.replace(message, reopened=reopened))
        elif ended and not firing:
            messages.append(_message(episode, ended[0], members, update=True))
    return now, messages


def labels_of(alert: Alert) -> dict[str, str]:
    """What matchers see of an alert: its labels, its rule's, and its name, severity and metric."""
    rule = alert.rule
    own = rule.labels if rule else {}
    metric = metric_of(rule) if rule else ""
    return alert_labels({**own, **alert.labels}, alertname=alert.name, severity=alert.severity, metric=metric)


def metric_of(rule: Rule) -> str:
    """The name of what a rule is about."""
    return f"absent.{rule.absent}" if isinstance(rule, AbsenceRule) else rule.metric


def _mutes(
    firing: Sequence[Alert], silences: Sequence[Silence], inhibitions: Sequence[Inhibition]
) -> dict[str, str]:
    """What mutes each alert that is muted: a silence, another alert, or the page of the same rule."""
    labels = {one.fingerprint: labels_of(one) for one in firing}
    muted = {target: f"alert {source}" for target, source in inhibited(labels, inhibitions).items()}
    for one in firing:
        page = fingerprint(one.name, "page", one.labels)
        if one.severity != "page" and page in labels:
            muted[one.fingerprint] = f"alert {page}"
    for silence in silences:
        matchers = selecting(silence.matchers)
        for key, its in labels.items():
            if match(matchers, its):
                muted[key] = f"silence {silence.silence_id}"
    return muted


class _Episodes:
    """Which episode an alert joins, or the name of a new one."""

    def __init__(self, alerts: Sequence[Alert], news: Sequence[Alert], at: datetime) -> None:
        self._at = at
        self._going: dict[str, str] = {}
        self._storms: dict[str, str] = {}
        groups, lately = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
        for one in sorted(alerts, key=lambda one: one.since):
            reopens_for = one.rule.reopens_for if one.rule else timedelta()
            if one.told and one.episode and (one.fires or (one.resolved_at or at) + reopens_for >= at):
                self._going[_group(one)] = one.episode
                groups[one.episode].add(_group(one))
                if len(groups[one.episode]) > 1:
                    self._storms[_rule(one)] = one.episode
                elif one.since >= at - WHILE:
                    lately[_rule(one)].add(_group(one))
        for one in news:
            lately[_rule(one)].add(_group(one))
        for rule, begun in lately.items():
            if len(begun) > APART:
                self._storms.setdefault(rule, f"{rule}/{int(at.timestamp())}")

    def of(self, alert: Alert) -> str:
        """The episode of an alert that is to be told."""
        group = _group(alert)
        # Named by when it is told: one that began with it, but was muted, may be told after its end.
        new = self._storms.get(_rule(alert), f"{group}/{int(self._at.timestamp())}")
        return self._going.setdefault(group, new)


def _rule(alert: Alert) -> str:
    """What the storms of an alert are named by: its rule."""
    return f"{alert.name}/{alert.severity}"


def _group(alert: Alert) -> str:
    """What the episodes of an alert have in common: its rule, and where it is."""
    # Quoted, so that no value can look like two labels.
    where = [f"{name}={quote(alert.labels[name], safe='')}" for name in EPISODE_BY if name in alert.labels]
    return "/".join([_rule(alert), *where])


def _message(episode: str, lead: Alert, members: Sequence[Alert], *, update: bool) -> Message:
    others = [one for one in members if one is not lead]
    table = (lead, *others[: TABLE - 1])
    return Message(episode, lead, table, max(0, len(members) - TABLE), update, members=tuple(members))


def again(alerts: Sequence[Alert]) -> list[Message]:
    """What is to be said of every episode that was told before and goes on, as it is now."""
    firing = defaultdict[str, list[Alert]](list)
    for one in alerts:
        if one.episode and one.fires and one.told and one.muted_by is None:
            firing[one.episode].append(one)
    return [_message(episode, members[0], members, update=True) for episode, members in firing.items()]
