"""The ``gateway-log`` format: access logs that gateways write to Kafka come in, calls go out.

Kong's ``kafka-log`` (``kong.py``) and APISIX's ``kafka-logger`` (``apisix.py``). A line that is of no call
to a model gives nothing. Headers are not read, except the few that ``headers.py`` names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.decode import registry
from monitor.decode.gateway_log import apisix, kong
from monitor.decode.pair.envelope import ACCESS_LOG_FIELDS
from monitor.decode.registry import Context
from monitor.records import Call

#: Fields that APISIX has and Kong has not.
_APISIX = frozenset({"apisix_latency", "route_id"})


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object is of a request and has what only access logs have."""
    return isinstance(value.get("request"), dict) and not ACCESS_LOG_FIELDS.isdisjoint(value)


def decode(value: dict[str, Any], context: Context) -> Iterable[Call]:
    """The calls of a line.

    Raises:
        BadInput: ``invalid_record`` for a call that has no time, and whose record has none.
    """
    read = kong.read if _APISIX.isdisjoint(value) else apisix.read
    return read(value, context)


registry.register(registry.Format("gateway-log", recognises, decode))
