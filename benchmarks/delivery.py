"""How long it takes from the close of a minute to the receiver's 200, when 1,000 series fire at once.

``python -m benchmarks.delivery`` runs ``llm-monitor run --only control`` with its default intervals on a
PostgreSQL that waits for the disk, writes rollups of one minute in which half the calls of 1,000 services
fail, and lets a receiver note when the first of each page is answered. 200 rules look at five services each,
so every series is an episode of its own and nothing is put together: the worst case. ``--storm`` has one rule
for all of them, which becomes a few pages. A minute is closed ``control.settle`` after its end. Beside it
stands the bare cost: the same bodies, posted by the same client to the same receiver, as many at once. The
watermark is moved each second, as if all was read. Takes about three minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg
import sqlalchemy as sa
import yaml

from benchmarks._service import PATIENCE_S, ROOT, postgres
from monitor.clock import SystemClock
from monitor.config import ControlConfig
from monitor.demo.child import Child, free_port
from monitor.durations import seconds
from monitor.notify import Notification, WebhookChannel
from monitor.notify.delivery import AT_ONCE
from monitor.notify.page import Page
from monitor.store import connect
from monitor.store.migrate import migrate
from monitor.store.partitions import ensure_partitions
from tests.notify.receiver import Receiver, Request, status

SERIES = 1_000
#: Services that one rule looks at, so that none of its episodes are put together.
APART = 5

INTERVALS = ControlConfig()
#: What issue 7 allows: one evaluation interval and 5 s.
ALLOWED_S = seconds(INTERVALS.evaluation_interval) + 5

_SERIES = """
INSERT INTO series (key, service, environment, provider, model_requested, model_served, route, prompt_name,
    prompt_version, operation, agent)
SELECT sha256(convert_to(n::text, 'UTF8')), 'service-' || n, 'group-' || n / :apart, 'provider', 'model',
    'model', 'route', 'prompt', 'v1', 'chat', ''
FROM generate_series(0, :series - 1) AS n
"""

_ROLLUPS = """
INSERT INTO rollup_1m (bucket, series_id, calls, errors, requests)
SELECT :minute, series_id, 200, 100, 200 FROM series
"""

_READ = """
INSERT INTO consumer_offsets (topic, partition, next_offset, end_offset, records, stored, duplicates,
    dead_letters, updated_at, reached_at)
VALUES ('calls', 0, 0, 0, 0, 0, 0, 0, now(), now())
ON CONFLICT (topic, partition) DO UPDATE SET updated_at = now(), reached_at = now()
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--storm", action="store_true", help="one rule, so that episodes are put together")
    options = parser.parse_args()
    rules = 1 if options.storm else options.series // APART
    with (
        tempfile.TemporaryDirectory(prefix="llm-monitor-bench-") as folder,
        postgres(fsync=True) as server,
        Answers() as receiver,
    ):
        migrate(server.url())
        closed = measure(Path(folder), server.url(), receiver, options.series, rules)
        took = [at - closed for at in receiver.first.values()]
        bodies = [msgspec.json.decode(post.body, type=Page) for post in receiver.posts]
        print(
            f"{options.series:,} series, {rules} rules: {len(took):,} pages, {len(receiver.posts):,} requests"
        )
        print(f"{'seconds until the 200':40}{'p50':>8}{'p95':>8}{'max':>8}{'first':>8}")
        line("since the close of the minute", took)
        line("since the first", [one - min(took) for one in took])
        line(f"bare POSTs, {AT_ONCE} at once", bare(receiver.url, bodies))
        print(f"target: p95 ≤ {ALLOWED_S:.0f} s since the close")


class Answers(Receiver):
    """A receiver that notes when it first answered each ``webhook-id``."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, float] = {}
        self.answer = self._noting

    def _noting(self, request: Request) -> None:
        status(200)(request)
        self.first.setdefault(request.post.headers["webhook-id"], time.time())


def measure(folder: Path, database: str, receiver: Answers, series: int, rules: int) -> float:
    """Let a minute be bad and wait until nothing more is told; gives when it closed, as a Unix time."""
    engine = connect(database)
    with engine.begin() as filling:
        ensure_partitions(filling, datetime.now(UTC), max_lateness=timedelta(days=2))
        filling.execute(sa.text(_SERIES), {"series": series, "apart": APART})
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        ended = threading.Event()
        reader = threading.Thread(target=_read, args=(connection, ended))
        reader.start()
        log, configuration = folder / "service.log", _configured(folder, database, receiver.url, rules)
        child = Child(
            "llm-monitor",
            [sys.executable, "-m", "monitor", "run", "--only", "control", "--config", configuration],
            log=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            bad = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
            with engine.begin() as filling:
                filling.execute(sa.text(_ROLLUPS), {"minute": bad})
            closed = bad + timedelta(minutes=1, seconds=seconds(INTERVALS.settle))
            _wait(log, lambda: bool(receiver.first))
            _wait(log, lambda: time.time() - max(receiver.first.values()) > 3 * ALLOWED_S / 2)
        finally:
            child.stop(within=20)
            ended.set()
            reader.join()
    engine.dispose()
    return closed.timestamp()


def bare(url: str, pages: Sequence[Page]) -> list[float]:
    """The same pages by the same client; gives the seconds from the beginning until each was taken."""
    channel, began = WebhookChannel(url, SystemClock()), time.perf_counter()

    def post(number: int) -> float:
        channel.send(Notification(id=f"bare_{number}", page=pages[number]))
        return time.perf_counter() - began

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(post, range(len(pages))))


def line(name: str, took: Sequence[float]) -> None:
    """Print the quantiles of some seconds."""
    p50, p95 = np.quantile(took, [0.5, 0.95])
    print(f"{name:40}{p50:>8.1f}{p95:>8.1f}{max(took):>8.1f}{min(took):>8.1f}", flush=True)


def _configured(folder: Path, database: str, url: str, rules: int) -> Path:
    """The configuration, with the rules beside it."""
    asked: list[dict[str, Any]] = [
        {
            "alert": f"ErrorsHigh{number}",
            "kind": "threshold",
            "metric": "errors",
            "by": ["service", "environment"],
            "where": {"environment": f"group-{number}"} if rules > 1 else {},
            "window": "1m",
            "above": 0.2,
            "runbook_url": "none",
        }
        for number in range(rules)
    ]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "errors", "rules": asked}]}))
    configuration = {
        "kafka": {"topics": ["calls"], "client": {"bootstrap_servers": "127.0.0.1:9"}},
        "database": {"url": database},
        "channels": {"oncall": {"kind": "webhook", "url": url}},
        "fallback_channel": None,
        "web": {"port": free_port()},
        "rules": [str(folder / "rules.yaml")],
    }
    path = folder / "monitor.yaml"
    path.write_text(yaml.safe_dump(configuration))
    return path


def _read(connection: psycopg.Connection[Any], ended: threading.Event) -> None:
    """Say each second that all is read."""
    while not ended.wait(1.0):
        connection.execute(_READ)


def _wait(log: Path, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(log.read_text(errors="replace")[-3_000:])
        time.sleep(0.1)


if __name__ == "__main__":
    main()
