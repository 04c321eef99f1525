"""A body as a log keeps it: an object, its JSON text, a stream's text, a fragment, or not at all."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.decode import text
from monitor.decode.pair import sse
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import objects
from monitor.errors import BadInput


class Received(msgspec.Struct, frozen=True):
    """What could be read of a body. At most one of ``body`` and ``events`` is there.

    Attributes:
        body: the JSON object.
        events: the events of a stream.
        missing: nothing was kept, or the log kept only the beginning of a JSON text.
    """

    body: Body | None = None
    events: list[Body] | None = None
    missing: bool = False

    @property
    def first(self) -> Body:
        """The object, or a stream's first event, or an empty object: enough to tell an API by."""
        return self.body or (self.events[0] if self.events else {})


def read(value: Any) -> Received:
    """What can be read of a body. Neither absent nor an object nor a stream is a body that is not JSON."""
    if isinstance(value, dict):
        # Recorders keep bytes that are not text under this key; they are no provider's JSON.
        return Received(missing=True) if "__base64__" in value else Received(body=value)
    if isinstance(value, list):
        return Received(events=list(objects(value)))
    if not isinstance(value, str):
        return Received(missing=value is None)
    if not value.strip():
        return Received(missing=True)
    if sse.looks_like_events(value):
        return Received(events=sse.events(value))
    try:
        parsed = text.parse(value)
    except BadInput:
        return Received(missing=value.lstrip().startswith(("{", "[")))
    return Received() if isinstance(parsed, str) else read(parsed)
