"""What is said of an episode, once, for every channel: the fields of a page, as values and as JSON.

``monitor.paging`` fills them in, the outbox keeps them as JSON, ``words`` turns them into sentences, and each
channel puts those into its own form. The fields are documented in ``docs/webhook.md``; ``VERSION`` changes
when what one of them means does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import structs

from monitor.errors import Permanent

#: Version of the fields.
VERSION = 3

Kind = Literal["trigger", "update", "repeat", "acknowledge", "resolve", "digest", "test"]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what a page is made of. Unknown keys are ignored: another release may have said more."""


class Statistic(_Part, frozen=True, kw_only=True):
    """Which statistic was judged, and what it means in one sentence."""

    name: str
    meaning: str = ""


class Side(_Part, frozen=True, kw_only=True):
    """One side of the comparison.

    ``rate`` is ``failures`` of ``calls``, with its 95 % interval (Wilson). A measured value is in ``value``,
    in the page's ``unit``; then of a percentile ``failures`` counts the calls beyond the usual one, and of a
    mean there are only ``calls``. ``start`` and ``end`` are the time that this is of, where it is one span;
    where it is not, ``of`` says in words what it is.
    """

    calls: int = 0
    failures: int | None = None
    rate: float | None = None
    interval_95: tuple[float, float] | None = None
    value: float | None = None
    start: datetime | None = None
    end: datetime | None = None
    of: str = ""


class Contributor(_Part, frozen=True, kw_only=True):
    """One value of one dimension, and what it adds to the change.

    ``rate`` is ``failures`` of ``calls``, and ``usual_rate`` what it was; of a mean these are the means in
    the page's ``unit``, and there are no ``failures``. ``share`` is its part of the calls now and
    ``usual_share`` the part it had. ``by_rate`` is what it adds to the whole by being worse, ``by_mix`` by
    having another part of the calls; ``excess`` is both times all calls: failures (or units) more than usual.
    What was usual is null where nothing is known of it; then ``excess`` is beyond the baseline's rate.
    """

    dimension: str
    value: str
    calls: int
    failures: int | None = None
    excess: float
    rate: float | None = None
    usual_rate: float | None = None
    share: float | None = None
    usual_share: float | None = None
    by_rate: float | None = None
    by_mix: float | None = None


class FailureClass(_Part, frozen=True, kw_only=True):
    """One way to fail: how often it happened in the window, and its part of all calls now and usually.

    The parts are null where only the newest failures were looked at.
    """

    outcome: str
    calls: int
    rate: float | None = None
    usual_rate: float | None = None


class Marker(_Part, frozen=True, kw_only=True):
    """A deploy, or a version that calls were first seen with."""

    at: datetime
    service: str
    version: str
    environment: str = ""
    comment: str = ""
    source: str = "command"
    dimension: str = ""
    subject: str = ""


class Concurrency(_Part, frozen=True, kw_only=True):
    """Calls in flight at once, on average: in the window, and in what ``Page.usually`` is of.

    Little's law: the sum of their durations over the time in which they began.
    """

    now: float
    usual: float | None = None


class Example(_Part, frozen=True, kw_only=True):
    """A call that shows what is wrong: ids and a redacted reason, never content."""

    call_id: str
    request_id: str = ""
    trace_id: str | None = None
    started_at: datetime
    model_served: str = ""
    prompt_version: str = ""
    outcome: str
    detail: str | None = None


class Member(_Part, frozen=True, kw_only=True):
    """One alert of the episode."""

    labels: dict[str, str]
    status: str
    since: datetime
    reason: str = ""


class Acknowledgement(_Part, frozen=True, kw_only=True):
    """Who takes care of it. ``source`` is ``page``, ``command`` or the name of a channel."""

    by: str
    at: datetime
    source: str


class Ended(_Part, frozen=True, kw_only=True):
    """What is known of an episode when it has ended: how long it was, how bad at its worst.

    ``peak`` is the highest rate, or mean in the page's ``unit``, of as few minutes as hold enough calls;
    ``calls_affected`` the calls that failed between onset and end, of a percentile those beyond the usual.
    """

    lasted_s: float
    peak: float | None = None
    calls_affected: int | None = None


