"""What is structurally wrong with tool calls: an answer comes in, findings go out.

Names, arguments against their schema, ``tool_choice`` and ``parallel_tool_calls``.
Tools that the provider runs itself are none of the application's and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from monitor.records import UNFINISHED, Call, FinishReason, Output, Tool, ToolCall, ToolsOutcome
from monitor.scorers.details import shown_tool
from monitor.scorers.schema import Schemas, Unusable
from monitor.scorers.strict import Broken, duplicate_key, parse

#: Work, as a schema's budget counts it, of judging one call besides: so no more than 4,000 calls are judged.
CALL_WORK = 10_000

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


class Finding(NamedTuple):
    """One thing that is wrong, or that could not be judged."""

    outcome: ToolsOutcome
    detail: str


class Made(NamedTuple):
    """One call of an answer, read."""

    call: ToolCall
    tool: Tool | None
    """The tool that was offered under its name."""
    arguments: dict[str, Any] | None
    broken: str | None
    """Why there are no arguments."""


def read_calls(output: Output, tools: Mapping[str, Tool]) -> list[Made]:
    """The calls that are the application's, with their arguments.

    An empty text stands for no arguments: streams carry it so where there are none.
    """
    made = []
    for tool_call in output.tool_calls:
        if tool_call.server_side:
            continue
        arguments, why = None, None
        try:
            value = parse(tool_call.arguments or "{}")
        except Broken as broken:
            cut = broken.truncated and output.finish_reason == FinishReason.LENGTH
            why = "cut off by the token limit" if cut else broken.reason
        else:
            arguments, why = (value, None) if isinstance(value, dict) else (None, "not an object")
        made.append(Made(tool_call, tools.get(tool_call.name), arguments, why))
    return made


def findings(
    call: Call,
    output: Output,
    calls: Sequence[Made],
    schemas: Schemas,
    *,
    required: bool,
) -> Iterator[Finding]:
    """What is wrong with one choice of an answer.

    Args:
        call: the whole call.
        output: the choice.
        calls: its calls, as ``read_calls`` gives them.
        schemas: those of the whole call.
        required: whether a call was required.
    """
    if output.finish_reason == FinishReason.MALFORMED_TOOL_CALL:
        yield Finding(ToolsOutcome.MALFORMED_ARGUMENTS, "reported by the provider")
    allowed = call.tool_choice.names
    for made in calls:
        name = shown_tool(made.call.name, [made.tool.name] if made.tool else [])
        yield from _judge(made, name, schemas, complete=call.captured.tools)
        if call.tool_choice.mode == "none" or (allowed and made.call.name not in allowed):
            yield Finding(ToolsOutcome.FORBIDDEN_CALL, name)
    if required and not output.tool_calls and output.finish_reason not in UNFINISHED:
        yield Finding(ToolsOutcome.MISSING_CALL, output.finish_reason.value)
    if len(calls) > 1 and not call.parallel_tool_calls:
        yield Finding(ToolsOutcome.PARALLEL_NOT_ALLOWED, f"{len(calls)} calls")


def _judge(made: Made, name: str, schemas: Schemas, *, complete: bool) -> Iterator[Finding]:
    """What is wrong with one call by itself."""
    try:
        schemas.budget.spend(CALL_WORK)
    except Unusable as why:
        yield Finding(ToolsOutcome.UNKNOWN, f"{name}: {why}")
        return
    tool, arguments = made.tool, made.arguments
    if tool is None:
        yield (
            Finding(ToolsOutcome.UNKNOWN_TOOL, name)
            if complete
            else Finding(ToolsOutcome.UNKNOWN, "tools not captured")
        )
    if arguments is None:
        yield Finding(ToolsOutcome.MALFORMED_ARGUMENTS, f"{name}: {made.broken}")
        return
    if _may_repeat(arguments, made.call.arguments) and duplicate_key(made.call.arguments) is not None:
        yield Finding(ToolsOutcome.MALFORMED_ARGUMENTS, f"{name}: an argument given twice")
    if tool is None or tool.kind != "function":
        return
    if tool.schema is None:
        if not complete:
            yield Finding(ToolsOutcome.UNKNOWN, f"{name}: schema not captured")
        return
    for _ in _undeclared(arguments, tool.schema):
        yield Finding(ToolsOutcome.UNEXPECTED_ARGUMENT, f"{name}: an argument is not declared")
    try:
        violations = schemas.violations(tool.schema, arguments, len(made.call.arguments))
    except Unusable as why:
        yield Finding(ToolsOutcome.UNKNOWN, f"{name}: {why}")
        return
    for violation in violations:
        outcome = _BY_KEYWORD.get(violation.keyword, ToolsOutcome.INVALID_VALUE)
        yield Finding(outcome, f"{name}: {violation}")


def _may_repeat(arguments: dict[str, Any], text: str) -> bool:
    """Whether ``text`` has more quotation marks than ``arguments`` take: only then a name may be there twice.

    Counting them is cheaper than parsing once more. Nested arguments are not counted, and may.
    """
    marks = 2 * len(arguments)
    for value in arguments.values():
        if isinstance(value, str):
            marks += 2
        elif isinstance(value, (dict, list)):
            return True
    return text.count('"') > marks


def _undeclared(arguments: dict[str, Any], schema: dict[str, Any] | bool) -> list[str]:
    """Arguments that the tool does not declare.

    JSON Schema lets an object have properties that it does not name, but a function takes no parameter that
    it does not name. So a list of ``properties`` is taken for complete unless the schema says how it goes on.
    """
    if isinstance(schema, bool) or not _OPEN.isdisjoint(schema):
        return []
    declared = schema.get("properties")
    return [key for key in arguments if key not in declared] if isinstance(declared, dict) else []
