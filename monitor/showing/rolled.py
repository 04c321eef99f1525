"""Reads the rollups that a picture of one alert needs: a rule and a span in, ``History`` in memory out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.durations import seconds
from monitor.history import History, joined, joined_values
from monitor.reading import needs
from monitor.reading.spans import DAY, HOUR, HOUR_DAYS, MINUTE
from monitor.rules.baseline import DAYS
from monitor.rules.model import AbsenceRule, Baseline, BlipRule, RegressionRule, Rule
from monitor.store.counters import Counters
from monitor.store.narrow import Narrow

Times = tuple[datetime, datetime]

#: Of a longer window only so much is read before a span: what is drawn is each step, and its baseline.
LONGEST_WINDOW = timedelta(hours=6)

#: In longer steps no past minutes are read: a rule that compares minutes is then drawn without what is usual.
FINE_STEP = timedelta(minutes=5)

#: The statistics that compare minutes with those of past days.
BY_MINUTE = ("bucket_p95", "rate_at_load")


def rolled(
    narrow: Narrow, counters: Counters, rule: Rule, start: datetime, stop: datetime, step: timedelta
) -> History:
    """The rollups of a span in such steps, and those of the past that its baseline is made of.

    Raises:
        Transient: Postgres can't be reached.
    """
    columns, histograms = needs([rule])
    first = start - min(rule.window_length, LONGEST_WINDOW)
    spans = _merged([(first, stop), *_earlier(rule, first, stop)])
    past = _by_minute(rule, first, stop) if step <= FINE_STEP else []
    hours = _hours(rule, first, stop)
    letters = None
    if not isinstance(rule, AbsenceRule) and rule.metric == "dead_letters":
        letters = counters.dead_letters(first, stop)
    return History(
        narrow.series,
        joined(
            [
                *(narrow.minutes(*span, columns, step) for span in spans),
                *(narrow.minutes(*span, columns, MINUTE) for span in past),
            ]
        ),
        hours=narrow.hours(hours, columns),
        histograms={
            of: joined_values([narrow.minute_histograms(*span, of, step) for span in spans])
            for of in histograms
        },
        hour_histograms={of: narrow.hour_histograms(hours, of) for of in histograms},
        letters=letters,
    )


def _earlier(rule: Rule, first: datetime, stop: datetime) -> list[Times]:
    """The spans in which earlier windows begin and end, of a rule that is compared with one."""
    back = _back(rule)
    return [] if back is None else [(first - back, stop - back)]


def _back(rule: Rule) -> timedelta | None:
    """How far back the window lies that a rule is compared with; ``None`` where it is with something else."""
    if not isinstance(rule, RegressionRule) or not isinstance(rule.baseline, Baseline):
        return None
    given = rule.baseline.offset or rule.baseline.previous
    return timedelta(seconds=seconds(given)) if given else None


def _by_minute(rule: Rule, first: datetime, stop: datetime) -> list[Times]:
    """The same hours on past days, for a rule that compares their minutes."""
    if not isinstance(rule, RegressionRule) or rule.statistic not in BY_MINUTE:
        return []
    start, end = first.replace(minute=0), stop.replace(minute=0) + HOUR
    return _merged([(start - day * DAY, min(end - day * DAY, first)) for day in range(1, HOUR_DAYS + 1)])


def _hours(rule: Rule, first: datetime, stop: datetime) -> Sequence[datetime]:
    """The hours that are read: of the span itself, and of the past that the baseline is made of."""
    own = _each(first, stop)
    if isinstance(rule, RegressionRule) and rule.evidence == "days":
        return _each(first - (DAYS + 1) * DAY, stop)
    back = _back(rule)
    if back is not None:
        return _each(first - back - HOUR, stop)
    if not isinstance(rule, RegressionRule | BlipRule | AbsenceRule):
        return own
    days = range(1, max(DAYS, HOUR_DAYS) + 1)
    past = {hour - day * DAY + slot * HOUR for hour in own for day in days for slot in (-1, 0, 1)}
    return sorted({*own, *past})


def _each(first: datetime, stop: datetime) -> list[datetime]:
    start = first.replace(minute=0, second=0, microsecond=0)
    return [start + n * HOUR for n in range(int(-(-(stop - start) // HOUR)))]


def _merged(spans: Sequence[Times]) -> list[Times]:
    """The same times, none of them twice."""
    found: list[Times] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found
