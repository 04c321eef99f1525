"""Every kind of rule over one minute, in tables: what breaches, what is clear, of what nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from monitor.rules.baseline import seasonal
from monitor.rules.buckets import Buckets, exceeding, gather
from monitor.rules.compare import mix_index, of_counts, of_value
from monitor.rules.judge import (
    Compared,
    Counted,
    Floats,
    Reading,
    burn_factors,
    burn_windows,
    judge,
    lanes_for,
)
from monitor.rules.memory import Memory
from monitor.rules.model import (
    AbsenceRule,
    BlipRule,
    BurnRateRule,
    Margin,
    RegressionRule,
    Rule,
    ThresholdRule,
)
from monitor.rules.named import STATISTICS
from monitor.rules.reason import explain
from monitor.rules.states import VERDICTS, Verdict

BREACH, CLEAR, BETWEEN, INSUFFICIENT, UNLEARNED, NO_DATA, MISSING = VERDICTS
NAN = float("nan")


def counted(*counts: tuple[float, float]) -> Counted:
    """Calls and failures of each label set."""
    some = np.array(counts, np.float64).reshape(-1, 2)
    return Counted(some[:, 0], some[:, 1])


def nothing(size: int = 1) -> Compared:
    return Compared(of_value(np.full(size, NAN)), np.full(size, NAN), np.zeros(size))


def against(*rates: float, calls: float = 100_000.0) -> Compared:
    """A baseline of these rates, seen in so many calls."""
    known = np.array(rates)
    return Compared(of_counts(np.full(len(known), calls), known * calls, 1), known, np.zeros(len(known)))


def read(window: Counted, **more: Any) -> Reading:
    return Reading(**{"minute": window, "short": window, "window": window, "compared": nothing(), **more})


def verdicts(rule: Rule, reading: Reading, memory: Memory | None = None) -> list[Verdict]:
    memory = memory or Memory(lanes_for(rule))
    memory.grow([(str(n),) for n in range(len(reading.window.calls))])
    return [VERDICTS[code] for code in judge(rule, memory, reading)]


# ----------------------------------------------------------------------------------------------- threshold


def threshold(**settings: Any) -> ThresholdRule:
    return ThresholdRule(
        **{"alert": "A", "metric": "errors", "minimum_calls": 50, "runbook_url": "x", **settings}
    )


@pytest.mark.parametrize(
    ("settings", "calls", "failures", "verdict"),
    [
        ({"above": 0.1}, 100, 11, BREACH),
        ({"above": 0.1}, 100, 10, CLEAR),
        ({"above": 0.1, "clear": 0.05}, 100, 10, BETWEEN),
        ({"above": 0.1, "clear": 0.05}, 100, 5, CLEAR),
        ({"above": 0.1}, 49, 49, INSUFFICIENT),
        ({"above": 0.1}, 50, 50, BREACH),
        ({"above": 0.0}, 50, 0, CLEAR),
        ({"above": 0.0}, 50, 1, BREACH),
        ({"above": 0.1}, 0, 0, NO_DATA),
        ({"above": 0.1, "minimum_calls": 1}, 0, 0, NO_DATA),
        ({"below": 0.9}, 100, 89, BREACH),
        ({"below": 0.9}, 100, 90, CLEAR),
        ({"below": 0.9, "clear": 0.95}, 100, 94, BETWEEN),
        ({"below": 0.9, "clear": 0.95}, 100, 95, CLEAR),
        ({"below": 0.9}, 49, 0, INSUFFICIENT),
        ({"below": 0.9}, 0, 0, NO_DATA),
    ],
)
def test_a_threshold(settings: dict[str, Any], calls: int, failures: int, verdict: Verdict) -> None:
    assert verdicts(threshold(**settings), read(counted((calls, failures)))) == [verdict]


@pytest.mark.parametrize(
    ("value", "verdict"), [(901.0, BREACH), (900.0, BETWEEN), (700.0, CLEAR), (NAN, INSUFFICIENT)]
)
def test_a_threshold_of_a_measured_value_looks_at_the_value(value: float, verdict: Verdict) -> None:
    rule = threshold(metric="duration", above=900.0, clear=700.0)
    assert verdicts(rule, read(counted((100, 0)), value=np.array([value]))) == [verdict]


def test_one_without_calls_is_missing_while_others_have_some() -> None:
    reading = read(counted((0, 0), (100, 50), (10, 10)), compared=nothing(3))
    assert verdicts(threshold(above=0.1), reading) == [MISSING, BREACH, INSUFFICIENT]


# ----------------------------------------------------------------------------------- regressions by one test


def at_once(**settings: Any) -> RegressionRule:
    values = {
        "alert": "A", "metric": "errors", "evidence": "fisher", "minimum_calls": 20, "significance": 0.001,
        "margin": Margin(relative=1.0, absolute=0.02), "runbook_url": "x",
    }  # fmt: skip
    return RegressionRule(**{**values, **settings})


@pytest.mark.parametrize(
    ("past", "calls", "failures", "verdict"),
    [
        ((1_000, 20), 100, 40, BREACH),
        ((1_000, 20), 100, 2, CLEAR),
        ((1_000, 20), 100, 5, BETWEEN),
        ((1_000, 20), 19, 19, INSUFFICIENT),
        ((1_000, 20), 0, 0, NO_DATA),
        ((1_000, 400), 100, 79, BETWEEN),
        ((1_000, 1), 1_000, 15, BETWEEN),
        ((1_000, 0), 20, 1, BETWEEN),
        ((1_000, 0), 20, 20, BREACH),
        ((50, 0), 20, 20, UNLEARNED),
        ((0, 0), 20, 20, UNLEARNED),
    ],
    ids=[
        "much worse",
        "the same",
        "worse within the margin",
        "too few calls",
        "no calls",
        "within the relative margin",
        "within the absolute margin",
        "one failure proves nothing",
        "what never failed fails wholly",
        "too thin a baseline",
        "no baseline",
    ],
)
def test_a_window_by_fishers_test(past: tuple[int, int], calls: int, failures: int, verdict: Verdict) -> None:
    before = counted(past)
    baseline = of_counts(before.calls, before.failures, 200)
    reading = read(counted((calls, failures)), compared=Compared(baseline, baseline.rate, np.zeros(1)))
    assert verdicts(at_once(), reading) == [verdict]


def test_an_alert_is_judged_by_what_it_was_opened_against_though_the_past_is_bad_by_now() -> None:
    bad = of_counts(np.array([1_000.0]), np.array([400.0]), 200)
    opened = structs.replace(bad, rate=np.array([0.02]))
    reading = read(counted((100, 40)), compared=Compared(opened, opened.rate, np.zeros(1)))
    assert verdicts(at_once(), reading) == [BREACH]


@pytest.mark.parametrize(
    ("today", "before", "beyond", "verdict"),
    [
        (0.04, 0.02, 4.0, BREACH),
        (0.04, 0.02, 3.0, BETWEEN),
        (0.0205, 0.02, 9.0, CLEAR),
        (0.0225, 0.02, 9.0, BREACH),
        (0.01, 0.02, -9.0, CLEAR),
        (0.04, NAN, NAN, UNLEARNED),
    ],
    ids=[
        "beyond both",
        "within what days differ",
        "within half the margin",
        "just beyond",
        "better",
        "no past",
    ],
)
def test_a_day_against_the_days_before(today: float, before: float, beyond: float, verdict: Verdict) -> None:
    rule = at_once(evidence="days", margin=Margin(relative=0.1, absolute=0.002))
    usual = np.array([before])
    compared = Compared(of_value(usual), usual, np.zeros(1))
    reading = read(counted((10_000, 10_000 * today)), beyond=np.array([beyond]), compared=compared)
    assert verdicts(rule, reading) == [verdict]


# ----------------------------------------------------------------------- regressions by evidence that gathers


def regression(**settings: Any) -> RegressionRule:
    return RegressionRule(**{"alert": "A", "metric": "errors", "runbook_url": "x", **settings})


def judged(
    counts: Sequence[tuple[float, float]], compared: Compared, rule: RegressionRule | None = None
) -> list[Verdict]:
    """The verdict of each of these minutes, one after the other."""
    rule, found = rule or regression(), []
    memory = Memory(lanes_for(rule))
    for n in range(len(counts)):
        minute, short, window = (
            counted(tuple(np.sum(counts[max(0, n + 1 - last) : n + 1], axis=0))) for last in (1, 5, 60)
        )
        reading = Reading(minute=minute, short=short, window=window, compared=compared)
        found += verdicts(rule, reading, memory)
    return found


GOOD, BAD = (200.0, 4.0), (200.0, 40.0)


def test_a_lasting_rise_is_a_breach_and_its_end_is_clear() -> None:
    found = judged([GOOD] * 60 + [BAD] * 30 + [GOOD] * 60, against(0.02))
    assert set(found[5:60]) == {CLEAR}
    assert BREACH in found[60:80]
    assert set(found[80:90]) == {BREACH}
    assert set(found[100:]) == {CLEAR}


def test_a_rise_within_the_margin_is_no_breach_however_long() -> None:
    assert BREACH not in judged([(2_000.0, 44.0)] * 300, against(0.02))


def test_without_a_baseline_nothing_is_said() -> None:
    assert set(judged([BAD] * 30, against(NAN))) == {UNLEARNED}


@pytest.mark.parametrize("calls", [1.0, 2.0, 5.0])
def test_what_never_failed_and_then_fails_wholly_is_a_breach_at_low_traffic(calls: float) -> None:
    """Of so few calls a baseline of nothing expects no failures at all, and that must not mean "too few"."""
    never = seasonal(np.full((1, 28, 3), 60 * calls), np.zeros((1, 28, 3)), 0.5)
    compared = Compared(never, np.maximum(never.rate, 0.005), np.zeros(1))
    found = judged([(calls, 0.0)] * 60 + [(calls, calls)] * 60, compared)
    assert BREACH not in found[:60]
    assert BREACH in found[60:]


def test_nothing_of_nothing_is_neither_bad_nor_good() -> None:
    assert judged([(0.0, 0.0)] * 70, against(0.02)) == [NO_DATA] * 70


def test_a_recovery_has_to_be_seen() -> None:
    """Once calls stop, the last good ones are no reason to say that all is well."""
    found = judged([GOOD] * 60 + [BAD] * 30 + [GOOD] * 30 + [(0.0, 0.0)] * 30, against(0.02))
    assert found[119] is CLEAR
    assert CLEAR not in found[125:], "an hour with calls ago is no recovery now"


def test_too_few_calls_since_it_was_bad_are_no_recovery() -> None:
    found = judged([BAD] * 30 + [(2.0, 0.0)] * 40, against(0.02))
    assert BREACH in found[:30]
    assert CLEAR not in found[30:54]
    assert found[-1] is CLEAR


@given(st.integers(1, 300), st.floats(0, 1), st.integers(0, 60))
def test_missing_minutes_change_no_evidence(calls: int, share: float, minutes: int) -> None:
    rule = regression()
    memory = Memory(lanes_for(rule))
    some = counted((calls, round(calls * share)))
    verdicts(rule, read(some, compared=against(0.02)), memory)
    before = memory.evidence
    for _ in range(minutes):
        verdicts(rule, read(some, minute=counted((0, 0)), compared=against(0.02)), memory)
    assert np.array_equal(memory.evidence.score, before.score)


# ---------------------------------------------------------------------------------- buckets, and under load


def in_buckets(size: float = 250.0, most: float = 9.0) -> dict[str, Any]:
    """A rule's usual buckets, one in twenty of which is above the p95."""
    of = Buckets(np.array([size]), np.array([most]))
    found = {"value": np.array([0.05]), "past_value": most / of.size, "usual": np.array([0.02])}
    return {"buckets": of, "compared": against(0.05), **found}


