"""How long a page takes: 1,000 series, a baseline of 28 days, rollups of ten million calls in a day.

``python -m benchmarks.pages`` fills a PostgreSQL with rollups, made in SQL: of each series one row in every
minute of the last day, with 7 calls, and one in every hour of the 28 days before. One alert is about all of
it, one about 10 series. Each page is asked for over HTTP from the same process, the first time and then some
rounds; beside it stand ``/healthz`` of the same server, and the plain sum of the day's calls.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from time import perf_counter

import httpx
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from benchmarks._service import postgres
from monitor.clock import SystemClock
from monitor.records import DIMENSIONS
from monitor.rules.model import RegressionRule
from monitor.showing import Showing
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts, Evaluated
from monitor.store.migrate import migrate
from monitor.store.partitions import ensure_partitions
from monitor.store.tables import alerts
from monitor.web import WebServer, build_app
from monitor.web.auth import Guard
from monitor.web.pages import page_routes

SERIES, CALLS, DAYS = 1_000, 7, 28

_SERIES = f"""
INSERT INTO series (key, {", ".join(DIMENSIONS)}, first_seen)
SELECT int4send(n), {
    ", ".join(
        "'s' || n % 100" if name == "service" else "'v' || n" if name == "route" else "''"
        for name in DIMENSIONS
    )
}, now() - interval '60 days'
FROM generate_series(1, :series) AS n
"""
_ROWS = """
INSERT INTO {tier} (bucket, series_id, calls, json_ok, json_schema_violation)
SELECT at, series_id, :calls, :calls - 1, 1
FROM series, generate_series(CAST(:start AS timestamptz), :stop, interval '{step}') AS at
"""


def fill(engine: sa.Engine, now: datetime, series: int) -> None:
    """Store the rollups, and two alerts that began two hours ago."""
    hour = now.replace(minute=0)
    with engine.begin() as connection:
        for days in (DAYS + 2, 0):
            ensure_partitions(connection, now - timedelta(days=days))
        connection.execute(sa.text(_SERIES), {"series": series})
        spans = [
            ("rollup_1h", "1 hour", hour - timedelta(days=DAYS + 1), hour - timedelta(hours=1), CALLS * 60),
            ("rollup_1m", "1 minute", now - timedelta(days=1), now, CALLS),
        ]
        for tier, step, start, stop, calls in spans:
            values = {"start": start, "stop": stop, "calls": calls}
            connection.execute(sa.text(_ROWS.format(tier=tier, step=step)), values)
    changes = [
        AlertChange(
            rule=name, labels=labels, severity="page", state="firing", before=None, standing="firing",
            at=now - timedelta(hours=2), onset_at=now - timedelta(hours=2, minutes=9), evidence={},
        )
        for name, labels in (("Everything", {}), ("OneService", {"service": "s7"}))
    ]  # fmt: skip
    Alerts(engine).commit(Evaluated(changes=changes), now)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    clock = SystemClock()
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    rules = [
        RegressionRule(alert="Everything", metric="json.failed", runbook_url="x"),
        RegressionRule(alert="OneService", by=("service",), metric="json.failed", runbook_url="x"),
    ]
    with postgres(fsync=False) as server:
        url = server.url("postgres")
        migrate(url)
        engine = connect(url)
        fill(engine, now, asked.series)
        desk, guard = Showing(engine, rules, ["calls"], clock), Guard(None, None, "secret", "", clock)
        app = build_app(CollectorRegistry(), list, list, page_routes(desk, guard, clock))
        web = WebServer(app, "127.0.0.1", 0)
        with engine.begin() as connection:
            ids = {
                row.rule: row.alert_id
                for row in connection.execute(sa.select(alerts.c.rule, alerts.c.alert_id))
            }
        with httpx.Client(base_url=f"http://127.0.0.1:{web.port}", timeout=60, trust_env=False) as client:
            pages = {
                "reference: /healthz": "/healthz",
                "/": "/",
                "/alerts": "/alerts",
                f"/alerts/<id>, {asked.series // 100} series": f"/alerts/{ids['OneService']}",
                f"/alerts/<id>, {asked.series:,} series": f"/alerts/{ids['Everything']}",
            }
            print(f"{asked.series:,} series, {asked.series * CALLS * 1_440 / 1e6:.1f} million calls a day")
            for name, path in pages.items():
                took = []
                for _ in range(asked.rounds + 1):
                    began = perf_counter()
                    client.get(path).raise_for_status()
                    took.append(perf_counter() - began)
                rest = sorted(took[1:])
                print(f"{name:34} first {took[0] * 1e3:7.0f} ms, then {rest[len(rest) // 2] * 1e3:7.0f} ms")
        began = perf_counter()
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT sum(calls) FROM rollup_1m")).scalar_one()
        print(f"{'reference: sum of a day, in SQL':34} first {(perf_counter() - began) * 1e3:7.0f} ms")
        web.close()
        engine.dispose()


if __name__ == "__main__":
    main()
