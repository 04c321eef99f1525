"""What the service says of itself: Prometheus metrics on an injected registry, and OpenTelemetry spans.

Every metric is named here and nowhere else, which makes a long file. Label values come from closed lists or
from configuration, so their number is bounded. Spans are exported only when an OTLP endpoint is configured.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections import Counter as Counts
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from operator import attrgetter

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from monitor import __version__
from monitor.records import DIMENSIONS, OUTCOMES, DeadLetter, Partition, ScoredCall

log = structlog.get_logger("monitor")

#: Seconds that an exit waits for the last spans.
FLUSH_S = 3.0


#: The stages of ingest that take time.
STAGES = ("consume", "decode", "score", "save")


class IngestMetrics:
    """Counts of the ingest loop.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"llm_monitor_{name}", text, labels, registry=registry)

        self._records = counter("records", "Records read from Kafka and saved.", "topic")
        self._stored = counter("calls_stored", "Calls stored.")
        self._duplicates = counter("calls_duplicate", "Calls that were already stored.")
        self._letters = counter("dead_letters", "Records that could not be used.", "reason")
        self._without_call = counter(
            "items_without_call", "Items that were read and held nothing of a call, such as HTTP spans."
        )
        self._outcomes = counter("outcomes", "Outcomes of scored calls.", "score", "outcome")
        self._waits = counter("ingest_waits", "Times that ingest waited for Kafka or Postgres.")
        self._fenced = counter("ingest_fenced", "Batches dropped because another worker owns the partition.")
        self._raced = counter(
            "parts_raced", "Batches put together anew because another worker took a part of a call."
        )
        self._late = counter("parts_late", "Parts of calls that came after their call was finished.")
        self._dropped = Gauge(
            "llm_monitor_parts_dropped",
            "Retrieved passages and marks of finished calls that could not be stored or read.",
            registry=registry,
        )
        self._stale = counter("ingest_stale_records", "Records read again after they were saved.")
        self._bugs = counter("ingest_bugs", "Calls that a scorer of ours failed on.", "type")
        self._folded = Gauge(
            "llm_monitor_series_folded",
            "Combinations of dimensions with a value over the cap, counted as `other`.",
            ("dimension",),
            registry=registry,
        )
        self._lag = Gauge(
            "llm_monitor_lag_records",
            "Records that are in Kafka and not yet saved.",
            ("topic", "partition"),
            registry=registry,
        )
        self._lost = counter(
            "records_lost",
            "Records that retention had deleted from Kafka before they could be read.",
            "topic",
            "partition",
        )
        self._stage_seconds = counter(
            "ingest_stage_seconds",
            "Where the time goes: seconds in consume (waiting for Kafka included), decode, score and save.",
            "stage",
        )
        for stage in STAGES:
            self._stage_seconds.labels(stage)
        self._batch_records = Histogram(
            "llm_monitor_batch_records",
            "Records of one saved batch; its count is that of the batches.",
            buckets=(1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 50_000),
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "llm_monitor_batch_seconds",
            "Time from a batch's first record to its being durable.",
            buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60),
            registry=registry,
        )
        self._in_flight = Gauge(
            "llm_monitor_in_flight_bytes",
            "Bytes of values that were read and are not saved.",
            registry=registry,
        )
        self._paused = Gauge(
            "llm_monitor_ingest_paused",
            "1 while nothing is read, since the store does not keep up or is away.",
            registry=registry,
        )
        self._assigned = Gauge(
            "llm_monitor_assigned_partitions", "Partitions that this worker owns.", registry=registry
        )
        self._tick = Gauge(
            "llm_monitor_ingest_tick_timestamp_seconds",
            "When the ingest loop last turned.",
            registry=registry,
        )

    def tick(self, now: datetime) -> None:
        """The loop turned."""
        self._tick.set(now.timestamp())

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """The assignment changed; lag is known only of what is ours."""
        self._assigned.set(len(partitions))
        self._lag.clear()
        log.info("partitions assigned", partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def saved(
        self,
        calls: Sequence[ScoredCall],
        letters: Sequence[DeadLetter],
        *,
        stored: int,
        duplicates: int,
        refused: int,
        records: Mapping[Partition, int],
        lost: Mapping[Partition, int],
        lag: Mapping[Partition, int],
    ) -> None:
        """A batch is durable."""
        self._stored.inc(stored)
        self._duplicates.inc(duplicates)
        for letter in letters:
            self._letters.labels(letter.reason).inc()
        if refused:
            self._letters.labels("refused_by_store").inc(refused)
        for name in OUTCOMES:
            for outcome, count in Counts(map(attrgetter(f"scores.{name}.outcome"), calls)).items():
                self._outcomes.labels(name, outcome).inc(count)
        for partition, count in records.items():
            self._records.labels(partition.topic).inc(count)
        for partition, count in lost.items():
            self._lost.labels(partition.topic, str(partition.partition)).inc(count)
        self.lag(lag)

    def batch(self, records: int, seconds: float) -> None:
        """A batch of so many records is durable, so many seconds after its first one was read."""
        self._batch_records.observe(records)
        self._batch_seconds.observe(seconds)

    def spent(self, **seconds: float) -> None:
        """So many seconds went by in these ``STAGES``."""
        for stage, spent in seconds.items():
            self._stage_seconds.labels(stage).inc(spent)

    def in_flight(self, size: int) -> None:
        """So many bytes of values were read and are not saved."""
        self._in_flight.set(size)

    def paused(self, paused: bool) -> None:
        """Whether reading waits for the store."""
        self._paused.set(paused)

    def lag(self, behind: Mapping[Partition, int]) -> None:
        """How many records of each partition are in Kafka and not yet saved."""
        for partition, records in behind.items():
            self._lag.labels(partition.topic, str(partition.partition)).set(records)

    def lag_unknown(self, error: Exception) -> None:
        """The brokers did not say how far their logs are ahead."""
        log.info("lag unknown", reason=str(error))

    def losing(self, partition: Partition, first: int, next_: int) -> None:
        """Records from ``first`` to before ``next_`` are gone from the log and were never read.

        They are counted when the batch that moves past them is durable.
        """
        log.error(
            "records lost: Kafka deleted them before they could be read",
            topic=partition.topic,
            partition=partition.partition,
            first=first,
            last=next_ - 1,
            records=next_ - first,
        )

    def without_call(self, items: int) -> None:
        """Items were read that held nothing of a call."""
        self._without_call.inc(items)

    def waiting(self, error: Exception) -> None:
        """Kafka or Postgres is away; the loop tries again."""
        self._waits.inc()
        log.warning("waiting", reason=str(error))

    def fenced(self, error: Exception) -> None:
        """A batch was dropped: its partition is another worker's."""
        self._fenced.inc()
        log.warning("fenced", reason=str(error))

    def raced(self, error: Exception) -> None:
        """Another worker finished a call that this one was about to finish."""
        self._raced.inc()
        log.info("raced", reason=str(error))

    def late(self, parts: int) -> None:
        """Parts came for calls that are finished; they are left out."""
        self._late.inc(parts)

    def stale(self, records: int) -> None:
        """Records came again that are saved already; they are left out."""
        self._stale.inc(records)
        log.warning("read again what was saved", records=records)

    def drop(self, dropped: Callable[[], int]) -> None:
        """Export how many retrieved passages and marks could not be stored or read."""
        self._dropped.set_function(dropped)

    def fold(self, folded: Callable[[str], int]) -> None:
        """Export how many combinations of dimensions had a value replaced by ``other``."""
        for dimension in DIMENSIONS:
            self._folded.labels(dimension).set_function(partial(folded, dimension))

    def bug(self, error: Exception) -> None:
        """A scorer raised."""
        self._bugs.labels(type(error).__name__).inc()
        log.error("scorer failed", exc_info=error)


class JudgeMetrics:
    """Counts of the second stage.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "llm_monitor_judge_seconds",
            "Time of one question to the judge; its count is that of the questions.",
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self._cost = Counter(
            "llm_monitor_judge_cost_dollars",
            "US dollars that the judge cost; a question of unknown cost counts as the dearest.",
            registry=registry,
        )
        self._no_verdict = Counter(
            "llm_monitor_judge_no_verdict",
            "Calls that were picked for the judge and got no verdict.",
            ("reason",),
            registry=registry,
        )
        self._pauses = Counter(
            "llm_monitor_judge_pauses", "Times that the judge was left alone for a while.", registry=registry
        )

    def asked(self, seconds: float, dollars: float) -> None:
        """A question was put to the judge, whatever came of it."""
        self._seconds.observe(seconds)
        self._cost.inc(dollars)

    def no_verdict(self, reason: str) -> None:
        """A call got no verdict."""
        self._no_verdict.labels(reason).inc()

    def paused(self, reason: str, seconds: float) -> None:
        """The judge failed, and is left alone for a while, if ``seconds`` is not 0."""
        if seconds:
            self._pauses.inc()
            log.warning("judge paused", reason=reason, seconds=seconds)

    def refused(self, error: Exception) -> None:
        """The judge won't work until a person has done something."""
        log.error("judge needs a person", reason=str(error))

    def bug(self, error: Exception) -> None:
        """A judge raised what it may not raise. Its message stays out: it may hold what the call is about."""
        log.error("judge failed", **origin(error))


class SupervisorMetrics:
    """What the supervisor says of its workers.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.workers = Gauge("llm_monitor_workers", "Workers that are to run here.", registry=registry)
        self.up = Gauge(
            "llm_monitor_worker_up", "1 while the worker's process runs.", ("worker",), registry=registry
        )
        self.ready = Gauge(
            "llm_monitor_worker_ready",
            "1 while the worker is connected and its loop turns.",
            ("worker",),
            registry=registry,
        )
        self.restarts = Counter(
            "llm_monitor_worker_restarts",
            "Workers that ended unasked and are started again.",
            ("worker", "reason"),
            registry=registry,
        )


class ControlMetrics:
    """Counts of the control process: rollups, evaluations, notifications.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge("llm_monitor_leader", "1 while this replica leads.", registry=registry)
        self.minutes = Counter(
            "llm_monitor_rollup_minutes", "Minutes recomputed from their calls.", registry=registry
        )
        self.hours = Counter(
            "llm_monitor_rollup_hours", "Hours recomputed from their minutes.", registry=registry
        )
        self.dirty = Gauge(
            "llm_monitor_dirty_minutes", "Minutes that wait to be recomputed.", registry=registry
        )
        self.dirty_age = Gauge(
            "llm_monitor_dirty_minutes_age_seconds",
            "How long the call that waits longest to be counted has waited.",
            registry=registry,
        )
        self.evaluations = Counter(
            "llm_monitor_evaluations", "Series evaluated, by verdict.", ("rule", "verdict"), registry=registry
        )
        self.evaluation_seconds = Histogram(
            "llm_monitor_evaluation_seconds", "Time of one evaluation of every rule.", registry=registry
        )
        self.watermark = Gauge(
            "llm_monitor_watermark_timestamp_seconds",
            "Every record that was written before is saved; 0 where that isn't known.",
            registry=registry,
        )
        self.stalled = Gauge(
            "llm_monitor_partitions_stalled",
            "Partitions of which nothing was heard for minutes: they hold the watermark.",
            registry=registry,
        )
        self.evaluated = Gauge(
            "llm_monitor_evaluated_timestamp_seconds",
            "The end of what the rules have judged.",
            registry=registry,
        )
        self.set_back = Counter(
            "llm_monitor_rules_set_back",
            "Times that a rule began anew as its last evaluation lay in the future: some clock was ahead.",
            ("rule",),
            registry=registry,
        )
        self.lateness = Gauge(
            "llm_monitor_lateness_seconds",
            "How long after its start a call has to be stored, and how long 99 of 100 take at most.",
            ("kind",),
            registry=registry,
        )
        self.transitions = Counter(
            "llm_monitor_alert_transitions", "State changes of alerts.", ("rule", "state"), registry=registry
        )
        self.unusable_silences = Counter(
            "llm_monitor_silences_unusable",
            "Times that an active silence could not be read, and muted nothing.",
            registry=registry,
        )
        self.notifications = Counter(
            "llm_monitor_notifications", "Delivery attempts.", ("channel", "result"), registry=registry
        )
        self.pending = Gauge(
            "llm_monitor_notifications_pending", "Notifications not yet delivered.", registry=registry
        )
        self.pending_age = Gauge(
            "llm_monitor_notifications_oldest_seconds",
            "Age of the oldest notification that is not held back and not delivered.",
            registry=registry,
        )
        self.heartbeats = Counter(
            "llm_monitor_heartbeats", "Beats of the dead man's switch.", ("result",), registry=registry
        )
        self.channel_failing = Gauge(
            "llm_monitor_channel_failing",
            "Whether the channel did not take what it was last given.",
            ("channel",),
            registry=registry,
        )
        self.parts = Gauge(
            "llm_monitor_parts_waiting", "Parts of calls that wait for the rest.", registry=registry
        )
        self.job_problems = Counter(
            "llm_monitor_job_problems",
            "Jobs that failed, came late or overlapped.",
            ("job", "problem"),
            registry=registry,
        )


def origin(error: Exception) -> dict[str, str]:
    """What a log says of a bug: its type, and where it was raised. Its message may hold what is nobody's."""
    frames = traceback.extract_tb(error.__traceback__)
    at = {"at": f"{frames[-1].filename}:{frames[-1].lineno}"} if frames else {}
    return {"type": type(error).__name__, **at}


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[None]:
    """A span around a block; costs next to nothing while no endpoint is configured."""
    tracer = trace.get_tracer("monitor", __version__)
    with tracer.start_as_current_span(name, attributes=attributes):
        yield


def start_tracing(endpoint: str | None, *, exporter: SpanExporter | None = None) -> TracerProvider | None:
    """Export spans to ``endpoint`` (the base address of an OTLP/HTTP receiver), if there is one.

    The usual ``OTEL_EXPORTER_OTLP_*`` variables work too. Gives the provider to be stopped with
    ``stop_tracing``, or ``None``.
    """
    variables = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if exporter is None:
        if not endpoint and not any(os.environ.get(name) for name in variables):
            return None
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None)
    resource = Resource.create({"service.name": "llm-monitor", "service.version": __version__})
    # The provider's own exit hook can hold the process for half a minute: see stop_tracing.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def stop_tracing(provider: TracerProvider | None) -> None:
    """Send what is left, for at most ``FLUSH_S`` seconds (``force_flush`` ignores its own timeout)."""
    if provider is not None:
        flush = threading.Thread(target=provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_S)