def of_buckets(minutes: Sequence[tuple[float, float]]) -> tuple[list[Verdict], Memory]:
    """The verdict of each minute; windows are of an hour, short ones of a bucket."""
    rule = regression(statistic="bucket_p95", margin=Margin(relative=2, absolute=0.1), severity="ticket")
    memory, found = Memory(lanes_for(rule)), []
    usual = in_buckets()
    for n in range(len(minutes)):
        hour = minutes[max(0, n - 59) : n + 1]
        groups = gather(row(hour, 0), row(hour, 1), usual["buckets"].size)
        full = Counted(*(one.sum(axis=1) for one in exceeding(*groups, usual["buckets"])))
        newest = counted(np.sum(minutes[max(0, n - 4) : n + 1], axis=0))
        reading = read(
            full,
            minute=counted(minutes[n]),
            short=Counted(*exceeding(newest.calls, newest.failures, usual["buckets"])),
            came=np.array([sum(calls for calls, _ in minutes[max(0, n - 59) : n + 1])]),
            **usual,
        )
        found += verdicts(rule, reading, memory)
    return found, memory


def row(minutes: Sequence[tuple[float, float]], of: int) -> Floats:
    return np.array([[one[of] for one in minutes]])


def test_a_full_bucket_is_one_trial_and_one_above_the_usual_p95_is_an_exceedance() -> None:
    _, memory = of_buckets([(100, 9)] * 9)
    assert memory.evidence.calls[0, 0] == 3
    # 27 failures of 300 calls are 22 of 250: surely above 9.
    assert memory.evidence.failures[0, 0] == pytest.approx(3, abs=1e-3)
    assert (memory.held_calls[0], memory.held_failures[0]) == (0, 0)
    _, memory = of_buckets([(100, 9)] * 11)
    assert (memory.held_calls[0], memory.held_failures[0]) == (200, 18)


