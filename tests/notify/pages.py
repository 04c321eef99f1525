"""Pages for tests of channels: one of every kind, as evaluation makes them, and some too long for anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from monitor.notify.channel import Notification, Receipt
from monitor.notify.page import (
    Acknowledgement,
    Concurrency,
    Contributor,
    Ended,
    Example,
    FailureClass,
    Held,
    Links,
    Marker,
    Member,
    Page,
    Side,
    Statistic,
    Undeliverable,
)

AT = datetime(2026, 3, 10, 12, 2, tzinfo=UTC)

EPISODE = "JsonBroken/page/service=checkout/environment=production/1773144120"

#: What somebody may have written into a log to be shown to people elsewhere.
HOSTILE = (
    '<!channel> <@U1> <https://evil.example|click> [x](https://evil.example) *b* _i_ `c` ~s~ &amp; "q" </at>'
    "<script>alert(1)</script>\r\nBcc: x@evil.example\x07\u202e"
)

#: Characters that are wide in every sense: two units of UTF-16, four bytes of UTF-8.
WIDE = "\U0001f525"

TRIGGER = Page(
    kind="trigger",
    status="firing",
    episode=EPISODE,
    alert_id=17,
    alert="JsonBroken",
    severity="page",
    metric="json.failed",
    labels={"service": "checkout", "environment": "production"},
    routing={"team": "shop"},
    title="json failed up ×21 (2.0 % → 42.0 %) on checkout / production",
    summary="Answers that should be JSON break their promise more often than at this time of day.",
    reason="the condition holds: 2.00% → 42.00% over 100 calls",
    statistic=Statistic(name="rate", meaning="failed calls of all calls in the window"),
    onset_at=AT - timedelta(minutes=2),
    started_at=AT,
    at=AT,
    window=Side(
        calls=100,
        failures=42,
        rate=0.42,
        interval_95=(0.328, 0.518),
        start=AT - timedelta(minutes=5),
        end=AT,
    ),
    baseline=Side(calls=14_000, failures=280, rate=0.02, interval_95=(0.018, 0.022)),
    ratio=21.0,
    mix=0.0,
    evidence={"steep": (13.2, 10.0), "medium": (4.8, 8.0)},
    false_alarms=0.1,
    contributors=(
        Contributor(dimension="prompt_version", value="v8", calls=55, failures=41, excess=39.9, share=0.55),
    ),
    failure_classes=(FailureClass(outcome="truncated", calls=40), FailureClass(outcome="not_json", calls=2)),
    deploys=(
        Marker(at=AT - timedelta(minutes=4), service="checkout", version="v8", environment="production"),
    ),
    concurrency=Concurrency(now=3.5, usual=3.1),
    examples=(
        Example(
            call_id="c-81",
            request_id="r-17",
            trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
            started_at=AT - timedelta(seconds=9),
            model_served="gpt-x-2026-02",
            prompt_version="v8",
            outcome="truncated",
            detail="ended inside a value",
        ),
    ),
    alerts=(Member(labels={"service": "checkout", "environment": "production"}, status="firing", since=AT),),
    links=Links(
        alert="https://monitor.example.com/alerts/17",
        dashboard="https://grafana.example.com/d/llm?from=1773136800000&to=1773145920000&var-service=checkout",
        runbook="https://wiki.example.com/docs/runbook.md#jsonbroken",
        silence="https://monitor.example.com/alerts/17#silence",
    ),
)

_LATER = AT + timedelta(minutes=30)

#: One page of each kind, and what else a channel may be given.
PAGES: dict[str, Page] = {
    "trigger": TRIGGER,
    "update": structs.replace(
        TRIGGER,
        kind="update",
        alerts=tuple(
            Member(labels={"service": "checkout", "environment": name}, status="firing", since=AT)
            for name in ("production", "staging")
        ),
        more=3,
        at=_LATER,
    ),
    "repeat": structs.replace(TRIGGER, kind="repeat", at=_LATER),
    "acknowledge": structs.replace(
        TRIGGER,
        kind="acknowledge",
        acknowledged=Acknowledgement(by="ada@example.com", at=_LATER, source="page"),
        at=_LATER,
    ),
    "resolve": structs.replace(
        TRIGGER,
        kind="resolve",
        status="resolved",
        title="resolved: json failed on checkout / production, now 2.0 %",
        reason="2.00% over 400 calls, as usual",
        ended=Ended(lasted_s=1_800, peak=0.44, calls_affected=512),
        at=_LATER,
    ),
    "digest": Page(
        kind="digest",
        status="firing",
        episode="digest/slack/1773144120",
        alert="Digest",
        severity="ticket",
        metric="",
        title="2 alerts held back: 1 still firing, 1 resolved",
        summary="3 notifications held back since 2026-03-10 02:00 UTC.",
        started_at=AT - timedelta(hours=10),
        at=AT,
        digest=(
            Held(title=TRIGGER.title, status="firing", severity="ticket", at=AT, url=TRIGGER.links.alert),
            Held(title="latency p95 on search", status="resolved", severity="info", at=AT),
        ),
        episodes=2,
        held=3,
    ),
    "test": structs.replace(TRIGGER, kind="test", episode="test/oncall/1", alert_id=None, links=Links()),
    "stands_in": structs.replace(
        TRIGGER, undeliverable=Undeliverable(channel="oncall", error="the receiver answered 410")
    ),
    "bare": Page(
        kind="trigger",
        status="firing",
        episode="Quiet/ticket//1773144120",
        alert="Quiet",
        severity="ticket",
        metric="calls",
        title="",
        started_at=AT,
        at=AT,
    ),
}


def notification(page: Page = TRIGGER, receipt: Receipt | None = None, **changes: Any) -> Notification:
    """A first attempt to say a page, with some of its fields changed."""
    return Notification(id="ntf_7", page=structs.replace(page, **changes), receipt=receipt)


def swollen(page: Page, text: str) -> Page:
    """The page with the text in every place that comes from a log or a configuration."""
    return structs.replace(
        page,
        alert=page.alert + text,
        metric=page.metric + text,
        labels={**page.labels, "route": text},
        title=page.title + text,
        summary=page.summary + text,
        reason=page.reason + text,
        statistic=Statistic(name="rate", meaning=text),
        contributors=tuple(
            Contributor(dimension="route", value=f"{n}{text}", calls=9, failures=8, excess=7)
            for n in range(20)
        ),
        failure_classes=tuple(FailureClass(outcome=f"{n}{text}", calls=9) for n in range(20)),
        deploys=tuple(Marker(at=AT, service=text, version=f"{n}", comment=text) for n in range(20)),
        examples=tuple(
            Example(call_id=f"{n}{text}", started_at=AT, outcome="truncated", detail=text) for n in range(20)
        ),
        alerts=tuple(
            Member(labels={"route": f"{n}{text}"}, status="firing", since=AT, reason=text) for n in range(60)
        ),
        acknowledged=page.acknowledged and structs.replace(page.acknowledged, by=text),
        digest=tuple(structs.replace(one, title=f"{one.title}{text}") for one in page.digest * 25),
        links=structs.replace(
            page.links,
            dashboard=f"https://grafana.example.com/d/llm?var-route={'x' * len(text)}",
        ),
    )


def page(**more: Any) -> Page:
    """A page with what every page has, and this."""
    values: dict[str, Any] = {
        "kind": "trigger",
        "status": "firing",
        "episode": EPISODE,
        "alert": "JsonBroken",
        "severity": "page",
        "metric": "json.failed",
        "title": "json failed up ×21 (2.0 % → 42.0 %) on checkout",
        "started_at": AT,
        "at": AT,
    }
    return Page(**{**values, **more})
