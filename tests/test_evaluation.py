"""The evaluator, on a real database: what fires, what holds, what is told to whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from monitor.errors import Transient
from monitor.evaluation import Evaluator, definition
from monitor.notify.page import read_page
from monitor.proof import Prover
from monitor.routing import Routing
from monitor.rules import Rule, Rules
from monitor.rules.judge import Codes, Reading, judge
from monitor.rules.memory import Memory
from monitor.rules.model import AbsenceRule, Margin, ThresholdRule
from monitor.store import connect
from monitor.store.alerts import Alerts
from monitor.store.counters import Counters
from monitor.store.rollups import recompute_dirty
from monitor.store.silences import Silences
from monitor.store.tables import alert_events, alerts, dirty_minutes, outbox, rule_states
from monitor.telemetry import ControlMetrics
from tests.examples import NOON
from tests.town import BEFORE, CHANNELS, MINUTE, Town, bury, regression, threshold

pytestmark = pytest.mark.one_postgres


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=8)
    yield made
    made.dispose()


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
    assert sorted(town.told()[2:]) == [("log", "resolved"), ("oncall", "resolved")]
    assert [row.payload["title"] for row in town.rows(outbox)[::2]] == [
        "json failed up ×20 (2.0 % → 40.0 %) on shop",
        "resolved: json failed on shop, now 0.0 %",
    ]
    assert [row.evidence["window"]["rate"] for row in town.rows(alerts)] == [0.4], "what it fired on"
    assert town.evaluate() == 0


@pytest.mark.parametrize(
    "matchers",
    [["service=" + "x" * 3_000], ["service=~("], ["service"], [], ["service=~.*"]],
    ids=["long", "no-regex", "no-matcher", "none", "every-alert"],
)
def test_a_silence_that_can_not_be_read_mutes_nothing_and_keeps_no_page_back(
    engine: sa.Engine, matchers: list[str]
) -> None:
    town = Town(engine, threshold(by=("service",)))
    end = NOON + 3 * timedelta(hours=1)
    Silences(engine).add(matchers, starts_at=NOON - MINUTE, ends_at=end, created_by="ann", comment="x")
    town.calls(10, 60)
    assert town.evaluate() == 1
    assert town.told() == [("oncall", "firing"), ("log", "firing")]
    assert town.counted("llm_monitor_silences_unusable_total") >= 1


@pytest.mark.parametrize("broken", [["High"], ["High", "Higher"]], ids=["one", "two"])
def test_a_bug_in_one_rule_costs_that_rule_that_minute_and_no_other(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, broken: list[str]
) -> None:
    rules = [threshold(alert=name, by=("service",)) for name in ("High", "Higher", "Highest")]
    town = Town(engine, *rules)

    def failing(rule: Rule, memory: Memory, reading: Reading) -> Codes:
        verdicts = judge(rule, memory, reading)
        if rule.alert in broken:
            raise ZeroDivisionError
        return verdicts

    monkeypatch.setattr("monitor.evaluation.judge", failing)
    town.calls(10, 60)
    assert town.evaluate() == 3 - len(broken)
    for name in broken:
        assert town.counted("llm_monitor_evaluations_total", rule=name, verdict="failed") == 1
    assert {row.rule for row in town.rows(alerts)} == {rule.alert for rule in rules} - {*broken}
    monkeypatch.undo()
    assert town.evaluate() == len(broken), "and they go on when it is mended"


def test_calls_without_anything_before_fire_nothing(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(0, 500)
    assert town.evaluate() == 0
    verdicts = {"rule": "JsonBroken", "verdict": "unlearned"}
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
    town.calls(5_000)
    assert town.evaluate() == 1
    assert (town.states(), town.told()) == ({"shop": "resolved"}, [])
    town.at += 10 * MINUTE
    town.calls(60, 40)
    assert [town.evaluate(), town.evaluate(), town.evaluate()] == [1, 0, 1]
    assert town.told() == [("oncall", "firing"), ("log", "firing")]


def test_keep_firing_for_holds_a_flapping_alert_and_tells_nobody(engine: sa.Engine) -> None:
    town = Town(engine, threshold(keep_firing_for="10m", window="1m"))
    town.calls(50, 50)
    assert town.evaluate() == 1
    for bad in (0, 50, 0, 50, 0):
        town.at += 3 * MINUTE
        town.calls(100 - bad, bad)
        assert town.evaluate() == 0
    assert len(town.told()) == 2
    for _ in range(10):
        assert town.states() == {"": "firing"}
        town.calls(100)
        town.evaluate()
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


def test_a_minute_whose_calls_are_not_rolled_up_yet_waits(engine: sa.Engine) -> None:
    town = Town(engine, threshold(window="1m"))
    town.calls(10, 20)
    town.evaluate()
    with engine.begin() as connection:
        connection.execute(sa.insert(dirty_minutes).values(minute=NOON + MINUTE))
    town.evaluate()
    assert [(row.rule, row.at) for row in town.rows(rule_states)] == [("High/page", NOON)]
    while recompute_dirty(engine):
        pass
    town.evaluate()
    assert [row.at for row in town.rows(rule_states)] == [NOON + 2 * MINUTE]


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
    tables = [[one["labels"] for one in row.payload["alerts"]] for row in town.rows(outbox)]
    assert sorted(map(len, tables)) == [1, 1, 2, 2], "one page for each service, with a table"
    assert all([*labels] == ["service", "prompt_version"] for table in tables for labels in table)


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
    (examples, *_) = [row.payload["examples"] for row in town.rows(outbox)]
    assert [one["outcome"] for one in examples] == ["not_json"] * 5


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
def test_an_alert_that_no_rule_is_about_any_more_is_closed_where_it_was_told(
    engine: sa.Engine, changed: tuple[Rule, ...]
) -> None:
    town = Town(engine, threshold(by=("service",), channels=("log",)))
    town.calls(10, 20)
    town.evaluate()
    town.evaluate(timedelta(hours=1))
    town.evaluator = town.replica(*changed)
    town.evaluate()
    assert town.states() == {"shop": "resolved"}
    assert town.told() == [("log", "firing"), ("log", "resolved")]
    last = town.rows(alert_events)[-1]
    assert "configuration" in last.reason
    assert (last.from_state, last.to_state) == ("no_data", "normal")


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


def test_a_rule_that_comes_back_fires_again_if_it_is_still_bad(engine: sa.Engine) -> None:
    rule, other = threshold(by=("service",)), threshold(alert="Other", above=0.9)
    town = Town(engine, rule, other)
    town.calls(10, 20)
    town.evaluate()
    town.evaluator = town.replica(other)
    town.evaluate()
    town.evaluator = town.replica(rule, other)
    town.evaluate()
    assert [(row.rule, row.state) for row in town.rows(alerts)] == [("High", "resolved"), ("High", "firing")]


def test_a_rule_that_comes_back_after_a_while_does_not_keep_the_others_waiting(engine: sa.Engine) -> None:
    rule, other = threshold(window="1m"), threshold(alert="Gone", above=0.9)
    town = Town(engine, rule, other)
    town.evaluate()
    town.evaluator = town.replica(rule)
    for _ in range(2):
        town.evaluate(29 * MINUTE)
    town.evaluator = town.replica(rule, other)
    town.calls(10, 20)
    town.evaluate()
    assert [row.rule for row in town.rows(alerts)] == ["High"]


def test_evidence_outlasts_a_change_of_words_and_no_change_of_what_is_judged() -> None:
    said = threshold(summary="Bad.", runbook_url="https://y", channels=("log",), labels={"team": "x"})
    assert definition(said) == definition(threshold())
    for judged in (threshold(above=0.2), threshold(by=("service",)), threshold(for_="1m")):
        assert definition(judged) != definition(threshold())


# ------------------------------------------------------------------------------------------- what is told


def test_the_page_proves_itself(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(490, 10, ago=BEFORE, prompt_version="v7", model_served="m")
    town.at += timedelta(seconds=20)
    town.calls(59, 1, prompt_version="v7", model_served="m")
    town.calls(1, 39, prompt_version="v8", model_served="m")
    town.evaluate()
    page = read_page(town.rows(outbox)[0].payload)
    assert page.title == "json failed up ×20 (2.0 % → 40.0 %) on shop"
    assert (page.kind, page.status) == ("trigger", "firing")
    assert (page.alert, page.severity, page.summary) == ("JsonBroken", "page", "Bad.")
    assert page.links.runbook == "https://x/y"
    assert page.alert_id == town.rows(alerts)[0].alert_id
    assert page.started_at == page.at == NOON + MINUTE
    assert page.window is not None
    assert page.baseline is not None
    assert (page.window.calls, page.window.failures) == (100, 40)
    assert (page.baseline.calls, page.baseline.failures) == (500, 10)
    for side in (page.window, page.baseline):
        assert side.rate is not None
        assert side.interval_95 is not None
        low, high = side.interval_95
        assert 0 < low < side.rate < high < 1
    assert (page.window.start, page.window.end) == (NOON - 4 * MINUTE, NOON + MINUTE)
    [contributor] = page.contributors
    assert (contributor.dimension, contributor.value) == ("prompt_version", "v8")
    assert contributor.excess == pytest.approx(39 - 40 * 0.02)
    assert len(page.examples) == 5
    assert all(one.call_id and one.request_id for one in page.examples)
    assert {(one.outcome, one.detail) for one in page.examples} == {("truncated", "ended inside a value")}


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
    town.evaluate()
    town.calls(0, 100)
    town.evaluate()
    page = read_page(town.rows(outbox)[0].payload)
    assert page.window is not None
    assert page.window.failures == 140
    assert page.reason.startswith("the condition holds for 2m: 0.00% → 70.00%")
    assert page.at - page.started_at == 2 * MINUTE


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
        made.append(evaluator.evaluate(town.at, town.at + MINUTE))

    threads = [threading.Thread(target=work, args=(one,)) for one in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in engines:
        one.dispose()
    assert sum(made) == len(services)
    assert town.states() == dict.fromkeys(services, "firing")
    assert len(town.told()) == 2, "one episode, on each of two channels"


def test_an_evaluation_without_a_database_is_transient() -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    metrics = ControlMetrics(CollectorRegistry())
    rules, prover = Rules((threshold(),)), Prover(away)
    routing = Routing([], CHANNELS)
    evaluator = Evaluator(rules, Counters(away), prover, Alerts(away), Silences(away), routing, metrics)
    with pytest.raises(Transient):
        evaluator.evaluate(NOON, NOON)
    away.dispose()


def test_a_clock_that_was_a_day_ahead_blinds_no_rule(engine: sa.Engine) -> None:
    stall = AbsenceRule(alert="Stall", absent="watermark", runbook_url="x")
    town = Town(engine, threshold(by=("service",), for_="1m"), stall)
    ahead = (NOON + timedelta(days=1)).replace(second=0, microsecond=0)
    town.calls(10, 60)
    town.calls(10, 60, ago=NOON - ahead)
    town.evaluator.evaluate(ahead, ahead + MINUTE)
    assert town.states() == {"shop": "pending"}
    for _ in range(3):
        town.calls(10, 60)
        town.evaluate(stalled=True)
    assert town.states() == {"shop": "firing", "": "firing"}
    assert town.counted("llm_monitor_rules_set_back_total", rule="High") == 1
    assert town.counted("llm_monitor_rules_set_back_total", rule="Stall") == 1


def test_a_minute_that_another_replica_with_a_quicker_clock_judged_is_waited_for(engine: sa.Engine) -> None:
    town = Town(engine, threshold(by=("service",)))
    town.evaluator.evaluate(NOON + 3 * MINUTE, NOON + 4 * MINUTE)
    town.calls(10, 60)
    assert town.evaluate() == 0
    assert town.counted("llm_monitor_rules_set_back_total", rule="High") == 0
