"""Wires one replica: web first, then the workers, then control, until it is told to stop.

In comes a checked configuration; out goes a running service: control in this process, and each worker in a
process of its own, which ``monitor.workers.process`` wires. On purpose one straight line. Whatever was
started is stopped in reverse order, whatever happens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import sqlalchemy as sa
import structlog
from prometheus_client import CollectorRegistry

from monitor import telemetry
from monitor.clock import Clock, SystemClock
from monitor.config import Config, Settings
from monitor.control import (
    IngestWatch,
    Schedule,
    deliver,
    expire_events,
    expire_letters,
    look_after_outbox,
    maintain,
    recompute,
    recompute_old_hours,
    send_letters,
    tell_lateness,
)
from monitor.daemons import in_time
from monitor.deploy_api import DEPLOYS, deploys_route
from monitor.durations import seconds
from monitor.errors import ConfigError, Permanent, Transient
from monitor.evaluation import Evaluator
from monitor.heartbeat import Heartbeat
from monitor.hook_api import hooks_route
from monitor.letter_topic import LetterTopic
from monitor.notify import Delivery
from monitor.notify.alertmanager import AlertmanagerChannel
from monitor.patience import until_it_works
from monitor.proof import Prover
from monitor.resending import Resending
from monitor.routing import routing_of
from monitor.rules.watermark import last_closed_minute
from monitor.showing import Showing
from monitor.store import PostgresStore, connect
from monitor.store.alerts import Alerts
from monitor.store.counters import Counters
from monitor.store.current import Current
from monitor.store.database import transient_if_unreachable
from monitor.store.deploys import Notices
from monitor.store.leader import Leader
from monitor.store.migrate import current_revision, newest_revision
from monitor.store.outbox import Outbox
from monitor.store.rollups import MINUTE_WAITS
from monitor.store.silences import Silences
from monitor.store.suspects import suspect
from monitor.store.views import Views
from monitor.web import WebServer, build_app
from monitor.web.api import api_routes
from monitor.web.auth import Guard
from monitor.web.pages import page_routes
from monitor.workers.link import Start, WorkerProcess
from monitor.workers.nursery import Nursery
from monitor.workers.snapshots import Totals
from monitor.workers.supervisor import Supervisor

log = structlog.get_logger("monitor.service")

#: Seconds between two runs of the partition job, of the job that makes rollups of hours, and between two
#: looks at how late calls come.
MAINTENANCE_S, HOURS_S, LATENESS_S = 3_600.0, 60.0, 600.0

#: Seconds between two looks for new versions in the calls, and how far back a replica's first look goes.
DEPLOYS_S, DEPLOYS_SINCE = 60.0, timedelta(days=7)

#: Evaluations that may be missed in a row until the dead man's switch is not asked for any more.
MISSED = 5

#: Seconds between two looks for dead letters that are not in their topic yet.
LETTERS_S = 2.0


class Service:
    """One replica of the monitor.

    Args:
        settings: the checked configuration.
        nursery: where its workers come from.
        clock: what time it is.

    Attributes:
        registry: the metrics.
    """

    def __init__(self, settings: Settings, nursery: Nursery, clock: Clock | None = None) -> None:
        self._settings = settings
        self._nursery = nursery
        self._config = settings.config
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._supervisor: Supervisor | None = None
        self._waiting_for: str | None = None
        self.registry = CollectorRegistry()
        self._control_metrics = telemetry.ControlMetrics(self.registry)

    def stop(self) -> None:
        """Ask the service to end. May be called from another thread."""
        self._stopping.set()
        if self._supervisor is not None:
            self._supervisor.stop()

    def run(self, *, workers: int, control: bool = True) -> None:
        """Run until ``stop``: so many workers (0 for none), control, or both.

        Waits for Kafka and Postgres as long as it takes; ``/readyz`` says so meanwhile. Call it from the
        main thread, where the nursery is: workers end with the thread that it was opened in.

        Raises:
            ConfigError: the database is not at the revision that this release needs.
            Permanent: something that a person has to put right.
        """
        config = self._config
        with ExitStack() as cleanup:
            cleanup.callback(telemetry.stop_tracing, telemetry.start_tracing(config.telemetry.otlp_endpoint))
            engine = connect(config.database.url)
            cleanup.callback(engine.dispose)
            self._supervisor = self._make_supervisor(engine, workers) if workers else None
            deploys = deploys_route(engine, self._clock, config.web.token)
            guard = Guard(
                config.web.token,
                config.web.user_header,
                config.web.token or config.database.url,
                config.web.url,
                self._clock,
            )
            desk = Showing(
                engine,
                self._settings.rules.rules,
                config.kafka.topics,
                self._clock,
                config.grafana.dashboard,
                config.channels,
            )
            routes = [
                deploys,
                hooks_route(config.channels, Alerts(engine), Views(engine), self._clock),
                *api_routes(desk, guard, [DEPLOYS]),
                *page_routes(desk, guard, self._clock, config.web.url),
            ]
            app = build_app(self.registry, self._health, partial(self._ready, engine), routes)
            web = WebServer(app, config.web.host, config.web.port)
            cleanup.callback(web.close)
            log.info("web", address=f"http://{config.web.host}:{web.port}")
            until_it_works(
                partial(check_revision, engine), stop=self._stopping, waiting_for=self._set_waiting
            )
            if self._supervisor is not None and not self._stopping.is_set():
                self._supervisor.turn()  # they join their group meanwhile, which takes longest
            if control:
                self._start_control(engine, cleanup)
            if self._supervisor is not None and not self._stopping.is_set():
                self._supervisor.run()
            self._stopping.wait()
        log.info("stopped")

    def _make_supervisor(self, engine: sa.Engine, workers: int) -> Supervisor:
        config = self._config
        totals = Totals()
        self.registry.register(totals)
        # Unlike that of any other replica, and of this one before it was started again.
        given = config.kafka.client.get("group_instance_id")
        instance = given or f"llm-monitor-{uuid4().hex}"
        return Supervisor(
            lambda number: WorkerProcess(self._nursery, Start(number, config, f"{instance}-{number}")),
            workers=workers,
            record_timeout_s=seconds(config.ingest.record_timeout),
            suspect=partial(suspect, engine),
            metrics=telemetry.SupervisorMetrics(self.registry),
            totals=totals,
        )

    def _start_control(self, engine: sa.Engine, cleanup: ExitStack) -> None:
        config, clock, metrics = self._config, self._clock, self._control_metrics
        alerts, outbox, store = Alerts(engine), Outbox(engine), PostgresStore(engine)
        settle = timedelta(seconds=seconds(config.control.settle))
        channels = {name: settings.channel(clock) for name, settings in config.channels.items()}
        standing = {name: one for name, one in channels.items() if isinstance(one, AlertmanagerChannel)}

        def count(channel: str, result: str) -> None:
            metrics.notifications.labels(channel, result).inc()

        evaluator = Evaluator(
            self._settings.rules,
            Counters(engine),
            Prover(engine),
            alerts,
            Silences(engine),
            routing_of(config.routes, tuple(channels), channels.keys() - standing.keys()),
            metrics,
            config.grafana.dashboard,
            lambda: [one for one in outbox.states() if one.channel in channels],
        )
        delivery = Delivery(
            outbox,
            channels,
            fallback=config.fallback_channel,
            clock=clock,
            count=count,
            pages=config.web.url,
        )

        ingest = IngestWatch(
            engine,
            config.kafka.topics,
            clock,
            metrics,
            every=timedelta(seconds=seconds(config.control.evaluation_interval)),
        )
        heartbeat = make_heartbeat(config, clock, lambda result: metrics.heartbeats.labels(result).inc())

        def evaluate() -> None:
            read = ingest.look()
            recompute(engine, metrics, slices=2)
            last = last_closed_minute(read.at, settle) if read.at else None
            evaluator.evaluate(last, clock.now(), stalled=read.stands)
            if heartbeat is not None:
                heartbeat.evaluated()
            metrics.parts.set(store.parts_waiting())

        leader = Leader(config.database.url)
        cleanup.callback(in_time, leader.resign)
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
                keep_rollups=timedelta(seconds=seconds(config.retention.rollups)),
            ),
        )
        schedule.add(
            "rollups", seconds(every.rollup_interval), partial(recompute, engine, metrics, waits=MINUTE_WAITS)
        )
        schedule.add("hours", HOURS_S, partial(recompute_old_hours, engine, metrics))
        schedule.add("evaluate", seconds(every.evaluation_interval), evaluate)
        schedule.add("lateness", LATENESS_S, partial(tell_lateness, engine, clock, metrics, settle=settle))
        schedule.add(
            "outbox",
            seconds(every.delivery_interval),
            partial(look_after_outbox, outbox, delivery, config.channels, clock, metrics),
        )
        for name in config.channels:
            schedule.add(
                f"deliver {name}", seconds(every.delivery_interval), partial(deliver, delivery, name)
            )
        for name, channel in standing.items():
            resending = Resending(
                name,
                channel,
                {rule.key: rule for rule in self._settings.rules.rules},
                routing_of(config.routes, tuple(channels), {name}),
                Current(engine),
                alerts,
                outbox,
                fallback=config.fallback_channel,
                clock=clock,
                count=count,
                turn=timedelta(seconds=seconds(every.delivery_interval)),
                pages=config.web.url,
                dashboard=config.grafana.dashboard,
            )
            schedule.add(f"resend {name}", seconds(every.delivery_interval), resending.send)
        if heartbeat is not None:
            schedule.add("heartbeat", seconds(config.heartbeat.every), heartbeat.beat)
        schedule.add("deploys", DEPLOYS_S, Notices(engine, clock.now() - DEPLOYS_SINCE).look)
        schedule.add(
            "dead letters",
            MAINTENANCE_S,
            lambda: expire_letters(
                engine, clock, keep=timedelta(seconds=seconds(config.retention.dead_letters))
            ),
        )
        schedule.add(
            "events",
            MAINTENANCE_S,
            lambda: expire_events(
                engine, alerts, clock, keep=timedelta(seconds=seconds(config.retention.events))
            ),
        )
        if config.ingest.dead_letter_topic is not None:
            topic = LetterTopic(config.ingest.dead_letter_topic, config.kafka.client)
            cleanup.callback(topic.close)
            schedule.add("dead letter topic", LETTERS_S, partial(send_letters, engine, topic))
        cleanup.callback(schedule.close)
        schedule.start()

    def _set_waiting(self, what: str | None) -> None:
        self._waiting_for = what

    def _health(self) -> list[str]:
        """A process that waits is healthy; a supervisor that does not turn any more is not."""
        return self._supervisor.health() if self._supervisor is not None else []

    def _ready(self, engine: sa.Engine) -> list[str]:
        try:
            check_revision(engine)
            check_partition(engine, self._clock.now())
        except (Transient, Permanent) as error:
            return [str(error)]
        if self._waiting_for:
            return [self._waiting_for]
        return self._supervisor.problems() if self._supervisor is not None else []


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


def make_heartbeat(config: Config, clock: Clock, count: Callable[[str], None]) -> Heartbeat | None:
    """The dead man's switch that a configuration names, if it names one.

    Raises:
        ConfigError: its URL is none.
    """
    if not config.heartbeat.url:
        return None
    limit = timedelta(seconds=max(60.0, MISSED * seconds(config.control.evaluation_interval)))
    return Heartbeat(config.heartbeat.url, clock, limit=limit, count=count)


def check_channels(config: Config, clock: Clock) -> None:
    """Make every channel and the heartbeat once, so that a bad secret is found at the start, not at night.

    Raises:
        ConfigError: names what can't be made.
    """
    for name, channel in config.channels.items():
        try:
            channel.channel(clock)
        except ConfigError as error:
            raise ConfigError(f"channels.{name}: {error}") from error
    make_heartbeat(config, clock, lambda _result: None)
