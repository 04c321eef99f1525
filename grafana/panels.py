"""Grafana's panels as plain dicts: a question and how to show it in, the JSON of one panel out.

Every panel has a title, a description, a unit and one query on the data source that the reader chose.
``arrange`` gives panels their ids and places. The schema is Grafana's own (package ``@grafana/schema``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}

#: Columns of Grafana's grid.
WIDTH = 24

#: Points of a line: the hours of a week, so that a week and more is read by the hour.
POINTS = 7 * 24

NO_DATA = "no data"
_GREY = "rgba(128, 128, 128, 0.15)"

#: Colours of a failure rate: what is high depends on the service, so they are coarse on purpose.
RATE = {"green": None, "yellow": 0.01, "orange": 0.05, "red": 0.2}

#: One colour for everything that is neither good nor bad in itself.
PLAIN = {"text": None}


def target(sql: str, format_: str, ref_id: str = "A") -> Json:
    """One query; ``format_`` is ``table`` or ``time_series``."""
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "format": format_,
        "rawQuery": True,
        "rawSql": sql,
        "refId": ref_id,
    }


def stat(
    title: str,
    description: str,
    sql: str,
    *,
    unit: str,
    colours: Mapping[str, float | None] = PLAIN,
    plain: Sequence[str] = (),
    width: int,
    height: int = 4,
) -> Json:
    """Big numbers, one for each column; the columns in ``plain`` are not coloured."""
    return _panel("stat", title, description, target(sql, "table"), width, height) | {
        "fieldConfig": {
            "defaults": _defaults(unit, colours),
            "overrides": [_override(name, {"color": _fixed("text")}) for name in plain],
        },
        "options": {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "vertical",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "value_and_name" if plain else "value",
            "wideLayout": True,
        },
    }


def lines(
    title: str,
    description: str,
    sql: str,
    *,
    unit: str,
    stacked: bool = False,
    bars: bool = False,
    width: int = 12,
    height: int = 8,
) -> Json:
    """Values over time, ``POINTS`` or somewhat more of them; a gap where there is no value."""
    return _panel("timeseries", title, description, target(sql, "time_series"), width, height) | {
        # Rollups are a minute long: a shorter interval would only draw gaps.
        "interval": "1m",
        "maxDataPoints": POINTS,
        "fieldConfig": {
            "defaults": {
                "color": {"mode": "palette-classic-by-name"},
                "custom": {
                    "drawStyle": "bars" if bars else "line",
                    "fillOpacity": 60 if stacked else 0,
                    "lineWidth": 1,
                    "showPoints": "auto",
                    "spanNulls": False,
                    "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
                },
                "min": 0,
                "noValue": NO_DATA,
                "unit": unit,
            },
            "overrides": [],
        },
        "options": {
            "legend": {
                "calcs": ["lastNotNull", "max"],
                "displayMode": "table",
                "placement": "right",
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def table(
    title: str,
    description: str,
    sql: str,
    *,
    columns: Mapping[str, Json],
    width: int = WIDTH,
    height: int = 8,
) -> Json:
    """Rows; ``columns`` has the properties of those columns that are more than text or a number."""
    defaults = _defaults("short", PLAIN)
    defaults["custom"] = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}
    return _panel("table", title, description, target(sql, "table"), width, height) | {
        "fieldConfig": {
            "defaults": defaults,
            "overrides": [_override(name, properties) for name, properties in columns.items()],
        },
        "options": {"cellHeight": "sm", "showHeader": True},
    }


def column(
    unit: str,
    colours: Mapping[str, float | None] | None = None,
    *,
    width: int | None = None,
    decimals: int = 1,
) -> Json:
    """The properties of a table's column: its unit, and thresholds where its cells are coloured."""
    properties: Json = {"unit": unit, "decimals": decimals}
    if colours is not None:
        properties["thresholds"] = _thresholds(colours)
        properties["color"] = {"mode": "thresholds"}
        properties["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    if width is not None:
        properties["custom.width"] = width
    return properties


def words(colours: Mapping[str, str], *, width: int | None = None) -> Json:
    """The properties of a table's column in which each word has its colour."""
    options = {word: {"color": colour, "index": at} for at, (word, colour) in enumerate(colours.items())}
    properties: Json = {
        "mappings": [{"type": "value", "options": options}],
        "custom.cellOptions": {"type": "color-background", "mode": "basic"},
    }
    if width is not None:
        properties["custom.width"] = width
    return properties


def arrange(rows: Iterable[tuple[str, Sequence[Json]]]) -> list[Json]:
    """Give every panel its id and its place: left to right, and on where a line is full, row by row.

    Raises:
        ValueError: panels of one line differ in height, which would leave holes.
    """
    placed: list[Json] = []
    x = y = line_height = 0
    for title, panels in rows:
        heading = {"type": "row", "title": title, "collapsed": False, "panels": []}
        for panel, width, height in [
            (heading, WIDTH, 1),
            *((panel, panel["gridPos"]["w"], panel["gridPos"]["h"]) for panel in panels),
        ]:
            if x + width > WIDTH or panel is heading:
                x, y, line_height = 0, y + line_height, height
            if height != line_height:
                raise ValueError(f"{panel['title']} is {height} high in a line of {line_height}")
            place = {"x": x, "y": y, "w": width, "h": height}
            placed.append({"id": len(placed) + 1} | panel | {"gridPos": place})
            x += width
    return placed


def _panel(kind: str, title: str, description: str, query: Json, width: int, height: int) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [query],
        "gridPos": {"w": width, "h": height},
    }


def _defaults(unit: str, colours: Mapping[str, float | None]) -> Json:
    # Grafana gives null the colour of the lowest threshold, which is green: so null gets its own.
    no_data = {"match": "null", "result": {"text": NO_DATA, "color": _GREY, "index": 0}}
    return {
        "color": {"mode": "thresholds"},
        "decimals": 1 if unit == "percentunit" else 0,
        "mappings": [{"type": "special", "options": no_data}],
        "noValue": NO_DATA,
        "thresholds": _thresholds(colours),
        "unit": unit,
    }


def _override(name: str, properties: Json) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": id_, "value": value} for id_, value in properties.items()],
    }


def _thresholds(colours: Mapping[str, float | None]) -> Json:
    steps = [{"color": colour, "value": value} for colour, value in colours.items()]
    return {"mode": "absolute", "steps": steps}


def _fixed(colour: str) -> Json:
    return {"mode": "fixed", "fixedColor": colour}
