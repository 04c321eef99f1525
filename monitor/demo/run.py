"""Runs the demo from the first server to the report, and leaves nothing behind."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live

from monitor.demo.apps import Faults
from monitor.demo.report import build_report
from monitor.demo.stage import TOPIC, Stage, set_up
from monitor.demo.story import Scene, Story
from monitor.demo.traffic import MadeUp, Replay, Traffic
from monitor.demo.view import Status, ending, picture
from monitor.demo.watch import Snapshot, Watch

#: Seconds after which a demo ends in any case, when nobody says how long.
LONGEST_S = 290.0

#: Seconds of a replay, when nobody says how long.
REPLAY_S = 60.0

#: Seconds between two calls of an application's turn, and between two looks at the database.
_TURN_S = 0.1
_LOOK_S = 1.0

#: Seconds between two lines of a demo without a screen.
_LINE_S = 10.0

#: Seconds without progress after which the end no longer waits for the last records and notifications.
_DRAIN_S = 30.0


def run_demo(
    console: Console,
    pause_point: Callable[[], None],
    *,
    seconds: float | None = None,
    headless: bool = False,
    replay: Sequence[str] = (),
    report_to: Path | None = None,
    picture_to: Path | None = None,
) -> bool:
    """Run the demo; says whether it went as it should.

    Args:
        console: where to draw.
        pause_point: called again and again where the demo may be stopped; raises to stop it.
        seconds: how long; ``None`` means until every alert has resolved, at most ``LONGEST_S``.
        headless: print lines instead of drawing a screen.
        replay: files and folders of recorded calls to send instead of made-up traffic.
        report_to: where to write the report as JSON.
        picture_to: where to write the screen at its most telling moment, as SVG.

    Raises:
        Permanent: a server does not come up, or there is nothing to replay.
    """
    began = time.monotonic()

    def say(what: str) -> None:
        pause_point()
        console.print(f"{what} …")

    with set_up(say) as stage:
        traffic: Traffic = (
            Replay(stage.bootstrap_servers, TOPIC, replay)
            if replay
            else MadeUp(stage.bootstrap_servers, TOPIC, Random())  # noqa: S311 - made-up traffic
        )
        screen = _Screen(console, stage, began, headless, picture_to, pause_point)
        story = _play(stage, traffic, screen, seconds, staged=not replay)
        traffic.close()
        snapshot = _drain(Watch(stage.engine), traffic.produced, pause_point)
        report = build_report(
            snapshot,
            produced=traffic.produced,
            dropped=traffic.dropped,
            broken_at=story.broken_at,
            mended_at=story.mended_at,
            duration_s=time.monotonic() - began,
        )
    console.print(ending(report))
    if report_to is not None:
        report_to.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    went_well = report.lost == 0 and report.notifications.failed == 0
    if not replay and seconds is None and story.scene is not Scene.OVER:
        console.print(
            f"The story did not end within {LONGEST_S:.0f} s; it was at: {story.scene}", style="red"
        )
        went_well = False
    return went_well


class _Screen:
    """Shows a snapshot: the whole screen, or a line now and then."""

    def __init__(
        self,
        console: Console,
        stage: Stage,
        began: float,
        headless: bool,
        picture_to: Path | None,
        pause_point: Callable[[], None],
    ) -> None:
        self._pause_point = pause_point
        self._console = console
        self._stage = stage
        self._began = began
        self._picture_to = picture_to
        self._live = None if headless or not console.is_terminal else Live(console=console, screen=False)
        self._last_line = 0.0
        self._last: tuple[float, int] | None = None

    def __enter__(self) -> _Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line of text."""
        if self._live is None:
            self._console.print(text)

    def show(self, scene: str, snapshot: Snapshot, produced: int, *, changed: bool) -> None:
        """The present state; ``changed`` says that something has just happened."""
        self._pause_point()
        now = time.monotonic()
        rate = 0.0
        if self._last is not None and now > self._last[0]:
            rate = max(0, snapshot.accounted - self._last[1]) / (now - self._last[0])
        self._last = (now, snapshot.accounted)
        status = Status(scene, now - self._began, produced, rate)
        drawn = picture(status, snapshot, self._stage.receiver.received)
        if self._live:
            self._live.update(drawn)
        elif changed or now - self._last_line >= _LINE_S:
            self._last_line = now
            firing = sum(alert.state == "firing" for alert in snapshot.alerts)
            self.say(
                f"{status.elapsed_s:4.0f} s  {scene}: {rate:.0f} calls/s, {snapshot.stored:,} stored,"
                f" lag {snapshot.lag}, {firing} firing, {snapshot.sent} notifications"
            )
        if self._picture_to and scene == Scene.BROKEN and snapshot.alerts:
            _save_picture(self._picture_to, drawn)


def _play(stage: Stage, traffic: Traffic, screen: _Screen, seconds: float | None, *, staged: bool) -> Story:
    """History, then live traffic until the end of the story or of the time."""
    watch = Watch(stage.engine)
    with screen:
        for done in traffic.history(datetime.now(UTC)):
            scene = f"sending a day of history: {done:.0%}"
            screen.show(scene, watch.snapshot(datetime.now(UTC)), traffic.produced, changed=False)
        limit = seconds if seconds is not None else LONGEST_S if staged else REPLAY_S
        story = Story(datetime.now(UTC), staged=staged)
        screen.show(story.scene, watch.snapshot(datetime.now(UTC)), traffic.produced, changed=True)
        started = looked = time.monotonic()
        while time.monotonic() - started < limit:
            now = datetime.now(UTC)
            traffic.live(now)
            if time.monotonic() - looked >= _LOOK_S:
                looked = time.monotonic()
                stage.service.check()
                snapshot = watch.snapshot(now)
                changed = story.advance(now, snapshot)
                broken = story.scene is Scene.BROKEN
                traffic.faults = Faults(new_prompt=broken, bad_tools=broken)
                screen.show(story.scene, snapshot, traffic.produced, changed=changed)
                if story.scene is Scene.OVER and seconds is None:
                    break
            time.sleep(_TURN_S)
    return story


def _drain(watch: Watch, produced: int, pause_point: Callable[[], None]) -> Snapshot:
    """Wait until every record is accounted for and every notification delivered, or nothing goes on."""
    before: tuple[int, int] | None = None
    deadline = 0.0
    while True:
        pause_point()
        snapshot = watch.snapshot(datetime.now(UTC))
        if snapshot.accounted >= produced and snapshot.unsent == 0:
            return snapshot
        now, progress = time.monotonic(), (snapshot.accounted, snapshot.unsent)
        if progress != before:
            before, deadline = progress, now + _DRAIN_S
        elif now > deadline:
            return snapshot
        time.sleep(_TURN_S)


def _save_picture(path: Path, drawn: RenderableType) -> None:
    """The screen as SVG, without the web font that rich would link to."""
    recorder = Console(record=True, width=108, file=io.StringIO())
    recorder.print(drawn)
    svg = recorder.export_svg(title="llm-monitor demo")
    start, end = svg.find("@font-face"), svg.rfind("@font-face")
    if start >= 0:
        svg = svg[:start] + svg[svg.index("}", end) + 1 :]
    path.write_text(svg, encoding="utf-8")
