"""A ConverseStream: its events come in, the body that Converse would have sent goes out.

Each event is ``{name: payload}``, or an ``error`` that ``event_stream.py`` made of an exception.
Reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html.
"""

from __future__ import annotations

from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import integer, mapping, text

#: Events that no other API has.
OWN_EVENTS = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta", "messageStop"})


def assemble(events: list[Body]) -> Body:
    """The events as one response body; an ``error`` among them leaves its error in the body."""
    body: Body = {}
    blocks: dict[int, _Block] = {}
    for event in events:
        for name, value in event.items():
            payload = mapping(value)
            if name in ("contentBlockStart", "contentBlockDelta"):
                block = blocks.setdefault(integer(payload.get("contentBlockIndex")) or 0, _Block())
                block.add(mapping(payload.get("start")) | mapping(payload.get("delta")))
            elif name in ("messageStop", "metadata"):
                body.update(payload)
            elif name == "error":
                body["error"] = value
    body["output"] = {"message": {"content": [blocks[index].whole() for index in sorted(blocks)]}}
    return body


class _Block:
    """One content block while its deltas come in. Pieces of text are joined once, at the end."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._tool: Body | None = None
        self._input: list[str] = []
        self._result: Body | None = None
        self._results: list[Any] = []
        self._citations: list[Any] = []

    def add(self, delta: Body) -> None:
        """Take the start or a delta of the block."""
        self._texts.append(text(delta.get("text")))
        if isinstance(reasoning := delta.get("reasoningContent"), dict):
            self._thoughts.append(text(reasoning.get("text")))
        if isinstance(use := delta.get("toolUse"), dict):
            self._tool = {**(self._tool or {}), **use}
            self._input.append(text(use.get("input")))
        if isinstance(result := delta.get("toolResult"), dict):
            self._result = result
        elif isinstance(result, list):
            self._results.extend(result)
        if isinstance(citation := delta.get("citation"), dict):
            self._citations.append(citation)

    def whole(self) -> Body:
        """The block as Converse has it; a tool's input as the JSON text that was streamed."""
        if self._tool is not None:
            return {"toolUse": {**self._tool, "input": "".join(self._input)}}
        if self._result is not None:
            return {"toolResult": {**self._result, "content": self._results}}
        if self._thoughts:
            return {"reasoningContent": {"reasoningText": {"text": "".join(self._thoughts)}}}
        written = "".join(self._texts)
        if self._citations:
            return {"citationsContent": {"content": [{"text": written}], "citations": self._citations}}
        return {"text": written}
