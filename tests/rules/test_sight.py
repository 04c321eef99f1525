"""What is said of a rule before it runs: its words, its budget, and what it could see."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.rules import Rule
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    Margin,
    RegressionRule,
    ThresholdRule,
)
from monitor.rules.sight import Effect, Traffic, against, budget, effect, warnings, watches


def made(kind: type[Any], **settings: Any) -> Any:
    values = {"alert": "A", "runbook_url": "x", "by": ("service",)}
    return kind(**{**({} if kind is AbsenceRule else {"metric": "errors"}), **values, **settings})


def approx(ratio: float) -> Any:
    return pytest.approx(ratio, rel=0.05)


def regression(**settings: Any) -> RegressionRule:
    rule: RegressionRule = made(RegressionRule, **settings)
    return rule


WORDS = {
    "regression": (regression(), "share of calls: errors, higher by 25% and 0.5 points, by service"),
    "percentile": (
        regression(metric="duration", severity="ticket"),
        "p95 of duration, higher by 10% and 0.2 points more calls beyond it, by service",
    ),
    "buckets": (
        regression(statistic="bucket_p95", margin=Margin(relative=2, absolute=0.1)),
        "bucket_p95 of errors, higher by 200% and 10 points more buckets beyond it, by service",
    ),
    "groups": (
        regression(statistic="group_p95", over="route", margin=Margin(relative=1, absolute=0.05)),
        "group_p95 of errors, higher by 100% and 5 points more quarter hours of a route beyond it,"
        " by service",
    ),
    "under load": (
        regression(statistic="rate_at_load"),
        "rate_at_load of errors, higher by 25% and 0.5 points, by service",
    ),
    "mean": (
        regression(metric="cost", evidence="days", where={"route": ("a", "b")}),
        "mean of cost, higher by 25% and 0.005 USD, by service, route a or b",
    ),
    "threshold": (
        made(ThresholdRule, metric="duration", above=3000.0, by=()),
        "p95 of duration, above 3000 ms over 5m, over everything",
    ),
    "below": (made(ThresholdRule, below=0.0), "share of calls: errors, below 0 over 5m, by service"),
    "burn rate": (
        made(BurnRateRule, objective=0.99),
        "share of calls: errors, above 14.40% over 1 h or above 6.00% over 6 h, by service",
    ),
    "blip": (made(BlipRule), "share of calls: errors, 2 of 3 minutes at 3 times, by service"),
    "no calls": (made(AbsenceRule, absent="calls"), "that calls come within 10m, by service"),
    "watermark": (made(AbsenceRule, absent="watermark", by=()), "that the log is read"),
}


@pytest.mark.parametrize(("rule", "words"), WORDS.values(), ids=WORDS)
def test_what_a_rule_watches_is_said_in_words(rule: Rule, words: str) -> None:
    assert watches(rule) == words


AGAINST = {
    "seasonal": (regression(), "this time of day"),
    "weekly": (regression(baseline="weekly"), "this time of day, weekdays known"),
    "days": (regression(evidence="days"), "the same hours of the days before"),
    "buckets": (
        regression(statistic="bucket_p95"),
        "the minutes of this hour on the last 7 days, traffic that moved included",
    ),
    "previous": (regression(baseline=Baseline(previous="24h")), "the 24h before the window"),
    "offset": (regression(baseline=Baseline(offset="7d")), "the same window 7d ago"),
    "median": (regression(baseline=Baseline(rolling_median="7d")), "the median of 7d at this time of day"),
    "fixed": (regression(baseline=Baseline(fixed=0.02)), "a rate of 0.02, traffic that moved included"),
    "version": (
        regression(baseline=Baseline(version="prompt_version")),
        "the other prompt_versions at the same time, traffic that moved included",
    ),
    "blip": (made(BlipRule), "this time of day"),
    "limit": (made(ThresholdRule, above=0.1), ""),
    "watermark": (made(AbsenceRule, absent="watermark"), ""),
}


@pytest.mark.parametrize(("rule", "words"), AGAINST.values(), ids=AGAINST)
def test_what_it_compares_with_is_said_in_words(rule: Rule, words: str) -> None:
    assert against(rule) == words


def test_a_budget_is_what_was_asked_for_or_the_sum_of_the_chances() -> None:
    assert budget(regression(false_alarms=0.5)) == 0.5
    assert budget(regression(evidence="fisher", significance=1e-5)) == pytest.approx(0.1008)
    assert budget(regression(evidence="days")) == pytest.approx(0.039, abs=0.001)
    assert budget(regression(metric="cost", evidence="days")) is None
    assert budget(made(ThresholdRule, above=0.1)) is None


def test_more_traffic_and_more_time_show_smaller_rises() -> None:
    few, many = (effect(regression(), Traffic(calls, 0.02)) for calls in (20.0, 2000.0))
    assert (few, many) == (Effect(approx(2.07), approx(1.35)), Effect(approx(1.42), approx(1.4)))


def test_a_rise_is_never_told_below_its_margins() -> None:
    wide = regression(margin=Margin(relative=3.0, absolute=0.2))
    found = effect(wide, Traffic(2000.0, 0.02))
    assert found == Effect(approx(11.0), approx(11.0))


def test_what_never_failed_is_looked_at_as_it_is_judged() -> None:
    assert effect(regression(), Traffic(200.0, 0.0)) == effect(regression(), Traffic(200.0, 0.005))


def test_a_day_tells_no_rise_within_an_hour_and_a_window_that_is_tested_does() -> None:
    day = effect(regression(evidence="days", severity="ticket"), Traffic(200.0, 0.02))
    assert day == Effect(None, approx(1.1))
    tested = regression(evidence="fisher", baseline=Baseline(previous="24h"), window="5m")
    found = effect(tested, Traffic(200.0, 0.02))
    assert found == Effect(approx(1.95), approx(1.95))


def test_of_buckets_the_rise_of_the_rate_is_said_that_makes_enough_of_them_high() -> None:
    rule = regression(
        statistic="bucket_p95", severity="ticket", margin=Margin(relative=2, absolute=0.1), minimum_calls=50
    )
    assert effect(rule, Traffic(200.0, 0.02)) == Effect(approx(2.0), approx(1.32))
    assert effect(rule, Traffic(2000.0, 0.02)) == Effect(approx(1.32), approx(1.32))
    assert effect(rule, Traffic(0.1, 0.02)) == Effect(None, None)
    assert warnings(rule, Traffic(5.0, 0.02)) == [
        "its window has 1.2 buckets where it needs 3: make it longer"
    ]


def test_under_load_only_a_twentieth_of_the_minutes_can_be_counted_on() -> None:
    rule = regression(statistic="rate_at_load")
    assert effect(rule, Traffic(2000.0, 0.02)) == effect(regression(), Traffic(100.0, 0.02))


@pytest.mark.parametrize(
    "rule",
    [
        made(ThresholdRule, above=0.1),
        made(AbsenceRule, absent="calls"),
        regression(metric="cost", evidence="days"),
        regression(statistic="group_p95", over="route"),
    ],
    ids=["limit", "absence", "mean", "groups"],
)
def test_of_limits_absence_means_and_groups_nothing_is_said_beforehand(rule: Rule) -> None:
    assert effect(rule, Traffic(200.0, 0.02)) is None


def test_a_rule_that_can_say_nothing_at_its_traffic_is_warned_of() -> None:
    assert warnings(regression(), Traffic(200.0, 0.02)) == []
    assert warnings(regression(), Traffic(0.5, 0.02)) == [
        "it sees 30 calls where it needs 50: it would say nothing",
    ]
    assert "no rise, however large, is told within a day at this traffic" in warnings(
        regression(), Traffic(200.0, 0.9)
    )
    assert warnings(made(BlipRule), Traffic(10.0, 0.02))
    assert warnings(made(AbsenceRule, absent="watermark", by=()), Traffic(0.1, 0.0)) == []
