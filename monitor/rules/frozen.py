"""Keeps what alerts were opened against: baselines of label sets whose alert is open in, the same again out.

The days since the onset are not learned from, so an alert that stays open for long would soon have nothing
left to be compared with. What it was opened against is kept: hour by hour of the day, each as the first day
shows it, so that a busy noon is not compared with a quiet night. After ``LONGEST`` it is let go: then every
day that a baseline reaches back to is of the incident, and that level is the usual one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import structs

from monitor.rules.baseline import DAYS, Baseline

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Minutes that an alert is compared with what it was opened against: as long as baselines reach back.
LONGEST = DAYS * 1440

_HOURS = 24

#: Most levels that are kept beside a baseline: the bucket of a percentile is one, groups have four.
LEVELS = 4

_FIELDS = ("rate", "error", "drift", "calls")


class Frozen:
    """What is kept of the label sets of one rule, known by their places.

    Baselines are kept with levels, of which NaN stands for none.
    """

    def __init__(self) -> None:
        self._place = np.empty(0, np.int64)
        self._since = np.empty(0, np.int64)
        #: The hour of the day that stands for those that were not seen.
        self._first = np.empty(0, np.int64)
        self._values = np.empty((0, _HOURS, len(_FIELDS) + LEVELS), np.float64)

    def __len__(self) -> int:
        return len(self._place)

    def kept(self, found: Baseline, levels: Sequence[Floats], minute: int) -> tuple[Baseline, list[Floats]]:
        """The baseline to judge by: what is kept of this hour of the day, where anything is, else ``found``.

        Args:
            found: what the past says now, ``[S]``.
            levels: what belongs to it, ``[S]`` each.
            minute: which is judged, since the epoch.
        """
        some = minute - self._since < LONGEST
        place, row = self._place[some], np.arange(len(self))[some]
        if not len(place):
            return found, list(levels)
        here = self._values[row, minute // 60 % _HOURS]
        opened = self._values[row, self._first[some]]
        unlearned = ~np.isfinite(found.rate[place])
        here = np.where((np.isnan(here[:, 0]) & unlearned)[:, None], opened, here)
        place, here = place[~np.isnan(here[:, 0])], here[~np.isnan(here[:, 0])]
        own = {name: _with(getattr(found, name), place, here[:, n]) for n, name in enumerate(_FIELDS)}
        baseline = structs.replace(found, **own, failures=own["rate"] * own["calls"])
        return baseline, [_with(one, place, here[:, len(_FIELDS) + n]) for n, one in enumerate(levels)]

    def keep(
        self,
        resting: Bools,
        onset: Ints,
        baseline: Baseline,
        levels: Sequence[Floats],
        minute: int,
        *,
        hourly: bool,
    ) -> None:
        """Keep what the alerts of this minute were judged by, where that is not kept yet.

        Args:
            resting: which label sets have an alert that is open or pending, ``[S]``.
            onset: when it began, in minutes since the epoch, ``[S]``.
            baseline: what they were judged by.
            levels: what belongs to it.
            minute: which was judged.
            hourly: whether it is another at every hour of the day; else it is kept for all of them.
        """
        new = np.setdiff1d(np.flatnonzero(resting & np.isfinite(baseline.rate)), self._place)
        hour = minute // 60 % _HOURS
        if len(new):
            self._place = np.concatenate([self._place, new])
            self._since = np.concatenate([self._since, onset[new]])
            self._first = np.concatenate([self._first, np.full(len(new), hour)])
            self._values = np.concatenate(
                [self._values, np.full((len(new), *self._values.shape[1:]), np.nan)]
            )
        row = np.flatnonzero(resting[self._place] & np.isnan(self._values[:, hour, 0]))
        if not len(row):
            return
        place = self._place[row]
        columns = [getattr(baseline, name)[place] for name in _FIELDS] + [one[place] for one in levels]
        values = np.full((len(row), len(_FIELDS) + LEVELS), np.nan)
        values[:, : len(columns)] = np.array(columns).T
        self._first[row] = np.where(np.isnan(self._values[row, self._first[row], 0]), hour, self._first[row])
        if hourly:
            self._values[row, hour] = values
        else:
            self._values[row] = values[:, None]

    def drop(self, which: Bools) -> None:
        """Forget what is kept of these label sets, ``[S]``."""
        stays = ~which[self._place]
        self._place, self._since = self._place[stays], self._since[stays]
        self._first, self._values = self._first[stays], self._values[stays]

    def is_old(self, place: int, minute: int) -> bool:
        """Whether the alert of a label set is open for so long that nothing is kept of it any more."""
        return bool((minute - self._since[self._place == place] >= LONGEST).any())

    def encode(self) -> dict[str, Any]:
        """What ``decode`` reads."""
        return {name: getattr(self, name).tobytes() for name in _ARRAYS}

    @classmethod
    def decode(cls, kept: dict[str, Any]) -> Frozen:
        """What was kept.

        Raises:
            KeyError, ValueError: of another form.
        """
        found = cls()
        for name, type_ in _ARRAYS.items():
            shape = getattr(found, name).shape[1:]
            setattr(found, name, np.frombuffer(kept[name], type_).reshape(-1, *shape).copy())
        return found


_ARRAYS = {"_place": np.int64, "_since": np.int64, "_first": np.int64, "_values": np.float64}


def _with(values: Floats, place: Ints, new: Floats) -> Floats:
    """The same with some of them replaced."""
    some = values.astype(np.float64)
    some[place] = new
    return some
