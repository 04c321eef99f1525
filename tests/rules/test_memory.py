"""What a rule remembers: put away and read again, it goes on as if it never was; other bytes are refused."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.moves import Moved, follow_all
from monitor.rules.compare import of_counts
from monitor.rules.judge import Compared, Counted, Reading, judge, lanes_for
from monitor.rules.memory import NEVER, VERSION, Memory
from monitor.rules.model import RegressionRule
from monitor.rules.reason import explain
from monitor.rules.states import STATES, Standing, State

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

RULE = RegressionRule(
    alert="A", metric="errors", by=("service",), minimum_calls=20, for_="1m", keep_firing_for="2m",
    runbook_url="x",
)  # fmt: skip

#: The verdicts of a minute, and who moved.
Said = tuple[list[int], list[Moved]]

#: Calls and failures of each of three services in a minute; the last comes later.
Minute = tuple[tuple[int, int], ...]

minutes = st.lists(
    st.tuples(*[st.sampled_from([(100, 2), (100, 80), (100, 5), (3, 0), (0, 0)])] * 3),
    min_size=1,
    max_size=14,
)


def lived(counts: Sequence[Minute], put_away: frozenset[int] = frozenset()) -> tuple[list[Said], Memory]:
    """Every verdict and transition of these minutes; the memory is stored and read before some of them."""
    memory, said = Memory(lanes_for(RULE)), list[Said]()
    for n in range(len(counts)):
        if n in put_away:
            memory = Memory.decode(memory.encode(), lanes_for(RULE))
        services = 2 + (n > 3)
        memory.grow([(f"s{i}",) for i in range(services)])
        reading = read(counts[: n + 1], services)
        verdicts = judge(RULE, memory, reading)
        why = partial(explain, RULE, memory, reading)
        moved = follow_all(RULE, memory, verdicts, reading, NOON + n * MINUTE, why)
        said.append((verdicts.tolist(), moved))
    return said, memory


def read(counts: Sequence[Minute], services: int) -> Reading:
    """What is there to judge after these minutes."""

    def counted(last: int) -> Counted:
        some = np.array(counts[-last:], np.float64)[:, :services].sum(axis=0)
        return Counted(some[:, 0], some[:, 1])

    many = np.full(services, 50_000.0)
    baseline = of_counts(many, many * 0.02, 1)
    compared = Compared(baseline, baseline.rate, np.zeros(services))
    return Reading(minute=counted(1), short=counted(5), window=counted(60), compared=compared)


@given(minutes, st.sets(st.integers(0, 13)))
def test_a_memory_that_was_put_away_gives_the_same_answers(counts: list[Minute], put_away: set[int]) -> None:
    always, kept = lived(counts)
    again, restored = lived(counts, frozenset(put_away))
    assert again == always
    assert restored.encode() == kept.encode()


def test_the_minutes_of_that_property_lead_through_the_life_of_an_alert() -> None:
    bad, good = ((100, 80), (100, 2), (0, 0)), ((100, 2), (100, 2), (100, 2))
    said, _ = lived([good, *[bad] * 8, *[good] * 10])
    states = [one.after.state for _, moved in said for one in moved if one.labels == {"service": "s0"}]
    assert states[-4:] == [State.PENDING, State.FIRING, State.RECOVERING, State.NORMAL]


def test_label_sets_that_are_new_come_after_those_that_keep_their_places() -> None:
    memory = Memory(lanes_for(RULE))
    memory.grow([("a",), ("b",)])
    memory.stand(1, Standing(State.FIRING, 7, True, 9, None))
    memory.evidence.score[1] = 3.0
    memory.well_calls[1], memory.onset[1] = 12.0, 8
    memory.grow([("a",), ("b",), ("c",), ("d",)])
    assert memory.labels == [("a",), ("b",), ("c",), ("d",)]
    assert memory.standing(1) == Standing(State.FIRING, 7, True, 9, None)
    assert memory.open.tolist() == [False, True, False, False]
    assert memory.evidence.score.sum(axis=1).tolist() == [0, 9, 0, 0]
    assert (memory.well_calls[1], memory.onset[1]) == (12.0, 8)
    assert memory.standing(3) == Standing()
    assert memory.onset[3] == NEVER


@given(
    st.builds(
        Standing,
        st.sampled_from(STATES),
        st.integers(0, 2**40),
        st.booleans(),
        st.none() | st.integers(0, 2**40),
        st.none() | st.integers(0, 2**40),
    ),
    st.lists(st.text(), min_size=2, max_size=2).map(tuple),
    st.booleans(),
)
def test_every_standing_and_label_comes_back(
    standing: Standing, labels: tuple[str, ...], stale: bool
) -> None:
    memory = Memory()
    memory.grow([labels])
    memory.stand(0, standing)
    memory.stale = stale
    back = Memory.decode(memory.encode(), ())
    assert (back.standing(0), back.labels, back.stale) == (standing, [labels], stale)


def test_a_memory_of_nothing_comes_back_as_one() -> None:
    back = Memory.decode(Memory(lanes_for(RULE)).encode(), lanes_for(RULE))
    assert back.labels == []
    back.grow([("a",)])
    assert back.evidence.score.shape == (1, 3)


def test_evidence_that_is_forgotten_is_of_one_label_set() -> None:
    memory = Memory(lanes_for(RULE))
    memory.grow([("a",), ("b",)])
    memory.evidence.score[:] = 5.0
    memory.forget(0)
    assert memory.evidence.score.sum(axis=1).tolist() == [0, 15]


def packed(kept: object) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(kept))


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"nothing of the kind",
        zlib.compress(b"\xc1"),
        packed(7),
        packed({}),
        packed({"version": VERSION + 1}),
        packed({"version": VERSION}),
        packed({"version": VERSION, "labels": [["a"]], "stale": False, "arrays": {}}),
    ],
    ids=["none", "other", "no msgpack", "a number", "empty", "of a later version", "cut off", "half"],
)
def test_bytes_of_another_version_or_of_none_are_refused(kept: bytes) -> None:
    with pytest.raises(ValueError, match="stored evidence"):
        Memory.decode(kept, ())


def test_evidence_of_other_lanes_is_refused() -> None:
    memory = Memory(lanes_for(RULE))
    memory.grow([("a",)])
    with pytest.raises(ValueError, match="stored evidence"):
        Memory.decode(memory.encode(), ())
