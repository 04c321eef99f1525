"""How often each reading of "p95 error rate up under load" cries wolf, and how soon it tells a rise.

``python -m benchmarks.readings [--series 6] [--days 2] [--seed N]``. Rules, one a statistic, are run over
made-up minutes by the engine: reading, evidence, gates, states. Worlds are like those of
``benchmarks.detection``: Poisson traffic that swings by 60 % over the day and falls to 0.6 at weekends; a
rate that swings, drifts, is rougher than chance, and has a blip of 1 to 3 minutes every other day. Traffic
also differs from day to day by a tenth. Whatever fires where no rate changed is a false alarm. Beside the
rules stands what the sentence is mostly taken for: the p95 of one-minute rates, 15 % above the week's. Then
the same of services with routes, one in ten of which gets worse.
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
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAY = 1440
START = datetime(2026, 1, 5, tzinfo=UTC)

#: Days that come before the first that is judged.
PAST = 8

BASE, TRAFFIC, RISES = 0.02, (20.0, 200.0, 2000.0), (1.15, 1.5, 2.0)
ROUTE_RISES = (2.0, 5.0)

#: Chance of another blip in a minute, and the drifts: standard deviation and minutes of memory.
BLIPS, DRIFTS, RHO = 1 / 2880, ((0.06, 30.0), (0.06, 720.0)), 0.001


def _rule(statistic: Statistic, relative: float, absolute: float, over: str = "") -> RegressionRule:
    return RegressionRule(
        alert=statistic,
        statistic=statistic,
        over=over,
        metric="errors",
        by=("service",),
        margin=Margin(relative=relative, absolute=absolute),
        severity="ticket",
        for_="20m" if over else "0s",
        runbook_url="none",
    )


#: The readings of the sentence, as the rules that ship have them.
RULES = (
    _rule("rate", 0.15, 0.001),
    _rule("bucket_p95", 2, 0.1),
    _rule("rate_at_load", 0.15, 0.001),
)

#: Those of a service with routes, of which some get worse.
OF_ROUTES = (_rule("rate", 0.15, 0.001), _rule("group_p95", 1, 0.05, over="route"))

#: Routes of a service, how different their traffic and their rates are, and the part of them that gets worse.
ROUTES, TRAFFIC_SPREAD, RATE_SPREAD, WORSE = 30, 1.0, 0.5, 0.1


class World(NamedTuple):
    """What happened: counts by series and minute, ``[S, T]``, and what changed."""

    service: Ints
    """Of each series."""
    traffic: Floats
    """Of each service, and how many times its rate becomes."""
    rise: Floats
    changed_at: Floats
    """Minutes since the first that is judged; infinite where nothing changes."""
    calls: Floats
    failures: Floats
    durations_ms: Floats


class Climate(NamedTuple):
    """What a world is made of, by service and minute: the mean number of calls, and their rate unchanged."""

    changed_at: Floats
    after: Bools
    mean: Floats
    rate: Floats
    duration_ms: Floats


def climate(traffic: Floats, rise: Floats, days: int, random: np.random.Generator) -> Climate:
    """That of a service for each of these, with ``PAST`` days before the days that are judged."""
    size, minutes = len(traffic), (PAST + days) * DAY
    at = np.arange(minutes) - PAST * DAY
    changed_at = np.where(rise > 1, random.integers(DAY // 2, DAY, size), np.inf)
    turn = 2 * np.pi * (at / DAY + random.random((2, size, 1)))
    weekday = (np.floor(at / DAY) + random.integers(0, 7, (size, 1))) % 7
    by_day = np.repeat(np.exp(0.1 * random.standard_normal((size, PAST + days))), DAY, axis=1)
    mean = traffic[:, None] * by_day * (1 + 0.6 * np.sin(turn[0])) * np.where(weekday >= 5, 0.6, 1.0)
    drift = sum((_drift(size, minutes, sd, memory, random) for sd, memory in DRIFTS), np.zeros((size, 1)))
    rate = BASE * (1 + 0.2 * np.sin(turn[1])) * np.exp(drift)
    strength = 1 / RHO - 1
    rate = np.maximum(random.beta(rate * strength, (1 - rate) * strength), _blips(size, minutes, random))
    # A call takes 1.2 s, up to a fifth more where traffic is high.
    return Climate(changed_at, at >= changed_at[:, None], mean, rate, 1200 * (1 + 0.2 * np.sin(turn[0])))


def made(traffic: Floats, rise: Floats, days: int, random: np.random.Generator) -> World:
    """A world of one series for each service."""
    of = climate(traffic, rise, days, random)
    calls = random.poisson(of.mean)
    rate = np.minimum(of.rate * np.where(of.after, rise[:, None], 1.0), 0.99)
    failures = random.binomial(calls, rate)
    own = np.maximum(0.1, 1 + random.standard_normal(calls.shape) / np.sqrt(calls + 1))
    durations = of.duration_ms * calls.astype(float) * own
    return World(
        np.arange(len(traffic)), traffic, rise, of.changed_at, calls.astype(float), failures.astype(float),
        durations,
    )  # fmt: skip


def routed(traffic: Floats, rise: Floats, days: int, random: np.random.Generator) -> World:
    """A world of services with routes that differ, and of which ``WORSE`` get worse.

    The routes of a service drift, and have blips, together.
    """
    of, services = climate(traffic, rise, days, random), len(traffic)
    part = np.exp(TRAFFIC_SPREAD * random.standard_normal((services, ROUTES, 1)))
    part /= part.sum(axis=1, keepdims=True)
    times = np.exp(RATE_SPREAD * random.standard_normal((services, ROUTES, 1)))
    times /= (times * part).sum(axis=1, keepdims=True)
    worse = random.random((services, ROUTES, 1)).argsort(axis=1) < WORSE * ROUTES
    rate = of.rate[:, None] * times * np.where(worse & of.after[:, None], rise[:, None, None], 1.0)
    calls = random.poisson(of.mean[:, None] * part).reshape(services * ROUTES, -1)
    failures = random.binomial(calls, np.minimum(rate, 0.99).reshape(calls.shape))
    return World(
        np.repeat(np.arange(services), ROUTES), traffic, rise, of.changed_at, calls.astype(float),
        failures.astype(float), 1200.0 * calls.astype(float),
    )  # fmt: skip


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
    """The world as the engine reads it."""
    size, minutes = world.calls.shape
    series = Series()
    for n, service in enumerate(world.service):
        labels = {"service": f"{service}", "route": f"{n}"}
        series.add(n + 1, [labels.get(name, "") for name in DIMENSIONS])
    known = {"calls": world.calls, "errors": world.failures, "duration_sum_ms": world.durations_ms}
    columns = needs(rules)[0]
    some = world.calls.T.ravel() > 0
    nothing = np.zeros(int(some.sum()))
    rows = [known[name].T.ravel()[some] if name in known else nothing for name in columns]
    first = int(START.timestamp()) - PAST * DAY * 60
    bucket = np.repeat(first + 60 * np.arange(minutes), size)[some]
    whose = np.tile(np.arange(size) + 1, minutes)[some]
    return History(series, Table(columns, whose, bucket, np.stack(rows, axis=1)))


def told(world: World, rules: Sequence[Rule], days: int) -> tuple[Fired, ...]:
    """Every time a rule fired in the days that are judged."""
    simulation = Simulation(rules, history(world, rules))
    return fired(simulation.run(START, START + timedelta(days=days)))


def naive(world: World, which: Bools, days: int) -> float:
    """How often a week the p95 of 60 one-minute rates is 15 % above that of the week before it, a series."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.nan_to_num(world.failures[which] / world.calls[which])
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


