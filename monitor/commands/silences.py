"""``llm-monitor silence add``, ``list`` and ``expire``, as users of amtool expect them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from monitor.clock import SystemClock
from monitor.commands.shared import ConfigOption, check_utf8, database, duration, load_settings, moment
from monitor.commands.shared import author as named
from monitor.rules.matchers import Matchers, alert_labels, match, parse, selecting

if TYPE_CHECKING:
    import sqlalchemy as sa
    from rich.table import Table

    from monitor.config import Settings
    from monitor.store.silences import Silence

app = typer.Typer(
    no_args_is_help=True,
    help="Keep alerts from being told for a time. See docs/silences.md.",
)

#: How the states of silences are coloured, and in which order they are listed.
_STYLES = {"active": "green", "pending": "yellow", "expired": "dim"}


@app.command()
def add(
    matchers: Annotated[
        list[str],
        typer.Argument(
            metavar="MATCHER…",
            help="Which alerts: service=checkout, severity!=page, route=~'/v1/.*'. All must match."
            " A first one without an operator is the name of an alert.",
        ),
    ],
    comment: Annotated[str, typer.Option(help="Why, for whoever wonders later.")],
    for_: Annotated[
        timedelta | None, typer.Option("--for", parser=duration, metavar="DURATION", help="How long: 2h.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Instead of --for, until when: 2026-11-22T13:30."),
    ] = None,
    starts: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="TIME", help="From when on. Default: now. UTC.")
    ] = None,
    author: Annotated[str | None, typer.Option(help="Who. Default: your user name.")] = None,
    config: ConfigOption = None,
) -> None:
    """Silence the alerts that match, and print the silence's id.

    They are still evaluated, and shown with what mutes them; only nobody is told. One that still fires
    when the silence ends is told then.
    """
    from monitor.store.silences import Silences

    now = SystemClock().now()
    selected = _parsed(matchers, every=False)
    begins = starts or now
    ends = _end(begins, for_, until)
    if ends <= now:
        raise typer.BadParameter(f"it would be over already: it is {now:%Y-%m-%d %H:%M} UTC")
    if ends <= begins:
        raise typer.BadParameter("it would end before it starts")
    if not comment.strip():
        raise typer.BadParameter("say why", param_hint="--comment")
    check_utf8(comment, author or "")
    settings = load_settings(config)
    with database(settings) as engine:
        id_ = Silences(engine).add(
            [str(matcher) for matcher in selected],
            starts_at=begins,
            ends_at=ends,
            created_by=named(author, "--author"),
            comment=comment.strip(),
        )
        open_alerts = _open_alerts(engine, settings)
    muted = sum(match(selected, labels) for labels in open_alerts)
    when = "mutes" if begins <= now else "would mute"
    typer.echo(f"{when} {muted} of {len(open_alerts)} open alerts, until {ends:%Y-%m-%d %H:%M} UTC", err=True)
    typer.echo(id_)


@app.command("list")
def list_(
    matching: Annotated[
        list[str] | None,
        typer.Argument(metavar="MATCHER…", help="Only silences that are about these labels."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that have expired too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, as Alertmanager's API has it.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """List the silences that are active, then those that are to come."""
    from rich.console import Console

    from monitor.store.silences import Silences

    now = SystemClock().now()
    wanted = _parsed(matching or [], every=True)
    with database(load_settings(config)) as engine:
        silences = Silences(engine)
        found = [one for one in (silences.all() if every else silences.unexpired(now)) if _about(one, wanted)]
    found.sort(key=lambda one: list(_STYLES).index(one.state(now)))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode([_public(one, now) for one in found]), indent=2))
    elif found:
        Console(file=sys.stdout).print(_table(found, now))
    else:
        typer.echo("no silence" if every else "no silence is active or to come", err=True)


@app.command()
def expire(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="ID…", min=1, max=2**63 - 1, help="Which ones, by their ids."),
    ] = None,
    matching: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MATCHER",
            help="Instead of ids: every silence that is about these labels. May be given several times.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """End silences now; those that have not begun never will. The exit code is 1 if there was none to end."""
    from monitor.store.silences import Silences

    if bool(ids) == bool(matching):
        raise typer.BadParameter("give ids, or --matching, and not both")
    now = SystemClock().now()
    wanted = _parsed(matching or [], every=False) if matching else ()
    with database(load_settings(config)) as engine:
        silences = Silences(engine)
        asked = ids or [one.silence_id for one in silences.unexpired(now) if _about(one, wanted)]
        ended = silences.expire(asked, now)
    for id_ in ended:
        typer.echo(f"expired {id_}")
    for id_ in sorted(set(asked).difference(ended)):
        typer.echo(f"no silence {id_} is active or to come", err=True)
    if not asked:
        typer.echo("no silence that is active or to come matches", err=True)
    if not ended:
        raise typer.Exit(1)


def _parsed(texts: Sequence[str], *, every: bool) -> Matchers:
    """The matchers of the command line; ``every`` says whether they may select everything."""
    check_utf8(*texts)
    first, *others = texts or ("",)
    if first and not any(sign in first for sign in '=!~{"'):
        first = f"alertname={first}"
    try:
        if every:
            return tuple(matcher for text in (first, *others) for matcher in parse(text))
        return selecting((first, *others))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="MATCHER") from None


def _end(begins: datetime, for_: timedelta | None, until: datetime | None) -> datetime:
    if (for_ is None) == (until is None):
        raise typer.BadParameter("give one of --for and --until")
    return until if until is not None else begins + (for_ or timedelta())


def _about(silence: Silence, wanted: Matchers) -> bool:
    """Whether a silence's matchers, taken for labels, match: as amtool queries silences."""
    return match(wanted, {matcher.name: matcher.value for matcher in _stored(silence)})


