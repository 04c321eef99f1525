"""The page of an episode: what an evaluation found in, titles and fields out, for every kind of rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from monitor.notify.page import Ended
from monitor.paging import dashboard_link, page_of
from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    RegressionRule,
    Rule,
    ThresholdRule,
)
from monitor.telling import Alert, Message

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
WHERE = {"service": "checkout"}


def side(failures: int, calls: int) -> dict[str, Any]:
    return {"calls": calls, "failures": failures, "rate": failures / calls}


def rates(window: tuple[int, int], baseline: tuple[int, int] | None = None) -> dict[str, Any]:
    now, before = side(*window), side(*baseline) if baseline else None
    times = now["rate"] / before["rate"] if before and before["rate"] else None
    return {"window": now, "baseline": before, "ratio": times}


def message(rule: Rule | None, found: dict[str, Any], **more: Any) -> Message:
    values: dict[str, Any] = {
        "name": "Bad", "severity": "page", "labels": WHERE, "rule": rule, "state": "firing", "since": AT,
        "reason": "the condition holds", "evidence": found,
    }  # fmt: skip
    lead = Alert(**{**values, **more})
    return Message("Bad/page/service=checkout/1", lead, (lead,), 0, update=False)


def regression(metric: str, **more: Any) -> RegressionRule:
    return RegressionRule(alert="Bad", metric=metric, runbook_url="x", **more)


def threshold(metric: str, **more: Any) -> ThresholdRule:
    return ThresholdRule(alert="Bad", metric=metric, runbook_url="x", **more)


RISEN = rates((42, 1000), (20, 1000))
VALUES = {"window": {"calls": 90}, "baseline": None, "value": 3120.0, "baseline_value": 1560.0}
SHARE = {"model_served": ("gpt-x-mini", "")}


@pytest.mark.parametrize(
    ("rule", "found", "expected"),
    [
        (regression("json.schema_violation"), RISEN, "json schema_violation up ×2.1 (2.0 % → 4.2 %)"),
        (regression("share", of=SHARE), RISEN, "share of gpt-x-mini or (none) up ×2.1 (2.0 % → 4.2 %)"),
        (regression("duration"), VALUES, "p95 duration up ×2 (1.56 s → 3.12 s)"),
        (
            regression("cost", statistic="mean"),
            {**VALUES, "value": 0.031, "baseline_value": 0.025},
            "mean cost up ×1.2 ($0.025 → $0.031)",
        ),
        (threshold("json.failed", above=0.1), rates((42, 100)), "json failed at 42.0 %, allowed 10.0 %"),
        (
            threshold("duration", above=2000, statistic="p99"),
            {"window": {"calls": 90}, "baseline": None, "value": 3120.0},
            "p99 duration at 3.12 s, allowed 2 s",
        ),
        (
            threshold("share", below=0.5, of={"route": "fast"}),
            rates((1, 10)),
            "share of fast at 10.0 %, allowed 50.0 % or more",
        ),
        (
            BurnRateRule(alert="Bad", metric="errors", objective=0.99, runbook_url="x"),
            rates((3, 10)),
            "error budget of errors burns ×30 at 30.0 %, allowed 1.0 %",
        ),
        (BlipRule(alert="Bad", metric="errors", runbook_url="x"), RISEN, "errors up ×2.1 (2.0 % → 4.2 %)"),
        (AbsenceRule(alert="Bad", absent="calls", runbook_url="x"), rates((1, 1)), "no calls"),
        (AbsenceRule(alert="Bad", absent="content", runbook_url="x"), rates((9, 9)), "no content"),
        (AbsenceRule(alert="Bad", absent="watermark", runbook_url="x"), {}, "the log is not read"),
        (None, {}, "Bad"),
    ],
    ids=[
        "rate", "share", "percentile", "mean", "threshold", "threshold of a value", "below", "burn rate",
        "blip", "no calls", "no content", "watermark", "no rule",
    ],
)  # fmt: skip
def test_a_title_is_right_for_every_kind_of_rule(
    rule: Rule | None, found: dict[str, Any], expected: str
) -> None:
    assert page_of(message(rule, found), AT).title == f"{expected} on checkout"


@pytest.mark.parametrize(
    ("rule", "found", "expected"),
    [
        (
            regression("json.failed"),
            rates((1, 100), (20, 1000)),
            "resolved: json failed on checkout, now 1.0 %",
        ),
        (regression("duration"), {"value": 1600.0}, "resolved: p95 duration on checkout, now 1.6 s"),
        (AbsenceRule(alert="Bad", absent="calls", runbook_url="x"), {}, "resolved: no calls on checkout"),
        (None, {}, "resolved: Bad on checkout"),
    ],
    ids=["rate", "value", "absence", "no rule"],
)
def test_the_title_of_an_end_says_how_it_is_now(
    rule: Rule | None, found: dict[str, Any], expected: str
) -> None:
    page = page_of(message(rule, found, state="resolved", resolved_at=AT), AT)
    assert (page.kind, page.status, page.title) == ("resolve", "resolved", expected)


def test_an_end_says_how_long_it_was_since_its_onset() -> None:
    found = {"ended": {"peak": 0.5, "calls_affected": 12}}
    since, onset = AT - timedelta(minutes=20), AT - timedelta(minutes=30)
    over = page_of(message(None, found, state="resolved", since=since, onset_at=onset), AT)
    assert over.ended == Ended(lasted_s=1800.0, peak=0.5, calls_affected=12)
    over = page_of(message(None, {}, state="resolved", since=since), AT)
    assert over.ended == Ended(lasted_s=1200.0)
    assert page_of(message(None, found, since=since), AT).ended is None


def test_a_member_of_the_episode_is_told_by_its_labels_state_and_reason() -> None:
    [one] = page_of(message(None, {}), AT).alerts
    assert (one.labels, one.status, one.since, one.reason) == (WHERE, "firing", AT, "the condition holds")


@pytest.mark.parametrize(
    ("update", "state", "expected"),
    [(False, "firing", "trigger"), (True, "firing", "update"), (True, "resolved", "resolve")],
)
def test_a_page_says_what_it_is_to_whoever_hears_it(update: bool, state: str, expected: str) -> None:
    said = message(None, {}, state=state)
    assert page_of(structs.replace(said, update=update), AT).kind == expected


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("seasonal", "this time of day"),
        ("weekly", "this time of the week"),
        (Baseline(previous="1h"), "the 1h before the window"),
        (Baseline(offset="7d"), "the same time 7d earlier"),
        (Baseline(rolling_median="7d"), "the median of this time of day over 7d"),
        (Baseline(version="prompt_version"), "another prompt_version"),
        (Baseline(fixed=0.02), "the value that the rule gives"),
    ],
    ids=["seasonal", "weekly", "previous", "offset", "median", "version", "fixed"],
)
def test_a_baseline_says_what_it_is(baseline: Any, expected: str) -> None:
    page = page_of(message(regression("json.failed", baseline=baseline), RISEN), AT)
    assert page.baseline is not None
    assert expected in page.baseline.of
    assert (page.baseline.calls, page.baseline.failures) == (1000, 20)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (regression("json.failed"), "rate"),
        (regression("duration"), "p95"),
        (BurnRateRule(alert="Bad", metric="errors", objective=0.99, runbook_url="x"), "burn rate"),
        (BlipRule(alert="Bad", metric="errors", runbook_url="x"), "blip"),
        (AbsenceRule(alert="Bad", absent="calls", runbook_url="x"), "absence"),
    ],
    ids=["rate", "percentile", "burn rate", "blip", "absence"],
)
def test_every_page_says_in_a_sentence_what_was_measured(rule: Rule, name: str) -> None:
    statistic = page_of(message(rule, {}), AT).statistic
    assert statistic is not None
    assert statistic.name == name
    assert statistic.meaning.endswith(".")


def test_the_dashboard_is_opened_around_the_onset_and_at_the_labels() -> None:
    onset = AT - timedelta(minutes=10)
    link = dashboard_link("https://g/d/llm?orgId=1", {"service": "a b&c", "route": "r"}, onset, AT)
    start, end = int((onset - timedelta(hours=2)).timestamp()), int((AT + timedelta(minutes=15)).timestamp())
    assert link == f"https://g/d/llm?orgId=1&from={start}000&to={end}000&var-service=a+b%26c"
    assert dashboard_link("", {}, onset, AT) is None
