"""Reads rollups for all rules: spans of time in, tables out, each read once a minute or once an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from monitor.rules.baseline import DAYS
from monitor.rules.compare import Ints
from monitor.store.counters import Histograms, Of, Series, Table

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: The last minutes that must still be bad before anybody is told.
SHORT = timedelta(minutes=5)

#: Days of this hour that what is not a plain rate is compared with.
HOUR_DAYS = 7

#: What that reads of a past day, from the beginning of this hour on it.
THIS_HOUR = (timedelta(), HOUR)


class Rollups(Protocol):
    """What is read: ``monitor.store.counters.Counters``, or ``monitor.history.History``."""

    def minutes(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """Rollups by the minute."""
        ...

    def sums(self, start: datetime, stop: datetime, columns: Sequence[str]) -> Table:
        """Rollups of a span together."""
        ...

    def hours(self, hours: Sequence[datetime], columns: Sequence[str]) -> Table:
        """Rollups of whole hours."""
        ...

    def histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        """Values of a span together."""
        ...

    def hour_histograms(self, hours: Sequence[datetime], of: Of) -> Histograms:
        """Values of whole hours."""
        ...

    def dead_letters(self, start: datetime, stop: datetime) -> tuple[Ints, Ints]:
        """Minutes, and their dead letters."""
        ...

    def series(self) -> Series:
        """Every series."""
        ...


class Spans:
    """What is read of one minute and of its past.

    Every method raises ``Transient`` where Postgres can't be reached.

    Args:
        counters: the rollups.
        columns: the counters that are read of them.
        fine: those that are read by the minute, of a whole window and of past days.

    Attributes:
        minute: which is judged.
        hour: that it lies in.
    """

    def __init__(self, counters: Rollups, columns: Sequence[str], fine: Sequence[str] = ()) -> None:
        self._counters = counters
        self._columns = columns
        self._fine = fine
        self.minute = self.hour = datetime.min.replace(tzinfo=UTC)
        self._now: dict[Any, Any] = {}
        self._past: dict[Any, Any] = {}

    @property
    def end(self) -> datetime:
        """When the minute ends."""
        return self.minute + MINUTE

    def at(self, minute: datetime) -> bool:
        """Turn to another minute; gives whether that is in another hour, so that all is read anew."""
        if minute != self.minute:
            self.minute, self._now = minute, {}
        if minute.replace(minute=0) == self.hour:
            return False
        self.hour, self._past = minute.replace(minute=0), {}
        return True

    def series(self) -> Series:
        """Every series."""
        if "series" not in self._now:
            self._now["series"] = self._counters.series()
        found: Series = self._now["series"]
        return found

    def sums(self, start: datetime, stop: datetime) -> Table:
        """The rollups of a span together."""
        if (start, stop) not in self._now:
            read = self._counters.minutes if stop - start <= MINUTE else self._counters.sums
            self._now[start, stop] = read(start, stop, self._columns)
        found: Table = self._now[start, stop]
        return found

    def minutes(self, start: datetime, stop: datetime) -> Table:
        """The rollups of a span, minute by minute."""
        key = ("minutes", start, stop)
        if key not in self._now:
            self._now[key] = self._counters.minutes(start, stop, self._fine)
        found: Table = self._now[key]
        return found

    def histograms(self, start: datetime, stop: datetime, of: Of) -> Histograms:
        """The values of a span together."""
        if (of, start, stop) not in self._now:
            self._now[of, start, stop] = self._counters.histograms(start, stop, of)
        found: Histograms = self._now[of, start, stop]
        return found

    def letters(self, start: datetime, stop: datetime) -> float:
        """How many dead letters there were."""
        _, letters = self._counters.dead_letters(start, stop)
        return float(letters.sum())

    def hours(self) -> tuple[Table, Ints, Ints]:
        """The rollups of the hours around this one on past days, and of each row which day and hour it is."""
        if "hours" not in self._past:
            centres = [self.hour - (k + 1) * DAY for k in range(DAYS)]
            wanted = [centre + (slot - 1) * HOUR for centre in centres for slot in range(3)]
            table = self._counters.hours(wanted, self._columns)
            place = {int(hour.timestamp()): n for n, hour in enumerate(wanted)}
            part = np.array([place[int(bucket)] for bucket in np.unique(table.bucket)], np.int64)
            part = part[np.searchsorted(np.unique(table.bucket), table.bucket)] if len(part) else part
            self._past["hours"] = table, part // 3, part % 3
        found: tuple[Table, Ints, Ints] = self._past["hours"]
        return found

    def past_minutes(self) -> list[tuple[datetime, Table]]:
        """The rollups of this hour on the last days, yesterday first, minute by minute; and when it began."""
        if "minutes" not in self._past:
            hours = [self.hour - (k + 1) * DAY for k in range(HOUR_DAYS)]
            self._past["minutes"] = [
                (hour, self._counters.minutes(hour, hour + HOUR, self._fine)) for hour in hours
            ]
        found: list[tuple[datetime, Table]] = self._past["minutes"]
        return found

    def hour_histograms(self, of: Of) -> tuple[Histograms, Ints]:
        """The values of this hour on the last days, and of each row which day: 0 is yesterday."""
        if of not in self._past:
            hours = [self.hour - (k + 1) * DAY for k in range(HOUR_DAYS)]
            rows = self._counters.hour_histograms(hours, of)
            self._past[of] = rows, (int(self.hour.timestamp()) - rows.bucket) // 86_400 - 1
        found: tuple[Histograms, Ints] = self._past[of]
        return found
