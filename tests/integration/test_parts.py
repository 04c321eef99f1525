"""Calls that come in parts: real OTLP over two topics of a real Kafka, the real service, kills in between."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from monitor.records import Call, Status
from monitor.scorers import score
from tests.agreement import OTLP, calls
from tests.integration.running import Running
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres

#: An emitter that writes what was said into events only.
EVENTS = OTLP / "otel-genai-openai-1.3b0_event"

#: One that writes everything twice, onto spans and into events, with a second span of every call.
BOTH = OTLP / "otel-genai-anthropic-1.3b0_both"

#: One whose events name the span above the call, which other calls of the trace are below too.
STREAMS = OTLP / "traceloop-openai-0.62.4_events"


class Recorded(NamedTuple):
    """The recorded messages of an emitter, as if all of it had happened just now."""

    spans: list[bytes]
    events: list[bytes]


def recorded(folder: Path) -> Recorded:
    """What an emitter wrote, moved in time as a whole: an event may be known by when its span ended."""
    spans = [TracesData.FromString(path.read_bytes()) for path in sorted(folder.glob("*.traces.pb"))]
    events = [LogsData.FromString(path.read_bytes()) for path in sorted(folder.glob("*.logs.pb"))]
    every_span = [
        span
        for message in spans
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    every_event = [
        record
        for message in events
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    later = time.time_ns() - max(span.end_time_unix_nano for span in every_span)
    for span in every_span:
        span.start_time_unix_nano += later
        span.end_time_unix_nano += later
    for record in every_event:
        record.time_unix_nano += later if record.time_unix_nano else 0
        record.observed_time_unix_nano += later
    return Recorded(
        [message.SerializeToString() for message in spans],
        [message.SerializeToString() for message in events],
    )


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


@pytest.mark.parametrize(
    ("folder", "first"),
    [(EVENTS, "spans"), (EVENTS, "events"), (BOTH, "events"), (STREAMS, "events")],
    ids=["events alone, spans first", "events alone, events first", "both", "of the span above"],
)
def test_parts_wait_through_a_kill_and_each_call_is_counted_once(
    running: Running, folder: Path, first: str
) -> None:
    spans, events = recorded(folder)
    one, other = (spans, events) if first == "spans" else (events, spans)
    expected = calls(folder)
    with running:
        sent = running.send(one)
        running.wait_for_records(sent)
        running.kill()
        running.start()
        sent += running.send(other)
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
        running.send(recorded(EVENTS).spans)
        running.wait_for("every call", lambda: running.ledger()[1] >= len(expected))
        stored = running.query(_TOLD)
        waiting = running.query("SELECT count(*) FROM parts WHERE done_span IS NULL")
    assert {row[0] for row in stored} == {call.call_id for call in expected}
    assert {row[7] for row in stored} == {False}
    assert waiting == [(0,)]
