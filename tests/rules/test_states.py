"""The states of a label set: every step in a table, and whole histories against a model that looks back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.model import ThresholdRule
from monitor.rules.states import GAP, Standing, State, Verdict, follow

MINUTE = 1_000_000

UNKNOWN = {
    Verdict.INSUFFICIENT: State.INSUFFICIENT_DATA,
    Verdict.UNLEARNED: State.INSUFFICIENT_DATA,
    Verdict.NO_DATA: State.NO_DATA,
    Verdict.MISSING: State.MISSING_SERIES,
}

History = Sequence[tuple[int, Verdict]]


def rule(for_: int = 0, keep: int = 0) -> ThresholdRule:
    """A rule that waits so many minutes before it fires, and before it ends."""
    return ThresholdRule(
        alert="A", metric="errors", above=0.1, runbook_url="x", for_=f"{for_}m", keep_firing_for=f"{keep}m"
    )


def lived(history: History, under: ThresholdRule) -> list[Standing]:
    """Where a label set stands after each minute of a history."""
    standings = [Standing()]
    for minute, verdict in history:
        standings.append(follow(standings[-1], verdict, under, minute).standing)
    return standings[1:]


# ----------------------------------------------------------------------------------------------- every step


#: From a state, with its alert open (!) or not, to the state that each verdict leads to.
STEPS = """
from                breach     clear        between     insufficient        no_data    missing
normal              pending    normal       normal      insufficient_data   no_data    missing_series
pending             pending    normal       pending     pending             pending    pending
insufficient_data   pending    normal       normal      insufficient_data   no_data    missing_series
no_data             pending    normal       normal      insufficient_data   no_data    missing_series
missing_series      pending    normal       normal      insufficient_data   no_data    missing_series
firing!             firing!    recovering!  firing!     insufficient_data!  no_data!   missing_series!
recovering!         firing!    recovering!  recovering! insufficient_data!  no_data!   missing_series!
insufficient_data!  firing!    recovering!  firing!     insufficient_data!  no_data!   missing_series!
no_data!            firing!    recovering!  firing!     insufficient_data!  no_data!   missing_series!
missing_series!     firing!    recovering!  firing!     insufficient_data!  no_data!   missing_series!
"""


def steps() -> list[tuple[str, Verdict, str]]:
    head, *lines = (line.split() for line in STEPS.strip().splitlines())
    verdicts = [Verdict(name) for name in head[1:]]
    found = [
        (start, verdict, end) for start, *ends in lines for verdict, end in zip(verdicts, ends, strict=True)
    ]
    insufficient = [one for one in found if one[1] is Verdict.INSUFFICIENT]
    return found + [(start, Verdict.UNLEARNED, end) for start, _, end in insufficient]


@pytest.mark.parametrize(("start", "verdict", "end"), steps(), ids=lambda one: str(one))
def test_each_verdict_leads_from_each_state_to_one(start: str, verdict: Verdict, end: str) -> None:
    before = Standing(
        State(start.rstrip("!")),
        MINUTE - 1,
        start.endswith("!"),
        MINUTE - 1 if start == "pending" else None,
        MINUTE - 1 if start == "recovering!" else None,
    )
    after, reason = follow(before, verdict, rule(for_=2, keep=2), MINUTE)
    assert (after.state, after.open) == (State(end.rstrip("!")), end.endswith("!"))
    assert bool(reason) == (after.state is not before.state), "a reason on each transition, and on none else"
    assert after.since == (MINUTE if reason else MINUTE - 1)


def test_the_table_has_every_state_and_verdict_but_that_of_the_rule_as_a_whole() -> None:
    told = {(State(start.rstrip("!")), verdict) for start, verdict, _ in steps()}
    assert told == {(state, verdict) for state in State for verdict in Verdict if state is not State.STALE}


# ------------------------------------------------------------------------------------------- the whole life


def looked_back(history: History, for_: int, keep: int) -> list[tuple[State, bool]]:
    """The model: state and openness after each minute, each found by looking back over all that was seen."""
    found, begin, is_open = [], 0, False
    for n, (_, verdict) in enumerate(history):
        seen = history[begin : n + 1]
        if is_open and _recovered(seen, keep):
            begin, is_open = n + 1, False
            found.append((State.NORMAL, False))
            continue
        if not is_open and verdict is Verdict.BREACH and _held(seen) >= for_:
            begin, is_open = n, True
        found.append((_shown(history[begin : n + 1], is_open), is_open))
    return found


def _held(seen: History) -> int:
    """Minutes from the first to the last breach of those that belong together."""
    run: list[int] = []
    for minute, verdict in reversed(seen):
        if verdict is Verdict.CLEAR or (run and run[-1] - minute > GAP):
            break
        if verdict is Verdict.BREACH:
            run.append(minute)
    return run[0] - run[-1]


def _recovered(seen: History, keep: int) -> bool:
    """Whether it is good now, and was first so ``keep`` minutes ago, without a breach or a hole since."""
    now, last = seen[-1]
    first = now
    for minute, verdict in reversed(seen):
        if verdict is Verdict.CLEAR:
            first = minute
        elif verdict is not Verdict.BETWEEN:
            break
    return last is Verdict.CLEAR and now - first >= keep


def _shown(seen: History, is_open: bool) -> State:
    now, verdict = seen[-1]
    before = [one for _, one in reversed(seen) if one is not Verdict.BETWEEN]
    last_known = before[0] if before else None
    if is_open:
        good = last_known is Verdict.CLEAR
        return UNKNOWN.get(verdict, State.RECOVERING if good else State.FIRING)
    since_clear = [
        minute
        for n, (minute, one) in enumerate(seen)
        if one is Verdict.BREACH and not any(later is Verdict.CLEAR for _, later in seen[n:])
    ]
    if since_clear and now - since_clear[-1] <= GAP:
        return State.PENDING
    return UNKNOWN.get(verdict, State.NORMAL)


histories = st.lists(
    # Mostly one minute after the other; some minutes were never evaluated.
    st.tuples(st.sampled_from([1, 1, 1, 2, GAP, GAP + 1]), st.sampled_from(list(Verdict))),
    min_size=1,
    max_size=40,
).map(
    lambda steps: [(MINUTE + sum(step for step, _ in steps[: n + 1]), steps[n][1]) for n in range(len(steps))]
)
waits = st.integers(0, 8)


@given(histories, waits, waits)
def test_every_history_is_lived_as_the_model_looks_back_on_it(history: History, for_: int, keep: int) -> None:
    standings = lived(history, rule(for_, keep))
    assert [(one.state, one.open) for one in standings] == looked_back(history, for_, keep)


@given(histories, waits, waits, st.sampled_from(sorted(UNKNOWN)), st.integers(1, 100))
def test_what_is_not_known_ends_no_alert_and_opens_none(
    history: History, for_: int, keep: int, unknown: Verdict, minutes: int
) -> None:
    under = rule(for_, keep)
    after = lived(history, under)[-1]
    last = history[-1][0]
    silence = [(last + n + 1, unknown) for n in range(minutes)]
    for minute, verdict in silence:
        held = follow(after, verdict, under, minute).standing
        assert held.open == after.open
        after = held


@given(histories, waits, waits)
def test_a_reason_is_given_for_each_change_and_for_no_other_minute(
    history: History, for_: int, keep: int
) -> None:
    now, under = Standing(), rule(for_, keep)
    for minute, verdict in history:
        after, reason = follow(now, verdict, under, minute)
        changed = (after.state, after.since) != (now.state, now.since)
        assert bool(reason) == changed
        assert not changed or after.since == minute
        now = after


@given(histories, waits)
def test_an_alert_ends_only_in_a_minute_that_is_good(history: History, keep: int) -> None:
    standings = [Standing(), *lived(history, rule(keep=keep))]
    for before, after, (_, verdict) in zip(standings, standings[1:], history, strict=False):
        assert not (before.open and not after.open) or verdict is Verdict.CLEAR


# --------------------------------------------------------------------------------------------- some by hand


def minutes(verdicts: str) -> History:
    """One verdict a minute, by letter: b(reach), c(lear), - between, i(nsufficient), n(o data)."""
    named = {"b": "breach", "c": "clear", "-": "between", "i": "insufficient", "n": "no_data"}
    return [(MINUTE + n, Verdict(named[letter])) for n, letter in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("verdicts", "for_", "keep", "opens", "ends"),
    [
        ("b", 0, 0, 0, None),
        ("bb", 2, 0, None, None),
        ("bbb", 2, 0, 2, None),
        ("bnb", 2, 0, 2, None),
        ("b-b", 2, 0, 2, None),
        ("bcb", 2, 0, None, None),
        ("bnnnnb", 5, 0, 5, None),
        ("bnnnnnb", 6, 0, None, None),
        ("bc", 0, 0, 0, 1),
        ("bccc", 0, 2, 0, 3),
        ("bcbccc", 0, 2, 0, 5),
        ("bcnccc", 0, 2, 0, 5),
        ("bc-c", 0, 2, 0, 3),
        ("b-----", 0, 0, 0, None),
        ("bnnnnnnnnnnnnnnnnnnnn", 0, 0, 0, None),
        ("biiiiiiiiiiiiiiiiiiiic", 0, 0, 0, 21),
    ],
    ids=[
        "at once",
        "not yet",
        "for is waited out",
        "one missing minute does not begin for anew",
        "nor one between",
        "a good minute does",
        "the longest gap",
        "a longer gap",
        "ends at once",
        "is kept firing",
        "a breach begins keep_firing_for anew",
        "and so does a hole",
        "but not a minute between",
        "not yet good is not good",
        "no data is no end",
        "nor are too few calls",
    ],
)
def test_a_life_by_hand(verdicts: str, for_: int, keep: int, opens: int | None, ends: int | None) -> None:
    is_open = [False, *(one.open for one in lived(minutes(verdicts), rule(for_, keep)))]
    changes = [n for n, (before, after) in enumerate(pairwise(is_open)) if before != after]
    assert changes == [n for n in (opens, ends) if n is not None]


# ------------------------------------------------------------------------------ labels that are gone for good


@pytest.mark.parametrize(
    ("after", "silence", "ends"),
    [
        (None, [Verdict.MISSING] * 5_000, False),
        ("10m", [Verdict.MISSING] * 10, False),
        ("10m", [Verdict.MISSING] * 11, True),
        ("10m", [Verdict.NO_DATA] * 5_000, False),
        ("10m", [Verdict.MISSING] * 9 + [Verdict.NO_DATA] + [Verdict.MISSING] * 9, False),
        ("10m", [Verdict.MISSING] * 9 + [Verdict.BETWEEN] + [Verdict.MISSING] * 9, False),
    ],
    ids=["never", "not yet", "long enough", "nobody has calls", "begun anew", "calls between"],
)
def test_an_alert_whose_labels_are_gone_ends_only_where_its_rule_says_so(
    after: str | None, silence: list[Verdict], ends: bool
) -> None:
    under = msgspec.structs.replace(rule(), end_missing_after=after)
    history = list(enumerate([Verdict.BREACH, *silence], MINUTE))
    standing = lived(history, under)[-1]
    assert standing.open is not ends
    if ends:
        before = lived(history[:-1], under)[-1]
        step = follow(before, history[-1][1], under, history[-1][0])
        assert step.reason.endswith("for 10m: ended, not seen to recover")
