from __future__ import annotations

from typing import Any

import pytest

from monitor.decode.pair.errors import read
from monitor.records import CallError, ErrorCategory

C = ErrorCategory
SECRET = "the patient's name is"


def _openai(code: Any, type_: str, message: str = SECRET) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def _anthropic(type_: str, message: str = SECRET) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": message}}


def _google(code: int, status: str, message: str = SECRET) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (
            _openai("invalid_api_key", "invalid_request_error"),
            401,
            ("invalid_api_key", C.AUTHENTICATION, 401),
        ),
        (_openai("model_not_found", "invalid_request_error"), 400, ("model_not_found", C.NOT_FOUND, 400)),
        (_openai("insufficient_quota", "insufficient_quota"), 429, ("insufficient_quota", C.RATE_LIMIT, 429)),
        (_openai("content_filter", "x"), 400, ("content_filter", C.CONTENT_FILTER, 400)),
        (
            _openai("context_length_exceeded", "invalid_request_error"),
            400,
            ("context_length_exceeded", C.CONTEXT_LENGTH, 400),
        ),
        (
            _openai(None, "invalid_request_error", "maximum context length is"),
            400,
            ("invalid_request_error", C.CONTEXT_LENGTH, 400),
        ),
        (_openai(None, "invalid_request_error"), 400, ("invalid_request_error", C.INVALID_REQUEST, 400)),
        (_openai(None, "server_error"), 500, ("server_error", C.SERVER_ERROR, 500)),
        (
            _openai("tool_use_failed", "invalid_request_error"),
            400,
            ("tool_use_failed", C.TOOL_USE_FAILED, 400),
        ),
        (_openai(429, ""), 200, ("http_429", C.RATE_LIMIT, 429)),
        (_anthropic("overloaded_error"), 529, ("overloaded_error", C.SERVER_ERROR, 529)),
        (_anthropic("overloaded_error"), 200, ("overloaded_error", C.SERVER_ERROR, 200)),
        (_anthropic("rate_limit_error"), 429, ("rate_limit_error", C.RATE_LIMIT, 429)),
        (
            _anthropic("invalid_request_error", "prompt is too long: 3 > 2"),
            400,
            ("invalid_request_error", C.CONTEXT_LENGTH, 400),
        ),
        (_anthropic("api_error"), None, ("api_error", C.SERVER_ERROR, None)),
        ({"detail": "Invalid API Key"}, 401, ("http_401", C.AUTHENTICATION, 401)),
        ({"error": "overloaded"}, 503, ("http_503", C.SERVER_ERROR, 503)),
        (_google(429, "RESOURCE_EXHAUSTED"), 429, ("RESOURCE_EXHAUSTED", C.RATE_LIMIT, 429)),
        (_google(503, "UNAVAILABLE"), 200, ("UNAVAILABLE", C.SERVER_ERROR, 503)),
        (_google(400, "INVALID_ARGUMENT"), 400, ("INVALID_ARGUMENT", C.INVALID_REQUEST, 400)),
        (
            _google(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum"),
            400,
            ("INVALID_ARGUMENT", C.CONTEXT_LENGTH, 400),
        ),
        ({"message": "Input is too long for requested model."}, 400, ("http_400", C.CONTEXT_LENGTH, 400)),
        ({"message": SECRET}, 404, ("http_404", C.NOT_FOUND, 404)),
        (_anthropic("throttlingException"), 200, ("throttlingException", C.RATE_LIMIT, 200)),
        (_anthropic("modelTimeoutException"), 200, ("modelTimeoutException", C.TIMEOUT, 200)),
        ({"error": "x"}, None, ("unknown", C.OTHER, None)),
        ({"error": "out of memory"}, 200, ("error", C.OTHER, 200)),
        ({"error": {"message": "prompt too long"}}, 200, ("error", C.CONTEXT_LENGTH, 200)),
        (
            {"choices": [{}, {"error": {"code": 502, "message": SECRET}}]},
            200,
            ("http_502", C.SERVER_ERROR, 502),
        ),
        (None, 504, ("http_504", C.TIMEOUT, 504)),
        ("<html>", 502, ("http_502", C.SERVER_ERROR, 502)),
    ],
)
def test_an_error_is_named_and_classed_and_never_quoted(
    body: Any, status: int | None, error: tuple[str, ErrorCategory, int | None]
) -> None:
    found = read(body, status)
    assert found == CallError(*error)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "body", [{}, {"error": None}, {"error": {}}, {"choices": [{"error": None}, 7]}, None, "text", []]
)
def test_a_success_has_no_error(body: Any) -> None:
    assert read(body, 200) is None
    assert read(body, None) is None


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ("ThrottlingException", ("ThrottlingException", C.RATE_LIMIT, 400)),
        (
            "AccessDeniedException:http://internal.amazon.com/",
            ("AccessDeniedException", C.AUTHENTICATION, 400),
        ),
        ("ValidationException", ("ValidationException", C.INVALID_REQUEST, 400)),
        ("", ("http_400", C.INVALID_REQUEST, 400)),
        (None, ("http_400", C.INVALID_REQUEST, 400)),
    ],
)
def test_a_header_may_name_the_error(named: str | None, error: tuple[str, ErrorCategory, int | None]) -> None:
    assert read({"message": SECRET}, 400, named) == CallError(*error)
    assert read({}, 200, named) is None
