"""A body as a log keeps it: an object, its JSON text, a stream's text or bytes, a fragment, or not at all."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Any

import msgspec

from monitor.decode import text
from monitor.decode.pair import event_stream, sse
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import objects
from monitor.errors import BadInput

#: Events of a stream that are looked at to tell an API by: the very first may be a ping.
_FIRST_EVENTS = 3

#: What compressed bytes that a log keeps as text have at once, and no page that a person reads.
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
#: Characters of a text's beginning in which that is looked for.
_BEGINNING = 256

#: How a text in Base64 begins, and no page either, whose words are shorter.
_BASE64 = re.compile(r"[A-Za-z0-9+/]{60}")


class Received(msgspec.Struct, frozen=True):
    """What could be read of a body. At most one of ``body`` and ``events`` is there.

    Attributes:
        body: the JSON object.
        events: the events of a stream.
        ended: a stream's text has the end that APIs after OpenAI's write: ``[DONE]``.
        missing: nothing was kept, or what can't be read: compressed bytes, the beginning of a JSON text.
    """

    body: Body | None = None
    events: list[Body] | None = None
    ended: bool = False
    missing: bool = False

    @property
    def samples(self) -> list[Body]:
        """The object, or a stream's first events: enough to tell an API by."""
        return [self.body] if self.body is not None else (self.events or [])[:_FIRST_EVENTS]


def read(value: Any) -> Received:
    """What can be read of a body. Neither absent nor an object nor a stream is a body that is not JSON."""
    if isinstance(value, dict):
        # Recorders keep bytes under this key, of binary streams above all; it is no provider's.
        return _bytes(value["__base64__"]) if "__base64__" in value else Received(body=value)
    if isinstance(value, list):
        return Received(events=[event_stream.plain(event) for event in objects(value)])
    if not isinstance(value, str):
        return Received(missing=value is None)
    if not value.strip():
        return Received(missing=True)
    if sse.looks_like_events(value):
        return Received(events=sse.events(value), ended=value.rstrip().endswith("[DONE]"))
    try:
        parsed = text.parse(value)
    except BadInput:
        return _other_text(value)
    return Received() if isinstance(parsed, str) else read(parsed)


def _other_text(value: str) -> Received:
    """A text that is no JSON: JSON lines, bytes in Base64, what can't be read, or else a proxy's page."""
    if lines := sse.lines(value):
        return Received(events=[event_stream.plain(line) for line in lines])
    if _BASE64.match(value.lstrip()):
        return _bytes("".join(value.split()))
    is_cut = value.lstrip().startswith(("{", "["))
    return Received(missing=is_cut or _UNREADABLE.search(value, 0, _BEGINNING) is not None)


def _bytes(encoded: Any) -> Received:
    """Bytes in Base64: an AWS event stream or text; compressed ones can't be read."""
    try:
        raw = b64decode(encoded, validate=True)
        if event_stream.looks_like_events(raw):
            return Received(events=event_stream.events(raw))
        return read(raw.decode())
    except (binascii.Error, TypeError, ValueError):
        return Received(missing=True)
