"""Lays values out as HTML: a template's name and values in, a page out, everything in it escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from monitor.phrases import lasting, measure, moment
from monitor.web import chart
from monitor.web.answers import policy
from monitor.web.values import AlertDetail

_FOLDER = Path(__file__).parent / "templates"


class Pages:
    """Renders templates.

    Args:
        base: the path below which the pages are, as browsers see it; empty for none.
    """

    def __init__(self, base: str = "") -> None:
        style = (_FOLDER / "style.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._headers = policy(f"sha256-{digest}")
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "base": base,
            "style": Markup(style),  # noqa: S704 - our own file
            "metric_chart": metric_chart,
            "evidence_chart": evidence_chart,
            "sparkline": chart.sparkline,
            "in_words": chart.in_words,
        }
        self._templates.filters |= {
            "measure": measure,
            "lasting": lasting,
            "moment": moment,
            "clock": _clock,
            "machine": datetime.isoformat,
            "web_link": _web_link,
            "words": _words,
        }

    def page(self, template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
        """The page of a template with these values."""
        text = self._templates.get_template(template).render(values)
        return HTMLResponse(text, status_code=status, headers=self._headers)


def metric_chart(alert: AlertDetail, size: str) -> Markup:
    """The picture of an alert's metric, ``WIDE`` or ``NARROW``."""
    if alert.course is None:
        return Markup()
    said = chart.in_words(alert.course)
    return chart.metric(
        alert.course, _marks(alert), getattr(chart, size), name=f"{alert.proof.metric} over time", said=said
    )


def evidence_chart(alert: AlertDetail, size: str) -> Markup:
    """The picture of the evidence that was gathered, ``WIDE`` or ``NARROW``."""
    if alert.gathered is None:
        return Markup()
    lanes = (
        f"{one.lane} at most {max(one.scores, default=0.0):.1f} of {one.threshold:g}"
        for one in alert.gathered.lanes
    )
    return chart.evidence(
        alert.gathered,
        _marks(alert),
        getattr(chart, size),
        name="Evidence over time",
        said=", ".join(lanes),
    )


def _marks(alert: AlertDetail) -> list[chart.Mark]:
    """What happened to an alert, and around it."""
    marks = [chart.Mark(one.at, "deploy", one.version) for one in alert.proof.deploys]
    if alert.onset_at is not None:
        marks.append(chart.Mark(alert.onset_at, "onset", "began"))
    if alert.fired_at is not None:
        marks.append(chart.Mark(alert.fired_at, "fired", "fired"))
    if alert.resolved_at is not None:
        marks.append(chart.Mark(alert.resolved_at, "resolved", "resolved"))
    return marks


def _clock(at: datetime) -> str:
    """The time of day, as a person at night reads it."""
    return f"{at:%H:%M}"


def _web_link(address: str | None) -> str | None:
    """An address that a browser may be sent to; ``None`` for a script, a file and whatever else there is."""
    return address if address and urlsplit(address).scheme in ("http", "https") else None


def _words(name: str) -> str:
    """A name of ours as words: ``insufficient data``."""
    return name.replace("_", " ")
