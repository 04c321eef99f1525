"""Puts the status page together: hours of every service in, scores with their course over a day out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.records import OUTCOMES
from monitor.rules.metric import METRICS
from monitor.store.views import HourRow
from monitor.web.values import Score, Service

#: How many hours are shown, the present one as far as it has gone.
HOURS = 24

HOUR = timedelta(hours=1)

#: The rates that the status page shows, by the names that people read.
SCORES = {"errors": "errors", **{score: f"{score}.failed" for score in OUTCOMES}}

#: The counters that they are made of; the calls come first.
COUNTERS = tuple(
    dict.fromkeys(("calls", *(name for metric in SCORES.values() for name in METRICS[metric].columns)))
)


def first_hour(now: datetime) -> datetime:
    """The first of the hours that are shown."""
    return now.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * HOUR


def services(rows: Sequence[HourRow], first: datetime) -> tuple[Service, ...]:
    """Every service with its scores; those with most calls first."""
    by_service: dict[str, dict[int, dict[str, int]]] = {}
    for row in rows:
        by_service.setdefault(row.service, {})[(row.at - first) // HOUR] = row.counted
    found = [_service(name, hours) for name, hours in by_service.items()]
    return tuple(sorted(found, key=lambda one: (-one.calls, one.service)))


def _service(name: str, hours: dict[int, dict[str, int]]) -> Service:
    each = [hours.get(n, {}) for n in range(HOURS)]
    calls = tuple(one.get("calls", 0) for one in each)
    return Service(
        service=name,
        calls=sum(calls),
        calls_by_hour=calls,
        scores=tuple(_score(shown, metric, each) for shown, metric in SCORES.items()),
    )


def _score(shown: str, metric: str, hours: Sequence[dict[str, int]]) -> Score:
    measured = METRICS[metric]
    counted = [
        (
            sum(one.get(name, 0) for name in measured.numerator),
            sum(one.get(n, 0) for n in measured.denominator),
        )
        for one in hours
    ]
    failures, calls = (sum(column) for column in zip(*counted, strict=True))
    return Score(
        name=shown,
        rate=failures / calls if calls else None,
        hours=tuple(bad / of if of else None for bad, of in counted),
    )
