"""The ``tools`` score: a call comes in, whether its tool calls keep to what was offered goes out.

Only structure is judged: names, arguments against their schema, ``tool_choice`` and
``parallel_tool_calls``. Tools that the provider runs itself are none of the application's and are left out.
All findings are collected; the first in the order of ``ToolsOutcome`` is the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.records import (
    Call,
    ContractKind,
    ErrorCategory,
    FinishReason,
    Output,
    Status,
    Tool,
    ToolCall,
    ToolsOutcome,
    ToolsScore,
)
from monitor.scorers.details import shown_tool
from monitor.scorers.schema import Unusable, compile_schema
from monitor.scorers.strict import Broken, duplicate_key, parse

_ORDER = {outcome: rank for rank, outcome in enumerate(ToolsOutcome)}
_UNFINISHED = frozenset({FinishReason.PAUSE, FinishReason.ERROR})
_BY_KEYWORD = {
    "required": ToolsOutcome.MISSING_ARGUMENT,
    "dependentRequired": ToolsOutcome.MISSING_ARGUMENT,
    "additionalProperties": ToolsOutcome.UNEXPECTED_ARGUMENT,
    "unevaluatedProperties": ToolsOutcome.UNEXPECTED_ARGUMENT,
    "type": ToolsOutcome.WRONG_TYPE,
}
_OPEN = frozenset(
    {
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
        "dependencies",
    }
)

_Finding = tuple[ToolsOutcome, str | None]


def score_tools(call: Call) -> ToolsScore:
    """Whether the call's tool calls keep to what was offered. Never raises."""
    if call.status == Status.ERROR:
        if call.error is not None and call.error.category == ErrorCategory.TOOL_USE_FAILED:
            return ToolsScore(ToolsOutcome.MALFORMED_ARGUMENTS, "reported by the provider")
        return ToolsScore(ToolsOutcome.NOT_APPLICABLE)
    required = call.tool_choice.mode == "required" or call.contract.kind == ContractKind.TOOL
    offered = bool(call.tools) or not call.captured.tools
    called = any(_client_calls(output) for output in call.outputs)
    malformed = any(output.finish_reason == FinishReason.MALFORMED_TOOL_CALL for output in call.outputs)
    if not (offered or required or called or malformed):
        return ToolsScore(ToolsOutcome.NOT_APPLICABLE)
    if not call.captured.output:
        return ToolsScore(ToolsOutcome.UNKNOWN, "output not captured")
    findings = list(_findings(call, required=required))
    if not findings:
        if not (call.tools or called or required):
            return ToolsScore(ToolsOutcome.UNKNOWN, "tools not captured")
        return ToolsScore(ToolsOutcome.OK)
    outcome, detail = min(findings, key=lambda finding: _ORDER[finding[0]])
    failures = sum(finding[0] != ToolsOutcome.UNKNOWN for finding in findings)
    return ToolsScore(outcome, f"{detail} (+{failures - 1})" if failures > 1 else detail)


def _findings(call: Call, *, required: bool) -> Iterator[_Finding]:
    tools = {tool.name: tool for tool in call.tools}
    for output in call.outputs or (Output(),):
        calls = _client_calls(output)
        if output.finish_reason == FinishReason.MALFORMED_TOOL_CALL:
            yield ToolsOutcome.MALFORMED_ARGUMENTS, "reported by the provider"
        for tool_call in calls:
            yield from _judge_call(tool_call, tools, output, complete=call.captured.tools)
            if (call.tool_choice.mode == "none") or (
                call.tool_choice.names and tool_call.name not in call.tool_choice.names
            ):
                yield ToolsOutcome.FORBIDDEN_CALL, shown_tool(tool_call.name, tools)
        if required and not output.tool_calls and output.finish_reason not in _UNFINISHED:
            yield ToolsOutcome.MISSING_CALL, output.finish_reason.value
        if len(calls) > 1 and not call.parallel_tool_calls:
            yield ToolsOutcome.PARALLEL_NOT_ALLOWED, f"{len(calls)} calls"


def _client_calls(output: Output) -> list[ToolCall]:
    return [tool_call for tool_call in output.tool_calls if not tool_call.server_side]


def _judge_call(
    tool_call: ToolCall, tools: dict[str, Tool], output: Output, *, complete: bool
) -> Iterator[_Finding]:
    """What is wrong with one tool call by itself.

    An empty text stands for no arguments: streams carry it so where there are none.
    """
    name = shown_tool(tool_call.name, tools)
    tool = tools.get(tool_call.name)
    if tool is None:
        yield (ToolsOutcome.UNKNOWN_TOOL, name) if complete else (ToolsOutcome.UNKNOWN, "tools not captured")
    try:
        arguments = parse(tool_call.arguments or "{}")
    except Broken as broken:
        cut = broken.truncated and output.finish_reason == FinishReason.LENGTH
        yield (
            ToolsOutcome.MALFORMED_ARGUMENTS,
            f"{name}: {'cut off by the token limit' if cut else broken.reason}",
        )
        return
    if not isinstance(arguments, dict):
        yield ToolsOutcome.MALFORMED_ARGUMENTS, f"{name}: not an object"
        return
    if arguments and duplicate_key(tool_call.arguments) is not None:
        yield ToolsOutcome.MALFORMED_ARGUMENTS, f"{name}: an argument given twice"
    if tool is None or tool.kind != "function":
        return
    if tool.schema is None:
        if not complete:
            yield ToolsOutcome.UNKNOWN, f"{name}: schema not captured"
        return
    for _ in _undeclared(arguments, tool.schema):
        yield ToolsOutcome.UNEXPECTED_ARGUMENT, f"{name}: an argument is not declared"
    try:
        violations = compile_schema(tool.schema).violations(arguments, len(tool_call.arguments))
    except Unusable as why:
        yield ToolsOutcome.UNKNOWN, f"{name}: {why}"
        return
    for violation in violations:
        yield _BY_KEYWORD.get(violation.keyword, ToolsOutcome.INVALID_VALUE), f"{name}: {violation}"


def _undeclared(arguments: dict[str, Any], schema: dict[str, Any] | bool) -> list[str]:
    """Arguments that the tool does not declare.

    JSON Schema lets an object have properties that it does not name, but a function takes no parameter that
    it does not name. So a list of ``properties`` is taken for complete unless the schema says how it goes on.
    """
    if isinstance(schema, bool) or not _OPEN.isdisjoint(schema):
        return []
    declared = schema.get("properties")
    return [key for key in arguments if key not in declared] if isinstance(declared, dict) else []
