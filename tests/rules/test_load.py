"""Rule files: what is refused and in which words, and that the rules that ship are good."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from monitor.errors import ConfigError
from monitor.records import DIMENSIONS, ErrorCategory
from monitor.rules import Rule, Rules, load_rules
from monitor.rules.model import AbsenceRule, BlipRule, BurnRateRule, RegressionRule, ThresholdRule
from monitor.rules.named import statistic

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
        clear: 0.05
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
        evidence: fisher
        baseline: {previous: 24h}
        margin: {relative: 0.5, absolute: 0.01}
        significance: 0.001
        runbook_url: https://example.com/worse
"""


def rule_of(kind: str, text: str) -> str:
    """A file with one rule of that kind; its own keys begin on line 6."""
    return f"groups:\n  - name: shop\n    rules:\n      - alert: Broken\n        kind: {kind}\n{text}"


def load(folder: Path, text: str, name: str = "rules.yaml") -> tuple[Rule, ...]:
    path = folder / name
    path.write_text(text)
    return load_rules([path], channels=["oncall", "log"]).rules


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(str(folder / "rules.yaml"))


def test_a_threshold_rule_is_read_with_what_it_says_and_the_defaults(tmp_path: Path) -> None:
    (rule,) = load(tmp_path, THRESHOLD)
    assert isinstance(rule, ThresholdRule)
    assert (rule.alert, rule.metric, rule.by, rule.above, rule.clear) == (
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
        600,
    )
    assert (rule.minimum_calls, rule.severity, rule.channels) == (50, "page", ("oncall",))


def test_a_regression_rule_that_says_little_has_the_defaults_of_its_severity(tmp_path: Path) -> None:
    said = "        metric: errors\n        runbook_url: x\n"
    (page,) = load(tmp_path, rule_of("regression", said))
    (ticket,) = load(tmp_path, rule_of("regression", said + "        severity: ticket\n"))
    assert isinstance(page, RegressionRule)
    assert isinstance(ticket, RegressionRule)
    assert (page.baseline, page.evidence, page.false_alarms) == ("seasonal", "cusum", 0.1)
    assert [(one.relative, one.absolute) for one in (page, ticket)] == [(0.25, 0.005), (0.1, 0.002)]


def test_a_rule_with_lanes_is_one_rule_for_each_severity(tmp_path: Path) -> None:
    page, ticket = load(
        tmp_path,
        rule_of(
            "threshold",
            "        metric: errors\n        above: 0.1\n        for: 5m\n        runbook_url: x\n"
            "        page: {above: 0.2, channels: [oncall]}\n        ticket: {for: 1h}\n",
        ),
    )
    assert isinstance(page, ThresholdRule)
    assert isinstance(ticket, ThresholdRule)
    assert [(one.key, one.above, one.for_, one.channels) for one in (page, ticket)] == [
        ("Broken/page", 0.2, "5m", ("oncall",)),
        ("Broken/ticket", 0.1, "1h", ()),
    ]
    assert (page.page, page.ticket) == (None, None)


