"""Records and pairs as the tests of decode need them, in few words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from monitor.decode import decode
from monitor.records import Call, DeadLetter, Record, Usage

RECEIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def record(value: Any) -> Record:
    """A record that holds these bytes, or this value as JSON."""
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return Record("llm-calls", 3, 41, raw, timestamp=RECEIVED)


def call_of(value: Any) -> Call:
    """The only call of a value that holds nothing else."""
    decoded = decode(record(value))
    assert not decoded.dead_letters, decoded.dead_letters
    (call,) = decoded.calls
    return call


def dead_letter_of(value: Any) -> DeadLetter:
    """The only dead letter of a value that holds nothing else."""
    decoded = decode(record(value))
    assert not decoded.calls, decoded.calls
    (dead_letter,) = decoded.dead_letters
    return dead_letter


def tokens(usage: Usage) -> Usage:
    """The normalised counts alone, without the numbers that they were made of, and without their price."""
    return structs.replace(usage, raw=None, cost=None)


def native(**fields: Any) -> dict[str, Any]:
    """The smallest native record, and these fields."""
    return {"version": 1, "call_id": "c1", "started_at": "2026-11-22T11:59:58Z", **fields}


def pair(api: str, request: Any, response: Any, *, status: int = 200, **extras: Any) -> dict[str, Any]:
    """A pair of this API with these bodies."""
    sides = {"request": {"body": request}, "response": {"status": status, "body": response}}
    return {"api": api, **sides, **extras}


def chat(request: dict[str, Any] | None = None, response: Any = None, **extras: Any) -> dict[str, Any]:
    """A Chat Completions pair; a string is the answer's text, anything else the response body."""
    if isinstance(response, str | None):
        choice = {"index": 0, "message": {"content": response or "hi"}, "finish_reason": "stop"}
        response = {"id": "r1", "object": "chat.completion", "model": "m-1", "choices": [choice]}
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **(request or {})}
    return pair("chat.completions", asked, response, **extras)


def sse(*events: dict[str, Any] | str) -> str:
    """A stream's text: an event for each object, named by its ``type``; texts as they are."""
    lines = []
    for event in events:
        if isinstance(event, dict) and "type" in event:
            lines.append(f"event: {event['type']}")
        lines.append(f"data: {event if isinstance(event, str) else json.dumps(event)}\n")
    return "\n".join(lines) + "\n"
