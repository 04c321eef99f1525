"""The command line: what one types, and what it runs; ``commands`` has those with commands of their own.

Long by its help: a command is a few lines around the module that does the work.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import structlog
import typer

from monitor import __version__, logs
from monitor.clock import SystemClock
from monitor.commands import alerts, deploys, rules, silences
from monitor.commands.shared import ConfigOption, database, duration, load_settings, moment
from monitor.cores import cores
from monitor.decode import formats
from monitor.errors import DeadLetterReason, MonitorError
from monitor.files import SUFFIXES, Unreadable, expand, read_records
from monitor.progress import counting, reading
from monitor.scoreline import score_line
from monitor.summary import SUMMARY_WIDTH, Summary
from monitor.workers.nursery import Nursery

if TYPE_CHECKING:
    from monitor.offline import Placed, Skipped

app = typer.Typer(
    name="llm-monitor",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Tells a team, before its users do, that its LLM calls have got worse.

It reads the log of every call from Kafka, scores each one (JSON, tool calls, grounding, fallbacks), keeps
the scores as time series in Postgres, and pages someone when a series regresses against its own baseline.

Begin with `llm-monitor demo` (nothing to set up), or `llm-monitor score FILE` on calls of your own.
For production: write monitor.yaml (see `docs/configuration.md`), then `llm-monitor migrate` and
`llm-monitor run`, both with `--config monitor.yaml`.
""",
)


#: What asks the service to stop.
_STOPS = {signal.SIGINT, signal.SIGTERM}


class Part(StrEnum):
    """What one process does."""

    ALL = "all"
    INGEST = "ingest"
    CONTROL = "control"


