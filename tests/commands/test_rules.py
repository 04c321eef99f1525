"""``llm-monitor rules test`` and ``rules backtest``."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa

from monitor.store.deploys import Deploy, add
from monitor.store.tables import alert_events, alerts, rule_states
from tests.commands.conftest import Run
from tests.examples import NOON
from tests.test_rule_tests import RULES, TESTS
from tests.town import MINUTE, Town

pytestmark = pytest.mark.one_postgres

WORSE = """\
groups:
  - name: shop
    rules:
      - alert: Worse
        kind: regression
        metric: json.failed
        by: [service]
        baseline: {previous: 1h}
        evidence: fisher
        window: 5m
        minimum_calls: 20
        margin: {relative: 1.0, absolute: 0.02}
        keep_firing_for: 0s
        runbook_url: https://example.com/worse
      - alert: Never
        kind: threshold
        metric: errors
        above: 0.9
        runbook_url: https://example.com/never
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "worse.yaml"
    path.write_text(WORSE)
    return path


@pytest.fixture
def town(engine: sa.Engine) -> Town:
    """A shop that is bad for ten minutes, twenty minutes before noon, after a deploy."""
    town = Town(engine)
    for ago in range(120, 0, -4):
        bad = 40 if 12 < ago <= 20 else 2
        town.calls(100 - bad, bad, ago=ago * MINUTE)
    add(engine, Deploy(at=NOON - 25 * MINUTE, service="shop", version="v8"))
    return town


