"""The second stage around a judge, with a time of its own, so that tests wait for nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent import futures
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.judges import Bounds, Judge, Judging, Pick, Thresholds
from monitor.records import ScoredCall
from monitor.telemetry import JudgeMetrics

START = datetime(2026, 3, 10, 12, tzinfo=UTC)

#: Verdicts of one batch, by call: outcome, risk and detail.
Said = list[tuple[str, float | None, str | None]]


class Stage:
    """The second stage around a judge, with a time of its own.

    Args:
        judge: whom it asks.
        wait: waits for the questions of a batch.

    Attributes:
        seconds: of the monotonic clock.
        waits: the seconds that batches waited.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        wait: Callable[[Collection[Future[Any]]], object] = lambda asked: futures.wait(asked, 30),
        concurrency: int = 1,
        pick: Pick = Pick(),  # noqa: B008 - frozen
        per_minute: int = 1_000,
        cost_per_day: float = 1_000.0,
    ) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []
        self.registry = CollectorRegistry()
        self._clock = ManualClock(START)

        def note_and_wait(asked: Collection[Future[Any]], seconds: float) -> None:
            self.waits.append(seconds)
            wait(asked)

        self._judging = Judging(
            judge,
            name="fake",
            pick=pick,
            thresholds=Thresholds(0.5, 0.8),
            bounds=Bounds(
                per_minute=per_minute,
                cost_per_day=cost_per_day,
                max_cost=judge.max_cost,
                clock=self._clock,
                monotonic=lambda: self.seconds,
            ),
            wait_s=2.0,
            concurrency=concurrency,
            metrics=JudgeMetrics(self.registry),
            monotonic=lambda: self.seconds,
            wait=note_and_wait,
        )
        self.judged = self._judging.judged
        self.close = self._judging.close

    def say(self, *calls: ScoredCall) -> Said:
        """What is said of the calls of one batch."""
        return [
            (score.outcome, score.risk, score.detail)
            for score in (scored.scores.judge for scored in self.judged(calls))
        ]

    def later(self, seconds: float) -> None:
        """Time goes by."""
        self.seconds += seconds
        self._clock.advance(timedelta(seconds=seconds))

    def metric(self, name: str, **labels: str) -> float | None:
        """A metric's value."""
        return self.registry.get_sample_value(f"llm_monitor_judge_{name}", labels)
