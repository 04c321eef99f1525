"""A Messages stream: its events come in, the body it would have been without streaming goes out."""

from __future__ import annotations

from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import integer, mapping, objects, text

#: Which field of a delta continues which field of its block.
_TEXTS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "input"),
}


def assemble(events: list[Body]) -> Body:
    """The events as one response body; an ``error`` event leaves its error in the body."""
    body: Body = {}
    usage: Body = {}
    blocks: dict[int, _Block] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            body.update(mapping(event.get("message")))
            usage.update(mapping(body.get("usage")))
        elif kind == "content_block_start":
            blocks[integer(event.get("index")) or 0] = _Block(mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            index = integer(event.get("index")) or 0
            if index not in blocks:
                blocks[index] = _Block({})
            blocks[index].add(mapping(event.get("delta")))
        elif kind == "message_delta":
            body.update(mapping(event.get("delta")))
            counted = mapping(event.get("usage"))
            usage.update({key: value for key, value in counted.items() if value is not None})
        elif kind == "error":
            body["error"] = event.get("error")
    body["usage"] = usage
    body["content"] = [blocks[index].whole() for index in sorted(blocks)]
    return body


class _Block:
    """One content block while its deltas come in. Pieces of text are joined once, at the end."""

    def __init__(self, start: Body) -> None:
        self._start = start
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] = objects(start.get("citations"))

    def add(self, delta: Body) -> None:
        """Take one delta."""
        kind = text(delta.get("type"))
        if kind in _TEXTS:
            source, target = _TEXTS[kind]
            self._pieces.setdefault(target, []).append(text(delta.get(source)))
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))

    def whole(self) -> Body:
        """The block as a response body has it; a tool's input as the JSON text that was streamed."""
        block = {**self._start, "citations": self._citations}
        for target, pieces in self._pieces.items():
            joined = "".join((text(self._start.get(target)), *pieces))
            block[target] = joined if joined or target != "input" else self._start.get("input", {})
        return block
