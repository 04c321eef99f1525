"""What pages show of an incident that the evaluator decided on, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from monitor.rules.model import (
    AbsenceRule,
    Baseline,
    BlipRule,
    BurnRateRule,
    RegressionRule,
    Rule,
    ThresholdRule,
)
from monitor.showing import Showing
from monitor.showing.course import MOST, span_of
from monitor.store import connect
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.tables import alert_events, alerts, outbox
from monitor.web.values import AlertDetail, Filter, NewSilence
from tests.incident import END, GAP, MINUTE, ONSET, broken_json, happen
from tests.store.helpers import evaluated
from tests.town import Town
from tests.web.desk import AtNow

HOUR = timedelta(hours=1)


def desk_at(engine: sa.Engine, at: datetime, *rules: Rule) -> Showing:
    clock = AtNow()
    clock.at = at
    return Showing(engine, rules or [broken_json()], ["calls"], clock, "https://g.example.com/d/1")


def shown(desk: Showing, alert_id: int = 1) -> AlertDetail:
    found = desk.alert(alert_id)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def told(module_database: str) -> Iterator[Town]:
    """An incident that nobody changes."""
    engine = connect(module_database)
    yield happen(engine)
    engine.dispose()


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    engine = connect(database)
    yield engine
    engine.dispose()


@pytest.fixture
def town(engine: sa.Engine) -> Town:
    return happen(engine)


def test_the_page_shows_the_evidence_that_the_alert_fired_on(told: Town) -> None:
    [row] = told.rows(alerts)
    found = shown(desk_at(told.engine, told.at))
    assert found.gathered is not None
    minute = (row.fired_at - found.gathered.start) // MINUTE - 1
    fired_on = {one.lane: (one.scores[minute], one.threshold) for one in found.gathered.lanes}
    assert fired_on == {lane: tuple(numbers) for lane, numbers in row.evidence["evidence"].items()}


def test_the_picture_has_the_rise_the_baseline_and_the_gap(told: Town) -> None:
    found = shown(desk_at(told.engine, told.at)).course
    assert found is not None
    points = {one.at: one for one in found.points}
    assert (found.start, found.end, found.step_s) == (ONSET - HOUR, told.at, 60)
    assert (points[GAP].value, points[GAP].calls, points[GAP].low) == (None, 0, None)
    before = [one.value or 0.0 for at, one in points.items() if at < ONSET and at != GAP]
    after = [one.value or 0.0 for at, one in points.items() if at >= ONSET]
    assert max(before) < min(after)
    assert all(one.usual == pytest.approx(0.02, abs=0.003) for one in points.values())
    inside = [(one.low or 0.0) <= (one.value or 0.0) <= (one.high or 0.0) for one in points.values()]
    assert sum(inside[: len(before)]) / len(before) > 0.85


def test_an_alert_says_what_proves_it_and_what_became_of_it(told: Town) -> None:
    found = shown(desk_at(told.engine, told.at))
    assert found.title.startswith("json failed up ×")
    assert found.onset_at == ONSET
    assert found.proof.contributors[0].value == "v8"
    assert [one.outcome for one in found.proof.examples] == ["schema_violation"] * 5
    assert found.proof.examples[0].detail == "at /items/0/price: a string, not a number"
    assert [one.version for one in found.proof.deploys] == ["v8"]
    assert [one.to_state for one in found.events] == ["firing"]
    assert sorted(one.channel for one in found.deliveries) == ["log", "oncall"]
    assert {one.state for one in found.deliveries} == {"waiting"}
    assert found.matchers == ('alertname="JsonBroken"', 'service="checkout"', 'environment="production"')
    assert list(found.labels) == ["service", "environment"]
    assert (found.proof.links.dashboard or "").startswith("https://g.example.com/d/1?from=")


def test_an_alert_that_is_over_says_how_long_and_how_bad(engine: sa.Engine) -> None:
    town = happen(engine, until=END + 90 * MINUTE)
    [row] = town.rows(alerts)
    found = shown(desk_at(engine, town.at))
    assert found.state == "resolved"
    assert found.title.startswith("json failed up ×"), "what it was about, not that it is over"
    told = town.rows(outbox)[-1].payload["ended"]
    assert msgspec.to_builtins(found.proof.ended) == told, "as it was told"
    assert told["calls_affected"] > 500
    with engine.begin() as connection:
        connection.execute(sa.delete(outbox))
    ended = shown(desk_at(engine, town.at)).proof.ended
    assert ended is not None
    assert ended.lasted_s == (row.resolved_at - row.fired_at).total_seconds()
    assert 0.1 < (ended.peak or 0.0) < 0.5, "read off the picture"


def test_of_a_rule_that_is_gone_there_is_no_picture(told: Town) -> None:
    found = shown(desk_at(told.engine, told.at, broken_json(alert="Another")))
    assert (found.course, found.gathered) == (None, None)
    assert found.proof.metric == "JsonBroken"
    assert found.proof.examples


def test_an_alert_that_is_not_there_is_none(engine: sa.Engine) -> None:
    assert desk_at(engine, ONSET).alert(1) is None


RULES: dict[str, Rule] = {
    "threshold": ThresholdRule(alert="A", metric="json.failed", by=("service",), above=0.1, runbook_url="x"),
    "percentile": ThresholdRule(alert="A", metric="duration", by=("service",), above=100.0, runbook_url="x"),
    "burn rate": BurnRateRule(
        alert="A", metric="json.failed", by=("service",), objective=0.9, runbook_url="x"
    ),
    "blip": BlipRule(alert="A", metric="json.failed", by=("service",), runbook_url="x"),
    "calls": AbsenceRule(alert="A", absent="calls", by=("service",), runbook_url="x"),
    "content": AbsenceRule(alert="A", absent="content", by=("service",), runbook_url="x"),
    "letters": ThresholdRule(alert="A", metric="dead_letters", above=0.1, runbook_url="x"),
    "share": ThresholdRule(
        alert="A", metric="share", of={"prompt_version": "v8"}, by=("service",), above=0.1, runbook_url="x"
    ),
    **{
        name: RegressionRule(
            **{"alert": "A", "metric": "json.failed", "by": ("service",), "runbook_url": "x", **more}
        )
        for name, more in dict[str, dict[str, Any]](
            previous={"baseline": Baseline(previous="1h")},
            offset={"baseline": Baseline(offset="2h"), "window": "30m"},
            median={"baseline": Baseline(rolling_median="7d")},
            fixed={"baseline": Baseline(fixed=0.02)},
            version={"baseline": Baseline(version="prompt_version")},
            days={"evidence": "days"},
            mean={"metric": "duration", "statistic": "mean"},
            bucket_p95={"statistic": "bucket_p95"},
            rate_at_load={"statistic": "rate_at_load"},
        ).items()
    },
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_every_kind_of_rule_has_a_picture(told: Town, name: str) -> None:
    rule, engine = RULES[name], told.engine
    labels = {"service": "checkout", "prompt_version": "v8"} if name == "version" else {"service": "checkout"}
    change = AlertChange(
        rule="A", labels=labels if rule.by else {}, severity=rule.severity, state="firing", before=None,
        standing="firing", at=ONSET + 10 * MINUTE, onset_at=ONSET, evidence={},
    )  # fmt: skip
    Alerts(engine).commit(evaluated(change), ONSET)
    with engine.begin() as connection:
        newest = connection.execute(sa.select(sa.func.max(alerts.c.alert_id))).scalar_one()
    found = shown(desk_at(engine, ONSET + 20 * MINUTE, rule), newest).course
    with engine.begin() as connection:
        connection.execute(sa.delete(alert_events).where(alert_events.c.alert_id == newest))
        connection.execute(sa.delete(alerts).where(alerts.c.alert_id == newest))
    assert found is not None
    values = [one.value for one in found.points]
    if name in ("percentile", "mean"):
        assert set(values) == {None}, "no duration was measured"
        return
    usual = [one.usual for one in found.points if one.usual is not None]
    if name == "version":
        assert max(value or 0.0 for value in values) > 0.3
        assert max(usual) < 0.1, "what the other version does"
    elif name in ("previous", "offset", "median", "fixed", "days", "blip"):
        assert usual[0] == pytest.approx(0.02, abs=0.008)
    elif name == "calls":
        assert found.unit == "calls"
        assert usual[0] == pytest.approx(180, rel=0.1)
    assert any(value is not None for value in values)


@pytest.mark.parametrize(
    ("length", "step"),
    [(1, 1), (230, 1), (241, 5), (1_200, 15), (6 * 1_440, 60), (30 * 1_440, 240)],
    ids=str,
)
def test_a_longer_span_has_longer_steps(length: int, step: int) -> None:
    span = span_of(ONSET + timedelta(seconds=30), ONSET + length * MINUTE)
    assert span.step == step * MINUTE
    assert (span.stop - span.start) / span.step <= MOST
    assert span.stop >= ONSET + length * MINUTE
    assert span.start.timestamp() % span.step.total_seconds() == 0


def test_the_status_has_every_service_with_its_scores(told: Town) -> None:
    found = desk_at(told.engine, told.at).status()
    assert [one.service for one in found.services] == ["checkout", "search"]
    json = next(one for one in found.services[0].scores if one.name == "json")
    assert json.rate == pytest.approx(0.02, abs=0.01)
    assert len(json.hours) == 24
    assert json.hours[-1] is not None
    assert json.hours[-1] > 0.1
    assert [one.title for one in found.firing] == [shown(desk_at(told.engine, told.at)).title]
    assert (found.more_firing, found.waiting, found.dead_letters, found.lag) == (False, 2, 0, 0)


def test_alerts_are_listed_and_filtered(told: Town) -> None:
    desk = desk_at(told.engine, told.at)
    assert [one.state for one in desk.alerts(Filter()).alerts] == ["firing"]
    assert desk.alerts(Filter()).services == ("checkout",)
    assert [one.alert_id for one in desk.alerts(Filter(text="CHECK")).alerts] == [1]
    assert desk.alerts(Filter(state="resolved")).alerts == ()


def test_an_acknowledgement_is_noted_and_told_to_every_channel(town: Town) -> None:
    desk = desk_at(town.engine, town.at)
    who = desk.acknowledge(1, "ann")
    assert who is not None
    assert (who.by, who.source) == ("ann", "page")
    assert shown(desk).acknowledged == who
    assert [row.kind for row in town.rows(outbox)] == ["trigger", "trigger", "acknowledge", "acknowledge"]
    second = desk.acknowledge(1, "bob")
    assert second is not None
    assert second.by == "ann", "who was first"
    assert desk.acknowledge(99, "bob") is None


def test_a_silence_mutes_the_alert_it_was_made_for(town: Town) -> None:
    desk = desk_at(town.engine, town.at)
    wanted = NewSilence(matchers=shown(desk).matchers, duration="2h", comment="deploying")
    made = desk.silence(wanted, "ann")
    assert [one.silence_id for one in desk.silences()] == [made.silence_id]
    town.evaluate()
    assert shown(desk).muted_by == f"silence {made.silence_id}"
    assert desk.expire(made.silence_id)
    assert not desk.expire(made.silence_id)
    assert desk.silences() == []


@pytest.mark.parametrize(
    ("matchers", "duration"),
    [(("",), "2h"), (("{",), "2h"), (("a=~(",), "2h"), (("service=x",), "32d")],
    ids=str,
)
def test_a_silence_that_makes_no_sense_is_refused(
    engine: sa.Engine, matchers: tuple[str, ...], duration: str
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is tested where matchers are
        desk_at(engine, ONSET).silence(NewSilence(matchers=matchers, duration=duration, comment="x"), "ann")
