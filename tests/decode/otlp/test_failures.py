from __future__ import annotations

from typing import Any

import pytest

from monitor.records import Call, CallError, ErrorCategory, Status
from tests.decode.otlp.build import attributes, chat, plain_call

FAILED = {"code": 2}


def failed_call(error_type: str | None = None, message: str = "", **values: Any) -> Call:
    """The call of a span with status error."""
    named = {} if error_type is None else {"error.type": error_type}
    return plain_call({**chat(), **named, **values}, status={**FAILED, "message": message})


def test_a_span_that_did_not_fail_has_no_error() -> None:
    call = plain_call({**chat(), "http.response.status_code": 200}, status={"code": 1})
    assert (call.status, call.error) == (Status.OK, None)


@pytest.mark.parametrize("values", [{"error.type": "timeout"}, {"http.response.status_code": 500}])
def test_a_span_failed_by_its_status_its_error_or_its_http_status(values: dict[str, Any]) -> None:
    assert plain_call({**chat(), **values}).status is Status.ERROR
    assert failed_call().error == CallError("unknown")


@pytest.mark.parametrize(
    ("error_type", "category", "status"),
    [
        ("openai.RateLimitError", ErrorCategory.RATE_LIMIT, 429),
        ("AuthenticationError", ErrorCategory.AUTHENTICATION, 401),
        ("anthropic.PermissionDeniedError", ErrorCategory.AUTHENTICATION, 403),
        ("anthropic.NotFoundError", ErrorCategory.NOT_FOUND, 404),
        ("BadRequestError", ErrorCategory.INVALID_REQUEST, 400),
        ("openai.InternalServerError", ErrorCategory.SERVER_ERROR, 500),
        ("anthropic.OverloadedError", ErrorCategory.SERVER_ERROR, 529),
        ("openai.APITimeoutError", ErrorCategory.TIMEOUT, None),
        ("litellm.ContextWindowExceededError", ErrorCategory.CONTEXT_LENGTH, None),
        ("authentication_error", ErrorCategory.AUTHENTICATION, None),
        ("429", ErrorCategory.RATE_LIMIT, 429),
        ("503", ErrorCategory.SERVER_ERROR, 503),
        ("openai.APIConnectionError", ErrorCategory.OTHER, None),
    ],
)
def test_an_error_keeps_its_name_and_has_a_class_and_a_status(
    error_type: str, category: ErrorCategory, status: int | None
) -> None:
    assert failed_call(error_type).error == CallError(error_type, category, status)


@pytest.mark.parametrize(
    ("message", "category", "status"),
    [
        (
            "Error code: 400 - {'error': {'code': 'context_length_exceeded'}}",
            ErrorCategory.CONTEXT_LENGTH,
            400,
        ),
        ("Error code: 400 - {'error': {'code': 'tool_use_failed'}}", ErrorCategory.TOOL_USE_FAILED, 400),
        (
            "Error code: 401 - {'type': 'error', 'error': {'type': 'authentication_error'}}",
            ErrorCategory.AUTHENTICATION,
            401,
        ),
        ("Error code: 400 - prompt is too long: 9 tokens", ErrorCategory.CONTEXT_LENGTH, 400),
        ("Error code: 429", ErrorCategory.RATE_LIMIT, 429),
        ("it did not work", ErrorCategory.OTHER, None),
    ],
)
def test_a_message_is_read_for_status_and_name(
    message: str, category: ErrorCategory, status: int | None
) -> None:
    assert failed_call("APIError", message).error == CallError("APIError", category, status)


def test_the_http_status_of_the_span_is_believed_most() -> None:
    call = failed_call("APIError", "Error code: 400", **{"http.response.status_code": 429})
    assert call.error == CallError("APIError", ErrorCategory.RATE_LIMIT, 429)


def test_an_exception_names_the_error_where_the_span_does_not() -> None:
    exception = {
        "exception.type": "openai.BadRequestError",
        "exception.message": "Error code: 413 - too large",
    }
    events = [{"name": "exception", "attributes": attributes(exception)}]
    call = plain_call(chat(), status=FAILED, events=events)
    assert call.error == CallError("openai.BadRequestError", ErrorCategory.INVALID_REQUEST, 413)


def test_no_message_is_kept() -> None:
    secret = "Error code: 401 - Incorrect API key provided: sk-live-123"
    exception = {"name": "exception", "attributes": attributes({"exception.message": secret})}
    call = plain_call(chat(), status={**FAILED, "message": secret}, events=[exception])
    assert "sk-live" not in repr(call)
