"""OpenLLMetry (Traceloop) before it spoke the conventions: numbered attributes come in, calls go out.

``gen_ai.prompt.N.*`` and ``gen_ai.completion.N.*``, and before those ``llm.prompts.N.*`` and
``llm.completions.N.*``: https://github.com/traceloop/openllmetry. Messages and arguments are those of the
provider's API in pieces. Which format was asked for is nowhere said, nor which choice of tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode import withheld
from monitor.decode.otlp import semconv
from monitor.decode.otlp.attributes import first, structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.numbered import numbered
from monitor.decode.otlp.span import Attributes, Span
from monitor.decode.otlp.told import CHAT, MESSAGES, is_complete, read_as, told
from monitor.decode.pair.api import Body
from monitor.decode.pair.bodies import Read
from monitor.decode.pair.shapes import at, schema, string, text
from monitor.decode.registry import Context
from monitor.records import Call, Contract, Fragment, Tool

_PROMPTS = ("gen_ai.prompt", "llm.prompts")
_COMPLETIONS = ("gen_ai.completion", "llm.completions")

#: How the attributes of a message begin that say something.
_SAYING = ("content", "refusal", "tool_calls.", "function_call.")


def _recognises(span: Span) -> bool:
    return bool(_list(span.attributes, _PROMPTS) or _list(span.attributes, _COMPLETIONS))


def _read(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    if semconv.operation_of(span.attributes) is not None:
        yield semconv.fragment_of(span, _call(span, context, format_name), settled=True)


def _call(span: Span, context: Context, format_name: str) -> Call:
    attributes = span.attributes
    base = semconv.call_of(span, context, format_name)
    prompts, completions = _list(attributes, _PROMPTS), _list(attributes, _COMPLETIONS)
    vendor = text(first(attributes, "gen_ai.system", "llm.vendor")).lower()
    is_anthropic = vendor == "anthropic"
    read = _anthropic(prompts, completions) if is_anthropic else _openai(prompts, completions)
    known = structs.replace(
        base,
        provider=base.provider or vendor,
        # The instrumentation of Anthropic calls its messages a completion.
        operation="chat" if is_anthropic else base.operation,
        model_requested=text(first(attributes, "gen_ai.request.model", "llm.request.model")),
        model_served=text(first(attributes, "gen_ai.response.model", "llm.response.model")),
    )
    tools = tuple(functions(attributes))
    return structs.replace(
        told(known, read),
        call_id=base.call_id,
        contract=Contract(),
        tools=tools,
        captured=structs.replace(
            read.captured,
            input=bool(prompts) and read.captured.input,
            output=_is_whole(completions, read),
            tools=bool(prompts) and all(map(is_known, tools)),
        ),
    )


def _list(attributes: Attributes, prefixes: tuple[str, ...]) -> list[Attributes]:
    """The elements of the list under the first of these prefixes that has any."""
    return next((found for prefix in prefixes if (found := numbered(attributes, prefix))), [])


def functions(attributes: Attributes) -> Iterator[Tool]:
    """The tools under ``llm.request.functions.N``. Those of the provider itself come without parameters."""
    for function in numbered(attributes, "llm.request.functions"):
        name, parameters = text(function.get("name")), function.get("parameters")
        if parameters is None:
            yield Tool(name, "builtin")
        else:
            yield Tool(name, "function", string(function.get("description")), schema(structured(parameters)))


def is_known(tool: Tool) -> bool:
    """Whether a tool came with its parameters, or has none to come with."""
    return tool.schema is not None or tool.kind == "builtin"


def _is_whole(completions: list[Attributes], read: Read) -> bool:
    """Whether all of the answer is there: the oldest emitters keep the first of several tool calls.

    They write it as the ``function_call`` that tool calls replaced.
    """
    first_only = any(
        "function_call.name" in choice and choice.get("finish_reason") != "function_call"
        for choice in completions
    )
    return bool(completions) and not first_only and is_complete(read.answer.outputs)


# -------------------------------------------------------------------------------------------------- bodies


def _openai(prompts: list[Attributes], completions: list[Attributes]) -> Read:
    messages = [
        {
            "role": prompt.get("role"),
            "content": _content(prompt),
            "tool_call_id": prompt.get("tool_call_id"),
            "tool_calls": _tool_calls(prompt),
            "function_call": _function_call(prompt),
        }
        for prompt in prompts
    ]
    choices = [
        {
            "finish_reason": choice.get("finish_reason"),
            "message": {
                "content": withheld.MISSING if _is_silent(choice) else choice.get("content"),
                "refusal": choice.get("refusal"),
                "tool_calls": _tool_calls(choice),
                "function_call": _function_call(choice),
            },
        }
        for choice in completions
    ]
    return read_as(CHAT, {"messages": messages}, {"choices": choices})


def _anthropic(prompts: list[Attributes], completions: list[Attributes]) -> Read:
    """The blocks of one answer are numbered as choices are elsewhere; thoughts have a role of their own."""
    messages = [{"role": prompt.get("role"), "content": _content(prompt)} for prompt in prompts]
    blocks: list[Body] = []
    for block in completions:
        said = block.get("content")
        if block.get("role") == "thinking":
            blocks.append({"type": "thinking", "thinking": said})
        elif said is not None:
            blocks.append({"type": "text", "text": said})
        blocks += (
            {"type": "tool_use", "id": call["id"], **call["function"], "input": call["function"]["arguments"]}
            for call in _tool_calls(block)
        )
    reason = next((block["finish_reason"] for block in completions if block.get("finish_reason")), None)
    answer = {"content": blocks, "stop_reason": reason}
    return read_as(MESSAGES, {"messages": messages}, answer if completions else None)


def _is_silent(flat: Attributes) -> bool:
    """Whether a message says nothing, not even an empty text."""
    return not any(name.startswith(_SAYING) for name in flat)


def _content(prompt: Attributes) -> Any:
    """A message's content: text, or the JSON text of a list of blocks."""
    if _is_silent(prompt):
        return withheld.MISSING
    said = prompt.get("content")
    blocks = structured(said) if isinstance(said, str) and said.startswith("[") else None
    is_blocks = isinstance(blocks, list) and all(isinstance(at(block, "type"), str) for block in blocks)
    return blocks if is_blocks else said


def _tool_calls(flat: Attributes) -> list[Body]:
    return [{"id": call.get("id"), "function": _function(call)} for call in numbered(flat, "tool_calls")]


def _function(flat: Attributes) -> Body:
    return {"name": flat.get("name"), "arguments": flat.get("arguments", withheld.MISSING)}


def _function_call(flat: Attributes) -> Body | None:
    if "function_call.name" not in flat:
        return None
    arguments = flat.get("function_call.arguments", withheld.MISSING)
    return {"name": flat["function_call.name"], "arguments": arguments}


register(Dialect("indexed", _recognises, _read))
