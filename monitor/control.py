"""The control process: the jobs that one leader does at their intervals, and what each job is.

In come dirty minutes, rules and due notifications; out go rollups, state changes and deliveries. Each job
asks first whether this replica leads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from monitor import telemetry
from monitor.clock import Clock
from monitor.daemons import Daemons
from monitor.errors import Transient
from monitor.letter_topic import LetterTopic
from monitor.notify import Delivery
from monitor.rules.watermark import STALLS_AFTER, Watermark, watermark
from monitor.scorers.fallback.requests import relate
from monitor.store.alerts import Alerts
from monitor.store.database import server_now, transient_if_unreachable
from monitor.store.letters import expire, key_of, mark_sent, unsent
from monitor.store.outbox import Outbox
from monitor.store.partitions import ROLLUPS, drop_partitions, ensure_partitions
from monitor.store.rollups import (
    HOUR_WAITS,
    HOURS,
    SLICE,
    oldest_dirty,
    recompute_dirty,
    recompute_hours,
    waiting,
)
from monitor.store.series import free_values
from monitor.store.watermark import lateness, read_progress

log = structlog.get_logger("monitor.control")

#: Longest time, in seconds, between two looks at which jobs are due.
LOOK_S = 1.0

#: Slices of dirty minutes that one job recomputes before it lets the others run.
SLICES_AT_ONCE = 50

#: Dead letters that one statement deletes, and that are in memory at once on their way to their topic, each
#: with some megabytes perhaps; and how often in a row before it is others' turn.
LETTERS_DELETED = 5_000
LETTERS_SENT = 50
ROUNDS = 100

#: Changes of state that one statement deletes.
EVENTS_DELETED = 5_000

#: How long a slice takes, about: nobody else can recompute meanwhile.
SLICE_S = 1.0


class _Threads(BasePoolExecutor):  # type: ignore[misc]  # it has no types
    """Runs jobs in threads that a stop does not wait for when they hang."""

    def __init__(self) -> None:
        super().__init__(Daemons())


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # it has no types
    """A scheduler of jobs at intervals that goes on when the machine's clock is put back.

    Its jobs are due at times of day: put back by an hour, none of them would run for an hour.
    """

    _latest: datetime | None = None

    def _process_jobs(self) -> float | None:
        now = datetime.now(self.timezone)
        if self._latest is not None and now < self._latest:
            for job in self.get_jobs():
                job.modify(next_run_time=now)
        self._latest = now
        wait: float | None = super()._process_jobs()
        # It may have been put back since it was asked, and then it looks long until the next job is due.
        return None if wait is None else min(wait, LOOK_S)


class Schedule:
    """The jobs of the leader, each at its interval.

    Args:
        leads: whether this replica leads now.
        metrics: where problems are counted.
    """

    def __init__(self, leads: Callable[[], bool], metrics: telemetry.ControlMetrics) -> None:
        self._leads = leads
        self._metrics = metrics
        self._scheduler = _Scheduler(
            timezone="UTC",
            executors={"default": _Threads()},
            job_defaults={"coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(
            self._problem, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    def add(self, name: str, every_s: float, job: Callable[[], object]) -> None:
        """Run ``job`` at once and then every ``every_s`` seconds, when this replica leads."""
        self._scheduler.add_job(
            self._run_if_leading,
            "interval",
            (name, job),
            seconds=every_s,
            id=name,
            next_run_time=datetime.now(self._scheduler.timezone),
            # A run that comes late is still worth making: its result depends on the time it is given.
            misfire_grace_time=max(1, int(every_s)),
        )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def close(self) -> None:
        """Let running jobs end, if they do so soon, then stop."""
        self._scheduler.shutdown(wait=True)

    def _run_if_leading(self, name: str, job: Callable[[], object]) -> None:
        leads = self._leads()
        self._metrics.leader.set(leads)
        if leads:
            try:
                job()
            except Transient as error:
                self._metrics.job_problems.labels(name, "transient").inc()
                log.warning("job will be tried again", job=name, reason=str(error))

    def _problem(self, event: JobEvent) -> None:
        problem = {EVENT_JOB_ERROR: "error", EVENT_JOB_MISSED: "missed"}.get(event.code, "overlap")
        self._metrics.job_problems.labels(event.job_id, problem).inc()
        log.error("job", job=event.job_id, problem=problem, exc_info=getattr(event, "exception", None))


def recompute(
    engine: sa.Engine,
    metrics: telemetry.ControlMetrics,
    *,
    waits: timedelta = timedelta(),
    slices: int = SLICES_AT_ONCE,
) -> None:
    """Recompute dirty minutes, newest first, until none is left or it is others' turn.

    The newest minute comes alone, and how long it takes says how many of the next come together.

    Args:
        engine: where.
        metrics: where to count.
        waits: how long the marks of a minute that is not over wait for more.
        slices: at most so many.

    Raises:
        Transient: Postgres can't be reached.
    """
    size = 1
    for _ in range(slices):
        began = time.monotonic()
        with telemetry.span("control.rollups"):
            done = recompute_dirty(engine, slice_=size, relate=relate, waits=waits)
        metrics.minutes.inc(done)
        if done < size:
            break
        fitting = int(size * SLICE_S / max(time.monotonic() - began, 0.001))
        size = max(1, min(SLICE, 8 * size, fitting))
    minutes, age = waiting(engine)
    metrics.dirty.set(minutes)
    metrics.dirty_age.set(age)


class IngestWatch:
    """Says until when everything is read, and which partitions hold that up.

    Args:
        engine: where.
        topics: that are read.
        clock: what time it is.
        metrics: where to say it.
        every: how often it is asked, while this replica leads.
    """

    def __init__(
        self,
        engine: sa.Engine,
        topics: Sequence[str],
        clock: Clock,
        metrics: telemetry.ControlMetrics,
        *,
        every: timedelta = timedelta(),
    ) -> None:
        self._engine = engine
        self._topics = topics
        self._clock = clock
        self._metrics = metrics
        #: Not asked for so long: another replica led meanwhile.
        self._away = STALLS_AFTER + every
        self._since: datetime | None = None
        self._asked = datetime.min.replace(tzinfo=UTC)

    def look(self) -> Watermark:
        """The watermark now.

        Raises:
            Transient: Postgres can't be reached.
        """
        now = self._clock.now()
        if self._since is None or not self._asked <= now <= self._asked + self._away:
            self._since = now
        self._asked = now
        reached = watermark(read_progress(self._engine, self._topics), now, since=self._since)
        if reached.at is not None:
            self._since = None
        self._metrics.watermark.set(reached.at.timestamp() if reached.at else 0.0)
        self._metrics.stalled.set(len(reached.stalled))
        return reached


def tell_lateness(
    engine: sa.Engine, clock: Clock, metrics: telemetry.ControlMetrics, *, settle: timedelta
) -> None:
    """Say how late calls come, and warn where the rules don't wait for so long.

    Raises:
        Transient: Postgres can't be reached.
    """
    metrics.lateness.labels("configured").set(settle.total_seconds())
    measured = lateness(engine, clock.now())
    if measured is None:
        return
    metrics.lateness.labels("measured").set(measured.total_seconds())
    if measured > settle:
        log.warning(
            "calls come later than rules wait for them",
            lateness_s=round(measured.total_seconds(), 1),
            settle_s=settle.total_seconds(),
            help="set control.settle to more than lateness_s, or find out what holds the calls up",
        )


def recompute_old_hours(engine: sa.Engine, metrics: telemetry.ControlMetrics) -> None:
    """Recompute the dirty hours that are over, newest first, until none is left or it is others' turn.

    Raises:
        Transient: Postgres can't be reached.
    """
    for _ in range(SLICES_AT_ONCE):
        with telemetry.span("control.hours"):
            hours = recompute_hours(engine, waits=HOUR_WAITS)
        metrics.hours.inc(hours)
        if hours < HOURS:
            return


def maintain(
    engine: sa.Engine, clock: Clock, *, max_lateness: timedelta, keep: timedelta, keep_rollups: timedelta
) -> None:
    """Make the coming days' partitions, drop those whose time is over, and free what only their calls had.

    The days of calls are made by this machine's clock and by Postgres': workers go by either.

    Raises:
        Transient: Postgres can't be reached.
    """
    now, theirs = clock.now(), server_now(engine)
    with transient_if_unreachable(), engine.begin() as connection:
        # Give up soon where somebody reads a table: others would wait behind us for their end.
        connection.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
        made = [
            name
            for at in (theirs, now)
            for name in ensure_partitions(connection, at, max_lateness=max_lateness)
        ]
    # A leader that was away for so long that days went by has their rollups still to make.
    needed = oldest_dirty(engine)
    surely = min(now, theirs)
    dropped = [
        *drop_partitions(engine, min(surely, needed + keep) if needed else surely, keep=keep),
        *drop_partitions(engine, surely, keep=keep_rollups, of=ROLLUPS),
    ]
    if made or dropped:
        log.info("partitions", made=made, dropped=dropped)
    if freed := free_values(engine):
        log.info("values of dimensions", freed=freed)


def _surely_now(engine: sa.Engine, clock: Clock) -> datetime:
    """What time it is at least: what is dropped by a clock that has jumped ahead never comes back.

    Raises:
        Transient: Postgres can't be reached.
    """
    return min(clock.now(), server_now(engine))


def expire_letters(engine: sa.Engine, clock: Clock, *, keep: timedelta) -> None:
    """Delete the dead letters whose time is over: some at once, so that nothing waits for it.

    Raises:
        Transient: Postgres can't be reached.
    """
    before = _surely_now(engine, clock) - keep
    deleted = [expire(engine, before, LETTERS_DELETED)]
    while deleted[-1] == LETTERS_DELETED and len(deleted) < ROUNDS:
        deleted.append(expire(engine, before, LETTERS_DELETED))
    if deleted[0]:
        log.info("dead letters", deleted=sum(deleted))


def expire_events(engine: sa.Engine, alerts: Alerts, clock: Clock, *, keep: timedelta) -> None:
    """Delete the changes of state without an alert whose time is over: some at once, so that nothing waits.

    Raises:
        Transient: Postgres can't be reached.
    """
    before = _surely_now(engine, clock) - keep
    for _ in range(ROUNDS):
        if alerts.expire_events(before, EVENTS_DELETED) < EVENTS_DELETED:
            return


def send_letters(engine: sa.Engine, topic: LetterTopic) -> None:
    """Write to the topic the dead letters that are not there yet, the oldest first.

    A letter is marked when Kafka has it, so a crash between the two writes it again.

    Raises:
        Transient: Postgres can't be reached, or Kafka does not take a letter now.
    """
    for _ in range(ROUNDS):
        letters = unsent(engine, LETTERS_SENT)
        if not letters:
            return
        topic.send(letters)
        mark_sent(engine, [key_of(one.letter) for one in letters])


def deliver(delivery: Delivery, channel: str) -> None:
    """Deliver what is due on a channel.

    Raises:
        Transient: Postgres can't be reached.
    """
    with telemetry.span("control.deliver", channel=channel):
        delivery.deliver(channel)


def look_after_outbox(
    outbox: Outbox,
    delivery: Delivery,
    channels: Collection[str],
    clock: Clock,
    metrics: telemetry.ControlMetrics,
) -> None:
    """Give up what is for channels that are no longer configured; say what waits, and which channels fail.

    Raises:
        Transient: Postgres can't be reached.
    """
    for name in outbox.channels():
        if name not in channels:
            delivery.deliver(name)
    now = clock.now()
    count, oldest = outbox.pending(now)
    metrics.pending.set(count)
    metrics.pending_age.set((now - oldest).total_seconds() if oldest else 0.0)
    for state in outbox.states():
        if state.channel in channels:
            metrics.channel_failing.labels(state.channel).set(state.failing_since is not None)