class Held(_Part, frozen=True, kw_only=True):
    """One episode in a digest, as it stood at the end."""

    title: str
    status: str
    severity: str
    at: datetime
    url: str | None = None


class Undeliverable(_Part, frozen=True, kw_only=True):
    """The channel that could not take this, and what it said."""

    channel: str
    error: str


class Links(_Part, frozen=True, kw_only=True):
    """Where to go on; ``None`` where the configuration does not say where that is."""

    alert: str | None = None
    dashboard: str | None = None
    runbook: str | None = None
    silence: str | None = None


class Page(_Part, frozen=True, kw_only=True):
    """One thing to say: of an episode, and of the alert that it is mainly about."""

    version: int = VERSION
    kind: Kind
    status: Literal["firing", "resolved"]
    episode: str
    alert_id: int | None = None
    alert: str
    severity: str
    metric: str
    unit: str = ""
    """Of a measured value; empty for rates."""
    labels: dict[str, str] = {}
    routing: dict[str, str] = {}
    """The rule's own labels."""
    title: str
    summary: str = ""
    reason: str = ""
    """Why the state changed, with the numbers."""
    statistic: Statistic | None = None
    onset_at: datetime | None = None
    """The minute in which the evidence began."""
    started_at: datetime
    """When the alert was first pending or firing."""
    at: datetime
    """When what is said here came to be."""
    window: Side | None = None
    baseline: Side | None = None
    ratio: float | None = None
    mix: float | None = None
    """Points of rate that the present mix of calls makes the difference of: traffic that moved."""
    evidence: dict[str, tuple[float, float]] = {}
    """Of each lane of the detector, the evidence and its threshold."""
    false_alarms: float | None = None
    """How often a week chance alone may do this, by the rule's budget."""
    usually: str = ""
    """What the usual numbers of contributors, failure classes and concurrency are of, in words."""
    contributors: tuple[Contributor, ...] = ()
    failure_classes: tuple[FailureClass, ...] = ()
    deploys: tuple[Marker, ...] = ()
    concurrency: Concurrency | None = None
    examples: tuple[Example, ...] = ()
    alerts: tuple[Member, ...] = ()
    more: int = 0
    """How many alerts of the episode are left out of ``alerts``."""
    acknowledged: Acknowledgement | None = None
    ended: Ended | None = None
    digest: tuple[Held, ...] = ()
    episodes: int = 0
    """How many episodes a digest is of: all, not only those in ``digest``."""
    held: int = 0
    """How many notifications a digest stands for."""
    undeliverable: Undeliverable | None = None
    links: Links = Links()

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the outbox and the webhook have them."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def read_page(payload: Mapping[str, Any]) -> Page:
    """The page that the outbox kept.

    Raises:
        Permanent: it was put there by a release with other fields.
    """
    try:
        return msgspec.convert(payload, Page)
    except msgspec.ValidationError as error:
        raise Permanent(f"the notification is of another release: {error}") from None


def is_readable(payload: Mapping[str, Any]) -> bool:
    """Whether ``read_page`` can read it."""
    try:
        read_page(payload)
    except Permanent:
        return False
    return True


def stands_for_acknowledgement(page: Page) -> bool:
    """Whether this is news of an episode that somebody has acknowledged.

    Only the newest of what waits for a channel is sent, so it may never have been told who takes care.
    """
    return page.acknowledged is not None and page.kind in ("trigger", "update", "repeat")


def linked(page: Page, pages: str) -> Page:
    """The page with links to our own page of its alert; as it is without the address of our ``pages``."""
    if not pages or page.alert_id is None:
        return page
    alert = f"{pages.rstrip('/')}/alerts/{page.alert_id}"
    return structs.replace(page, links=structs.replace(page.links, alert=alert, silence=f"{alert}#silence"))
