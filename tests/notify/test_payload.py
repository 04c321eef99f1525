"""What is said: the title people read on a phone, and the fields that receivers rely on."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.notify import build_payload
from monitor.notify.payload import title

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def side(failures: int, calls: int) -> dict[str, Any]:
    return {"calls": calls, "failures": failures, "rate": failures / calls}


def evidence(window: tuple[int, int], baseline: tuple[int, int] | None = None) -> dict[str, Any]:
    before = side(*baseline) if baseline else None
    now = side(*window)
    times = now["rate"] / before["rate"] if before and before["rate"] else None
    return {"window": now, "baseline": before, "ratio": times}


@pytest.mark.parametrize(
    ("labels", "status", "proof", "expected"),
    [
        (
            {"service": "checkout"},
            "firing",
            evidence((42, 100), (20, 1_000)),
            "json.failed up ×21 (2.0 % → 42.0 %) on checkout",
        ),
        (
            {"service": "checkout", "environment": ""},
            "firing",
            evidence((5, 100), (20, 1_000)),
            "json.failed up ×2.5 (2.0 % → 5.0 %) on checkout / (none)",
        ),
        ({}, "firing", evidence((42, 100)), "json.failed at 42.0 % on everything"),
        # No number says how many times nothing it is, and ×1,000 says no more than the rates do.
        ({}, "firing", evidence((1, 100), (0, 1_000)), "json.failed up (0.0 % → 1.0 %) on everything"),
        ({}, "firing", evidence((50, 100), (1, 5_000)), "json.failed up (0.0 % → 50.0 %) on everything"),
        (
            {"service": "checkout"},
            "resolved",
            evidence((1, 100), (20, 1_000)),
            "resolved: json.failed on checkout, now 1.0 %",
        ),
        ({}, "resolved", {}, "resolved: json.failed on everything"),
    ],
)
def test_a_title_says_what_by_how_much_and_where(
    labels: dict[str, str], status: str, proof: dict[str, Any], expected: str
) -> None:
    assert title("json.failed", labels, status, proof) == expected


def payload(**more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "alert": "JsonBroken",
        "metric": "json.failed",
        "labels": {"service": "checkout", "environment": "production"},
        "severity": "page",
        "status": "firing",
        "reason": "the condition holds",
        "summary": "Bad.",
        "runbook_url": "https://x/y",
        "started_at": AT,
        "at": AT,
        "evidence": evidence((42, 100), (20, 1_000)),
        "episode": "JsonBroken/page/service=checkout/1",
    }
    return build_payload(**{**values, **more})


def test_a_payload_is_json() -> None:
    assert json.loads(json.dumps(payload())) == payload()


def test_a_payload_that_says_no_more_is_the_first_of_its_episode() -> None:
    said = payload()
    assert (said["version"], said["update"], said["alerts"], said["more"]) == (2, False, [], 0)
    assert (said["onset_at"], said["routing"]) == (None, {})


def test_a_payload_says_what_belongs_to_its_episode() -> None:
    member = {"labels": {"service": "checkout"}, "status": "firing"}
    said = payload(update=True, members=[member], more=3, onset_at=AT, routing={"team": "search"})
    assert (said["update"], said["alerts"], said["more"]) == (True, [member], 3)
    assert (said["onset_at"], said["routing"]) == ("2026-03-10T12:00:00+00:00", {"team": "search"})


def test_the_documentation_shows_every_field_and_no_other() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "webhook.md").read_text()
    (block,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown, real = json.loads(block), payload()
    # The store adds the alert's id.
    assert set(shown) - {"alert_id"} == set(real)
    assert set(shown["evidence"]) >= {"window", "baseline", "ratio", "contributors", "examples"}
    assert shown["title"] == title(shown["metric"], shown["labels"], shown["status"], shown["evidence"])
    assert shown["version"] == real["version"]


@pytest.mark.parametrize(
    ("status", "evidence", "expected"),
    [
        ("firing", {"value": 3120.0, "baseline_value": 1560.0, "baseline": None}, "up ×2 (1560 → 3120)"),
        ("firing", {"value": 3120.0, "window": {"calls": 90}, "baseline": None}, "at 3120"),
        ("resolved", {"value": 1600.0, "window": {"calls": 90}}, "now 1600"),
    ],
    ids=["against-before", "alone", "resolved"],
)
def test_a_title_says_a_value_as_it_is_and_not_as_a_share(
    status: str, evidence: dict[str, Any], expected: str
) -> None:
    assert expected in title("duration", {"service": "shop"}, status, evidence)
