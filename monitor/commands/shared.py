"""What several commands take: the configuration, durations and moments, as options of the command line."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor import logs
from monitor.clock import SystemClock
from monitor.durations import seconds

if TYPE_CHECKING:
    import sqlalchemy as sa

    from monitor.config import Settings

#: How far a moment may lie from now, and how long a duration may be: what is beyond is a slip of the pen.
FURTHEST = timedelta(days=3653)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The YAML file; LLM_MONITOR_… variables override it.",
    ),
]


def load_settings(path: Path | None) -> Settings:
    """The configuration, checked, with logging set up as it says.

    Raises:
        ConfigError: names the file and line, or the variable.
    """
    from monitor.config import load_config

    settings = load_config(path, os.environ)
    logs.configure(settings.config.log.level, settings.config.log.format)
    return settings


@contextmanager
def database(settings: Settings) -> Iterator[sa.Engine]:
    """An engine on the configured database, for as long as a command needs it.

    Raises:
        ConfigError: the database is not at the revision that this release needs.
        Transient: it can't be reached.
    """
    from monitor.service import check_revision
    from monitor.store import connect

    engine = connect(settings.config.database.url)
    try:
        check_revision(engine)
        yield engine
    finally:
        engine.dispose()


def duration(text: str) -> timedelta:
    """Parses an option: ``2h``, at most ten years."""
    try:
        length = seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if length > FURTHEST.total_seconds():
        raise typer.BadParameter(f"{text} is more than ten years")
    return timedelta(seconds=length)


def moment(text: str) -> datetime:
    """Parses an option: ``2026-11-22T13:30``, in UTC unless it says otherwise; gives it in UTC.

    At most ten years from now, either way.
    """
    try:
        parsed = datetime.fromisoformat(text)
        at = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from None
    if abs(at - SystemClock().now()) > FURTHEST:
        raise typer.BadParameter(f"{text} is more than ten years from now")
    return at


def check_utf8(*texts: str) -> None:
    """Refuse arguments that are not UTF-8: Python keeps their bytes as halves of characters."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("an argument is not UTF-8") from None


def author(given: str | None, option: str) -> str:
    """Who does this: as the option says, else the name of the user, in one line.

    Raises:
        BadParameter: there is no name, or it is none for one line of a table.
    """
    try:
        who = (given if given is not None else getpass.getuser()).strip()
    except (KeyError, OSError):  # a user that has no name, as containers have
        who = ""
    if not who or len(who) > 200 or not who.isprintable():
        raise typer.BadParameter("say who, in one line of at most 200 characters", param_hint=option)
    check_utf8(who)
    return who
