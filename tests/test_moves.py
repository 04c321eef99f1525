"""Label sets that move from state to state: who moves, why, and since when its evidence is gathered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.moves import Moved, follow_all
from monitor.rules.compare import of_value
from monitor.rules.detector import PAGE_LANES
from monitor.rules.judge import Compared, Counted, Reading
from monitor.rules.memory import NEVER, Memory
from monitor.rules.model import ThresholdRule
from monitor.rules.states import CODE, STAY, VERDICTS, Standing, State, Verdict, follow
from monitor.store.alerts import fingerprint

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
AT_NOON = int(NOON.timestamp()) // 60

_NEVER_OPEN, _ALWAYS_OPEN = {State.NORMAL, State.PENDING}, {State.FIRING, State.RECOVERING}
#: Where a label set can stand.
EVERY = [
    *(Standing(one, AT_NOON - 9) for one in State if one not in {*_ALWAYS_OPEN, State.STALE}),
    *(Standing(one, AT_NOON - 9, True) for one in State if one not in {*_NEVER_OPEN, State.STALE}),
    Standing(State.PENDING, AT_NOON - 2, False, AT_NOON - 1),
    Standing(State.RECOVERING, AT_NOON - 2, True, None, AT_NOON - 2),
]


def rule(for_: str = "0m", keep: str = "0m") -> ThresholdRule:
    return ThresholdRule(
        alert="A", metric="errors", by=("service",), above=0.1, runbook_url="x",
        for_=for_, keep_firing_for=keep,
    )  # fmt: skip


def remembered(*standings: Standing) -> Memory:
    memory = Memory()
    memory.grow([(f"s{n}",) for n in range(len(standings))])
    for n, standing in enumerate(standings):
        memory.stand(n, standing)
    return memory


def moved_by(
    memory: Memory, *verdicts: Verdict, after: int = 0, under: ThresholdRule | None = None
) -> list[Moved]:
    codes = [CODE[verdict] for verdict in verdicts]
    at = NOON + after * MINUTE
    return follow_all(under or rule(), memory, codes, None, at, lambda i: (f"said of {i}", {"i": i}))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_all_label_sets_at_once_move_as_each_by_itself(verdict: Verdict) -> None:
    under = rule(for_="2m", keep="2m")
    memory = remembered(*EVERY)
    memory.other_since[:] = AT_NOON - STAY
    moved = moved_by(memory, *[verdict] * len(EVERY), under=under)
    alone = [follow(one, verdict, under, AT_NOON) for one in EVERY]
    assert [memory.standing(n) for n in range(len(EVERY))] == [step.standing for step in alone]
    assert [(one.labels["service"], one.reason, one.evidence) for one in moved] == [
        (f"s{n}", f"{step.reason}: said of {n}", {"i": n})
        for n, step in enumerate(alone)
        if step.standing.state is not EVERY[n].state
    ]


@pytest.mark.parametrize("verdict", [Verdict.NO_DATA, Verdict.MISSING, Verdict.INSUFFICIENT, Verdict.CLEAR])
def test_the_same_verdict_again_moves_nothing(verdict: Verdict) -> None:
    memory = remembered(Standing())
    moved_by(memory, verdict)
    assert [moved_by(memory, verdict, after=n) for n in (1, 2, 3)] == [[], [], []]


def test_traffic_that_is_just_enough_or_just_not_is_no_row_each_time() -> None:
    memory = remembered(Standing(State.NORMAL, AT_NOON - 9))
    verdicts = [Verdict.INSUFFICIENT, Verdict.NO_DATA, Verdict.CLEAR, Verdict.INSUFFICIENT] * 60
    assert [one for n, said in enumerate(verdicts) for one in moved_by(memory, said, after=n)] == []


def test_a_state_without_an_alert_is_another_once_it_was_otherwise_for_half_an_hour() -> None:
    memory = remembered(Standing(State.NORMAL, AT_NOON - 9))
    moved = {n: moved_by(memory, Verdict.INSUFFICIENT, after=n) for n in range(STAY + 5)}
    assert [n for n, some in moved.items() if some] == [STAY]
    assert moved[STAY][0].after == Standing(State.INSUFFICIENT_DATA, AT_NOON + STAY)


def test_what_is_bad_waits_for_no_state() -> None:
    memory = remembered(Standing(State.NO_DATA, AT_NOON - 9))
    assert moved_by(memory, Verdict.CLEAR) == []
    ((one,), (end,)) = (
        moved_by(memory, said, after=n) for n, said in ((1, Verdict.BREACH), (2, Verdict.CLEAR))
    )
    assert (one.before.state, one.after.state) == (State.NO_DATA, State.FIRING)
    assert end.after.state is State.NORMAL


def test_one_that_moved_is_known_by_its_rule_and_labels() -> None:
    (one,) = moved_by(remembered(Standing()), Verdict.BREACH)
    assert one.fingerprint == fingerprint("A", "page", {"service": "s0"})
    assert (one.state, one.fired, one.onset_at) == ("firing", True, None)


@pytest.mark.parametrize(
    ("verdicts", "states"),
    [
        ([Verdict.BREACH, Verdict.BREACH, Verdict.BREACH], ["pending", "firing"]),
        ([Verdict.BREACH, Verdict.CLEAR], ["pending", "resolved"]),
        ([Verdict.BREACH] * 3 + [Verdict.NO_DATA] * 2, ["pending", "firing", "firing"]),
        ([Verdict.BREACH] * 3 + [Verdict.CLEAR] * 2, ["pending", "firing", "firing", "resolved"]),
    ],
    ids=["fires", "goes before its time", "is held", "recovers"],
)
def test_what_its_alert_is_after_each_move(verdicts: list[Verdict], states: list[str]) -> None:
    memory = remembered(Standing())
    moved = [
        one
        for n, verdict in enumerate(verdicts)
        for one in moved_by(memory, verdict, after=n, under=rule("2m", keep="1m"))
    ]
    assert [one.state for one in moved] == states
    assert sum(one.fired for one in moved) == states.count("firing") - ("firing" in states[2:])


def seen(memory: Memory, verdict: Verdict, after: int, rate: float) -> list[Moved]:
    """Who moves by a minute whose baseline has this rate."""
    known = np.array([rate])
    counted = Counted(np.array([100.0]), np.array([0.0]))
    compared = Compared(of_value(known), known, known * 0)
    reading = Reading(minute=counted, short=counted, window=counted, compared=compared)
    at = NOON + after * MINUTE
    return follow_all(rule("2m", keep="1m"), memory, [CODE[verdict]], reading, at, lambda _: ("", {}))


def test_what_an_alert_was_opened_against_is_kept_while_it_is_open_and_then_forgotten() -> None:
    memory = remembered(Standing())
    verdicts = [Verdict.BREACH] * 3 + [Verdict.NO_DATA] + [Verdict.CLEAR] * 2 + [Verdict.BREACH]
    kept, onsets = [], []
    for n, verdict in enumerate(verdicts):
        moved = seen(memory, verdict, n, n / 100)
        found, _ = memory.frozen.kept(of_value(np.array([0.5])), (), AT_NOON + n)
        kept.append(float(found.rate[0]))
        onsets += [one.onset_at for one in moved]
    assert kept[:5] == [0.0] * 5
    assert kept[5:] == [0.5, 0.06]
    assert onsets == [NOON] * 4 + [None] + [NOON + 6 * MINUTE]


def test_the_onset_of_an_alert_without_a_baseline_is_its_first_breach() -> None:
    memory = remembered(Standing())
    moved = []
    for n in range(3):
        moved += seen(memory, Verdict.BREACH, n, float("nan"))
    assert [(one.state, one.onset_at) for one in moved] == [("pending", NOON), ("firing", NOON)]
    assert memory.onset[0] != NEVER


def test_evidence_is_gathered_anew_after_an_alert_has_ended() -> None:
    memory = Memory(PAGE_LANES)
    memory.grow([("s0",), ("s1",)])
    memory.stand(0, Standing(State.FIRING, AT_NOON - 9, True, AT_NOON - 9))
    memory.evidence.score[:] = 5.0
    moved_by(memory, Verdict.CLEAR, Verdict.CLEAR)
    assert memory.evidence.score.tolist() == [[0.0] * 3, [5.0] * 3]
