"""Batches of Langfuse's SDK 2 as its tests need them, in few words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.decode import decode
from monitor.decode.assemble import Waits, arrived, assemble
from monitor.records import Call, Fragment
from tests.decode.build import RECEIVED, record

START = "2026-11-22T11:59:00.000000Z"
FIRST_TOKEN = "2026-11-22T11:59:00.250000Z"
END = "2026-11-22T11:59:02.000000Z"


def batch(*events: Any, integration: str | None = "openai") -> dict[str, Any]:
    """A batch of these events, of the SDK's integration with OpenAI's client unless another is named."""
    return {"batch": list(events), "metadata": {"sdk_integration": integration, "sdk_name": "python"}}


def event(kind: str, **body: Any) -> dict[str, Any]:
    """An event of this type, of the observation ``g1`` in the trace ``t1``."""
    whole = {"id": "g1", "traceId": "t1", **body}
    return {"id": f"event of {kind}", "type": kind, "timestamp": START, "body": whole}


def created(**body: Any) -> dict[str, Any]:
    """The event of a generation's start."""
    sent = {"startTime": START, "model": "gpt-4o", "input": [{"role": "user", "content": "hello"}]}
    return event("generation-create", **{**sent, "modelParameters": {"max_tokens": "inf"}, **body})


def updated(**body: Any) -> dict[str, Any]:
    """The event of its end."""
    answer = {"role": "assistant", "content": "hi"}
    return event(
        "generation-update", **{"endTime": END, "model": "gpt-4o-2024-08-06", "output": answer, **body}
    )


def fragments_of(*batches: Any) -> list[Fragment]:
    """The fragments of messages that hold nothing else."""
    read = [decode(record(value)) for value in batches]
    assert not any(decoded.dead_letters or decoded.calls for decoded in read)
    return [fragment for decoded in read for fragment in decoded.fragments]


def calls_of(fragments: Iterable[Fragment]) -> tuple[Call, ...]:
    """The calls that fragments are, when nothing more comes."""
    return assemble(arrived(fragments, RECEIVED), RECEIVED, Waits(part=RECEIVED - RECEIVED)).calls


def call_of(*events: dict[str, Any], integration: str | None = "openai") -> Call:
    """The only call of a batch of these events."""
    (call,) = calls_of(fragments_of(batch(*events, integration=integration)))
    return call
