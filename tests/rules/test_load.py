"""Rule files: what is refused and in which words, and that the rules that ship are good."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from monitor.errors import ConfigError
from monitor.records import DIMENSIONS
from monitor.resources import folder
from monitor.rules import Rule, load_rules
from monitor.rules.model import RegressionRule, ThresholdRule

ROOT = Path(__file__).resolve().parents[2]

THRESHOLD = """\
groups:
  - name: shop
    rules:
      - alert: Broken
        kind: threshold
        metric: json.failed
        by: [service]
        where: {environment: prod}
        window: 5m
        above: 0.1
        clear_below: 0.05
        channels: [oncall]
        runbook_url: https://example.com/broken
"""

REGRESSION = """\
groups:
  - name: shop
    rules:
      - alert: Worse
        kind: regression
        metric: tools.failed
        window: 5m
        baseline: {previous: 24h}
        margin: {relative: 0.5, absolute: 0.01}
        significance: 0.001
        runbook_url: https://example.com/worse
"""


def load(folder: Path, text: str, name: str = "rules.yaml") -> tuple[Rule, ...]:
    path = folder / name
    path.write_text(text)
    return load_rules([path], channels=["oncall", "log"])


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(str(folder / "rules.yaml"))


def test_a_threshold_rule_is_read_with_what_it_says_and_the_defaults(tmp_path: Path) -> None:
    (rule,) = load(tmp_path, THRESHOLD)
    assert isinstance(rule, ThresholdRule)
    assert (rule.alert, rule.metric, rule.by, rule.above, rule.clear_below) == (
        "Broken",
        "json.failed",
        ("service",),
        0.1,
        0.05,
    )
    assert rule.where == {"environment": "prod"}
    assert (rule.window_length.seconds, rule.pending_for.seconds, rule.keeps_firing_for.seconds) == (
        300,
        0,
        0,
    )
    assert (rule.minimum_calls, rule.severity, rule.channels) == (50, "page", ("oncall",))


def test_a_regression_rule_compares_with_the_last_day_unless_told_otherwise(tmp_path: Path) -> None:
    (rule,) = load(tmp_path, REGRESSION.replace("        baseline: {previous: 24h}\n", ""))
    assert isinstance(rule, RegressionRule)
    assert (rule.baseline.previous, rule.baseline.offset) == ("24h", None)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("above: 0.1", "abov: 0.1", ":10: unknown key 'abov'; did you mean 'above'?"),
        ("        above: 0.1\n", "", ":4: 'above' is missing"),
        ("kind: threshold", "kind: treshold", ":5: it can't be 'treshold'; did you mean 'threshold'?"),
        ("        kind: threshold\n", "", ":4: 'kind' is missing; it can be regression, threshold"),
        ("        runbook_url: https://example.com/broken\n", "", ":4: 'runbook_url' is missing"),
        (
            "https://example.com/broken",
            "''",
            ":13: alert 'Broken': give it a runbook_url: where it says what to do",
        ),
        ("alert: Broken", "alert: ''", ":4: alert '': give it a name"),
        (
            "json.failed",
            "json.faild",
            ":6: alert 'Broken': unknown metric 'json.faild'; did you mean 'json.failed'?",
        ),
        (
            "by: [service]",
            "by: [servise]",
            ":7: alert 'Broken': unknown dimension 'servise'; did you mean 'service'?",
        ),
        ("by: [service]", "by: [service, service]", ":7: alert 'Broken': a dimension stands twice"),
        (
            "{environment: prod}",
            "{tier: gold}",
            ":8: alert 'Broken': unknown dimension 'tier'; it can be agent, environment, model_requested,"
            " model_served, operation, prompt_name, prompt_version, provider, route, service",
        ),
        (
            "{environment: prod}",
            "{environment: []}",
            ":8: alert 'Broken': environment can be none of no values: give at least one",
        ),
        (
            "{environment: prod}",
            "{prompt_version: 7}",
            ":8: expected text or a list, got a whole number: put it in quotes",
        ),
        ("window: 5m", "window: 5 minutes", ":9: expected a duration like 90s, 5m, 24h or 7d"),
        ("window: 5m", "window: 300", ":9: expected text, got a whole number: put it in quotes"),
        (
            "window: 5m",
            "window: 30s",
            ":9: alert 'Broken': the window is shorter than a minute, the smallest bucket there is",
        ),
        (
            "window: 5m",
            "minimum_calls: 0",
            ":9: alert 'Broken': minimum_calls must be at least 1: nothing can be said of no calls",
        ),
        ("window: 5m", "severity: panic", ":9: it can't be 'panic'; it can be page, ticket"),
        *[
            (
                "above: 0.1",
                f"above: {value}",
                ":10: alert 'Broken': above is a rate: at least 0 and below 1, or it can never fire",
            )
            for value in ("1", "1.5", "-0.1", ".nan", ".inf")
        ],
        *[
            (
                "clear_below: 0.05",
                f"clear_below: {value}",
                ":11: alert 'Broken': clear_below must be between 0 and above, or it can never resolve",
            )
            for value in ("0.2", "-1", ".nan")
        ],
        ("above: 0.1", "above: a lot", ":10: expected a number, got text"),
        (
            "[oncall]",
            "[on_call]",
            ":12: alert 'Broken': channel 'on_call' is not configured; did you mean 'oncall'?",
        ),
        (
            "[oncall]",
            "[pager]",
            ":12: alert 'Broken': channel 'pager' is not configured; it can be log, oncall",
        ),
        (
            "json.failed",
            "dead_letters",
            ":7: alert 'Broken': dead_letters belongs to no series: leave 'by' out",
        ),
        ("    rules:", "    rule:", ":3: unknown key 'rule'; did you mean 'rules'?"),
        ("groups:", "group:", ":1: unknown key 'group'; did you mean 'groups'?"),
        ("  - name: shop\n    rules", "  - rules", ":2: 'name' is missing"),
    ],
)
def test_a_threshold_rule_that_can_not_be_evaluated_is_refused(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in THRESHOLD
    assert refusal(tmp_path, THRESHOLD.replace(old, new, 1)) == expected


_MARGINS = ":9: alert 'Worse': margins are not negative, and absolute is in points of rate, below 1"
_CHANCE = ":10: alert 'Worse': significance is the chance of a false alarm: above 0 and below 0.5"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("relative: 0.5", "relativ: 0.5", ":9: unknown key 'relativ'; did you mean 'relative'?"),
        ("relative: 0.5", "relative: -0.5", _MARGINS),
        ("relative: 0.5", "relative: .inf", _MARGINS),
        ("relative: 0.5", "relative: .nan", _MARGINS),
        ("absolute: 0.01", "absolute: 1", _MARGINS),
        ("absolute: 0.01", "absolute: .nan", _MARGINS),
        ("0.001", "0", _CHANCE),
        ("0.001", "0.5", _CHANCE),
        ("0.001", ".nan", _CHANCE),
        (
            "{previous: 24h}",
            "{previous: 24h, offset: 7d}",
            ":8: alert 'Worse': give the baseline one of: previous, offset",
        ),
        ("{previous: 24h}", "{}", ":8: alert 'Worse': give the baseline one of: previous, offset"),
        ("{previous: 24h}", "{window: 1h}", ":8: unknown key 'window'; it can be offset, previous"),
        (
            "{previous: 24h}",
            "{previous: 4m}",
            ":8: alert 'Worse': the baseline must not be shorter than the window",
        ),
        (
            "{previous: 24h}",
            "{offset: 4m}",
            ":8: alert 'Worse': the baseline must not be shorter than the window",
        ),
        (
            "significance: 0.001",
            "minimum_baseline_calls: 0",
            ":10: alert 'Worse': minimum_baseline_calls must be at least 1",
        ),
        (
            "significance: 0.001",
            "signifcance: 1",
            ":10: unknown key 'signifcance'; did you mean 'significance'?",
        ),
    ],
)
def test_a_regression_rule_that_can_not_be_evaluated_is_refused(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in REGRESSION
    assert refusal(tmp_path, REGRESSION.replace(old, new, 1)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1: 'groups' is missing"),
        ("# nothing yet\n", ":1: 'groups' is missing"),
        ("groups:\n", ":1: expected a list, got nothing"),
        ("groups:\n\t- name: shop\n", ":2: not YAML: a tab; indent with spaces"),
        ("groups: 'x\n", ":2: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        ("Dear monitor,\n", ":1: expected a mapping, got text"),
        (THRESHOLD + "        above: 0.2\n", ":14: not YAML: the key 'above' stands twice"),
    ],
    ids=["empty", "comment", "no groups", "tab", "open quote", "prose", "key twice"],
)
def test_a_file_that_is_no_rule_file_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text) == expected


def test_an_alert_that_is_defined_twice_is_refused_and_both_places_named(tmp_path: Path) -> None:
    load(tmp_path, THRESHOLD, "a.yaml")
    load(tmp_path, REGRESSION + THRESHOLD.split("rules:\n")[1], "b.yaml")
    with pytest.raises(ConfigError) as caught:
        load_rules([tmp_path], channels=["oncall"])
    assert str(caught.value) == (
        f"{tmp_path}/b.yaml:12: alert 'Broken' is also defined at {tmp_path}/a.yaml:4"
    )


def test_dead_letters_belong_to_no_series_in_where_either(tmp_path: Path) -> None:
    text = THRESHOLD.replace("json.failed", "dead_letters").replace("        by: [service]\n", "")
    assert (
        refusal(tmp_path, text) == ":7: alert 'Broken': dead_letters belongs to no series: leave 'where' out"
    )


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^rules: .*/none is neither a file nor a folder$"):
        load_rules([tmp_path / "none"], channels=[])


def test_a_folder_without_rules_is_refused_because_it_would_be_silence(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(THRESHOLD)
    with pytest.raises(ConfigError, match=r"^rules: .* holds no \*\.yaml file$"):
        load_rules([tmp_path], channels=[])


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    load(tmp_path, REGRESSION, "2.yaml")
    load(tmp_path, THRESHOLD, "1.yaml")
    assert [rule.alert for rule in load_rules([tmp_path], channels=["oncall"])] == ["Broken", "Worse"]


def test_no_rules_at_all_is_a_choice() -> None:
    assert load_rules([], channels=[]) == ()


# ------------------------------------------------------------------------------------ the rules that ship

SHIPPED = load_rules([folder("alerts")], channels=["log"])


def test_the_rules_that_ship_cover_every_score_errors_dead_letters_and_coverage() -> None:
    assert {rule.metric for rule in SHIPPED} == {
        "json.failed",
        "tools.failed",
        "grounding.unsupported",
        "fallback.silent_downgrade",
        "errors",
        "dead_letters",
        "json.unknown",
        "tools.unknown",
    }


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.alert)
def test_a_rule_that_ships_says_what_it_means_and_has_a_section_in_the_runbook(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{40,140}\.", rule.summary)
    path, anchor = rule.runbook_url.split("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert (path, anchor) == ("docs/runbook.md", rule.alert.lower())
    assert rule.alert in headings
    assert f"**{rule.alert}**" in (ROOT / "alerts" / "README.md").read_text()


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.alert)
def test_a_rule_that_ships_pages_for_nothing_that_passes_by_itself(rule: Rule) -> None:
    assert rule.minimum_calls >= 50
    assert not rule.channels
    if rule.severity == "page":
        assert isinstance(rule, RegressionRule)
        assert rule.pending_for > rule.window_length
        assert rule.margin.relative >= 0.75
        assert rule.significance <= 1e-4


def test_the_documentation_of_rules_shows_a_file_that_loads(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "rules.md").read_text(), re.M | re.S)
    assert blocks
    for number, block in enumerate(blocks):
        assert load(tmp_path, block, f"{number}.yaml")


def test_the_documentation_of_rules_names_every_key_and_dimension() -> None:
    text = (ROOT / "docs" / "rules.md").read_text()
    keys = {
        field.encode_name
        for kind in (ThresholdRule, RegressionRule)
        for field in msgspec.structs.fields(kind)
    }
    assert [name for name in sorted(keys | set(DIMENSIONS)) if f"`{name}`" not in text] == []


def test_the_shipped_files_keep_to_plain_yaml() -> None:
    for path in sorted(folder("alerts").glob("*.yaml")):
        assert list(yaml.safe_load(path.read_text())) == ["groups"]
