"""What the pages show and ``/api`` answers, as typed values.

Whoever answers for the service (``desk.Desk``) fills them in, the templates lay them out, ``msgspec`` writes
them as JSON, and the OpenAPI document describes them. Rates are shares from 0 to 1, times are UTC, and what
is not known is ``None``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

Severity = Literal["page", "ticket", "info"]
AlertState = Literal["pending", "firing", "resolved"]

# One line of text: what is shown in a table, and what Postgres takes.
_Line = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
_Matcher = Annotated[str, msgspec.Meta(max_length=2_048)]
_Words = Annotated[
    str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]*[^\s][^\x00-\x1f\x7f]*\Z")
]


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is shown."""


# ------------------------------------------------------------------------------------------------- one alert


class Side(_Value, frozen=True, kw_only=True):
    """One side of a comparison: so many ``failures`` of ``calls``, or a measured ``value``."""

    calls: int = 0
    failures: int | None = None
    rate: float | None = None
    interval_95: tuple[float, float] | None = None
    value: float | None = None
    start: datetime | None = None
    end: datetime | None = None


class Contributor(_Value, frozen=True, kw_only=True):
    """One value of one dimension, and what it adds: see ``docs/webhook.md`` for what the numbers mean."""

    dimension: str
    value: str
    calls: int
    failures: int | None = None
    excess: float
    share: float | None = None
    usual_share: float | None = None
    by_rate: float | None = None
    by_mix: float | None = None


class FailureClass(_Value, frozen=True, kw_only=True):
    """One way to fail, and how many calls did so."""

    outcome: str
    calls: int


class Marker(_Value, frozen=True, kw_only=True):
    """A deploy, or a version that calls were first seen with (``source`` is ``calls``)."""

    at: datetime
    service: str
    version: str
    environment: str = ""
    comment: str = ""
    source: str = "command"
    dimension: str = ""
    subject: str = ""


class Concurrency(_Value, frozen=True, kw_only=True):
    """Calls in flight at once, on average: in the window, and at the same time on other days."""

    now: float
    usual: float | None = None


class Example(_Value, frozen=True, kw_only=True):
    """A call that shows it: its ids and the stored reason, never its content."""

    call_id: str
    request_id: str = ""
    trace_id: str | None = None
    started_at: datetime
    model_served: str = ""
    prompt_version: str = ""
    outcome: str
    detail: str | None = None


class Statistic(_Value, frozen=True, kw_only=True):
    """Which statistic was judged, and what it means in one sentence."""

    name: str
    meaning: str = ""


class Ended(_Value, frozen=True, kw_only=True):
    """How long an alert that is over lasted, how bad it was at its worst, and how many calls it cost."""

    lasted_s: float
    peak: float | None = None
    calls_affected: int | None = None


class Links(_Value, frozen=True, kw_only=True):
    """Where to go on; ``None`` where the configuration does not say where that is."""

    dashboard: str | None = None
    runbook: str | None = None


class Proof(_Value, frozen=True, kw_only=True):
    """What an alert rests on: the fields of a notification, as ``docs/webhook.md`` has them."""

    metric: str
    unit: str = ""
    title: str
    summary: str = ""
    statistic: Statistic | None = None
    window: Side | None = None
    baseline: Side | None = None
    ratio: float | None = None
    mix: float | None = None
    evidence: dict[str, tuple[float, float]] = {}
    false_alarms: float | None = None
    contributors: tuple[Contributor, ...] = ()
    failure_classes: tuple[FailureClass, ...] = ()
    deploys: tuple[Marker, ...] = ()
    concurrency: Concurrency | None = None
    examples: tuple[Example, ...] = ()
    ended: Ended | None = None
    links: Links = Links()


class Acknowledgement(_Value, frozen=True, kw_only=True):
    """Who takes care of it. ``source`` is ``page``, ``command`` or the name of a channel."""

    by: str
    at: datetime
    source: str


class Point(_Value, frozen=True, kw_only=True):
    """The metric over one step: ``value`` is ``None`` where there were no calls, which is not zero.

    ``usual`` is the baseline, and 95 of 100 steps with so many calls lie between ``low`` and ``high``.
    """

    at: datetime
    calls: int
    value: float | None = None
    usual: float | None = None
    low: float | None = None
    high: float | None = None


class Course(_Value, frozen=True, kw_only=True):
    """The metric over time, against what is usual. Steps are ``step_s`` seconds long; gaps have no point."""

    unit: str
    start: datetime
    end: datetime
    step_s: int
    points: tuple[Point, ...]
    limit: float | None = None
    """Of a rule with a fixed limit: what it fires beyond."""


