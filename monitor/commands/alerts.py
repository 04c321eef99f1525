"""``llm-monitor alert list``, ``show``, ``ack`` and ``test``: what fires, who takes care, who would hear."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from msgspec import structs

from monitor.clock import SystemClock
from monitor.commands.shared import ConfigOption, author, database, load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.showing import Showing
    from monitor.web.values import Alert, Filter

app = typer.Typer(
    no_args_is_help=True,
    help="Look at alerts, acknowledge them, and try the channels. See docs/channels.md and docs/pages.md.",
)

#: Pages of open alerts that are listed.
PAGES = 20

_STYLES = {"firing": "bold red", "pending": "yellow", "resolved": "green"}

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, as /api has it.")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too, the newest 50.")] = False,
    severity: Annotated[str, typer.Option(help="Only of this severity: page, ticket or info.")] = "",
    service: Annotated[str, typer.Option(help="Only of this service.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the alerts that are open, those that fire first."""
    from rich.console import Console

    from monitor.showing import Showing
    from monitor.web.values import Filter

    settings = load_settings(config)
    try:
        wanted = msgspec.convert({"severity": severity, "service": service}, Filter)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from None
    with database(settings) as engine:
        desk = Showing(engine, settings.rules.rules, settings.config.kafka.topics, SystemClock())
        found, more = _all(desk, wanted, every)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    elif found:
        Console(file=sys.stdout).print(_table(found))
    else:
        typer.echo("there is no alert" if every else "no alert is open", err=True)
    if more:
        typer.echo(f"and more: these are the first {len(found):,}", err=True)


@app.command()
def show(
    id_: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**62, help="Which one, by its number.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show everything that is known of an alert: what a page says, its states, and who was told."""
    from monitor.notify.words import plain
    from monitor.showing import Showing

    settings = load_settings(config)
    with database(settings) as engine:
        desk = Showing(
            engine,
            settings.rules.rules,
            settings.config.kafka.topics,
            SystemClock(),
            settings.config.grafana.dashboard,
        )
        alert, page = desk.alert(id_), desk.page(id_)
    if alert is None or page is None:
        raise typer.BadParameter(f"there is no alert {id_}", param_hint="ID")
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(alert), indent=2))
        return
    typer.echo(f"{alert.state}: {alert.title}\n\n{plain(page)}")
    typer.echo("\nStates (UTC)")
    for event in alert.events:
        typer.echo(f"  {event.at:%Y-%m-%d %H:%M} {event.to_state}: {event.reason}")
    typer.echo("\nWho was told (UTC)")
    for one in alert.deliveries:
        error = f": {one.last_error}" if one.last_error else ""
        typer.echo(f"  {one.at:%Y-%m-%d %H:%M} {one.channel} {one.kind} {one.state}{error}")
    if not alert.deliveries:
        typer.echo(f"  nobody{f': muted by {alert.muted_by}' if alert.muted_by else ''}")


@app.command()
def ack(
    ids: Annotated[
        list[int],
        typer.Argument(metavar="ID…", min=1, max=2**62, help="Alerts, by their numbers."),
    ],
    by: Annotated[str | None, typer.Option(help="Who takes care. Default: your user name.")] = None,
    config: ConfigOption = None,
) -> None:
    """Acknowledge the episodes of these alerts: everybody who was told hears who takes care of it.

    An acknowledged episode is not told again while it goes on; that an alert joins it, or that it has ended,
    is.
    """
    from monitor.showing import Showing

    who = author(by, "--by")
    settings, missing = load_settings(config), []
    with database(settings) as engine:
        desk = Showing(engine, settings.rules.rules, settings.config.kafka.topics, SystemClock())
        for id_ in ids:
            taken = desk.acknowledge(id_, who, source="command")
            if taken is None:
                missing.append(id_)
            else:
                typer.echo(f"{id_}: acknowledged by {taken.by}, {taken.at:%Y-%m-%d %H:%M} UTC")
    for id_ in missing:
        typer.echo(f"{id_}: there is no such alert, or nothing of its episode fires", err=True)
    if missing:
        raise typer.Exit(1)


@app.command("test")
def try_(
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this channel. May be given several times. Default: all."),
    ] = None,
    severity: Annotated[str, typer.Option(help="Of which severity the page is to be.")] = "page",
    config: ConfigOption = None,
) -> None:
    """Send a page that is marked as a test to the channels, as real ones are, and say what came back.

    Where incidents are kept (PagerDuty, Opsgenie, Alertmanager), it is opened and ended again.
    """
    from monitor.channel_test import try_channel

    settings = load_settings(config)
    configured = settings.config.channels
    for name in channel or []:
        if name not in configured:
            raise typer.BadParameter(f"there is no channel {name!r}; there are {', '.join(configured)}")
    if severity not in ("page", "ticket", "info"):
        raise typer.BadParameter("a severity is page, ticket or info", param_hint="--severity")
    bad = False
    with database(settings) as engine:
        for name in channel or configured:
            tried = try_channel(engine, settings.config, name, SystemClock(), severity)
            said = "took it" if tried.error is None else f"did not take it: {tried.error}"
            typer.echo(f"{name}: {said} ({tried.took_s:.1f} s)")
            bad |= tried.error is not None
    if bad:
        raise typer.Exit(1)


def _all(desk: Showing, wanted: Filter, every: bool) -> tuple[list[Alert], bool]:
    """The alerts of the first pages, those that fire first, and whether there are more."""
    found: list[Alert] = []
    for page in range(1, 2 if every else PAGES + 1):
        shown = desk.alerts(structs.replace(wanted, page=page))
        found += [one for one in shown.alerts if every or one.state != "resolved"]
        # Those that are open come first.
        if not shown.more or (not every and shown.alerts[-1].state == "resolved"):
            return found, False
    return found, True


def _table(alerts: list[Alert]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("id", "state", "severity", "since (UTC)", "what", "acknowledged"):
        table.add_column(column)
    for one in alerts:
        who = one.acknowledged.by if one.acknowledged else f"muted: {one.muted_by}" if one.muted_by else ""
        table.add_row(
            str(one.alert_id),
            Text(one.state, _STYLES.get(one.state, "")),
            one.severity,
            f"{one.started_at:%Y-%m-%d %H:%M}",
            Text(one.title),
            Text(who),
        )
    return table
