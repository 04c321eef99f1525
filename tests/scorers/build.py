"""Calls as the tests of the scorers need them, in few words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    Message,
    Output,
    Part,
    Source,
    Tool,
    ToolCall,
)

STARTED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def call(**fields: Any) -> Call:
    """A call with these fields, and nothing else."""
    return Call(call_id="c1", started_at=STARTED, source=Source("test"), **fields)


def json_call(
    text: str,
    schema: dict[str, Any] | bool | None = None,
    finish: FinishReason = FinishReason.STOP,
    **output: Any,
) -> Call:
    """A call that promised JSON, and this answer."""
    kind = ContractKind.JSON_OBJECT if schema is None else ContractKind.JSON_SCHEMA
    return call(contract=Contract(kind, schema), outputs=(Output(text, finish_reason=finish, **output),))


WEATHER = Tool(
    "get_weather",
    schema={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
)


def tool_call(
    *arguments: str,
    name: str = "get_weather",
    finish: FinishReason = FinishReason.TOOL_CALL,
    **fields: Any,
) -> Call:
    """A call that was offered ``get_weather``, and answered with one tool call for each of ``arguments``."""
    made = tuple(ToolCall(name, text, id=f"t{index}") for index, text in enumerate(arguments))
    outputs = (Output("" if made else "It is sunny.", tool_calls=made, finish_reason=finish),)
    return call(**{"tools": (WEATHER,), "outputs": outputs, **fields})


CONTEXT = (
    "The Golden Gate Bridge is a suspension bridge that spans the strait between San Francisco Bay and the "
    "Pacific Ocean. It was opened to traffic in May 1937, and its main span of 1,280 metres was the longest "
    "in the world until 1964. The bridge was designed by Joseph Strauss, and it is painted in a colour "
    "called international orange. See https://www.goldengate.org/bridge for opening hours, or write to "
    "info@goldengate.org."
)


def grounded_call(answer: str, context: str = CONTEXT, **fields: Any) -> Call:
    """A call that was given a document, and this answer."""
    return call(
        **{
            "documents": (Document(context),),
            "input": (Message("user", (Part(content="What do we know of the bridge?"),)),),
            "outputs": (Output(answer, finish_reason=FinishReason.STOP),),
            **fields,
        }
    )
