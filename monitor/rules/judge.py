"""Judges one closed minute of one rule: what was counted in, a verdict for each label set out. Pure.

Arrays are over the label sets of the rule (S of them). The only thing that goes on from minute to minute is
the evidence in the rule's ``Memory``, which a regression moves by one step.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import structs

from monitor.rules import buckets, shrunk
from monitor.rules.baseline import Baseline
from monitor.rules.buckets import Buckets, exceeding, fill
from monitor.rules.compare import of_value
from monitor.rules.detector import Lane, lanes_of, step
from monitor.rules.gates import Gates, enough, recovered, risen
from monitor.rules.memory import Memory
from monitor.rules.model import (
    AbsenceRule,
    BlipRule,
    BurnRateRule,
    RegressionRule,
    Rule,
    ThresholdRule,
)
from monitor.rules.slow import MEAN_SHIFTED, SHIFTED
from monitor.rules.states import CODE, Verdict
from monitor.rules.statistics import fisher_greater

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

#: Failures of a minute that a blip has at least.
FEWEST_FAILURES = 5


class Counted(msgspec.Struct, frozen=True):
    """Calls, and how many of them are in the metric's numerator; ``[S]`` each."""

    calls: Floats
    failures: Floats

    @property
    def rate(self) -> Floats:
        """Failures over calls; NaN of no calls."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.failures / self.calls


class Compared(msgspec.Struct, frozen=True):
    """What the present is compared with; ``[S]`` each, NaN where there is nothing to compare with."""

    baseline: Baseline
    expected: Floats
    """What its rate would be with the calls of the present, whose mix of models, prompts and routes may be
    another: each has its own rate (direct standardisation). At least the absolute margin."""
    mix: Floats
    """Points of its rate that the present mix makes the difference of."""
    learned: Bools | None = None
    """Where the past says so itself; elsewhere it is nothing, or what an alert was opened against. ``None``:
    everywhere."""
    levels: tuple[Floats, ...] = ()
    """What belongs to the baseline and is kept with it while an alert is open: the bucket of a percentile."""
    hourly: bool = False
    """Whether it is another at each hour of the day."""


def nothing(size: int) -> Compared:
    """No baseline at all, of so many label sets."""
    unknown = np.full(size, np.nan)
    return Compared(of_value(unknown), unknown, np.zeros(size))


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """All that is judged of one minute of one rule."""

    minute: Counted
    """The minute itself: calls, or for a percentile values and how many exceed the baseline's."""
    short: Counted
    """The last five minutes; of buckets and of minutes under load as many as it takes to have some."""
    window: Counted
    """The rule's window."""
    came: Floats | None = None
    """All calls of the window, where those that are counted are fewer, or are buckets."""
    usual: Floats | None = None
    """The usual rate of the calls, where what is counted are buckets or groups."""
    buckets: Buckets | None = None
    """Of ``bucket_p95``: how large buckets are. Then ``window`` and ``short`` count buckets, and ``minute``
    the calls that fill them."""
    value: Floats | None = None
    """Of a measured value: its percentile or mean over the window."""
    past_value: Floats | None = None
    """The same of the baseline."""
    bounds: tuple[Floats, Floats] | None = None
    """Of ``call_p95``: what the value is at least and at most, each with 95 % certainty; NaN for no bound."""
    compared: Compared
    pairs: tuple[tuple[Counted, Counted], ...] = ()
    """Of a burn rate: its long and short windows."""
    minutes: tuple[Counted, ...] = ()
    """Of a blip: the last minutes, the newest last."""
    beyond: Floats | None = None
    """Of ``evidence: days``: by how many standard errors the last 24 hours are above the days before."""


def judge(rule: Rule, memory: Memory, reading: Reading) -> Codes:
    """The verdict of each label set, as codes; moves the memory's evidence by this minute."""
    match rule:
        case ThresholdRule():
            verdicts = _threshold(rule, reading)
        case RegressionRule(evidence="cusum"):
            verdicts = _gathered(rule, memory, reading)
        case RegressionRule(evidence="fisher"):
            verdicts = _tested(rule, reading)
        case RegressionRule():
            verdicts = _against_days(rule, reading)
        case BurnRateRule():
            verdicts = _burn_rate(rule, reading)
        case AbsenceRule():
            verdicts = _absence(rule, reading)
        case BlipRule():
            verdicts = _blip(rule, reading)
    return verdicts


