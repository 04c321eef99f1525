"""The joiner on a fake store: parts are soon a call, whoever has the rest, whatever the clock does."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext
from datetime import timedelta

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.decode.assemble import arrived
from monitor.errors import Raced
from monitor.ingest import joiner as joining
from monitor.ingest.collected import Collected
from monitor.ingest.joiner import LEASE, Joiner
from monitor.ingest.reader import Reader, untried
from monitor.records import Call, Fragment, Scores, Waiting
from monitor.store import READ_BYTES, Batch, Parts, Saved
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
        never: of which groups nothing can ever be finished.
        saves: how many saves were tried.
        looks: how often somebody asked what waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock: ManualClock = ManualClock(NOON)
        self.races = 0
        self.never: set[str] = set()
        self.saves = 0
        self.looks = 0

    def joiner(self, score: Callable[[Call], Scores] = lambda call: scores()) -> Joiner:
        """The joiner of one more worker."""
        metrics = IngestMetrics(CollectorRegistry())
        reader = Reader(
            lambda record, window: pytest.fail("nothing is read here"),
            score,
            lambda place: nullcontext(),
            untried,
            keep_content=False,
            metrics=metrics,
        )
        return Joiner(self, reader, lambda calls: calls, self.clock, WAITS, timedelta(days=7), metrics)

    def waiting(self, groups: Collection[str], most: int = READ_BYTES) -> list[Waiting]:
        self.looks += 1
        return super().waiting(groups, most)

    def save(self, batch: Batch) -> Saved:
        self.saves += 1
        if self.races:
            self.races -= 1
            self._be_faster()
            raise Raced("another worker was faster")
        if any(mark.fragment.group in self.never for one in batch.parts.told for mark in one.marks):
            raise Raced("a bug of ours")
        return super().save(batch)

    def _be_faster(self) -> None:
        """What another worker does: it takes what waits, and puts something else there."""
        waiting = tuple(self.parts.values())
        again = tuple(structs.replace(part, part_id=None) for part in waiting)
        super().save(Batch((), (), {}, Parts(again, tuple(self.parts))))

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


def batch_of(*fragments: Fragment) -> Batch:
    """Parts that another worker has put there."""
    return Batch((), (), {}, Parts(tuple(arrived(fragments, NOON))))


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


def test_a_group_that_can_never_be_saved_ends_as_letters_and_its_neighbours_are_stored(
    store: Several,
) -> None:
    joiner = store.joiner()
    for number, group in enumerate("abcde"):
        span = fragment("s", response_id=group, group=group, offset=2 * number)
        store.save(together(joiner, span))
        store.save(batch_of(content("s", group=group, offset=2 * number + 1)))
    store.never = {"c"}
    store.clock.advance(WAITS.part)
    joiner.sweep(set())
    assert store.told() == ["a", "b", "d", "e"]
    letters = store.dead_letters.values()
    assert [(letter.offset, letter.reason) for letter in letters] == [
        (4, "decoder_failed"),
        (5, "decoder_failed"),
    ]
    assert store.parts_waiting() == 0


def test_a_race_that_was_lost_costs_no_letter(store: Several) -> None:
    joiner = store.joiner()
    store.save(together(joiner, SPAN))
    store.clock.advance(WAITS.part)
    store.races = 5
    for _ in range(6):
        joiner.sweep(set())
        store.clock.advance(LEASE)
    assert (store.told(), store.dead_letters) == (["r"], {})


def test_a_call_whose_scorer_fails_is_a_letter_for_each_part_and_none_is_late(store: Several) -> None:
    def broken(call: Call) -> Scores:
        raise ZeroDivisionError

    joiner = store.joiner(broken)
    event = content("s", offset=7)
    batch = together(joiner, SPAN, event)
    assert [(letter.offset, letter.reason) for letter in batch.dead_letters] == [
        (0, "scorer_failed"),
        (7, "scorer_failed"),
    ]
    store.save(batch)
    assert store.parts == {}
    store.save(together(store.joiner(), SPAN, event))
    assert store.told() == ["r"]


def test_a_part_that_is_older_than_the_days_that_are_kept_is_a_letter_and_stops_no_other(
    store: Several,
) -> None:
    joiner = store.joiner()
    store.save(together(joiner, SPAN))
    store.clock.advance(timedelta(days=9))
    store.save(together(joiner, fragment("young", 9 * 86_400, 9 * 86_400 + 1, group="u")))
    store.clock.advance(WAITS.part)
    joiner.sweep(set())
    assert store.told() == ["young"]
    assert [letter.reason for letter in store.dead_letters.values()] == ["too_old"]
    assert store.parts_waiting() == 0


def test_a_part_that_waited_while_nobody_was_there_is_no_day_too_old(store: Several) -> None:
    joiner = store.joiner()
    store.save(together(joiner, SPAN))
    store.clock.advance(timedelta(days=7, hours=1))
    joiner.sweep(set())
    assert store.told() == ["r"]


@pytest.mark.parametrize("room", [1, 1_000, 10_000], ids=["one", "some", "many"])
def test_however_little_is_read_at_once_every_call_is_put_together(
    store: Several, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of a trace that is too large are left to the sweep, which reads its oldest first."""
    monkeypatch.setattr(joining, "READ_BYTES", room)
    joiner = store.joiner()
    calls = [whole(f"w{n}", n, n + 1, parent_span_id="p") for n in range(12)]
    small = [fragment("s", group="small"), content("s", group="small")]
    for one in [*calls, *small]:
        store.save(together(joiner, one))
    for _ in range(12):
        store.clock.advance(WAITS.part)
        joiner.sweep(set())
    assert sorted(store.told()) == sorted(["s", *(f"w{n}" for n in range(12))])
    assert store.parts_waiting() == 0


def test_parts_that_are_left_apart_race_nobody(store: Several) -> None:
    joiner = store.joiner()
    store.save(together(joiner, SPAN))
    collected = Collected()
    collected.fragments.append(EVENT)
    batch = joiner.together(collected, set(), apart=True)
    assert (batch.calls, batch.parts.taken, batch.parts.told) == ((), (), ())
    store.save(batch)
    store.clock.advance(WAITS.context)
    joiner.sweep(set())
    assert store.told() == ["r"]
