"""Fragments of calls as tests need them, in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.decode.assemble import Waits
from monitor.records import Call, Captured, Fragment, FragmentKind, Message, Output, Part, Source

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WAITS = Waits(part=timedelta(minutes=2), context=timedelta(seconds=15))
NOTHING = Captured(input=False, output=False, tools=False, schema=True)
ASKED = (Message("user", (Part(content="How tall is it?"),)),)
ANSWERED = (Output("1,234 m"),)


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def fragment(span: str, start: float = 0, end: float = 1, **fields: Any) -> Fragment:
    """A fragment of trace ``t``; ``call_…`` fields go to its call."""
    said = {name.removeprefix("call_"): fields.pop(name) for name in list(fields) if name.startswith("call_")}
    kind = fields.pop("kind", FragmentKind.CALL)
    call = None
    if kind in (FragmentKind.CALL, FragmentKind.CONTENT):
        defaults: dict[str, Any] = {
            "call_id": fields.get("response_id") or span,
            "started_at": at(start),
            "duration_ms": (end - start) * 1000,
            "request_id": f"t:{fields.get('parent_span_id', '')}",
            "trace_id": fields.get("group", "t"),
            "span_id": span,
            "captured": NOTHING,
            "source": Source("otlp-json", offset=fields.pop("offset", 0)),
        }
        call = Call(**(defaults | said))
    return Fragment(
        kind=kind,
        span_id=span,
        call=call,
        started_at=at(start),
        ended_at=at(end),
        **({"group": "t", "emitter": "one"} | fields),
    )


def whole(span: str, start: float = 0, end: float = 1, **fields: Any) -> Fragment:
    """A span that holds everything that was said."""
    said: dict[str, Any] = {
        "call_input": ASKED,
        "call_outputs": ANSWERED,
        "call_captured": Captured(tools=False),
        "settled": True,
    }
    return fragment(span, start, end, **(said | fields))


def content(span: str, start: float = 1, **fields: Any) -> Fragment:
    """An event that holds everything that was said in a span."""
    return whole(span, start, start, kind=FragmentKind.CONTENT, settled=False, **fields)