def test_buckets_that_are_high_fire_and_low_ones_are_a_recovery() -> None:
    found = of_buckets([(100, 2)] * 60 + [(100, 6)] * 120 + [(100, 2)] * 120)[0]
    assert BREACH not in found[:60]
    assert BREACH in found[60:180]
    assert found[-1] is CLEAR


def test_of_a_window_with_few_buckets_and_of_one_without_calls_nothing_is_said() -> None:
    found, _ = of_buckets([(100, 2)] * 8 + [(0, 0)] * 61)
    assert set(found[:8]) == {INSUFFICIENT}
    assert found[-1] is NO_DATA


def test_what_is_said_of_buckets_has_the_statistic_and_how_large_they_are() -> None:
    rule = regression(statistic="bucket_p95")
    memory = Memory(lanes_for(rule))
    reading = read(counted((20, 8)), came=np.array([5_000.0]), **in_buckets())
    verdicts(rule, reading, memory)
    said, numbers = explain(rule, memory, reading, 0)
    usual = "p95 3.60% → 5.00%, 8 of 20 buckets of 250 calls above the usual p95"
    assert said == f"{usual}, traffic that moved included"
    assert (numbers["statistic"], numbers["definition"]) == ("bucket_p95", STATISTICS["bucket_p95"])


def test_what_is_said_of_groups_is_how_many_of_their_quarter_hours_were_high() -> None:
    rule = regression(statistic="group_p95", over="route", severity="ticket")
    memory = Memory(lanes_for(rule))
    reading = read(counted((40, 8)), came=np.array([5_000.0]), **{**in_buckets(), "buckets": None})
    verdicts(rule, reading, memory)
    said, numbers = explain(rule, memory, reading, 0)
    usual = "p95 3.60% → 5.00%, 8 of 40 quarter hours of a route above the usual p95"
    assert said == f"{usual}, traffic that moved included"
    assert (numbers["window"], numbers["trials"]) == ({"calls": 5_000}, {"number": 40, "above": 8})


