"""OpenTelemetry as production has it: an application under OpenTelemetry's own instrumentation tells a real
Collector of its calls, the Collector writes them to a real Kafka, and the service reads them from there.

The application has no telemetry of its own: ``opentelemetry-instrument`` adds it, and its settings send what
was said in events, so a call's span and its content come to two topics. The model is a recording.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from monitor.decode import decode
from monitor.demo.traffic import moved
from monitor.records import ContractKind, JsonOutcome, Record
from monitor.scorers import score
from tests.integration.running import Running
from tests.paths import PAIRS
from tests.services.otel_collector import CONFIG, Collector, validate
from tests.services.paths import ROOT
from tests.services.plugin import Kafka

pytestmark = pytest.mark.one_postgres

DOCS = ROOT / "docs"
APPLICATION = ROOT / "tests" / "services" / "collector" / "application.py"

#: What the application asks, of both APIs, for whole answers and streams: an answer from tool results, tool
#: calls in parallel and forced, a plain answer, one that is not the JSON that was asked for, a wrong key.
CALLS = (
    "Arize-ai__openinference/openai.chat.completions.06917eeec4a74c6b.json",
    "open-telemetry__opentelemetry-python-contrib/openai.chat.completions.222c6a04cf9c3271.json",
    "Arize-ai__openinference/openai.chat.completions.0c4d85e379e75ea4.json",
    "Mirascope__mirascope/openai.responses.87343a4d55eeda3b.json",
    "Mirascope__mirascope/openai.responses.5e2ba1c536e23f18.json",
    "Mirascope__mirascope/openai.responses.8d2c72f0d1e1101d.json",
    "Mirascope__mirascope/openai.chat.completions.6e59fe5f6bf021fa.json",
)

#: The columns that have to be the same, however the call was reported.
COLUMNS = (
    "model_requested, model_served, provider, operation, status, error_category, finish_reason, input_tokens,"
    " output_tokens, json, tools, tools_detail, grounding, fallback"
)


def test_a_calls_span_and_its_event_come_by_two_topics_and_are_stored_as_one_call(
    tmp_path: Path, kafka: Kafka, database: str, collector: Collector
) -> None:
    pairs = [json.loads((PAIRS / name).read_bytes()) for name in CALLS]
    topics = [collector.traces_topic, collector.logs_topic]
    with Running(tmp_path, kafka.bootstrap_servers, database, topics[0], kafka={"topics": topics}) as service:
        run_application(pairs, collector.endpoint)
        service.wait_for("every call", lambda: service.ledger()[1] >= len(pairs))
        rows = service.query(f"SELECT {COLUMNS} FROM calls JOIN series USING (series_id) ORDER BY started_at")
        told = service.query(
            "SELECT DISTINCT service, format, captured_input, captured_output FROM calls"
            " JOIN series USING (series_id) WHERE status = 'ok'"
        )
        waiting = service.query("SELECT count(*) FROM parts WHERE done_span IS NULL")
        ledger = service.ledger()
    spans, events = (b"".join(read(kafka, topic)) for topic in topics)
    assert b"gen_ai.response.id" in spans
    assert b"gen_ai.input.messages" not in spans
    assert b"gen_ai.input.messages" in events
    assert ledger[1:] == (len(pairs), 0, 0)
    assert rows == [scored(pair) for pair in pairs]
    assert told == [("claims", collector.encoding.replace("_", "-"), True, True)]
    assert waiting == [(0,)]


def test_the_collector_accepts_the_configuration_that_the_documentation_gives(
    tmp_path: Path, collector: Collector
) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "formats.md").read_text(), re.DOTALL)
    quoted = [block for block in blocks if block.startswith("receivers:")]
    assert len(quoted) == 1
    (tmp_path / "quoted.yaml").write_text(quoted[0])
    assert validate(tmp_path / "quoted.yaml") == ""
    assert validate(CONFIG) == ""


def scored(pair: dict[str, Any]) -> tuple[Any, ...]:
    """What the service would store of a recorded pair: the values of ``COLUMNS``."""
    value = moved(json.dumps(pair).encode(), 0, datetime.now(UTC))
    [call] = decode(Record("t", 0, 0, value)).calls
    scores = score(call)
    return (
        call.model_requested,
        call.model_served,
        call.provider,
        call.operation,
        call.status,
        call.error.category if call.error else None,
        call.outputs[0].finish_reason if call.outputs else None,
        call.usage.input_tokens,
        call.usage.output_tokens,
        # That a tool was forced is nothing that the instrumentation tells (docs/agreement.md).
        JsonOutcome.NOT_APPLICABLE if call.contract.kind is ContractKind.TOOL else scores.json.outcome,
        scores.tools.outcome,
        scores.tools.detail,
        scores.grounding.outcome,
        scores.fallback.outcome,
    )


def run_application(pairs: Sequence[dict[str, Any]], endpoint: str) -> None:
    """Let the application make the recorded requests, one after the other, and tell the Collector of them."""
    settings = {
        "OTEL_SERVICE_NAME": "claims",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "EVENT_ONLY",
    }
    with provider(pairs) as base_url:
        calls = [
            {"base_url": f"{base_url}/{pair['id']}", "api": pair["api"], "body": pair["request"]["body"]}
            for pair in pairs
        ]
        done = subprocess.run(
            [Path(sys.executable).with_name("opentelemetry-instrument"), sys.executable, APPLICATION],
            input="\n".join(map(json.dumps, calls)),
            env={"PATH": os.defpath, **settings},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr


@contextmanager
def provider(pairs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A provider that gives every pair's answer below ``/<id of the pair>``; gives the URL before that."""
    answers = {pair["id"]: pair["response"] for pair in pairs}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = answers[self.path.split("/")[1]]
            streamed = isinstance(answer["body"], str)
            self.send_response(answer["status"])
            self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
            self.end_headers()
            self.wfile.write((answer["body"] if streamed else json.dumps(answer["body"])).encode())

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def read(kafka: Kafka, topic: str) -> list[bytes]:
    """The values of the messages that are in a topic."""
    values: list[bytes] = []
    with KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest") as consumer:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for messages in consumer.poll(timeout_ms=1_000).values():
                values += [message.value for message in messages]
    return values
