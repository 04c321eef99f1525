"""The dashboard *Overview*: nothing in, the JSON of the whole dashboard out.

From the top: is anything wrong now, what got worse and where, since when, and then what explains it:
outcomes, coverage, latency, errors, tokens, fallbacks, the pipeline itself and the newest failing calls.
"""

from __future__ import annotations

from grafana import queries, rows
from grafana.panels import DATASOURCE, Json, arrange, target
from grafana.sql import ALL, VARIABLES
from monitor.records import OUTCOMES

UID = "llm-monitor-overview"

#: The data source of ``provisioning/``, which the dashboard chooses when it is opened.
DATASOURCE_UID = "llm-monitor"


def dashboard() -> Json:
    """The dashboard, as Grafana's provisioning reads it."""
    return {
        "uid": UID,
        "title": "LLM monitor: Overview",
        "description": "What got worse in the LLM calls of every service, since when, how much, where.",
        "tags": ["llm-monitor"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [],
        "templating": {"list": [_datasource(), *(_variable(name) for name in VARIABLES)]},
        "annotations": {
            "list": [
                _annotation("Alerts", queries.ALERT_CHANGES, "red"),
                _annotation("Deploys", queries.DEPLOYS, "blue"),
            ]
        },
        "panels": arrange(
            [
                ("Is anything wrong now?", [*rows.glance(), *rows.worse()]),
                ("Since when? Failure rate by service", [rows.failures(score) for score in OUTCOMES]),
                (
                    "What kind of failure?",
                    [
                        *(rows.outcomes(score) for score in OUTCOMES),
                        rows.risks(),
                        rows.requests(),
                        rows.coverage(),
                        rows.captured(),
                        rows.errors(),
                    ],
                ),
                (
                    "How fast, how much?",
                    [
                        *rows.latency(),
                        rows.first_token(),
                        rows.tokens(),
                        rows.costs(),
                        rows.fallbacks(),
                    ],
                ),
                ("Is the monitor itself well?", rows.pipeline()),
                ("Which calls?", [rows.failing_calls()]),
            ]
        ),
    }


def _datasource() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": DATASOURCE["type"],
        "current": {"text": DATASOURCE_UID, "value": DATASOURCE_UID},
        "refresh": 1,
    }


def _variable(name: str) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "datasource": DATASOURCE,
        "query": queries.variable(name),
        "multi": True,
        "includeAll": True,
        "allValue": ALL,
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 0,
    }


def _annotation(name: str, sql: str, colour: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "target": target(sql, "table", ref_id=name),
    }
