"""Streams of text: server-sent events or JSON lines come in, their JSON events go out.

Server-sent events follow the WHATWG HTML standard, section 9.2.6, except that the last event counts even when
the blank line that should end it is missing, as in recordings of streams that were cut.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from monitor.decode import text
from monitor.decode.pair.shapes import at
from monitor.errors import BadInput

_LINE_END = re.compile(r"\r\n|\n|\r")

#: The last event of many streams, which is no JSON.
_DONE = "data: [DONE]"

#: How the last event of a Responses stream begins, after the blank line before it, and how its name ends.
_RESPONSE = "\n\nevent: response."
_ENDS = frozenset({"completed", "incomplete", "failed"})


def looks_like_events(body: str) -> bool:
    """Whether a text is a stream of events: its first line is a field or a comment of one."""
    return body.lstrip("\ufeff \t\r\n").startswith(("data:", "event:", "id:", "retry:", ":"))


def events(body: str) -> list[dict[str, Any]]:
    """The events whose data are JSON objects, in order; of a stream whose last one holds it all, that alone.

    An event's name becomes ``type`` in data that have none. ``[DONE]``, comments and data that are not
    objects (the last event of a cut stream, mostly) are left out.
    """
    for read in (_whole_event, _nameless_events, _plain_events):
        if (found := read(body)) is not None:
            return found
    return _any_events(body)


def _whole_event(body: str) -> list[dict[str, Any]] | None:
    """The last event of a Responses stream that came to its end, which has the whole response.

    There are forty before it, which say the same in pieces.
    """
    _, is_named, last = body.rpartition(_RESPONSE)
    name, _, line = last.partition("\n")
    data, _, rest = line.partition("\n")
    if not is_named or name not in _ENDS or not data.startswith("data: {") or rest.strip("\n"):
        return None
    event = _object(data[6:])
    if event is None or event.get("type") != f"response.{name}" or not at(event, "response", "output"):
        return None
    return [event]


def _nameless_events(body: str) -> list[dict[str, Any]] | None:
    """The events of a stream that is nothing but lines of data; ``None`` for any other.

    They are one JSON array but for what stands between them.
    """
    if not body.startswith("data: {") or "\r" in body:
        return None
    data = body.removeprefix("data: ").rstrip("\n").removesuffix("\n\n" + _DONE)
    between = data.count("\n\ndata: ")
    if data.count("\n") != 2 * between:
        return None
    return _parsed(data.replace("\n\ndata: ", ","), between + 1)


def _plain_events(body: str) -> list[dict[str, Any]] | None:
    """The events of a stream as providers send them; ``None`` for one that has to be read line by line.

    An event then is a line of data, maybe with its name on the line before. All data are parsed at once: an
    event of 300 bytes takes 2 µs instead of 5, and a stream has fifty.
    """
    if "\r" in body:
        return None
    names, data = list[str](), list[str]()
    for event in body.split("\n\n"):
        head, _, line = event.rpartition("\n")
        if line.startswith("data: {") and (not head or (head.startswith("event: ") and "\n" not in head)):
            names.append(head[7:])
            data.append(line[6:])
        elif event and event != _DONE:
            return None
    parsed = _parsed(",".join(data), len(data))
    return parsed and [
        {"type": name, **event} if name and "type" not in event else event
        for name, event in zip(names, parsed, strict=True)
    ]


def _parsed(data: str, count: int) -> list[dict[str, Any]] | None:
    """So many objects that stand there with a comma between them; ``None`` if they don't."""
    try:
        parsed = msgspec.json.decode(f"[{data}]", type=list[dict[str, Any]])
    except (ValueError, RecursionError):
        return None
    return parsed if len(parsed) == count else None


def _any_events(body: str) -> list[dict[str, Any]]:
    """The events of any stream, line by line."""
    found: list[dict[str, Any]] = []
    name, data = "", list[str]()
    for line in (*_LINE_END.split(body.removeprefix("\ufeff")), ""):
        field, _, value = line.partition(":")
        if not line:
            if (event := _object("\n".join(data))) is not None:
                found.append({"type": name, **event} if name else event)
            name, data = "", []
        elif field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
    return found


def lines(body: str) -> list[dict[str, Any]]:
    """The objects of JSON lines (NDJSON), in order; none where most lines are no objects by themselves."""
    written = [line for line in _LINE_END.split(body) if line.strip()]
    parsed = [event for line in written if (event := _object(line.strip())) is not None]
    return parsed if 2 * len(parsed) > len(written) else []


def _object(data: str) -> dict[str, Any] | None:
    if not data.startswith("{"):
        return None
    try:
        parsed = text.parse(data)
    except BadInput:
        return None
    return parsed if isinstance(parsed, dict) else None
