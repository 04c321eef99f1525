"""What proves an alert, on a real database: of a town whose calls are as each test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from monitor.notify.page import Page, read_page
from monitor.notify.words import plain
from monitor.records import CallError, ErrorCategory, JsonOutcome, Status, Usage
from monitor.rules.model import AbsenceRule, Baseline
from monitor.store import connect
from monitor.store.deploys import Deploy, add
from monitor.store.tables import alerts, outbox
from tests.town import BEFORE, MINUTE, Town, bury, regression, threshold

DAY = timedelta(days=1)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    made = connect(database, pool_size=8)
    yield made
    made.dispose()


def pages(town: Town) -> list[Page]:
    """What was told on one channel."""
    return [read_page(row.payload) for row in town.rows(outbox) if row.channel == "oncall"]


def told(town: Town) -> Page:
    """What is told of the present minute."""
    town.evaluate()
    return pages(town)[-1]


def test_a_new_prompt_carries_the_change_by_its_rate_and_not_by_its_traffic(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(490, 10, ago=BEFORE, prompt_version="v7")
    town.calls(59, 1, prompt_version="v7")
    town.calls(1, 39, prompt_version="v8")
    page = told(town)
    [one] = page.contributors
    assert (one.dimension, one.value, one.calls, one.failures) == ("prompt_version", "v8", 40, 39)
    assert (one.share, one.usual_share, one.usual_rate, one.by_mix) == (0.4, 0.0, None, 0.0)
    assert one.by_rate == pytest.approx(0.4 * (39 / 40 - 0.02))
    assert page.usually == "the 1h before the onset"


def test_traffic_that_moved_to_a_model_that_was_always_worse_is_mix(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(490, 0, ago=BEFORE, model_served="good")
    town.calls(5, 5, ago=BEFORE, model_served="bad")
    town.calls(20, 0, model_served="good")
    town.calls(40, 40, model_served="bad")
    first = told(town).contributors[0]
    assert (first.dimension, first.value, first.usual_rate, first.by_rate) == (
        "model_served",
        "bad",
        0.5,
        0.0,
    )
    assert first.by_mix == pytest.approx((0.8 - 0.02) * (0.5 - 0.01))


def test_without_a_span_of_its_own_a_rule_is_compared_with_the_same_hours_of_other_days(
    engine: sa.Engine,
) -> None:
    town = Town(engine, threshold(by=("service",)))
    for day in (1, 2, 3):
        town.calls(98, 2, ago=day * DAY, route="a")
        town.calls(100, 0, ago=day * DAY, route="b")
    town.calls(100, 0, route="a")
    town.calls(20, 80, route="b")
    page = told(town)
    assert [(one.value, one.usual_rate) for one in page.contributors] == [("b", 0.0)]
    assert page.usually == "the same hours on the last 7 days"


def test_a_day_on_which_the_same_alert_fired_is_not_what_is_usual(engine: sa.Engine) -> None:
    town = Town(engine, threshold(by=("service",)))
    town.calls(0, 100, ago=DAY, route="a")
    town.calls(100, 0, ago=2 * DAY, route="a")
    values = {"rule": "High", "labels": {"service": "shop"}, "fingerprint": "f", "severity": "page"}
    times = dict.fromkeys(("started_at", "fired_at", "resolved_at", "updated_at"), town.at - DAY)
    with engine.begin() as connection:
        connection.execute(
            sa.insert(alerts).values(**values, **times, state="resolved", standing="normal", evidence={})
        )
    town.calls(0, 100, route="a")
    town.calls(100, 0, route="b")
    assert told(town).contributors[0].usual_rate == 0.0


def test_where_other_days_have_nothing_it_is_compared_with_the_day_before(engine: sa.Engine) -> None:
    town = Town(engine, threshold(by=("service",)))
    town.calls(98, 2, ago=timedelta(hours=5), route="a")
    town.calls(50, 50, route="a")
    town.calls(100, 0, route="b")
    page = told(town)
    assert page.usually == "the 24 hours before the onset"
    assert [(one.value, one.usual_rate) for one in page.contributors] == [("a", 0.02)]


def test_where_there_is_no_past_at_all_nothing_is_said_to_be_usual(engine: sa.Engine) -> None:
    town = Town(engine, threshold())
    town.calls(50, 50, route="a")
    town.calls(100, 0, route="b")
    page = told(town)
    [one] = page.contributors
    assert (one.value, one.usual_rate, one.usual_share, one.by_rate) == ("a", None, None, None)
    assert page.usually == ""


def test_ways_to_fail_are_counted_now_and_usually(engine: sa.Engine) -> None:
    town = Town(engine, regression())
    town.calls(490, 10, ago=BEFORE, outcome=JsonOutcome.TRUNCATED)
    town.calls(50, 10, outcome=JsonOutcome.TRUNCATED)
    town.calls(0, 40, outcome=JsonOutcome.NOT_JSON)
    assert [(one.outcome, one.calls, one.rate, one.usual_rate) for one in told(town).failure_classes] == [
        ("not_json", 40, 0.4, 0.0),
        ("truncated", 10, 0.1, 0.02),
    ]


def test_calls_in_flight_are_told_now_and_usually(engine: sa.Engine) -> None:
    town = Town(engine, regression(baseline=Baseline(previous="1h")))
    town.calls(500, ago=BEFORE, duration_ms=7_200.0)
    town.calls(60, 40, duration_ms=6_000.0)
    concurrency = told(town).concurrency
    assert concurrency is not None
    assert concurrency.now == pytest.approx(100 * 6.0 / 300)
    assert concurrency.usual == pytest.approx(500 * 7.2 / 3600)


def test_without_durations_nothing_is_said_of_calls_in_flight(engine: sa.Engine) -> None:
    town = Town(engine, threshold())
    town.calls(60, 40, duration_ms=None)
    assert told(town).concurrency is None


def test_examples_show_different_outcomes_models_and_prompts_first(engine: sa.Engine) -> None:
    town = Town(engine, threshold())
    town.calls(0, 1, model_served="a", prompt_version="p1", outcome=JsonOutcome.NOT_JSON)
    town.calls(0, 1, model_served="b", prompt_version="p1")
    town.calls(0, 30, model_served="a", prompt_version="p1")
    found = told(town).examples
    assert len(found) == 5
    assert {(one.outcome, one.model_served, one.prompt_version) for one in found[:3]} == {
        ("truncated", "a", "p1"),
        ("truncated", "b", "p1"),
        ("not_json", "a", "p1"),
    }


def test_a_model_that_was_not_served_the_day_before_is_named(engine: sa.Engine) -> None:
    town = Town(engine, threshold(by=("service",)))
    town.calls(100, ago=timedelta(hours=3), model_requested="gpt-x", model_served="gpt-x-1")
    town.calls(50, model_requested="gpt-x", model_served="gpt-x-1")
    town.calls(0, 50, ago=2 * MINUTE, model_requested="gpt-x", model_served="gpt-x-2")
    [marker] = told(town).deploys
    assert (marker.dimension, marker.version, marker.subject) == ("model_served", "gpt-x-2", "gpt-x")
    assert (marker.at, marker.service, marker.source) == (town.at - 3 * MINUTE, "shop", "calls")


def test_a_model_whose_marker_is_there_is_named_once_and_one_of_a_new_service_never(
    engine: sa.Engine,
) -> None:
    town = Town(engine, threshold())
    town.calls(100, ago=timedelta(hours=3), model_served="1", service="shop")
    town.calls(10, 40, model_served="2", service="shop", environment="")
    town.calls(10, 40, model_served="3", service="desk")
    marker = Deploy(at=town.at, service="shop", version="2", source="calls", dimension="model_served")
    add(engine, marker)
    assert [one.version for one in told(town).deploys] == ["2"]


def test_of_durations_it_is_told_who_has_the_slow_calls(engine: sa.Engine) -> None:
    town = Town(engine, threshold(metric="duration", above=2_000.0, by=("service",)))
    for ago in (DAY, timedelta()):
        slow = 9_000.0 if not ago else 900.0
        town.calls(50, ago=ago, route="a", duration_ms=slow)
        town.calls(50, ago=ago, route="b", duration_ms=1_000.0)
    page = told(town)
    assert page.title == "p95 duration at 8.95 s, allowed 2 s on shop"
    assert [(one.value, one.calls, one.failures, one.usual_rate) for one in page.contributors] == [
        ("a", 50, 50, 0.0)
    ]
    assert {(one.outcome, one.detail) for one in page.examples} == {("duration", "9 s")}


def test_of_costs_it_is_told_who_spends_more_by_sums(engine: sa.Engine) -> None:
    town = Town(engine, threshold(metric="output_tokens", above=100.0))
    for ago in (DAY, timedelta()):
        town.calls(50, ago=ago, route="a", usage=Usage(output_tokens=10 if ago else 1_000))
        town.calls(50, ago=ago, route="b", usage=Usage(output_tokens=10))
    page = told(town)
    [one] = page.contributors
    assert (one.value, one.failures, one.rate, one.usual_rate) == ("a", None, 1_000.0, 10.0)
    assert one.excess == pytest.approx(49_500)
    assert one.by_rate == pytest.approx(495)
    assert "route a: over 50 calls (1,000 tokens, usually 10 tokens), 49,500 tokens more than usual" in plain(
        page
    )


def test_a_rule_on_rate_limits_fires_on_those_and_not_on_timeouts(engine: sa.Engine) -> None:
    town = Town(engine, threshold(metric="errors.rate_limit", by=("service",)))
    for service, category in (("shop", ErrorCategory.RATE_LIMIT), ("desk", ErrorCategory.TIMEOUT)):
        error = CallError(f"{category}!", category)
        town.calls(50, service=service, route="a")
        town.calls(50, service=service, route="b", status=Status.ERROR, error=error)
    town.calls(1, service="shop", route="b", status=Status.ERROR, error=error)
    page = told(town)
    assert town.states() == {"shop": "firing"}
    assert page.title.startswith("errors rate_limit")
    assert {(one.outcome, one.detail) for one in page.examples} == {("rate_limit", "rate_limit!")}
    assert [(one.dimension, one.value, one.failures) for one in page.contributors] == [("route", "b", 50)]


def test_dead_letters_are_told_by_reason(engine: sa.Engine) -> None:
    town = Town(engine, threshold(metric="dead_letters", above=0.05))
    town.calls(90)
    bury(engine, 10, town.at)
    page = told(town)
    assert [(one.outcome, one.calls) for one in page.failure_classes] == [("not_json", 10)]
    assert page.contributors == ()


def test_missing_calls_are_told_with_what_was_deployed(engine: sa.Engine) -> None:
    rule = AbsenceRule(alert="Gone", absent="calls", by=("service",), minimum_calls=1, runbook_url="x")
    town = Town(engine, rule)
    for day in range(1, 8):
        town.calls(100, ago=day * DAY)
    town.calls(1, ago=timedelta(hours=2))
    add(engine, Deploy(at=town.at - 5 * MINUTE, service="shop", version="v9"))
    page = told(town)
    assert page.title == "no calls on shop"
    assert [one.version for one in page.deploys] == ["v9"]


def test_an_end_says_how_long_it_was_how_bad_and_how_many_calls_failed(engine: sa.Engine) -> None:
    town = Town(engine, regression(window="1m"))
    town.calls(490, 10, ago=BEFORE)
    for bad in (40, 80, 40):
        town.calls(100 - bad, bad)
        town.evaluate()
    town.calls(100)
    page = told(town)
    assert page.kind == "resolve"
    assert page.ended is not None
    assert (page.ended.lasted_s, page.ended.peak, page.ended.calls_affected) == (240.0, 0.8, 160)
    assert "Lasted 4 min, at its worst 80.0 %, 160 calls affected." in plain(page)


def test_of_many_that_fire_at_once_the_first_are_proven(engine: sa.Engine) -> None:
    # Of one rule they would be one episode: a storm.
    town = Town(engine, *(threshold(alert=f"Broken{n}") for n in range(12)))
    town.calls(10, 20)
    town.evaluate()
    shown = [len(page.examples) for page in pages(town)]
    assert sorted(shown) == [0] * 2 + [5] * 10
    assert all(page.window is not None for page in pages(town))


def test_values_that_are_empty_or_hostile_are_said_as_they_are(engine: sa.Engine) -> None:
    odd = "'; DROP TABLE calls; --\n<script>"
    town = Town(engine, threshold())
    town.calls(100, 0, route="b")
    town.calls(0, 50, route=odd)
    town.calls(0, 50, route="")
    page = told(town)
    assert {one.value for one in page.contributors} == {odd, ""}
    assert "route (none): " in plain(page)
    assert "route '; DROP TABLE calls; -- <script>: " in plain(page)
