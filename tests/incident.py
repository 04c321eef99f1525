"""An incident as it is stored: weeks of rollups, an hour in which a prompt breaks its JSON, the alert of it.

What the pages show is tested on this: the alert was decided on by the evaluator itself, minute by minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from monitor.records import DIMENSIONS, JsonOutcome, JsonScore, ScoredCall, ToolsOutcome
from monitor.rules.model import RegressionRule
from monitor.store import Batch
from monitor.store.deploys import Deploy, add
from monitor.store.partitions import ensure_partitions
from monitor.store.tables import dirty_minutes, rollup_1h, rollup_1m, series
from tests.examples import NOON, call, scores
from tests.town import Town

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: The prompt that breaks from noon on, for half an hour.
ONSET, END = NOON, NOON + 30 * MINUTE

#: A minute in which nothing came.
GAP = NOON - 20 * MINUTE


def broken_json(**settings: Any) -> RegressionRule:
    """The rule that sees it, as it is shipped."""
    values: dict[str, Any] = {
        "alert": "JsonBroken",
        "metric": "json.failed",
        "by": ("service", "environment"),
        "summary": "Answers that should be JSON break their promise more often than at this time of day.",
        "runbook_url": "https://wiki.example.com/runbook.md#jsonbroken",
    }
    return RegressionRule(**{**values, **settings})


def happen(
    engine: sa.Engine,
    *rules: RegressionRule,
    until: datetime = NOON + 20 * MINUTE,
    names: Mapping[str, Any] | None = None,
    detail: str = "at /items/0/price: a string, not a number",
    days: int = 8,
) -> Town:
    """Store what happened, and evaluate it until then; gives the town, whose time is then.

    ``names`` are dimensions of the series that breaks, where they are to be others.
    """
    town = Town(engine, *(rules or (broken_json(),)))
    where: dict[str, Any] = {
        "service": "checkout",
        "environment": "production",
        "model_served": "gpt-x-2026-02",
        **(names or {}),
    }
    with engine.begin() as connection:
        for at in (NOON - days * DAY, NOON):
            ensure_partitions(connection, at, max_lateness=DAY)
        good = _series(connection, {**where, "prompt_version": "v7"})
        bad = _series(connection, {"prompt_version": "v8", **where})
        other = _series(connection, {"service": "search", "environment": "production"})
    _count(engine, {good: 120, bad: 60, other: 90}, bad, days)
    add(engine, Deploy(at=ONSET - 3 * MINUTE, service=where["service"], version="v8", comment="new prompt"))
    judged = scores(tools=ToolsOutcome.OK)
    for n in range(5):
        broken = ScoredCall(
            call(f"c-{n}", ONSET + n * MINUTE, trace_id=f"{n:032x}", **{"prompt_version": "v8", **where}),
            type(judged)(
                JsonScore(JsonOutcome.SCHEMA_VIOLATION, detail),
                judged.tools,
                judged.grounding,
                judged.fallback,
            ),
        )
        town.store.save(Batch((broken,), (), {}))
    with engine.begin() as connection:
        connection.execute(sa.delete(dirty_minutes))  # the counts that are there are of all calls
    town.at = ONSET - 2 * MINUTE
    while town.at < until:
        town.evaluate()
    return town


def _series(connection: sa.Connection, values: Mapping[str, str]) -> int:
    named = {name: values.get(name, "") for name in DIMENSIONS}
    key = repr(sorted(named.items())).encode()
    adding = sa.insert(series).values(key=key, **named, first_seen=NOON - 20 * DAY)
    return int(connection.execute(adding.returning(series.c.series_id)).scalar_one())


def _count(engine: sa.Engine, rates: Mapping[int, int], bad: int, days: int) -> None:
    """Hours of the past, and minutes around the incident: so many calls a minute of each series."""
    random = Random(7)
    minutes: list[dict[str, Any]] = []
    hours: list[dict[str, Any]] = []
    for series_id, rate in rates.items():
        each = [NOON - days * DAY + n * HOUR for n in range(days * 24)]
        hours += [_row(random, series_id, at, rate * 60, 0.02) for at in each]
        for n in range(-240, 120):
            at = NOON + n * MINUTE
            share = 0.42 if series_id == bad and ONSET <= at < END else 0.02
            if at != GAP:
                minutes.append(_row(random, series_id, at, rate, share))
    with engine.begin() as connection:
        connection.execute(sa.insert(rollup_1h), hours)
        connection.execute(sa.insert(rollup_1m), minutes)


def _row(random: Random, series_id: int, at: datetime, rate: int, share: float) -> dict[str, Any]:
    calls = round(random.gauss(rate, rate**0.5))
    failed = min(max(round(random.gauss(calls * share, (calls * share) ** 0.5)), 0), calls)
    return {
        "bucket": at,
        "series_id": series_id,
        "calls": calls,
        "json_schema_violation": failed,
        "json_ok": calls - failed,
    }
