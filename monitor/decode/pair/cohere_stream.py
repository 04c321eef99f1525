"""A stream of Cohere's Chat API: its events come in, the body it would have been without streaming goes out.

Reference: https://docs.cohere.com/v2/docs/streaming.
"""

from __future__ import annotations

from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, integer, mapping, text


def assemble(events: list[Body]) -> Body:
    """The events as one response body; an error, or a message that ended in one, leaves it in the body."""
    body: Body = {}
    plan: list[str] = []
    contents: dict[int, dict[str, list[str]]] = {}
    calls: dict[int, _Call] = {}
    citations: list[Any] = []
    logprobs: list[Any] = []
    for event in events:
        kind, index = text(event.get("type")), integer(event.get("index")) or 0
        message = mapping(at(event, "delta", "message"))
        if kind == "message-start":
            body["id"] = event.get("id")
        elif kind == "tool-plan-delta":
            plan.append(text(message.get("tool_plan")))
        elif kind in ("content-start", "content-delta"):
            logprobs.append(event.get("logprobs"))
            pieces = contents.setdefault(index, {"text": [], "thinking": []})
            for field, texts in pieces.items():
                texts.append(text(at(message, "content", field)))
        elif kind in ("tool-call-start", "tool-call-delta"):
            calls.setdefault(index, _Call()).add(mapping(message.get("tool_calls")))
        elif kind == "citation-start":
            citations.append(message.get("citations"))
        elif kind == "message-end":
            body.update(mapping(event.get("delta")))
        elif event.get("error") is not None:
            body["error"] = event["error"]
    blocks = (
        {field: "".join(texts) for field, texts in contents[index].items()} for index in sorted(contents)
    )
    body["logprobs"] = logprobs
    body["message"] = {
        "tool_plan": "".join(plan),
        "content": list(blocks),
        "tool_calls": [calls[index].whole() for index in sorted(calls)],
        "citations": citations,
    }
    return body


class _Call:
    """One tool call while its pieces come in."""

    def __init__(self) -> None:
        self._start: Body = {}
        self._arguments: list[str] = []

    def add(self, piece: Body) -> None:
        """Take a piece: id and name come first, the arguments a few characters at a time."""
        self._start = self._start or piece
        self._arguments.append(text(at(piece, "function", "arguments")))

    def whole(self) -> Body:
        """The call as a response body has it."""
        function = {**mapping(self._start.get("function")), "arguments": "".join(self._arguments)}
        return {"id": self._start.get("id"), "function": function}
