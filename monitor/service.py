"""Wires the stages into one process: web first, then control, then ingest until it is told to stop.

In comes a checked configuration; out goes a running service. This is the one place that knows every stage,
on purpose one straight line. Whatever was started is stopped in reverse order, whatever happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import CollectorRegistry

from monitor import telemetry
from monitor.clock import Clock, SystemClock
from monitor.config import ChannelConfig, Config, JudgeConfig, LogChannelConfig, Settings
from monitor.control import Schedule, deliver, maintain, recompute
from monitor.decode import decode
from monitor.decode.assemble import Waits
from monitor.decode.dimensions import Mapping
from monitor.durations import seconds
from monitor.errors import ConfigError, Permanent, Transient
from monitor.evaluation import Evaluator
from monitor.judges import Bounds, Judge, Judging, Pick, Thresholds, load_judge
from monitor.notify import Channel, Delivery, LogChannel, WebhookChannel
from monitor.records import ScoredCall
from monitor.scorers import score
from monitor.scorers.grounding import GroundingThresholds
from monitor.source import KafkaSource
from monitor.store import PostgresStore, connect
from monitor.store.alerts import Alerts
from monitor.store.database import transient_if_unreachable
from monitor.store.leader import Leader
from monitor.store.migrate import current_revision, newest_revision
from monitor.store.windows import Windows
from monitor.web import WebServer, build_app
from monitor.worker import BACKOFF_S, Worker

log = structlog.get_logger("monitor.service")

#: Seconds without a turn of the ingest loop after which the process is no longer healthy. A poll takes half
#: a second and a wait at most ten; joining a group or a statement's timeout can take longer.
STUCK_AFTER_S = 60.0

#: Seconds between two runs of the partition job.
MAINTENANCE_S = 3_600.0

_Judge = Callable[[Sequence[ScoredCall]], Sequence[ScoredCall]]


class Service:
    """One replica of the monitor.

    Args:
        settings: the checked configuration.
        clock: what time it is.

    Attributes:
        registry: the metrics.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._config = settings.config
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._worker: Worker | None = None
        self._source: KafkaSource | None = None
        self._waiting_for: str | None = None
        self._turned = time.monotonic()
        self.registry = CollectorRegistry()
        self._ingest_metrics = telemetry.IngestMetrics(self.registry)
        self._judge_metrics = telemetry.JudgeMetrics(self.registry)
        self._control_metrics = telemetry.ControlMetrics(self.registry)

    def stop(self) -> None:
        """Ask the service to end. May be called from a signal handler or another thread."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()

    def run(self, *, ingest: bool = True, control: bool = True) -> None:
        """Run until ``stop``: ingest, control, or both.

        Waits for Kafka and Postgres as long as it takes; ``/readyz`` says so meanwhile.

        Raises:
            ConfigError: the judge can't be made, or the database is not at the revision that this release
                needs.
            Permanent: something that a person has to put right.
        """
        config = self._config
        with ExitStack() as cleanup:
            judge = self._judge(cleanup) if ingest else _no_judge
            provider = telemetry.start_tracing(config.telemetry.otlp_endpoint)
            cleanup.callback(telemetry.stop_tracing, provider)
            engine = connect(config.database.url)
            cleanup.callback(engine.dispose)
            app = build_app(self.registry, self._health if ingest else list, partial(self._ready, engine))
            web = WebServer(app, config.web.host, config.web.port)
            cleanup.callback(web.close)
            log.info("web", address=f"http://{config.web.host}:{web.port}")
            self._until_it_works(partial(check_revision, engine))
            if control:
                self._start_control(engine, cleanup)
            if ingest:
                self._ingest(engine, judge, cleanup)
            else:
                self._stopping.wait()
        log.info("stopped")

    def _ingest(self, engine: sa.Engine, judge: _Judge, cleanup: ExitStack) -> None:
        config, grounding = self._config.ingest, self._config.grounding
        kafka = self._config.kafka
        source = self._until_it_works(
            lambda: KafkaSource(
                kafka.topics,
                kafka.group_id,
                kafka.client,
                start=kafka.start,
                max_records=config.batch_records,
                linger_s=seconds(config.linger),
            )
        )
        if source is None:
            return
        self._source = source
        cleanup.callback(source.close)
        store = PostgresStore(engine, max_values=config.max_values_per_dimension)
        self._ingest_metrics.fold(store.series.folded.__getitem__)
        self._ingest_metrics.drop(lambda: store.parts_dropped)
        mapping = Mapping(config.dimensions)
        self._worker = Worker(
            source,
            store,
            decode=lambda record, window: decode(
                record,
                window=window,
                max_bytes=config.max_record_bytes,
                keep_content=config.keep_content,
                mapping=mapping,
            ),
            score=partial(score, thresholds=GroundingThresholds(grounding.suspect, grounding.unsupported)),
            judge=judge,
            clock=self._clock,
            max_lateness=timedelta(seconds=seconds(config.max_lateness)),
            max_skew=timedelta(seconds=seconds(config.max_skew)),
            keep_content=config.keep_content,
            metrics=self._ingest_metrics,
            waits=Waits(
                part=timedelta(seconds=seconds(config.part_wait)),
                context=timedelta(seconds=seconds(config.context_wait)),
            ),
            on_turn=self._on_turn,
        )
        if not self._stopping.is_set():
            self._worker.run()

    def _judge(self, cleanup: ExitStack) -> _Judge:
        """Asks the judge that is configured; changes no call where none is.

        Raises:
            ConfigError: it can't be made.
        """
        config = self._config.judge
        judge = make_judge(config)
        if judge is None:
            return _no_judge
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

    def _start_control(self, engine: sa.Engine, cleanup: ExitStack) -> None:
        config, clock, metrics = self._config, self._clock, self._control_metrics
        alerts, store = Alerts(engine), PostgresStore(engine)
        evaluator = Evaluator(
            self._settings.rules,
            Windows(engine),
            alerts,
            config.channels,
            metrics,
            settle=timedelta(seconds=seconds(config.control.settle)),
        )
        delivery = Delivery(
            alerts,
            {name: make_channel(channel, clock) for name, channel in config.channels.items()},
            fallback=config.fallback_channel,
            clock=clock,
            count=lambda channel, result: metrics.notifications.labels(channel, result).inc(),
        )

        def evaluate() -> None:
            recompute(engine, metrics)
            evaluator.evaluate(clock.now())
            metrics.parts.set(store.parts_waiting())

        leader = Leader(config.database.url)
        cleanup.callback(leader.resign)
        schedule = Schedule(leader.leads, metrics)
        every = config.control
        schedule.add(
            "partitions",
            MAINTENANCE_S,
            lambda: maintain(
                engine,
                clock,
                max_lateness=timedelta(seconds=seconds(config.ingest.max_lateness)),
                keep=timedelta(seconds=seconds(config.retention.calls)),
            ),
        )
        schedule.add("rollups", seconds(every.rollup_interval), partial(recompute, engine, metrics))
        schedule.add("evaluate", seconds(every.evaluation_interval), evaluate)
        schedule.add("deliver", seconds(every.delivery_interval), partial(deliver, delivery, alerts, metrics))
        cleanup.callback(schedule.close)
        schedule.start()

    def _until_it_works(self, attempt: Callable[[], Any]) -> Any:
        """The result of ``attempt``, tried again while it is transient; ``None`` after a stop."""
        backoff = BACKOFF_S[0]
        while not self._stopping.is_set():
            self._on_turn()
            try:
                result = attempt()
            except Transient as error:
                self._waiting_for = str(error)
                self._ingest_metrics.waiting(error)
                self._stopping.wait(backoff)
                backoff = min(backoff * 2, BACKOFF_S[1])
            else:
                self._waiting_for = None
                return result
        return None

    def _on_turn(self) -> None:
        self._turned = time.monotonic()

    def _health(self) -> list[str]:
        """A process that waits is healthy; one that does not turn any more is not."""
        idle = time.monotonic() - self._turned
        return [f"the ingest loop has not turned for {idle:.0f} s"] if idle > STUCK_AFTER_S else []

    def _ready(self, engine: sa.Engine) -> list[str]:
        try:
            check_revision(engine)
            check_partition(engine, self._clock.now())
        except (Transient, Permanent) as error:
            return [str(error)]
        if self._waiting_for:
            return [self._waiting_for]
        if self._source is not None and not self._source.connected():
            return ["Kafka: no connection to any broker"]
        return []


def check_revision(engine: sa.Engine) -> None:
    """Make sure that the database has the tables that this release needs.

    Raises:
        ConfigError: it has not; says what to run.
        Transient: it can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        revision = current_revision(connection)
    if revision != newest_revision():
        raise ConfigError(
            f"the database is at revision {revision or 'none'}, this release needs {newest_revision()}:"
            " run llm-monitor migrate with the same configuration"
        )


