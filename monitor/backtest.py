"""Says when rules would have fired over history: transitions in; episodes, a table and a picture out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

import msgspec

from monitor.moves import Moved
from monitor.rules.model import Rule

WEEK = timedelta(days=7)


class Fired(msgspec.Struct, frozen=True):
    """One time in which an alert would have fired; ``end`` is ``None`` where it still would."""

    rule: str
    severity: str
    labels: dict[str, str]
    onset: datetime | None
    start: datetime
    end: datetime | None
    reason: str


class Marker(msgspec.Struct, frozen=True):
    """A deploy that lies near."""

    at: datetime
    service: str
    version: str


class Backtest(msgspec.Struct, frozen=True):
    """What a backtest found: of which time, and every alert that would have fired in it."""

    start: datetime
    stop: datetime
    rules: tuple[str, ...]
    """Keys of the rules that were tried."""
    fired: tuple[Fired, ...]
    deploys: tuple[Marker, ...] = ()
    label_sets: dict[str, int] = {}
    """How many label sets each rule was tried on, by its key."""

    def went_on(self, one: Fired) -> bool:
        """Whether it fired before already."""
        return one.start < self.start

    def length(self, one: Fired) -> timedelta:
        """How long of this time it fired."""
        return (one.end or self.stop) - max(one.start, self.start)

    def per_week(self, rule: str) -> float:
        """How often a rule, by its key, would have fired in a week; once where it did before already."""
        times = sum(f"{one.rule}/{one.severity}" == rule for one in self.fired)
        return times / max((self.stop - self.start) / WEEK, 1e-9)

    def nearest(self, one: Fired) -> Marker | None:
        """The last deploy of its service before it fired, if one lies within two hours."""
        service = one.labels.get("service")
        began = one.onset or one.start
        near = [
            marker
            for marker in self.deploys
            if service in (None, marker.service) and began - timedelta(hours=2) <= marker.at <= one.start
        ]
        return max(near, key=lambda marker: marker.at, default=None)


def fired(
    moves: Iterable[tuple[datetime, Sequence[Moved]]], since: datetime | None = None
) -> tuple[Fired, ...]:
    """Every time in which an alert fired, in order; those that had ended before ``since`` are left out."""
    going: dict[str, Fired] = {}
    found: list[Fired] = []
    for at, moved in moves:
        for one in moved:
            key = one.fingerprint
            if one.fired:
                rule = one.rule
                going[key] = Fired(rule.alert, rule.severity, one.labels, one.onset_at, at, None, one.reason)
            elif one.before.open and not one.after.open:
                found.append(msgspec.structs.replace(going.pop(key), end=at))
    every = sorted([*found, *going.values()], key=lambda one: (one.start, one.rule, one.severity))
    return tuple(one for one in every if since is None or one.end is None or one.end > since)


def as_json(result: Backtest, rules: Sequence[Rule]) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "start": result.start,
        "stop": result.stop,
        "rules": [
            {"rule": rule.alert, "severity": rule.severity, "per_week": round(result.per_week(rule.key), 2)}
            for rule in rules
        ],
        "fired": [
            {
                **msgspec.structs.asdict(one),
                "fired_before": result.went_on(one),
                "deploy": msgspec.to_builtins(result.nearest(one)),
            }
            for one in result.fired
        ],
        "deploys": result.deploys,
    }


_LEFT, _RIGHT, _TOP, _ROW, _WIDTH = 250, 90, 46, 22, 1000
_COLOURS = {"page": "#d62728", "ticket": "#e8a33d", "info": "#7f9fbf"}


def svg(result: Backtest) -> str:
    """A picture: a line for each rule, a bar for each time that it fired, a mark for each deploy."""
    span = (result.stop - result.start).total_seconds()

    def x(at: datetime) -> float:
        share = (at - result.start).total_seconds() / span
        return _LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT)

    height = _TOP + _ROW * len(result.rules) + 34
    bottom = height - 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="sans-serif" font-size="12" role="img">',
        f"<title>When rules would have fired, {result.start:%Y-%m-%d} to {result.stop:%Y-%m-%d}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="24" font-size="14">When rules would have fired, {result.start:%d %b %Y} to'
        f" {result.stop:%d %b %Y} (UTC)</text>",
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{_TOP - 6}" fill="#555">a week</text>',
    ]
    days = max(1, round(span / 86_400))
    for day in range(0, days + 1, max(1, days // 10)):
        at = result.start + timedelta(days=day)
        parts.append(
            f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{_TOP}" y2="{bottom}" stroke="#e5e5e5"/>'
            f'<text x="{x(at):.1f}" y="{bottom + 16}" text-anchor="middle" fill="#555">{at:%d %b}</text>'
        )
    for marker in result.deploys:
        said = escape(f"{marker.service} {marker.version} {marker.at:%Y-%m-%d %H:%M}")
        parts.append(
            f'<line x1="{x(marker.at):.1f}" x2="{x(marker.at):.1f}" y1="{_TOP}" y2="{bottom}"'
            f' stroke="#2c7fb8" stroke-dasharray="3 3"><title>{said}</title></line>'
        )
    for row, rule in enumerate(result.rules):
        y = _TOP + row * _ROW
        parts.append(f'<text x="12" y="{y + 15}">{escape(rule)}</text>')
        parts.append(
            f'<text x="{_WIDTH - _RIGHT + 10}" y="{y + 15}" fill="#555">{result.per_week(rule):.1f}</text>'
        )
        own = [one for one in result.fired if f"{one.rule}/{one.severity}" == rule]
        parts += [_bar(one, x(one.start), x(one.end or result.stop), y) for one in own]
    return "\n".join([*parts, "</svg>"])


def _bar(one: Fired, left: float, right: float, y: float) -> str:
    where = ", ".join(f"{name}={value}" for name, value in one.labels.items()) or "everything"
    said = escape(f"{one.start:%Y-%m-%d %H:%M} {where}: {one.reason}")
    return (
        f'<rect x="{left:.1f}" y="{y + 4}" width="{max(right - left, 3):.1f}" height="{_ROW - 8}" rx="2"'
        f' fill="{_COLOURS[one.severity]}" fill-opacity="0.8"><title>{said}</title></rect>'
    )
