"""Calls that come in parts: real OTLP over two topics of a real Kafka, the real service, kills in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from monitor.records import Call, Status
from monitor.scorers import score
from tests.agreement import OTLP, calls
from tests.integration.running import Running
from tests.services.plugin import Kafka

#: An emitter that writes what was said into events only.
EVENTS = OTLP / "otel-genai-openai-1.3b0_event"

#: One that writes everything twice, onto spans and into events, with a second span of every call.
BOTH = OTLP / "otel-genai-anthropic-1.3b0_both"


def spans(folder: Path) -> Iterator[bytes]:
    """The recorded messages of spans, as if they had happened just now."""
    messages = [TracesData.FromString(path.read_bytes()) for path in sorted(folder.glob("*.traces.pb"))]
    every = [
        span
        for message in messages
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    later = time.time_ns() - max(span.end_time_unix_nano for span in every)
    for span in every:
        span.start_time_unix_nano += later
        span.end_time_unix_nano += later
    return (message.SerializeToString() for message in messages)


def events(folder: Path) -> Iterator[bytes]:
    """The recorded messages of events, the same."""
    messages = [LogsData.FromString(path.read_bytes()) for path in sorted(folder.glob("*.logs.pb"))]
    every = [
        record
        for message in messages
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    later = time.time_ns() - max(record.time_unix_nano or record.observed_time_unix_nano for record in every)
    for record in every:
        record.time_unix_nano += later if record.time_unix_nano else 0
        record.observed_time_unix_nano += later
    return (message.SerializeToString() for message in messages)


def told(call: Call) -> tuple[Any, ...]:
    """What of a call must be the same however it came, as the database has it.

    A failed call doesn't wait for its event.
    """
    scores = score(call)
    failed = call.status is Status.ERROR
    return (
        call.call_id,
        failed,
        None if failed else str(call.contract.kind),
        str(scores.json.outcome),
        str(scores.tools.outcome),
        str(scores.grounding.outcome),
        failed or call.captured.input,
        call.captured.output,
        call.usage.input_tokens,
    )


_TOLD = """
    SELECT call_id, status = 'error', CASE status WHEN 'ok' THEN contract END, json, tools, grounding,
        status = 'error' OR captured_input, captured_output, input_tokens
    FROM calls
"""


@pytest.fixture
def running(tmp_path: Path, kafka: Kafka, database: str) -> Running:
    return Running(
        tmp_path,
        kafka.bootstrap_servers,
        database,
        kafka.create_topic(2),
        ingest={"batch_records": 1, "part_wait": "1h", "context_wait": "0s"},
    )


@pytest.mark.parametrize(("folder", "first"), [(EVENTS, "spans"), (EVENTS, "events"), (BOTH, "events")])
def test_parts_wait_through_a_kill_and_each_call_is_counted_once(
    running: Running, folder: Path, first: str
) -> None:
    one, other = (spans, events) if first == "spans" else (events, spans)
    expected = calls(folder)
    with running:
        sent = running.send(one(folder))
        running.wait_for_records(sent)
        running.kill()
        running.start()
        sent += running.send(other(folder))
        running.wait_for("every call", lambda: running.ledger()[1] >= len(expected))
        running.wait_for_records(sent)
        stored, ledger = running.query(_TOLD), running.ledger()
    assert sorted(stored) == sorted(told(call) for call in expected)
    assert ledger == (sent, len(expected), 0, 0)


def test_a_span_whose_event_never_comes_is_a_call_when_its_wait_ends(
    tmp_path: Path, kafka: Kafka, database: str
) -> None:
    expected = calls(EVENTS)
    with Running(
        tmp_path,
        kafka.bootstrap_servers,
        database,
        kafka.create_topic(1),
        ingest={"part_wait": "2s", "context_wait": "0s"},
    ) as running:
        running.send(spans(EVENTS))
        running.wait_for("every call", lambda: running.ledger()[1] >= len(expected))
        stored = running.query(_TOLD)
        waiting = running.query("SELECT count(*) FROM parts WHERE done_span IS NULL")
    assert {row[0] for row in stored} == {call.call_id for call in expected}
    assert {row[7] for row in stored} == {False}
    assert waiting == [(0,)]
