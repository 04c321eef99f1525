"""Several accounts of one call come in, the one call that they are accounts of goes out.

The account that carries most of what was said is the base; what it lacks is filled in from the others.
Nothing is averaged and nothing is overwritten: a value that the base has stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from msgspec import structs

from monitor.records import (
    Call,
    Captured,
    Contract,
    ContractKind,
    Document,
    Expected,
    FallbackHint,
    Fragment,
    FragmentKind,
    Status,
    Usage,
)

T = TypeVar("T")

#: Fields of which any value is better than none.
_FILLED = (
    "trace_id",
    "service",
    "environment",
    "provider",
    "model_requested",
    "model_served",
    "route",
    "prompt_name",
    "prompt_version",
    "agent",
    "duration_ms",
    "ttft_ms",
    "stream",
)


def merge(fragments: Sequence[Fragment]) -> Call:
    """The call of these fragments, which are CALL and CONTENT fragments of one call; at least one.

    Its times are those of the best CALL. Its id is the provider's, else that of its outermost span.
    """
    told = [fragment for fragment in fragments if fragment.kind is FragmentKind.CALL]
    accounts = sorted(told, key=_worth, reverse=True)
    others = _joined_pieces([fragment for fragment in fragments if fragment.kind is FragmentKind.CONTENT])
    first, *rest = [call for fragment in accounts if (call := fragment.call)] + others
    merged = first
    for other in rest:
        merged = _filled(merged, other)
    if accounts:
        halves = [fragment for fragment in accounts if fragment.span_id == accounts[0].span_id]
        merged = _timed(merged, halves)
    outermost = _outermost(told or fragments)
    response_id = next((fragment.response_id for fragment in fragments if fragment.response_id), None)
    return structs.replace(
        merged,
        call_id=response_id or outermost.span_id,
        span_id=outermost.span_id,
        request_id=(outermost.call or merged).request_id,
    )


def _timed(call: Call, halves: Sequence[Fragment]) -> Call:
    """The call with the times of its span, whose start and end may have come apart."""
    started_at = min(half.started_at for half in halves)
    ended_at = max(half.ended_at for half in halves)
    first_token_at = next((half.first_token_at for half in halves if half.first_token_at), None)
    if len(halves) < 2 or started_at == ended_at:
        return call
    return structs.replace(
        call,
        started_at=started_at,
        duration_ms=_milliseconds(ended_at - started_at),
        ttft_ms=_milliseconds(first_token_at - started_at) if first_token_at else call.ttft_ms,
    )


def _milliseconds(duration: timedelta) -> float:
    return duration.total_seconds() * 1000


def is_whole(call: Call) -> bool:
    """Whether everything that was said is there, so that nothing more is waited for."""
    return call.captured.output and call.captured.input


def _worth(fragment: Fragment) -> tuple[bool, bool, bool, bool, float]:
    """How much of the call a fragment carries: the one to start from has most."""
    call = fragment.call
    if call is None:
        return (False, False, False, False, 0.0)
    captured = call.captured
    length = (fragment.ended_at - fragment.started_at).total_seconds()
    return (captured.output, captured.input, captured.tools and bool(call.tools), captured.schema, length)


def _outermost(fragments: Sequence[Fragment]) -> Fragment:
    """The span that no other of these is above of; the first to start, if that is several."""
    inside = {fragment.span_id for fragment in fragments}
    tops = [fragment for fragment in fragments if fragment.parent_span_id not in inside]
    return min(tops or fragments, key=lambda fragment: (fragment.started_at, fragment.span_id))


def _joined_pieces(contents: Sequence[Fragment]) -> list[Call]:
    """The calls of content fragments; events that each hold one message become one call, in their order."""
    whole = [fragment.call for fragment in contents if fragment.call and not fragment.piece]
    ordered = sorted(
        (fragment for fragment in contents if fragment.piece),
        key=lambda fragment: (fragment.choice, fragment.started_at, _place(fragment)),
    )
    pieces = [fragment.call for fragment in _sent_once(ordered) if fragment.call]
    if not pieces:
        return whole
    joined = pieces[0]
    for piece in pieces[1:]:
        joined = _filled(joined, piece)
    joined = structs.replace(
        joined,
        input=tuple(message for piece in pieces for message in piece.input),
        outputs=tuple(output for piece in pieces for output in piece.outputs),
    )
    return [*whole, joined]


def _sent_once(pieces: Sequence[Fragment]) -> Iterator[Fragment]:
    """The pieces without those that were sent again, in another record; one record may repeat itself."""
    first: dict[Any, tuple[int, int]] = {}
    for piece in pieces:
        if piece.call:
            said = (piece.span_id, piece.choice, piece.started_at, piece.call.input, piece.call.outputs)
            partition, offset, _ = _place(piece)
            if first.setdefault(said, (partition, offset)) == (partition, offset):
                yield piece


def _place(fragment: Fragment) -> tuple[int, int, int]:
    """Where it was read: events of one moment stand in the order they were written."""
    if fragment.call is None:
        return (0, 0, 0)
    source = fragment.call.source
    return (source.partition, source.offset, source.item)


def _filled(call: Call, other: Call) -> Call:
    """The call with what it lacks taken from another account of it."""
    ours, theirs = call.captured, other.captured
    changes: dict[str, Any] = {
        name: getattr(other, name) for name in _FILLED if getattr(call, name) in (None, "")
    }
    if not ours.input and theirs.input:
        changes["input"] = other.input
    if not ours.output and theirs.output:
        changes["outputs"] = other.outputs
    better_tools = theirs.tools and (not ours.tools or (bool(other.tools) and not call.tools))
    if better_tools:
        changes |= {
            "tools": other.tools,
            "tool_choice": other.tool_choice,
            "parallel_tool_calls": other.parallel_tool_calls,
        }
    if contract := _better_contract(call.contract, other.contract):
        changes["contract"] = contract
    if call.expected == Expected():
        changes["expected"] = other.expected
    if call.fallback == FallbackHint():
        changes["fallback"] = other.fallback
    if other.status is Status.ERROR and call.error is None and not ours.output:
        changes |= {"status": Status.ERROR, "error": other.error}
    elif call.error and other.error and call.error.http_status is None:
        changes["error"] = structs.replace(call.error, http_status=other.error.http_status)
    return structs.replace(
        call,
        **changes,
        usage=Usage(
            **{
                name: _first(getattr(call.usage, name), getattr(other.usage, name))
                for name in Usage.__struct_fields__
            }
        ),
        documents=with_documents(call.documents, other.documents),
        captured=Captured(
            input=ours.input or theirs.input,
            output=ours.output or theirs.output,
            tools=ours.tools or theirs.tools,
            schema=theirs.schema if "contract" in changes else ours.schema,
        ),
    )


def with_documents(documents: tuple[Document, ...], more: Sequence[Document]) -> tuple[Document, ...]:
    """The documents with those of ``more`` whose text is not among them yet."""
    unique = {document.content: document for document in reversed((*documents, *more))}
    return tuple(reversed(unique.values()))


def _better_contract(ours: Contract, theirs: Contract) -> Contract | None:
    """The other contract, where it says more: what was promised at all, or the schema of it."""
    if theirs.kind is ContractKind.UNKNOWN:
        return None
    if ours.kind is ContractKind.UNKNOWN:
        return theirs
    if ours.schema is None and theirs.schema is not None:
        return theirs
    return None


def _first(ours: T | None, theirs: T | None) -> T | None:
    return theirs if ours is None else ours