@pytest.mark.parametrize(
    ("metric", "expected"), [("errors", "rate"), ("duration", "p95"), ("ttft", "p95"), ("cost", "mean")]
)
def test_a_statistic_that_is_left_out_is_what_the_metric_has(
    tmp_path: Path, metric: str, expected: str
) -> None:
    said = f"        metric: {metric}\n        above: 0.1\n        runbook_url: x\n"
    (rule,) = load(tmp_path, rule_of("threshold", said))
    assert isinstance(rule, ThresholdRule)
    assert statistic(rule) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("above: 0.1", "abov: 0.1", ":10: unknown key 'abov'; did you mean 'above'?"),
        ("        above: 0.1\n", "", ":4: alert 'Broken': give it one of: above, below"),
        ("above: 0.1", "above: 0.1\n        below: 0.1", ":10: alert 'Broken': give it one of: above, below"),
        ("kind: threshold", "kind: treshold", ":5: it can't be 'treshold'; did you mean 'threshold'?"),
        (
            "        kind: threshold\n",
            "",
            ":4: 'kind' is missing; it can be absence, blip, burn_rate, regression, threshold",
        ),
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
            "json.failed",
            "errors.ratelimit",
            ":6: alert 'Broken': unknown metric 'errors.ratelimit'; did you mean 'errors.rate_limit'?",
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
        ("window: 5m", "window: 90s", ":9: alert 'Broken': the window must be whole minutes"),
        (
            "window: 5m",
            "window: 4d",
            ":9: alert 'Broken': the window is longer than 3 days: nobody could be told in time",
        ),
        ("alert: Broken", "alert: a/b", ":4: alert 'a/b': its name must not contain a slash"),
        *[
            (
                "window: 5m",
                f"labels: {{{name}: x}}",
                f":9: alert 'Broken': label '{name}' is taken: choose another name",
            )
            for name in ("route", "alertname", "severity", "metric")
        ],
        ("window: 5m", "severity: panic", ":9: it can't be 'panic'; it can be info, page, ticket"),
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
                "clear: 0.05",
                f"clear: {value}",
                ":11: alert 'Broken': clear must be at least as good as above, or it can never resolve",
            )
            for value in ("0.2", "-1", ".nan")
        ],
        ("above: 0.1", "above: a lot", ":10: expected a number or nothing, got text"),
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


#: What each kind has to say at least.
KINDS = {
    "threshold": {"metric": "errors", "above": "0.1"},
    "regression": {"metric": "errors"},
    "burn_rate": {"metric": "errors", "objective": "0.99"},
    "absence": {"absent": "calls"},
    "blip": {"metric": "errors"},
}


def rule_with(kind: str, **said: str) -> str:
    """The smallest rule of a kind, with these keys too or instead; one that is empty is left out."""
    keys = {**KINDS[kind], "runbook_url": "x", **said}
    return rule_of(kind, "".join(f"        {key}: {value}\n" for key, value in keys.items() if value))


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_rule_of_each_kind_loads(tmp_path: Path, kind: str) -> None:
    (rule,) = load(tmp_path, rule_with(kind))
    assert rule.severity == ("info" if kind == "blip" else "page")


