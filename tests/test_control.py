"""The leader's jobs and their schedule."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from apscheduler.executors import base as executors
from apscheduler.schedulers import base as schedulers
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from monitor import control
from monitor.clock import ManualClock
from monitor.control import (
    IngestWatch,
    Schedule,
    deliver,
    expire_events,
    expire_letters,
    look_after_outbox,
    maintain,
    recompute,
    tell_lateness,
)
from monitor.errors import Transient
from monitor.notify import Delivery, Notification
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.alerts import Alerts
from monitor.store.outbox import Outbox
from monitor.store.partitions import ensure_partitions
from monitor.store.tables import alert_events, calls, dead_letters, dirty_minutes, rollup_1m
from monitor.telemetry import ControlMetrics
from tests.examples import NOON, PARTITION, batch, dead_letter, scored
from tests.town import Town, threshold


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=8)
    yield made
    made.dispose()


# ------------------------------------------------------------------------------------------- the other jobs


def test_recompute_goes_on_until_nothing_is_dirty(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [1, 3, 1, 0]
    monkeypatch.setattr(control, "SLICE", 3)
    monkeypatch.setattr(control, "recompute_dirty", lambda _, **__: left.pop(0))
    registry = CollectorRegistry()
    recompute(engine, ControlMetrics(registry))
    assert left == [0]
    assert registry.get_sample_value("llm_monitor_rollup_minutes_total") == 5


def test_recompute_lets_the_others_run_after_some_slices(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count(1)

    def always_more(_: sa.Engine, *, slice_: int, **__: object) -> int:
        next(asked)
        return slice_

    monkeypatch.setattr(control, "recompute_dirty", always_more)
    recompute(engine, ControlMetrics(CollectorRegistry()))
    assert next(asked) == control.SLICES_AT_ONCE + 1


DAYS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'calls'::regclass ORDER BY 1"


def make_days_of(engine: sa.Engine, at: datetime) -> None:
    """As there were, had the service run then."""
    with engine.begin() as connection:
        ensure_partitions(connection, at)


def test_maintenance_makes_the_coming_days_and_drops_the_old(engine: sa.Engine) -> None:
    clock = ManualClock(datetime.now(UTC))
    make_days_of(engine, clock.now() - timedelta(days=40))
    for _ in range(2):
        maintain(
            engine,
            clock,
            max_lateness=timedelta(days=7),
            keep=timedelta(days=9),
            keep_rollups=timedelta(days=99),
        )
    with engine.begin() as connection:
        names = connection.execute(sa.text(DAYS)).scalars().all()
    assert names[0] == f"calls_{clock.now() - timedelta(days=8):%Y%m%d}"
    assert names[-1] == f"calls_{clock.now() + timedelta(days=4):%Y%m%d}"


def test_a_day_whose_rollups_are_still_to_make_is_kept_until_they_are_made(engine: sa.Engine) -> None:
    clock = ManualClock(datetime.now(UTC))
    marked = clock.now() - timedelta(days=40)
    make_days_of(engine, marked)
    with engine.begin() as connection:
        connection.execute(sa.insert(dirty_minutes).values(minute=marked))

    def oldest_day() -> str:
        maintain(
            engine,
            clock,
            max_lateness=timedelta(days=7),
            keep=timedelta(days=9),
            keep_rollups=timedelta(days=99),
        )
        with engine.begin() as connection:
            return str(min(connection.execute(sa.text(DAYS)).scalars()))

    assert oldest_day() == f"calls_{marked:%Y%m%d}"
    recompute(engine, ControlMetrics(CollectorRegistry()))
    assert oldest_day() == f"calls_{clock.now() - timedelta(days=8):%Y%m%d}"


def test_retention_gives_way_to_a_reader_instead_of_queueing_inserts_behind_it(engine: sa.Engine) -> None:
    clock = ManualClock(datetime.now(UTC))
    make_days_of(engine, clock.now() - timedelta(days=40))
    with engine.begin() as reader:
        reader.execute(sa.text("SELECT count(*) FROM calls"))
        with pytest.raises(Transient, match="lock timeout"):
            maintain(
                engine,
                clock,
                max_lateness=timedelta(days=7),
                keep=timedelta(days=9),
                keep_rollups=timedelta(days=99),
            )
    maintain(
        engine, clock, max_lateness=timedelta(days=7), keep=timedelta(days=9), keep_rollups=timedelta(days=99)
    )


@pytest.mark.parametrize("days", [40, 450])
def test_a_leader_whose_clock_has_jumped_ahead_drops_nothing(engine: sa.Engine, days: int) -> None:
    ahead = ManualClock(datetime.now(UTC) + timedelta(days=days))
    PostgresStore(engine).save(batch([scored()], [dead_letter(1)]))
    recompute(engine, ControlMetrics(CollectorRegistry()))
    event = {"rule": "High", "fingerprint": "x", "labels": {}, "reason": "none", "evidence": {}, "at": NOON}
    with engine.begin() as connection:
        connection.execute(sa.insert(alert_events).values(**event, from_state="normal", to_state="no_data"))
    keep = timedelta(days=30)
    maintain(engine, ahead, max_lateness=timedelta(days=7), keep=keep, keep_rollups=timedelta(days=400))
    expire_letters(engine, ahead, keep=keep)
    expire_events(engine, Alerts(engine), ahead, keep=keep)
    with engine.begin() as connection:
        for table in (calls, rollup_1m, dead_letters, alert_events):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 1
        made = connection.execute(sa.text(DAYS)).scalars().all()
    assert f"calls_{ahead.now():%Y%m%d}" in made, "a worker of the same clock finds its days"


def test_the_watermark_is_told_and_what_holds_it(engine: sa.Engine) -> None:
    registry, clock = CollectorRegistry(), ManualClock(datetime.now(UTC))
    metrics = ControlMetrics(registry)
    name = "llm_monitor_watermark_timestamp_seconds"
    ingest = IngestWatch(engine, ["calls"], clock, metrics)
    ingest.look()
    assert registry.get_sample_value(name) == 0
    move = OffsetMove(None, 1, 1, 1, reached=NOON)
    PostgresStore(engine).save(Batch((), (), {PARTITION: move}))
    ingest.look()
    assert registry.get_sample_value(name) == NOON.timestamp()
    assert registry.get_sample_value("llm_monitor_partitions_stalled") == 0
    clock.advance(timedelta(hours=1))
    assert ingest.look().stalled == (PARTITION,)
    assert registry.get_sample_value("llm_monitor_partitions_stalled") == 1


def test_a_log_that_is_never_read_stands_still_once_that_lasts(engine: sa.Engine) -> None:
    clock = ManualClock(NOON)
    ingest = IngestWatch(engine, ["calls"], clock, ControlMetrics(CollectorRegistry()))
    stands = []
    for _ in range(4):
        stands.append(ingest.look().stands)
        clock.advance(timedelta(minutes=1))
    assert stands == [False, False, False, True]
    clock.advance(timedelta(minutes=10))
    assert not ingest.look().stands, "another replica led meanwhile, and this one has only begun to look"


def test_changes_of_state_without_an_alert_are_kept_for_their_time_and_those_of_alerts_for_good(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "EVENTS_DELETED", 2)
    town, clock = Town(engine, threshold(by=("service",))), ManualClock(datetime.now(UTC))
    town.calls(10, 60)
    assert town.evaluate() == 1
    (of_alert,) = (row.event_id for row in town.rows(alert_events))
    old = {
        "from_state": "normal",
        "to_state": "no_data",
        "reason": "no calls",
        "rule": "High",
        "fingerprint": "x",
    }
    young = NOON - timedelta(days=27)
    times = [NOON - timedelta(days=30)] * 5 + [young]
    rows = [{**old, "at": at, "labels": {}, "evidence": {}} for at in times]
    with engine.begin() as connection:
        connection.execute(sa.insert(alert_events), rows)
    expire_events(engine, Alerts(engine), clock, keep=timedelta(days=30))
    left = town.rows(alert_events)
    assert [row.event_id == of_alert for row in left] == [True, False]
    assert left[1].at == young


def test_it_is_a_warning_where_calls_come_later_than_rules_wait(engine: sa.Engine) -> None:
    registry, clock = CollectorRegistry(), ManualClock(NOON + timedelta(minutes=20))
    metrics = ControlMetrics(registry)
    with capture_logs() as logs:
        tell_lateness(engine, clock, metrics, settle=timedelta(seconds=15))
    assert logs == []
    assert registry.get_sample_value("llm_monitor_lateness_seconds", {"kind": "configured"}) == 15
    # Stored just now, a call of yesterday's noon is late by hours.
    PostgresStore(engine).save(Batch((scored(at=NOON),), (), {}))
    with capture_logs() as logs:
        tell_lateness(engine, clock, metrics, settle=timedelta(days=3))
    assert logs == []
    with capture_logs() as logs:
        tell_lateness(engine, clock, metrics, settle=timedelta(seconds=15))
    [warning] = logs
    assert (warning["log_level"], warning["settle_s"]) == ("warning", 15)
    assert "control.settle" in warning["help"]
    measured = registry.get_sample_value("llm_monitor_lateness_seconds", {"kind": "measured"})
    assert measured == pytest.approx(warning["lateness_s"], abs=0.1)


def test_delivery_says_how_much_is_left(engine: sa.Engine) -> None:
    town = Town(engine, threshold())
    town.calls(10, 20)
    town.evaluate()

    class Away:
        def send(self, _: Notification) -> None:
            raise Transient("away")

    store, clock = Outbox(engine), ManualClock(town.at)
    delivery = Delivery(store, {"oncall": Away()}, fallback=None, clock=clock, count=lambda *_: None)
    deliver(delivery, "oncall")
    look_after_outbox(store, delivery, ["oncall"], clock, town.metrics)
    assert town.counted("llm_monitor_notifications_pending") == 1


# ------------------------------------------------------------------------------------------------ schedule


class Jobs:
    """A schedule on which a test can wait for a run."""

    def __init__(self, *, leads: Callable[[], bool] = lambda: True) -> None:
        self.registry = CollectorRegistry()
        self.metrics = ControlMetrics(self.registry)
        self.schedule = Schedule(leads, self.metrics)
        self.ran = threading.Semaphore(0)

    def add(self, job: Callable[[], object]) -> None:
        def run() -> None:
            try:
                job()
            finally:
                self.ran.release()

        self.schedule.add("job", 0.02, run)

    def wait(self, runs: int) -> None:
        for _ in range(runs):
            assert self.ran.acquire(timeout=30)

    def problems(self, problem: str) -> float:
        labels = {"job": "job", "problem": problem}
        return self.registry.get_sample_value("llm_monitor_job_problems_total", labels) or 0.0


def test_a_job_runs_again_and_again_until_it_is_closed() -> None:
    jobs = Jobs()
    jobs.add(lambda: None)
    jobs.schedule.start()
    jobs.wait(3)
    jobs.schedule.close()
    assert jobs.registry.get_sample_value("llm_monitor_leader") == 1


def test_who_does_not_lead_runs_nothing() -> None:
    asked = threading.Semaphore(0)

    def leads() -> bool:
        asked.release()
        return False

    ran: list[int] = []
    jobs = Jobs(leads=leads)
    jobs.add(lambda: ran.append(1))
    jobs.schedule.start()
    for _ in range(3):
        assert asked.acquire(timeout=30)
    jobs.schedule.close()
    assert ran == []
    assert jobs.registry.get_sample_value("llm_monitor_leader") == 0


def test_a_job_that_could_not_run_now_runs_again() -> None:
    def away() -> None:
        raise Transient("Postgres: connection refused")

    jobs = Jobs()
    jobs.add(away)
    with capture_logs() as logged:
        jobs.schedule.start()
        jobs.wait(2)
        jobs.schedule.close()
    assert jobs.problems("transient") >= 2
    assert logged[0]["reason"] == "Postgres: connection refused"


def test_a_job_with_a_bug_is_counted_and_logged_and_runs_again() -> None:
    def bug() -> None:
        raise KeyError("oh")

    jobs = Jobs()
    jobs.add(bug)
    with capture_logs() as logged:
        jobs.schedule.start()
        jobs.wait(2)
        jobs.schedule.close()
    assert jobs.problems("error") >= 1
    assert any(isinstance(entry.get("exc_info"), KeyError) for entry in logged)


def test_a_job_never_runs_beside_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[int] = []
    most: list[int] = []
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        inside.append(1)
        most.append(len(inside))
        started.set()
        assert go_on.wait(30)
        inside.pop()

    jobs = Jobs()
    jobs.add(slow)
    overlapped = threading.Semaphore(0)
    labels = jobs.metrics.job_problems.labels

    def noted(*values: str) -> Any:
        overlapped.release()
        return labels(*values)

    monkeypatch.setattr(jobs.metrics.job_problems, "labels", noted)
    with capture_logs():
        jobs.schedule.start()
        assert started.wait(30)
        for _ in range(2):
            assert overlapped.acquire(timeout=30)
        go_on.set()
        jobs.wait(2)
        jobs.schedule.close()
    assert set(most) == {1}
    assert jobs.problems("overlap") >= 2


# ------------------------------------------------------------------------------------------------- runbook


def test_every_query_of_the_runbook_runs(engine: sa.Engine) -> None:
    text = (Path(__file__).resolve().parents[1] / "docs" / "runbook.md").read_text()
    queries = re.findall(r"^ *```sql\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert len(queries) >= 9
    for query in queries:
        with engine.begin() as connection:
            connection.execute(sa.text(query.replace(":", r"\:")))


def test_jobs_go_on_when_the_clock_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    step = timedelta()

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + step

    for module in (control, schedulers, executors):
        monkeypatch.setattr(module, "datetime", Stepped)
    ran = threading.Event()
    schedule = Schedule(lambda: True, ControlMetrics(CollectorRegistry()))
    schedule.add("often", 0.05, ran.set)
    schedule.start()
    try:
        assert ran.wait(30)
        step = timedelta(hours=-1)
        for _ in range(3):
            ran.clear()
            assert ran.wait(30)
    finally:
        schedule.close()
