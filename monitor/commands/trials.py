"""``llm-monitor rules test`` and ``rules backtest``: rules tried on made-up and on stored history."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from monitor.clock import SystemClock
from monitor.commands.shared import ConfigOption, database, duration, load_settings, moment

if TYPE_CHECKING:
    import sqlalchemy as sa
    from rich.table import Table

    from monitor.backtest import Backtest, Fired
    from monitor.moves import Moved
    from monitor.rules import Rule

#: How far back a backtest looks.
SINCE = timedelta(days=7)


def test(
    files: Annotated[list[Path], typer.Argument(help="Files of tests, such as alerts/json.test.yaml.")],
) -> None:
    """Run tests of rules on made-up series, as promtool does; see docs/rule_tests.md.

    Exits with 1 where anything fires that should not, or does not fire that should.
    """
    from monitor.rule_tests import run_tests

    failed = 0
    for path in files:
        checks, failures = run_tests(path)
        failed += len(failures)
        typer.echo(f"{path}: {checks - len(failures)} of {checks} checks hold")
        for one in failures:
            typer.echo(f"  {one.test}, after {one.at}, {one.alert}:")
            for name, lines in (("expected", one.expected), ("found", one.found)):
                for line in lines or ("nothing",):
                    typer.echo(f"    {name:9} {line}")
    raise typer.Exit(1 if failed else 0)


def backtest(
    since: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="How far back, such as 30d. Default: 7d."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="TIME", help="Until when. Default: now. UTC.")
    ] = None,
    rules: Annotated[
        list[Path] | None, typer.Option(help="Rule files to try instead of those of the configuration.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ALERT", help="Only these rules.")] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Propose margins of regressions for a false-alarm budget.")
    ] = False,
    budget: Annotated[
        float, typer.Option(help="For --tune: alerts a week of each label set that are too many.")
    ] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write a picture here.")] = None,
    config: ConfigOption = None,
) -> None:
    """Show when each rule would have fired over the history that is stored, and how often a week.

    Nothing is told to anybody, and nothing is stored.
    """
    from monitor import backtest as backtests
    from monitor.commands.tuning import in_words, tuned
    from monitor.rules import load_rules

    settings = load_settings(config)
    given = load_rules(rules, channels=None).rules if rules else settings.rules.rules
    known = {rule.alert for rule in given}
    if unknown := sorted(set(only or ()) - known):
        raise typer.BadParameter(f"no rule is called {', '.join(unknown)}", param_hint="--only")
    tried = [rule for rule in given if not only or rule.alert in only]
    stop = (until or SystemClock().now()).replace(second=0, microsecond=0)
    start = stop - (SINCE if since is None else since)
    if start > stop - timedelta(minutes=1):
        raise typer.BadParameter("a minute is the least", param_hint="--since")
    if not 0 <= budget < inf:
        raise typer.BadParameter("alerts a week, 0 or more", param_hint="--budget")
    if svg and tune:
        raise typer.BadParameter("--tune draws no picture", param_hint="--svg")
    if svg:
        _check_writable(svg)
    with database(settings) as engine:
        if tune:
            margins = tuned(tried, partial(_run, engine, start=start, stop=stop), budget)
            if as_json:
                sys.stdout.buffer.write(msgspec.json.encode(margins) + b"\n")
            else:
                lines = [in_words(one) for one in margins]
                typer.echo("\n".join(lines) or "none of these rules is a regression")
            return
        result = _run(engine, tried, start, stop)
    if svg:
        svg.write_text(backtests.svg(result), encoding="utf-8")
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(backtests.as_json(result, tried)) + b"\n")
        return
    from rich.console import Console

    console = Console()
    console.print(_often(result))
    console.print(_when(result) if result.fired else "Nothing would have fired.")


def _check_writable(path: Path) -> None:
    """Refuse a file that can't be written before the work is done for it."""
    try:
        path.open("a").close()
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be written: {error.strerror}", param_hint="--svg") from None


def _run(engine: sa.Engine, rules: Sequence[Rule], start: datetime, stop: datetime) -> Backtest:
    """What these rules would have done."""
    from monitor.backtest import Backtest, Marker, fired
    from monitor.history import load
    from monitor.progress import counting
    from monitor.reading import needs, needs_by_minute
    from monitor.simulation import Simulation, lead
    from monitor.store.counters import Counters
    from monitor.store.deploys import between

    columns, histograms = needs(rules)
    begin = start - lead(rules)

    def shown(days: Iterator[datetime], total: int) -> Iterator[datetime]:
        with counting("reading days", total) as advance:
            for day in days:
                yield day
                advance(1)

    fine = bool(needs_by_minute(rules))
    history = load(Counters(engine), begin, stop, columns, histograms, shown, fine=fine)
    simulation = Simulation(rules, history)
    with counting("judging minutes", (stop - begin) // timedelta(minutes=1)) as advance:

        def judged() -> Iterator[tuple[datetime, list[Moved]]]:
            for minute in simulation.run(begin, stop):
                advance(1)
                yield minute

        found = fired(judged(), since=start)
    markers = tuple(Marker(one.at, one.service, one.version) for one in between(engine, start, stop))
    label_sets = {rule.key: simulation.label_sets(rule) for rule in simulation.rules}
    return Backtest(start, stop, tuple(label_sets), found, markers, label_sets)


def _often(result: Backtest) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{result.start:%Y-%m-%d %H:%M} to {result.stop:%Y-%m-%d %H:%M} UTC", box=None)
    table.add_column("rule")
    for name in ("fired", "a week", "time firing"):
        table.add_column(name, justify="right")
    for rule in result.rules:
        own = [one for one in result.fired if f"{one.rule}/{one.severity}" == rule]
        lasted = sum((result.length(one) for one in own), timedelta())
        table.add_row(Text(rule), str(len(own)), f"{result.per_week(rule):.1f}", _length(lasted))
    return table


def _when(result: Backtest) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="When", box=None)
    for name in ("fired (UTC)", "for", "rule", "labels", "why", "deploy before"):
        table.add_column(name, overflow="fold")
    for one in result.fired:
        marker = result.nearest(one)
        table.add_row(
            f"{one.start:%Y-%m-%d %H:%M}",
            _lasted(one, result),
            Text(f"{one.rule}/{one.severity}"),
            Text(", ".join(f"{name}={value}" for name, value in one.labels.items()) or "everything"),
            Text(one.reason),
            Text(f"{marker.service} {marker.version} {marker.at:%H:%M}" if marker else ""),
        )
    return table


def _lasted(one: Fired, result: Backtest) -> str:
    went_on = ", was firing before" if result.went_on(one) else ""
    return _length(result.length(one)) + went_on + ("" if one.end else ", still firing")


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