def test_minutes_below_the_load_are_no_evidence_in_either_direction() -> None:
    rule = regression(statistic="rate_at_load")
    memory = Memory(lanes_for(rule))
    loaded = read(counted((2_000, 400)), came=np.array([9_000.0]), compared=against(0.02))
    for _ in range(30):
        assert verdicts(rule, loaded, memory)[0] is not CLEAR
    before = memory.evidence
    quiet = structs.replace(loaded, minute=counted((0, 0)))
    assert verdicts(rule, quiet, memory) == [BREACH]
    assert np.array_equal(memory.evidence.score, before.score)
    assert explain(rule, memory, quiet, 0)[0].endswith("calls under load")


def test_a_window_without_a_minute_under_load_is_insufficient_and_one_without_calls_is_no_data() -> None:
    rule = regression(statistic="rate_at_load")
    nothing_loaded = read(counted((0, 0)), came=np.array([9_000.0]), compared=against(0.02))
    assert verdicts(rule, nothing_loaded) == [INSUFFICIENT]
    assert verdicts(rule, structs.replace(nothing_loaded, came=np.array([0.0]))) == [NO_DATA]


# -------------------------------------------------------------------------------------------- traffic moved


#: Two models of one service; the second fails five times as often.
MODELS = np.array([1, 2])
USUAL = np.array([0.02, 0.10])
PAST, MOVED = np.array([0.9, 0.1]), np.array([0.3, 0.7])