def main() -> None:
    """Run the command line. Failures that a person can mend are one line and exit code 1."""
    try:
        app()
    except MonitorError as error:
        typer.echo(f"llm-monitor: {error}", err=True)
        raise SystemExit(1) from None


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    config: ConfigOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            help="Processes that read, score and store, over ingest.workers. Default: one for each core that"
            " may be used.",
        ),
    ] = None,
    only: Annotated[Part, typer.Option(help="Run ingest and control in services of their own.")] = Part.ALL,
) -> None:
    """Run the service: read calls from Kafka, score, store, evaluate the rules, notify.

    Start as many as you like with the same configuration, here or on other machines: their workers share
    the partitions, and one of them leads. A worker that ends is started again. Ctrl-C or SIGTERM ends all
    after the batch they are at; nothing is lost either way.
    """
    with Nursery() as nursery:
        if only is not Part.CONTROL:
            nursery.open()  # before our own imports, which take as long as its do
        from monitor.service import Service, check_channels
        from monitor.workers.process import make_judge

        settings = load_settings(config)
        check_channels(settings.config, SystemClock())
        wanted = 0
        if only is not Part.CONTROL:
            make_judge(settings.config.judge)
            wanted = workers or settings.config.ingest.workers or cores()
        service = Service(settings, nursery)
        _stop_on_signal(service.stop)
        service.run(workers=wanted, control=only is not Part.INGEST)


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Create or update the tables. Safe to run again, and from several places at once."""
    from monitor.store.migrate import migrate as run_migrations

    before, after = run_migrations(load_settings(config).config.database.url)
    typer.echo(
        f"already at {after}" if before == after else f"migrated from {before or 'nothing'} to {after}"
    )


@app.command()
def check(config: ConfigOption = None) -> None:
    """Check the configuration and the rules without starting anything."""
    from monitor.service import check_channels
    from monitor.store import connect
    from monitor.workers.process import make_judge

    settings = load_settings(config)
    check_channels(settings.config, SystemClock())
    make_judge(settings.config.judge)
    connect(settings.config.database.url).dispose()
    topics = ", ".join(settings.config.kafka.topics)
    judge = f"; judge {settings.config.judge.use}" if settings.config.judge.use else ""
    typer.echo(
        f"good: topics {topics}; {len(settings.rules.rules)} rules; "
        f"channels {', '.join(settings.config.channels)}{judge}"
    )


@app.command()
def replay(
    config: ConfigOption = None,
    reason: Annotated[
        list[DeadLetterReason] | None,
        typer.Option(metavar="REASON", help="Only letters of this reason. May be given several times."),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(metavar="TOPIC", help="Only letters of this topic. May be given several times."),
    ] = None,
    since: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="Only letters first seen since then: 2h."),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many letters.")] = None,
    max_lateness: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Take calls that started as long ago as this, over ingest.max_lateness.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of them.")] = False,
) -> None:
    """Try dead letters again with this release, and store the calls that can be used now.

    The bytes are those that were kept, or Kafka's while it still has them. The service may run meanwhile;
    a call that is stored already counts once, and what was replayed well is not replayed again. The exit
    code is 1 if there were letters and none of them could be used. See docs/dead_letters.md.
    """
    from rich.console import Console

    from monitor.letters.replay import USABLE, replaying
    from monitor.store.letters import SETTLED, WAITING, Wanted, count
    from monitor.summary import replay_table

    settings = load_settings(config)
    seen_since = None if since is None else SystemClock().now() - since
    wanted = Wanted(tuple(reason or ()), tuple(topic or ()), seen_since)
    counts: Counter[tuple[str, str]] = Counter()
    with (
        database(settings) as engine,
        replaying(settings.config, engine, max_lateness) as replayer,
        counting("replaying", min(count(engine, wanted), limit or sys.maxsize)) as advance,
    ):
        for letter, outcome in replayer.replay(wanted, limit=limit, rehearse=dry_run):
            counts[letter.reason, outcome] += 1
            advance(1)
    if not counts:
        typer.echo("no dead letter is left that matches")
        return
    Console(file=sys.stdout).print(replay_table(counts))
    if not any(outcome in (*SETTLED, WAITING, USABLE) for _, outcome in counts):
        raise typer.Exit(1)


@app.command()
def rebuild(
    start: Annotated[
        datetime,
        typer.Option("--from", parser=moment, metavar="TIME", help="From then on: 2026-11-22T13:30."),
    ],
    end: Annotated[
        datetime | None,
        typer.Option("--to", parser=moment, metavar="TIME", help="Up to then. Default: now. UTC."),
    ] = None,
    config: ConfigOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
) -> None:
    """Compute the rollups of a span again from its calls, and relate the attempts of each request anew.

    The replica that leads does the work, newest minutes first; this only marks them and looks on, and may be
    stopped. Minutes whose calls retention has dropped stay as they are.
    """
    from monitor.store import rollups

    end = end or SystemClock().now()
    with database(load_settings(config)) as engine:
        marked = left = rollups.rebuild(engine, start, end)
        typer.echo(f"marked {marked:,} minutes" if marked else "no call of that time is kept")
        with counting("rebuilding", marked) as advance:
            while wait and left:
                time.sleep(1)
                before, left = left, rollups.still_to_rebuild(engine, start, end)
                advance(before - left)
    if marked and wait:
        typer.echo("rebuilt")


@app.command()
def demo(
    for_: Annotated[
        float | None,
        typer.Option(
            "--for",
            metavar="SECONDS",
            min=1,
            help="How long live traffic goes on. Default: until every alert has resolved, at most 5 minutes.",
        ),
    ] = None,
    headless: Annotated[bool, typer.Option(help="Print lines instead of a live view.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what happened, as JSON.")] = None,
    replay: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Send recorded calls (as `score` reads them) instead of made-up traffic; nothing is staged"
            " to break, and it lasts a minute unless --for says otherwise. May be given several times.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the view while an alert fires, as SVG.")
    ] = None,
) -> None:
    """Show the whole service at work on this machine, with nothing to set up.

    Starts a PostgreSQL and a Kafka broker on loopback, runs the real service, sends a day of history and
    live traffic of made-up applications, breaks two of them, shows the alerts fire, rolls back, shows them
    resolve. Ctrl-C ends it; nothing is left behind. Needs the extra: pip install 'llm-monitor[demo]'.
    """
    from rich.console import Console

    from monitor.demo.run import run_demo

    logs.configure("error", "console")
    try:
        went_well = run_demo(
            Console(),
            _Interrupted().check,
            seconds=for_,
            headless=headless,
            replay=replay or (),
            report_to=report,
            picture_to=picture,
        )
    except KeyboardInterrupt:
        typer.echo("stopped; nothing is left behind", err=True)
        raise SystemExit(130) from None
    raise SystemExit(0 if went_well else 1)


@app.command()
def score(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, folders, or - for standard input.")
    ],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"How the calls are written: auto (told by what is there), {', '.join(formats())}.",
        ),
    ] = "auto",
    summary: Annotated[
        bool, typer.Option("--summary", help="Print a table of outcomes per model instead of the calls.")
    ] = False,
) -> None:
    """Score recorded calls and print one JSON line for each. Needs neither Kafka nor Postgres.

    A file is one JSON object, an array, JSON lines, or an OTLP message (.pb); a folder stands for its
    .json, .jsonl, .ndjson, .pb and .binpb files. JSON lines may be of any size, and are read line by line;
    any other file is held in memory, up to 512 MB, with about as much again while it is read. Spans, events
    and attempts that belong together are put together over all files, and come last; until then they are
    held in memory too. What is skipped goes to standard error, one line each with its reason, and a count
    at the end. The exit code is 1 if there was something and none of it could be scored.
    """
    if format_ not in ("auto", *formats()):
        raise typer.BadParameter(f"it can be {', '.join(('auto', *formats()))}", param_hint="--format")
    from rich.console import Console

    from monitor.offline import Offline, Skipped

    offline, table = Offline(format_), Summary()
    scored = skipped = 0

    def say(one: Placed | Skipped) -> None:
        nonlocal scored, skipped
        place = one.place if one.item is None else f"{one.place}:{one.item + 1}"
        if isinstance(one, Skipped):
            skipped += 1
            typer.echo(f"skipped {place}: {one.letter.reason}: {one.letter.detail}", err=True)
            return
        scored += 1
        if summary:
            table.add(one.scored.call, one.scored.scores)
        else:
            line = score_line(place, one.own_id, one.scored.call, one.scored.scores, one.request)
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")

    files = expand(paths)
    with reading(files, shown=summary or not sys.stdout.isatty()) as advance:
        for found in read_records(files):
            if isinstance(found, Unreadable):
                typer.echo(f"skipped {found.place}: unreadable: {found.why}", err=True)
                skipped += 1
                continue
            for one in offline.read(found):
                say(one)
            advance(len(found.record.value or b""))
        for one in offline.finish():
            say(one)
    if summary and scored:
        width = None if sys.stdout.isatty() else SUMMARY_WIDTH
        Console(file=sys.stdout, width=width).print(table.table())
    sys.stdout.flush()
    typer.echo(_total(scored, skipped, offline.empty, format_, searched=bool(files)), err=True)
    if not scored and (skipped or offline.empty):
        raise typer.Exit(1)


app.add_typer(alerts.app, name="alert")
app.add_typer(silences.app, name="silence")
app.command()(deploys.deploy)
app.add_typer(deploys.app, name="deploys")
app.add_typer(rules.app, name="rules")


def _total(scored: int, skipped: int, empty: int, format_name: str, *, searched: bool) -> str:
    """The last line of ``score``, with what may be wrong where nothing was scored."""
    total = f"{scored} calls scored, {skipped} skipped"
    if empty:
        total += f"; {empty} items held no call"
    if not searched:
        return f"{total}: a folder is searched for {', '.join(sorted(SUFFIXES))} files"
    if empty and not scored:
        wrong = "is it the right file" if format_name == "auto" else f"is {format_name} the right format"
        return f"{total}: {wrong}?"
    return total


def _stop_on_signal(stop: Callable[[], None]) -> None:
    """Stop on SIGINT and SIGTERM; a second signal ends the process at once. Call it from the main thread.

    Whichever thread gets the signal, and libraries start some that block none, only writes its number to a
    pipe that a thread of ours reads. A handler that stopped would run between any two steps of the main
    thread, perhaps while that holds the very lock that stopping needs.
    """
    read, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    for number in _STOPS:
        signal.signal(number, lambda _number, _frame: None)

    def next_stop() -> signal.Signals:
        while (number := os.read(read, 1)[0]) not in _STOPS:
            pass
        return signal.Signals(number)

    def wait() -> None:
        structlog.get_logger("monitor").info("stopping", signal=next_stop().name)
        stop()
        os._exit(128 + next_stop())

    threading.Thread(target=wait, name="signals", daemon=True).start()


class _Interrupted:
    """Remembers SIGINT and SIGTERM until the demo comes to a place where it can be stopped cleanly.

    An exception out of a handler may come up where Python can only print and forget it. A second signal is
    an ordinary KeyboardInterrupt, for whoever can't wait.
    """

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: object) -> None:
        self._asked = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)

    def check(self) -> None:
        """Stop here, if that was asked for.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self._asked:
            raise KeyboardInterrupt
