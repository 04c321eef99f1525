"""Which minutes a rule compares: the window and the baseline, at a given time."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from monitor.durations import seconds
from monitor.rules.model import RegressionRule, Rule


class Span(msgspec.Struct, frozen=True):
    """Minutes from ``start`` to ``end``; the minute that starts at ``end`` is not in it."""

    start: datetime
    end: datetime


def window_span(rule: Rule, at: datetime) -> Span:
    """The minutes from the one that held ``at - window`` to the one that holds ``at``.

    The present minute counts as far as it has gone: rates do not mind a short minute, and whoever is on
    call hears a minute earlier.
    """
    end = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return Span((at - rule.window_length).replace(second=0, microsecond=0), end)


def baseline_span(rule: Rule, at: datetime) -> Span | None:
    """The minutes that the window is compared with; ``None`` for a rule that compares with nothing."""
    if not isinstance(rule, RegressionRule):
        return None
    span = window_span(rule, at)
    if rule.baseline.offset is not None:
        back = timedelta(seconds=seconds(rule.baseline.offset))
        return Span(span.start - back, span.end - back)
    return Span(span.start - timedelta(seconds=seconds(rule.baseline.previous or "24h")), span.start)