def of_mix(now: Floats) -> Compared:
    """What a service is compared with whose calls are now of the two models by these shares."""
    past = 100_000.0 * PAST
    index = mix_index(
        (MODELS, np.zeros(2, np.int64), past, past * USUAL), (MODELS, np.zeros(2, np.int64), now), 1
    )
    rate = float(PAST @ USUAL)
    found = against(rate)
    return Compared(found.baseline, np.array([rate]) * index, rate * (index - 1))


def test_traffic_that_moves_to_a_worse_model_is_no_breach_and_the_same_rise_without_is() -> None:
    risen = float(MOVED @ USUAL)
    minutes = [(500.0, 500 * risen)] * 60
    assert BREACH not in judged(minutes, of_mix(MOVED))
    assert BREACH in judged(minutes, of_mix(PAST))


def test_traffic_that_moved_is_reported() -> None:
    rule, reading = regression(), read(counted((5_000, 380)), compared=of_mix(MOVED))
    memory = Memory(lanes_for(rule))
    verdicts(rule, reading, memory)
    said, numbers = explain(rule, memory, reading, 0)
    assert numbers["mix"] == pytest.approx(0.048, abs=0.001)
    assert said == "2.80% → 7.60% over 5000 calls, of which +4.74% is traffic that moved"


def test_traffic_that_moved_is_reported_of_what_is_worse_when_it_is_lower_too() -> None:
    rule, reading = regression(worse="lower"), read(counted((5_000, 380)), compared=of_mix(MOVED))
    memory = Memory(lanes_for(rule))
    verdicts(rule, reading, memory)
    said, numbers = explain(rule, memory, reading, 0)
    assert numbers["mix"] == pytest.approx(-0.048, abs=0.001)
    assert said == "97.20% → 92.40% over 5000 calls, of which -4.74% is traffic that moved"


def test_a_model_that_became_worse_is_a_breach_though_traffic_moved_too() -> None:
    assert BREACH in judged([(500.0, 500 * float(MOVED @ (USUAL * 2)))] * 60, of_mix(MOVED))


# ------------------------------------------------------------------------------------------------ burn rate


def burn(**settings: Any) -> BurnRateRule:
    return BurnRateRule(
        **{"alert": "A", "metric": "errors", "objective": 0.99, "runbook_url": "x", **settings}
    )


