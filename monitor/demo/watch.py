"""What the demo shows, read from the same database that Grafana and the rules read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.records import ALWAYS
from monitor.rules import metric
from monitor.store.tables import alerts, consumer_offsets, outbox
from monitor.store.windows import Query, Windows

#: How far back "now" reaches in the table of services.
RECENT = timedelta(minutes=1)


class ServiceRow(NamedTuple):
    """One service in the last minute or two: calls, failures and judged calls by score, p95 in ms."""

    service: str
    calls: int
    scores: dict[str, tuple[int, int]]
    p95_ms: float | None


class AlertRow(NamedTuple):
    """One alert of this run."""

    rule: str
    labels: dict[str, str]
    state: str
    fired_at: datetime | None
    resolved_at: datetime | None
    evidence: dict[str, Any]


class Snapshot(NamedTuple):
    """Everything at one moment."""

    at: datetime
    stored: int
    duplicates: int
    dead_letters: int
    lag: int
    services: list[ServiceRow]
    alerts: list[AlertRow]
    sent: int
    failed: int
    unsent: int

    @property
    def accounted(self) -> int:
        """Records of which it is known what became of them."""
        return self.stored + self.duplicates + self.dead_letters


_P95 = sa.text(
    """
    SELECT service, histogram_quantile(0.95, array_agg(bucket), array_agg(n)) AS p95
    FROM (
        SELECT service, h.bucket, sum(h.n)::bigint AS n
        FROM rollup_1m JOIN series USING (series_id),
        unnest(duration_buckets, duration_counts) AS h(bucket, n)
        WHERE rollup_1m.bucket >= :start
        GROUP BY 1, 2
    ) AS merged
    GROUP BY service
    """
)


class Watch:
    """Reads snapshots.

    Args:
        engine: the service's database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._windows = Windows(engine)

    def snapshot(self, now: datetime) -> Snapshot:
        """How things stand.

        Raises:
            Transient: Postgres can't be reached.
        """
        ledger = consumer_offsets.c
        with self._engine.begin() as connection:
            sums = connection.execute(
                sa.select(
                    *(
                        sa.func.coalesce(sa.func.sum(column), 0)
                        for column in (
                            ledger.stored,
                            ledger.duplicates,
                            ledger.dead_letters,
                            ledger.end_offset - ledger.next_offset,
                        )
                    )
                )
            ).one()
            found = connection.execute(sa.select(alerts).order_by(alerts.c.alert_id)).all()
            delivered, failed, every = connection.execute(
                sa.select(
                    sa.func.count(outbox.c.delivered_at), sa.func.count(outbox.c.failed_at), sa.func.count()
                )
            ).one()
            start = (now - RECENT).replace(second=0, microsecond=0)
            p95 = {row.service: row.p95 for row in connection.execute(_P95, {"start": start})}
        return Snapshot(
            at=now,
            stored=int(sums[0]),
            duplicates=int(sums[1]),
            dead_letters=int(sums[2]),
            lag=int(sums[3]),
            services=self._services(start, now, p95),
            alerts=[
                AlertRow(row.rule, row.labels, row.state, row.fired_at, row.resolved_at, row.evidence)
                for row in found
                if row.fired_at is not None
            ],
            sent=delivered,
            failed=failed,
            unsent=every - delivered - failed,
        )

    def _services(self, start: datetime, now: datetime, p95: dict[str, float]) -> list[ServiceRow]:
        span = (start, now + timedelta(minutes=1))
        calls = {
            count.labels["service"]: count.calls
            for count in self._windows.counts(Query(("errors",), ("calls",)), span, ["service"])
        }
        scores: dict[str, dict[str, tuple[int, int]]] = {service: {} for service in calls}
        for score in ALWAYS:
            measured = metric(f"{score}.failed")
            query = Query(measured.numerator, measured.denominator)
            for count in self._windows.counts(query, span, ["service"]):
                scores.setdefault(count.labels["service"], {})[score] = (count.failures, count.calls)
        return [
            ServiceRow(service, calls[service], scores[service], p95.get(service))
            for service in sorted(calls)
        ]
