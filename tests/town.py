"""A small town whose calls a test makes good or bad, with an evaluator that watches them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from monitor.evaluation import Evaluator
from monitor.proof import Prover
from monitor.records import GroundingOutcome, JsonOutcome, JsonScore, ScoredCall, ToolsOutcome
from monitor.routing import Route, Routing
from monitor.rules import Rule, Rules
from monitor.rules.model import Baseline, Margin, RegressionRule, ThresholdRule
from monitor.store import Batch, PostgresStore
from monitor.store.alerts import Alerts
from monitor.store.counters import Counters
from monitor.store.outbox import Outbox
from monitor.store.rollups import recompute_dirty
from monitor.store.silences import Silences
from monitor.store.tables import alerts, dead_letters, outbox
from monitor.telemetry import ControlMetrics
from tests.examples import NOON, call, scores

MINUTE = timedelta(minutes=1)
CHANNELS = ("oncall", "log")

ids = count()


class Town:
    """A database with its traffic and its evaluator, at a time that moves."""

    def __init__(self, engine: sa.Engine, *rules: Rule, routes: Sequence[Route] = ()) -> None:
        self.engine = engine
        self.routing = Routing(routes, CHANNELS)
        self.store = PostgresStore(engine)
        self.silences = Silences(engine)
        self.registry = CollectorRegistry()
        self.metrics = ControlMetrics(self.registry)
        self.evaluator = self.replica(*rules)
        self.at = NOON

    def replica(self, *rules: Rule, engine: sa.Engine | None = None) -> Evaluator:
        where = engine or self.engine
        return Evaluator(
            Rules(rules),
            Counters(where),
            Prover(where),
            Alerts(where),
            Silences(where),
            self.routing,
            self.metrics,
            channels=Outbox(where).states,
        )

    def calls(
        self,
        good: int,
        bad: int = 0,
        *,
        ago: timedelta = timedelta(),
        outcome: JsonOutcome = JsonOutcome.TRUNCATED,
        **fields: Any,
    ) -> None:
        """Save calls that start at the present time, or that long ago."""
        fields = {"service": "shop", **fields}
        judged = scores(json=JsonOutcome.OK, tools=ToolsOutcome.OK, grounding=GroundingOutcome.SUPPORTED)
        broken = msgspec.structs.replace(judged, json=JsonScore(outcome, "ended inside a value"))
        made = [
            ScoredCall(call(f"c{next(ids)}", self.at - ago, **fields), said)
            for said in [judged] * good + [broken] * bad
        ]
        self.store.save(Batch(tuple(made), (), {}))
        while recompute_dirty(self.engine):
            pass

    def evaluate(self, after: timedelta = timedelta(), *, stalled: bool = False) -> int:
        """Close the minute that it is ``after`` from now, evaluate it, and go on to the next."""
        self.at += after
        minute, self.at = self.at.replace(second=0, microsecond=0), self.at + MINUTE
        return self.evaluator.evaluate(minute, self.at, stalled=stalled)

    def states(self) -> dict[str, str]:
        """The present state of every alert, by its labels' values."""
        return {"/".join(row.labels.values()): row.state for row in self.rows(alerts)}

    def rows(self, table: sa.Table) -> Sequence[Any]:
        with self.engine.begin() as connection:
            return connection.execute(sa.select(table).order_by(*table.primary_key)).all()

    def told(self) -> list[tuple[str, str]]:
        """Channel and status of every notification."""
        return [(row.channel, row.payload["status"]) for row in self.rows(outbox)]

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def regression(**settings: Any) -> RegressionRule:
    values: dict[str, Any] = {
        "alert": "JsonBroken",
        "metric": "json.failed",
        "by": ("service",),
        "window": "5m",
        "minimum_calls": 20,
        "baseline": Baseline(previous="1h"),
        "margin": Margin(relative=1.0, absolute=0.02),
        "evidence": "fisher",
        "significance": 0.001,
        "keep_firing_for": "0s",
        "summary": "Bad.",
        "runbook_url": "https://x/y",
    }
    return RegressionRule(**{**values, **settings})


def threshold(**settings: Any) -> ThresholdRule:
    values: dict[str, Any] = {"alert": "High", "metric": "json.failed", "above": 0.1, "runbook_url": "x"}
    return ThresholdRule(**{**values, "minimum_calls": 20, "keep_firing_for": "0s", **settings})


BEFORE = timedelta(minutes=30)


def bury(engine: sa.Engine, letters: int, at: datetime) -> None:
    with engine.begin() as connection:
        for _ in range(letters):
            connection.execute(
                sa.insert(dead_letters).values(
                    topic="calls",
                    partition=0,
                    kafka_offset=next(ids),
                    item=0,
                    reason="not_json",
                    detail="line 1",
                    size=8,
                    sha256=b"",
                    first_seen=at,
                )
            )
