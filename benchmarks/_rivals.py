"""What people use instead, as arrays: the minutes of many series in, one number per series out.

Each rival gives a score every minute; it fires at or above a threshold, which is the one that people
configure or the one that keeps it to a tenth of a false alarm a week. Margins and ``for`` are in the score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DAY = 1440


class Played:
    """The minutes played so far, as sums from the first on.

    Args:
        minutes: how many there will be.
        series: how many series.
    """

    def __init__(self, minutes: int, series: int) -> None:
        self._sums = np.zeros((2, minutes + 1, series))
        self._highest = np.full((minutes // 60 + 1, series), np.nan)
        self.at = -1

    def add(self, calls: Floats, failures: Floats) -> None:
        """The next minute."""
        self.at += 1
        self._sums[:, self.at + 1] = self._sums[:, self.at] + (calls, failures)
        if self.at % 60 == 59:
            self._highest[self.at // 60] = np.quantile(self.rates(60), 0.95, axis=0)

    def arrive(self, at: int, calls: Floats, failures: Floats) -> None:
        """What belongs to a minute that was played, and comes now."""
        self._sums[:, at + 1 : self.at + 2] += np.stack([calls, failures])[:, None]

    def window(self, minutes: int, before: int = 0) -> tuple[Floats, Floats]:
        """Calls and failures of so many minutes that ended so many minutes ago, ``[S]`` each."""
        end = max(0, self.at + 1 - before)
        calls, failures = self._sums[:, end] - self._sums[:, max(0, end - minutes)]
        return calls, failures

    def rate(self, minutes: int, before: int = 0) -> Floats:
        """Failures over calls of the same; 0 of no calls."""
        calls, failures = self.window(minutes, before)
        return failures / np.maximum(calls, 1.0)

    def rates(self, minutes: int, before: int = 0) -> Floats:
        """The rate of each of so many minutes, ``[minutes, S]``."""
        end = max(0, self.at + 1 - before)
        calls, failures = np.diff(self._sums[:, max(0, end - minutes) : end + 1], axis=1)
        rates: Floats = failures / np.maximum(calls, 1.0)
        return rates

    def usual_highest(self) -> Floats:
        """The mean of the hourly p95 of one-minute rates over what was played of the last seven days."""
        hours = (self.at + 1) // 60
        usual: Floats = np.nanmean(self._highest[max(0, hours - 168) : hours], axis=0)
        return usual


def _ratio(played: Played, _: Floats) -> Floats:
    """5 minutes against the 60 before; the least of the last five minutes, so ``for: 5m``."""
    now = (played.rate(5, ago) / np.maximum(played.rate(60, ago + 5), 1e-4) for ago in range(5))
    least: Floats = np.min(list(now), axis=0)
    return least


def _last_week(played: Played, week_ago: Floats) -> Floats:
    """60 minutes against the same hour last week."""
    times: Floats = played.rate(60) / np.maximum(week_ago, 1e-4)
    return times


def _p95(played: Played, _: Floats) -> Floats:
    """p95 of 60 one-minute rates against that of the last seven days."""
    return np.quantile(played.rates(60), 0.95, axis=0) / np.maximum(played.usual_highest(), 1e-4)


def _two_proportions(minutes: int, held: int) -> Callable[[Played, Floats], Floats]:
    """So many minutes against the day before, held for so many minutes: z."""

    def score(played: Played, _: Floats) -> Floats:
        found = []
        for ago in range(max(1, held)):
            n, x = played.window(minutes, ago)
            m, y = played.window(DAY, ago + minutes)
            pooled = (x + y) / np.maximum(n + m, 1.0)
            error = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(n, 1.0) + 1 / np.maximum(m, 1.0)))
            found.append((x / np.maximum(n, 1.0) - y / np.maximum(m, 1.0)) / np.maximum(error, 1e-9))
        least: Floats = np.min(found, axis=0)
        return least

    return score


def _mann_whitney(played: Played, _: Floats) -> Floats:
    """Ranks of 60 one-minute rates among those and the 240 before, 25 % more at least (Kayenta): z."""
    now, before = played.rates(60), played.rates(240, 60)
    n, m = len(now), len(before)
    # Ties are broken at random by a hair, which for a rank sum is as good as their mean on average.
    both = np.concatenate([now, before])
    both = both + np.random.default_rng(played.at).random(both.shape) * 1e-9
    ranks = both.argsort(axis=0).argsort(axis=0)[:n].sum(axis=0) + n
    z = (ranks - n * (n + m + 1) / 2) / np.sqrt(n * m * (n + m + 1) / 12)
    return np.where(now.mean(axis=0) >= 1.25 * before.mean(axis=0), z, 0.0)


def _burn_rate(played: Played, _: Floats) -> Floats:
    """Budget of a 97 % SLO burnt: 14.4 times in 1 h and 5 m, or 6 times in 6 h and 30 m; 1 is the limit."""
    fast = np.minimum(played.rate(60), played.rate(5)) / (14.4 * 0.03)
    return np.maximum(fast, np.minimum(played.rate(360), played.rate(30)) / (6 * 0.03))


class Rival(NamedTuple):
    """A way to tell, its usual threshold, and those that are tried to find a quiet one."""

    name: str
    score: Callable[[Played, Floats], Floats]
    usual: float
    tried: tuple[float, ...]
    every: int = 1


def _steps(first: float, last: float) -> tuple[float, ...]:
    return tuple(float(one) for one in np.geomspace(first, last, 24))


RIVALS = (
    Rival("ratio 5 m / 60 m, +15 %, for 5 m", _ratio, 1.15, _steps(1.3, 40)),
    Rival("60 m vs same hour last week, +15 %", _last_week, 1.15, _steps(1.2, 12)),
    Rival("p95 of one-minute rates vs 7 days, +15 %", _p95, 1.15, _steps(1.2, 25)),
    Rival("two-proportion z, 15 m, 0.05, for 5 m", _two_proportions(15, 5), 1.645, _steps(2.5, 60)),
    Rival("two-proportion z, 60 m, 0.001", _two_proportions(60, 1), 3.09, _steps(3.5, 80)),
    Rival("Mann-Whitney 98 %, every 15 m", _mann_whitney, 2.054, _steps(2.5, 13), every=15),
    Rival("burn rate, SLO 97 %", _burn_rate, 1.0, _steps(0.08, 1.5)),
)
