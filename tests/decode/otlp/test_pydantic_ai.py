"""pydantic-ai: what it asked for, and what becomes of a ``FallbackModel``."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from monitor.records import (
    Call,
    ContractKind,
    FallbackCause,
    FallbackOutcome,
    FragmentKind,
    Status,
    ToolChoice,
)
from monitor.scorers import score
from tests.agreement import OTLP, calls
from tests.decode.build import call_of as call_of_pair
from tests.decode.otlp.build import call_of, chat, fragment_of, fragments_of, span, told, traces, words
from tests.paths import PAIRS

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TEXT: dict[str, Any] = {
    "output_mode": "text",
    "output_object": None,
    "function_tools": [],
    "allow_text_output": True,
}
LOOK = {"name": "look", "parameters_json_schema": SCHEMA, "strict": True, "description": "Looks."}
FINAL = {"name": "final_result", "parameters_json_schema": SCHEMA}
WANTED = {"json_schema": SCHEMA, "name": "Book", "strict": True}


def pair(pair_id: str) -> Call:
    """The call of a recorded pair."""
    (path,) = PAIRS.rglob(f"*.{pair_id}.json")
    return call_of_pair(json.loads(path.read_bytes()))


def read(parameters: Any = TEXT, **values: Any) -> Call:
    said = {"input__messages": told(words("hi"), role="user"), "output__messages": told(words("ho"))}
    asked = {"model_request_parameters": json.dumps(parameters)}
    return call_of(traces(span({**chat(request__model="m", **said), **asked, **values}), scope="pydantic-ai"))


def test_a_text_has_no_contract() -> None:
    call = read()
    assert call.contract.kind is ContractKind.NONE
    assert (call.tools, call.captured.tools) == ((), True)


@pytest.mark.parametrize(
    ("parameters", "kind", "strict", "schema"),
    [
        ({"output_mode": "native", "output_object": WANTED}, ContractKind.JSON_SCHEMA, True, SCHEMA),
        ({"output_mode": "native"}, ContractKind.JSON_SCHEMA, None, None),
        ({"output_mode": "prompted", "output_object": WANTED}, ContractKind.JSON_SCHEMA, None, SCHEMA),
        ({"output_mode": "prompted"}, ContractKind.JSON_OBJECT, None, None),
        ({"output_mode": "tool"}, ContractKind.NONE, None, None),
        ({"output_mode": "image"}, ContractKind.UNKNOWN, None, None),
        ({"output_mode": 7}, ContractKind.UNKNOWN, None, None),
    ],
)
def test_an_output_mode_is_a_contract(
    parameters: dict[str, Any], kind: ContractKind, strict: bool | None, schema: Any
) -> None:
    call = read({**TEXT, **parameters})
    assert (call.contract.kind, call.contract.strict, call.contract.schema) == (kind, strict, schema)
    assert call.captured.schema is (kind is not ContractKind.JSON_SCHEMA or schema is not None)


@pytest.mark.parametrize(("functions", "name"), [([], "final_result"), ([LOOK], None)])
def test_an_output_tool_is_a_tool_that_must_be_called(functions: list[Any], name: str | None) -> None:
    asked = {"output_mode": "tool", "output_tools": [FINAL], "function_tools": functions}
    call = read({**asked, "allow_text_output": False})
    assert (call.contract.kind, call.contract.name) == (ContractKind.TOOL, name)
    assert call.tool_choice == ToolChoice("required")
    assert [tool.name for tool in call.tools] == [*(tool["name"] for tool in functions), "final_result"]


def test_tools_have_their_schemas_and_native_ones_none() -> None:
    call = read({**TEXT, "function_tools": [LOOK], "native_tools": [{"kind": "web_search"}]})
    assert [(tool.name, tool.kind, tool.schema, tool.strict) for tool in call.tools] == [
        ("look", "function", SCHEMA, True),
        ("web_search", "builtin", None, None),
    ]


@pytest.mark.parametrize(
    "part", [{"type": "text"}, {"type": "tool_call", "id": "c1", "name": "look"}], ids=["text", "tool call"]
)
def test_content_that_was_left_out_is_not_captured(part: dict[str, Any]) -> None:
    call = read(**{"gen_ai.input.messages": told({"type": "text"}), "gen_ai.output.messages": told(part)})
    assert not call.captured.input
    assert not call.captured.output


def test_an_answer_that_lost_its_tool_call_is_not_captured() -> None:
    assert not read(**{"gen_ai.output.messages": told(finish_reason="tool_call")}).captured.output


# ---------------------------------------------------------------------------------------------- fallbacks


def test_an_agent_names_the_models_it_may_fall_back_to() -> None:
    values = {"agent_name": "a", "model_name": "fallback:m,n", "gen_ai.operation.name": "invoke_agent"}
    fragment = fragment_of(traces(span(values)))
    assert (fragment.kind, fragment.models) == (FragmentKind.CHAIN, ("m", "n"))


def test_an_agent_of_one_model_is_nothing() -> None:
    values = {"agent_name": "a", "model_name": "m", "gen_ai.operation.name": "invoke_agent"}
    assert fragments_of(traces(span(values))) == ()


def test_a_failed_first_attempt_says_why_its_request_fell_back() -> None:
    values = {"gen_ai.request.model": "m", "pydantic_ai.model_request.attempt": 0}
    failed = {"code": 2, "message": "ModelRateLimitError: status_code: 429, model_name: m"}
    fragment = fragment_of(traces(span(values, parentSpanId="0000000000000001", status=failed)))
    assert (fragment.kind, fragment.span_id) == (FragmentKind.CONTENT, "0000000000000001")
    assert fragment.call
    assert (fragment.call.fallback.from_model, fragment.call.fallback.cause) == ("m", "rate_limit")
    assert not fragment.call.captured.output


def test_later_attempts_and_those_without_a_request_say_nothing() -> None:
    values = {"gen_ai.request.model": "m", "pydantic_ai.model_request.attempt": 0}
    assert fragments_of(traces(span(values))) == ()
    second = {**values, "pydantic_ai.model_request.attempt": 1}
    assert fragments_of(traces(span(second, parentSpanId="0000000000000001"))) == ()


def test_a_request_that_no_model_answered_is_one_failed_call_of_the_last() -> None:
    values = chat(request__model="fallback:m,n", provider__name="fallback:openai,anthropic")
    asked = {"model_request_parameters": json.dumps(TEXT)}
    call = call_of(traces(span({**values, **asked}, status={"code": 2, "message": "all failed"})))
    assert (call.model_requested, call.provider, call.status) == ("n", "anthropic", Status.ERROR)


def test_recorded_fallbacks_are_those_that_were_made() -> None:
    folder = OTLP / "pydantic-ai_fallbackmodel"
    index = json.loads((folder / "index.json").read_text())["calls"]
    assert Counter(entry["kind"] for entry in index) == {"fallback": 7, "primary_ok": 3, "all_fail": 5}
    for entry, call in zip(index, calls(folder), strict=True):
        assert (call.status is Status.ERROR) is (entry["kind"] == "all_fail")
        if entry["kind"] == "primary_ok":
            assert call.fallback.declared == "none"
            continue
        found = score(call).fallback
        outcome = FallbackOutcome.EXHAUSTED if entry["kind"] == "all_fail" else FallbackOutcome.FALLBACK
        assert (found.outcome, found.from_model, found.to_model) == (outcome, "gpt-4o", "gpt-4o-mini")
        failed = pair(entry["bad"]).error
        assert failed
        assert found.cause is FallbackCause(failed.category.value)


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_recorded_calls_say_what_was_asked(version: int) -> None:
    found = calls(OTLP / f"pydantic-ai_v{version}")
    assert len(found) == 15
    schemas = [call.contract.schema for call in found if call.contract.kind is ContractKind.JSON_SCHEMA]
    assert len(schemas) == {2: 2, 3: 4, 4: 3, 5: 6}[version]
    assert None not in schemas
    assert all(call.captured.tools for call in found)