def test_backtest_says_when_rules_would_have_fired_and_after_which_deploy(
    llm_monitor: Run, town: Town, rules: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "fired.svg"
    arguments = ["--rules", str(rules), "--since", "1h", "--until", NOON.isoformat()]
    done = llm_monitor("rules", "backtest", *arguments, "--json", "--svg", str(picture))
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    (fired,) = found["fired"]
    assert (fired["rule"], fired["severity"], fired["labels"]) == ("Worse", "page", {"service": "shop"})
    assert (
        NOON - 20 * MINUTE
        <= datetime.fromisoformat(fired["start"])
        <= NOON - 15 * MINUTE
        < datetime.fromisoformat(fired["end"])
        <= NOON
    )
    assert fired["deploy"]["version"] == "v8"
    assert [(one["rule"], one["per_week"]) for one in found["rules"]] == [("Worse", 168.0), ("Never", 0.0)]
    drawn = ElementTree.fromstring(picture.read_text())  # noqa: S314 - our own
    titles = [title.text or "" for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert any("service=shop" in title for title in titles)
    assert any("v8" in title for title in titles)
    for table in (alerts, alert_events, rule_states):
        assert town.rows(table) == [], "nothing is stored"


@pytest.mark.parametrize(
    ("since", "until", "says", "fired_before", "ended"),
    [
        (60, 0, "", False, True),
        (16, 0, ", was firing before", True, True),
        (60, 14, ", still firing", False, False),
        (16, 14, ", was firing before, still firing", True, False),
    ],
    ids=["whole", "began-before", "goes-on", "all-the-time"],
)
def test_backtest_shows_what_fires_in_the_span_whenever_it_began(
    llm_monitor: Run,
    town: Town,
    rules: Path,
    since: int,
    until: int,
    says: str,
    fired_before: bool,
    ended: bool,
) -> None:
    stop = NOON - until * MINUTE
    arguments = ["--rules", str(rules), "--since", f"{since - until}m", "--until", stop.isoformat()]
    found = json.loads(llm_monitor("rules", "backtest", *arguments, "--json").stdout)
    (fired,) = found["fired"]
    assert (fired["fired_before"], fired["end"] is not None) == (fired_before, ended)
    assert found["rules"][0]["per_week"] > 0
    shown = " ".join(llm_monitor("rules", "backtest", *arguments).stdout.split())
    assert f"min{says} Worse/page" in shown.replace(" Nothing", "")


def test_what_had_ended_before_the_span_is_not_shown(llm_monitor: Run, town: Town, rules: Path) -> None:
    done = llm_monitor(
        "rules", "backtest", "--rules", str(rules), "--since", "3m", "--until", NOON.isoformat()
    )
    assert "Nothing would have fired." in done.stdout


def test_backtest_is_a_table_for_people(llm_monitor: Run, town: Town, rules: Path) -> None:
    arguments = ["--rules", str(rules), "--since", "1h", "--until", NOON.isoformat()]
    done = llm_monitor("rules", "backtest", *arguments)
    for text in ("Worse/page", "168.0", "service=shop", "shop v8", "Never/page"):
        assert text in done.stdout
    done = llm_monitor("rules", "backtest", *arguments, "--only", "Never")
    assert "Nothing would have fired." in done.stdout


def test_tune_proposes_the_smallest_margin_within_the_budget(
    llm_monitor: Run, town: Town, rules: Path
) -> None:
    arguments = ["--rules", str(rules), "--since", "1h", "--until", NOON.isoformat(), "--tune"]
    done = llm_monitor("rules", "backtest", *arguments)
    assert "Worse (page): no margin of these is within the budget" in done.stdout
    done = llm_monitor("rules", "backtest", *arguments, "--budget", "200")
    assert "Worse (page): margin: {relative: 0.1}" in done.stdout


def test_the_budget_is_for_the_label_sets_there_are_not_for_those_that_fired(
    llm_monitor: Run, town: Town, rules: Path
) -> None:
    for ago in range(120, 0, -4):
        town.calls(98, 2, ago=ago * MINUTE, service="calm")
    arguments = ["--rules", str(rules), "--since", "1h", "--until", NOON.isoformat(), "--tune", "--json"]
    done = llm_monitor("rules", "backtest", *arguments, "--budget", "100")
    (found,) = json.loads(done.stdout)
    assert (found["rule"], found["severity"], found["label_sets"]) == ("Worse", "page", 2)
    assert found["alerts_a_week"]["0.1"] == 168.0
    assert found["proposed"] == 0.1, "168 a week are within 100 of each of two label sets"


def test_margins_of_rules_whose_names_are_like_variants_are_told_apart(
    llm_monitor: Run, town: Town, rules: Path
) -> None:
    other = WORSE.replace("alert: Worse", "alert: Worse at 0.1").replace(
        "minimum_calls: 20", "minimum_calls: 99999"
    )
    two = (
        WORSE.partition("      - alert: Never")[0]
        + other.partition("    rules:\n")[2].partition("      - alert: Never")[0]
    )
    rules.write_text(two)
    arguments = ["--rules", str(rules), "--since", "1h", "--until", NOON.isoformat(), "--tune"]
    done = llm_monitor("rules", "backtest", *arguments)
    assert "Worse (page): no margin of these is within the budget" in done.stdout
    said = "Worse at 0.1 (page): margin: {relative: 0.1}, if every alert of this time was a false one"
    assert said in done.stdout


def test_without_history_no_margin_is_proposed(llm_monitor: Run, engine: sa.Engine, rules: Path) -> None:
    done = llm_monitor("rules", "backtest", "--rules", str(rules), "--since", "1h", "--tune")
    assert done.stdout == "Worse (page): no history\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--since", "0s"], "a minute is the least"),
        (["--since", "99999999999w"], "is more than ten years"),
        (["--until", "0001-01-02"], "more than ten years from now"),
        (["--until", "9999-12-31T23:59:59-14:00"], "out of range"),
        (["--budget", "-1"], "alerts a week, 0 or more"),
        (["--budget", "nan"], "alerts a week, 0 or more"),
        (["--tune", "--svg", "x.svg"], "--tune draws no picture"),
        (["--svg", "/nonexistent/a.svg"], "can't be written: No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_could_not_be_tried_is_refused_before_any_work(
    llm_monitor: Run, rules: Path, arguments: list[str], says: str
) -> None:
    done = llm_monitor("rules", "backtest", "--rules", str(rules), *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize("name", ["shop[/v1]", "[red]shop", "[/]"])
def test_a_label_is_no_markup(llm_monitor: Run, engine: sa.Engine, rules: Path, name: str) -> None:
    town = Town(engine)
    for ago in range(120, 0, -4):
        town.calls(60, 40 if 12 < ago <= 20 else 2, ago=ago * MINUTE, service=name)
    add(engine, Deploy(at=NOON - 25 * MINUTE, service=name, version="[/v8]"))
    done = llm_monitor(
        "rules", "backtest", "--rules", str(rules), "--since", "1h", "--until", NOON.isoformat()
    )
    assert done.exit_code == 0
    for text in (f"service={name}", "[/v8]"):
        assert text in done.stdout


def test_a_rule_that_is_not_there_is_refused(llm_monitor: Run, rules: Path) -> None:
    done = llm_monitor("rules", "backtest", "--rules", str(rules), "--only", "Wrose")
    assert done.exit_code == 2
    assert "no rule is called Wrose" in done.stderr


def test_test_says_what_does_not_hold_and_exits_with_1(llm_monitor: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    good, bad = tmp_path / "good.test.yaml", tmp_path / "bad.test.yaml"
    good.write_text(TESTS + "      - {at: 5m, alert: Broken}\n")
    bad.write_text(TESTS + "      - {at: 16m, alert: Broken}\n")
    assert llm_monitor("rules", "test", str(good)).exit_code == 0
    done = llm_monitor("rules", "test", str(good), str(bad))
    assert done.exit_code == 1
    assert "good.test.yaml: 1 of 1 checks hold" in done.stdout
    assert "bad.test.yaml: 0 of 1 checks hold" in done.stdout
    assert 'found     firing page {service="shop"}' in done.stdout
