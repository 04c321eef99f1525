"""How often the rules that ship ring for nothing, and how soon they ring for something, on made-up services.

``python -m benchmarks.false_alarms --weeks 4``. A service has calls that swing by the day and rest on
weekends, and a failure rate with a daily swing, two random drifts (over half an hour and half a day), more
spread than a coin has, and every other day a failure of one to three minutes that passes by itself: whatever
fires in such a week is a false alarm. Then the rate jumps at a random minute, and the delay counts from
there. The rules are judged and decided by the service's own code, once a minute.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from monitor.durations import seconds
from monitor.resources import folder
from monitor.rules import Counts, OpenAlert, Sample, State, decide, judge, load_rules
from monitor.rules.model import RegressionRule

DAY, WEEK = 1_440, 10_080
START = datetime(2026, 1, 5, tzinfo=UTC)

#: One of each lane; the rules for tools have the same numbers.
WATCHED = ("JsonBroken", "JsonWorse")

#: What the language assumes where a rule says nothing, for comparison.
DEFAULTS = RegressionRule(alert="(defaults)", metric="json.failed", runbook_url="none")


class Service(NamedTuple):
    """Running totals of calls and failures, by minute."""

    calls: list[int]
    failures: list[int]

    def counts(self, start: int, end: int) -> Counts:
        """Of the minutes from ``start`` up to and without ``end``."""
        return Counts(self.calls[end] - self.calls[start], self.failures[end] - self.failures[start])


def live(
    rng: random.Random, per_minute: float, base: float, minutes: int, jump: tuple[int, float] = (10**9, 1.0)
) -> Service:
    """A service of so many calls a minute that fails at ``base``, from a minute on so many times as often."""
    drifts, spans = [0.0, 0.0], (30, 720)
    blip_until, blip_rate = -1, 0.0
    calls, failures = [0], [0]
    for minute in range(minutes):
        swing = math.sin(2 * math.pi * minute / DAY)
        weekend = 0.6 if minute // DAY % 7 >= 5 else 1.0
        for index, span in enumerate(spans):
            kept = math.exp(-1 / span)
            drifts[index] = kept * drifts[index] + rng.gauss(0, 0.06 * math.sqrt(1 - kept * kept))
        rate = base * (1 + 0.2 * math.sin(2 * math.pi * minute / DAY + 1)) * math.exp(sum(drifts))
        rate = rng.betavariate(rate * 999, (1 - rate) * 999)
        if minute >= jump[0]:
            rate *= jump[1]
        elif minute > blip_until and rng.random() < 1 / (2 * DAY):
            blip_until, blip_rate = minute + rng.randrange(3), rng.uniform(0.15, 0.5)
        if minute <= blip_until:
            rate = max(rate, blip_rate)
        made = poisson(rng, per_minute * (1 + 0.6 * swing) * weekend)
        calls.append(calls[-1] + made)
        failures.append(failures[-1] + binomial(rng, made, min(rate, 0.95)))
    return Service(calls, failures)


def firings(rule: RegressionRule, service: Service, start: int) -> Iterator[int]:
    """The minutes at which the rule fires, from ``start`` on."""
    window = int(seconds(rule.window) / 60)
    baseline = int(seconds(rule.baseline.previous or "24h") / 60)
    alert: OpenAlert | None = None
    for end in range(max(start, window + 2), len(service.calls)):
        begin = end - window - 1
        before = service.counts(max(0, begin - baseline), begin)
        sample = Sample(
            {}, service.counts(begin, end), alert.baseline if alert and alert.baseline else before
        )
        at = START + timedelta(minutes=end)
        step = decide(alert, judge(rule, sample).verdict, rule, at)
        if step is None:
            continue
        if step.to is State.FIRING and (alert is None or alert.state is not State.FIRING):
            yield end
        alert = OpenAlert(
            1,
            step.to,
            alert.started_at if alert else at,
            step.clear_since,
            alert.baseline if alert else before,
        )
        if step.to is State.RESOLVED:
            alert = None


def false_alarms(rule: RegressionRule, services: Sequence[Service]) -> float:
    """Firings a week, over the weeks after the first."""
    weeks = sum(len(service.calls) - 1 - WEEK for service in services) / WEEK
    return sum(sum(1 for _ in firings(rule, service, WEEK)) for service in services) / weeks


def delay(rule: RegressionRule, services: Sequence[tuple[Service, int]]) -> str:
    """The median of the minutes from the jump to the alert; never means not within a day."""
    found = [
        next((minute - jump for minute in firings(rule, service, jump - 60) if minute > jump), math.inf)
        for service, jump in services
    ]
    middle = median(found)
    return "never" if math.isinf(middle) else f"{middle:.0f} min"


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number; by the normal curve where it is large."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def binomial(rng: random.Random, n: int, p: float) -> int:
    """A binomial number; by the normal curve where its spread is large."""
    if n * p * (1 - p) > 30:
        return min(n, max(0, round(rng.gauss(n * p, math.sqrt(n * p * (1 - p))))))
    return sum(rng.random() < p for _ in range(n))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=1, help="weeks without a regression, for each service")
    parser.add_argument("--jumps", type=int, default=3, help="regressions of each size, for each service")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shipped = load_rules([folder("alerts")], channels=[])
    rules = [DEFAULTS, *(r for r in shipped if isinstance(r, RegressionRule) and r.alert in WATCHED)]
    print(f"{'':>8}{'calls/min':>10}  " + "".join(f"{rule.alert:<44}" for rule in rules))
    print(f"{'fails':>8}{'':>10}  " + f"{'alarms/week, delay at x2, x5, x10':<44}" * len(rules))
    for base in (0.005, 0.02, 0.08):
        for per_minute in (2, 20, 200, 2_000):
            rng = random.Random(f"{options.seed} {base} {per_minute}")
            quiet = [live(rng, per_minute, base, (1 + options.weeks) * WEEK)]
            broken = {
                times: [
                    (live(rng, per_minute, base, jump + DAY, (jump, times)), jump)
                    for jump in (WEEK + rng.randrange(DAY) for _ in range(options.jumps))
                ]
                for times in (2, 5, 10)
            }
            cells = [
                f"{false_alarms(rule, quiet):.1f}, "
                + ", ".join(delay(rule, services) for services in broken.values())
                for rule in rules
            ]
            print(f"{base:>8.1%}{per_minute:>10}  " + "".join(f"{cell:<44}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
