from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from monitor.demo.report import AlertReport, NotificationReport, Report
from monitor.demo.view import Status, ending, picture
from monitor.demo.watch import AlertRow, ServiceRow, Snapshot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def text(drawn: Any) -> str:
    console = Console(file=io.StringIO(), record=True, width=120)
    console.print(drawn)
    return console.export_text()


def snapshot(services: list[ServiceRow], alerts: list[AlertRow]) -> Snapshot:
    return Snapshot(NOW, 12_345, 6, 7, 89, services, alerts, 1, 0, 0)


def test_no_judged_calls_are_a_dash_and_not_a_zero() -> None:
    row = ServiceRow("shop", 40, {"json": (3, 40), "tools": (0, 0)}, None)
    line = next(
        line
        for line in text(picture(Status("well", 1, 2, 3), snapshot([row], []), [])).splitlines()
        if "shop" in line
    )
    assert "7.5%" in line
    assert line.count("–") == 5, "four scores without judged calls, and no latency"


def test_the_screen_shows_what_was_delivered_and_who_contributes() -> None:
    side = {"rate": 0.4, "calls": 10, "failures": 4}
    alert = AlertRow("Broken", {"service": "shop"}, "firing", NOW, None, {"window": side, "baseline": side})
    payload = {
        "status": "firing",
        "title": "json.failed up",
        "contributors": [{"dimension": "prompt_version", "value": "v8", "failures": 4, "calls": 9}],
        "examples": [{"call_id": "c1", "outcome": "not_json", "detail": None}],
    }
    drawn = text(picture(Status("broken", 1, 2, 3), snapshot([], [alert]), [payload]))
    for part in (
        "12,345",
        "89",
        "json.failed up",
        "prompt_version v8, 4 of 9",
        "c1 not_json",
        "40.0% → 40.0%",
    ):
        assert part in drawn


def report(**changes: Any) -> Report:
    values: dict[str, Any] = {
        "produced": 100, "stored": 90, "duplicates": 6, "dead_letters": 4, "alerts": [],
        "notifications": NotificationReport(2, 0), "duration_s": 60.0,
    }  # fmt: skip
    return Report(**{**values, **changes})


def test_the_ending_accounts_for_every_call() -> None:
    assert "Nothing was lost" in text(ending(report()))
    assert "3 calls are unaccounted for" in text(ending(report(produced=103)))


def test_the_ending_does_not_claim_an_end_that_was_not_seen() -> None:
    alert = AlertReport("Broken", {"service": "shop"}, 12.0, None)
    drawn = text(ending(report(alerts=[alert])))
    assert "fired 12 s after the breakage." in drawn
    assert "resolved" not in drawn
