"""The ``litellm`` format: what LiteLLM logs of an attempt at a model comes in, a ``Call`` goes out.

That is its StandardLoggingPayload (``payload.py``), bare as its ``generic_api`` callback posts it or under
``payload`` as a callback of one's own may send it, and a row of its SpendLogs table (``spend_logs.py``).
Each is one attempt; how the attempts of one request relate is seen from their ``request_id`` elsewhere.
Reference: https://docs.litellm.ai/docs/proxy/logging_spec.
"""

from __future__ import annotations

from typing import Any

from monitor.decode import registry
from monitor.decode.litellm import payload, spend_logs
from monitor.decode.pair.shapes import mapping
from monitor.decode.registry import Context
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Call


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object, or what it has under ``payload``, has LiteLLM's names for a call's kind and time."""
    return _logged(value) is not None


def decode(value: dict[str, Any], context: Context) -> tuple[Call, ...]:
    """The call of one log; nothing, where it is of something else than asking a model: an embedding, a file.

    Raises:
        BadInput: ``unknown_format`` for what is no log of LiteLLM's; ``invalid_record`` where it has no time.
    """
    logged = _logged(value)
    if logged is None:
        raise BadInput(DeadLetterReason.UNKNOWN_FORMAT, "no log of LiteLLM's: no call_type and startTime")
    call = spend_logs.read(logged, context) if _is_row(logged) else payload.read(logged, context)
    return () if call is None else (call,)


def _logged(value: dict[str, Any]) -> dict[str, Any] | None:
    """The log itself, if there is one."""
    places = value, mapping(value.get("payload"))
    return next((place for place in places if "call_type" in place and "startTime" in place), None)


def _is_row(logged: dict[str, Any]) -> bool:
    """Whether it is a row of SpendLogs, which has an id of its own kind and counts what was spent."""
    return "request_id" in logged and "spend" in logged


registry.register(registry.Format("litellm", recognises, decode))
