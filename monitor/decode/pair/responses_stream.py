"""A Responses stream: its events come in, the body it would have been without streaming goes out.

The last event holds the whole response. Only where it is missing, in a stream that was cut, is the output
put together from what was streamed before.
"""

from __future__ import annotations

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, integer, mapping, text

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def assemble(events: list[Body]) -> Body:
    """The events as one response body; an ``error`` event leaves its error in the body."""
    for event in events:
        if text(event.get("type")) in _ENDS and at(event, "response", "output"):
            return mapping(event["response"])
    return _put_together(events)


def _put_together(events: list[Body]) -> Body:
    """The body of a stream without its end."""
    body: Body = {}
    items: dict[int, _Item] = {}
    error: Body | None = None
    for event in events:
        kind = text(event.get("type"))
        index = integer(event.get("output_index")) or 0
        if isinstance(event.get("response"), dict):
            body = event["response"]
        elif kind in ("response.output_item.added", "response.output_item.done"):
            items[index] = _Item(mapping(event.get("item")))
        elif kind.endswith(".delta"):
            if index not in items:
                items[index] = _Item({})
            items[index].add(kind, text(event.get("delta")))
        elif kind == "error":
            error = mapping(event.get("error")) or {name: event.get(name) for name in ("code", "message")}
    whole = {**body, "output": [items[index].whole() for index in sorted(items)]}
    return whole if error is None else {**whole, "error": error}


class _Item:
    """One output item while its deltas come in."""

    def __init__(self, start: Body) -> None:
        self._start = start
        self._pieces: dict[str, list[str]] = {}

    def add(self, kind: str, piece: str) -> None:
        """Take one delta of an event type."""
        self._pieces.setdefault(kind, []).append(piece)

    def whole(self) -> Body:
        """The item as far as it was streamed."""
        item = dict(self._start)
        for kind, pieces in self._pieces.items():
            joined = "".join(pieces)
            if kind == "response.output_text.delta":
                item |= {"type": "message", "content": [{"type": "output_text", "text": joined}]}
            elif kind == "response.refusal.delta":
                item |= {"type": "message", "content": [{"type": "refusal", "refusal": joined}]}
            elif kind == "response.reasoning_summary_text.delta":
                item |= {"type": "reasoning", "summary": [{"text": joined}]}
            elif kind == "response.reasoning_text.delta":
                item |= {"type": "reasoning", "content": [{"text": joined}]}
            elif kind.endswith("_arguments.delta"):
                item["arguments"] = joined
        return item