def check_partition(engine: sa.Engine, now: datetime) -> None:
    """Make sure that a call of now has a partition to go to.

    Raises:
        Permanent: it has not.
        Transient: the database can't be reached.
    """
    name = f"calls_{now:%Y%m%d}"
    with transient_if_unreachable(), engine.begin() as connection:
        if connection.execute(sa.text("SELECT to_regclass(:name)"), {"name": name}).scalar_one() is None:
            raise Permanent(f"partition {name} is missing: is a replica with control running?")


def make_channel(config: ChannelConfig, clock: Clock) -> Channel:
    """The channel that a configuration describes.

    Raises:
        ConfigError: its secret can't be used.
    """
    if isinstance(config, LogChannelConfig):
        return LogChannel()
    return WebhookChannel(config.url, clock, secret=config.secret)


def check_channels(config: Config, clock: Clock) -> None:
    """Make every channel once, so that a bad secret is found at the start and not at three in the morning.

    Raises:
        ConfigError: names the channel.
    """
    for name, channel in config.channels.items():
        try:
            make_channel(channel, clock)
        except ConfigError as error:
            raise ConfigError(f"channels.{name}: {error}") from error


def _no_judge(calls: Sequence[ScoredCall]) -> Sequence[ScoredCall]:
    """What stands where no judge is wanted."""
    return calls


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