def _stored(silence: Silence) -> Matchers:
    """A silence's matchers; none, with a word why, where they can't be read, as after a change of release."""
    try:
        return tuple(matcher for text in silence.matchers for matcher in parse(text))
    except ValueError as error:
        typer.echo(f"silence {silence.silence_id} mutes nothing: {error}", err=True)
        return ()


def _open_alerts(engine: sa.Engine, settings: Settings) -> list[dict[str, str]]:
    """The labels of every open alert, as silences see them."""
    from monitor.store.alerts import Alerts
    from monitor.telling import metric_of

    rules = {rule.key: rule for rule in settings.rules.rules}
    found = []
    for row in Alerts(engine).open():
        rule = rules.get(f"{row.rule}/{row.severity}")
        labels = {**(rule.labels if rule else {}), **row.labels}
        metric = metric_of(rule) if rule else ""
        found.append(alert_labels(labels, alertname=row.rule, severity=row.severity, metric=metric))
    return found


def _public(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence as Alertmanager's API shows it (``GET /api/v2/silences``), with our numbers for ids."""
    return {
        "id": silence.silence_id,
        "status": {"state": silence.state(now)},
        "matchers": [
            {
                "name": matcher.name,
                "value": matcher.value,
                "isRegex": matcher.operator.endswith("~"),
                "isEqual": not matcher.operator.startswith("!"),
            }
            for matcher in _stored(silence)
        ],
        "startsAt": silence.starts_at,
        "endsAt": silence.ends_at,
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "createdAt": silence.created_at,
    }


def _table(found: Sequence[Silence], now: datetime) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in ("id", "state", "matchers", "from (UTC)", "until (UTC)", "by", "comment"):
        table.add_column(column, no_wrap=column in ("id", "state"))
    for one in found:
        state = one.state(now)
        table.add_row(
            str(one.silence_id),
            Text(state, _STYLES[state]),
            Text("\n".join(one.matchers)),
            f"{one.starts_at:%Y-%m-%d %H:%M}",
            f"{one.ends_at:%Y-%m-%d %H:%M}",
            Text(one.created_by),
            Text(one.comment),
        )
    return table
