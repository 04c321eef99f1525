"""Vercel's AI SDK with its own names, ``ai.*``: spans come in, calls go out.

The spans ``….doGenerate`` and ``….doStream`` are the calls; those around them are the SDK's functions, which
loop and retry. Reference: https://ai-sdk.dev/docs/ai-sdk-core/telemetry#collected-data, and the source of
``@ai-sdk/otel`` (https://github.com/vercel/ai, ``packages/otel/src/legacy-open-telemetry.ts``). Older
versions write a tool call's arguments as text, newer ones parse them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode import withheld
from monitor.decode.otlp import semconv
from monitor.decode.otlp.attributes import elements, first, structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.span import Attributes, Span
from monitor.decode.otlp.tokens import usage_of
from monitor.decode.otlp.told import is_complete
from monitor.decode.pair.api import Body
from monitor.decode.pair.fallbacks import vercel_routing
from monitor.decode.pair.shapes import (
    at,
    flag,
    json_text,
    mapping,
    merged_text,
    number,
    objects,
    schema,
    string,
    text,
)
from monitor.decode.registry import Context
from monitor.records import (
    Call,
    Captured,
    Contract,
    ContractKind,
    FinishReason,
    Fragment,
    Message,
    Output,
    Part,
    PartType,
    Tool,
    ToolCall,
    ToolChoice,
)

_CALLS = (".doGenerate", ".doStream")
_OBJECTS = ("ai.generateObject", "ai.streamObject")

#: Providers of the SDK under the names of OpenTelemetry, by how the SDK's begin.
_PROVIDERS = (
    ("azure", "azure.ai.openai"),
    ("amazon-bedrock", "aws.bedrock"),
    ("google.vertex", "gcp.vertex_ai"),
    ("vertex", "gcp.vertex_ai"),
    ("google", "gcp.gemini"),
    ("mistral", "mistral_ai"),
    ("xai", "x_ai"),
)

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content-filter": FinishReason.CONTENT_FILTER,
    "tool-calls": FinishReason.TOOL_CALL,
    "error": FinishReason.ERROR,
}

_TOKENS = {
    "input_tokens": ("ai.usage.inputTokens", "ai.usage.promptTokens"),
    "output_tokens": ("ai.usage.outputTokens", "ai.usage.completionTokens"),
    "cache_read_tokens": ("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
    "cache_write_tokens": ("ai.usage.inputTokenDetails.cacheWriteTokens",),
    "reasoning_tokens": ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
}

#: The types of a tool's output that say that it failed. Before version 5, ``isError`` said so.
_ERRORS = ("error-text", "error-json")

#: Where an answer's text stands: an object's as it was written, before it was parsed.
_TEXTS = ("ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object")
_TOOL_CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")


def _read(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    operation = text(span.attributes.get("ai.operationId"))
    if operation.endswith(_CALLS) and not operation.startswith("ai.embed"):
        call = _call(span, context, format_name, operation)
        response_id = string(span.attributes.get("ai.response.id")) or None
        yield structs.replace(semconv.fragment_of(span, call, settled=True), response_id=response_id)


def _call(span: Span, context: Context, format_name: str, operation: str) -> Call:
    attributes = span.attributes
    base = semconv.call_of(span, context, format_name)
    provider, model = _model(attributes, base)
    messages = elements(attributes.get("ai.prompt.messages"))
    offered = elements(attributes.get("ai.prompt.tools")) or []
    output = _output(attributes)
    outputs = (output,) if output else ()
    contract = _contract(attributes, operation)
    metadata = structured(attributes.get("ai.response.providerMetadata"))
    return structs.replace(
        base,
        call_id=text(attributes.get("ai.response.id")) or span.span_id,
        provider=provider,
        model_requested=model,
        model_served=text(attributes.get("ai.response.model")) or base.model_served,
        ttft_ms=_ttft_ms(attributes),
        stream=operation.endswith(".doStream"),
        contract=contract,
        tools=tuple(_tools(offered)),
        tool_choice=_tool_choice(mapping(structured(attributes.get("ai.prompt.toolChoice")))),
        input=tuple(map(_message, objects(messages))),
        outputs=outputs,
        usage=usage_of(attributes, _TOKENS, provider),
        fallback=vercel_routing(mapping(at(metadata, "gateway", "routing"))),
        captured=Captured(
            input=messages is not None,
            output=bool(outputs) and is_complete(outputs),
            # Tools are recorded as inputs are; a call without any has no attribute for them.
            tools=messages is not None and all(isinstance(structured(tool), dict) for tool in offered),
            schema=contract.kind is not ContractKind.JSON_SCHEMA or contract.schema is not None,
        ),
    )


def _model(attributes: Attributes, base: Call) -> tuple[str, str]:
    """The provider and the model that was asked for; Vercel's gateway has the one before the other."""
    named = text(attributes.get("ai.model.provider")) or base.provider
    model = text(attributes.get("ai.model.id")) or base.model_requested
    if named == "gateway" and "/" in model:
        named, _, model = model.partition("/")
    known = (ours for theirs, ours in _PROVIDERS if named.startswith(theirs))
    return next(known, named.partition(".")[0]), model