def lanes_for(rule: Rule) -> tuple[Lane, ...]:
    """The detector's lanes that a rule gathers evidence in; none for a rule that gathers none."""
    if isinstance(rule, RegressionRule) and rule.evidence == "cusum":
        return lanes_of(rule.severity, rule.false_alarms)
    return ()


def _gathered(rule: RegressionRule, memory: Memory, reading: Reading) -> Codes:
    minute, short, window = reading.minute, reading.short, reading.window
    if reading.buckets is not None:
        minute = _filled(memory, minute, reading.buckets)
    expected, gates = reading.compared.expected, gates_of(rule)
    baseline = structs.replace(reading.compared.baseline, rate=expected)
    memory.evidence = step(memory.evidence, minute.calls, minute.failures, baseline, memory.lanes)
    breach = risen(
        memory.evidence, short.calls, short.failures, memory.lanes, gates, waits=rule.severity == "page"
    )
    # A recovery is judged by what was seen since it was last bad, while there still is something to see.
    bad = breach | (short.rate >= expected * (1 + gates.relative))
    memory.well_calls = np.where(bad, 0.0, memory.well_calls + minute.calls)
    memory.well_failures = np.where(bad, 0.0, memory.well_failures + minute.failures)
    well = recovered(memory.well_calls, memory.well_failures, expected, gates)
    clear = well & ~bad & (short.calls > 0)
    unsaid = ~enough(window.calls, window.failures, expected, gates)
    came = window.calls if reading.came is None else reading.came
    return _verdicts(breach, clear, unsaid, came, unlearned=~np.isfinite(expected))


def _filled(memory: Memory, minute: Counted, buckets: Buckets) -> Counted:
    """The buckets that this minute has filled, and how many of them are above the usual p95."""
    held = memory.held_calls, memory.held_failures
    full, (memory.held_calls, memory.held_failures) = fill(
        held, (minute.calls, minute.failures), buckets.size
    )
    return Counted(*exceeding(*full, buckets))


def gates_of(rule: RegressionRule) -> Gates:
    """What a rise must be, beyond evidence, for this rule to fire; of buckets and groups some are enough."""
    fewest = {"bucket_p95": buckets.FEWEST, "group_p95": shrunk.FEWEST}.get(rule.statistic or "")
    if fewest is not None:
        return Gates(rule.relative, rule.absolute, fewest, 0.0)
    return Gates(rule.relative, rule.absolute, rule.minimum_calls)


def _tested(rule: RegressionRule, reading: Reading) -> Codes:
    past, window = reading.compared.baseline, reading.window
    baseline = past.rate + reading.compared.mix
    rise = window.rate - baseline
    breach = (rise >= rule.absolute) & (rise >= rule.relative * baseline)
    for i in np.flatnonzero(breach):
        # Of the rate that is expected: of the present mix, and of what an open alert was opened against.
        usual = round(float(baseline[i] * past.calls[i]))
        chance = fisher_greater(int(window.failures[i]), int(window.calls[i]), usual, int(past.calls[i]))
        breach[i] = chance <= rule.significance
    clear = (rise <= rule.absolute / 2) | (rise <= rule.relative / 2 * baseline)
    few = window.calls < rule.minimum_calls
    return _verdicts(breach, clear, few, window.calls, unlearned=~np.isfinite(baseline))


def _against_days(rule: RegressionRule, reading: Reading) -> Codes:
    """The last 24 hours against the days before: by both margins, and by more than days differ."""
    window, before = reading.window, reading.compared.expected
    value, limit = (window.rate, SHIFTED) if reading.value is None else (reading.value, MEAN_SHIFTED)
    rise = value - before
    beyond = np.full(len(rise), np.nan) if reading.beyond is None else reading.beyond
    breach = (rise >= rule.absolute) & (rise >= rule.relative * before) & (beyond > limit)
    clear = (rise <= rule.absolute / 2) | (rise <= rule.relative / 2 * before)
    few = (window.calls < rule.minimum_calls) | ~np.isfinite(value)
    return _verdicts(breach, clear, few, window.calls, unlearned=~np.isfinite(before))


