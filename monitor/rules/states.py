"""The states of a label set under a rule: a verdict and where it stands in, where it stands now out. Pure.

Breaches open an alert and seen recoveries close it. What is not known does neither: too few calls, no calls
or a log that is not read on hold an alert that is open, and end one that is only pending once they last.
Times are whole minutes since the epoch.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from monitor.rules.model import Rule

#: Minutes without a breach that a pending label set may have, so that one thin minute does not begin its
#: ``for`` anew (prometheus/prometheus 14085), and a bad minute tomorrow does not continue today's.
GAP = 5


#: Minutes that a label set without an alert must be otherwise before its state is: traffic that is just
#: enough for a rule, or just not, would change it hundreds of times a day.
STAY = 30


class State(StrEnum):
    """Where a label set stands."""

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    """Good again, not yet for ``keep_firing_for``; the alert is open."""
    INSUFFICIENT_DATA = "insufficient_data"
    """Fewer calls, or a thinner baseline, than anything can be said of."""
    NO_DATA = "no_data"
    """No calls, and none of the rule's other label sets has any either."""
    MISSING_SERIES = "missing_series"
    """No calls, while others of the rule have some."""
    STALE = "stale"
    """The log is not read on: of the rule as a whole."""


class Verdict(StrEnum):
    """What can be said of a label set in one minute."""

    BREACH = "breach"
    CLEAR = "clear"
    BETWEEN = "between"
    """Better than what fires, not yet good."""
    INSUFFICIENT = "insufficient"
    UNLEARNED = "unlearned"
    """There is too little to compare with."""
    NO_DATA = "no_data"
    MISSING = "missing"


#: Numbers for arrays: the places in these. A state and a verdict of one name are equal, so each has its own.
STATES: tuple[State, ...] = tuple(State)
VERDICTS: tuple[Verdict, ...] = tuple(Verdict)
STATE_CODE: dict[State, int] = {state: n for n, state in enumerate(STATES)}
CODE: dict[Verdict, int] = {verdict: n for n, verdict in enumerate(VERDICTS)}

_UNKNOWN = {
    Verdict.INSUFFICIENT: (State.INSUFFICIENT_DATA, "too few calls to say"),
    Verdict.UNLEARNED: (State.INSUFFICIENT_DATA, "too little to compare with"),
    Verdict.NO_DATA: (State.NO_DATA, "no calls"),
    Verdict.MISSING: (State.MISSING_SERIES, "no calls of these labels, while others have some"),
}


class Standing(msgspec.Struct, frozen=True):
    """Where a label set stands: its state since when, whether its alert is open, and what that waits for."""

    state: State = State.NORMAL
    since: int = 0
    open: bool = False
    breached: int | None = None
    """The last minute that breached."""
    clear_since: int | None = None


class Step(NamedTuple):
    """Where it stands now, and why the state is another, if it is."""

    standing: Standing
    reason: str = ""


def follow(now: Standing, verdict: Verdict, rule: Rule, minute: int) -> Step:
    """Where a label set stands after one more minute."""
    match verdict:
        case Verdict.BREACH:
            return _on_breach(now, rule, minute)
        case Verdict.CLEAR:
            return _on_clear(now, rule, minute)
        case Verdict.BETWEEN:
            return _on_between(now, minute)
        case _:
            state, why = _UNKNOWN[verdict]
            if now.state is State.PENDING and not _lapsed(now, minute):
                return Step(now)
            if now.state is State.MISSING_SERIES is state and now.open and _is_gone(now, rule, minute):
                why = f"{why} for {rule.end_missing_after}: ended, not seen to recover"
                return _to(now, State.NORMAL, minute, why)
            # A recovery has to be seen as a whole: what is not seen does not count for it.
            return _to(now, state, minute, why, open_=now.open)


def _on_breach(now: Standing, rule: Rule, minute: int) -> Step:
    if now.open:
        return _to(now, State.FIRING, minute, "the condition holds again", open_=True, breached=minute)
    since = now.since if now.state is State.PENDING and not _lapsed(now, minute) else minute
    if 60 * (minute - since) >= rule.pending_for.total_seconds():
        held = f" for {rule.for_}" if rule.pending_for else ""
        return _to(now, State.FIRING, minute, f"the condition holds{held}", open_=True, breached=minute)
    if now.state is State.PENDING and since == now.since:
        return Step(msgspec.structs.replace(now, breached=minute))
    return Step(Standing(State.PENDING, minute, False, minute), "the condition holds")


def _on_clear(now: Standing, rule: Rule, minute: int) -> Step:
    if not now.open:
        why = (
            "the condition went before its time"
            if now.state is State.PENDING
            else "enough calls, all is well"
        )
        return _to(now, State.NORMAL, minute, why)
    since = minute if now.clear_since is None else now.clear_since
    if 60 * (minute - since) >= rule.keeps_firing_for.total_seconds():
        return _to(now, State.NORMAL, minute, "recovered")
    return _to(now, State.RECOVERING, minute, "good again, for now", open_=True, clear_since=since)


def _on_between(now: Standing, minute: int) -> Step:
    if now.open:
        if now.state in (State.FIRING, State.RECOVERING):
            return Step(now)
        return _to(now, State.FIRING, minute, "calls again, not yet good", open_=True)
    if now.state is State.PENDING and not _lapsed(now, minute):
        return Step(now)
    why = "the condition went before its time" if now.state is State.PENDING else "enough calls"
    return _to(now, State.NORMAL, minute, why)


def _is_gone(now: Standing, rule: Rule, minute: int) -> bool:
    """Whether an open alert's labels have had no calls for as long as its rule waits for them."""
    longest = rule.ends_missing_after
    return longest is not None and 60 * (minute - now.since) >= longest.total_seconds()


def _lapsed(now: Standing, minute: int) -> bool:
    """Whether a pending label set has not breached for so long that it must begin anew."""
    return now.breached is None or minute - now.breached > GAP


def _to(
    now: Standing,
    state: State,
    minute: int,
    reason: str,
    *,
    open_: bool = False,
    breached: int | None = None,
    clear_since: int | None = None,
) -> Step:
    same = state is now.state
    standing = Standing(state, now.since if same else minute, open_, breached, clear_since)
    return Step(standing, "" if same else reason)
