"""AWS event streams (``application/vnd.amazon.eventstream``): bytes come in, JSON events go out.

Messages of a prelude (total length, length of the headers, CRC-32 of both), headers, a payload, and the
CRC-32 of all before it; numbers are big-endian. Reference: "Event stream encoding",
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from monitor.decode import text as json
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, text
from monitor.errors import BadInput

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")

#: Bytes of a header's value by its type; of 6 (bytes) and 7 (text), a length comes before them.
_SIZES = {b"\0": 0, b"\1": 0, b"\2": 1, b"\3": 2, b"\4": 4, b"\5": 8, b"\x08": 8, b"\x09": 16}
_TEXT = b"\7"
_WITH_LENGTH = (b"\6", _TEXT)


class _Message(NamedTuple):
    headers: dict[str, str]
    payload: bytes


def looks_like_events(raw: bytes) -> bool:
    """Whether bytes begin with the prelude of a message, as its checksum shows."""
    if len(raw) < _PRELUDE.size:
        return False
    total, headers, checksum = _PRELUDE.unpack_from(raw)
    fits = total >= _PRELUDE.size + headers + _CRC.size
    return fits and bool(crc32(raw[: _PRELUDE.size - _CRC.size]) == checksum)


def events(raw: bytes) -> list[Body]:
    """The events, each as ``{name: payload}``, as AWS's own libraries hand them out, made ``plain``.

    What follows a message that was cut or damaged can't be read, and payloads that aren't JSON objects are
    left out.
    """
    found = (_event(message) for message in _messages(raw))
    return [event for event in found if event is not None]


def _messages(raw: bytes) -> Iterator[_Message]:
    start = 0
    while looks_like_events(raw[start : start + _PRELUDE.size]):
        total, headers, _ = _PRELUDE.unpack_from(raw, start)
        end = start + total
        body_end = end - _CRC.size
        if end > len(raw) or _CRC.unpack_from(raw, body_end)[0] != crc32(raw[start:body_end]):
            return
        headers_end = start + _PRELUDE.size + headers
        yield _Message(_headers(raw[start + _PRELUDE.size : headers_end]), raw[headers_end:body_end])
        start = end


def _headers(raw: bytes) -> dict[str, str]:
    """The headers whose values are text, as far as they can be read."""
    found: dict[str, str] = {}
    start = 0
    while start < len(raw):
        name_end = start + 1 + raw[start]
        name, kind = raw[start + 1 : name_end], raw[name_end : name_end + 1]
        start = name_end + 1
        if kind in _WITH_LENGTH:
            size = int.from_bytes(raw[start : start + 2])
            start += 2
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            break
        if kind == _TEXT:
            found[name.decode(errors="replace")] = raw[start : start + size].decode(errors="replace")
        start += size
    return found


def _event(message: _Message) -> Body | None:
    headers = message.headers
    if headers.get(":message-type") == "error":
        return _failure(headers.get(":error-code", "error"), headers.get(":error-message", ""))
    name = headers.get(":event-type") or headers.get(":exception-type")
    payload = _object(message.payload)
    return plain({name: payload}) if name and payload is not None else None


def plain(event: Body) -> Body:
    """An event as its API has it: what Invoke wraps as ``chunk`` unwrapped, an exception as an ``error``."""
    if len(event) != 1:
        return event
    ((name, payload),) = event.items()
    if name == "chunk" and isinstance(at(payload, "bytes"), str):
        try:
            return _object(b64decode(payload["bytes"])) or {}
        except ValueError:
            return {}
    if name.endswith("Exception") and isinstance(payload, dict):
        return _failure(name, text(payload.get("message")))
    return event


def _failure(kind: str, message: str) -> Body:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _object(payload: bytes) -> Body | None:
    try:
        parsed = json.parse(payload)
    except BadInput:
        return None
    return parsed if isinstance(parsed, dict) else None
