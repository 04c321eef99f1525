"""A Chat Completions stream: its chunks come in, the body it would have been without streaming goes out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, integer, json_text, mapping, objects, string, text


def assemble(events: list[Body]) -> Body:
    """The chunks as one response body; an ``error``, of a chunk or of a choice, is left in the body."""
    body = _latest(events)
    choices: dict[int, _Choice] = {}
    for chunk in events:
        if chunk.get("error") is not None:
            body["error"] = chunk["error"]
        for part in objects(chunk.get("choices")):
            index = integer(part.get("index")) or 0
            if index not in choices:
                choices[index] = _Choice()
            choices[index].add(part)
            if error := part.get("error"):
                body["error"] = error
    body["choices"] = [choices[index].whole() for index in sorted(choices)]
    return body


def _latest(events: list[Body]) -> Body:
    """Of every field of a chunk the latest value that is not null.

    From the end, since all chunks say the same but in their choices: to see that nothing is new is quick.
    """
    body: Body = {}
    for chunk in reversed(events):
        if not chunk.keys() <= body.keys():
            body = {key: value for key, value in chunk.items() if value is not None} | body
    return body


class _Choice:
    """One choice while its chunks come in. Pieces of text are kept in lists and joined once, at the end."""

    def __init__(self) -> None:
        self._finish_reason: str | None = None
        self._pieces = defaultdict[str, list[Any]](list)
        self._calls: list[_Call] = []
        self._open: dict[int | None, _Call] = {}
        self._function = _Call(None)
        self._logprobs: list[Body] = []

    def add(self, part: Body) -> None:
        """Take one chunk's part. Its delta may hold texts, lists of blocks, and pieces of tool calls."""
        self._finish_reason = string(part.get("finish_reason")) or self._finish_reason
        if part.get("logprobs"):
            self._logprobs.extend(objects(at(part, "logprobs", "content")))
        for key, value in mapping(part.get("delta")).items():
            if key == "tool_calls":
                for delta in objects(value):
                    self._call_of(delta).add(mapping(delta.get("function") or delta.get("custom")))
            elif key == "function_call":
                self._function.add(mapping(value))
            elif isinstance(value, str):
                self._pieces[key].append(value)
            elif isinstance(value, list):
                self._pieces[key].extend(value)

    def whole(self) -> Body:
        """The choice as a response body has it."""
        message: Body = {key: _joined(pieces) for key, pieces in self._pieces.items()}
        message["tool_calls"] = [{"id": call.id, "function": call.whole()} for call in self._calls]
        if self._function.name:
            message["function_call"] = self._function.whole()
        return {
            "message": message,
            "finish_reason": self._finish_reason,
            "logprobs": {"content": self._logprobs},
        }

    def _call_of(self, delta: Body) -> _Call:
        """The call that a piece belongs to: the one of its index.

        Some servers number every call 0 or not at all, so an id that differs begins a new call.
        """
        index, id_ = integer(delta.get("index")), string(delta.get("id")) or None
        call = self._open.get(index)
        if call is None or (id_ and call.id and id_ != call.id):
            call = self._open[index] = _Call(id_)
            self._calls.append(call)
        call.id = call.id or id_
        return call


class _Call:
    """One tool call while its pieces come in."""

    def __init__(self, id_: str | None) -> None:
        self.id = id_
        self.name = ""
        self._arguments: list[str] = []

    def add(self, function: Body) -> None:
        """Take a piece: the name comes once, the arguments a few characters at a time."""
        self.name = self.name or text(function.get("name"))
        self._arguments.append(json_text(function.get("arguments") or function.get("input") or ""))

    def whole(self) -> Body:
        """Name and arguments as a response body has them."""
        return {"name": self.name, "arguments": "".join(self._arguments)}


def _joined(pieces: list[Any]) -> str | list[Any]:
    """Texts as one text; where blocks are among them (Mistral's thinking), every piece as a block."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    return [{"type": "text", "text": piece} if isinstance(piece, str) else piece for piece in pieces]