_OF = "of says which calls 'share' counts, and belongs to that metric alone"
_ABOVE = "above is a rate: at least 0 and below 1, or it can never fire"
_BELOW = "below is a rate: above 0 and at most 1, or it can never fire"
_CLEAR = "clear must be at least as good as {}, or it can never resolve"
_MARGINS = "margins are not negative"
_CHANCE = "significance is the chance of a false alarm: above 0 and below 0.5"
_WEEKLY = "false_alarms is how many a week: above 0 and at most 10"
_ONE = "give the baseline one of: previous, offset, rolling_median, fixed, version"
_LONG = "the baseline is at least as long as the window, and at most 28 days"
_MEDIAN = "a rolling median is over 3 to 28 days"
_NEVER = "at {}% not even a rate of 1 is {} times the budget: it can never fire"
_MINUTES = "minutes is at least 1, of_minutes at least that, and at most 60"
_FISHER = {"evidence": "fisher", "baseline": "{previous: 24h}"}


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("threshold", {"metric": "share"}, _OF),
        ("threshold", {"of": "{provider: a}"}, _OF),
        ("threshold", {"metric": "share", "of": "{tier: a}"}, "unknown dimension 'tier'"),
        ("threshold", {"metric": "share", "of": "{route: []}"}, "route can be none of no values"),
        ("threshold", {"statistic": "p95"}, "errors has no p95 in a threshold rule: rate"),
        (
            "threshold",
            {"metric": "duration", "statistic": "rate"},
            "duration has no rate in a threshold rule: p50 or p90 or p95 or p99 or mean",
        ),
        (
            "threshold",
            {"metric": "cost_of_requests", "statistic": "p95"},
            "cost_of_requests has no p95 in a threshold rule, as a request's calls lie in several minutes;"
            " those of calls are of cost: mean",
        ),
        (
            "regression",
            {"statistic": "call_p95"},
            "errors has no call_p95 in a regression rule, as a call fails or does not: it would be 0 below"
            " 5 % of failures and 1 above: rate",
        ),
        (
            "threshold",
            {"metric": "cost", "statistic": "call_p95"},
            "cost has no call_p95 in a threshold rule",
        ),
        *[
            (kind, {"statistic": chosen, **said}, f"{chosen} compares minutes with those of past days")
            for kind, said in (("threshold", {}), ("burn_rate", {"objective": "0.99"}), ("blip", {}))
            for chosen in ("bucket_p95", "rate_at_load")
        ],
        *[
            (
                "regression",
                {"statistic": chosen, **said},
                f"{chosen} has one test: leave evidence and baseline",
            )
            for chosen in ("bucket_p95", "rate_at_load")
            for said in (
                {"evidence": "days"},
                _FISHER,
                {"baseline": "{previous: 24h}"},
                {"baseline": "weekly"},
            )
        ],
        ("regression", {"statistic": "group_p95"}, "over says whose values are the groups of group_p95"),
        ("threshold", {"over": "route"}, "over says whose values are the groups of group_p95"),
        *[
            (kind, {"statistic": "group_p95", "over": "route", **said}, expected)
            for kind, said, expected in (
                ("regression", {"over": "tier"}, "unknown dimension 'tier'"),
                ("regression", {"by": "[route]"}, "an alert by route has one route: leave it out of by"),
                ("regression", {"for": "20m"}, "group_p95 takes a blip of all groups for a rise"),
                ("regression", {"severity": "ticket"}, "group_p95 takes a blip of all groups for a rise"),
                (
                    "regression",
                    {"severity": "ticket", "for": "20m", "window": "2h"},
                    "group_p95 compares an hour with that of other days: leave window out",
                ),
                ("burn_rate", {"objective": "0.99"}, "group_p95 compares minutes with those of past days"),
                ("blip", {}, "group_p95 compares minutes with those of past days"),
                ("threshold", {"metric": "duration"}, "duration has no group_p95 in a threshold rule"),
            )
        ],
        ("regression", {"metric": "duration", "statistic": "bucket_p95"}, "duration has no bucket_p95"),
        (
            "regression",
            {"metric": "dead_letters", "statistic": "rate_at_load"},
            "dead_letters has no rate_at",
        ),
        ("threshold", {"metric": "duration", "above": "-1"}, "above is not negative"),
        ("threshold", {"metric": "duration", "above": ".inf"}, "above is not negative"),
        ("threshold", {"metric": "duration", "above": "", "below": ".nan"}, "below is not negative"),
        *[("threshold", {"above": "", "below": value}, _BELOW) for value in ("0", "1.1", "-1", ".nan")],
        ("threshold", {"above": "", "below": "0.5", "clear": "0.4"}, _CLEAR.format("below")),
        ("threshold", {"above": "", "below": "0.5", "clear": ".inf"}, _CLEAR.format("below")),
        ("threshold", {"page": "{above: 2}"}, _ABOVE),
        ("threshold", {"page": "{channels: [pager]}"}, "channel 'pager' is not configured"),
        *[("regression", {"margin": f"{{relative: {value}}}"}, _MARGINS) for value in ("-1", ".inf", ".nan")],
        *[("regression", {"margin": f"{{absolute: {value}}}"}, _MARGINS) for value in ("-1", ".inf", ".nan")],
        (
            "regression",
            {"margin": "{absolute: 1}"},
            "the absolute margin of a rate is in points of rate, below 1",
        ),
        ("regression", {"margin": "{absolut: 1}"}, "unknown key 'absolut'; did you mean 'absolute'?"),
        *[("regression", {"significance": value}, _CHANCE) for value in ("0", "0.5", ".nan")],
        *[("regression", {"false_alarms": value}, _WEEKLY) for value in ("0", "11", ".nan")],
        (
            "regression",
            {"minimum_baseline_calls": "0"},
            "minimum_baseline_calls must be at least 1",
        ),
        ("regression", {"metric": "duration", "worse": "lower"}, "only a rate can be worse when it is lower"),
        ("regression", {"metric": "cost"}, "of a mean only sums are kept: say evidence: days"),
        (
            "regression",
            {"metric": "duration", "statistic": "mean"},
            "of a mean only sums are kept: say evidence: days",
        ),
        ("regression", {"metric": "duration", **_FISHER}, "fisher tests counts of a window: not p95"),
        (
            "regression",
            {"metric": "dead_letters"},
            "dead_letters has no hours to learn from: say evidence: fisher",
        ),
        (
            "regression",
            {"evidence": "fisher"},
            "fisher compares with one span: give the baseline previous or offset",
        ),
        ("regression", {"evidence": "luck"}, "it can't be 'luck'; it can be cusum, days, fisher"),
        ("regression", {"baseline": "yearly"}, "it can't be 'yearly'; it can be seasonal, weekly"),
        ("regression", {"baseline": "{}"}, _ONE),
        ("regression", {"baseline": "{previous: 24h, offset: 7d}"}, _ONE),
        (
            "regression",
            {"evidence": "days", "baseline": "{offset: 7d}"},
            "days has its own baseline, the 14 days before: leave it out",
        ),
        (
            "regression",
            {"evidence": "fisher", "baseline": "{fixed: 0.02}"},
            "fisher compares counts: previous, offset or version",
        ),
        (
            "regression",
            {"metric": "duration", "baseline": "{version: prompt_version}"},
            "p95 is compared with: seasonal, weekly, previous or offset",
        ),
        *[
            ("regression", {"baseline": f"{{fixed: {value}}}"}, "fixed is a rate: above 0 and below 1")
            for value in ("0", "1", ".nan")
        ],
        (
            "regression",
            {"by": "[prompt_version]", "baseline": "{version: prompt_version}"},
            "prompt_version is compared with the others: leave it out of by",
        ),
        *[("regression", {"baseline": f"{{{span}}}"}, _LONG) for span in ("previous: 59m", "offset: 29d")],
        *[("regression", {"baseline": f"{{rolling_median: {span}}}"}, _MEDIAN) for span in ("2d", "29d")],
        ("burn_rate", {"metric": "duration"}, "an objective is a share of calls: the metric must be a rate"),
        *[
            (
                "burn_rate",
                {"objective": value},
                "the objective is the share that is to be good: above 0 and below 1",
            )
            for value in ("0", "1", ".nan")
        ],
        ("burn_rate", {"severity": "info"}, "a burn rate is a page or a ticket"),
        ("burn_rate", {"window": "5m"}, "unknown key 'window'"),
        ("burn_rate", {"objective": "0.8"}, _NEVER.format(80, 6)),
        ("blip", {"metric": "duration"}, "a blip is of a rate"),
        *[("blip", {"times": value}, "times must be above 1") for value in ("1", ".nan", ".inf")],
        *[
            ("blip", {"minutes": str(minutes), "of_minutes": str(of)}, _MINUTES)
            for minutes, of in ((0, 3), (4, 3), (2, 61))
        ],
        (
            "absence",
            {"absent": "sleep"},
            "it can't be 'sleep'; it can be calls, content, delivery, watermark",
        ),
        *[
            (
                "absence",
                {"absent": "watermark", key: value},
                "the watermark belongs to no series: leave 'by' and 'where' out",
            )
            for key, value in (("by", "[service]"), ("where", "{service: a}"))
        ],
    ],
    ids=lambda value: (
        " ".join(f"{key}={said}" for key, said in value.items()) if isinstance(value, dict) else None
    ),
)
def test_a_rule_that_could_never_be_evaluated_is_refused(
    tmp_path: Path, kind: str, said: dict[str, str], expected: str
) -> None:
    assert expected in refusal(tmp_path, rule_with(kind, **said))


