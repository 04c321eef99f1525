"""Tests of rules on made-up series: the notation, what holds, what does not, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import ConfigError
from monitor.expectations import Expected, as_expected
from monitor.moves import Moved
from monitor.resources import folder
from monitor.rule_tests import Failure, SeriesOf, counters, load_tests, run_tests
from monitor.rules import load_rules
from monitor.rules.model import ThresholdRule, watches_itself
from monitor.rules.states import Standing, State

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

RULES = """\
groups:
  - name: shop
    rules:
      - alert: Broken
        kind: threshold
        metric: json.failed
        by: [service]
        above: 0.1
        for: 2m
        keep_firing_for: 0s
        labels: {team: shops}
        summary: Bad.
        runbook_url: broken.md
      - alert: Slow
        kind: threshold
        metric: duration
        above: 1000
        severity: ticket
        runbook_url: https://example.com/slow
"""

TESTS = """\
rules: [rules.yaml]
tests:
  - name: breaks and is mended
    series:
      - labels: {service: shop}
        duration_ms: 200x9 3000x20
        values:
          calls: 100x40
          json_ok: 100x9 50x9 100x20
          json_truncated: 0x9 50x9 0x20
    checks:
"""


def run(folder: Path, checks: str, tests: str = TESTS) -> tuple[int, list[Failure]]:
    (folder / "rules.yaml").write_text(RULES)
    path = folder / "shop.test.yaml"
    path.write_text(tests + "".join(f"      - {line}\n" for line in checks.splitlines()))
    return run_tests(path)


@pytest.mark.parametrize(
    "checks",
    [
        "{at: 10m, alert: Broken}",
        "{at: 13m, alert: Broken, alerts: [{labels: {service: shop}, state: pending}]}",
        "{at: 16m, alert: Broken, alerts: [{labels: {service: shop}, reason: the condition holds for 2m}]}",
        "{at: 16m, alert: Broken, alerts: [{}]}",
        "{at: 16m, alert: Slow, alerts: [{severity: ticket}]}",
        "{at: 35m, alert: Broken}",
        "{at: 16m, alert: Broken, alerts: [{labels: {team: shops, alertname: Broken, metric: json.failed}}]}",
        "{at: 16m, alert: Broken, alerts: [{title: json failed at, summary: Bad., runbook_url: broken.md}]}",
        "{at: 16m, alert: Slow, alerts: [{severity: ticket, title: duration at 3}]}",
    ],
    ids=[
        *("before", "pending", "reason", "any labels", "percentile", "mended"),
        *("labels of the rule", "annotations", "title"),
    ],
)
def test_what_is_expected_holds(tmp_path: Path, checks: str) -> None:
    assert run(tmp_path, checks) == (1, [])


@pytest.mark.parametrize(
    ("checks", "found"),
    [
        ("{at: 5m, alert: Broken, alerts: [{}]}", ()),
        ("{at: 16m, alert: Broken}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{severity: ticket}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{labels: {service: x}}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{state: pending}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{reason: nothing}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{labels: {team: x}}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{title: up}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{summary: Good.}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{runbook_url: x}]}", ('firing page {service="shop"}',)),
        ("{at: 16m, alert: Broken, alerts: [{}, {}]}", ('firing page {service="shop"}',)),
    ],
    ids=[
        *("does not fire", "must not fire", "severity", "labels", "state", "reason"),
        *("labels of the rule", "title", "summary", "runbook", "one for two"),
    ],
)
def test_what_is_not_as_expected_is_said(tmp_path: Path, checks: str, found: tuple[str, ...]) -> None:
    count, failures = run(tmp_path, checks)
    assert count == 1
    (failure,) = failures
    assert (failure.test, failure.alert) == ("breaks and is mended", "Broken")
    assert len(failure.found) == len(found)
    assert all(said.startswith(begin) for said, begin in zip(failure.found, found, strict=True))


LONG_RULES = """\
groups:
  - name: shop
    rules:
      - {alert: Waits, kind: threshold, metric: errors, by: [service], above: 0.1, for: 4h, runbook_url: x}
      - {alert: Keeps, kind: threshold, metric: errors, above: 0.1, keep_firing_for: 6h, runbook_url: x}
      - {alert: Held, kind: threshold, metric: errors, above: 0.1, runbook_url: x}