def grid(rises: Sequence[float], series: int) -> tuple[Floats, Floats]:
    """Traffic and rise of so many services of each."""
    traffic = np.repeat(TRAFFIC, series * len(rises))
    return traffic, np.tile(np.repeat(rises, series), len(TRAFFIC))


def report_alarms(world: World, rules: Sequence[Rule], days: int) -> None:
    """Print how often a week each rule fires where nothing changes."""
    alarms = told(world, rules, days)
    print(f"\nFalse alarms a service and week{'':17}" + "".join(f"{t:>12.0f}/min" for t in TRAFFIC))
    for rule in rules:
        texts = []
        for t in TRAFFIC:
            weeks = (world.traffic == t).sum() * days / 7
            n = sum(
                one.rule == rule.alert and world.traffic[int(one.labels["service"])] == t for one in alarms
            )
            texts.append(f"{n / weeks:>8.2f} ± {np.sqrt(n) / weeks:4.2f} ")
        print(f"  {rule.alert:46}" + "".join(texts), flush=True)


def report_delays(world: World, rules: Sequence[Rule]) -> None:
    """Print how soon each rule tells a rise."""
    alarms = told(world, rules, 2)
    print("\nDelay from the change, median (told within a day)")
    for rule in rules:
        for t in TRAFFIC:
            rises = sorted({*world.rise.tolist()})
            texts = [f"x{r:<4} {_delay(world, alarms, rule, t, r)}" for r in rises]
            print(f"  {rule.alert:14}{t:>6.0f}/min   " + "   ".join(texts), flush=True)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=6, help="services of each traffic and rise")
    parser.add_argument("--days", type=int, default=2, help="days without a change")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers; left out: a fresh one")
    parser.add_argument("--thin", type=int, default=3, help="one in so many services has routes")
    options = parser.parse_args()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    random = np.random.default_rng(seed)
    began = time.monotonic()
    print(f"seed {seed}, {options.series} series of each traffic, {options.days} days, base {BASE:.0%}")
    each = np.repeat(TRAFFIC, options.series)
    quiet = made(each, np.ones(len(each)), options.days, random)
    report_alarms(quiet, RULES, options.days)
    figures = [naive(quiet, each == t, options.days) for t in TRAFFIC]
    print(f"  {'beside: p95 of one-minute rates + 15 %':46}" + "".join(f"{n:>8.2f}{'':8}" for n in figures))
    report_delays(made(*grid(RISES, options.series), 2, random), RULES)
    print(f"\nServices of {ROUTES} routes, of which {WORSE:.0%} get worse")
    quiet = routed(each[:: options.thin], np.ones(len(each))[:: options.thin], options.days, random)
    report_alarms(quiet, OF_ROUTES, options.days)
    report_delays(routed(*grid(ROUTE_RISES, -(-options.series // options.thin)), 2, random), OF_ROUTES)
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
