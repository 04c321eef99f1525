"""Draws the demo in a terminal: a snapshot and the story in, a rich renderable out. Nothing is read here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from monitor.demo.report import AlertReport, Report
from monitor.demo.story import Scene
from monitor.demo.watch import AlertRow, ServiceRow, Snapshot
from monitor.records import ALWAYS

#: A failure rate from which a cell is shown as a warning, and as bad.
_WARN, _BAD = 0.02, 0.08

_COLOURS = {"pending": "yellow", "firing": "bold red", "resolved": "green"}


class Status(NamedTuple):
    """What the header says."""

    scene: str
    elapsed_s: float
    produced: int
    per_second: float


def picture(status: Status, snapshot: Snapshot, notifications: Sequence[dict[str, Any]]) -> RenderableType:
    """The whole screen."""
    return Group(
        _header(status, snapshot),
        Panel(_services(snapshot.services), title="last minute, share that failed", border_style="blue"),
        Panel(_alerts(snapshot), title="alerts", border_style=_border(snapshot)),
        Panel(_notifications(notifications), title="delivered to the webhook", border_style="blue"),
    )


def _header(status: Status, snapshot: Snapshot) -> RenderableType:
    line = Table.grid(padding=(0, 3))
    line.add_row(
        _pair("calls/s", f"{status.per_second:.0f}"),
        _pair("produced", f"{status.produced:,}"),
        _pair("stored", f"{snapshot.stored:,}"),
        _pair("duplicates", f"{snapshot.duplicates:,}"),
        _pair("dead letters", f"{snapshot.dead_letters:,}"),
        _pair("lag", f"{snapshot.lag:,}"),
    )
    title = Text.assemble(("llm-monitor demo", "bold"), f"  {status.elapsed_s:.0f} s")
    return Panel(Group(Text(status.scene, style=_scene_style(status.scene)), line), title=title)


def _pair(name: str, value: str) -> Text:
    return Text.assemble((f"{name} ", "dim"), (value, "bold"))


def _scene_style(scene: str) -> str:
    if scene == Scene.BROKEN:
        return "bold red"
    return "bold yellow" if scene == Scene.MENDED else "bold green"


def _services(rows: Sequence[ServiceRow]) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1))
    table.add_column("service")
    table.add_column("calls", justify="right")
    for score in ALWAYS:
        table.add_column(score, justify="right")
    table.add_column("p95", justify="right")
    for row in rows:
        cells = [_rate(*row.scores.get(score, (0, 0))) for score in ALWAYS]
        p95 = f"{row.p95_ms / 1000:.2f} s" if row.p95_ms is not None else "–"
        table.add_row(row.service or "(none)", f"{row.calls:,}", *cells, p95)
    return table if rows else Text("nothing yet", style="dim")


def _rate(failures: int, judged: int) -> Text:
    """No judged calls are no rate: a dash, not a zero."""
    if judged == 0:
        return Text("–", style="dim")
    rate = failures / judged
    style = "bold white on red" if rate >= _BAD else "yellow" if rate >= _WARN else "green"
    return Text(f"{rate:.1%}", style=style)


def _alerts(snapshot: Snapshot) -> RenderableType:
    if not snapshot.alerts:
        return Text("none", style="dim")
    table = Table(box=None, expand=True, padding=(0, 1))
    for name in ("alert", "state", "where", "fired", "resolved", "before → now"):
        table.add_column(name)
    for alert in snapshot.alerts:
        table.add_row(
            alert.rule,
            Text(alert.state, style=_COLOURS.get(alert.state, "")),
            " / ".join(alert.labels.values()),
            f"{alert.fired_at:%H:%M:%S}" if alert.fired_at else "",
            f"{alert.resolved_at:%H:%M:%S}" if alert.resolved_at else "",
            _change(alert),
        )
    return table


def _change(alert: AlertRow) -> str:
    sides = [alert.evidence.get(name) for name in ("baseline", "window")]
    return " → ".join(f"{side['rate']:.1%}" for side in sides if side)


def _border(snapshot: Snapshot) -> str:
    return "red" if any(alert.state == "firing" for alert in snapshot.alerts) else "blue"


def _notifications(notifications: Sequence[dict[str, Any]]) -> RenderableType:
    if not notifications:
        return Text("none", style="dim")
    return Group(*(_notification(payload) for payload in notifications[-6:]))


def _notification(payload: dict[str, Any]) -> RenderableType:
    """Its title; while firing also who contributes most and one call that proves it."""
    firing = payload["status"] == "firing"
    lines = [Text(("▲ " if firing else "▼ ") + payload["title"], style="red" if firing else "green")]
    if firing and payload["contributors"]:
        top = payload["contributors"][0]
        share = f"{top['failures']} of {top['calls']} calls"
        lines.append(Text(f"    most of it: {top['dimension']} {top['value']}, {share}", style="dim"))
    if firing and payload["examples"]:
        example = payload["examples"][0]
        detail = example["detail"] or ""
        lines.append(
            Text(f"    for example: {example['call_id']} {example['outcome']} {detail}", style="dim")
        )
    return Group(*lines)


def ending(report: Report) -> RenderableType:
    """What happened, what it means, and how to go on."""
    account = (
        f"{report.produced:,} calls were sent; {report.stored:,} are stored,"
        f" {report.duplicates:,} were sent twice and counted once,"
        f" {report.dead_letters:,} could not be read and are kept as dead letters."
    )
    proof = (
        Text("Nothing was lost, nothing was counted twice.", style="green")
        if report.lost == 0
        else Text(f"{report.lost:,} calls are unaccounted for: that is a bug.", style="bold red")
    )
    lives = [
        Text(f"{alert.rule} on {' / '.join(alert.labels.values()) or 'everything'}: {_life(alert)}")
        for alert in report.alerts
    ]
    told = Text(f"{report.notifications.sent} notifications delivered, {report.notifications.failed} failed.")
    how = Text(
        "To watch your own calls:\n"
        "  1. llm-monitor score calls.jsonl            scores what you have recorded, without Kafka\n"
        "  2. write monitor.yaml: docs/configuration.md   your Kafka, your Postgres, your webhook\n"
        "  3. llm-monitor migrate --config monitor.yaml\n"
        "  4. llm-monitor run --config monitor.yaml"
    )
    return Panel(Group(Text(account), proof, *lives, told, Text(), how), title="what happened")


def _life(alert: AlertReport) -> str:
    """When it fired and resolved, in seconds after what caused it; a replay has no such moments."""
    fired = (
        "fired" if alert.fired_after_s is None else f"fired {alert.fired_after_s:.0f} s after the breakage"
    )
    if alert.resolved_after_s is None:
        return f"{fired}."
    return f"{fired}, resolved {alert.resolved_after_s:.0f} s after the roll-back."
