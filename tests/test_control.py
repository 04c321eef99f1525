"""The evaluator on a real Postgres, from calls to outbox rows; and the schedule."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from monitor import control
from monitor.clock import ManualClock
from monitor.control import Evaluator, Schedule, deliver, maintain, recompute
from monitor.errors import Transient
from monitor.notify import Delivery, Notification
from monitor.records import GroundingOutcome, JsonOutcome, JsonScore, ScoredCall, ToolsOutcome
from monitor.rules import Rule
from monitor.rules.model import Baseline, Margin, RegressionRule, ThresholdRule
from monitor.store import Batch, PostgresStore, connect
from monitor.store.alerts import Alerts
from monitor.store.rollups import SLICE, recompute_dirty
from monitor.store.tables import alert_events, alerts, dead_letters, outbox
from monitor.store.windows import Windows
from monitor.telemetry import ControlMetrics
from tests.examples import NOON, call, scores

MINUTE = timedelta(minutes=1)
CHANNELS = ("oncall", "log")

_ids = count()


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=8)
    yield made
    made.dispose()


class Town:
    """A database with its traffic and its evaluator, at a time that moves."""

    def __init__(self, engine: sa.Engine, *rules: Rule) -> None:
        self.engine = engine
        self.store = PostgresStore(engine)
        self.registry = CollectorRegistry()
        self.metrics = ControlMetrics(self.registry)
        self.evaluator = self.replica(*rules)
        self.at = NOON

    def replica(self, *rules: Rule, engine: sa.Engine | None = None) -> Evaluator:
        where = engine or self.engine
        return Evaluator(rules, Windows(where), Alerts(where), CHANNELS, self.metrics)

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
            ScoredCall(call(f"c{next(_ids)}", self.at - ago, **fields), said)
            for said in [judged] * good + [broken] * bad
        ]
        self.store.save(Batch(tuple(made), (), {}))
        while recompute_dirty(self.engine):
            pass

    def evaluate(self, after: timedelta = timedelta()) -> int:
        self.at += after
        return self.evaluator.evaluate(self.at)

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
        "significance": 0.001,
        "summary": "Bad.",
        "runbook_url": "https://x/y",
    }
    return RegressionRule(**{**values, **settings})


def threshold(**settings: Any) -> ThresholdRule:
    values: dict[str, Any] = {"alert": "High", "metric": "json.failed", "above": 0.1, "runbook_url": "x"}
    return ThresholdRule(**{**values, "minimum_calls": 20, **settings})


BEFORE = timedelta(minutes=30)


# --------------------------------------------------------------------------------------- the life of an alert


def test_a_regression_fires_holds_without_data_and_resolves_when_calls_are_good_again(
    engine: sa.Engine,
) -> None:
    town = Town(engine, regression())
    town.calls(490, 10, ago=BEFORE)
    town.calls(50, 1)
    assert town.evaluate() == 0
    town.at += 10 * MINUTE
    town.calls(60, 40)
    assert town.evaluate() == 1
    assert town.states() == {"shop": "firing"}
    assert town.told() == [("oncall", "firing"), ("log", "firing")]
    for _ in range(5):
        assert town.evaluate(5 * MINUTE) == 0
    assert town.states() == {"shop": "firing"}
    town.calls(19)
    assert town.evaluate() == 0, "too few calls say nothing"
    town.calls(100)
    assert town.evaluate() == 1
    assert town.states() == {"shop": "resolved"}
    assert town.told()[2:] == [("oncall", "resolved"), ("log", "resolved")]
    assert town.evaluate() == 0


def test_calls_without_anything_before_fire_nothing(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(0, 500)
    assert town.evaluate() == 0
    verdicts = {"rule": "JsonBroken", "verdict": "insufficient"}
    assert town.counted("llm_monitor_evaluations_total", **verdicts) == 1


def test_one_of_three_calls_does_not_fire_however_few_are_asked_for(engine: sa.Engine) -> None:
    town = Town(engine, regression(minimum_calls=1, minimum_baseline_calls=1))
    town.calls(200, ago=BEFORE)
    town.calls(2, 1)
    assert town.evaluate() == 0
    town.calls(0, 2)
    assert town.evaluate() == 1, "three of five is beyond chance"


def test_a_rise_within_the_margin_does_not_fire_however_certain(engine: sa.Engine) -> None:
    town = Town(engine, regression(margin=Margin(relative=0.1, absolute=0.2)))
    town.calls(1_000, ago=BEFORE)
    town.calls(850, 150)
    assert town.evaluate() == 0


def test_an_incident_does_not_become_its_own_normal(engine: sa.Engine) -> None:
    """The baseline is that of the beginning, however long the incident lasts."""
    town = Town(engine, regression())
    town.calls(500, ago=BEFORE)
    town.calls(60, 40)
    assert town.evaluate() == 1
    for _ in range(20):
        town.at += 5 * MINUTE
        town.calls(60, 40)
        assert town.evaluate() == 0
    assert town.states() == {"shop": "firing"}
    town.at += 10 * MINUTE
    town.calls(100)
    assert town.evaluate() == 1


def test_for_is_waited_out_and_a_pending_alert_that_clears_is_told_to_nobody(engine: sa.Engine) -> None:
    town = Town(engine, regression(for_="2m"))
    town.calls(500, ago=BEFORE)
    town.calls(60, 40)
    assert town.evaluate() == 1
    assert (town.states(), town.told()) == ({"shop": "pending"}, [])
    assert town.evaluate(MINUTE) == 0
    town.calls(5_000)
    assert town.evaluate() == 1
    assert (town.states(), town.told()) == ({"shop": "resolved"}, [])
    town.at += 10 * MINUTE
    town.calls(60, 40)
    assert [town.evaluate(), town.evaluate(2 * MINUTE)] == [1, 1]
    assert town.told() == [("oncall", "firing"), ("log", "firing")]


def test_keep_firing_for_holds_a_flapping_alert_and_tells_nobody(engine: sa.Engine) -> None:
    town = Town(engine, threshold(keep_firing_for="10m", window="1m"))
    town.calls(50, 50)
    assert town.evaluate() == 1
    for bad in (0, 50, 0, 50, 0):
        town.at += 4 * MINUTE
        town.calls(100 - bad, bad)
        assert town.evaluate() == 0
    assert len(town.told()) == 2
    town.at += 10 * MINUTE
    town.calls(100)
    assert town.evaluate() == 1
    assert town.states() == {"": "resolved"}
    transitions = {"rule": "High", "state": "firing"}
    assert town.counted("llm_monitor_alert_transitions_total", **transitions) == 1


def test_after_it_resolved_it_may_fire_again_as_another_alert(engine: sa.Engine) -> None:
    town = Town(engine, threshold(window="1m"))
    for bad in (50, 0, 50):
        town.at += 3 * MINUTE
        town.calls(100 - bad, bad)
        assert town.evaluate() == 1
    assert [row.state for row in town.rows(alerts)] == ["resolved", "firing"]


def test_calls_that_come_late_are_seen_while_their_window_lasts(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(500, ago=BEFORE)
    town.calls(50)
    assert town.evaluate() == 0
    town.calls(0, 40, ago=2 * MINUTE)
    assert town.evaluate() == 1


# -------------------------------------------------------------------------------------------------- labels


def test_there_is_one_alert_for_each_combination(engine: sa.Engine) -> None:
    town = Town(engine, regression(by=("service", "prompt_version")))
    for service, version in [("shop", "1"), ("shop", "2"), ("desk", "1"), ("desk", "")]:
        town.calls(500, ago=BEFORE, service=service, prompt_version=version)
        town.calls(
            50, 0 if (service, version) == ("shop", "1") else 30, service=service, prompt_version=version
        )
    assert town.evaluate() == 3
    assert town.states() == {"shop/2": "firing", "desk/1": "firing", "desk/": "firing"}
    assert [list(row.payload["labels"]) for row in town.rows(outbox)] == [["service", "prompt_version"]] * 6


def test_where_leaves_out_the_rest(engine: sa.Engine) -> None:
    town = Town(engine, threshold(where={"environment": ("prod", "canary")}, by=("environment",)))
    for environment in ("prod", "canary", "dev"):
        town.calls(10, 20, environment=environment)
    assert town.evaluate() == 2
    assert set(town.states()) == {"prod", "canary"}


def test_two_rules_about_the_same_calls_are_two_alerts(engine: sa.Engine) -> None:
    town = Town(engine, threshold(by=("service",)), threshold(alert="Higher", above=0.3, by=("service",)))
    town.calls(10, 20)
    assert town.evaluate() == 2


def test_a_rule_over_everything_has_an_alert_without_labels(engine: sa.Engine) -> None:
    town = Town(engine, threshold())
    town.calls(10, 10, service="a")
    town.calls(10, 10, service="b")
    assert town.evaluate() == 1
    assert town.rows(alerts)[0].labels == {}


def test_dead_letters_are_a_rule_too(engine: sa.Engine) -> None:
    town = Town(engine, threshold(metric="dead_letters", alert="DeadLetters", above=0.05))
    town.calls(90)
    bury(engine, 4, town.at)
    assert town.evaluate() == 0
    bury(engine, 6, town.at)
    assert town.evaluate() == 1
    (examples, *_) = [row.payload["evidence"]["examples"] for row in town.rows(outbox)]
    assert [one["outcome"] for one in examples] == ["not_json"] * 3


def test_a_rule_that_finds_nothing_at_all_is_counted_as_no_data(engine: sa.Engine) -> None:
    town = Town(engine, threshold(where={"service": "shpo"}), threshold(alert="By", by=("service",)))
    town.evaluate()
    for rule in ("High", "By"):
        verdict = {"rule": rule, "verdict": "no_data"}
        assert town.counted("llm_monitor_evaluations_total", **verdict) == 1


# ----------------------------------------------------------------------------------------- rules that change


@pytest.mark.parametrize(
    "changed",
    [
        (),
        (threshold(alert="Another"),),
        (threshold(by=("service", "environment")),),
        (threshold(by=()),),
        (threshold(by=("service",), where={"service": "desk"}),),
    ],
    ids=["gone", "renamed", "by more", "by less", "where not"],
)
def test_an_alert_that_no_rule_is_about_any_more_is_closed_and_nobody_is_told(
    engine: sa.Engine, changed: tuple[Rule, ...]
) -> None:
    town = Town(engine, threshold(by=("service",)))
    town.calls(10, 20)
    town.evaluate()
    told = town.told()
    town.evaluator = town.replica(*changed)
    town.evaluate(timedelta(hours=1))
    assert town.states() == {"shop": "resolved"}
    assert town.told() == told
    assert "configuration" in town.rows(alert_events)[-1].reason


@pytest.mark.parametrize(
    "changed", [threshold(by=("service",), above=0.2), threshold(by=("service",), where={"service": "shop"})]
)
def test_an_alert_that_its_changed_rule_is_still_about_stays_open(
    engine: sa.Engine, changed: ThresholdRule
) -> None:
    town = Town(engine, threshold(by=("service",)))
    town.calls(10, 20)
    town.evaluate()
    town.evaluator = town.replica(changed)
    assert town.evaluate() == 0
    assert town.states() == {"shop": "firing"}


# ------------------------------------------------------------------------------------------- what is told


def test_the_page_proves_itself(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(490, 10, ago=BEFORE, prompt_version="v7", model_served="m")
    town.at += timedelta(seconds=20)
    town.calls(59, 1, prompt_version="v7", model_served="m")
    town.calls(1, 39, prompt_version="v8", model_served="m")
    town.evaluate()
    payload = town.rows(outbox)[0].payload
    assert payload["title"] == "json.failed up ×20 (2.0 % → 40.0 %) on shop"
    assert (payload["alert"], payload["severity"], payload["summary"]) == ("JsonBroken", "page", "Bad.")
    assert payload["runbook_url"] == "https://x/y"
    assert payload["alert_id"] == town.rows(alerts)[0].alert_id
    assert payload["started_at"] == payload["at"] == town.at.isoformat()
    evidence = payload["evidence"]
    assert {name: evidence["window"][name] for name in ("calls", "failures")} == {
        "calls": 100,
        "failures": 40,
    }
    assert {name: evidence["baseline"][name] for name in ("calls", "failures")} == {
        "calls": 500,
        "failures": 10,
    }
    for side in ("window", "baseline"):
        low, high = evidence[side]["interval_95"]
        assert 0 < low < evidence[side]["rate"] < high < 1
    assert evidence["p_value"] < evidence["significance"] == 0.001
    assert datetime.fromisoformat(evidence["window_end"]) == town.at
    assert datetime.fromisoformat(evidence["window_start"]) == NOON - 5 * MINUTE
    assert [(one["dimension"], one["value"]) for one in evidence["contributors"]] == [
        ("prompt_version", "v8")
    ]
    assert evidence["contributors"][0]["excess"] == pytest.approx(39 - 40 * 0.02)
    assert len(evidence["examples"]) == 3
    assert {one["outcome"] for one in evidence["examples"]} == {"truncated"}
    assert {one["detail"] for one in evidence["examples"]} == {"ended inside a value"}


def test_only_the_rules_channels_are_told(engine: sa.Engine) -> None:
    town = Town(engine, threshold(channels=("oncall",)))
    town.calls(10, 20)
    town.evaluate()
    assert town.told() == [("oncall", "firing")]


def test_the_firing_page_of_an_alert_with_for_has_the_proof_of_that_moment(engine: sa.Engine) -> None:
    town = Town(engine, regression(for_="2m"))
    town.calls(500, ago=BEFORE)
    town.calls(60, 40)
    town.evaluate()
    town.at += 2 * MINUTE
    town.calls(0, 100)
    town.evaluate()
    payload = town.rows(outbox)[0].payload
    assert payload["evidence"]["window"]["failures"] == 140
    assert payload["reason"].startswith("the condition held for 2m: 0.00% → 70.00%")
    assert datetime.fromisoformat(payload["at"]) - datetime.fromisoformat(payload["started_at"]) == 2 * MINUTE


# ---------------------------------------------------------------------------------------------- at once, away


def test_two_evaluators_at_once_make_each_change_once(engine: sa.Engine, database: str) -> None:
    town = Town(engine, threshold(by=("service",)))
    services = [f"s{number}" for number in range(10)]
    for service in services:
        town.calls(10, 20, service=service)
    engines = [connect(database), connect(database)]
    together = threading.Barrier(2)
    made: list[int] = []

    def work(one: sa.Engine) -> None:
        evaluator = town.replica(threshold(by=("service",)), engine=one)
        together.wait(30)
        made.append(evaluator.evaluate(town.at))

    threads = [threading.Thread(target=work, args=(one,)) for one in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in engines:
        one.dispose()
    assert sum(made) == len(services)
    assert town.states() == dict.fromkeys(services, "firing")
    assert len(town.told()) == 2 * len(services)


def test_an_evaluation_without_a_database_is_transient() -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    metrics = ControlMetrics(CollectorRegistry())
    evaluator = Evaluator([threshold()], Windows(away), Alerts(away), CHANNELS, metrics)
    with pytest.raises(Transient):
        evaluator.evaluate(NOON)
    away.dispose()


# ------------------------------------------------------------------------------------------- the other jobs


def test_recompute_goes_on_until_nothing_is_dirty(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [3, 3, 1, 0]
    monkeypatch.setattr(control, "SLICE", 3)
    monkeypatch.setattr(control, "recompute_dirty", lambda _: left.pop(0))
    registry = CollectorRegistry()
    recompute(engine, ControlMetrics(registry))
    assert left == [0]
    assert registry.get_sample_value("llm_monitor_rollup_minutes_total") == 7


def test_recompute_lets_the_others_run_after_some_slices(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count(1)

    def always_more(_: sa.Engine) -> int:
        next(asked)
        return SLICE

    monkeypatch.setattr(control, "recompute_dirty", always_more)
    recompute(engine, ControlMetrics(CollectorRegistry()))
    assert next(asked) == control.SLICES_AT_ONCE + 1


def test_maintenance_makes_the_coming_days_and_drops_the_old(engine: sa.Engine) -> None:
    clock = ManualClock(datetime.now(UTC) + timedelta(days=40))
    for _ in range(2):
        maintain(engine, clock, max_lateness=timedelta(days=7), keep=timedelta(days=9))
    with engine.begin() as connection:
        days = connection.execute(
            sa.text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'calls'::regclass")
        ).scalars()
        names = sorted(days)
    assert names[0] == f"calls_{clock.now() - timedelta(days=8):%Y%m%d}"
    assert names[-1] == f"calls_{clock.now() + timedelta(days=4):%Y%m%d}"


def test_delivery_says_how_much_is_left(engine: sa.Engine) -> None:
    town = Town(engine, threshold())
    town.calls(10, 20)
    town.evaluate()

    class Away:
        def send(self, _: Notification) -> None:
            raise Transient("away")

    store = Alerts(engine)
    delivery = Delivery(
        store, {"oncall": Away()}, fallback=None, clock=ManualClock(town.at), count=lambda *_: None
    )
    deliver(delivery, store, town.metrics)
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


def bury(engine: sa.Engine, letters: int, at: datetime) -> None:
    with engine.begin() as connection:
        for _ in range(letters):
            connection.execute(
                sa.insert(dead_letters).values(
                    topic="calls",
                    partition=0,
                    kafka_offset=next(_ids),
                    item=0,
                    reason="not_json",
                    detail="line 1",
                    size=8,
                    sha256=b"",
                    first_seen=at,
                )
            )
