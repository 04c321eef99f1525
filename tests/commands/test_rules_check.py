"""``llm-monitor rules check``."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.clock import SystemClock
from monitor.records import JsonOutcome, ScoredCall
from monitor.store import Batch, PostgresStore
from monitor.store.rollups import recompute_dirty
from tests.commands.conftest import Run
from tests.examples import call, scores

pytestmark = pytest.mark.one_postgres

RULES = """\
groups:
  - name: shop
    rules:
      - alert: Broken
        kind: regression
        metric: json.failed
        by: [service]
        page: {}
        ticket: {}
        runbook_url: https://example.com/broken
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def said(run: Run, *arguments: str) -> list[dict[str, Any]]:
    done = run("rules", "check", "--json", *arguments)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_each_lane_of_a_rule_is_said_with_what_it_could_see(llm_monitor: Run, file: Path) -> None:
    page, ticket = said(llm_monitor, str(file), "--calls-per-minute", "200", "--rate", "0.02")
    assert (page["severity"], ticket["severity"]) == ("page", "ticket")
    assert page["false_alarms_a_week"] == 0.1
    assert page["against"] == "this time of day"
    rise = page["traffic"]["median"]["smallest_rise"]
    assert 1.25 <= rise["in_a_day"] < rise["in_an_hour"] < 2
    assert page["warnings"] == []


def test_a_table_warns_of_what_would_say_nothing(llm_monitor: Run, file: Path) -> None:
    done = llm_monitor("rules", "check", str(file), "--calls-per-minute", "0.5")
    assert done.exit_code == 0
    assert "Broken (page)" in done.stdout
    assert "warning: Broken (ticket): it sees 30 calls where it needs 50: it would say nothing" in done.stdout
    assert "good: 2 rules, each of one severity" in done.stdout


def test_files_alone_need_neither_a_configuration_nor_traffic(
    llm_monitor: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLM_MONITOR_DATABASE__URL")
    assert [one["traffic"] for one in said(llm_monitor, str(file))] == [{}, {}]


def test_a_rule_that_can_not_work_is_refused_with_its_line(llm_monitor: Run, file: Path) -> None:
    file.write_text(RULES.replace("json.failed", "json.faild"))
    done = llm_monitor("rules", "check", str(file))
    assert done.exit_code == 1
    assert "rules.yaml:6: alert 'Broken': unknown metric 'json.faild'" in str(done.exception)


def test_traffic_is_that_of_the_last_day(llm_monitor: Run, engine: sa.Engine) -> None:
    now = SystemClock().now() - timedelta(minutes=5)
    good, bad = scores(json=JsonOutcome.OK), scores(json=JsonOutcome.TRUNCATED)
    calls = [
        ScoredCall(call(f"c{n}", now, service="shop" if n < 90 else "cart"), bad if n < 9 else good)
        for n in range(100)
    ]
    PostgresStore(engine).save(Batch(tuple(calls), (), {}))
    while recompute_dirty(engine):
        pass
    (broken, *_) = [one for one in said(llm_monitor) if one["alert"] == "JsonBroken"]
    assert broken["label_sets"] == 2
    busiest, smallest = broken["traffic"]["median"], broken["traffic"]["smallest"]
    assert (busiest["calls_per_minute"], busiest["rate"]) == (90 / 1440, 0.1)
    assert (smallest["calls_per_minute"], smallest["rate"]) == (10 / 1440, 0)
    assert broken["warnings"][0].startswith("the median of its 2 label sets: it sees 4 calls")


def test_a_database_that_is_away_leaves_the_words(llm_monitor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_MONITOR_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    done = llm_monitor("rules", "check")
    assert done.exit_code == 0
    assert "without traffic, give --calls-per-minute: " in done.stderr
    assert "IngestStalled (page)" in done.stdout


def test_a_value_of_a_rule_is_no_markup(llm_monitor: Run, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "groups:\n  - name: a\n    rules:\n      - {alert: A, kind: threshold, metric: errors, above: 0.1,"
        " where: {route: '[/v1]'}, runbook_url: x}\n"
    )
    done = llm_monitor("rules", "check", str(path))
    assert done.exit_code == 0
    assert "[/v1]" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--calls-per-minute", "1e300"], ["--calls-per-minute", "nan"], ["--rate", "nan"]],
    ids=" ".join,
)
def test_traffic_that_nobody_has_is_refused(llm_monitor: Run, arguments: list[str]) -> None:
    assert llm_monitor("rules", "check", "alerts", *arguments).exit_code == 2


def test_an_inhibition_of_alerts_that_no_rule_of_the_files_has_is_said(
    llm_monitor: Run, tmp_path: Path
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("inhibit:\n  - {source: [alertname=Nope], target: [alertname=AlsoNope]}\n")
    done = llm_monitor("rules", "check", str(path))
    assert "an inhibition mutes nothing: source: no rule has such alerts" in done.stderr
