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
from monitor.records import Call


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object, or what it has under ``payload``, has LiteLLM's names for a call's kind and time."""
    return _is_logged(value) or _is_logged(mapping(value.get("payload")))


def decode(value: dict[str, Any], context: Context) -> tuple[Call, ...]:
    """The call of one log; nothing, where it is of something else than asking a model: an embedding, a file.

    Raises:
        BadInput: ``invalid_record`` where it has no time.
    """
    logged = value if _is_logged(value) else value["payload"]
    call = spend_logs.read(logged, context) if _is_row(logged) else payload.read(logged, context)
    return () if call is None else (call,)


def _is_logged(value: dict[str, Any]) -> bool:
    return "call_type" in value and "startTime" in value


def _is_row(logged: dict[str, Any]) -> bool:
    """Whether it is a row of SpendLogs, which has an id of its own kind and counts what was spent."""
    return "request_id" in logged and "spend" in logged


registry.register(registry.Format("litellm", recognises, decode))
