"""Why a span failed: its status, attributes and exceptions come in, an error without its message goes out."""

from __future__ import annotations

import re

from msgspec import structs

from monitor.decode.otlp.attributes import first
from monitor.decode.otlp.span import STATUS_ERROR, Span
from monitor.decode.pair import errors
from monitor.decode.pair.shapes import integer, text
from monitor.records import CallError

#: The HTTP statuses that exceptions of the provider SDKs stand for.
#: https://github.com/openai/openai-python#handling-errors; Anthropic's has the same names.
_STATUSES = {
    "BadRequestError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "ConflictError": 409,
    "RequestTooLargeError": 413,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "ThrottlingException": 429,
    "InternalServerError": 500,
    "ServiceUnavailableError": 503,
    "OverloadedError": 529,
}

#: Exceptions without a status, as the errors of a provider that mean the same.
_NAMES = {
    "APITimeoutError": "timeout_error",
    "DeadlineExceededError": "timeout_error",
    "Timeout": "timeout_error",
    "TimeoutError": "timeout_error",
    "ReadTimeout": "timeout_error",
    "ContextWindowExceededError": "context_length_exceeded",
    "ContentPolicyViolationError": "content_policy_violation",
    "ContentFilterFinishReasonError": "content_filter",
}

#: How much of a message is looked at: what matters stands at its beginning.
_LOOKED_AT = 2000

_STATUS = re.compile(r"\b(?:error code|status[ _]code|status):? (\d{3})\b", re.IGNORECASE)
_CODE = re.compile(r"""["']code["']: ["']([a-z_]+)["']""")
_TYPE = re.compile(r"""["']type["']: ["'](?!error["'])([a-z_]+)["']""")


def read(span: Span) -> CallError | None:
    """The error of a span, or ``None`` if it did not fail.

    The message is read for the status and for the provider's name of the error, and not kept.
    """
    attributes = span.attributes
    status = integer(first(attributes, "http.response.status_code", "http.status_code"))
    stated = text(attributes.get("error.type"))
    if span.status_code != STATUS_ERROR and not stated and not (status and status >= 400):
        return None
    exception = next((event.attributes for event in span.events if event.name == "exception"), {})
    named = stated or text(exception.get("exception.type"))
    message = (text(exception.get("exception.message")) or span.status_message)[:_LOOKED_AT]
    plain = named.rpartition(".")[2]
    body = {
        "code": _NAMES.get(plain) or _said(_CODE, message),
        "type": _said(_TYPE, message) or plain,
        "message": message,
    }
    found = errors.read({"error": body}, status or _http_status(plain, message))
    return structs.replace(found, type=named or found.type) if found else None


def _http_status(name: str, message: str) -> int | None:
    """The status of a failure: it is its name, or in its message, or what its name stands for."""
    if name.isascii() and name.isdecimal() and len(name) == len("404"):
        return int(name)
    said = _said(_STATUS, message)
    return int(said) if said else _STATUSES.get(name)


def _said(pattern: re.Pattern[str], message: str) -> str | None:
    """What a pattern's group finds in a message: SDKs repeat the provider's error object in theirs."""
    found = pattern.search(message)
    return found[1] if found else None