def burning(rule: BurnRateRule, rates: Sequence[tuple[float, float]], calls: float = 1_000.0) -> Reading:
    """Windows of these rates, long and short of each pair; NaN is one without calls."""
    pairs = tuple((counted(_of(long, 10 * calls)), counted(_of(short, calls))) for long, short in rates)
    return read(counted((calls, 0)), pairs=pairs)


def _of(rate: float, calls: float) -> tuple[float, float]:
    return (0.0, 0.0) if np.isnan(rate) else (calls, rate * calls)


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ([(0.15, 0.15), (0.0, 0.0)], BREACH),
        ([(0.15, 0.10), (0.0, 0.0)], CLEAR),
        ([(0.10, 0.15), (0.0, 0.0)], BETWEEN),
        ([(0.0, 0.0), (0.07, 0.07)], BREACH),
        ([(0.0, 0.0), (0.05, 0.07)], BETWEEN),
        ([(0.02, 0.02), (0.02, 0.02)], CLEAR),
        ([(0.15, NAN), (0.07, 0.05)], BETWEEN),
        ([(NAN, NAN), (NAN, NAN)], NO_DATA),
        ([(NAN, NAN), (0.07, 0.07)], BREACH),
    ],
    ids=[
        "fast",
        "fast and over",
        "fast and only just",
        "slow",
        "slow and only just",
        "within the objective",
        "nothing in the short window is no recovery",
        "nothing at all",
        "nothing lately",
    ],
)
def test_a_budget_that_burns(rates: list[tuple[float, float]], verdict: Verdict) -> None:
    assert verdicts(burn(), burning(burn(), rates)) == [verdict]


def test_a_ticket_burns_slower_over_longer_windows() -> None:
    page, ticket = burn(), burn(severity="ticket")
    assert verdicts(page, burning(page, [(0.035, 0.035)] * 2)) == [CLEAR]
    assert verdicts(ticket, burning(ticket, [(0.035, 0.035)] * 2)) == [BREACH]
    assert burn_factors(page) == (14.4, 6.0)
    assert burn_windows(ticket) == ((1_440, 120), (4_320, 360))


def test_a_budget_of_too_few_calls_says_nothing() -> None:
    assert verdicts(burn(), burning(burn(), [(1.0, 1.0)] * 2, calls=4.9)) == [INSUFFICIENT]


def test_a_budget_burns_at_five_calls_a_minute_too() -> None:
    """Those of a long window are enough, though a short one has fewer than ``minimum_calls``."""
    few = counted((300, 60)), counted((25, 5))
    assert verdicts(burn(), read(few[1], pairs=(few, few))) == [BREACH]


def test_a_pair_of_too_few_calls_leaves_it_to_the_longer_one() -> None:
    few, many = (counted((49, 49)), counted((5, 5))), (counted((300, 3)), counted((25, 0)))
    assert verdicts(burn(), read(few[1], pairs=(few, many))) == [CLEAR]


# -------------------------------------------------------------------------------------------------- absence


@pytest.mark.parametrize(
    ("absent", "calls", "without", "usual", "verdict"),
    [
        ("calls", 0, 0, 50, BREACH),
        ("calls", 0, 0, 49, NO_DATA),
        ("calls", 0, 0, NAN, NO_DATA),
        ("calls", 1, 0, 50, CLEAR),
        ("calls", 1, 0, 0, CLEAR),
        ("content", 9, 9, 50, BREACH),
        ("content", 9, 8, 50, CLEAR),
        ("content", 9, 9, 49, NO_DATA),
        ("content", 0, 0, 50, NO_DATA),
    ],
    ids=[
        "missed", "rarely there", "no past", "there", "new",
        "all without", "one with", "rarely with", "without calls no content is missed",
    ],
)  # fmt: skip
def test_what_does_not_come_any_more(
    absent: Literal["calls", "content"], calls: float, without: float, usual: float, verdict: Verdict
) -> None:
    rule = AbsenceRule(alert="A", absent=absent, minimum_calls=50, runbook_url="x")
    compared = nothing()
    compared.baseline.calls = np.array([usual])
    assert verdicts(rule, read(counted((calls, without)), compared=compared)) == [verdict]


