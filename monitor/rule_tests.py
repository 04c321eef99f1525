"""Tests of rules, as promtool has them: a YAML file of made-up series in, what did not fire as expected out.

A series is its labels and, for each counter of a rollup, its value minute by minute in promtool's notation:
``5x10`` is 5 eleven times, ``1+2x3`` is 1 3 5 7, ``_`` and ``_x5`` are minutes without calls, ``stale`` ends
the series. ``~100x60`` is 61 draws from Poisson's distribution, ``~2%x60`` as many from the binomial one of
the minute's calls; both are of the test's seed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import sqlalchemy as sa

from monitor.durations import Duration, seconds
from monitor.errors import ConfigError
from monitor.expectations import Expected, as_expected, said
from monitor.explain import suggestion
from monitor.history import MINUTE, History, joined, joined_values
from monitor.moves import Moved
from monitor.reading import needs
from monitor.records import DIMENSIONS
from monitor.rules.histogram import place
from monitor.rules.load import load_rules
from monitor.rules.model import Rule
from monitor.simulation import Simulation, lead
from monitor.store.counters import Floats, Histograms, Of, Series, Table
from monitor.store.tables import COUNTED, rollup_1m
from monitor.yaml_file import Located, read

#: Most minutes of one test: the longest baseline, and a week.
MOST_MINUTES = 36 * 1440

#: Years that a test may be in: all of what it reads back has to be a time that there is.
YEARS = range(2000, 2101)

#: The counters and sums of a rollup.
COLUMNS = ("calls", *COUNTED)

_ITEM = re.compile(
    r"(?P<gap>_|stale)(?:x(?P<gaps>\d{1,6}))?\Z"
    r"|~(?P<mean>\d{1,12}(?:\.\d+)?)(?P<percent>%)?(?:x(?P<draws>\d{1,6}))?\Z"
    r"|(?P<first>-?\d{1,12}(?:\.\d+)?)(?:(?P<step>[+-]\d{1,12}(?:\.\d+)?))?(?:x(?P<more>\d{1,6}))?\Z"
)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what is read from a test file: an unknown key is an error."""


class SeriesOf(_Strict, frozen=True, kw_only=True):
    """One made-up series."""

    labels: dict[str, str] = {}
    values: dict[str, str]
    """Of each counter, ``calls`` among them, what it is in every minute."""
    duration_ms: str = ""
    ttft_ms: str = ""
    """What every call of a minute took."""
    each: dict[str, str] = {}
    """What every call of a minute has of another measured value: ``output_tokens``, ``cost``, a risk."""


class Check(_Strict, frozen=True, kw_only=True):
    """What is to be true so long after the beginning. No alerts: none may be open."""

    at: Duration
    alert: str
    alerts: tuple[Expected, ...] = ()


class RuleTest(_Strict, frozen=True, kw_only=True):
    """One test."""

    name: str
    seed: int = 0
    start: str = "2026-01-05T00:00:00Z"
    series: tuple[SeriesOf, ...]
    checks: tuple[Check, ...]


class TestFile(_Strict, frozen=True, kw_only=True):
    """A file of tests: the rule files, relative to it, and the tests of them."""

    rules: tuple[str, ...]
    tests: tuple[RuleTest, ...]


class Failure(msgspec.Struct, frozen=True):
    """What is not as a test says."""

    test: str
    at: str
    alert: str
    expected: tuple[str, ...]
    found: tuple[str, ...]


