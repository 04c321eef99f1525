"""The events of a batch come in, what they say together of each observation goes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from monitor.decode.named import tags
from monitor.decode.pair.shapes import at, mapping, string, text
from monitor.errors import BadInput, DeadLetterReason

Kind = Literal["generation", "retriever"]

_KINDS: dict[str, Kind] = {"generation": "generation", "retriever": "retriever"}


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One observation, as far as a batch tells it.

    Attributes:
        id: the observation's.
        trace_id: the trace's; the observation's own id where it has none.
        body: its fields, of which later events overwrite earlier ones, and a create comes before an update.
        opened: whether the event of its start is among them.
        model_requested: the model that its start names.
        model_served: the model that its end names.
        timestamp: when the first of the events was written.
        trace: the attributes of its trace, as far as the same batch tells them.
    """

    kind: Kind
    id: str
    trace_id: str
    body: dict[str, Any]
    opened: bool
    model_requested: str
    model_served: str
    timestamp: Any
    trace: dict[str, Any]


class _Event(msgspec.Struct, frozen=True):
    kind: Kind
    id: str
    opens: bool
    body: dict[str, Any]
    timestamp: Any


def observations(batch: list[Any]) -> Iterator[Observation | BadInput]:
    """What a batch tells of each generation and retriever, in the order they are first told of.

    An event that can't be read is a ``BadInput``; one of another kind is left out.
    """
    told: dict[str, list[_Event]] = {}
    traces: dict[str, list[dict[str, Any]]] = {}
    for number, event in enumerate(batch):
        if at(event, "type") == "trace-create":
            body = mapping(event.get("body"))
            traces.setdefault(text(body.get("id")), []).append(body)
            continue
        try:
            found = _event(event, number)
        except BadInput as bad:
            yield bad
            continue
        if found is not None:
            told.setdefault(found.id, []).append(found)
    # Once for all of a trace: it may have many generations, and much to be said of it.
    attributes = {id_: _trace(_merged(bodies)) for id_, bodies in traces.items()}
    for events in told.values():
        yield _together(events, attributes)


def _event(event: Any, number: int) -> _Event | None:
    kind = string(mapping(event).get("type"))
    if kind is None:
        raise BadInput(DeadLetterReason.INVALID_RECORD, f"batch[{number}] is not an event with a type")
    name, _, verb = kind.rpartition("-")
    body = event.get("body")
    if name == "observation":  # how the first SDKs said it
        name = text(mapping(body).get("type")).lower()
    if name not in _KINDS:
        return None
    if not isinstance(body, dict):
        raise BadInput(DeadLetterReason.INVALID_RECORD, f"batch[{number}].body is not an object")
    id_ = string(body.get("id")) or string(event.get("id"))
    if not id_:
        raise BadInput(DeadLetterReason.INVALID_RECORD, f"batch[{number}] has no id")
    return _Event(_KINDS[name], id_, verb == "create", body, event.get("timestamp"))


def _together(events: list[_Event], traces: dict[str, dict[str, Any]]) -> Observation:
    opening = [event.body for event in events if event.opens]
    closing = [event.body for event in events if not event.opens]
    body = _merged([*opening, *closing])
    first = events[0]
    trace_id = string(body.get("traceId")) or first.id
    return Observation(
        kind=first.kind,
        id=first.id,
        trace_id=trace_id,
        body=body,
        opened=bool(opening),
        model_requested=_model(opening),
        model_served=_model(closing),
        timestamp=first.timestamp,
        trace=traces.get(trace_id, {}),
    )


def _merged(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """What several bodies say together: the last that has a field has it, and metadata adds up."""
    merged: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for body in bodies:
        merged |= {key: value for key, value in body.items() if value is not None}
        metadata |= mapping(body.get("metadata"))
    return {**merged, "metadata": metadata} if metadata else merged


def _trace(body: dict[str, Any]) -> dict[str, Any]:
    """A trace's attributes under the names that an observation's have; ``name`` is the observation's own."""
    shared = {name: body.get(name) for name in ("metadata", "environment", "release")}
    return {**shared, "tag": tags(body.get("tags")), "trace": {"name": body.get("name")}}


def _model(bodies: list[dict[str, Any]]) -> str:
    """The model that the last of these events names."""
    return next(filter(None, (text(body.get("model")) for body in reversed(bodies))), "")