@pytest.mark.parametrize(
    ("kind", "lane", "said", "expected"),
    [
        ("burn_rate", "page", "{margin: {relative: 1}}", "rules of kind burn_rate have no 'margin'"),
        ("regression", "page", "{above: 0.1}", "rules of kind regression have no 'above'"),
        ("regression", "ticket", "{clear: 0.1}", "rules of kind regression have no 'clear'"),
        ("absence", "ticket", "{below: 0.1}", "rules of kind absence have no 'below'"),
        ("blip", "page", "{margin: {}}", "rules of kind blip have no 'margin'"),
        ("threshold", "page", "{margin: {absolute: 0.1}}", "rules of kind threshold have no 'margin'"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_lane_has_only_keys_that_its_kind_has(
    tmp_path: Path, kind: str, lane: str, said: str, expected: str
) -> None:
    text = rule_with(kind, **{lane: said})
    line = 1 + text.splitlines().index(f"        {lane}: {said}")
    assert refusal(tmp_path, text) == f":{line}: alert 'Broken': {expected}"


_ABOVE_ONE = "or more, and no share of calls is above 1"


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("regression", {"baseline": "{fixed: 0.9}"}, f"it would fire at 1.125 {_ABOVE_ONE}"),
        ("regression", {"baseline": "{fixed: 0.7}", "margin": "{absolute: 0.4}"}, f"at 1.1 {_ABOVE_ONE}"),
        ("regression", {"margin": "{relative: 250}"}, f"at 1.255 {_ABOVE_ONE}"),
        (
            "regression",
            {"metric": "duration", "statistic": "p95", "margin": "{absolute: 500}"},
            f"at 500.05 {_ABOVE_ONE}",
        ),
        (
            "regression",
            {"metric": "duration", "statistic": "p50", "margin": "{relative: 1.5}"},
            f"at 1.25 {_ABOVE_ONE}",
        ),
        ("blip", {"times": "300"}, "the usual rate is at least 0.005: so many times it is above 1"),
        ("threshold", {"for": "9999w"}, "for is at most 28d"),
        ("threshold", {"keep_firing_for": "29d"}, "keep_firing_for is at most 28d"),
        ("threshold", {"reopen_for": "3d"}, "reopen_for is at most 24h"),
        ("threshold", {"end_missing_after": "1h"}, "end_missing_after is of labels: say by which dimensions"),
        ("absence", {"absent": "watermark", "end_missing_after": "1d"}, "end_missing_after is of labels"),
        ("threshold", {"metric": "tools.risk", "above": "5"}, "above is a risk: at least 0 and below 1"),
        (
            "threshold",
            {"metric": "tools.risk", "above": "", "below": "1.5"},
            "below is a risk: above 0 and at",
        ),
    ],
    ids=lambda value: (
        " ".join(f"{key}={said}" for key, said in value.items()) if isinstance(value, dict) else None
    ),
)
def test_a_rule_that_could_never_fire_is_refused(
    tmp_path: Path, kind: str, said: dict[str, str], expected: str
) -> None:
    assert expected in refusal(tmp_path, rule_with(kind, **said))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("regression", {"baseline": "{fixed: 0.8}"}),
        ("regression", {"metric": "duration", "statistic": "p50", "margin": "{relative: 1}"}),
        ("regression", {"metric": "cost", "evidence": "days", "margin": "{absolute: 5}"}),
        ("blip", {"times": "200"}),
        ("threshold", {"for": "28d", "reopen_for": "24h"}),
        ("threshold", {"metric": "tools.risk", "above": "0.99"}),
        ("threshold", {"metric": "duration", "above": "5000"}),
        ("threshold", {"by": "[service]", "end_missing_after": "1h"}),
        ("regression", {"baseline": "{version: model_served}", "end_missing_after": "1h"}),
    ],
    ids=lambda value: (
        " ".join(f"{key}={said}" for key, said in value.items()) if isinstance(value, dict) else None
    ),
)
def test_a_rule_that_could_just_fire_loads(tmp_path: Path, kind: str, said: dict[str, str]) -> None:
    assert len(load(tmp_path, rule_with(kind, **said))) == 1


