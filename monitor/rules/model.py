"""The language of the rule files: what a person writes in ``alerts/*.yaml``, strictly typed.

A file has groups, a group has rules; each rule is one of five kinds over one metric. Words are Prometheus'
where Prometheus has them (``alert``, ``for``, ``keep_firing_for``). Durations are written like ``90s``,
``5m``, ``24h``, ``7d``. A rule with both lanes, ``page`` and ``ticket``, becomes two rules, one a severity
(``lanes``): everything after the loader sees rules of one severity.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import msgspec
from msgspec import structs

from monitor.durations import Duration, seconds
from monitor.rules.gates import PAGE_GATES, TICKET_GATES, Gates
from monitor.rules.inhibit import Inhibition

Severity = Literal["page", "ticket", "info"]

#: What is said of the metric: ``rules.named`` has what each is.
Statistic = Literal[
    "rate", "bucket_p95", "rate_at_load", "call_p95", "group_p95", "p50", "p90", "p95", "p99", "mean"
]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what is read from a rule file: an unknown key is an error."""


class Baseline(_Strict, frozen=True, kw_only=True):
    """What the present is compared with: one of these, or the words ``seasonal`` and ``weekly``.

    ``previous: 24h`` is the time right before the window; ``offset: 7d`` is the window's own span of time,
    that much earlier; ``rolling_median: 7d`` is the median of that many days at the same time of day;
    ``fixed: 0.02`` is a value; ``version: prompt_version`` is what the other versions do at the same time.
    """

    previous: Duration | None = None
    offset: Duration | None = None
    rolling_median: Duration | None = None
    fixed: float | None = None
    version: Literal["prompt_version", "model_served", "model_requested"] | None = None


class Margin(_Strict, frozen=True, kw_only=True):
    """How much worse counts as worse; both must be exceeded.

    ``relative`` is a share of the baseline's value (0.25: a quarter more), ``absolute`` is in the metric's
    own unit: for rates in points (0.005: half a percentage point). What is left out is as the severity has
    it: 0.25 and 0.005 for a page, 0.1 and 0.002 for a ticket (alerting reference §2).
    """

    relative: float | None = None
    absolute: float | None = None


class Lane(_Strict, frozen=True, kw_only=True):
    """What one severity of a rule has of its own; what is left out is as the rule has it."""

    margin: Margin | None = None
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    for_: Duration | None = msgspec.field(default=None, name="for")
    keep_firing_for: Duration | None = None
    channels: tuple[str, ...] | None = None


class Common(_Strict, frozen=True, kw_only=True):
    """What every rule has."""

    alert: str
    by: tuple[str, ...] = ()
    """One alert for each combination of these dimensions; empty: one over everything."""
    where: dict[str, str | tuple[str, ...]] = {}
    """Only series whose dimension has this value, or one of these."""
    minimum_calls: int = 50
    """Calls the window must have before anything is said of it: too few is not OK, and not zero."""
    for_: Duration = msgspec.field(default="0s", name="for")
    keep_firing_for: Duration = "10m"
    reopen_for: Duration = "30m"
    """Fires again within this time of its end: the same episode, no new page."""
    end_missing_after: Duration | None = None
    """Ends an alert whose labels had no calls for so long while others of the rule had some, as after a
    version was rolled back; it is said to have ended, not to have recovered. Left out: never."""
    severity: Severity = "page"
    page: Lane | None = None
    ticket: Lane | None = None
    labels: dict[str, str] = {}
    """Said with every alert of this rule, to route by: ``team: search``."""
    channels: tuple[str, ...] = ()
    """Where it is delivered; empty: to every channel that is configured."""
    summary: str = ""
    runbook_url: str

    @property
    def key(self) -> str:
        """The identity of a rule of one severity."""
        return f"{self.alert}/{self.severity}"

    @property
    def pending_for(self) -> timedelta:
        """How long the condition must hold before the alert fires."""
        return timedelta(seconds=seconds(self.for_))

    @property
    def keeps_firing_for(self) -> timedelta:
        """How long the condition must be gone before the alert resolves."""
        return timedelta(seconds=seconds(self.keep_firing_for))

    @property
    def ends_missing_after(self) -> timedelta | None:
        """After how long without calls of its labels an alert ends; ``None``: never."""
        if self.end_missing_after is None:
            return None
        return timedelta(seconds=seconds(self.end_missing_after))

    @property
    def reopens_for(self) -> timedelta:
        """How long after its end the same episode goes on if it fires again."""
        return timedelta(seconds=seconds(self.reopen_for))


class _Measured(Common, frozen=True, kw_only=True):
    """What every rule about a metric has."""

    metric: str
    statistic: Statistic | None = None
    """Left out: ``rate`` of a rate, ``p95`` of durations, ``mean`` of other values."""
    over: str = ""
    """For ``group_p95``: the dimension whose values are the groups."""
    of: dict[str, str | tuple[str, ...]] = {}
    """For the metric ``share``: which of the calls are counted."""


class _Windowed(_Measured, frozen=True, kw_only=True):
    """What a rule has that looks at one window of its own choice."""

    window: Duration = "5m"

    @property
    def window_length(self) -> timedelta:
        """The length of the window."""
        return timedelta(seconds=seconds(self.window))


class ThresholdRule(_Windowed, frozen=True, kw_only=True, tag="threshold", tag_field="kind"):
    """Fires while the value over the window is above, or below, a fixed one."""

    above: float | None = None
    below: float | None = None
    clear: float | None = None
    """Resolves at this value or better; left out: at the one it fires at."""


