"""Draws: a metric over time against what is usual, evidence over time, and a day in a small line. Pure.

Values come in, inline SVG goes out. Colours are classes of the style sheet, so that a picture is dark where
the page is; every text is escaped. Where there is no data there is no line: a gap is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import Literal, NamedTuple

from markupsafe import Markup, escape

from monitor.phrases import measure
from monitor.web.values import Course, Gathered, Point

_LEFT, _RIGHT, _BOTTOM, _ROW = 46, 8, 26, 15

#: Of a label so many characters are shown, about so wide each; of labels so many rows.
_LABEL, _CHARACTER, _ROWS = 16, 6.4, 4

#: Distances of the times along the bottom, in minutes.
_DISTANCES = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080)


class Mark(NamedTuple):
    """Something that happened."""

    at: datetime
    kind: Literal["onset", "deploy", "fired", "resolved"]
    label: str


class Size(NamedTuple):
    """How large a picture is, in the pixels of the page that it fills."""

    width: int
    height: int


#: For a desk, and for a phone.
WIDE, NARROW = Size(900, 300), Size(360, 250)


def metric(course: Course, marks: Sequence[Mark], size: Size, *, name: str, said: str) -> Markup:
    """The metric, its band and limit, and what happened.

    Args:
        course: what is drawn.
        marks: what happened; what lies outside the span is left out.
        size: of the picture.
        name: of the picture.
        said: the same in words, for whoever does not see it.
    """
    shown = [one.value for one in course.points if one.value is not None]
    highs = [one.high for one in course.points if one.high is not None]
    usual = [one.usual for one in course.points if one.usual is not None]
    plot = _Plot(course.start, course.end, [*shown, *highs, *usual, course.limit or 0.0], marks, size)
    step = timedelta(seconds=course.step_s)

    def middle(point: Point) -> float:
        return plot.x(point.at + step / 2)

    parts = plot.axes(lambda value: tick(value, course.unit))
    for run in _runs(course.points, step, lambda one: one.low is not None and one.high is not None):
        above = [f"{middle(one):.1f},{plot.y(one.high or 0.0):.1f}" for one in run]
        below = [f"{middle(one):.1f},{plot.y(one.low or 0.0):.1f}" for one in reversed(run)]
        parts.append(f'<polygon class="band" points="{" ".join([*above, *below])}"/>')
    for run in _runs(course.points, step, lambda one: one.usual is not None):
        parts.append(_line("usual", [(middle(one), plot.y(one.usual or 0.0)) for one in run]))
    if course.limit is not None:
        parts.append(plot.across("limit", course.limit))
    for run in _runs(course.points, step, lambda one: one.value is not None):
        parts.append(_line("value", [(middle(one), plot.y(one.value or 0.0)) for one in run]))
    return plot.svg([*parts, *plot.marked()], name, said)


def evidence(found: Gathered, marks: Sequence[Mark], size: Size, *, name: str, said: str) -> Markup:
    """The evidence of each lane as a share of what its threshold is; at 100 % there is enough."""
    minute = timedelta(minutes=1)
    lines = [[score / lane.threshold for score in lane.scores] for lane in found.lanes]
    end = found.start + max(map(len, lines), default=1) * minute
    plot = _Plot(found.start, end, [1.0, *(value for line in lines for value in line)], marks, size)
    parts = [*plot.axes(lambda value: tick(value, "")), plot.across("limit", 1.0)]
    for number, line in enumerate(lines):
        points = [(plot.x(found.start + (n + 1) * minute), plot.y(value)) for n, value in enumerate(line)]
        parts.append(_line(f"lane lane{number}", points))
    return plot.svg([*parts, *plot.marked()], name, said)


def sparkline(values: Sequence[float | None], *, said: str, top: float | None = None) -> Markup:
    """A small line of values from 0 to ``top`` (by default the largest); where one is unknown is a gap."""
    known = [one for one in values if one is not None]
    width, height = 96, 24
    most = max(known, default=0.0) if top is None else top
    step = width / max(len(values) - 1, 1)

    def at(n: int, value: float) -> tuple[float, float]:
        return n * step, height - 2 - (value / most if most > 0 else 0.0) * (height - 4)

    parts, run = [], list[tuple[float, float]]()
    for n, value in enumerate([*values, None]):
        if value is not None:
            run.append(at(n, value))
        elif run:
            parts.append(_line("value", run))
            run = []
    return Markup(  # noqa: S704 - numbers, and text that is escaped
        f'<svg class="spark" viewBox="-2 0 {width + 4} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'
    )


def tick(value: float, unit: str) -> str:
    """A value along an axis: short, and whole where it can be."""
    if unit == "":
        return f"{value * 100:g} %"
    if unit == "ms":
        return f"{value / 1000:g} s" if value >= 1_000 else f"{value:g} ms"
    return f"${value:g}" if unit == "USD" else f"{value:,g}"


def in_words(course: Course) -> str:
    """What the picture of a metric shows, for whoever does not see it."""
    known = [one for one in course.points if one.value is not None]
    if not known:
        return "Nothing was measured in this time."
    worst = max(known, key=lambda one: one.value or 0.0)
    last = known[-1]
    said = [
        f"From {course.start:%Y-%m-%d %H:%M} to {course.end:%H:%M} UTC,"
        f" in steps of {course.step_s // 60} min.",
        f"Highest {measure(worst.value or 0.0, course.unit)} at {worst.at:%H:%M};"
        f" last {measure(last.value or 0.0, course.unit)} at {last.at:%H:%M}.",
    ]
    if last.usual is not None:
        said.append(f"Usual is {measure(last.usual, course.unit)}.")
    if course.limit is not None:
        said.append(f"The limit is {measure(course.limit, course.unit)}.")
    missing = len(course.points) - len(known)
    if missing:
        said.append(f"{missing} of {len(course.points)} steps have no data.")
    return " ".join(said)


class _Plot:
    """Scales, axes and marks of one picture."""

    def __init__(
        self, start: datetime, end: datetime, values: Sequence[float], marks: Sequence[Mark], size: Size
    ) -> None:
        self._start, self._end, self._size = start, end, size
        inside = sorted((one for one in marks if start <= one.at <= end), key=lambda one: one.at)
        self._marks = self._placed(inside)
        self._top = 6 + _ROW * (1 + max((row for *_, row in self._marks), default=-1))
        self._ticks = nice(max(values, default=0.0))

    def x(self, at: datetime) -> float:
        """Where a time is."""
        share = (at - self._start) / max(self._end - self._start, timedelta(seconds=1))
        return _LEFT + min(max(share, 0.0), 1.0) * (self._size.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Where a value is."""
        bottom = self._size.height - _BOTTOM
        return bottom - min(value / self._ticks[-1], 1.0) * (bottom - self._top)

    def across(self, kind: str, value: float) -> str:
        """A line at one value."""
        return _line(kind, [(_LEFT, self.y(value)), (self._size.width - _RIGHT, self.y(value))])

    def axes(self, said: Callable[[float], str]) -> list[str]:
        """Lines at round values and round times, with their names."""
        parts = []
        for value in self._ticks:
            y = self.y(value)
            parts.append(_line("grid", [(_LEFT, y), (self._size.width - _RIGHT, y)]))
            parts.append(
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(said(value))}</text>'
            )
        for at, text in _times(self._start, self._end, self._size.width):
            parts.append(
                f'<text x="{self.x(at):.1f}" y="{self._size.height - 8}" text-anchor="middle">{text}</text>'
            )
        return parts

    def marked(self) -> list[str]:
        """What happened: a line from top to bottom, and its label beside the top of it."""
        parts = []
        for mark, left, row in self._marks:
            x, y = self.x(mark.at), 6 + _ROW * row
            parts.append(
                f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{y}"'
                f' y2="{self._size.height - _BOTTOM}"/>'
                f'<text class="label {mark.kind}" x="{left:.1f}" y="{y + 10}">{escape(_short(mark.label))}'
                "</text>"
            )
        return parts

    def svg(self, parts: Iterable[str], name: str, said: str) -> Markup:
        """The picture."""
        width, height = self._size
        return Markup(  # noqa: S704 - numbers, and texts that are escaped
            f'<svg class="chart" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{escape(name)}. {escape(said)}">{"".join(parts)}</svg>'
        )

    def _placed(self, marks: Sequence[Mark]) -> list[tuple[Mark, float, int]]:
        """Each with the left end of its label and its row, so that no label covers another."""
        taken = [0.0] * _ROWS
        placed = []
        for mark in marks:
            width = _CHARACTER * len(_short(mark.label))
            x = self.x(mark.at) + 3
            left = x if x + width <= self._size.width else x - width - 6
            row = next((n for n, end in enumerate(taken) if end < left), _ROWS - 1)
            taken[row] = left + width + 4
            placed.append((mark, left, row))
        return placed


