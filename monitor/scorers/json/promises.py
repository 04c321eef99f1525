"""What JSON a call promised, and where: a call comes in, the schema and the texts to judge by it go out.

JSON is asked for in three ways: by JSON mode, by a schema, and by forcing one tool, whose arguments then are
the JSON. A model that was given a schema may also answer by a tool call of the schema's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from monitor.records import UNFINISHED, Call, ContractKind, FinishReason, Output, Tool

#: Empty arguments stand for none: streams carry them so.
_NO_ARGUMENTS = "{}"


class Promise(NamedTuple):
    """The JSON that a call promised."""

    schema: dict[str, Any] | bool | None
    """The schema, if one is known."""
    whole: bool = True
    """Whether the schema is known if there was one."""
    must_be_object: bool = False
    tool: str | None = None
    """The tool whose arguments are the JSON: always if it is forced, else where the model calls it."""
    forced: bool = False


class Answer(NamedTuple):
    """One text that should be the JSON, or the place where there is none."""

    text: str
    output: Output
    """The choice that it stands in."""
    is_call: bool = False
    """Whether it is a tool call's arguments."""
    is_missing: bool = False
    """Whether it is only what was written instead of calling the forced tool."""


def promise_of(call: Call) -> Promise | None:
    """The JSON that this call promised; ``None`` if it promised none."""
    contract = call.contract
    if contract.kind is ContractKind.TOOL:
        tool = _forced_tool(call)
        if tool is None:
            return None
        return Promise(tool.schema, tool.schema is not None, tool=tool.name, forced=True)
    if contract.kind is ContractKind.JSON_OBJECT:
        return Promise(contract.schema, must_be_object=contract.schema is None)
    if contract.kind is ContractKind.JSON_SCHEMA:
        whole = contract.schema is not None or call.captured.schema
        return Promise(contract.schema, whole, tool=contract.name)
    return None


def _forced_tool(call: Call) -> Tool | None:
    """The one function that the call had to make use of, if it is one."""
    names = [call.contract.name] if call.contract.name else list(dict.fromkeys(call.tool_choice.names))
    if len(names) > 1:
        return None
    offered = [tool for tool in call.tools if not names or tool.name in names]
    if not offered and names and not call.captured.tools:
        return Tool(names[0])
    known = len(offered) == 1 and (bool(names) or call.captured.tools)
    return offered[0] if known and offered[0].kind == "function" else None


def answers(call: Call, promise: Promise) -> Iterator[Answer]:
    """What to judge of each choice: nothing of a turn that isn't over, or that calls another tool instead."""
    for output in call.outputs:
        calls = [made for made in output.tool_calls if not made.server_side]
        meant = [made for made in calls if promise.tool and made.name == promise.tool]
        if output.finish_reason in UNFINISHED:
            continue
        for made in meant:
            yield Answer(made.arguments or _NO_ARGUMENTS, output, is_call=True)
        elsewhere = calls and (promise.forced or not output.text.strip())
        if not (meant or elsewhere or output.finish_reason is FinishReason.TOOL_CALL):
            yield Answer(output.text, output, is_missing=promise.forced)
