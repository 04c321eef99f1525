"""Draws lines over sizes that grow by factors: numbers go in, an SVG that a README can show comes out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from typing import NamedTuple

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 190, 50, 50
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")


class Line(NamedTuple):
    """One line: its name, and its value at each size."""

    name: str
    values: Sequence[float]


class Chart(NamedTuple):
    """What is drawn.

    Attributes:
        title: above it.
        sizes: along the bottom, on a scale of factors.
        lines: the lines, of factors that begin at 1.
        allowed: where a dashed line marks what is still well.
    """

    title: str
    sizes: Sequence[int]
    lines: Sequence[Line]
    allowed: float


def svg(chart: Chart) -> str:
    """The picture, on a ground of its own so that it can be read on a dark page, too."""
    top = max(2.0, chart.allowed, *(value for line in chart.lines for value in line.values)) * 1.05
    low, high = log10(chart.sizes[0]), log10(chart.sizes[-1])

    def x(size: int) -> float:
        return _LEFT + (log10(size) - low) / max(high - low, 1e-9) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="25" font-size="13">{escape(chart.title)}</text>',
    ]
    right = _WIDTH - _RIGHT
    for value in range(int(top) + 1):
        parts.append(
            f'<line x1="{_LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
        )
        parts.append(f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">×{value}</text>')
    at = y(chart.allowed)
    parts.append(
        f'<line x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#888" stroke-dasharray="5 4"/>'
    )
    for size in chart.sizes:
        label = f"{size / 1e6:g} million"
        parts.append(f'<text x="{x(size):.1f}" y="{_HEIGHT - 20}" text-anchor="middle">{label}</text>')
    for number, line in enumerate(chart.lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [(x(size), y(value)) for size, value in zip(chart.sizes, line.values, strict=True)]
        path = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.extend(
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="{colour}"/>' for across, up in points
        )
        name = f"{escape(line.name)} ×{line.values[-1]:.2f}"
        parts.append(f'<text x="{right + 15}" y="{_TOP + 20 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])
