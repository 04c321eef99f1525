"""What went wrong, from an HTTP status and an error body, in the closed list of ``ErrorCategory``.

The provider's message is read to tell a full context window from other bad requests, and never kept: it
may quote the prompt.
"""

from __future__ import annotations

import re
from typing import Any

from monitor.decode.pair.shapes import at, integer, mapping, objects, text
from monitor.records import CallError, ErrorCategory

#: A 200 whose body is not what its API promises: a proxy's page, an empty object.
UNPARSABLE_RESPONSE = "unparsable_response"
#: No response at all: ``"response": null``.
NO_RESPONSE = "no_response"
#: An error inside a 200 that has a message and no name, such as Ollama's and Cohere's.
UNNAMED = "error"

_BY_NAME = {
    "tool_use_failed": ErrorCategory.TOOL_USE_FAILED,
    "context_length_exceeded": ErrorCategory.CONTEXT_LENGTH,
    "content_filter": ErrorCategory.CONTENT_FILTER,
    "content_policy_violation": ErrorCategory.CONTENT_FILTER,
    "rate_limit_error": ErrorCategory.RATE_LIMIT,
    "rate_limit_exceeded": ErrorCategory.RATE_LIMIT,
    "insufficient_quota": ErrorCategory.RATE_LIMIT,
    "overloaded_error": ErrorCategory.SERVER_ERROR,
    "api_error": ErrorCategory.SERVER_ERROR,
    "server_error": ErrorCategory.SERVER_ERROR,
    "internal_server_error": ErrorCategory.SERVER_ERROR,
    "timeout_error": ErrorCategory.TIMEOUT,
    "authentication_error": ErrorCategory.AUTHENTICATION,
    "permission_error": ErrorCategory.AUTHENTICATION,
    "invalid_api_key": ErrorCategory.AUTHENTICATION,
    "not_found_error": ErrorCategory.NOT_FOUND,
    "model_not_found": ErrorCategory.NOT_FOUND,
    "invalid_request_error": ErrorCategory.INVALID_REQUEST,
    "invalid_prompt": ErrorCategory.INVALID_REQUEST,
    # Google's: https://cloud.google.com/apis/design/errors
    "resource_exhausted": ErrorCategory.RATE_LIMIT,
    "deadline_exceeded": ErrorCategory.TIMEOUT,
    "unavailable": ErrorCategory.SERVER_ERROR,
    "internal": ErrorCategory.SERVER_ERROR,
    "unauthenticated": ErrorCategory.AUTHENTICATION,
    "permission_denied": ErrorCategory.AUTHENTICATION,
    "not_found": ErrorCategory.NOT_FOUND,
    "invalid_argument": ErrorCategory.INVALID_REQUEST,
    "failed_precondition": ErrorCategory.INVALID_REQUEST,
    # Amazon Bedrock's: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    "throttlingexception": ErrorCategory.RATE_LIMIT,
    "servicequotaexceededexception": ErrorCategory.RATE_LIMIT,
    "modelnotreadyexception": ErrorCategory.RATE_LIMIT,
    "modeltimeoutexception": ErrorCategory.TIMEOUT,
    "internalserverexception": ErrorCategory.SERVER_ERROR,
    "serviceunavailableexception": ErrorCategory.SERVER_ERROR,
    "modelerrorexception": ErrorCategory.SERVER_ERROR,
    "modelstreamerrorexception": ErrorCategory.SERVER_ERROR,
    "accessdeniedexception": ErrorCategory.AUTHENTICATION,
    "unrecognizedclientexception": ErrorCategory.AUTHENTICATION,
    "resourcenotfoundexception": ErrorCategory.NOT_FOUND,
    "validationexception": ErrorCategory.INVALID_REQUEST,
}

_BY_STATUS = {
    401: ErrorCategory.AUTHENTICATION,
    403: ErrorCategory.AUTHENTICATION,
    404: ErrorCategory.NOT_FOUND,
    408: ErrorCategory.TIMEOUT,
    429: ErrorCategory.RATE_LIMIT,
    504: ErrorCategory.TIMEOUT,
}

#: Names that stand for several failures, of which the status or the message tells more.
_VAGUE = frozenset(
    {"invalid_request_error", "api_error", "server_error", "invalid_argument", "validationexception"}
)

_CONTEXT_FULL = re.compile(
    r"context (length|window)|(prompt|input) (is )?too long|maximum context|too many tokens"
    r"|token count.{0,40} exceeds",
    re.IGNORECASE,
)


def read(body: Any, status: int | None, named: str | None = None) -> CallError | None:
    """The error of a response, or ``None`` where there is none.

    Args:
        body: the response body, of a stream the assembled one; anything.
        status: the HTTP status, where it is known.
        named: the error's name, where a header has it: ``ThrottlingException:http://…``.
    """
    failed = status is not None and status >= 400
    error = _stated(body)
    if not error and not failed:
        return None
    details = mapping(error)
    given = (details.get("code"), details.get("type"), details.get("status"), (named or "").partition(":")[0])
    names = [name for name in map(text, given) if name]
    # Cohere and Bedrock have the message at the top, Ollama has nothing but the message.
    message = (text(details.get("message")) or text(error) or text(at(body, "message")))[:2000]
    stated = integer(details.get("status_code")) or integer(details.get("code"))
    failure = status if failed else stated if stated and 400 <= stated <= 599 else None
    return CallError(
        type=names[0] if names else f"http_{failure}" if failure else UNNAMED if status else "unknown",
        category=_category(names, failure, message),
        http_status=failure or status,
    )


def _stated(body: Any) -> Any:
    """What a body has under ``error``: itself, or one of its choices, as OpenRouter's do.

    https://openrouter.ai/docs/api-reference/overview
    """
    within = (choice["error"] for choice in objects(at(body, "choices")) if choice.get("error"))
    return at(body, "error") or next(within, None)


def _category(names: list[str], status: int | None, message: str) -> ErrorCategory:
    known = [name for name in map(str.lower, names) if name in _BY_NAME]
    if telling := [name for name in known if name not in _VAGUE]:
        return _BY_NAME[telling[0]]
    if (status in (None, 400, 413, 422)) and _CONTEXT_FULL.search(message):
        return ErrorCategory.CONTEXT_LENGTH
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None:
        return ErrorCategory.SERVER_ERROR if status >= 500 else ErrorCategory.INVALID_REQUEST
    return _BY_NAME[known[0]] if known else ErrorCategory.OTHER
