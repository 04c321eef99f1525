"""What a request asks for, where APIs say it alike: functions, tool choices and output formats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, flag, mapping, objects, schema, string, strings, text
from monitor.records import Contract, ContractKind, Expected, Tool, ToolChoice

#: Modalities of an answer, under OpenTelemetry's names (``gen_ai.output.type``).
_MEDIA = {"image": "image", "audio": "speech", "video": "video"}

# A language's code with what may follow it. Perplexity takes names of languages too, and those are not read.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")

#: "Omitting parameters defines a function with an empty parameter list."
NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def contract_of(format_object: Body, choice: ToolChoice) -> Contract:
    """The contract of a flat format object ``{type, name, schema, strict}`` and of a tool choice."""
    kind, given = format_object.get("type"), schema(format_object.get("schema"))
    if kind == "json_schema" or (kind == "json_object" and given is not None):
        strict, name = flag(format_object.get("strict")), string(format_object.get("name"))
        return Contract(ContractKind.JSON_SCHEMA, given, strict, name)
    if kind == "json_object":
        return Contract(ContractKind.JSON_OBJECT)
    if choice.mode == "required":
        return Contract(ContractKind.TOOL, name=choice.names[0] if len(choice.names) == 1 else None)
    return Contract(ContractKind.NONE)


def media_of(kinds: Iterable[str]) -> str:
    """The first of ``image``, ``speech`` and ``video`` that is among kinds of content; empty if none is."""
    found = set(kinds)
    return next((form for kind, form in _MEDIA.items() if kind in found), "")


def expected_of(modalities: Any, choices: Any = None, language: Any = None) -> Expected:
    """What else a request asks of its answer.

    Args:
        modalities: what the answer may be made of: ``["text", "audio"]``. One that may hold a picture or
            speech need not hold text.
        choices: the only texts that may be answered.
        language: what it is to be written in, as a language tag; anything else counts as absent.
    """
    media = media_of(kind.lower() for kind in strings(modalities))
    values = () if media else tuple(strings(choices))
    tag = text(language)
    return Expected(
        language=tag if _LANGUAGE.fullmatch(tag) else "",
        format=media or ("enum" if values else ""),
        values=values,
    )


def function_tool(function: Body) -> Tool:
    """A function the application offers: ``{name, description, parameters, strict}``."""
    parameters = schema(function.get("parameters"))
    return Tool(
        name=text(function.get("name")),
        description=string(function.get("description")),
        schema=NO_PARAMETERS if parameters is None else parameters,
        strict=flag(function.get("strict")),
    )


def tool_choice(value: Any) -> ToolChoice:
    """The tool choice of Chat Completions and of Responses, which nests its objects less."""
    if value in ("none", "auto"):
        return ToolChoice(value)
    if value in ("required", "any"):
        return ToolChoice("required")
    kind = at(value, "type")
    if kind == "allowed_tools":
        allowed = mapping(value.get("allowed_tools", value))
        names = (tool_name(tool) for tool in objects(allowed.get("tools")))
        known = tuple(name for name in names if name)
        return ToolChoice("required" if allowed.get("mode") == "required" else "auto", known)
    name = tool_name(mapping(value))
    return ToolChoice("required", (name,)) if name else ToolChoice()


def tool_name(tool: Body) -> str:
    """``{type, function: {name}}``, ``{type, name}``, ``{name}``, or a built-in tool's ``{type}``."""
    kind = text(tool.get("type"))
    return text(at(tool, kind, "name") or tool.get("name") or tool.get("server_label")) or kind
