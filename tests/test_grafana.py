"""The dashboard as a document: what Grafana would trip over, and what a person would miss."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from grafana import build
from grafana.overview import DATASOURCE_UID, dashboard
from grafana.panels import DATASOURCE, Json, arrange, lines, stat
from grafana.rows import SCORES
from grafana.sql import VARIABLES
from monitor.config import PREFIX
from monitor.records import OUTCOMES
from tests.grafana_macros import UnknownMacro, expand

PROVISIONING = Path(build.__file__).parent / "provisioning"
PANELS: list[Json] = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def ids(panels: list[Json]) -> Iterator[str]:
    return (panel["title"] for panel in panels)


def test_the_committed_dashboard_is_the_generated_one() -> None:
    assert build.PATH.read_text(encoding="utf-8") == build.render(), "run: python -m grafana.build"


def test_panel_ids_are_unique() -> None:
    found = [panel["id"] for panel in dashboard()["panels"]]
    assert len(found) == len(set(found))


def test_no_panel_overlaps_another_or_leaves_the_grid() -> None:
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0 for place in places)
    cells = [
        {(x, y) for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])}
        for p in places
    ]
    assert not any(one & other for one, other in combinations(cells, 2))


def test_titles_are_unique() -> None:
    titles = [panel["title"] for panel in dashboard()["panels"]]
    assert sorted(titles) == sorted(set(titles))


@pytest.mark.parametrize("panel", PANELS, ids=ids(PANELS))
def test_every_panel_says_what_it_shows_in_which_unit(panel: Json) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["noValue"] == "no data"
    assert panel["datasource"] == DATASOURCE


@pytest.mark.parametrize("panel", PANELS, ids=ids(PANELS))
def test_every_query_goes_to_the_chosen_data_source(panel: Json) -> None:
    (target,) = panel["targets"]
    assert target["datasource"] == {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
    assert target["refId"] == "A"
    assert target["format"] == ("time_series" if panel["type"] == "timeseries" else "table")
    assert target["rawSql"]


@pytest.mark.parametrize("panel", PANELS, ids=ids(PANELS))
def test_null_never_gets_the_colour_of_a_good_value(panel: Json) -> None:
    if panel["type"] != "timeseries":
        null = panel["fieldConfig"]["defaults"]["mappings"][0]
        assert (null["type"], null["options"]["match"]) == ("special", "null")
        assert null["options"]["result"]["color"] not in panel["fieldConfig"]["defaults"]["thresholds"]


def test_every_score_has_its_panels() -> None:
    assert SCORES.keys() == OUTCOMES.keys()
    titles = [panel["title"] for panel in PANELS]
    for score, (title, _) in SCORES.items():
        # What every call gets is seen at a glance, too.
        assert sum(name.startswith(f"{title}:") for name in titles) == (2 if score == "judge" else 3)


def test_the_reader_can_choose_service_environment_model_and_prompt_version() -> None:
    variables = dashboard()["templating"]["list"]
    assert [variable["name"] for variable in variables] == ["datasource", *VARIABLES]
    assert all(
        variable["multi"] and variable["includeAll"] and variable["datasource"] == DATASOURCE
        for variable in variables[1:]
    )


def test_the_provisioned_data_source_is_the_one_the_dashboard_chooses() -> None:
    text = (PROVISIONING / "datasources" / "llm-monitor.yaml").read_text()
    (source,) = yaml.safe_load(text)["datasources"]
    current = dashboard()["templating"]["list"][0]["current"]["value"]
    assert source["uid"] == DATASOURCE_UID == current
    assert source["type"] == DATASOURCE["type"]


@pytest.mark.parametrize("file", sorted(PROVISIONING.rglob("*.yaml")), ids=lambda path: path.parent.name)
def test_what_differs_between_installations_comes_from_the_environment(file: Path) -> None:
    settings = re.findall(r"(?m)^\s*(?:url|user|password|database|sslmode|path): (.*)$", file.read_text())
    assert settings
    assert all(re.fullmatch(r"\$MONITOR_[A-Z_]+", value) for value in settings)


def test_no_variable_of_grafana_could_be_taken_for_a_setting_of_the_service() -> None:
    """The service refuses to start with an unknown variable of its prefix, in a shared environment too."""
    for file in PROVISIONING.rglob("*.yaml"):
        assert f"${PREFIX}" not in file.read_text()


def test_the_dashboard_names_no_host_and_no_person() -> None:
    text = json.dumps(dashboard())
    assert "http" not in text.replace("http_status", "")
    assert "@" not in text


def test_panels_flow_left_to_right_and_on() -> None:
    small = stat("s", "s.", "SELECT 1", unit="short", width=10, height=3)
    wide = lines("l", "l.", "SELECT 1", unit="short", width=24, height=8)
    placed = arrange([("first", [small, small, small]), ("second", [wide])])
    assert [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in placed] == [
        (0, 0),
        (0, 1),
        (10, 1),
        (0, 4),
        (0, 7),
        (0, 8),
    ]


def test_a_line_of_panels_of_different_heights_is_refused() -> None:
    low = stat("low", "l.", "SELECT 1", unit="short", width=10, height=3)
    high = stat("high", "h.", "SELECT 1", unit="short", width=10, height=4)
    with pytest.raises(ValueError, match="high is 4 high in a line of 3"):
        arrange([("row", [low, high])])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT $__timeGroup(at, '1m')",
        "SELECT $__timeGroupAlias(at, '5m')",
        "SELECT $__timeFilter(date_trunc('day', at))",
        "SELECT $__range_s",
        "SELECT $unknown",
        "SELECT $__made_up(at)",
    ],
)
def test_a_macro_that_grafana_would_not_understand_is_refused(sql: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(UnknownMacro):
        expand(sql, start=at, end=at + timedelta(hours=1), interval="1m", variables={})