def nice(most: float) -> list[float]:
    """Round values from 0 to at least ``most``: at most six, at least two."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 4
    power = 10.0 ** floor(log10(rough))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= rough * 0.999)
    return [round(n * step, 12) for n in range(ceil(most / step - 1e-9) + 1)]


def _times(start: datetime, end: datetime, width: int) -> list[tuple[datetime, str]]:
    """Round times within a span, as many as there is room for."""
    minutes = (end - start).total_seconds() / 60
    most = (width - _LEFT - _RIGHT) / 64
    distance = next((one for one in _DISTANCES if minutes / one <= most), _DISTANCES[-1]) * 60
    first = ceil(start.timestamp() / distance) * distance
    found = [datetime.fromtimestamp(at, UTC) for at in range(first, int(end.timestamp()) + 1, distance)]
    form = "%d %b" if distance >= 86_400 else "%H:%M"
    edge = (end - start) * (20 / width)
    return [(at, f"{at:{form}}") for at in found if start + edge <= at <= end - edge]


def _runs(points: Sequence[Point], step: timedelta, known: Callable[[Point], bool]) -> list[list[Point]]:
    """The points of which something is known, in runs without a gap."""
    runs: list[list[Point]] = []
    for point in points:
        if not known(point):
            continue
        if runs and point.at - runs[-1][-1].at <= step:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    """A line through points; a dot where there is only one."""
    if len(points) == 1:
        return f'<circle class="{kind} dot" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def _short(label: str) -> str:
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
