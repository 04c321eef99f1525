"""``llm-monitor rules check``: what each rule watches, and what it could see at your traffic."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from monitor.clock import SystemClock
from monitor.commands.shared import ConfigOption, database, load_settings
from monitor.errors import Transient

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.config import Settings
    from monitor.rules import Rule
    from monitor.rules.sight import Traffic

#: The usual rate that is assumed where none is given and none is known.
RATE = 0.02

#: Calls a minute that one label set could have at most.
MOST_CALLS = 1e9


def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE…]", help="Rule files or folders, instead of those of the configuration."
        ),
    ] = None,
    calls_per_minute: Annotated[
        float | None,
        typer.Option(min=0, help="Traffic of one label set. Default: that of the last day, with --config."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, max=1, help="With --calls-per-minute: the usual rate of failures.")
    ] = RATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Refuse rules that can't work, and say of the others what they watch and what they could see.

    The smallest rise that a rule tells within an hour and within a day is that of a series that does not
    drift, on average; one that drifts has to rise by more. With --config, or without FILE, the traffic is
    read from the database, of the label sets of each rule the median one and the smallest.
    """
    from monitor.rules import load_rules
    from monitor.rules.reach import of_nobody

    if calls_per_minute is not None and not calls_per_minute <= MOST_CALLS:
        raise typer.BadParameter(f"at most {MOST_CALLS:,.0f}", param_hint="--calls-per-minute")
    if isnan(rate):
        raise typer.BadParameter("a share of calls, from 0 to 1", param_hint="--rate")
    settings = load_settings(config) if config or not files else None
    if files:
        loaded = load_rules(files, channels=settings.config.channels if settings else None)
    elif settings:
        loaded = settings.rules
    rules = loaded.rules
    for inhibition in loaded.inhibitions:
        if why := of_nobody(inhibition, rules):
            typer.echo(f"warning: an inhibition mutes nothing: {why}", err=True)
    found: Mapping[str, Sequence[Traffic]] = {}
    if calls_per_minute is not None:
        found = {rule.key: [_given(rule, calls_per_minute, rate)] for rule in rules}
    elif settings:
        found = _stored(settings, rules)
    said = [_said(rule, found.get(rule.key, ())) for rule in rules]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(said), indent=2))
        return
    from rich.console import Console

    Console(file=sys.stdout).print(_table(said))
    for named, definition in dict.fromkeys((one["statistic"], one["definition"]) for one in said):
        if named:
            typer.echo(f"{named}: {definition}")
    for one in said:
        for warning in one["warnings"]:
            typer.echo(f"warning: {one['alert']} ({one['severity']}): {warning}")
    typer.echo(f"good: {len(said)} rules, each of one severity")


def _given(rule: Rule, calls_per_minute: float, rate: float) -> Traffic:
    """Traffic as it was given; of a percentile the share beyond it is known."""
    from monitor.rules.model import AbsenceRule
    from monitor.rules.named import statistic
    from monitor.rules.sight import BEYOND, Traffic

    beyond = None if isinstance(rule, AbsenceRule) else BEYOND.get(statistic(rule))
    return Traffic(calls_per_minute, rate if beyond is None else beyond)


def _stored(settings: Settings, rules: Sequence[Rule]) -> Mapping[str, Sequence[Traffic]]:
    """The traffic of the last day; none, with a word why, where the database can't be reached."""
    from monitor.store.counters import Counters
    from monitor.traffic import traffic

    now = SystemClock().now().replace(second=0, microsecond=0)
    try:
        with database(settings) as engine:
            return traffic(Counters(engine), rules, now)
    except Transient as error:
        typer.echo(f"without traffic, give --calls-per-minute: {error}", err=True)
        return {}


def _said(rule: Rule, label_sets: Sequence[Traffic]) -> dict[str, Any]:
    """Everything that is said of a rule; ``label_sets`` are the smallest first."""
    from monitor.rules.model import AbsenceRule, kind
    from monitor.rules.named import STATISTICS, statistic
    from monitor.rules.sight import against, budget, effect, warnings, watches

    named = None if isinstance(rule, AbsenceRule) else statistic(rule)
    shown = {"median": label_sets[len(label_sets) // 2], "smallest": label_sets[0]} if label_sets else {}
    found: list[str] = []
    for name, one in shown.items():
        where = f"the {name} of its {len(label_sets)} label sets: " if len(label_sets) > 1 else ""
        found += [f"{where}{warning}" for warning in warnings(rule, one)]
    return {
        "alert": rule.alert,
        "severity": rule.severity,
        "kind": kind(rule),
        "watches": watches(rule),
        "statistic": named,
        "definition": STATISTICS[named] if named else "",
        "against": against(rule),
        "false_alarms_a_week": budget(rule),
        "label_sets": len(label_sets),
        "traffic": {
            name: {
                "calls_per_minute": one.calls_per_minute,
                "rate": one.rate,
                "smallest_rise": msgspec.to_builtins(effect(rule, one)),
            }
            for name, one in shown.items()
        },
        "warnings": list(dict.fromkeys(found)),
    }


def _table(said: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("rule", "watches", "against", "a week", "calls/min", "usual", "in 1 h", "in 24 h"):
        table.add_column(column, overflow="fold")
    for one in said:
        budget = one["false_alarms_a_week"]
        rows = list(one["traffic"].values()) or [{}]
        rows = rows[:1] if rows[0] == rows[-1] else rows
        for n, row in enumerate(rows):
            rise = row.get("smallest_rise") or {}
            unknown = "can't say" if row and one["kind"] == "regression" else ""
            first = (
                f"{one['alert']} ({one['severity']})",
                one["watches"],
                one["against"],
                "" if budget is None else f"≤ {budget:.2g}",
            )
            table.add_row(
                *(Text(cell) if n == 0 else "" for cell in first),
                f"{row['calls_per_minute']:.3g}" if row else "",
                f"{row['rate']:.2%}" if rise else "",
                _times(rise, "in_an_hour") or unknown,
                _times(rise, "in_a_day") or unknown,
            )
    return table


def _times(rise: Mapping[str, Any], within: str) -> str:
    if not rise:
        return ""
    return f"×{rise[within]:.3g}" if rise[within] is not None else "none"
