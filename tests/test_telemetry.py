"""What the service says of itself: spans to an exporter, metrics to a registry."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from monitor import telemetry
from monitor.control import recompute
from monitor.records import Partition
from monitor.store import connect
from monitor.telemetry import STAGES, ControlMetrics, IngestMetrics, span, start_tracing, stop_tracing
from tests.examples import dead_letter, scored
from tests.town import Town

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry takes a provider once a process: each test has a process's beginning."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = start_tracing(None, exporter=exporter)
    yield exporter
    stop_tracing(provider)


def names(exporter: InMemorySpanExporter) -> list[str]:
    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
    return [one.name for one in exporter.get_finished_spans()]


# --------------------------------------------------------------------------------------------------- spans


def test_a_span_has_its_name_attributes_and_service(exported: InMemorySpanExporter) -> None:
    with span("ingest.batch", records=3, topic="calls"):
        pass
    assert names(exported) == ["ingest.batch"]
    (one,) = exported.get_finished_spans()
    assert dict(one.attributes or {}) == {"records": 3, "topic": "calls"}
    assert one.resource.attributes["service.name"] == "llm-monitor"


def test_a_span_that_fails_says_so_and_lets_the_error_through(exported: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), span("control.evaluate"):
        raise KeyError("x")
    assert names(exported) == ["control.evaluate"]
    assert not exported.get_finished_spans()[0].status.is_ok


def test_an_evaluation_is_one_span_and_so_is_each_slice_of_rollups(
    exported: InMemorySpanExporter, database: str
) -> None:
    engine = connect(database)
    town = Town(engine)
    town.evaluate()
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO dirty_minutes"
                " SELECT now() - n * interval '1 minute' FROM generate_series(1, 121) AS n"
            )
        )
    recompute(engine, town.metrics, slices=2)
    engine.dispose()
    assert names(exported) == ["control.evaluate", "control.rollups", "control.rollups"]


def test_nothing_is_exported_without_an_endpoint() -> None:
    assert start_tracing(None) is None
    assert start_tracing("") is None
    with span("ingest.batch"):
        assert not trace.get_current_span().is_recording()
    stop_tracing(None)


def test_without_an_endpoint_the_exporter_is_not_even_loaded() -> None:
    program = """
import sys
from monitor.telemetry import start_tracing
start_tracing(None)
print([name for name in sys.modules if "exporter.otlp" in name])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("endpoint", ["http://otel:4318", "http://otel:4318/"])
def test_an_endpoint_is_a_base_address(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _endpoint(monkeypatch, endpoint) == "http://otel:4318/v1/traces"


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://otel:4318/v1/traces"),
    ],
)
def test_the_usual_variables_work_too(variable: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, address)
    assert _endpoint(monkeypatch, None) == "http://otel:4318/v1/traces"


def _endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> str:
    """Where the exporter that is made would send; nothing is sent, for there are no spans."""
    made: list[str] = []

    class Noting:
        def __init__(self, exporter: SpanExporter) -> None:
            made.append(exporter._endpoint)  # type: ignore[attr-defined]
            exporter.shutdown()

        def shutdown(self) -> None:
            pass

    monkeypatch.setattr(telemetry, "BatchSpanProcessor", Noting)
    stop_tracing(start_tracing(endpoint))
    return made[0]


def test_an_exporter_that_hangs_does_not_hold_the_exit_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class Hanging(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            released.wait(60)
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            released.wait(60)

    monkeypatch.setattr(telemetry, "FLUSH_S", 0.05)
    provider = start_tracing(None, exporter=Hanging())
    with span("ingest.batch"):
        pass
    stop_tracing(provider)
    assert not released.is_set()
    released.set()


def test_what_is_left_is_sent_at_the_end() -> None:
    exporter = InMemorySpanExporter()
    provider = start_tracing(None, exporter=exporter)
    with span("ingest.batch"):
        pass
    stop_tracing(provider)
    assert [one.name for one in exporter.get_finished_spans()] == ["ingest.batch"]


# ------------------------------------------------------------------------------------------------- metrics


def test_a_saved_batch_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    calls, letters = Partition("calls", 0), Partition("calls", 1)
    metrics.saved(
        [scored("a"), scored("b"), scored("c")],
        [dead_letter()],
        stored=1,
        duplicates=1,
        refused=1,
        records={calls: 3, letters: 1},
        lost={letters: 5},
        lag={calls: 7},
    )

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"llm_monitor_{name}", labels)

    assert value("records_total", topic="calls") == 4
    assert (value("calls_stored_total"), value("calls_duplicate_total")) == (1, 1)
    assert value("dead_letters_total", reason="not_json") == 1
    assert value("dead_letters_total", reason="refused_by_store") == 1
    assert value("outcomes_total", score="json", outcome="not_applicable") == 3
    assert value("outcomes_total", score="fallback", outcome="none") == 3
    assert value("lag_records", topic="calls", partition="0") == 7
    assert value("records_lost_total", topic="calls", partition="1") == 5
    assert value("records_lost_total", topic="calls", partition="0") is None


def test_where_the_time_goes_and_what_is_held_can_be_asked() -> None:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    metrics.spent(decode=0.5, score=1.0)
    metrics.spent(decode=0.25, save=2.0)
    metrics.batch(500, 1.2)
    metrics.in_flight(4096)
    metrics.paused(True)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"llm_monitor_{name}", labels)

    spent = {stage: value("ingest_stage_seconds_total", stage=stage) for stage in STAGES}
    assert spent == {"consume": 0.0, "decode": 0.75, "score": 1.0, "save": 2.0}
    assert (value("batch_records_sum"), value("batch_seconds_sum")) == (500, 1.2)
    assert (value("in_flight_bytes"), value("ingest_paused")) == (4096, 1)


def test_lag_is_known_only_of_partitions_that_are_ours() -> None:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    ours = Partition("calls", 0)
    metrics.saved([], [], stored=0, duplicates=0, refused=0, records={}, lost={}, lag={ours: 7})
    with capture_logs():
        metrics.assigned([Partition("calls", 1)])
    labels = {"topic": "calls", "partition": "0"}
    assert registry.get_sample_value("llm_monitor_lag_records", labels) is None
    assert registry.get_sample_value("llm_monitor_assigned_partitions") == 1


def test_troubles_are_counted_and_logged() -> None:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    with capture_logs() as logged:
        metrics.waiting(OSError("away"))
        metrics.fenced(OSError("moved"))
        metrics.bug(KeyError("oh"))
        metrics.tick(datetime(2026, 1, 1, tzinfo=UTC))
    assert [entry["event"] for entry in logged] == ["waiting", "fenced", "scorer failed"]
    for name in ("ingest_waits_total", "ingest_fenced_total"):
        assert registry.get_sample_value(f"llm_monitor_{name}") == 1
    assert registry.get_sample_value("llm_monitor_ingest_bugs_total", {"type": "KeyError"}) == 1


def test_every_metric_has_our_prefix_and_a_help_text() -> None:
    registry = CollectorRegistry()
    IngestMetrics(registry)
    ControlMetrics(registry)
    helps = [line for line in generate_latest(registry).decode().splitlines() if line.startswith("# HELP")]
    assert len(helps) >= 18
    for line in helps:
        _, _, name, text = line.split(" ", 3)
        assert name.startswith("llm_monitor_")
        assert text[0].isupper() or text[0].isdigit()
        assert text.endswith(".")
