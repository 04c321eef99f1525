"""One worker: wires source, decode, scores, judge and store, in a process that a nursery forks.

In comes what its supervisor says over the line; out go batches to Postgres, a report every second, and a
log in the same format. It ends after the batch it is at when it gets a SIGTERM or SIGINT, and at once when
its supervisor is gone: somebody else may be its supervisor's successor already. Run as a module this is the
nursery itself.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from prometheus_client import CollectorRegistry

from monitor import logs, telemetry
from monitor.clock import SystemClock
from monitor.config import JudgeConfig
from monitor.decode.assemble import Waits
from monitor.durations import seconds
from monitor.errors import ConfigError, Permanent
from monitor.ingest.at_hand import AtHand
from monitor.ingest.garbage import Garbage
from monitor.ingest.guard import Guard, TryAlone, limit_memory
from monitor.ingest.repeated import Repeated
from monitor.ingest.work import Work
from monitor.ingest.worker import Worker
from monitor.judges import Bounds, Judge, Judging, Pick, Thresholds, load_judge
from monitor.patience import until_it_works
from monitor.records import ScoredCall
from monitor.source import CHUNK_RECORDS, KafkaSource
from monitor.store import PostgresStore, connect
from monitor.store.database import SAVE_TIMEOUT_S
from monitor.store.suspects import deaths
from monitor.workers.link import Line, Report, Start, shared_at_hand
from monitor.workers.nursery import serve
from monitor.workers.snapshots import snapshot

log = structlog.get_logger("monitor.workers.process")

#: Seconds between two reports.
REPORT_S = 1.0

#: What the Kafka client is told where ``kafka.client`` says nothing else.
CLIENT: Mapping[str, Any] = {
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 1_500,
    # A worker can be told to stop only between two attempts to reach a broker.
    "bootstrap_timeout_ms": 5_000,
    "partition_assignment_strategy": ["range"],
}

_ASSIGNORS = {
    assignor.name: assignor
    for assignor in (
        RangePartitionAssignor,
        RoundRobinPartitionAssignor,
        StickyPartitionAssignor,
        CooperativeStickyAssignor,
    )
}


class Ingest:
    """What one worker process is made of.

    Args:
        start: what the supervisor said.
        at_hand: where it is to see which record is worked on.
    """

    def __init__(self, start: Start, at_hand: AtHand) -> None:
        self._start = start
        self._at_hand = at_hand
        self._config = start.config
        self._clock = SystemClock()
        self._stopping = threading.Event()
        self._worker: Worker | None = None
        self._source: KafkaSource | None = None
        self._waiting_for: str | None = "Kafka: connecting"
        self._turned = time.monotonic()
        self._registry = CollectorRegistry()
        self._ingest_metrics = telemetry.IngestMetrics(self._registry)
        self._judge_metrics = telemetry.JudgeMetrics(self._registry)

    def stop(self) -> None:
        """Ask it to end. May be called from another thread."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()

    def report(self, failure: str | None = None) -> Report:
        """How it is now. May be called from another thread."""
        return Report(
            snapshot(self._registry), time.monotonic() - self._turned, tuple(self._problems()), failure
        )

    def run(self) -> None:
        """Work until ``stop``. Waits for Kafka and Postgres as long as it takes.

        Raises:
            Permanent: something that a person has to put right.
        """
        config, ingest, kafka = self._config, self._config.ingest, self._config.kafka
        with ExitStack() as cleanup:
            judge = self._judge(cleanup)
            cleanup.callback(telemetry.stop_tracing, telemetry.start_tracing(config.telemetry.otlp_endpoint))
            engine = connect(config.database.url, statement_timeout_s=SAVE_TIMEOUT_S)
            cleanup.callback(engine.dispose)
            source = until_it_works(
                lambda: KafkaSource(
                    kafka.topics,
                    kafka.group_id,
                    client_settings(kafka.client, self._start.instance),
                    max_records=min(CHUNK_RECORDS, ingest.batch_records),
                ),
                stop=self._stopping,
                waiting_for=self._wait_for,
            )
            if source is None:
                return
            self._source = source
            cleanup.callback(source.close)
            store = PostgresStore(engine, max_values=ingest.max_values_per_dimension)
            self._ingest_metrics.fold(store.series.folded.__getitem__)
            self._ingest_metrics.drop(lambda: store.parts_dropped)
            work = Work(ingest, config.grounding)
            guard = Guard(self._at_hand, seconds(ingest.record_timeout))
            cleanup.callback(guard.stop)
            guard.start()
            garbage = Garbage()
            garbage.take_over()
            self._worker = Worker(
                source,
                store,
                decode=work.decode,
                score=work.score,
                judge=judge,
                clock=self._clock,
                max_lateness=timedelta(seconds=seconds(ingest.max_lateness)),
                max_skew=timedelta(seconds=seconds(ingest.max_skew)),
                keep_content=ingest.keep_content,
                start=kafka.start,
                linger_s=seconds(ingest.linger),
                batch_records=ingest.batch_records,
                batch_bytes=ingest.batch_bytes,
                metrics=self._ingest_metrics,
                waits=Waits(
                    part=timedelta(seconds=seconds(ingest.part_wait)),
                    context=timedelta(seconds=seconds(ingest.context_wait)),
                ),
                guard=guard,
                try_alone=Repeated(
                    TryAlone(
                        work,
                        timeout_s=seconds(ingest.record_timeout),
                        memory=ingest.worker_memory,
                        keep_content=ingest.keep_content,
                    ),
                    partial(deaths, engine),
                ),
                on_turn=self._on_turn,
                on_read=garbage.read,
            )
            if not self._stopping.is_set():
                self._worker.run()

    def _judge(self, cleanup: ExitStack) -> Callable[[Sequence[ScoredCall]], Sequence[ScoredCall]]:
        """Asks the judge that is configured; changes no call where none is.

        Raises:
            ConfigError: it can't be made.
        """
        config = self._config.judge
        judge = make_judge(config)
        if judge is None:
            return lambda calls: calls
        judging = Judging(
            judge,
            name=str(config.use),
            pick=Pick(config.of, config.share),
            thresholds=Thresholds(config.suspect, config.unsupported),
            bounds=Bounds(
                per_minute=config.per_minute,
                cost_per_day=config.cost_per_day,
                max_cost=judge.max_cost,
                clock=self._clock,
            ),
            wait_s=seconds(config.wait),
            concurrency=config.concurrency,
            metrics=self._judge_metrics,
        )
        cleanup.callback(judging.close)
        return judging.judged

    def _wait_for(self, what: str | None) -> None:
        self._waiting_for = what
        self._on_turn()

    def _on_turn(self) -> None:
        self._turned = time.monotonic()

    def _problems(self) -> list[str]:
        if self._waiting_for:
            return [self._waiting_for]
        if self._source is not None and not self._source.connected():
            return ["Kafka: no connection to any broker"]
        return []


