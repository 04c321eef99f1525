"""What every ``Store`` keeps to. The fake and the real one run these same tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple, Protocol

import msgspec
import pytest

from monitor.errors import Fenced
from monitor.records import Partition
from monitor.store import Batch, OffsetMove, Saved, Store
from tests.examples import NOON, PARTITION, batch, dead_letter, scored

OTHER = Partition("calls", 1)


class Contents(NamedTuple):
    """What is in a store."""

    calls: list[str]
    """The ids, sorted; one that is stored twice is here twice."""
    dead_letters: list[int]
    """The offsets, sorted."""
    offsets: Mapping[Partition, int]
    ledger: Mapping[str, int]
    """Records, stored, duplicates and dead letters, summed over the partitions."""


class Subject(Protocol):
    """A store under test, and a look inside."""

    @property
    def store(self) -> Store: ...

    def contents(self) -> Contents: ...


class StoreContract:
    """The tests; a class that inherits them has a fixture ``subject``."""

    def test_a_partition_that_was_never_saved_has_no_offset(self, subject: Subject) -> None:
        assert subject.store.offsets([PARTITION, OTHER]) == {PARTITION: None, OTHER: None}
        assert subject.store.offsets([]) == {}

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

    def test_the_ledger_adds_up(self, subject: Subject) -> None:
        subject.store.save(batch([scored("a"), scored("a"), scored("b")], [dead_letter(3)]))
        subject.store.save(batch([scored("b"), scored("c")], expected=4))
        subject.store.save(batch([scored("d")], [dead_letter(0, OTHER)], partition=OTHER))
        contents = subject.contents()
        ledger = contents.ledger
        assert ledger == {"records": 8, "stored": 4, "duplicates": 2, "dead_letters": 2}
        assert ledger["stored"] == len(contents.calls)
        assert ledger["dead_letters"] == len(contents.dead_letters)
