"""Verdicts as tables, and the life of an alert against a model that knows only its history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules import Counts, OpenAlert, Sample, State, Verdict, decide, judge
from monitor.rules.model import Margin, RegressionRule, ThresholdRule

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def threshold(**settings: object) -> ThresholdRule:
    values: dict[str, object] = {"alert": "A", "metric": "errors", "runbook_url": "x", "above": 0.1}
    return ThresholdRule(**{**values, **settings})  # type: ignore[arg-type]


def regression(**settings: object) -> RegressionRule:
    values: dict[str, object] = {
        "alert": "A",
        "metric": "json.failed",
        "runbook_url": "x",
        "margin": Margin(relative=0.5, absolute=0.02),
    }
    return RegressionRule(**{**values, **settings})  # type: ignore[arg-type]


def sample(failures: int, calls: int, baseline_failures: int = 0, baseline_calls: int = 0) -> Sample:
    return Sample({}, Counts(calls, failures), Counts(baseline_calls, baseline_failures))


# ------------------------------------------------------------------------------------------------ verdicts


@pytest.mark.parametrize(
    ("failures", "calls", "verdict", "reason"),
    [
        (0, 0, Verdict.NO_DATA, "no calls in the window"),
        (49, 49, Verdict.INSUFFICIENT, "49 calls in the window, 50 are needed"),
        (6, 50, Verdict.BREACH, "12.00% is above 10.00%"),
        (5, 50, Verdict.BETWEEN, "10.00% is between 5.00% and 10.00%"),
        (3, 50, Verdict.BETWEEN, "6.00% is between 5.00% and 10.00%"),
        (5, 100, Verdict.CLEAR, "5.00% is not above 5.00%"),
        (0, 50, Verdict.CLEAR, "0.00% is not above 5.00%"),
    ],
)
def test_a_threshold_has_a_band_in_which_nothing_is_said(
    failures: int, calls: int, verdict: Verdict, reason: str
) -> None:
    judged = judge(threshold(clear_below=0.05), sample(failures, calls))
    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_a_threshold_without_a_band_clears_where_it_no_longer_breaches() -> None:
    assert judge(threshold(), sample(5, 50)).verdict is Verdict.CLEAR
    assert judge(threshold(above=0.0), sample(0, 50)).verdict is Verdict.CLEAR
    assert judge(threshold(above=0.0), sample(1, 50)).verdict is Verdict.BREACH


@pytest.mark.parametrize(
    ("window", "baseline", "verdict", "reason"),
    [
        ((0, 0), (20, 1_000), Verdict.NO_DATA, "no calls in the window"),
        ((49, 49), (20, 1_000), Verdict.INSUFFICIENT, "49 calls in the window, 50 are needed"),
        ((50, 50), (20, 199), Verdict.INSUFFICIENT, "199 calls in the baseline, 200 are needed"),
        ((50, 50), (0, 0), Verdict.INSUFFICIENT, "0 calls in the baseline, 200 are needed"),
        ((42, 100), (20, 1_000), Verdict.BREACH, "2.00% → 42.00%, by chance p = 4.9e-33"),
        # Worse by both margins, but chance alone would do it.
        ((2, 50), (20, 1_000), Verdict.BETWEEN, "2.00% → 4.00% is above the baseline, not clearly so"),
        # Beyond chance, but by less than one of the margins.
        (
            (350, 10_000),
            (200, 10_000),
            Verdict.BETWEEN,
            "2.00% → 3.50% is above the baseline, not clearly so",
        ),
        ((7, 10), (5_000, 10_000), Verdict.INSUFFICIENT, "10 calls in the window, 50 are needed"),
        # Recovered: within half of either margin.
        ((300, 10_000), (200, 10_000), Verdict.CLEAR, "2.00% → 3.00% is within half the margin"),
        ((6_200, 10_000), (5_000, 10_000), Verdict.CLEAR, "50.00% → 62.00% is within half the margin"),
        ((0, 50), (20, 1_000), Verdict.CLEAR, "2.00% → 0.00% is within half the margin"),
        # A baseline without failures has no relative margin.
        ((0, 50), (0, 1_000), Verdict.CLEAR, "0.00% → 0.00% is within half the margin"),
        ((1, 50), (0, 1_000), Verdict.BETWEEN, "0.00% → 2.00% is above the baseline, not clearly so"),
        ((6, 50), (0, 1_000), Verdict.BREACH, "0.00% → 12.00%, by chance p = 8.7e-09"),
    ],
)
def test_a_regression_is_worse_by_both_margins_and_by_more_than_chance(
    window: tuple[int, int], baseline: tuple[int, int], verdict: Verdict, reason: str
) -> None:
    judged = judge(regression(), sample(*window, *baseline))
    assert (judged.verdict, judged.reason) == (verdict, reason)


@pytest.mark.parametrize("failures", [1, 2])
def test_one_or_two_of_three_calls_prove_nothing_however_few_are_asked_for(failures: int) -> None:
    rule = regression(minimum_calls=1, minimum_baseline_calls=1, significance=0.0001)
    assert judge(rule, sample(failures, 3, 0, 100)).verdict is Verdict.BETWEEN


def test_the_evidence_has_both_sides_with_their_intervals_and_the_chance() -> None:
    evidence = judge(regression(), sample(42, 100, 20, 1_000)).evidence
    window, baseline = evidence["window"], evidence["baseline"]
    assert isinstance(window, dict)
    assert isinstance(baseline, dict)
    assert {key: window[key] for key in ("calls", "failures", "rate")} == {
        "calls": 100,
        "failures": 42,
        "rate": 0.42,
    }
    assert window["interval_95"] == pytest.approx([0.3280, 0.5179], abs=1e-4)
    assert baseline["interval_95"] == pytest.approx([0.0130, 0.0307], abs=1e-4)
    assert evidence["ratio"] == pytest.approx(21.0)
    assert (evidence["p_value"], evidence["significance"]) == (pytest.approx(4.859e-33, rel=0.01), 0.0001)


def test_evidence_without_a_baseline_says_so() -> None:
    evidence = judge(threshold(), sample(42, 100)).evidence
    assert (evidence["baseline"], evidence["ratio"]) == (None, None)


# -------------------------------------------------------------------------------------------- transitions

RULE = threshold(for_="2m", keep_firing_for="3m")
PENDING = OpenAlert(1, State.PENDING, START, None, None)
FIRING = OpenAlert(1, State.FIRING, START, None, None)
CLEARING = OpenAlert(1, State.FIRING, START, START + timedelta(minutes=10), None)


@pytest.mark.parametrize(
    ("alert", "verdict", "minute", "expected"),
    [
        (None, Verdict.BREACH, 0, (State.PENDING, None)),
        (None, Verdict.CLEAR, 0, None),
        (PENDING, Verdict.BREACH, 1, None),
        (PENDING, Verdict.BREACH, 2, (State.FIRING, None)),
        (PENDING, Verdict.CLEAR, 1, (State.RESOLVED, None)),
        (PENDING, Verdict.NO_DATA, 1, (State.RESOLVED, None)),
        (PENDING, Verdict.INSUFFICIENT, 1, (State.RESOLVED, None)),
        (FIRING, Verdict.BREACH, 9, None),
        (FIRING, Verdict.CLEAR, 9, (State.FIRING, START + timedelta(minutes=9))),
        (CLEARING, Verdict.CLEAR, 12, None),
        (CLEARING, Verdict.CLEAR, 13, (State.RESOLVED, None)),
        (CLEARING, Verdict.BREACH, 12, (State.FIRING, None)),
    ],
)
def test_the_next_state(
    alert: OpenAlert | None,
    verdict: Verdict,
    minute: int,
    expected: tuple[State, datetime | None] | None,
) -> None:
    step = decide(alert, verdict, RULE, START + timedelta(minutes=minute))
    assert (step and (step.to, step.clear_since)) == expected


@pytest.mark.parametrize(
    ("alert", "verdict"),
    [
        *product([None, FIRING, CLEARING], [Verdict.BETWEEN, Verdict.INSUFFICIENT, Verdict.NO_DATA]),
        (PENDING, Verdict.BETWEEN),
    ],
)
def test_what_is_not_known_moves_nothing(alert: OpenAlert | None, verdict: Verdict) -> None:
    assert decide(alert, verdict, RULE, START + timedelta(days=30)) is None


def test_without_for_it_fires_at_once_and_without_keep_firing_for_it_resolves_at_once() -> None:
    rule = threshold()
    fired = decide(None, Verdict.BREACH, rule, START)
    resolved = decide(FIRING, Verdict.CLEAR, rule, START)
    assert fired is not None
    assert resolved is not None
    assert (fired.to, resolved.to) == (State.FIRING, State.RESOLVED)


# ------------------------------------------------------------------------------ the life, against a model

History = list[tuple[int, Verdict]]


def lived(rule: ThresholdRule, history: History) -> list[State | None]:
    """The states that ``decide`` goes through, one after each evaluation; ``None`` while nothing is open."""
    alert: OpenAlert | None = None
    states: list[State | None] = []
    for minute, verdict in history:
        at = START + timedelta(minutes=minute)
        step = decide(alert, verdict, rule, at)
        if step is not None:
            started_at = alert.started_at if alert else at
            alert = OpenAlert(1, step.to, started_at, step.clear_since, None)
            if step.to is State.RESOLVED:
                alert = None
        states.append(alert.state if alert else None)
    return states


def foretold(history: History, hold: int, keep: int) -> list[State | None]:
    """The same from the whole history at each evaluation, without remembering any state.

    It fires at a breach that comes ``hold`` minutes or more after the first breach of a run that nothing
    cleared and no want of calls broke, and ends at a clear that comes ``keep`` minutes or more after
    the first clear of a run that nothing breached.
    """
    states: list[State | None] = []
    known = [(minute, verdict) for minute, verdict in history if verdict is not Verdict.BETWEEN]
    for now, _ in history:
        state: State | None = None
        begun = cleared = 0
        for minute, verdict in [entry for entry in known if entry[0] <= now]:
            if verdict is Verdict.BREACH:
                begun = begun if state else minute
                if state is not State.FIRING:
                    state = State.FIRING if minute - begun >= hold else State.PENDING
                cleared = -1
            elif verdict in (Verdict.NO_DATA, Verdict.INSUFFICIENT):
                state = State.FIRING if state is State.FIRING else None
            elif state is State.FIRING:
                cleared = minute if cleared < 0 else cleared
                state = None if minute - cleared >= keep else state
            else:
                state = None
        states.append(state)
    return states


_HISTORIES = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([*Verdict, Verdict.BREACH, Verdict.CLEAR])), max_size=40
)


def _timed(steps: History) -> History:
    minute, history = 0, []
    for gap, verdict in steps:
        minute += gap
        history.append((minute, verdict))
    return history


@given(_HISTORIES, st.integers(0, 6), st.integers(0, 6))
def test_a_life_is_what_its_history_foretells(steps: History, hold: int, keep: int) -> None:
    history = _timed(steps)
    rule = threshold(for_=f"{hold}m", keep_firing_for=f"{keep}m")
    assert lived(rule, history) == foretold(history, hold, keep)


@given(_HISTORIES, st.integers(0, 6), st.integers(0, 6))
def test_a_state_changes_only_where_something_is_known(steps: History, hold: int, keep: int) -> None:
    history = _timed(steps)
    before: State | None = None
    for (_, verdict), state in zip(
        history, lived(threshold(for_=f"{hold}m", keep_firing_for=f"{keep}m"), history), strict=True
    ):
        if state is not before:
            little = {Verdict.NO_DATA, Verdict.INSUFFICIENT}
            ends = {Verdict.CLEAR} | (little if before is State.PENDING else set())
            assert verdict in ({Verdict.BREACH} if state else ends)
        before = state


@given(_HISTORIES, st.integers(0, 6), st.integers(0, 6))
def test_it_fires_only_after_for_and_ends_only_after_keep_firing_for(
    steps: History, hold: int, keep: int
) -> None:
    history = _timed(steps)
    states = lived(threshold(for_=f"{hold}m", keep_firing_for=f"{keep}m"), history)
    for index in range(1, len(states)):
        minute = history[index][0]
        earlier = [history[i] for i in range(index)]
        if states[index] is State.FIRING and states[index - 1] is not State.FIRING:
            recent = [verdict for when, verdict in earlier if when > minute - hold]
            assert Verdict.CLEAR not in recent
        if states[index] is None and states[index - 1] is State.FIRING:
            recent = [verdict for when, verdict in earlier if when > minute - keep]
            assert Verdict.BREACH not in recent
