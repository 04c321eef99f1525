"""The language of the rule files: what a person writes in ``alerts/*.yaml``, strictly typed.

A file has groups, a group has rules; each rule is a ``threshold`` or a ``regression`` over one metric.
Words are Prometheus' where Prometheus has them (``alert``, ``for``, ``keep_firing_for``). Durations are
written like ``90s``, ``5m``, ``24h``, ``7d``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from monitor.durations import Duration, seconds


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what is read from a rule file: an unknown key is an error."""


class Baseline(_Strict, frozen=True, kw_only=True):
    """What the window is compared with: one of the two.

    ``previous: 24h`` is the time right before the window; ``offset: 7d`` is the window's own span of time,
    that much earlier (this time last week).
    """

    previous: Duration | None = None
    offset: Duration | None = None


class Margin(_Strict, frozen=True, kw_only=True):
    """How much worse counts as worse; both must be exceeded.

    ``relative`` is a share of the baseline's rate (0.75: three quarters more), ``absolute`` is in points of
    rate (0.02: two percentage points).
    """

    relative: float = 0.75
    absolute: float = 0.02


class _Common(_Strict, frozen=True, kw_only=True):
    """What every rule has."""

    alert: str
    metric: str
    by: tuple[str, ...] = ()
    """One alert for each combination of these dimensions; empty: one over everything."""
    where: dict[str, str | tuple[str, ...]] = {}
    """Only series whose dimension has this value, or one of these."""
    window: Duration = "5m"
    minimum_calls: int = 50
    """Calls the window must have before anything is said of it: too few is not OK, and not zero."""
    for_: Duration = msgspec.field(default="0s", name="for")
    keep_firing_for: Duration = "0s"
    severity: Literal["page", "ticket"] = "page"
    channels: tuple[str, ...] = ()
    """Where it is delivered; empty: to every channel that is configured."""
    summary: str = ""
    runbook_url: str

    @property
    def window_length(self) -> timedelta:
        """The length of the window."""
        return timedelta(seconds=seconds(self.window))

    @property
    def pending_for(self) -> timedelta:
        """How long the condition must hold before the alert fires."""
        return timedelta(seconds=seconds(self.for_))

    @property
    def keeps_firing_for(self) -> timedelta:
        """How long the condition must be gone before the alert resolves."""
        return timedelta(seconds=seconds(self.keep_firing_for))


class ThresholdRule(_Common, frozen=True, kw_only=True, tag="threshold", tag_field="kind"):
    """Fires while the rate over the window is above a fixed value."""

    above: float
    """Fires above this rate (0..1)."""
    clear_below: float | None = None
    """Resolves below this rate; left out: ``above``."""


class RegressionRule(_Common, frozen=True, kw_only=True, tag="regression", tag_field="kind"):
    """Fires while the rate over the window is worse than its baseline by margin and by evidence."""

    baseline: Baseline = Baseline(previous="24h")
    margin: Margin = Margin()
    significance: float = 0.0001
    """Fires only when chance alone would do this less often than this share of the time."""
    minimum_baseline_calls: int = 200


Rule = ThresholdRule | RegressionRule


class Group(_Strict, frozen=True, kw_only=True):
    """Rules that belong together, for people."""

    name: str
    rules: tuple[Rule, ...]


class RuleFile(_Strict, frozen=True, kw_only=True):
    """One file in ``alerts/``."""

    groups: tuple[Group, ...]