def load_tests(path: Path) -> tuple[TestFile, Located]:
    """Read a file of tests.

    Raises:
        ConfigError: it can't be read, or says what can't be; names file and line.
    """
    file, located = read(path, TestFile)
    for t, test in enumerate(file.tests):
        if test.seed < 0:
            raise located.error("a seed is not negative", "tests", t, "seed")
        for key, given in (("series", test.series), ("checks", test.checks)):
            if not given:
                raise located.error(f"a test has {key}, at least one", "tests", t, key)
        try:
            _start(test)
        except ValueError as error:
            raise located.error(str(error), "tests", t, "start") from error
        for c, check in enumerate(test.checks):
            after = seconds(check.at)
            if after % 60 or after > 60 * MOST_MINUTES:
                what = f"whole minutes, at most {MOST_MINUTES}, as rules are judged by the minute"
                raise located.error(f"{check.at!r}: a check is at {what}", "tests", t, "checks", c, "at")
        for s, series in enumerate(test.series):
            where = ("tests", t, "series", s)
            for name in series.labels:
                if name not in DIMENSIONS:
                    known = suggestion(name, list(DIMENSIONS))
                    raise located.error(f"unknown dimension {name!r}{known}", *where, "labels")
            for name in series.values:
                if name not in COLUMNS:
                    known = suggestion(name, list(COLUMNS))
                    raise located.error(f"unknown counter {name!r}{known}", *where, "values")
            for name in series.each:
                if name not in get_args(Of):
                    known = suggestion(name, list(get_args(Of)))
                    raise located.error(f"unknown value {name!r}{known}", *where, "each")
            if "calls" not in series.values:
                raise located.error("a series has calls, at least", *where, "values")
            try:
                counters(series, np.random.default_rng(0))
            except ValueError as error:
                raise located.error(str(error), *where, "values") from error
    return file, located


def run_tests(path: Path) -> tuple[int, list[Failure]]:
    """How many checks a file of tests has, and those that fail.

    Raises:
        ConfigError: the file, or a rule file that it names, can't be used.
    """
    file, _ = load_tests(path)
    rules = load_rules([path.parent / name for name in file.rules], channels=None).rules
    names = {rule.alert for rule in rules}
    checks, failures = 0, []
    for test in file.tests:
        for check in test.checks:
            if check.alert not in names:
                raise ConfigError(
                    f"{path}: test {test.name!r}: no rule has the alert {check.alert!r}"
                    f"{suggestion(check.alert, sorted(names))}"
                )
        wanted = {check.alert for check in test.checks}
        checks += len(test.checks)
        failures += _run(test, [rule for rule in rules if rule.alert in wanted])
    return checks, failures


def _run(test: RuleTest, rules: Sequence[Rule]) -> list[Failure]:
    start = _start(test)
    history = _history(test, start, needs(rules)[0])
    due: dict[datetime, list[Check]] = {}
    for check in test.checks:
        due.setdefault(start + timedelta(seconds=seconds(check.at)), []).append(check)
    standing: dict[str, Moved] = {}
    failures = []
    begin = max(start, min(due) - lead(rules))
    # What is said of a minute is known at its end: a check sees what was known when its minute began.
    for end, moved in Simulation(rules, history).run(begin, max(due) + MINUTE):
        for check in due.get(end - MINUTE, []):
            found = [one for one in standing.values() if one.rule.alert == check.alert]
            if not as_expected(check.alerts, found, end - MINUTE):
                failures.append(Failure(test.name, check.at, check.alert, *said(check.alerts, found)))
        standing |= {one.fingerprint: one for one in moved}
    return failures


def _start(test: RuleTest) -> datetime:
    """The first minute of a test.

    Raises:
        ValueError: it is no time, or in no year that a test may be in.
    """
    given = datetime.fromisoformat(test.start)
    if given.year not in YEARS:
        raise ValueError(f"a test is in a year from {YEARS[0]} to {YEARS[-1]}")
    aware = given if given.tzinfo else given.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(second=0, microsecond=0)