INHIBITION = "inhibit:\n  - {{source: [{}], target: [{}], equal: [{}]}}\n"


@pytest.mark.parametrize(
    ("source", "target", "equal", "expected"),
    [
        ("alertname=Broken", "severity=page", "service", None),
        ("alertname=~Bro.*", "metric=errors", "team, alertname", None),
        ("team=search", "service=shop", "", None),
        ("alertname=Broken, agent=", "service=~.+", "", None),
        ("alertname=Nope", "severity=page", "", 'source: no rule has such alerts: alertname="Nope"'),
        ("alertname=~Nope.*", "severity=page", "", "source: no rule has such alerts"),
        ("severity=page", "severity=ticket", "", 'target: no rule has such alerts: severity="ticket"'),
        ("severity=page", "metric=cost", "", "target: no rule has such alerts"),
        ("severity=page", "route=x", "", "target: no rule has such alerts"),
        ("team=other", "severity=page", "", "source: no rule has such alerts"),
        ("severity=page", "alertname=Broken", "nosuchlabel", "equal: no alert has the label 'nosuchlabel'"),
    ],
)
def test_an_inhibition_of_alerts_that_no_rule_has_is_refused(
    tmp_path: Path, source: str, target: str, equal: str, expected: str | None
) -> None:
    def quoted(texts: str) -> str:
        return ", ".join(f'"{text}"' for text in texts.split(", "))

    rule = rule_with("threshold", by="[service]", labels="{team: search}")
    text = rule + INHIBITION.format(quoted(source), quoted(target), equal)
    if expected is None:
        assert len(load(tmp_path, text)) == 1
        return
    assert f":{len(rule.splitlines()) + 2}: {expected}" in refusal(tmp_path, text)
    assert load_rules([tmp_path / "rules.yaml"], channels=None).inhibitions, "it may be of another file"