def _ttft_ms(attributes: Attributes) -> float | None:
    return number(first(attributes, "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"))


# ------------------------------------------------------------------------------------------------- request


def _contract(attributes: Attributes, operation: str) -> Contract:
    """What was promised: the functions that make objects ask for JSON, the others don't say.

    The schema stands on the span around the call's, unless an emitter copies it.
    """
    if not operation.startswith(_OBJECTS):
        return Contract()
    if attributes.get("ai.settings.output") == "no-schema":
        return Contract(ContractKind.JSON_OBJECT)
    name = string(attributes.get("ai.schema.name"))
    return Contract(ContractKind.JSON_SCHEMA, schema(structured(attributes.get("ai.schema"))), name=name)


def _tools(offered: list[Any]) -> Iterator[Tool]:
    """The tools, each an object or its JSON text; those of a provider come without a schema."""
    for listed in offered:
        tool = mapping(structured(listed))
        name = text(tool.get("name"))
        if tool.get("type") in (None, "function"):
            parameters = schema(first(tool, "inputSchema", "parameters"))
            yield Tool(
                name, "function", string(tool.get("description")), parameters, flag(tool.get("strict"))
            )
        else:
            yield Tool(name, "builtin")


def _tool_choice(choice: Body) -> ToolChoice:
    kind, name = choice.get("type"), text(choice.get("toolName"))
    if kind == "tool" and name:
        return ToolChoice("required", (name,))
    if kind == "none":
        return ToolChoice("none")
    return ToolChoice("required" if kind == "required" else "auto")


def _message(message: Body) -> Message:
    content = message.get("content")
    said = (
        (Part(PartType.TEXT, content),) if isinstance(content, str) else tuple(map(_part, objects(content)))
    )
    return Message(text(message.get("role")), said)


def _part(part: Body) -> Part:
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return Part(PartType.TEXT if kind == "text" else PartType.REASONING, text(part.get("text")))
    if kind == "tool-call":
        call = _tool_call(part)
        return Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)
    if kind == "tool-result":
        id_, name = string(part.get("toolCallId")), string(part.get("toolName"))
        output = first(part, "output", "result")
        is_error = part.get("isError") is True or at(output, "type") in _ERRORS
        return Part(PartType.TOOL_RESULT, _result(output), id=id_, name=name, is_error=is_error)
    if kind in ("file", "image"):
        return Part(PartType.MEDIA, name=string(first(part, "mediaType", "mimeType")) or text(kind))
    return Part(PartType.OTHER, name=string(kind))


def _result(output: Any) -> str:
    """What a tool returned: newer versions wrap it as ``{type, value}``."""
    value = output["value"] if isinstance(output, dict) and "value" in output else output
    if at(output, "type") == "content":
        return merged_text(value, "text", "\n")
    return "" if value is None else json_text(value)


# ------------------------------------------------------------------------------------------------ response


def _output(attributes: Attributes) -> Output | None:
    """The answer, or ``None`` where outputs were not recorded."""
    said, called = first(attributes, *_TEXTS), elements(first(attributes, *_TOOL_CALLS))
    if said is None and called is None:
        return None
    reason = text(first(attributes, "ai.response.finishReason", "ai.finishReason"))
    return Output(
        text=text(said),
        reasoning=string(attributes.get("ai.response.reasoning")) or None,
        tool_calls=tuple(map(_tool_call, objects(called))),
        finish_reason=_FINISH_REASONS.get(reason, FinishReason.UNKNOWN),
        finish_reason_raw=reason or None,
    )


def _tool_call(call: Body) -> ToolCall:
    arguments = first(call, "input", "args")
    return ToolCall(
        name=text(call.get("toolName")),
        arguments=withheld.MISSING if arguments is None else json_text(arguments),
        id=string(call.get("toolCallId")),
        server_side=call.get("providerExecuted") is True,
    )


register(Dialect("vercel", lambda span: "ai.operationId" in span.attributes, _read, rank=2))