class LaneCourse(_Value, frozen=True, kw_only=True):
    """The evidence that one lane of the detector had gathered at the end of each minute."""

    lane: str
    threshold: float
    scores: tuple[float, ...]


class Gathered(_Value, frozen=True, kw_only=True):
    """The evidence of each lane over time, recomputed from the rollups with the engine's own detector."""

    start: datetime
    """The first minute; each score belongs to one more minute."""
    lanes: tuple[LaneCourse, ...]


class Event(_Value, frozen=True, kw_only=True):
    """One transition of an alert, and why."""

    at: datetime
    from_state: str | None
    to_state: str
    reason: str


class Delivery(_Value, frozen=True, kw_only=True):
    """One notification, and what became of it. ``instead_of`` is the channel that could not take it."""

    channel: str
    kind: str
    instead_of: str = ""
    state: Literal["waiting", "delivered", "failed", "superseded"]
    at: datetime
    """When it was delivered, given up or taken over; of one that waits, when it is tried next."""
    created_at: datetime
    attempts: int
    last_error: str | None = None


class Alert(_Value, frozen=True, kw_only=True):
    """One alert, as a list shows it."""

    alert_id: int
    alert: str
    severity: str
    state: str
    standing: str
    labels: dict[str, str]
    title: str
    started_at: datetime
    fired_at: datetime | None = None
    onset_at: datetime | None = None
    resolved_at: datetime | None = None
    muted_by: str | None = None
    acknowledged: Acknowledgement | None = None


class AlertDetail(Alert, frozen=True, kw_only=True):
    """One alert, with everything that is known of it."""

    episode: str | None = None
    reason: str = ""
    proof: Proof
    course: Course | None = None
    gathered: Gathered | None = None
    events: tuple[Event, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    others: tuple[Alert, ...] = ()
    """The other alerts of its episode."""
    matchers: tuple[str, ...] = ()
    """What selects it, for a silence."""


class Filter(_Value, frozen=True, kw_only=True):
    """Which alerts are wanted; empty selects all. ``text`` is looked for in names and label values."""

    state: Literal[""] | AlertState = ""
    severity: Literal[""] | Severity = ""
    service: _Line = ""
    text: _Line = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1


class Alerts(_Value, frozen=True, kw_only=True):
    """One page of the alerts that are wanted: those that fire first, then the newest."""

    alerts: tuple[Alert, ...]
    page: int
    more: bool
    """Whether there is another page after it."""
    services: tuple[str, ...] = ()
    """The services that there are alerts of."""


# -------------------------------------------------------------------------------------------------- silences


class Silence(_Value, frozen=True, kw_only=True):
    """Who keeps which alerts from being told, from when to when, and why."""

    silence_id: int
    state: Literal["active", "pending", "expired"]
    matchers: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str


class NewSilence(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence that begins now. ``duration`` is written like ``2h``, and is at most 31 days."""

    matchers: Annotated[tuple[_Matcher, ...], msgspec.Meta(min_length=1, max_length=20)]
    duration: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,3}(m|h|d)\Z")]
    comment: _Words
    created_by: _Line = ""


class NewAcknowledgement(_Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody takes care of it."""

    by: _Line = ""


# ---------------------------------------------------------------------------------------------------- status


class Score(_Value, frozen=True, kw_only=True):
    """One rate of one service: over the last 24 hours, and hour by hour (``None``: nothing to say it of)."""

    name: str
    rate: float | None
    hours: tuple[float | None, ...]


class Service(_Value, frozen=True, kw_only=True):
    """One service over the last 24 hours."""

    service: str
    calls: int
    calls_by_hour: tuple[int, ...]
    scores: tuple[Score, ...]


class Channel(_Value, frozen=True, kw_only=True):
    """How a channel did last; ``failing_since`` is ``None`` while it takes what it is given."""

    channel: str
    sent_at: datetime | None = None
    failing_since: datetime | None = None
    error: str | None = None


class Status(_Value, frozen=True, kw_only=True):
    """How the services do, and how the monitor itself does."""

    at: datetime
    firing: tuple[Alert, ...]
    more_firing: bool
    """Whether there are more than those."""
    services: tuple[Service, ...]
    channels: tuple[Channel, ...]
    lag: int
    """Records that are written and not read yet."""
    watermark: datetime | None
    """Up to when everything that was written is stored."""
    stalled: bool
    """Whether the log is not read any further."""
    dead_letters: int
    """Of the last 24 hours."""
    waiting: int
    """Notifications that are not delivered yet."""
