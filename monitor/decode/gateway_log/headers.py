"""Headers as gateways log them come in, the few that are read go out.

Those are ``traceparent``, ``x-request-id`` and ``x-correlation-id``, which only say what belongs together,
and those that the configuration's mapping names: ``named.py`` looks them up and refuses credentials.
"""

from __future__ import annotations

import re
from typing import Any

from monitor.decode.credentials import is_secret
from monitor.decode.pair.shapes import mapping, string

#: https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")

_REQUEST_IDS = ("x-request-id", "x-correlation-id")


class Headers:
    """The headers of a request or a response.

    Args:
        logged: an object of names, in any case, and values; of one that was sent repeatedly, a list.
    """

    def __init__(self, logged: Any) -> None:
        self.by_name: dict[str, str] = {}
        for name, value in mapping(logged).items():
            first = string(value[0] if isinstance(value, list) and value else value)
            if first is not None and not is_secret(first):
                self.by_name.setdefault(name.lower(), first)

    @property
    def request_id(self) -> str | None:
        """What its sender or the gateway calls the request."""
        return next(filter(None, map(self.by_name.get, _REQUEST_IDS)), None)

    @property
    def trace(self) -> tuple[str | None, str | None]:
        """The trace and the span that the request was sent from."""
        found = _TRACEPARENT.match(self.by_name.get("traceparent", ""))
        return (found[1], found[2]) if found else (None, None)
