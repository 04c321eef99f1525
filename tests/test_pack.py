"""The rules that ship: each says what to do, fires on what it is for, and is still where all is well."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from monitor.history import DAY, HOUR, MINUTE, History
from monitor.records import DIMENSIONS
from monitor.resources import folder
from monitor.rules import Rule, load_rules
from monitor.rules.histogram import bucket_of
from monitor.rules.inhibit import inhibited
from monitor.rules.matchers import alert_labels
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule, Baseline, RegressionRule, watches_itself
from monitor.rules.states import Standing, State, Verdict, follow
from monitor.simulation import Simulation
from monitor.store.counters import Histograms, Ints, Of, Series, Table
from monitor.store.tables import COUNTED

ROOT = Path(__file__).resolve().parents[1]
PACK = load_rules([folder("alerts")], channels=())
COUNTS = [rule for rule in PACK.rules if not watches_itself(rule)]

#: Told from a text or from names, not from a promise that was broken.
HEURISTIC = re.compile(r"(grounding|instructions|fallback|judge)\.|.*\.risky")

CALLS = 200.0
USUAL = 0.02

#: What a rate becomes, where it is not that nearly a third fails; the first is what the article claims.
BECOMES = {
    "ErrorsUp15": 0.024,
    "ErrorsUp15Soon": 0.03,
    "ErrorsUp15Points": 0.2,
    "ProviderDown": 0.9,
    "JsonMostlyBroken": 0.9,
    "JsonUnjudged": 0.9,
    "ToolCallsUnjudged": 0.9,
    "JsonDrifts": 0.024,
}

#: When it gets worse: a Thursday, after three days of all well.
WORSE_AT = datetime(2026, 1, 8, 10, tzinfo=UTC)
BEGIN = WORSE_AT - 4 * DAY

DAY_S = 86_400
MEASURED: tuple[Of, ...] = ("duration", "ttft")
VERSIONS = {"prompt_version": ("v1", "v2"), "model_served": ("m-1", "m-2")}


def test_they_cover_what_the_monitor_measures() -> None:
    metrics = {rule.metric for rule in PACK.rules if not isinstance(rule, AbsenceRule)}
    assert metrics >= {"errors", "requests.failed", "duration", "ttft", "cost_of_requests", "dead_letters"}
    assert {name.split(".")[0] for name in metrics} >= {
        "json", "tools", "grounding", "fallback", "instructions", "uncaptured",
    }  # fmt: skip
    absent = {rule.absent for rule in PACK.rules if isinstance(rule, AbsenceRule)}
    assert absent == {"calls", "content", "watermark", "delivery"}


def test_the_files_keep_to_plain_yaml() -> None:
    for path in sorted(folder("alerts").glob("*.yaml")):
        if not path.name.endswith(".test.yaml"):
            assert {*yaml.safe_load(path.read_text())} <= {"groups", "inhibit"}


@pytest.mark.parametrize("rule", PACK.rules, ids=lambda rule: rule.key)
def test_each_says_what_it_means_and_has_a_section_in_the_runbook(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{40,140}\.", rule.summary)
    path, anchor = rule.runbook_url.split("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert (path, anchor) == ("docs/runbook.md", rule.alert.lower())
    assert headings.count(rule.alert) == 1


def test_the_table_of_the_pack_has_each_with_its_lanes() -> None:
    text = (ROOT / "alerts" / "README.md").read_text()
    listed = re.findall(r"^\| \*\*(\w+)\*\* \| ([a-z, ]+) \|", text, re.MULTILINE)
    lanes: dict[str, list[str]] = {}
    for rule in PACK.rules:
        lanes.setdefault(rule.alert, []).append(rule.severity)
    assert dict(listed) == {alert: ", ".join(severities) for alert, severities in lanes.items()}
    assert len(listed) == len(lanes)


@pytest.mark.parametrize("rule", PACK.rules, ids=lambda rule: rule.key)
def test_nothing_pages_on_a_heuristic_and_nothing_flaps(rule: Rule) -> None:
    assert not rule.channels
    assert rule.keeps_firing_for >= timedelta(minutes=10)
    if rule.severity == "page" and not isinstance(rule, AbsenceRule):
        assert rule.minimum_calls >= 50
        assert not HEURISTIC.match(rule.metric)
        if isinstance(rule, RegressionRule):
            assert (rule.evidence, rule.false_alarms) == ("cusum", 0.1)


@pytest.mark.parametrize("rule", COUNTS, ids=lambda rule: rule.key)
def test_each_fires_when_it_gets_worse_and_not_before(rule: Rule) -> None:
    over_a_day = isinstance(rule, RegressionRule) and rule.evidence == "days"
    # A day is judged when it is over; what gathers evidence has done so in an hour and a half.
    until = WORSE_AT + (25 * HOUR if over_a_day else 90 * MINUTE)
    simulation = Simulation([rule], history(rule, until))
    before = [one for _, moved in simulation.run(WORSE_AT - 10 * MINUTE, WORSE_AT) for one in moved]
    assert not [one for one in before if one.state != "resolved"]
    after = simulation.run(until - 90 * MINUTE, until)
    fired = next(found for _, moved in after if (found := [one.labels for one in moved if one.fired]))
    assert [{*labels} for labels in fired] == [
        {*rule.by} | {name for name in VERSIONS if compares(rule, name)}
    ]
    assert all(
        labels[name] == worse for labels in fired for name, (_, worse) in VERSIONS.items() if name in labels
    )


def test_a_log_that_is_not_read_pages_after_its_time_and_one_that_is_does_not() -> None:
    (rule,) = [one for one in PACK.rules if one.alert == "IngestStalled"]
    standing = Standing()
    for minute in range(11):
        assert not standing.open
        standing = follow(standing, Verdict.BREACH, rule, minute).standing
    assert standing.state is State.FIRING
    assert follow(Standing(), Verdict.CLEAR, rule, 0).standing.state is State.NORMAL


def test_a_provider_that_is_down_mutes_its_own_calls_and_the_tickets_of_its_environment() -> None:
    firing = {
        "down": said("ProviderDown", "page", environment="prod", provider="a"),
        "its": said("CallErrors", "page", environment="prod", provider="a", service="shop"),
        "other": said("CallErrors", "page", environment="prod", provider="b", service="shop"),
        "elsewhere": said("CallErrors", "page", environment="test", provider="a", service="shop"),
        "ticket": said("FallbacksUp", "ticket", environment="prod", service="shop"),
        "page": said("RequestsFail", "page", environment="prod", service="shop"),
        "json": said("JsonBroken", "ticket", environment="prod", service="shop"),
    }
    assert inhibited(firing, PACK.inhibitions) == {"its": "down", "ticket": "down"}


def test_no_ticket_mutes_a_page() -> None:
    pages = {rule.alert for rule in PACK.rules if rule.severity == "page"}
    tickets = {rule.alert for rule in PACK.rules if rule.severity == "ticket"}
    firing = {f"ticket {name}": said(name, "ticket") for name in tickets}
    for name in pages:
        assert name not in inhibited({**firing, name: said(name, "page")}, PACK.inhibitions)


def said(alert: str, severity: str, **labels: str) -> dict[str, str]:
    return alert_labels(labels, alertname=alert, severity=severity, metric="")


def compares(rule: Rule, dimension: str) -> bool:
    baseline = getattr(rule, "baseline", None)
    return isinstance(baseline, Baseline) and baseline.version == dimension


def history(rule: Rule, stop: datetime) -> History:
    """Two series of some days, of which the second gets worse at ``WORSE_AT``, as this rule sees it.

    A rule over a dimension sees as many of both as it takes to tell its values from chance.
    """
    series = Series()
    over = getattr(rule, "over", "")
    pairs = 10 if over else 1
    for number in [1, 2] * pairs:
        values = {name: f"a {name}" for name in DIMENSIONS}
        values |= {over: f"{len(series.ids)}"} if over else {}
        # A rule that does not compare versions sees both series as one, and it gets worse as a whole.
        values |= {name: pair[number - 1] for name, pair in VERSIONS.items() if compares(rule, name)}
        series.add(len(series.ids) + 1, [values[name] for name in DIMENSIONS])
    minutes = np.arange(int(BEGIN.timestamp()), int(stop.timestamp()), 60)
    if stop < WORSE_AT + DAY:
        minutes = minutes[abs((minutes - int(stop.timestamp())) % DAY_S - DAY_S / 2) > DAY_S / 2 - 5 * 3600]
    worse = minutes >= int(WORSE_AT.timestamp())
    alone = any(compares(rule, name) for name in VERSIONS)
    columns = ("calls", *COUNTED)
    rows = [
        np.array([counted(rule, columns, bad=False), counted(rule, columns, bad=True)])[which.astype(int)]
        for which in (worse & (not alone), worse)
    ]
    whose = np.repeat(np.arange(2 * pairs) + 1, len(minutes))
    table = Table(columns, whose, np.tile(minutes, 2 * pairs), np.concatenate(rows * pairs))
    some = table.values.any(axis=1)
    return History(
        series,
        Table(columns, table.series_id[some], table.bucket[some], table.values[some]),
        histograms={of: taken(minutes, worse) for of in MEASURED if of == getattr(rule, "metric", "")},
        letters=(minutes, np.where(worse, 200, 4) if rule.alert == "DeadLetters" else np.zeros_like(minutes)),
    )


def counted(rule: Rule, columns: tuple[str, ...], *, bad: bool) -> list[float]:
    """The counters of one minute of one series."""
    if isinstance(rule, AbsenceRule):
        gone = {"calls": {}, "content": {"calls": CALLS, "uncaptured_output": CALLS}}[rule.absent]
        return [(gone if bad else {"calls": CALLS}).get(name, 0.0) for name in columns]
    metric = METRICS[rule.metric]
    total, counts = (
        {"calls": CALLS, "duration_sum_ms": CALLS * 1_200},
        [name for name in metric.denominator if name not in metric.numerator],
    )
    if metric.is_rate:
        failing = CALLS * (BECOMES.get(rule.alert, 0.3) if bad else USUAL)
        among = any(name in metric.denominator for name in metric.numerator)
        total |= {counts[0]: CALLS - failing if among else CALLS, metric.numerator[0]: failing}
    else:
        total |= dict.fromkeys(counts, CALLS) | {metric.numerator[0]: CALLS * (1.5 if bad else 1.0)}
    return [total.get(name, 0.0) for name in columns]


def taken(minutes: Ints, worse: NDArray[np.bool_]) -> Histograms:
    """Twenty times from half a second to one and a half, later twice as long."""
    usual = np.array([bucket_of(500 + 50 * n) for n in range(20)])
    twice = bucket_of(2.0) - bucket_of(1.0)
    buckets = usual[None, :] + twice * worse[:, None]
    times = np.repeat(minutes, len(usual))
    return Histograms(np.full(len(times), 1), times, buckets.ravel(), np.full(len(times), 10))
