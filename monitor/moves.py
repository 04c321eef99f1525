"""Moves the label sets of a rule from state to state by one minute's verdicts, and says which have moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from monitor.reading import by_of
from monitor.rules.judge import Bools, Codes, Reading
from monitor.rules.memory import NEVER, Memory
from monitor.rules.model import Rule
from monitor.rules.states import CODE, STATE_CODE, STATES, STAY, VERDICTS, Standing, State, Verdict, follow
from monitor.store.alerts import fingerprint

#: Gives a sentence about a label set, and the numbers that it rests on.
Explain = Callable[[int], tuple[str, Mapping[str, Any]]]

#: What changes nothing, and is what most label sets do in most minutes.
_STILL = [
    (State.NORMAL, Verdict.CLEAR),
    (State.NORMAL, Verdict.BETWEEN),
    (State.INSUFFICIENT_DATA, Verdict.INSUFFICIENT),
    (State.INSUFFICIENT_DATA, Verdict.UNLEARNED),
    (State.NO_DATA, Verdict.NO_DATA),
    (State.MISSING_SERIES, Verdict.MISSING),
]


class Moved(msgspec.Struct, frozen=True):
    """One label set of a rule that is in another state than it was."""

    rule: Rule
    labels: dict[str, str]
    before: Standing
    after: Standing
    reason: str
    evidence: Mapping[str, Any] = {}
    onset_at: datetime | None = None
    """When the evidence began."""
    about_alert: bool = True
    """Whether an alert may be about these labels; else it is about the rule as a whole."""

    @property
    def fingerprint(self) -> str:
        """The identity of the alert that would be about it."""
        return fingerprint(self.rule.alert, self.rule.severity, self.labels)

    @property
    def fired(self) -> bool:
        """Whether it fires now and did not before."""
        return self.after.open and not self.before.open

    @property
    def state(self) -> str:
        """What its alert is now: pending, firing or resolved."""
        if self.after.open:
            return "firing"
        return "pending" if self.after.state is State.PENDING else "resolved"


def follow_all(
    rule: Rule,
    memory: Memory,
    verdicts: Codes | Sequence[int],
    reading: Reading | None,
    minute: datetime,
    explain: Explain,
) -> list[Moved]:
    """Move every label set by its verdict; gives those that are in another state now."""
    codes = np.asarray(verdicts, np.int64)
    now = int(minute.timestamp()) // 60
    memory.settle(np.flatnonzero(memory.is_new), _SETTLED[codes], now)
    still = (_QUIET[memory.state, codes] & ~memory.open) | _hesitates(memory, codes, now)
    moved = []
    for i in np.flatnonzero(~still).tolist():
        before = memory.standing(i)
        after, reason = follow(before, VERDICTS[codes[i]], rule, now)
        memory.stand(i, after)
        if after.state is before.state:
            continue
        said, evidence = explain(i)
        if before.open and after.state is State.NORMAL and memory.frozen.is_old(i, now):
            reason = "what was worse for four weeks is what is usual now"
        onset = _remember(memory, i, before, after, now, reading)
        labels = dict(zip(by_of(rule), memory.labels[i], strict=True))
        moved.append(Moved(rule, labels, before, after, f"{reason}: {said}", evidence, onset))
    if reading is not None:
        freeze(memory, reading, memory.open | (memory.state == STATE_CODE[State.PENDING]), now)
    return moved


def _hesitates(memory: Memory, codes: Codes, now: int) -> Bools:
    """Which would go from one state without an alert to another, but were not so for long enough."""
    other = _WITHOUT_ALERT[memory.state] & ~memory.open & (codes != CODE[Verdict.BREACH])
    other &= _SETTLED[codes] != memory.state
    began = np.where(memory.other_since == NEVER, now, memory.other_since)
    memory.other_since = np.where(other, began, NEVER)
    waits: Bools = other & (now - began < STAY)
    return waits


def freeze(memory: Memory, reading: Reading, resting: Bools, now: int) -> None:
    """Keep what alerts were judged by, while they are open and until there is a past to learn from again.

    Args:
        memory: where it is kept.
        reading: what was judged by.
        resting: which label sets have an alert that is open or pending, ``[S]``.
        now: the minute that was judged, since the epoch.
    """
    compared = reading.compared
    if len(memory.frozen):
        memory.frozen.drop(~resting & (True if compared.learned is None else compared.learned))
    if resting.any():
        onset = np.where(memory.onset == NEVER, now, memory.onset)
        memory.frozen.keep(resting, onset, compared.baseline, compared.levels, now, hourly=compared.hourly)


def _remember(
    memory: Memory, i: int, before: Standing, after: Standing, now: int, reading: Reading | None
) -> datetime | None:
    """Keep what an alert rests on while it is open or pending; gives when its evidence began."""
    rests = after.open or after.state is State.PENDING
    if rests and memory.onset[i] == NEVER and reading is not None:
        memory.onset[i] = now - max(_lasted(memory, i), 1) + 1
    if before.open and not after.open:
        memory.forget(i)
    if not rests:
        memory.onset[i] = NEVER
        return None
    onset = memory.onset[i]
    return datetime.fromtimestamp(60 * int(onset), UTC) if onset != NEVER else None


def _lasted(memory: Memory, i: int) -> int:
    """Minutes since the evidence began, in the lane that has most of it; 0 of a rule that gathers none."""
    shares = [memory.evidence.score[i, n] / lane.threshold for n, lane in enumerate(memory.lanes)]
    return int(memory.evidence.minutes[i, int(np.argmax(shares))]) if shares else 0


#: The state that a label set begins in, by its first verdict: to be seen at first is no transition.
_SETTLED = np.full(len(VERDICTS), STATE_CODE[State.NORMAL])
_SETTLED[CODE[Verdict.INSUFFICIENT]] = STATE_CODE[State.INSUFFICIENT_DATA]
_SETTLED[CODE[Verdict.UNLEARNED]] = STATE_CODE[State.INSUFFICIENT_DATA]
_SETTLED[CODE[Verdict.NO_DATA]] = STATE_CODE[State.NO_DATA]
_SETTLED[CODE[Verdict.MISSING]] = STATE_CODE[State.MISSING_SERIES]

_WITHOUT_ALERT = np.array(
    [one in {State.NORMAL, State.INSUFFICIENT_DATA, State.NO_DATA, State.MISSING_SERIES} for one in STATES]
)

_QUIET = np.zeros((len(STATES), len(VERDICTS)), bool)
for _state, _verdict in _STILL:
    _QUIET[STATE_CODE[_state], CODE[_verdict]] = True