# ----------------------------------------------------------------------------------------------------- blip


QUIET, STEEP, THIN, NONE = (100, 2), (100, 30), (19, 19), (0, 0)


@pytest.mark.parametrize(
    ("minutes", "verdict"),
    [
        ([QUIET, STEEP, STEEP], BREACH),
        ([STEEP, QUIET, STEEP], BREACH),
        ([QUIET, QUIET, STEEP], BETWEEN),
        ([QUIET, QUIET, QUIET], CLEAR),
        ([STEEP, STEEP, QUIET, QUIET, QUIET], CLEAR),
        ([(20, 4), (20, 4), (20, 4)], CLEAR),
        ([THIN, THIN, THIN], INSUFFICIENT),
        ([STEEP, NONE, STEEP], BREACH),
        ([NONE, NONE, NONE], INSUFFICIENT),
    ],
    ids=[
        "two of three",
        "with a hole of one",
        "one is none",
        "quiet",
        "over",
        "four failures are few",
        "thin minutes",
        "a missing minute between",
        "minutes without calls are no end",
    ],
)
def test_a_blip(minutes: list[tuple[int, int]], verdict: Verdict) -> None:
    rule = BlipRule(alert="A", metric="errors", runbook_url="x")
    reading = read(counted((300, 60)), minutes=tuple(counted(one) for one in minutes), compared=against(0.02))
    assert verdicts(rule, reading) == [verdict]


def test_a_blip_without_a_baseline_is_none() -> None:
    rule = BlipRule(alert="A", metric="errors", runbook_url="x")
    assert verdicts(rule, read(counted((300, 300)), minutes=(counted((100, 100)),) * 3)) == [UNLEARNED]


# --------------------------------------------------------------------------------------------- what is said


def test_what_is_said_of_a_rate_is_its_baseline_and_what_it_is_now() -> None:
    said, numbers = explain(
        at_once(), Memory(), read(counted((100, 40)), compared=against(0.02, calls=1_000)), 0
    )
    assert said == "2.00% → 40.00% over 100 calls"
    assert (numbers["window"]["rate"], numbers["baseline"]["rate"], numbers["ratio"]) == (0.4, 0.02, 20.0)
    low, high = numbers["window"]["interval_95"]
    assert 0.3 < low < 0.4 < high < 0.5


def test_what_is_said_of_gathered_evidence_is_what_was_seen_since_it_began() -> None:
    rule = regression()
    memory = Memory(lanes_for(rule))
    for _ in range(3):
        reading = read(counted(BAD), compared=against(0.02))
        verdicts(rule, reading, memory)
    said, numbers = explain(rule, memory, reading, 0)
    assert said == "2.00% → 20.00% over 600 calls"
    assert [*numbers["evidence"]] == [lane.name for lane in lanes_for(rule)]


@pytest.mark.parametrize(
    ("high", "words"), [(0.8, "at most 0.8"), (NAN, "no upper bound from so few")], ids=["many", "few"]
)
def test_what_is_said_of_a_call_p95_is_how_sure_it_is(high: float, words: str) -> None:
    rule = threshold(metric="tools.risk", statistic="call_p95", above=0.5)
    reading = read(counted((58, 0)), value=np.array([0.71]), bounds=(np.array([0.66]), np.array([high])))
    said, numbers = explain(rule, Memory(), reading, 0)
    assert said == f"0.71 risk (each 95 % sure: at least 0.66, {words}) over 58 calls"
    assert numbers["bounds_95"] == [0.66, None if np.isnan(high) else high]


def test_what_is_said_where_nothing_is_known_is_a_sentence_too() -> None:
    said, numbers = explain(threshold(above=0.1), Memory(), read(counted((0, 0))), 0)
    assert (said, numbers["baseline"]) == ("0.00% over 0 calls", None)
