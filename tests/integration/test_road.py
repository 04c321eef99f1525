"""The whole road on real input: recorded calls through a real Kafka and the real service into Postgres."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaAdminClient

from monitor.decode import decode
from monitor.demo.traffic import moved
from monitor.records import Record
from monitor.scorers import score
from tests.integration.running import Running
from tests.paths import SHARED
from tests.services.apache_kafka import ApacheKafka
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres

PAIRS = SHARED / "data" / "recorded" / "pairs"


def recorded_pairs() -> list[dict[str, Any]]:
    pairs = [json.loads(path.read_bytes()) for path in sorted(PAIRS.rglob("*.json"))]
    return [pair for pair in pairs if "embed" not in pair["request"]["url"]]


def moved_to_now(pairs: list[dict[str, Any]]) -> list[bytes]:
    now = datetime.now(UTC)
    return [
        moved(json.dumps(pair).encode(), n, now - timedelta(seconds=n % 600)) for n, pair in enumerate(pairs)
    ]


def native(number: int, at: datetime, **more: object) -> bytes:
    return json.dumps(
        {
            "version": 1,
            "call_id": f"call-{number}",
            "started_at": at.isoformat(),
            "service": "neighbour",
            "contract": {"kind": "json_object"},
            "outputs": [{"text": "{}", "finish_reason": "stop"}],
            **more,
        }
    ).encode()


@pytest.fixture
def running(tmp_path: Path, kafka: Kafka, database: str) -> Any:
    return Running(tmp_path, kafka.bootstrap_servers, database, kafka.create_topic(3))


def test_every_recorded_pair_is_stored_once_and_scored_as_if_there_were_no_road(running: Running) -> None:
    pairs = recorded_pairs()
    assert len(pairs) == 1373
    values = moved_to_now(pairs)
    with running:
        running.send(values)
        running.wait_for_records(len(values))
        assert running.ledger() == (1373, 1373, 0, 0)
        stored = {
            row[0]: row[1:]
            for row in running.query(
                "SELECT call_id, contract, json, json_detail, tools, tools_detail, grounding, fallback,"
                " status, finish_reason, model_requested, model_served, provider"
                " FROM calls JOIN series USING (series_id)"
            )
        }
    assert len(stored) == 1373
    for pair, value in zip(pairs, values, strict=True):
        [call] = decode(Record("t", 0, 0, value)).calls
        scores = score(call)
        assert stored[call.call_id] == (
            call.contract.kind,
            scores.json.outcome,
            scores.json.detail,
            scores.tools.outcome,
            scores.tools.detail,
            scores.grounding.outcome,
            scores.fallback.outcome,
            call.status,
            call.outputs[0].finish_reason if call.outputs else None,
            call.model_requested,
            call.model_served,
            call.provider,
        ), pair["id"]


def test_the_stored_outcomes_agree_with_the_tags_of_the_recorded_pairs(running: Running) -> None:
    pairs = recorded_pairs()
    with running:
        running.send(moved_to_now(pairs))
        running.wait_for_records(len(pairs))
        columns = ("call_id", "contract", "json", "tools", "status", "finish_reason", "cache_read_tokens")
        rows = running.query(f"SELECT {', '.join(columns)} FROM calls")
    stored = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    wrong = []
    for number, pair in enumerate(pairs):
        row, tags = stored[f"{pair['id']}-{number}"], set(pair["tags"])
        ok = row["status"] == "ok"
        expectations = {
            # A forced tool beside an answer format may be the stronger promise; both are contracts.
            "req.json_schema": row["contract"] == "json_schema",
            "req.json_object": row["contract"] in ("json_object", "json_schema", "tool"),
            "res.truncated": row["finish_reason"] == "length" and row["json"] != "not_json",
            "res.refusal": row["json"] in ("refused", "not_applicable"),
            "res.error": not ok,
            "res.parallel_tool_calls": row["tools"] != "not_applicable",
            "res.cached_tokens": (row["cache_read_tokens"] or 0) > 0,
        }
        wrong += [(pair["id"], tag, row) for tag, holds in expectations.items() if tag in tags and not holds]
    assert wrong == []


def test_nothing_is_lost_or_doubled_when_the_worker_is_killed_in_the_middle(running: Running) -> None:
    values = moved_to_now(recorded_pairs())
    rng = Random(7)
    with running:
        for kill in range(1, 4):
            running.wait_for("ready", lambda: b"assigned" in running.log.read_bytes())
            part = values[(kill - 1) * 300 : kill * 300]
            running.send(part)
            target = (kill - 1) * 300 + rng.randint(1, 250)
            running.wait_for(f"{target} calls", lambda: running.ledger()[1] >= target)  # noqa: B023
            running.kill()
            running.log.write_bytes(b"")
            running.start()
        running.send(values[900:])
        running.wait_for_records(1373)
        assert running.ledger() == (1373, 1373, 0, 0)
        [(count, distinct)] = running.query("SELECT count(*), count(DISTINCT call_id) FROM calls")
    assert (count, distinct) == (1373, 1373)


def test_two_workers_share_the_work_and_still_count_everything_once(
    tmp_path: Path, kafka: Kafka, database: str
) -> None:
    topic = kafka.create_topic(4)
    now = datetime.now(UTC)
    values = [native(n, now - timedelta(milliseconds=n)) for n in range(3_000)]
    with (
        Running(tmp_path, kafka.bootstrap_servers, database, topic) as first,
        Running(tmp_path, kafka.bootstrap_servers, database, topic) as second,
    ):
        first.send(values[:1_500])
        second.wait_for_records(1_000)
        first.stop()  # its partitions go to the other in mid-stream
        second.send(values[1_500:])
        second.wait_for_records(3_000)
        assert second.ledger() == (3_000, 3_000, 0, 0)


def test_rollups_are_the_sum_of_their_calls(running: Running) -> None:
    values = moved_to_now(recorded_pairs())
    per_minute = (
        "SELECT date_trunc('minute', started_at), count(*), count(*) FILTER (WHERE json = 'ok'),"
        " count(*) FILTER (WHERE status = 'error'), count(*) FILTER (WHERE tools = 'ok'),"
        " coalesce(sum(output_tokens), 0) FROM calls GROUP BY 1 ORDER BY 1"
    )
    rolled_up = (
        "SELECT bucket, sum(calls), coalesce(sum(json_ok), 0), coalesce(sum(errors), 0),"
        " coalesce(sum(tools_ok), 0), coalesce(sum(output_tokens), 0) FROM rollup_1m GROUP BY 1 ORDER BY 1"
    )
    with running:
        running.send(values)
        running.wait_for_records(1373)
        running.wait_for("rollups", lambda: running.query("SELECT sum(calls) FROM rollup_1m") == [(1373,)])
        assert running.query(per_minute) == running.query(rolled_up)
        assert running.query("SELECT count(*) FROM dirty_minutes") == [(0,)]


def test_bad_input_becomes_dead_letters_with_reasons_and_costs_no_neighbour(running: Running) -> None:
    now = datetime.now(UTC)
    schema_contract = {"contract": {"kind": "json_schema", "schema": {"$ref": "https://example.com/s.json"}}}
    catastrophic = {"contract": {"kind": "json_schema", "schema": {"type": "string", "pattern": "(a+)+$"}}}
    hostile: list[tuple[bytes | None, str | None]] = [
        (b"not json", "not_json"),
        (b"", "empty"),
        (None, "empty"),
        (b'"' + b"x" * 10_000_000 + b'"', "too_large"),
        (b'{"version": 1, "call_id": "utf8-\xff\xfe", ' + native(1, now)[15:], None),
        (native(100, now, service="nul \x00 in the middle"), None),
        (native(101, now).replace(b'"neighbour"', b'"lone \\ud800 surrogate"'), None),
        (native(102, now, usage={"input_tokens": 2**70, "output_tokens": -1}), None),
        (native(103, now).replace(b'"version": 1', b'"version": 1, "duration_ms": NaN'), "not_json"),
        (
            native(104, now).replace(now.isoformat().encode(), now.replace(tzinfo=None).isoformat().encode()),
            None,
        ),
        (native(105, datetime(1970, 1, 1, tzinfo=UTC)), "too_old"),
        (native(106, datetime(9999, 12, 31, tzinfo=UTC)), "from_future"),
        (native(107, now).replace(now.isoformat().encode(), b"yesterday"), "invalid_record"),
        (b"[" * 100_000, "too_deep"),
        (native(108, now, **schema_contract), None),
        (native(109, now, **catastrophic, outputs=[{"text": '"' + "a" * 40 + '!"'}]), None),
        (b'{"hello": "world"}', "unknown_format"),
        (native(110, now), None),
        (native(110, now), None),
    ]
    values: list[bytes | None] = []
    for number, (value, _) in enumerate(hostile):
        values += [native(1_000 + number, now), value]
    with running:
        running.send(values, keys=[b"one partition"] * len(values))
        running.wait_for_records(len(values))
        reasons = Counter(row[0] for row in running.query("SELECT reason FROM dead_letters"))
        neighbours = running.query("SELECT count(*) FROM calls WHERE call_id LIKE 'call-1___'")
        kept = running.query("SELECT count(*) FROM dead_letters WHERE value IS NOT NULL")
        odd = {
            row[0]: row[1:]
            for row in running.query(
                "SELECT call_id, service, json, input_tokens FROM calls JOIN series USING (series_id)"
            )
        }
        ledger = running.ledger()
    assert reasons == Counter(reason for _, reason in hostile if reason)
    assert neighbours == [(len(hostile),)]
    assert kept == [(0,)], "no content is stored by default"
    assert "\x00" not in odd["call-100"][0]
    assert odd["call-101"][0] == "lone � surrogate"
    assert odd["call-102"][2] is None
    assert odd["call-108"][1] == "unknown"
    assert odd["call-109"][1] in ("unknown", "schema_violation")
    stored = len(values) - sum(reasons.values()) - 1
    assert ledger == (len(values), stored, 1, sum(reasons.values()))


def test_a_topic_that_was_made_anew_stops_the_service_instead_of_skipping_its_calls(
    running: Running,
) -> None:
    now = datetime.now(UTC)
    with running:
        running.send([native(n, now) for n in range(60)], keys=[b"one partition"] * 60)
        running.wait_for_records(60)
        running.stop()
        with KafkaAdminClient(bootstrap_servers=running.bootstrap_servers) as admin:
            admin.delete_topics([running.topic])
            running.wait_for("deletion", lambda: running.topic not in admin.list_topics())
            admin.create_topics({running.topic: {"num_partitions": 3, "replication_factor": 1}})
        running.start()
        running.send([native(100 + n, now) for n in range(20)], keys=[b"one partition"] * 20)
        running.wait_for("a reason", lambda: b"was the topic made anew?" in running.log.read_bytes())
        assert running.ledger()[:2] == (60, 60)


def test_readyz_says_that_kafka_is_away(tmp_path: Path, own_kafka: ApacheKafka, database: str) -> None:
    with Running(tmp_path, own_kafka.bootstrap_servers, database, "calls") as service:
        service.wait_until_ready()
        own_kafka.stop()
        try:
            service.wait_for("a reason", lambda: "no connection to any broker" in service.readyz())
            service.stop()
            service.start()
            service.wait_for("a reason", lambda: "Kafka" in service.readyz())
        finally:
            own_kafka.start()
        service.wait_until_ready()


def test_a_service_that_is_not_migrated_says_what_to_run(
    tmp_path: Path, kafka: Kafka, empty_database: str
) -> None:
    service = Running(tmp_path, kafka.bootstrap_servers, empty_database, kafka.create_topic())
    with service:
        service.wait_for("an end", lambda: b"llm-monitor migrate" in service.log.read_bytes())
