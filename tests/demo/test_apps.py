from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import jsonschema
import pytest

from monitor.decode import decode
from monitor.demo import gateway
from monitor.demo.apps import APPS, App, Faults
from monitor.demo.traffic import Pace, moved
from monitor.records import ABSTENTIONS, GOOD, OUTCOMES, Record
from monitor.scorers import score

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "native.schema.json").read_bytes())


def failures(app: App, faults: Faults, requests: int = 400) -> dict[str, float]:
    """The share of judged calls that failed, by score."""
    judged: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    rng = Random(app.service)
    for _ in range(requests):
        for record in app.request(rng, NOW, faults):
            decoded = decode(Record("t", 0, 0, json.dumps(record).encode()))
            assert decoded.dead_letters == ()
            scores = score(decoded.calls[0])
            for name in OUTCOMES:
                outcome = getattr(scores, name).outcome
                judged[name] += outcome not in ABSTENTIONS
                failed[name] += outcome not in ABSTENTIONS | GOOD
    return {name: failed[name] / judged[name] for name in OUTCOMES if judged[name]}


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.service)
def test_every_record_is_a_valid_native_record(app: App) -> None:
    rng = Random(1)
    for faults in (Faults(), Faults(new_prompt=True, bad_tools=True)):
        for _ in range(20):
            for record in app.request(rng, NOW, faults):
                jsonschema.validate(record, SCHEMA)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.service)
def test_an_application_that_is_well_fails_a_little(app: App) -> None:
    assert all(rate < 0.06 for rate in failures(app, Faults()).values())


def test_each_fault_breaks_its_own_score_and_no_other() -> None:
    orders, flights, *others = APPS
    assert failures(orders, Faults(new_prompt=True))["json"] > 0.3
    assert failures(flights, Faults(bad_tools=True))["tools"] > 0.15
    assert failures(orders, Faults(bad_tools=True))["json"] < 0.06
    for app in others:
        assert all(rate < 0.06 for rate in failures(app, Faults(new_prompt=True, bad_tools=True)).values())


def test_the_gateway_sends_calls_duplicates_and_broken_lines() -> None:
    rng = Random(3)
    seen: Counter[str] = Counter()
    for _ in range(1_000):
        values = gateway.messages(rng, NOW)
        seen["twice"] += len(values) == 2
        for value in set(values):
            decoded = decode(Record("t", 0, 0, value))
            seen["calls"] += len(decoded.calls)
            seen["broken"] += len(decoded.dead_letters)
    assert seen["calls"] + seen["broken"] == 1_000
    assert seen["twice"] > 5
    assert seen["broken"] > 5


def test_a_replayed_call_is_of_now_and_has_an_id_of_its_own() -> None:
    pair = {"id": "p1", "provider": "openai", "request": {"body": {}}, "response": {"status": 200}}
    first, second = (json.loads(moved(json.dumps(pair).encode(), n, NOW)) for n in (1, 2))
    assert first["started_at"] == NOW.isoformat()
    assert first["id"] != second["id"]
    assert first["service"] == "openai"
    assert first["request"] == pair["request"]


@pytest.mark.parametrize("value", [b"not json", b"", b"[1]", b"[" * 100_000])
def test_a_replay_sends_what_it_cannot_read_as_it_is(value: bytes) -> None:
    assert moved(value, 1, NOW) == value


def test_a_pace_is_kept_over_uneven_steps() -> None:
    pace = Pace(7.0)
    assert sum(pace.due(0.1) for _ in range(1_000)) == pytest.approx(700, abs=1)