def test_an_inhibition_that_can_not_be_read_is_refused_at_its_line(tmp_path: Path) -> None:
    text = rule_with("threshold") + "inhibit:\n  - {source: ['=x'], target: [a=b], equal: [service]}\n"
    assert refusal(tmp_path, text).startswith(":10: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("groups:\n", ":1: expected a list, got nothing"),
        ("groups:\n\t- name: shop\n", ":2: not YAML: a tab; indent with spaces"),
        ("groups: 'x\n", ":2: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        ("Dear monitor,\n", ":1: expected a mapping, got text"),
        (THRESHOLD + "        above: 0.2\n", ":14: not YAML: the key 'above' stands twice"),
    ],
    ids=["no groups", "tab", "open quote", "prose", "key twice"],
)
def test_a_file_that_is_no_rule_file_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text) == expected


def test_an_alert_that_is_defined_twice_is_refused_and_both_places_named(tmp_path: Path) -> None:
    load(tmp_path, THRESHOLD, "a.yaml")
    load(tmp_path, REGRESSION + THRESHOLD.split("rules:\n")[1], "b.yaml")
    with pytest.raises(ConfigError) as caught:
        load_rules([tmp_path], channels=["oncall"])
    assert str(caught.value) == (
        f"{tmp_path}/b.yaml:13: alert 'Broken' is also defined at {tmp_path}/a.yaml:4"
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
    assert [rule.alert for rule in load_rules([tmp_path], channels=["oncall"]).rules] == ["Broken", "Worse"]


def test_no_rules_at_all_is_a_choice() -> None:
    assert load_rules([], channels=[]) == Rules((), ())


# ------------------------------------------------------------------------------------------- docs/rules.md


def test_the_documentation_of_rules_shows_a_file_that_loads(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "rules.md").read_text(), re.M | re.S)
    files = [block for block in blocks if block.startswith("groups:")]
    assert files
    for number, block in enumerate(files):
        assert load(tmp_path, block, f"{number}.yaml")


def test_the_documentation_of_rules_names_every_key_dimension_and_class_of_errors() -> None:
    text = (ROOT / "docs" / "rules.md").read_text()
    keys = {
        field.encode_name
        for kind in (ThresholdRule, RegressionRule, BurnRateRule, AbsenceRule, BlipRule)
        for field in msgspec.structs.fields(kind)
    }
    assert [name for name in sorted({*keys, *DIMENSIONS, *ErrorCategory}) if f"`{name}`" not in text] == []