def _threshold(rule: ThresholdRule, reading: Reading) -> Codes:
    window = reading.window
    value = window.rate if reading.value is None else reading.value
    if rule.above is not None:
        breach, clear = value > rule.above, value <= (rule.above if rule.clear is None else rule.clear)
    else:
        limit = rule.below if rule.below is not None else 0.0
        breach, clear = value < limit, value >= (limit if rule.clear is None else rule.clear)
    unsaid = (window.calls < rule.minimum_calls) | ~np.isfinite(value)
    return _verdicts(breach, clear, unsaid, window.calls)


def _burn_rate(rule: BurnRateRule, reading: Reading) -> Codes:
    """Too fast over both the long and the short window of any pair (SRE workbook, chapter 5).

    A pair whose long window has too few calls says nothing; the other may, whose windows are longer.
    """
    budget, size = 1 - rule.objective, len(reading.window.calls)
    breach, clear, few = np.zeros(size, bool), np.ones(size, bool), np.ones(size, bool)
    for (long, short), factor in zip(reading.pairs, burn_factors(rule), strict=True):
        enough_calls = long.calls >= rule.minimum_calls
        breach |= enough_calls & (long.rate > factor * budget) & (short.rate > factor * budget)
        clear &= ~enough_calls | (short.rate <= factor * budget)
        few &= ~enough_calls
    return _verdicts(breach, clear, few, reading.pairs[-1][0].calls)


def burn_factors(rule: BurnRateRule) -> tuple[float, ...]:
    """How many times as fast as allowed, of each pair of windows: see ``BurnRateRule``."""
    return (14.4, 6.0) if rule.severity == "page" else (3.0, 1.0)


def burn_windows(rule: BurnRateRule) -> tuple[tuple[int, int], ...]:
    """The long and the short window of each pair, in minutes."""
    return ((60, 5), (360, 30)) if rule.severity == "page" else ((1440, 120), (4320, 360))


def _absence(rule: AbsenceRule, reading: Reading) -> Codes:
    """Nothing in the window where the same time on other days has ``minimum_calls``.

    The failures of ``window`` are the calls that lack what should be there; the baseline's calls are those
    that have it. Without any call no content is missed.
    """
    calls, usual = reading.window.calls, np.nan_to_num(reading.compared.baseline.calls)
    came = calls > reading.window.failures
    missed = (usual >= rule.minimum_calls) & ((calls > 0) | (rule.absent == "calls"))
    # That nothing comes is what is told here, so it is never "no data"; and without a past nothing is missed.
    return np.where(came, CODE[Verdict.CLEAR], np.where(missed, CODE[Verdict.BREACH], CODE[Verdict.NO_DATA]))


def _blip(rule: BlipRule, reading: Reading) -> Codes:
    expected = reading.compared.expected
    steep, seen = np.zeros(len(expected), np.int64), np.zeros(len(expected), bool)
    for minute in reading.minutes[-rule.of_minutes :]:
        busy = minute.calls >= rule.minimum_calls
        seen |= busy
        steep += busy & (minute.rate >= rule.times * expected) & (minute.failures >= FEWEST_FAILURES)
    unlearned = ~np.isfinite(expected)
    return _verdicts(steep >= rule.minutes, steep == 0, ~seen, reading.window.calls, unlearned=unlearned)


def _verdicts(
    breach: Bools, clear: Bools, few: Bools, calls: Floats, *, unlearned: Bools | bool = False
) -> Codes:
    """One code for each label set; what can't be said comes before what is bad or good.

    ``few`` have too few calls, ``unlearned`` too little to be compared with.
    """
    elsewhere = bool((calls > 0).any())
    silent = CODE[Verdict.MISSING if elsewhere else Verdict.NO_DATA]
    known = np.where(
        breach,
        CODE[Verdict.BREACH],
        np.where(clear, CODE[Verdict.CLEAR], CODE[Verdict.BETWEEN]),
    )
    said = np.where(few, CODE[Verdict.INSUFFICIENT], known)
    return np.where(calls <= 0, silent, np.where(unlearned, CODE[Verdict.UNLEARNED], said))
