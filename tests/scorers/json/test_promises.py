"""JSON that was promised by forcing a tool, and where the answer to it stands."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.records import (
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    ErrorCategory,
    FinishReason,
    JsonOutcome,
    Output,
    Status,
    Tool,
    ToolCall,
    ToolChoice,
)
from monitor.scorers.json import score_json
from tests.scorers.build import call

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TOOL = Tool("person", schema=PERSON)
OTHER = Tool("search", schema={"type": "object"})


def forced(*outputs: Output, **fields: Any) -> Call:
    """A call that had to answer through ``person``."""
    return call(
        **{
            "contract": Contract(ContractKind.TOOL, name="person"),
            "tools": (TOOL, OTHER),
            "tool_choice": ToolChoice("required", ("person",)),
            "outputs": outputs,
            **fields,
        }
    )


def by_tool(arguments: str, name: str = "person", finish: FinishReason = FinishReason.TOOL_CALL) -> Output:
    return Output(tool_calls=(ToolCall(name, arguments),), finish_reason=finish)


@pytest.mark.parametrize(
    ("output", "outcome", "detail"),
    [
        (by_tool('{"name": "Ada"}'), JsonOutcome.OK, None),
        (by_tool('{"name": "Ada"}', finish=FinishReason.STOP), JsonOutcome.OK, None),
        (by_tool('{"name": 1}'), JsonOutcome.SCHEMA_VIOLATION, "/name: type"),
        (by_tool(""), JsonOutcome.SCHEMA_VIOLATION, "/: required name"),
        (by_tool('{"name": "Ada", "name": "B"}'), JsonOutcome.DUPLICATE_KEYS, "name given twice"),
        (by_tool('{"name": "Ad'), JsonOutcome.TRUNCATED, "ends inside a value"),
        (by_tool('{"name": "Ad', finish=FinishReason.LENGTH), JsonOutcome.TRUNCATED, "token limit"),
        (by_tool("{}", finish=FinishReason.LENGTH), JsonOutcome.TRUNCATED, "token limit: /: required name"),
        (by_tool("{}", "search"), JsonOutcome.NOT_APPLICABLE, None),
        (Output(finish_reason=FinishReason.PAUSE), JsonOutcome.NOT_APPLICABLE, None),
        (Output(finish_reason=FinishReason.TOOL_CALL), JsonOutcome.NOT_APPLICABLE, None),
        (Output(finish_reason=FinishReason.STOP), JsonOutcome.EMPTY, "the tool was not called"),
        (Output("It is Ada."), JsonOutcome.NOT_JSON, "the tool was not called"),
        (Output('{"name": "Ada"}'), JsonOutcome.NOT_JSON, "the tool was not called"),
        (Output("I'm sorry, but I can't help with that."), JsonOutcome.REFUSED, "by its words"),
        (Output(finish_reason=FinishReason.REFUSAL), JsonOutcome.REFUSED, "refusal"),
        (Output("It", finish_reason=FinishReason.LENGTH), JsonOutcome.TRUNCATED, "token limit"),
        (Output(finish_reason=FinishReason.MALFORMED_TOOL_CALL), JsonOutcome.NOT_JSON,
         "reported by the provider"),
    ],
)  # fmt: skip
def test_a_forced_tools_arguments_are_the_json(
    output: Output, outcome: JsonOutcome, detail: str | None
) -> None:
    score = score_json(forced(output))
    assert (score.outcome, score.detail) == (outcome, detail)


def test_json_that_was_written_instead_of_the_call_could_have_been_saved() -> None:
    assert score_json(forced(Output('{"name": "Ada"}'))).recoverable is True
    assert score_json(forced(Output("It is Ada."))).recoverable is False


def test_the_worst_of_several_calls_decides() -> None:
    calls = (ToolCall("person", '{"name": "Ada"}'), ToolCall("person", "{}"))
    assert score_json(forced(Output(tool_calls=calls))).outcome == JsonOutcome.SCHEMA_VIOLATION


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"contract": Contract(ContractKind.TOOL)}, JsonOutcome.OK),
        ({"contract": Contract(ContractKind.TOOL), "tool_choice": ToolChoice("required")},
         JsonOutcome.NOT_APPLICABLE),
        ({"contract": Contract(ContractKind.TOOL), "tool_choice": ToolChoice("required"), "tools": (TOOL,)},
         JsonOutcome.OK),
        ({"contract": Contract(ContractKind.TOOL),
          "tool_choice": ToolChoice("required", ("person", "search"))}, JsonOutcome.NOT_APPLICABLE),
        ({"tools": (OTHER,)}, JsonOutcome.NOT_APPLICABLE),
        ({"tools": (Tool("person", "builtin"),)}, JsonOutcome.NOT_APPLICABLE),
        ({"tools": (), "captured": Captured(tools=False)}, JsonOutcome.UNKNOWN),
        ({"tools": (TOOL,), "tool_choice": ToolChoice("required"), "captured": Captured(tools=False),
          "contract": Contract(ContractKind.TOOL)}, JsonOutcome.NOT_APPLICABLE),
        ({"tools": (Tool("person"),)}, JsonOutcome.UNKNOWN),
        ({"contract": Contract(ContractKind.NONE)}, JsonOutcome.NOT_APPLICABLE),
        ({"captured": Captured(output=False)}, JsonOutcome.UNKNOWN),
        ({"status": Status.ERROR, "error": CallError("e", ErrorCategory.TOOL_USE_FAILED)},
         JsonOutcome.NOT_JSON),
        ({"status": Status.ERROR, "error": CallError("e")}, JsonOutcome.NOT_APPLICABLE),
    ],
)  # fmt: skip
def test_a_tool_is_forced_if_no_other_can_be_called(fields: dict[str, Any], outcome: JsonOutcome) -> None:
    assert score_json(forced(by_tool('{"name": "Ada"}'), **fields)).outcome == outcome


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        (by_tool('{"name": "Ada"}'), JsonOutcome.OK),
        (by_tool('{"name": 1}'), JsonOutcome.SCHEMA_VIOLATION),
        (by_tool("{}", "search"), JsonOutcome.NOT_APPLICABLE),
        (Output('{"name": "Ada"}'), JsonOutcome.OK),
    ],
)
def test_a_schema_may_be_answered_by_a_call_of_its_name(output: Output, outcome: JsonOutcome) -> None:
    contract = Contract(ContractKind.JSON_SCHEMA, PERSON, name="person")
    assert score_json(call(contract=contract, outputs=(output,))).outcome == outcome
