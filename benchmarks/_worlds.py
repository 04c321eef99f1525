"""Worlds to try a detector in: what a world is in, its hours of history and then its minutes out, as arrays.

The worlds are those of the alerting reference: Poisson traffic that swings by 60 % over the day and falls to
0.6 at weekends, and an error rate that swings by 20 % over the day, drifts (two AR(1) of 6 %, forgotten in
half an hour and in half a day) and is rougher than chance within a minute (beta-binomial, rho 0.001).
``bursty`` adds blips of 1 to 3 minutes with 15 to 50 % failures, one in two days; ``weekly`` has 30 % more
failures at weekends. History comes in pieces of ten minutes, which is exact but for the drift within them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DAY = 1440
HISTORY_DAYS = 28

#: Standard deviation and minutes of memory of the two drifts, and the correlation of calls of one minute.
DRIFTS = ((0.06, 30.0), (0.06, 720.0))
RHO = 0.001

#: Share of a minute's calls that arrive after its evaluation, and how many minutes after it.
LATE, LATE_BY = 0.02, 3


class Cell(NamedTuple):
    """One world at one traffic and base rate, with a change or none, for so many series."""

    world: str
    traffic: float
    base: float
    series: int
    change: float = 1.0
    """The rate is times this from a random minute of the second played day on."""
    blip: tuple[int, int] = (1, 3)
    """Shortest and longest blip in minutes."""


class Minute(NamedTuple):
    """What an evaluation sees of one minute, and what comes ``LATE_BY`` minutes later; ``[S]`` each."""

    at: int
    calls: Floats
    failures: Floats
    late_calls: Floats
    late_failures: Floats


class Worlds:
    """All cells side by side: ``hours`` are the true counts so far, ``minutes()`` plays the days to judge.

    Args:
        cells: what to simulate, in the order of the series.
        days: how many days of minutes there are to judge, the first from midnight.
        seed: of every random number.
    """

    def __init__(self, cells: list[Cell], *, days: int, seed: int) -> None:
        self.cells, self.days = cells, days
        self._random = np.random.default_rng(seed)
        each = [cell.series for cell in cells]
        self.series = sum(each)
        self.cell = np.repeat(np.arange(len(cells)), each)
        self.traffic = np.repeat([cell.traffic for cell in cells], each)
        self.base = np.repeat([cell.base for cell in cells], each)
        self.change = np.repeat([cell.change for cell in cells], each)
        at = self._random.integers(DAY, 2 * DAY, self.series)
        self.changed_at = np.where(self.change > 1, at, days * DAY)
        self._bursty = np.repeat([cell.world == "bursty" for cell in cells], each)
        self._weekly = np.repeat([cell.world == "weekly" for cell in cells], each)
        self._blips = np.repeat(np.array([cell.blip for cell in cells]), each, axis=0)
        # The phase of the day and of the week differ, so that no finding hangs on a time of day.
        self._phase = self._random.uniform(0, 2 * np.pi, (2, self.series))
        self._weekday = self._random.integers(0, 7, self.series)
        self._drift = self._random.standard_normal((2, self.series)) * [[sd] for sd, _ in DRIFTS]
        self._blip_left = np.zeros(self.series)
        self._blip_rate = np.zeros(self.series)
        self.hours = np.zeros((2, self.series, (HISTORY_DAYS + days) * 24 + 1))
        for start in range(-HISTORY_DAYS * DAY, 0, 10):
            self._record(start, *self._counts(start, 10))

    def minutes(self) -> Iterator[Minute]:
        """Every minute to judge, as it is known when it is judged: some of its calls are still to come."""
        for at in range(self.days * DAY):
            calls, failures = self._counts(at, 1)
            self._record(at, calls, failures)
            on_time = self._random.binomial(failures, 1 - LATE)
            others = self._random.binomial(calls - failures, 1 - LATE)
            seen, bad = (on_time + others).astype(np.float64), on_time.astype(np.float64)
            yield Minute(at, seen, bad, calls - seen, failures - bad)

    def past(self, at: int) -> tuple[Floats, Floats, float]:
        """Calls and failures ``[S, 28, 3]`` around ``at`` on past days, and the share of the hour."""
        wanted = self.past_hours(at)
        slots = np.where(wanted >= 0, self.hours[:, :, np.maximum(wanted, 0)], 0.0)
        return slots[0], slots[1], at % 60 / 60

    def past_hours(self, at: int) -> npt.NDArray[np.int64]:
        """The hours around ``at`` on past days, ``[28, 3]``, places in ``hours``; negative: before them."""
        hour = at // 60 + HISTORY_DAYS * 24
        wanted: npt.NDArray[np.int64] = hour - 24 * np.arange(1, HISTORY_DAYS + 1)[:, None] + np.arange(-1, 2)
        return wanted

    def _record(self, at: int, calls: npt.NDArray[np.int64], failures: npt.NDArray[np.int64]) -> None:
        hour = at // 60 + HISTORY_DAYS * 24
        self.hours[0, :, hour] += calls
        self.hours[1, :, hour] += failures

    def _counts(self, at: int, minutes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        random, turn = self._random, 2 * np.pi * at / DAY
        weekend = (at // DAY + self._weekday) % 7 >= 5
        for i, (sd, memory) in enumerate(DRIFTS):
            kept = np.exp(-minutes / memory)
            fresh = random.standard_normal(self.series) * sd * np.sqrt(1 - kept * kept)
            self._drift[i] = kept * self._drift[i] + fresh
        traffic = self.traffic * (1 + 0.6 * np.sin(turn + self._phase[0])) * np.where(weekend, 0.6, 1.0)
        rate = self.base * (1 + 0.2 * np.sin(turn + self._phase[1])) * np.exp(self._drift.sum(axis=0))
        rate *= np.where(weekend & self._weekly, 1.3, 1.0) * np.where(at >= self.changed_at, self.change, 1.0)
        rate = np.minimum(rate, 0.99)
        calls = random.poisson(traffic * minutes)
        # Pieces of ten minutes are the sum of ten independent ones, so a tenth as correlated.
        strength = minutes / RHO - 1
        rate = random.beta(rate * strength, (1 - rate) * strength)
        return calls, random.binomial(calls, self._with_blips(rate, minutes))

    def _with_blips(self, rate: Floats, minutes: int) -> Floats:
        begins = self._bursty & (self._blip_left <= 0) & (self._random.random(self.series) < minutes / 2880)
        some = np.flatnonzero(begins)
        if some.size:
            shortest, longest = self._blips[some].T
            self._blip_left[some] = self._random.integers(shortest, longest + 1)
            self._blip_rate[some] = self._random.uniform(0.15, 0.5, some.size)
        share = np.minimum(self._blip_left, minutes) / minutes
        self._blip_left = np.maximum(0, self._blip_left - minutes)
        return rate + share * np.maximum(0.0, self._blip_rate - rate)
