"""How often each reading of "p95 error rate up under load" cries wolf, and how soon it tells a rise.

``python -m benchmarks.readings [--series 20] [--days 7] [--seed N]``. Rules, one a statistic, are run over
made-up minutes by the product's own engine: reading, evidence, gates, states. Worlds are like those of
``benchmarks.detection``: Poisson traffic that swings by 60 % over the day and falls to 0.6 at weekends; a
rate that swings, drifts, is rougher than chance, and has a blip of 1 to 3 minutes every other day. Traffic
also differs from day to day by a tenth. Whatever fires where no rate changed is a false alarm. Beside the
rules stands what the sentence is mostly taken for: the p95 of one-minute rates, 15 % above the week's.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.detection import span
from monitor.backtest import Fired, fired
from monitor.history import History
from monitor.reading import needs
from monitor.records import DIMENSIONS
from monitor.rules.model import Margin, RegressionRule, Rule, Statistic
from monitor.simulation import Simulation
from monitor.store.counters import Series, Table

Floats = npt.NDArray[np.float64]

DAY = 1440
START = datetime(2026, 1, 5, tzinfo=UTC)

#: Days that come before the first that is judged.
PAST = 8

BASE, TRAFFIC, RISES = 0.02, (20.0, 200.0, 2000.0), (1.15, 1.5, 2.0)

#: Chance of another blip in a minute, and the drifts: standard deviation and minutes of memory.
BLIPS, DRIFTS, RHO = 1 / 2880, ((0.06, 30.0), (0.06, 720.0)), 0.001


def _rule(statistic: Statistic, relative: float, absolute: float) -> RegressionRule:
    return RegressionRule(
        alert=statistic,
        statistic=statistic,
        metric="errors",
        by=("service",),
        margin=Margin(relative=relative, absolute=absolute),
        severity="ticket",
        runbook_url="none",
    )


#: The readings of the sentence, as the rules that ship have them.
RULES = (
    _rule("rate", 0.15, 0.001),
    _rule("bucket_p95", 2, 0.1),
    _rule("rate_at_load", 0.15, 0.001),
)


class World(NamedTuple):
    """What happened: counts by series and minute, ``[S, T]``, and what changed."""

    traffic: Floats
    """Of each series, ``[S]``."""
    rise: Floats
    changed_at: Floats
    """Minutes since the first that is judged; infinite where nothing changes."""
    calls: Floats
    failures: Floats
    durations_ms: Floats


def made(traffic: Floats, rise: Floats, days: int, random: np.random.Generator) -> World:
    """A world of a series for each of these, with ``PAST`` days before the days that are judged."""
    size, minutes = len(traffic), (PAST + days) * DAY
    at = np.arange(minutes) - PAST * DAY
    changed_at = np.where(rise > 1, random.integers(DAY // 2, DAY, size), np.inf)
    turn = 2 * np.pi * (at / DAY + random.random((2, size, 1)))
    weekday = (np.floor(at / DAY) + random.integers(0, 7, (size, 1))) % 7
    by_day = np.repeat(np.exp(0.1 * random.standard_normal((size, PAST + days))), DAY, axis=1)
    mean = traffic[:, None] * by_day * (1 + 0.6 * np.sin(turn[0])) * np.where(weekday >= 5, 0.6, 1.0)
    calls = random.poisson(mean)
    drift = np.sum([_drift(size, minutes, sd, memory, random) for sd, memory in DRIFTS], axis=0)
    rate = BASE * (1 + 0.2 * np.sin(turn[1])) * np.exp(drift)
    rate *= np.where(at >= changed_at[:, None], rise[:, None], 1.0)
    strength = 1 / RHO - 1
    rate = np.maximum(random.beta(rate * strength, (1 - rate) * strength), _blips(size, minutes, random))
    failures = random.binomial(calls, rate)
    # A call takes 1.2 s, up to a fifth more where traffic is high, and as much again of its own.
    each = 1200 * (1 + 0.2 * np.sin(turn[0]))
    durations = each * calls * np.maximum(0.1, 1 + random.standard_normal(calls.shape) / np.sqrt(calls + 1))
    return World(traffic, rise, changed_at, calls.astype(float), failures.astype(float), durations)


def _drift(size: int, minutes: int, sd: float, memory: float, random: np.random.Generator) -> Floats:
    kept, found = np.exp(-1 / memory), np.zeros((size, minutes))
    fresh = random.standard_normal((minutes, size)) * sd * np.sqrt(1 - kept * kept)
    now = sd * random.standard_normal(size)
    for minute in range(minutes):
        now = kept * now + fresh[minute]
        found[:, minute] = now
    return found


def _blips(size: int, minutes: int, random: np.random.Generator) -> Floats:
    rate = np.zeros((size, minutes))
    for series, begin in np.argwhere(random.random((size, minutes)) < BLIPS):
        rate[series, begin : begin + random.integers(1, 4)] = random.uniform(0.15, 0.5)
    return rate


def history(world: World, rules: Sequence[Rule]) -> History:
    """The world as the engine reads it: each series is a service."""
    size, minutes = world.calls.shape
    series = Series()
    for n in range(size):
        series.add(n + 1, [f"{n}" if name == "service" else "" for name in DIMENSIONS])
    known = {"calls": world.calls, "errors": world.failures, "duration_sum_ms": world.durations_ms}
    columns = needs(rules)[0]
    nothing = np.zeros(size * minutes)
    values = np.stack([known[name].T.ravel() if name in known else nothing for name in columns], axis=1)
    first = int(START.timestamp()) - PAST * DAY * 60
    bucket = np.repeat(first + 60 * np.arange(minutes), size)
    whose = np.tile(np.arange(size) + 1, minutes)
    some = known["calls"].T.ravel() > 0
    return History(series, Table(columns, whose[some], bucket[some], values[some]))


def told(world: World, rules: Sequence[Rule], days: int) -> tuple[Fired, ...]:
    """Every time a rule fired in the days that are judged."""
    simulation = Simulation(rules, history(world, rules))
    return fired(simulation.run(START, START + timedelta(days=days)))


def naive(world: World, days: int) -> float:
    """How often a week the p95 of 60 one-minute rates is 15 % above that of the week before it, a series."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.nan_to_num(world.failures / world.calls)
    episodes, last = 0, np.full(len(rates), -DAY)
    for at in range(0, days * DAY, 5):
        end = at + PAST * DAY
        before, now = rates[:, end - 7 * DAY : end], rates[:, end - 60 : end]
        if at % 60 == 0:
            usual = np.quantile(before, 0.95, axis=1)
        high = np.quantile(now, 0.95, axis=1) >= 1.15 * usual
        episodes += int((high & (at - last > 60)).sum())
        last = np.where(high, at, last)
    return episodes / len(rates) * 7 / days


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=20, help="series of each traffic and rise")
    parser.add_argument("--days", type=int, default=7, help="days without a change")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers; left out: a fresh one")
    options = parser.parse_args()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    random = np.random.default_rng(seed)
    began = time.monotonic()
    print(f"seed {seed}, {options.series} series of each traffic, {options.days} days, base {BASE:.0%}")
    each = np.repeat(TRAFFIC, options.series)
    quiet = made(each, np.ones(len(each)), options.days, random)
    alarms = told(quiet, RULES, options.days)
    print(f"\nFalse alarms a series and week{'':18}" + "".join(f"{t:>12.0f}/min" for t in TRAFFIC))
    weeks = options.series * options.days / 7
    for rule in RULES:
        counts = [
            sum(one.rule == rule.alert and each[int(one.labels["service"])] == t for one in alarms)
            for t in TRAFFIC
        ]
        texts = [f"{n / weeks:>8.2f} ± {np.sqrt(n) / weeks:4.2f} " for n in counts]
        print(f"  {rule.alert:46}" + "".join(texts))
    figures = [naive(World(*(part[each == t] for part in quiet)), options.days) for t in TRAFFIC]
    print(f"  {'beside: p95 of one-minute rates + 15 %':46}" + "".join(f"{n:>8.2f}{'':8}" for n in figures))
    traffic = np.repeat(TRAFFIC, options.series * len(RISES))
    rise = np.tile(np.repeat(RISES, options.series), len(TRAFFIC))
    changed = made(traffic, rise, 2, random)
    alarms = told(changed, RULES, 2)
    print("\nDelay from the change, median (told within a day)")
    for rule in RULES:
        for t in TRAFFIC:
            texts = [f"x{r:<4} {_delay(changed, alarms, rule, t, r)}" for r in RISES]
            print(f"  {rule.alert:14}{t:>6.0f}/min   " + "   ".join(texts))
    print(f"\n{time.monotonic() - began:.0f} s")


def _delay(world: World, alarms: Sequence[Fired], rule: Rule, traffic: float, rise: float) -> str:
    of = np.flatnonzero((world.traffic == traffic) & (world.rise == rise))
    first = dict.fromkeys(of.tolist(), np.inf)
    for one in alarms:
        n = int(one.labels["service"])
        later = (one.start - START).total_seconds() / 60 - world.changed_at[n]
        if one.rule == rule.alert and n in first and 0 <= later <= DAY:
            first[n] = min(first[n], later)
    found = np.array([*first.values()])
    return f"{span(float(np.quantile(found, 0.5, method='higher'))):>6} ({np.isfinite(found).mean():4.0%})"


if __name__ == "__main__":
    main()
