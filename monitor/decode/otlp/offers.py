"""What was promised and offered, as far as spans say it: attributes come in, a contract and tools go out.

The conventions have no attribute for a JSON schema, nor for the choice of tools. Where an emitter has one of
its own it is read; where it is silent, silence counts as "nothing asked for" only for emitters of which it
was seen that they speak up otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.otlp.attributes import elements, first, structured
from monitor.decode.otlp.span import Span
from monitor.decode.pair.offers import tool_name
from monitor.decode.pair.shapes import flag, mapping, objects, schema, string, text
from monitor.records import Contract, ContractKind, Expected, Tool

#: JSON was asked for, with a schema or without: these spans can't say which.
_SOME_JSON = Contract(ContractKind.JSON_SCHEMA)

_RESPONSE_FORMATS = {
    "json_schema": Contract(ContractKind.JSON_SCHEMA),
    "json_object": Contract(ContractKind.JSON_OBJECT),
    "text": Contract(ContractKind.NONE),
}

#: Who says that JSON was asked for whenever it was.
_SAYS_JSON = frozenset(
    {
        "opentelemetry.instrumentation.genai.openai",
        "opentelemetry.instrumentation.openai_v2",
        "com.anthropic.sdk.python",
    }
)
#: Who does so of OpenAI's API only: other instrumentations write through it too.
_SHARED_HANDLER = "opentelemetry.util.genai.handler"

#: Who lists the tools that were offered wherever it writes messages.
_LISTS_TOOLS = frozenset(
    {
        "opentelemetry.instrumentation.genai.openai",
        "opentelemetry.instrumentation.genai.anthropic",
        "opentelemetry.instrumentation.anthropic",
    }
)


def contract(span: Span) -> Contract:
    """What a span says was promised."""
    asked = first(span.attributes, "gen_ai.request.structured_output_schema")
    if asked is not None:
        return _traceloop(structured(asked))
    response_format = span.attributes.get("gen_ai.openai.request.response_format")
    if isinstance(response_format, str) and response_format in _RESPONSE_FORMATS:
        return _RESPONSE_FORMATS[response_format]
    output_type = span.attributes.get("gen_ai.output.type")
    if output_type == "json":
        return _SOME_JSON
    # openlit writes "text" whatever was asked for.
    is_text = isinstance(output_type, str) and not span.scope.startswith("openlit.")
    return Contract(ContractKind.NONE if is_text or _would_say(span) else ContractKind.UNKNOWN)


def expected(span: Span) -> Expected:
    """What else a span says was asked of the answer: whether it was to be a picture or speech, not text."""
    output_type = span.attributes.get("gen_ai.output.type")
    return Expected(format=output_type) if output_type in ("image", "speech") else Expected()


def _would_say(span: Span) -> bool:
    """Whether the emitter would have said so, had JSON been asked for."""
    if span.scope == _SHARED_HANDLER:
        return bool(span.attributes.get("gen_ai.provider.name") == "openai")
    return span.scope in _SAYS_JSON or _is_traceloop_chat(span)


def _is_traceloop_chat(span: Span) -> bool:
    """OpenLLMetry's span of Chat Completions: of the Responses API it tells less.

    Its older generations tell less of both; they have ``gen_ai.system`` instead of the provider's name.
    """
    is_new = "gen_ai.provider.name" in span.attributes
    return span.scope == "opentelemetry.instrumentation.openai.v1" and span.name == "openai.chat" and is_new


def _traceloop(asked: Any) -> Contract:
    """OpenLLMetry's own attribute: the schema, or ``{"type": "json_object"}`` where there was none."""
    if asked == {"type": "json_object"}:
        return Contract(ContractKind.JSON_OBJECT)
    return Contract(ContractKind.JSON_SCHEMA, schema(asked))


def tools(span: Span) -> tuple[Tool, ...] | None:
    """The tools that a span says were offered; ``None`` where it doesn't say, or its list was cut."""
    listed = first(span.attributes, "gen_ai.tool.definitions")
    if listed is not None:
        definitions = elements(listed)
        return None if definitions is None else tuple(_tools(definitions))
    would_list = span.scope in _LISTS_TOOLS or _is_traceloop_chat(span)
    return () if would_list and "gen_ai.input.messages" in span.attributes else None


def _tools(definitions: list[Any]) -> Iterator[Tool]:
    """Definitions as the conventions have them, or as the request of OpenAI's or Anthropic's API did."""
    for given in objects(definitions):
        definition = {**given, **mapping(given.get("function"))}
        kind = text(definition.get("type"))
        if kind in ("", "function", "custom"):
            parameters = first(definition, "parameters", "input_schema")
            yield Tool(
                name=text(definition.get("name")),
                description=string(definition.get("description")),
                schema=schema(structured(parameters)),
                strict=flag(definition.get("strict")),
            )
        else:
            name = text(definition.get("name")) or tool_name(definition)
            yield Tool(name, "mcp" if kind == "mcp" else "builtin")