def _history(test: RuleTest, start: datetime, columns: Sequence[str]) -> History:
    """What a test's series are as rollups, of which these counters are needed."""
    rng = np.random.default_rng(test.seed)
    series = Series()
    tables: list[Table] = []
    values: dict[Of, list[Histograms]] = {}
    for number, one in enumerate(test.series, 1):
        series.add(number, [one.labels.get(name, "") for name in DIMENSIONS])
        made = counters(one, rng)
        calls = made["calls"]
        there = np.flatnonzero(calls > 0)
        bucket, whose = int(start.timestamp()) + 60 * there, np.full(len(there), number)
        rows = [made[name][there] if name in made else np.zeros(len(there)) for name in columns]
        tables.append(Table(tuple(columns), whose, bucket, np.array(rows).T))
        for of, text in _measured(one).items():
            took = _as_long(_numbers(text, calls, rng), calls)[there]
            buckets = np.array([place(of, value) for value in took], np.int64)
            rows_of = Histograms(whose, bucket, buckets, calls[there].astype(np.int64))
            values.setdefault(of, []).append(rows_of)
    return History(
        series, joined(tables), histograms={of: joined_values(rows) for of, rows in values.items()}
    )


def _measured(one: SeriesOf) -> dict[Of, str]:
    given: dict[Of, str] = {"duration": one.duration_ms, "ttft": one.ttft_ms}
    given |= {of: one.each[of] for of in get_args(Of) if of in one.each}
    return {of: text for of, text in given.items() if text}


def counters(one: SeriesOf, rng: np.random.Generator) -> dict[str, Floats]:
    """Each counter of a series, minute by minute; ``calls`` first, as others are drawn from it.

    Raises:
        ValueError: values that are not written as ``_ITEM`` says, or more of a kind of calls than calls.
    """
    calls = _numbers(one.values["calls"], None, rng)
    others = {name: text for name, text in one.values.items() if name != "calls"}
    for text in _measured(one).values():
        _numbers(text, calls, np.random.default_rng(0))
    made = {name: _as_long(_numbers(text, calls, rng), calls) for name, text in others.items()}
    for name, values in made.items():
        if isinstance(rollup_1m.c[name].type, sa.Integer) and "tokens" not in name and (values > calls).any():
            raise ValueError(f"more {name} than calls in minute {int((values > calls).argmax())}")
    return {"calls": calls, **made}


def _numbers(text: str, calls: Floats | None, rng: np.random.Generator) -> Floats:
    """The values of one notation; what is missing is 0, as no rollup says anything then."""
    found: list[Floats] = []
    length = 0
    for item in text.split():
        match = _ITEM.match(item)
        if match is None:
            raise ValueError(f"{item!r} is no value: write 5x10, 1+2x3, _x5, stale, ~100x60 or ~2%x60")
        numbers = _item(match, calls, length, rng)
        if item.startswith("stale"):
            break
        length += len(numbers)
        if length > MOST_MINUTES:
            raise ValueError(f"more than {MOST_MINUTES} minutes")
        found.append(numbers)
    return np.concatenate(found) if found else np.zeros(0)


def _item(match: re.Match[str], calls: Floats | None, begin: int, rng: np.random.Generator) -> Floats:
    if match["gap"]:
        return np.zeros(int(match["gaps"] or 1))
    if match["mean"]:
        count = int(match["draws"] or 0) + 1
        if not match["percent"]:
            return rng.poisson(float(match["mean"]), count).astype(np.float64)
        if calls is None:
            raise ValueError("a percentage is of the calls, so calls can't be one")
        share = min(float(match["mean"]) / 100, 1.0)
        of = _as_long(calls[begin : begin + count], np.zeros(count)).astype(np.int64)
        return rng.binomial(of, share).astype(np.float64)
    first, step, count = float(match["first"]), float(match["step"] or 0), int(match["more"] or 0) + 1
    values: Floats = np.maximum(first + step * np.arange(count), 0.0)
    return values


def _as_long(values: Floats, as_: Floats) -> Floats:
    """The same, cut or filled with zeros to the length of another."""
    padded: Floats = np.pad(values[: len(as_)], (0, max(0, len(as_) - len(values))))
    return padded
