"""The joiner on a fake store: parts are soon a call, whoever has the rest, whatever the clock does."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.errors import Raced
from monitor.ingest.collected import Collected
from monitor.ingest.joiner import Joiner
from monitor.ingest.reader import Reader, untried
from monitor.records import Fragment, Waiting
from monitor.store import Batch, Saved
from monitor.telemetry import IngestMetrics
from tests.examples import NOON, scores
from tests.fakes import MemoryStore
from tests.fragments import WAITS, content, fragment, whole

SPAN, EVENT = fragment("s", response_id="r"), content("s")
A_SECOND = timedelta(seconds=1)


class Several(MemoryStore):
    """A store that some workers' joiners have in common.

    Attributes:
        clock: what time it is for all of them.
        races: how many saves another worker is in the way of.
        saves: how many saves were tried.
        looks: how often somebody asked what waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock: ManualClock = ManualClock(NOON)
        self.races = 0
        self.saves = 0
        self.looks = 0

    def joiner(self) -> Joiner:
        """The joiner of one more worker."""
        metrics = IngestMetrics(CollectorRegistry())
        reader = Reader(
            lambda record, window: pytest.fail("nothing is read here"),
            lambda call: scores(),
            lambda place: nullcontext(),
            untried,
            keep_content=False,
            metrics=metrics,
        )
        return Joiner(self, reader, lambda calls: calls, self.clock, WAITS, metrics)

    def waiting(self, groups: Collection[str]) -> list[Waiting]:
        self.looks += 1
        return super().waiting(groups)

    def save(self, batch: Batch) -> Saved:
        self.saves += 1
        if self.races:
            self.races -= 1
            raise Raced("another worker was faster")
        return super().save(batch)

    def told(self) -> list[str]:
        """The ids of the calls that are stored."""
        return [call_id for _, call_id in self.calls]


@pytest.fixture
def store() -> Several:
    return Several()


def together(joiner: Joiner, *fragments: Fragment) -> Batch:
    """The batch of a worker that has read these."""
    collected = Collected()
    collected.fragments.extend(fragments)
    return joiner.together(collected, set())


@pytest.mark.parametrize("races", [0, 2])
def test_parts_that_two_workers_save_at_the_same_moment_are_a_call_soon(store: Several, races: int) -> None:
    one, other = store.joiner(), store.joiner()
    for batch in [together(one, SPAN), together(other, EVENT)]:
        store.save(batch)
    assert store.told() == []
    store.races = races
    for _ in range(1 + races):
        store.clock.advance(A_SECOND)
        one.sweep(set())
    assert store.told() == ["r"]
    other.sweep(set())
    assert store.told() == ["r"]


@pytest.mark.parametrize(
    "read",
    [[(SPAN,), (EVENT,)], [(SPAN, EVENT)], [(whole("w", parent_span_id="p"),)]],
    ids=["one after the other", "in one batch", "a whole one that waits for what is around it"],
)
def test_parts_that_wait_for_no_other_worker_are_not_looked_at_again(
    store: Several, read: list[tuple[Fragment, ...]]
) -> None:
    joiner = store.joiner()
    for fragments in read:
        store.save(together(joiner, *fragments))
    store.clock.advance(A_SECOND)
    joiner.sweep(set())
    assert store.looks == len(read)


def test_a_part_that_is_looked_at_too_early_goes_on_waiting(store: Several) -> None:
    joiner = store.joiner()
    store.save(together(joiner, SPAN))
    store.clock.advance(A_SECOND)
    joiner.sweep(set())
    assert (store.told(), store.saves) == ([], 1)
    store.clock.advance(WAITS.part)
    joiner.sweep(set())
    assert store.told() == ["r"]


def test_calls_are_finished_while_the_clock_is_put_back(store: Several) -> None:
    joiner = store.joiner()
    joiner.sweep(set())
    store.clock.advance(-timedelta(hours=1))
    store.save(together(joiner, SPAN))
    store.clock.advance(WAITS.part)
    joiner.sweep(set())
    assert store.told() == ["r"]
