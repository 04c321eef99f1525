"""Every outcome of every closed list, each with a call that gets it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.records import (
    OUTCOMES,
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    ErrorCategory,
    Expected,
    FallbackHint,
    FinishReason,
    Message,
    Output,
    Part,
    PartType,
    Status,
    ToolChoice,
)
from monitor.scorers import SCORERS
from tests.scorers.build import WEATHER, call, grounded_call, json_call, tool_call

TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
PARIS = '{"city": "Paris"}'
GERMAN = (
    "Die Rechnung wurde am Montag bezahlt, und wir haben die Ware noch am selben Tag verschickt. Wenn sie bis"
    " Freitag nicht da ist, melden Sie sich bitte noch einmal bei uns."
)


def answer(text: str, **fields: object) -> Call:
    return call(outputs=(Output(text, finish_reason=FinishReason.STOP),), **fields)


def models(requested: str, served: str, **fields: object) -> Call:
    return call(model_requested=requested, model_served=served, **fields)


def asked_again() -> Call:
    """The same call once more, though the first one was answered."""
    asked = Part(PartType.TOOL_CALL, id="1", name="get_weather", arguments=PARIS)
    told = Part(PartType.TOOL_RESULT, '{"degrees": 12, "sky": "clear"}', id="1", name="get_weather")
    loop = (
        Message("user", (Part(content="What is the weather in Paris?"),)),
        Message("assistant", (asked,)),
        Message("tool", (told,)),
    )
    return tool_call(PARIS, input=loop)


FAILED = CallError("Timeout", ErrorCategory.TIMEOUT)

CALLS: dict[str, dict[str, Callable[[], Call]]] = {
    "json": {
        "ok": lambda: json_call('{"total": 12.5}', TOTAL),
        "not_json": lambda: json_call("The total is 12.5.", TOTAL),
        "fenced": lambda: json_call('```json\n{"total": 12.5}\n```', TOTAL),
        "wrapped": lambda: json_call('Here you are: {"total": 12.5}', TOTAL),
        "truncated": lambda: json_call('{"total": 12', TOTAL, FinishReason.LENGTH),
        "schema_violation": lambda: json_call('{"total": "12.5"}', TOTAL),
        "duplicate_keys": lambda: json_call('{"total": 12.5, "total": 13}', TOTAL),
        "empty": lambda: json_call("", TOTAL),
        "refused": lambda: json_call("I'm sorry, but I can't help with that.", TOTAL),
        "not_applicable": lambda: answer("Hello!", contract=Contract(ContractKind.NONE)),
        "unknown": lambda: answer("{}", contract=Contract(ContractKind.UNKNOWN)),
    },
    "tools": {
        "ok": lambda: tool_call(PARIS),
        "malformed_arguments": lambda: tool_call('{"city": '),
        "unknown_tool": lambda: tool_call(PARIS, name="get_wether"),
        "missing_argument": lambda: tool_call('{"days": 2}'),
        "unexpected_argument": lambda: tool_call('{"city": "Paris", "lang": "fr"}'),
        "wrong_type": lambda: tool_call('{"city": "Paris", "days": "two"}'),
        "invalid_value": lambda: tool_call('{"city": "Paris", "days": 0}'),
        "forbidden_call": lambda: tool_call(PARIS, tool_choice=ToolChoice("none")),
        "missing_call": lambda: answer("Sunny.", tools=(WEATHER,), tool_choice=ToolChoice("required")),
        "parallel_not_allowed": lambda: tool_call(PARIS, '{"city": "Rome"}', parallel_tool_calls=False),
        "repeated_call": asked_again,
        "not_applicable": lambda: answer("Hello!"),
        "unknown": lambda: answer("Sunny.", captured=Captured(tools=False)),
    },
    "grounding": {
        "supported": lambda: grounded_call("The bridge opened in 1937. Joseph Strauss designed it."),
        "suspect": lambda: grounded_call(
            "The bridge was designed by Joseph Strauss, and Chicago engineers calculated towers and cables."
        ),
        "unsupported": lambda: grounded_call(
            "Construction employed 4,500 workers under Charles Ellis, cost $35 million, killed eleven men;"
            " Irving Morrow chose its colours; see https://bridge.example/history for photographs.",
        ),
        "not_applicable": lambda: answer("Hello!"),
        "unknown": lambda: grounded_call("この橋は1937年に開通しました。"),
    },
    "fallback": {
        "none": lambda: models("gpt-4o", "gpt-4o-2024-08-06"),
        "retry": lambda: models("gpt-4o", "gpt-4o-2024-08-06", attempt=2),
        "fallback": lambda: models(
            "claude-sonnet-4-5", "claude-sonnet-4-5", fallback=FallbackHint("fallback")
        ),
        "exhausted": lambda: models(
            "gpt-4o", "", attempt=3, status=Status.ERROR, error=FAILED, fallback=FallbackHint("exhausted")
        ),
        "silent_downgrade": lambda: models("gpt-4o", "gpt-4o-mini-2024-07-18"),
        "unknown": lambda: models("gpt-4o", ""),
    },
    "instructions": {
        "ok": lambda: answer("The total is 12.5."),
        "empty": lambda: answer("  \n"),
        "refused": lambda: answer("I'm sorry, but I can't help with that."),
        "length_limit": lambda: call(outputs=(Output("The total of", finish_reason=FinishReason.LENGTH),)),
        "wrong_language": lambda: answer(GERMAN, expected=Expected(language="en")),
        "wrong_format": lambda: answer("maybe", expected=Expected(format="enum", values=("yes", "no"))),
        "not_applicable": lambda: call(status=Status.ERROR, error=FAILED),
        "unknown": lambda: answer("", captured=Captured(output=False)),
    },
}


@pytest.mark.parametrize(("score", "outcome"), [(score, one) for score in CALLS for one in CALLS[score]])
def test_a_call_gets_its_outcome(score: str, outcome: str) -> None:
    made = SCORERS[score](CALLS[score][outcome]())
    assert made.outcome == outcome, made


def test_no_outcome_is_left_out() -> None:
    # What a judge says is the plug-in's: see tests/judges.
    expected = {
        score: set(map(str, closed_list)) for score, closed_list in OUTCOMES.items() if score != "judge"
    }
    assert {score: set(calls) for score, calls in CALLS.items()} == expected