"""


@pytest.mark.parametrize(("counter", "alerts"), [("errors_rate_limit", [{}]), ("errors_timeout", [])])
def test_a_series_has_errors_of_a_class(tmp_path: Path, counter: str, alerts: list[object]) -> None:
    (tmp_path / "rules.yaml").write_text(RULES.replace("json.failed", "errors.rate_limit"))
    path = tmp_path / "rules.test.yaml"
    values = {"calls": "100x40", "errors": "50x40", counter: "50x40"}
    check = {"at": "20m", "alert": "Broken", "alerts": alerts}
    test = {"name": "n", "series": [{"labels": {"service": "shop"}, "values": values}], "checks": [check]}
    path.write_text(json.dumps({"rules": ["rules.yaml"], "tests": [test]}))
    assert run_tests(path) == (1, [])


@pytest.mark.parametrize(
    ("errors", "check"),
    [
        ("50x600", "{at: 600m, alert: Waits, alerts: [{state: firing}]}"),
        ("50x300 0x300", "{at: 540m, alert: Keeps, alerts: [{state: recovering}]}"),
        ("50x60 _x900", "{at: 900m, alert: Held, alerts: [{state: no_data}]}"),
    ],
    ids=["for", "keep_firing_for", "held without data"],
)
def test_what_is_found_does_not_hang_on_when_the_first_check_is(
    tmp_path: Path, errors: str, check: str
) -> None:
    (tmp_path / "rules.yaml").write_text(LONG_RULES)
    path = tmp_path / "long.test.yaml"
    calls = "100x60 _x900" if "_" in errors else "100x600"
    series = f"{{labels: {{service: a}}, values: {{calls: {calls}, errors: {errors}}}}}"
    test = "{{name: one, series: [{}], checks: [{}]}}"
    early = f"{{at: 0m, alert: {check.split('alert: ')[1].split(',')[0]}}}, "
    for first in ("", early):
        path.write_text(f"rules: [rules.yaml]\ntests: [{test.format(series, first + check)}]\n")
        assert run_tests(path)[1] == []


def moved(service: str, state: State = State.FIRING) -> Moved:
    rule = ThresholdRule(alert="A", metric="errors", by=("service",), above=0.1, runbook_url="x")
    open_ = state is State.FIRING
    return Moved(rule, {"service": service}, Standing(), Standing(state, 0, open_), "the condition holds")


ANY, A, B = Expected(), Expected(labels={"service": "a"}), Expected(labels={"service": "b"})
QUIET = Expected(labels={"service": "c"}, state=State.NORMAL)


@pytest.mark.parametrize(
    ("expected", "services", "agree"),
    [
        ([], "", True),
        ([ANY], "", False),
        ([], "a", False),
        ([ANY, ANY], "ab", True),
        ([ANY, ANY], "a", False),
        ([ANY, ANY, A], "a", False),
        ([ANY], "ab", False),
        ([ANY, A], "ab", True),
        ([ANY, A], "bc", False),
        ([ANY, B, ANY, A], "dabc", True),
        ([A, A], "ab", False),
        ([QUIET], "", True),
        ([ANY, QUIET], "a", True),
        ([QUIET, QUIET], "", False),
    ],
    ids=lambda value: (
        "".join(one.labels.get("service", "*") for one in value) if isinstance(value, list) else ""
    ),
)
def test_each_alert_is_expected_once_and_each_expectation_is_of_one_alert(
    expected: list[Expected], services: str, agree: bool
) -> None:
    found = [moved(name) for name in services]
    if "c" not in services:
        found.append(moved("c", State.NORMAL))
    assert as_expected(expected, found, NOON) is agree
    assert as_expected(expected[::-1], found, NOON) is agree


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5x3", [5, 5, 5, 5]),
        ("1+2x3", [1, 3, 5, 7]),
        ("5-2x3", [5, 3, 1, 0]),
        ("4 _ 4", [4, 0, 4]),
        ("4 _x3 4", [4, 0, 0, 0, 4]),
        ("4 stale 4x10", [4]),
        ("1.5", [1.5]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_notation_is_promtools(text: str, values: list[float]) -> None:
    made = counters(SeriesOf(values={"calls": text}), np.random.default_rng(0))
    assert made["calls"].tolist() == values


def test_what_is_drawn_is_the_same_with_the_same_seed() -> None:
    series = SeriesOf(values={"calls": "~200x999", "errors": "~2%x499 ~50%x499"})
    one, again = (counters(series, np.random.default_rng(7)) for _ in range(2))
    assert all((one[name] == again[name]).all() for name in one)
    assert one["calls"].mean() == pytest.approx(200, rel=0.02)
    shares = one["errors"] / one["calls"]
    assert (shares[:500].mean(), shares[500:].mean()) == (
        pytest.approx(0.02, abs=0.003),
        pytest.approx(0.5, abs=0.01),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("calls: 100x40", "calls: 100y40", ":7: '100y40' is no value"),
        ("calls: 100x40", "calls: ~2%x40", ":7: a percentage is of the calls"),
        ("calls: 100x40", "calls: 1x99999", ":7: more than"),
        ("50x9 0x20", "500x9 0x20", ":7: more json_truncated than calls in minute 10"),
        (
            "json_truncated",
            "json_trunkated",
            ":7: unknown counter 'json_trunkated'; did you mean 'json_truncated'?",
        ),
        ("service: shop", "servise: shop", ":5: unknown dimension 'servise'; did you mean 'service'?"),
        ("          calls: 100x40\n", "", ":7: a series has calls"),
        ("    checks:", "    chekcs:", "unknown key 'chekcs'; did you mean 'checks'?"),
        ("    checks:", "    seed: -1\n    checks:", ":11: a seed is not negative"),
        ("    checks:", "    start: tomorrow\n    checks:", ":11: Invalid isoformat string"),
        ("    checks:", "    start: '9999-12-31T00:00:00Z'\n    checks:", ":11: a test is in a year from"),
        ("calls: 100x40", "calls: ~99999999999999999999x40", ":7: '~99999999999999999999x40' is no value"),
    ],
    ids=[
        "notation",
        "percentage of calls",
        "too long",
        "more than all",
        "counter",
        "dimension",
        *("no calls", "key", "seed", "start", "year", "too many"),
    ],
)
def test_what_could_not_be_meant_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, "{at: 5m, alert: Broken}", TESTS.replace(old, new))
    assert said in str(caught.value)


@pytest.mark.parametrize("at", ["1500ms", "90s", "999ms", "9999w"])
def test_a_check_that_no_minute_would_make_is_refused(tmp_path: Path, at: str) -> None:
    with pytest.raises(ConfigError, match=f"yaml:12: '{at}': a check is at whole minutes"):
        run(tmp_path, f"{{at: {at}, alert: Broken}}")


@pytest.mark.parametrize("key", ["series", "checks"])
def test_a_test_of_nothing_is_refused(tmp_path: Path, key: str) -> None:
    test = {"name": "n", "series": [{"values": {"calls": "1"}}], "checks": [{"at": "1m", "alert": "A"}]}
    path = tmp_path / "empty.test.yaml"
    path.write_text(json.dumps({"rules": [], "tests": [{**test, key: []}]}))
    with pytest.raises(ConfigError, match=f"a test has {key}, at least one"):
        run_tests(path)


def test_an_alert_that_no_rule_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rule has the alert 'Brokn'; did you mean 'Broken'"):
        run(tmp_path, "{at: 5m, alert: Brokn}")


SHIPPED = sorted(folder("alerts").glob("*.test.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.partition(".")[0])
def test_the_rules_that_ship_do_what_their_tests_say(path: Path) -> None:
    checks, failures = run_tests(path)
    assert checks
    assert failures == []


def test_every_rule_that_ships_has_a_test_of_when_it_fires() -> None:
    tested = {
        check.alert
        for path in SHIPPED
        for test in load_tests(path)[0].tests
        for check in test.checks
        if check.alerts
    }
    rules = load_rules([folder("alerts")], channels=None).rules
    about_calls = {rule.alert for rule in rules if not watches_itself(rule)}
    # Made-up series have no dead letters.
    assert about_calls - tested == {"DeadLetters"}