def make_judge(config: JudgeConfig) -> Judge | None:
    """The judge that a configuration describes; ``None`` where none is wanted.

    Raises:
        ConfigError: there is no such judge, or it can't be asked even once.
    """
    if config.use is None:
        return None
    try:
        judge = load_judge(config.use, config.options)
    except ConfigError as error:
        raise ConfigError(f"judge: {error}") from error
    if judge.max_cost > config.cost_per_day:
        raise ConfigError(
            f"judge.cost_per_day: one question may cost {judge.max_cost:g} US dollars, more than the"
            f" {config.cost_per_day:g} of a day"
        )
    return judge


def client_settings(configured: Mapping[str, Any], instance: str) -> dict[str, Any]:
    """What the Kafka client is told: ours, and over it what is configured (see docs/reliability.md).

    A worker is a static member of its group, so that it takes its partitions back when it is started again.
    A configured ``group_instance_id`` of null makes it an ordinary one. Assignors are configured by name.
    """
    settings = {**CLIENT, "group_instance_id": instance, **configured}
    if settings["group_instance_id"] is not None:
        settings["group_instance_id"] = instance
    names = settings["partition_assignment_strategy"]
    settings["partition_assignment_strategy"] = [_ASSIGNORS[name] for name in names]
    return settings


def main() -> None:
    """Be a nursery, and the workers that it forks; the argument is the open socket of its supervisor.

    A worker works until it is told to stop.
    """
    line_number, memory_number = serve(socket.socket(fileno=int(sys.argv[1])))
    line = Line(line_number)
    start = line.start()
    logs.configure(start.config.log.level, start.config.log.format, worker=start.number)
    limit_memory(start.config.ingest.worker_memory)
    ingest = Ingest(start, shared_at_hand(memory_number))
    _stop_on_signal(ingest.stop)
    threading.Thread(target=_end_with_supervisor, args=(line,), name="line", daemon=True).start()
    ended = threading.Event()
    reporter = threading.Thread(target=_report, args=(line, ingest, ended), name="reports", daemon=True)
    reporter.start()
    failure: str | None = None
    status = 0
    try:
        ingest.run()
    except Permanent as error:
        failure, status = str(error), 1
    except Exception as error:
        log.error("worker failed", exc_info=error)
        status = 1
    ended.set()
    reporter.join()
    line.report(ingest.report(failure))
    raise SystemExit(status)


def _stop_on_signal(stop: Callable[[], None]) -> None:
    """Stop on the first SIGINT or SIGTERM. Others stay pending: a service manager may send one besides."""
    awaited = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)

    def wait() -> None:
        signal.sigwait(awaited)
        stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _end_with_supervisor(line: Line) -> None:
    line.wait_for_end()
    os._exit(1)


def _report(line: Line, ingest: Ingest, ended: threading.Event) -> None:
    while True:
        line.report(ingest.report())
        if ended.wait(REPORT_S):
            return


if __name__ == "__main__":
    main()
