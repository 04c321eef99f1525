"""Why an attempt failed: LiteLLM's ``error_information`` comes in, a ``CallError`` goes out."""

from __future__ import annotations

from typing import Any

from monitor.decode.pair import errors
from monitor.decode.pair.shapes import at, text
from monitor.records import CallError, ErrorCategory

#: Failures that have a name of LiteLLM's own, as a class or normalised, and what providers call them.
_NAMES = {
    "ContextWindowExceededError": "context_length_exceeded",
    "CONTEXT_WINDOW_EXCEEDED": "context_length_exceeded",
    "ContentPolicyViolationError": "content_policy_violation",
    "CONTENT_POLICY_VIOLATION": "content_policy_violation",
    "RejectedRequestError": "content_policy_violation",
}

#: The HTTP statuses of exceptions, for logs that have no code. https://docs.litellm.ai/docs/exception_mapping
_STATUSES = {
    "BadRequestError": 400,
    "UnsupportedParamsError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "Timeout": 408,
    "APITimeoutError": 408,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "BudgetExceededError": 429,
    "APIConnectionError": 500,
    "APIError": 500,
    "InternalServerError": 500,
    "BadGatewayError": 502,
    "ServiceUnavailableError": 503,
}


def read(information: Any) -> CallError:
    """The error of a failed attempt.

    Args:
        information: ``error_information``. Its code is an HTTP status or the provider's name for the error;
            newer versions also have both in ``normalized_error``: ``400_CONTEXT_WINDOW_EXCEEDED``.
    """
    code, name = text(at(information, "error_code")), text(at(information, "error_class"))
    number, _, normalised = text(at(information, "normalized_error")).partition("_")
    status = _status(code) or _status(number) or _STATUSES.get(name)
    known = _NAMES.get(name) or _NAMES.get(normalised)
    given = None if code.isdigit() else code
    read = errors.read({"error": {"code": known or given or name or None, "type": name}}, status)
    return read or CallError("unknown", ErrorCategory.OTHER, status)


def _status(digits: str) -> int | None:
    return int(digits) if len(digits) == 3 and digits.isdecimal() else None
