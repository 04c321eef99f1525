"""The few things that records say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.records import (
    CAPTURES,
    Attempt,
    CallError,
    Captured,
    ErrorCategory,
    FallbackOutcome,
    FallbackScore,
    FinishReason,
    Output,
    Status,
    ToolCall,
    answered,
    attempt_of,
)
from tests.examples import NOON, call

FILTERED = FinishReason.CONTENT_FILTER
NOT_CAPTURED = Captured(output=False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"outputs": (Output("text"),)}, True),
        ({"outputs": (Output(refusal="I can't"),)}, True),
        ({"outputs": (Output(tool_calls=(ToolCall("fly", "{}"),)),)}, True),
        ({"outputs": (Output("cut", finish_reason=FinishReason.LENGTH),)}, True),
        ({"outputs": (Output(), Output("the second"))}, True),
        ({"outputs": ()}, False),
        ({"outputs": (Output(),)}, False),
        ({"outputs": (Output(reasoning="and nothing else"),)}, False),
        ({"outputs": (Output("half", finish_reason=FILTERED),)}, False),
        ({"outputs": (Output("half", finish_reason=FILTERED), Output("whole"))}, True),
        ({"outputs": (Output("half"),), "status": Status.ERROR}, False),
        ({"captured": NOT_CAPTURED}, True),
        ({"captured": NOT_CAPTURED, "outputs": (Output(finish_reason=FinishReason.STOP),)}, True),
        ({"captured": NOT_CAPTURED, "outputs": (Output(finish_reason=FILTERED),)}, False),
        ({"captured": NOT_CAPTURED, "status": Status.ERROR}, False),
    ],
)
def test_an_answer_is_something_that_the_application_can_use(fields: dict[str, Any], expected: bool) -> None:
    assert answered(call(**fields)) is expected


def test_an_attempt_is_its_call_without_what_was_said() -> None:
    score = FallbackScore(FallbackOutcome.NONE)
    made = call(
        "c1",
        request_id="q",
        duration_ms=1.5,
        provider="openai",
        model_requested="large",
        model_served="small",
        route="main",
        attempt=2,
        status=Status.ERROR,
        error=CallError("Overloaded", ErrorCategory.SERVER_ERROR),
    )
    assert attempt_of(made, score, 0.25) == Attempt(
        request_id="q",
        started_at=NOON,
        call_id="c1",
        duration_ms=1.5,
        provider="openai",
        model_requested="large",
        model_served="small",
        route="main",
        attempt=2,
        status=Status.ERROR,
        error_category=ErrorCategory.SERVER_ERROR,
        answered=False,
        cost=0.25,
        fallback=score,
    )


def test_a_call_without_a_request_is_a_request_of_its_own() -> None:
    assert attempt_of(call("c1"), FallbackScore(FallbackOutcome.NONE)).request_id == "c1"


def test_coverage_is_counted_of_everything_that_a_format_may_lose() -> None:
    assert CAPTURES == ("input", "output", "tools", "schema")
