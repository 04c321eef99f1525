"""A generateContent stream: partial responses come in, the body without streaming goes out.

Function calls may come whole, or as Vertex streams their arguments: values at JSON paths, texts among them a
piece at a time (https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling).
"""

from __future__ import annotations

import re
from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import field, integer, mapping, objects, text

#: One step of a path: ``.name``, ``['name']`` or ``[3]``.
_STEP = re.compile(r"\.([^.\[\]]+)|\['([^']*)'\]|\[(\d+)\]")

#: Deepest place at which a streamed argument is put.
_MAX_DEPTH = 20

_VALUES = ("stringValue", "numberValue", "boolValue")


def assemble(events: list[Body]) -> Body:
    """The partial responses as one body; an ``error`` among them leaves its error in the body."""
    body: Body = {}
    usage: Body = {}
    candidates: dict[int, _Candidate] = {}
    for event in events:
        body.update({key: value for key, value in event.items() if value is not None})
        usage.update(mapping(field(event, "usageMetadata")))
        for part in objects(event.get("candidates")):
            candidates.setdefault(integer(part.get("index")) or 0, _Candidate()).add(part)
    body["usageMetadata"] = usage
    body["candidates"] = [candidates[index].whole() for index in sorted(candidates)]
    return body


def chosen_tokens(candidate: Body) -> list[Body]:
    """The tokens that were chosen, each with its ``logProbability``."""
    return objects(field(field(candidate, "logprobsResult"), "chosenCandidates"))


class _Candidate:
    """One candidate while its pieces come in."""

    def __init__(self) -> None:
        self._latest: Body = {}
        self._parts: list[Body] = []
        self._grounding: Body = {}
        self._call: _Call | None = None
        self._tokens: list[Body] = []

    def add(self, piece: Body) -> None:
        """Take one response's piece: parts and grounding add up, of anything else the latest counts."""
        self._latest.update({key: value for key, value in piece.items() if value is not None})
        self._tokens.extend(chosen_tokens(piece))
        for part in objects(field(piece.get("content"), "parts")):
            self._add_part(part)
        for key, value in mapping(field(piece, "groundingMetadata")).items():
            earlier = self._grounding.get(key)
            if isinstance(earlier, list) and isinstance(value, list):
                earlier.extend(value)
            else:
                self._grounding[key] = list(value) if isinstance(value, list) else value

    def whole(self) -> Body:
        """The candidate as a response body has it."""
        return {
            **self._latest,
            "content": {"parts": self._parts},
            "groundingMetadata": self._grounding,
            "logprobsResult": {"chosenCandidates": self._tokens},
        }

    def _add_part(self, part: Body) -> None:
        piece = field(part, "functionCall")
        if not isinstance(piece, dict):
            self._parts.append(part)
            return
        goes_on = field(piece, "willContinue") is True
        if self._call is None:
            if not goes_on and not field(piece, "partialArgs"):
                self._parts.append(part)
                return
            self._call = _Call(piece)
            self._parts.append({"functionCall": self._call.whole})
        self._call.add(piece)
        if not goes_on:
            self._call = None


class _Call:
    """One function call whose arguments are streamed. Pieces of a text are joined when it is complete."""

    def __init__(self, start: Body) -> None:
        self.whole: Body = {"name": text(start.get("name")), "id": start.get("id"), "args": {}}
        self._path = ""
        self._pieces: list[str] = []

    def add(self, piece: Body) -> None:
        """Take the arguments of one piece, each a value at a path."""
        for argument in objects(field(piece, "partialArgs")):
            path = text(field(argument, "jsonPath"))
            value = next(
                (field(argument, name) for name in _VALUES if field(argument, name) is not None), None
            )
            if not isinstance(value, str):
                _put(self.whole["args"], path, value)
                continue
            if path != self._path:
                self._path, self._pieces = path, []
            self._pieces.append(value)
            if field(argument, "willContinue") is not True:
                self._finish_text()
        if field(piece, "willContinue") is not True:
            self._finish_text()

    def _finish_text(self) -> None:
        if self._path:
            _put(self.whole["args"], self._path, "".join(self._pieces))
        self._path, self._pieces = "", []


def _put(arguments: Any, path: str, value: Any) -> None:
    """Put a value where a path like ``$.recipe.steps[0]`` leads, making what is missing on the way.

    Lists grow an element at a time, as they are streamed; a path that leads beyond is left out.
    """
    steps = [int(index) if index else name or quoted for name, quoted, index in _STEP.findall(path[:1000])]
    if not 0 < len(steps) <= _MAX_DEPTH:
        return
    holder = arguments
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(step, int) != isinstance(holder, list) or (
            isinstance(step, int) and step > len(holder)
        ):
            return
        if step == len(holder) and isinstance(holder, list):
            holder.append(None)
        if following is None:
            holder[step] = value
            return
        inner = holder[step] if isinstance(holder, list) else holder.get(step)
        if not isinstance(inner, dict | list):
            inner = holder[step] = [] if isinstance(following, int) else {}
        holder = inner
