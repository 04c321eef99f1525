"""What every ``Store`` keeps to. The fake and the real one run these same tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec
import pytest

from monitor.errors import Fenced, Raced
from monitor.records import FragmentKind, Partition, Place, ScoredCall, Told, Waiting
from monitor.store import Batch, OffsetMove, Parts, Saved, Store
from tests.examples import NOON, PARTITION, batch, call, dead_letter, part, scored

OTHER = Partition("calls", 1)

GROUPS = ["t1", "t2", "t3"]
LEASE = timedelta(seconds=30)
DUE = NOON + timedelta(minutes=2)


def logged(at: datetime, call_id: str = "a", **fields: Any) -> ScoredCall:
    """A call whose record says no start."""
    one = scored(call_id, at, **fields)
    source = msgspec.structs.replace(one.call.source, logged=True)
    return msgspec.structs.replace(one, call=msgspec.structs.replace(one.call, source=source))


class Contents(NamedTuple):
    """What is in a store."""

    calls: list[str]
    """The ids, sorted; one that is stored twice is here twice."""
    dead_letters: list[int]
    """The offsets, sorted."""
    offsets: Mapping[Partition, int]
    ledger: Mapping[str, int]
    """Records, stored, duplicates and dead letters, summed over the partitions; lost ones, if any."""
    reached: Mapping[Partition, datetime] = {}
    """Up to when all of a partition is saved, where that is known."""


class Subject(Protocol):
    """A store under test, and a look inside."""

    @property
    def store(self) -> Store: ...

    def suspect(self, place: Place) -> None:
        """Write down that this record may have ended a worker."""
        ...

    def contents(self) -> Contents: ...


class StoreContract:
    """The tests; a class that inherits them has a fixture ``subject``."""

    def test_a_partition_that_was_never_saved_has_no_offset(self, subject: Subject) -> None:
        assert subject.store.offsets([PARTITION, OTHER]) == {PARTITION: None, OTHER: None}
        assert subject.store.offsets([]) == {}

    def test_it_says_what_time_it_is(self, subject: Subject) -> None:
        before = subject.store.now()
        assert before.tzinfo is not None
        assert subject.store.now() >= before

    def test_a_save_stores_the_calls_and_moves_the_offset(self, subject: Subject) -> None:
        saved = subject.store.save(batch([scored("a"), scored("b")], [dead_letter(2)]))
        assert saved == Saved(stored=2, duplicates=0, dead_letters=1)
        assert subject.store.offsets([PARTITION, OTHER]) == {PARTITION: 3, OTHER: None}
        assert subject.contents() == Contents(
            ["a", "b"],
            [2],
            {PARTITION: 3},
            {"records": 3, "stored": 2, "duplicates": 0, "dead_letters": 1},
        )

    def test_the_same_call_twice_in_one_batch_counts_once(self, subject: Subject) -> None:
        saved = subject.store.save(batch([scored("a", offset=0), scored("a", offset=1)]))
        assert saved == Saved(stored=1, duplicates=1, dead_letters=0)
        assert subject.contents().calls == ["a"]

    def test_the_same_call_in_a_later_batch_counts_once(self, subject: Subject) -> None:
        subject.store.save(batch([scored("a")]))
        saved = subject.store.save(batch([scored("a"), scored("b")], expected=1))
        assert saved == Saved(stored=1, duplicates=1, dead_letters=0)
        assert subject.contents().calls == ["a", "b"]

    def test_another_attempt_number_does_not_make_another_call(self, subject: Subject) -> None:
        saved = subject.store.save(batch([scored("a", attempt=1), scored("a", attempt=2)]))
        assert saved == Saved(stored=1, duplicates=1, dead_letters=0)

    def test_another_start_makes_another_call(self, subject: Subject) -> None:
        later = NOON + timedelta(microseconds=1)
        assert subject.store.save(batch([scored("a"), scored("a", later)])).stored == 2
        assert subject.contents().calls == ["a", "a"]

    @pytest.mark.parametrize("ids", [{}, {"request_id": "q"}, {"trace_id": "t"}], ids=["none", "q", "t"])
    @pytest.mark.parametrize("later", [timedelta(0, 1), timedelta(hours=13)], ids=str)
    def test_a_call_that_only_its_log_dates_counts_once_whenever_it_is_logged(
        self, subject: Subject, later: timedelta, ids: dict[str, Any]
    ) -> None:
        first, again = (logged(at, **ids) for at in (NOON, NOON + later))
        assert subject.store.save(batch([first])) == Saved(1, 0, 0)
        other = logged(NOON, "b", **ids)
        assert subject.store.save(batch([again, other], expected=1)) == Saved(1, 1, 0)
        assert subject.store.save(batch([again, logged(NOON, "c"), again], expected=3)) == Saved(1, 2, 0)
        assert subject.contents().calls == ["a", "b", "c"]

    def test_in_one_batch_a_call_that_only_its_log_dates_counts_once(self, subject: Subject) -> None:
        saved = subject.store.save(batch([logged(NOON), logged(NOON + timedelta(seconds=1)), scored("b")]))
        assert saved == Saved(2, 1, 0)

    def test_what_only_its_log_dates_is_another_call_in_another_request(self, subject: Subject) -> None:
        two = [logged(NOON), logged(NOON + timedelta(seconds=1), request_id="q")]
        assert subject.store.save(batch(two)) == Saved(2, 0, 0)

    @pytest.mark.parametrize("expected", [None, 0, 1, 3, 10**12])
    def test_a_stale_offset_is_fenced_and_saves_nothing(self, subject: Subject, expected: int | None) -> None:
        subject.store.save(batch([scored("a"), scored("b")]))
        before = subject.contents()
        with pytest.raises(Fenced):
            subject.store.save(batch([scored("new")], [dead_letter(7)], expected=expected))
        assert subject.contents() == before

    def test_an_offset_that_was_never_saved_is_no_offset(self, subject: Subject) -> None:
        with pytest.raises(Fenced):
            subject.store.save(batch([scored("a")], expected=0))
        assert subject.contents().calls == []

    @pytest.mark.parametrize("stale", [PARTITION, OTHER])
    def test_one_stale_partition_of_two_saves_nothing(self, subject: Subject, stale: Partition) -> None:
        subject.store.save(batch([scored("a")], partition=PARTITION))
        subject.store.save(batch([scored("b")], partition=OTHER))
        before = subject.contents()
        moves = {partition: OffsetMove(1, 2, 1, 2) for partition in (PARTITION, OTHER)}
        moves[stale] = msgspec.structs.replace(moves[stale], expected=0)
        with pytest.raises(Fenced):
            subject.store.save(Batch((scored("c"), scored("d")), (dead_letter(1),), moves))
        assert subject.contents() == before

    def test_several_partitions_move_together(self, subject: Subject) -> None:
        moves = {PARTITION: OffsetMove(None, 4, 1, 9), OTHER: OffsetMove(None, 7, 1, 7)}
        subject.store.save(Batch((scored("a"), scored("b")), (), moves))
        assert subject.store.offsets([OTHER, PARTITION]) == {PARTITION: 4, OTHER: 7}

    def test_dead_letters_alone_move_the_offset(self, subject: Subject) -> None:
        assert subject.store.save(batch([], [dead_letter(0), dead_letter(1)])) == Saved(0, 0, 2)
        assert subject.contents().offsets == {PARTITION: 2}
        assert subject.contents().dead_letters == [0, 1]

    def test_nothing_at_all_still_moves_the_offset(self, subject: Subject) -> None:
        assert subject.store.save(Batch((), (), {PARTITION: OffsetMove(None, 5, 0, 5)})) == Saved(0, 0, 0)
        assert subject.store.offsets([PARTITION]) == {PARTITION: 5}

    def test_an_offset_may_jump_over_a_gap(self, subject: Subject) -> None:
        subject.store.save(batch([scored("a")]))
        subject.store.save(Batch((scored("b"),), (), {PARTITION: OffsetMove(1, 1_000_000, 1, 1_000_000)}))
        assert subject.contents().offsets == {PARTITION: 1_000_000}

    def test_how_far_a_partition_has_come_never_goes_back(self, subject: Subject) -> None:
        minute = timedelta(minutes=1)
        for expected, reached, then in [
            (None, None, None),
            (0, NOON, NOON),
            (1, None, NOON),
            (2, NOON - minute, NOON),
            (3, NOON + minute, NOON + minute),
        ]:
            after = 0 if expected is None else expected + 1
            subject.store.save(Batch((), (), {PARTITION: OffsetMove(expected, after, 0, 9, reached=reached)}))
            assert subject.contents().reached == ({PARTITION: then} if then else {})

    def test_a_partition_may_come_further_without_any_record(self, subject: Subject) -> None:
        subject.store.save(batch([scored("a")]))
        subject.store.save(Batch((), (), {PARTITION: OffsetMove(1, 1, 0, 1, reached=NOON)}))
        assert subject.contents().offsets == {PARTITION: 1}
        assert subject.contents().reached == {PARTITION: NOON}
        later = OffsetMove(0, 0, 0, 0, reached=NOON + timedelta(minutes=1))
        with pytest.raises(Fenced):
            subject.store.save(Batch((), (), {PARTITION: later}))
        assert subject.contents().reached == {PARTITION: NOON}

    def test_what_was_lost_on_the_way_is_in_the_ledger(self, subject: Subject) -> None:
        subject.store.save(Batch((scored("a"),), (), {PARTITION: OffsetMove(None, 5, 1, 9, lost=4)}))
        subject.store.save(Batch((), (), {PARTITION: OffsetMove(5, 8, 0, 9, lost=3)}))
        assert subject.contents().ledger == {
            "records": 1,
            "stored": 1,
            "duplicates": 0,
            "dead_letters": 0,
            "lost": 7,
        }

    def test_a_batch_acquits_the_suspects_that_it_deals_with(self, subject: Subject) -> None:
        mine, later, other = Place(*PARTITION, 3), Place(*PARTITION, 7), Place(*OTHER, 3)
        for place in (mine, later, other):
            subject.suspect(place)
        moves = {PARTITION: OffsetMove(1, 4, 1, 4)}
        with pytest.raises(Fenced):
            subject.store.save(Batch((), (), moves, suspects=(mine,)))
        assert subject.store.suspects() == {mine, later, other}
        moves = {PARTITION: OffsetMove(None, 4, 1, 4)}
        subject.store.save(Batch((), (), moves, suspects=(mine,)))
        assert subject.store.suspects() == {later, other}

    def test_the_ledger_adds_up(self, subject: Subject) -> None:
        subject.store.save(batch([scored("a"), scored("a"), scored("b")], [dead_letter(3)]))
        subject.store.save(batch([scored("b"), scored("c")], expected=4))
        subject.store.save(batch([scored("d")], [dead_letter(0, OTHER)], partition=OTHER))
        contents = subject.contents()
        ledger = contents.ledger
        assert ledger == {"records": 8, "stored": 4, "duplicates": 2, "dead_letters": 2}
        assert ledger["stored"] == len(contents.calls)
        assert ledger["dead_letters"] == len(contents.dead_letters)

    # ------------------------------------------------------------------------------------------------ parts

    def test_parts_wait_and_are_found_by_their_group(self, subject: Subject) -> None:
        put = [part("s1"), part("s2", kind=FragmentKind.CONTENT, piece=True), part("s1", "t2")]
        assert subject.store.save(batch(put=put)) == Saved(0, 0, 0)
        assert unnumbered(subject.store.waiting(["t1"])) == put[:2]
        assert unnumbered(subject.store.waiting(["t2", "t3", "t1"])) == put
        assert subject.store.waiting(["t3"]) == []
        assert subject.store.waiting([]) == []
        assert subject.store.parts_waiting() == 3

    def test_of_parts_that_are_too_many_the_oldest_are_read_and_every_mark(self, subject: Subject) -> None:
        put = [part("s1"), mark("m1"), part("s2", "t2"), part("s3"), mark("m2")]
        subject.store.save(batch(put=put))
        sizes = subject.store.sizes([*GROUPS, "t9"])
        assert sizes.keys() == {"t1", "t2"}
        one = sizes["t2"]
        for most, spans in [
            (1, ["s1", "m1", "m2"]),
            (one + 1, ["s1", "m1", "s2", "m2"]),
            (4 * one, ["s1", "m1", "s2", "s3", "m2"]),
        ]:
            found = subject.store.waiting(["t1", "t2"], most)
            assert sorted(waiting.fragment.span_id for waiting in found) == sorted(spans)
        assert subject.store.sizes([]) == {}

    def test_a_call_that_was_put_together_leaves_its_marks(self, subject: Subject) -> None:
        told = Told(call("s1"), (part("s1"),), (mark("s1"),))
        subject.store.save(Batch((scored("s1"),), (), {}, Parts(told=(told,))))
        assert unnumbered(subject.store.waiting(["t1"])) == [mark("s1")]
        with pytest.raises(Raced):
            subject.store.save(Batch((scored("s1"),), (), {}, Parts(told=(told,))))

    def test_the_same_part_may_wait_twice(self, subject: Subject) -> None:
        subject.store.save(batch(put=[part("s1"), part("s1")]))
        one, other = subject.store.waiting(["t1"])
        assert one.part_id != other.part_id

    def test_a_part_that_is_taken_waits_no_more(self, subject: Subject) -> None:
        subject.store.save(batch(put=[part("s1"), part("s2")]))
        first, second = subject.store.waiting(GROUPS)
        assert subject.store.save(batch([scored("s1")], expected=0, taken=ids([first]))).stored == 1
        assert subject.store.waiting(GROUPS) == [second]

    def test_a_part_that_another_took_is_not_taken_again_and_nothing_is_saved(self, subject: Subject) -> None:
        subject.store.save(batch(put=[part("s1"), part("s2"), part("s3", "t2")]))
        first, second, _ = subject.store.waiting(GROUPS)
        subject.store.save(batch([scored("s1")], expected=0, taken=ids([first])))
        before = (subject.contents(), subject.store.waiting(GROUPS))
        late = batch(
            [scored("again")], [dead_letter(9)], expected=1, put=[part("s4")], taken=ids([first, second])
        )
        with pytest.raises(Raced):
            subject.store.save(late)
        assert (subject.contents(), subject.store.waiting(GROUPS)) == before

    @pytest.mark.parametrize(
        ("span_id", "response_id"),
        [("s1", None), ("s1", "r2"), ("s2", "r1")],
        ids=["span", "span", "response"],
    )
    def test_a_call_that_another_finished_is_not_finished_again_and_nothing_is_saved(
        self, subject: Subject, span_id: str, response_id: str | None
    ) -> None:
        subject.store.save(batch([scored("s1")], put=[mark("s1", response_id="r1")]))
        before = (subject.contents(), subject.store.waiting(GROUPS))
        again = batch([scored("again")], expected=1, put=[part("s3"), mark(span_id, response_id=response_id)])
        with pytest.raises(Raced):
            subject.store.save(again)
        assert (subject.contents(), subject.store.waiting(GROUPS)) == before

    def test_calls_of_other_groups_spans_and_responses_are_other_calls(self, subject: Subject) -> None:
        marks = [mark("s1", response_id="r1"), mark("s2", response_id="r2"), mark("s3"), mark("s4")]
        subject.store.save(batch(put=marks))
        others = [mark("s1", "t2", response_id="r1"), mark("r1"), part("s1", response_id="r1")]
        subject.store.save(batch(expected=0, put=others))
        assert {one.fragment.kind for one in subject.store.waiting(["t1"])} == {"call", "done"}
        assert len(subject.store.waiting(GROUPS)) == 7
        assert subject.store.parts_waiting() == 1

    def test_a_fenced_batch_neither_puts_nor_takes_parts(self, subject: Subject) -> None:
        subject.store.save(batch([scored("a")], put=[part("s1")]))
        waiting = subject.store.waiting(GROUPS)
        with pytest.raises(Fenced):
            subject.store.save(batch(expected=7, put=[part("s2"), mark("s1")], taken=ids(waiting)))
        assert subject.store.waiting(GROUPS) == waiting
        subject.store.save(batch(expected=1, put=[mark("s1")], taken=ids(waiting)))

    def test_a_batch_of_parts_alone_moves_no_offset_and_is_booked_where_its_call_was_read(
        self, subject: Subject
    ) -> None:
        subject.store.save(batch([], [dead_letter(0)], put=[part("s1")]))
        waiting = subject.store.waiting(GROUPS)
        calls = (scored("s1"), scored("s1"))
        saved = subject.store.save(Batch(calls, (dead_letter(5),), {}, Parts((mark("s1"),), ids(waiting))))
        assert saved == Saved(1, 1, 1)
        assert subject.contents() == Contents(
            ["s1"],
            [0, 5],
            {PARTITION: 1},
            {"records": 1, "stored": 1, "duplicates": 1, "dead_letters": 2},
        )

    def test_a_batch_of_parts_alone_is_booked_nowhere_if_its_partition_is_unknown(
        self, subject: Subject
    ) -> None:
        assert subject.store.save(Batch((scored("s1"),), (), {})) == Saved(1, 0, 0)
        assert subject.store.save(Batch((), (), {}, Parts((part("s2"),)))) == Saved(0, 0, 0)
        assert subject.contents().calls == ["s1"]
        assert subject.contents().offsets == {}
        assert sum(subject.contents().ledger.values()) == 0

    # -------------------------------------------------------------------------------------------------- due

    @pytest.mark.parametrize(
        ("later", "counts"),
        [
            ({"at": NOON + timedelta(minutes=5)}, True),
            ({"at": NOON - timedelta(minutes=5), "call_id": "other"}, True),  # the same span
            ({"at": NOON + timedelta(minutes=5), "span_id": "s2"}, True),  # the same response
            ({"at": NOON + timedelta(hours=2)}, False),
            ({"at": NOON + timedelta(minutes=5), "call_id": "other", "span_id": "s2"}, False),
            ({"at": NOON + timedelta(minutes=5), "trace_id": "t2"}, False),
            ({"at": NOON + timedelta(minutes=5), "trace_id": None}, False),
            ({}, False),  # itself: a duplicate, which a save tells
        ],
    )
    def test_a_call_of_which_another_part_was_counted_is_known(
        self, subject: Subject, later: dict[str, Any], counts: bool
    ) -> None:
        first: dict[str, Any] = {"call_id": "r", "trace_id": "t1", "span_id": "s1", "at": NOON}
        subject.store.save(batch([scored(**first)]))
        again = call(**(first | later))
        # Ids repeat: a cache and a server of fixtures answer every trace with the same one.
        elsewhere = call(again.call_id, again.started_at, trace_id="t9")
        assert subject.store.counted([again, elsewhere]) == (
            {(again.trace_id, again.call_id)} if counts else set()
        )

    def test_a_group_is_claimed_when_a_part_of_it_has_waited_long_enough(self, subject: Subject) -> None:
        soon = part("s2", "t2", due_at=NOON + timedelta(seconds=15))
        subject.store.save(batch(put=[part("s1"), part("s2", "t2"), soon, part("s3", "t3")]))
        assert claim(subject, soon.due_at - timedelta(microseconds=1)) == []
        assert claim(subject, soon.due_at) == ["t2"]
        assert len(subject.store.waiting(["t2"])) == 2
        assert claim(subject, DUE) == GROUPS

    def test_what_is_claimed_is_not_given_to_another_before_the_lease_ends(self, subject: Subject) -> None:
        subject.store.save(batch(put=[part("s1"), part("s2"), part("s3", "t2")]))
        assert claim(subject, DUE) == ["t1", "t2"]
        assert claim(subject, DUE + LEASE - timedelta(seconds=1)) == []
        assert claim(subject, DUE + LEASE) == ["t1", "t2"]

    def test_no_more_groups_are_claimed_than_asked_for_the_longest_due_first(self, subject: Subject) -> None:
        times = {group: DUE - timedelta(seconds=n) for n, group in enumerate(GROUPS)}
        subject.store.save(batch(put=[part("s1", group, due_at=due) for group, due in times.items()]))
        assert claim(subject, DUE, limit=2) == ["t2", "t3"]
        assert claim(subject, DUE, limit=2) == ["t1"]

    def test_a_claim_takes_nothing(self, subject: Subject) -> None:
        subject.store.save(batch(put=[part("s1")]))
        claim(subject, DUE)
        waiting = subject.store.waiting(["t1"])
        assert [one.arrived_at for one in waiting] == [NOON]
        subject.store.save(batch([scored("s1")], expected=0, taken=ids(waiting)))
        assert claim(subject, DUE + LEASE) == []

    def test_a_mark_that_has_served_its_time_is_gone_and_is_no_reason_to_claim(
        self, subject: Subject
    ) -> None:
        marks = [mark("s1"), mark("s2", due_at=DUE + LEASE)]
        subject.store.save(batch(put=marks))
        assert claim(subject, DUE) == []
        assert unnumbered(subject.store.waiting(["t1"])) == marks[1:]
        subject.store.save(batch(expected=0, put=marks[:1]))

    def test_the_mark_of_a_group_that_is_claimed_stays(self, subject: Subject) -> None:
        subject.store.save(batch(put=[part("s1"), mark("s2", due_at=DUE + timedelta(seconds=1))]))
        assert claim(subject, DUE) == ["t1"]
        assert claim(subject, DUE + timedelta(seconds=1)) == []
        assert [one.fragment.span_id for one in subject.store.waiting(["t1"])] == ["s1"]


def mark(span_id: str, group: str = "t1", **fields: Any) -> Waiting:
    """The mark of a finished call."""
    return part(span_id, group, kind=FragmentKind.DONE, **fields)


def ids(waiting: Iterable[Waiting]) -> tuple[int, ...]:
    """Their rows."""
    return tuple(one.part_id for one in waiting if one.part_id is not None)


def unnumbered(waiting: Iterable[Waiting]) -> list[Waiting]:
    """The same before they were put."""
    return [msgspec.structs.replace(one, part_id=None) for one in waiting]


def claim(subject: Subject, now: datetime, *, limit: int = 10) -> list[str]:
    """The groups that a worker gets."""
    return subject.store.claim_due(now, limit=limit, lease=LEASE)