class RegressionRule(_Windowed, frozen=True, kw_only=True, tag="regression", tag_field="kind"):
    """Fires while the value is worse than its baseline by margin and by evidence."""

    baseline: Literal["seasonal", "weekly"] | Baseline = "seasonal"
    worse: Literal["higher", "lower"] = "higher"
    margin: Margin = Margin()
    evidence: Literal["cusum", "fisher", "days"] = "cusum"
    """``cusum`` gathers it minute by minute; ``fisher`` tests the window alone; ``days`` compares 24 hours
    with the 14 days before."""
    false_alarms: float = 0.1
    """By chance alone, at most about so many a week of each label set (``cusum``)."""
    significance: float = 0.0001
    """Chance alone would do this less often than this share of the time (``fisher``)."""
    minimum_baseline_calls: int = 200
    window: Duration = "1h"

    @property
    def relative(self) -> float:
        """By what share of the baseline it must be worse."""
        given = self.margin.relative
        return given if given is not None else self._usual_gates.relative

    @property
    def absolute(self) -> float:
        """By how much, in the metric's unit, it must be worse."""
        given = self.margin.absolute
        return given if given is not None else self._usual_gates.absolute

    @property
    def tells_mix_apart(self) -> bool:
        """Whether traffic that moved is told apart from rates that changed.

        A fixed rate has no series behind it, other versions have others than one's own, and the p95 of
        buckets or groups does not follow from the rates of the series in them.
        """
        given = self.baseline if isinstance(self.baseline, Baseline) else Baseline()
        of_parts = self.statistic in ("bucket_p95", "group_p95")
        return given.fixed is None and given.version is None and not of_parts

    @property
    def _usual_gates(self) -> Gates:
        return PAGE_GATES if self.severity == "page" else TICKET_GATES


class BurnRateRule(_Measured, frozen=True, kw_only=True, tag="burn_rate", tag_field="kind"):
    """Fires while the error budget of an objective is spent too fast, over a long and a short window.

    The windows and factors are those of the Google SRE workbook, chapter 5, for 30 days: a page at 14.4
    times over 1 h and 5 m or 6 times over 6 h and 30 m, a ticket at 3 times over 1 d and 2 h or once over
    3 d and 6 h.
    """

    objective: float
    """The share of calls that are to be good: 0.99."""

    @property
    def window(self) -> Duration:
        """The shorter of the long windows; its windows are given, so no rule can choose one."""
        return "1h" if self.severity == "page" else "1d"

    @property
    def window_length(self) -> timedelta:
        """The length of that."""
        return timedelta(seconds=seconds(self.window))


class AbsenceRule(Common, frozen=True, kw_only=True, tag="absence", tag_field="kind"):
    """Fires where something that used to come does not come any more.

    ``calls``: none in the window where the baseline expects ``minimum_calls``. ``content``: calls come, none
    with its input and output, where they used to have them. ``watermark``: the log is not read any further.
    ``delivery``: a channel has not taken anything for the window, or refused something in it; an alert each.
    """

    absent: Literal["calls", "content", "watermark", "delivery"]
    window: Duration = "10m"

    @property
    def window_length(self) -> timedelta:
        """The length of the window."""
        return timedelta(seconds=seconds(self.window))


class BlipRule(_Windowed, frozen=True, kw_only=True, tag="blip", tag_field="kind"):
    """Fires on what is short and steep: ``minutes`` of the last ``of_minutes`` at ``times`` the baseline.

    For a chat channel: what is gone again in minutes is for nobody to be woken by.
    """

    times: float = 3.0
    minutes: int = 2
    of_minutes: int = 3
    minimum_calls: int = 20
    severity: Severity = "info"


Rule = ThresholdRule | RegressionRule | BurnRateRule | AbsenceRule | BlipRule
Measured = ThresholdRule | RegressionRule | BurnRateRule | BlipRule


class Group(_Strict, frozen=True, kw_only=True):
    """Rules that belong together, for people."""

    name: str
    rules: tuple[Rule, ...]


class RuleFile(_Strict, frozen=True, kw_only=True):
    """One file in ``alerts/``."""

    groups: tuple[Group, ...] = ()
    inhibit: tuple[Inhibition, ...] = ()


def watches_itself(rule: Rule) -> bool:
    """Whether a rule is about the monitor itself, and not about calls: then it is judged by the clock."""
    return isinstance(rule, AbsenceRule) and rule.absent in ("watermark", "delivery")


def by_of(rule: Rule) -> tuple[str, ...]:
    """The labels whose values tell the label sets of a rule apart."""
    if isinstance(rule, AbsenceRule) and rule.absent == "delivery":
        return ("channel",)
    baseline = getattr(rule, "baseline", None)
    version = baseline.version if isinstance(baseline, Baseline) else None
    return (*rule.by, version) if version else rule.by


def kind(rule: Rule) -> str:
    """The kind of a rule as rule files say it."""
    return str(type(rule).__struct_config__.tag)


def lanes(rule: Rule) -> tuple[Rule, ...]:
    """A rule of one severity for each lane that it has; itself where it has none."""
    given: dict[Severity, Lane | None] = {"page": rule.page, "ticket": rule.ticket}
    return tuple(
        structs.replace(rule, severity=severity, page=None, ticket=None, **_own(lane))
        for severity, lane in given.items()
        if lane is not None
    ) or (rule,)


def _own(lane: Lane) -> dict[str, Any]:
    return {name: value for name in lane.__struct_fields__ if (value := getattr(lane, name)) is not None}
