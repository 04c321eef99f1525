"""Results of tools: which of them are errors, which say that one should ask again, and which are neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Part, PartType
from monitor.scorers.tools.results import is_error, is_unfinished

FAILED = [
    "Error: timeout",
    "requests.exceptions.ConnectionError: refused",
    "Traceback (most recent call last):\n  KeyError",
    "503 Service Unavailable",
    "HTTP 500 Internal Server Error",
    "Error code: 429 - Too many requests",
    '{"error": "timeout"}',
    '{"code": 500, "message": "Internal Server Error"}',
    '{"code":404,"message":"not found"}',
    '{"status":"error","message":"boom"}',
    '{"success":false}',
    '{"isError": true}',
    "Rate limit exceeded, please slow down",
    "Could not connect to the weather backend",
    "The request timed out.",
    "permission denied",
    "An error occurred while reading it",
    "internal error",
    "Fehler: Zeitüberschreitung",
    "Erreur : délai dépassé",
]
UNFINISHED = [
    '{"state": "packing", "eta": "soon"}',
    '{"order": 7, "status": "in transit"}',
    '{"job_status": "QUEUED"}',
    '{"done": false}',
    "pending",
    "Job 7 is still running",
    "Not ready yet, please wait.",
    "Try again in a minute.",
]
NEITHER = [
    "",
    "18 degrees, it is raining",
    "nothing found",
    '{"errors": 0, "failed": false, "error": null, "status": "green"}',
    '{"code": 200, "message": "ok"}',
    '{"title": "The request timed out"}',
    "Error handling\n\n" + "This library handles errors in a consistent way. " * 5,
    "Article: you'll wait at the counter ... processing fees",
    "Opening hours of the office. " * 8 + "It is processing applications; please wait; the line timed out.",
    "404 rooms, 500 beds",
    "Error handling\n\nThis library handles errors in a consistent way.",
]


def _result(content: str, *, is_error: bool = False) -> Part:
    return Part(PartType.TOOL_RESULT, content=content, is_error=is_error)


@pytest.mark.parametrize("content", FAILED)
def test_an_error_is_told_by_its_form(content: str) -> None:
    assert is_error(_result(content))


@pytest.mark.parametrize("content", [*UNFINISHED, *NEITHER])
def test_other_results_are_no_errors(content: str) -> None:
    assert not is_error(_result(content))


def test_what_the_application_declares_an_error_is_one() -> None:
    assert is_error(_result("18 degrees", is_error=True))


@pytest.mark.parametrize("content", UNFINISHED)
def test_a_state_that_goes_on_is_unfinished(content: str) -> None:
    assert is_unfinished(_result(content))


@pytest.mark.parametrize("content", NEITHER)
def test_a_result_that_merely_has_such_words_is_finished(content: str) -> None:
    assert not is_unfinished(_result(content))


@given(st.text())
def test_any_result_is_judged(content: str) -> None:
    assert is_error(_result(content)) in (True, False)
    assert is_unfinished(_result(content)) in (True, False)
