"""A row of LiteLLM's SpendLogs table comes in, a ``Call`` goes out.

A row is the last attempt of a request. It holds less than a payload: prompts and answers only where
``store_prompts_in_spend_logs`` is on, long texts with their middle cut out, and objects as JSON text. It says
more of fallbacks: how many there were and what was asked for at first.
Reference: ``litellm/proxy/spend_tracking/spend_tracking_utils.py`` in https://github.com/BerriAI/litellm.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from monitor.decode import text as json_text
from monitor.decode.litellm import payload
from monitor.decode.pair.shapes import at, integer, mapping, string, text
from monitor.decode.registry import Context
from monitor.errors import BadInput
from monitor.records import Call, FallbackHint

#: What a row calls the cause of a fallback, which it doesn't keep.
UNKNOWN_CAUSE = "unknown"


def read(row: dict[str, Any], context: Context) -> Call | None:
    """The call of a row; ``None`` where the row is of no call.

    Raises:
        BadInput: ``invalid_record`` where neither it nor its record has a time.
    """
    metadata = mapping(_parsed(row.get("metadata")))
    call = payload.read(_as_payload(row, metadata), context)
    return None if call is None else structs.replace(call, fallback=_fallback(row, metadata))


def _as_payload(row: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The row under the names of a payload. What was not stored is ``{}``, and is left out."""
    request = mapping(_parsed(row.get("proxy_server_request")))
    messages = next((request[name] for name in ("messages", "input", "prompt") if name in request), None)
    stored = {"messages": messages, "model_parameters": request} if request else {}
    return {
        **row,
        "messages": _parsed(row.get("messages")) or None,
        "id": row.get("request_id"),
        "trace_id": row.get("session_id"),
        "status": row.get("status") or metadata.get("status"),
        "metadata": metadata,
        "error_information": metadata.get("error_information"),
        "response": _parsed(row.get("response")),
        "request_tags": _parsed(row.get("request_tags")),
        **stored,
    }


def _parsed(value: Any) -> Any:
    """A value that may have been stored as JSON text; ``None`` for text that is none."""
    if not isinstance(value, str):
        return value
    try:
        return json_text.parse(value)
    except BadInput:
        return None


def _fallback(row: dict[str, Any], metadata: dict[str, Any]) -> FallbackHint:
    fallbacks = integer(metadata.get("attempted_fallbacks"))
    retries = integer(metadata.get("attempted_retries"))
    group = text(row.get("model_group"))
    if fallbacks:
        return FallbackHint(
            declared="fallback",
            from_model=string(metadata.get("original_model_group")),
            to_model=group or string(row.get("model")),
            cause=UNKNOWN_CAUSE,
            evidence="metadata.attempted_fallbacks",
        )
    if retries:
        return FallbackHint(
            "retry", group or None, group or None, UNKNOWN_CAUSE, "metadata.attempted_retries", retries
        )
    is_first = fallbacks == 0 and (retries == 0 or at(metadata, "max_retries") == 0)
    return FallbackHint("none", evidence="metadata.attempted_fallbacks") if is_first else FallbackHint()
