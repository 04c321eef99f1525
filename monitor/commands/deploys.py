"""``llm-monitor deploy`` and ``llm-monitor deploys list``: deploy markers, given and read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from monitor.clock import SystemClock
from monitor.commands.shared import ConfigOption, check_utf8, database, duration, load_settings, moment

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.store.deploys import Deploy

app = typer.Typer(no_args_is_help=True, help="What was deployed. See docs/deploys.md.")


def deploy(
    service: Annotated[str, typer.Argument(help="Which service, by the name that its calls have.")],
    version: Annotated[str, typer.Argument(help="What of it: a version, a tag, a commit.")],
    environment: Annotated[str, typer.Option(help="In which environment. Default: in all of them.")] = "",
    at: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="TIME", help="When. Default: now. UTC.")
    ] = None,
    comment: Annotated[str, typer.Option(help="What a page should say of it.")] = "",
    config: ConfigOption = None,
) -> None:
    """Mark a deploy, so that pages and charts show it; prints its id.

    The same service, environment, version and time again is the same deploy, and prints the same id.
    """
    from monitor.store.deploys import Deploy, add, check

    now = SystemClock().now()
    marker = Deploy(
        at=at or now,
        service=service,
        version=version,
        environment=environment,
        comment=comment,
    )
    try:
        check(marker, now)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with database(load_settings(config)) as engine:
        id_, new = add(engine, marker)
    if not new:
        typer.echo("this deploy was marked before", err=True)
    typer.echo(id_)


@app.command("list")
def list_(
    service: Annotated[str, typer.Option(help="Only of this service.")] = "",
    environment: Annotated[str, typer.Option(help="Only of this environment, and of all of them.")] = "",
    since: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="How far back. Default: 7d."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """List deploys, the newest first: those that were marked, and new versions that calls were seen with."""
    from rich.console import Console

    from monitor.store.deploys import between

    check_utf8(service, environment)
    now, span = SystemClock().now(), since or timedelta(days=7)
    with database(load_settings(config)) as engine:
        # One that is told ahead of its time is listed too.
        found = between(engine, now - span, now + span, service=service, environment=environment)
    found.reverse()
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    elif found:
        Console(file=sys.stdout).print(_table(found))
    else:
        typer.echo("no deploy is known", err=True)


def _table(found: Sequence[Deploy]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in ("at (UTC)", "service", "environment", "version", "known from", "comment"):
        table.add_column(column)
    for one in found:
        subject = f" of {one.subject}" if one.subject else ""
        table.add_row(
            f"{one.at:%Y-%m-%d %H:%M}",
            Text(one.service),
            Text(one.environment or "all"),
            Text(one.version),
            Text(f"calls: {one.dimension}{subject}" if one.source == "calls" else one.source),
            Text(one.comment),
        )
    return table
