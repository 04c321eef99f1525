"""pydantic-ai, versions 2 to 6 of its spans: requests, agents and failed attempts come in, calls go out.

It speaks the conventions and says besides what it asked the model for, in ``model_request_parameters``. Of a
``FallbackModel`` the agent's span names the models, the request's span the one that answered, and spans below
that those that failed: they are told with the request they belong to, whose time holds theirs.
https://ai.pydantic.dev/logfire/ and https://ai.pydantic.dev/models/overview/#fallback-model
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode.otlp import semconv
from monitor.decode.otlp.attributes import structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.span import Span
from monitor.decode.otlp.told import is_complete
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import flag, integer, mapping, objects, schema, string, text
from monitor.decode.registry import Context
from monitor.records import (
    Call,
    Captured,
    Contract,
    ContractKind,
    FallbackHint,
    Fragment,
    FragmentKind,
    Tool,
    ToolChoice,
)

_PARAMETERS = "model_request_parameters"
_ATTEMPT = "pydantic_ai.model_request.attempt"
_FALLBACK = "fallback:"


def _recognises(span: Span) -> bool:
    return any(name in span.attributes for name in (_PARAMETERS, _ATTEMPT, "pydantic_ai.all_messages")) or (
        "agent_name" in span.attributes and "model_name" in span.attributes
    )


def _read(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    attributes = span.attributes
    models = _models(attributes.get("model_name"))
    if semconv.operation_of(attributes) is not None:
        yield semconv.fragment_of(span, _call(span, context, format_name), settled=True)
    elif integer(attributes.get(_ATTEMPT)) == 0 and span.parent_span_id:
        yield _first_choice(span, span.parent_span_id, context, format_name)
    elif models:
        yield _chain(span, models)


def _call(span: Span, context: Context, format_name: str) -> Call:
    call = semconv.call_of(span, context, format_name)
    attributes = span.attributes
    asked = mapping(structured(attributes.get(_PARAMETERS)))
    if asked:
        call = _asked(call, asked)
    whole = call.captured.output and is_complete(call.outputs)
    call = structs.replace(call, captured=structs.replace(call.captured, output=whole))
    models = _models(call.model_requested)
    if not models:
        return call
    # No model answered: the span still has the names of all, and the last of them is what failed.
    provider = call.provider.removeprefix(_FALLBACK).split(",")[-1]
    return structs.replace(call, provider=provider, model_requested=models[-1])


def _asked(call: Call, asked: Body) -> Call:
    """The call with what its request parameters say: format and tools, some of which stand for a format."""
    tools = tuple(
        _tool(tool) for name in ("function_tools", "output_tools") for tool in objects(asked.get(name))
    )
    natives = (asked.get("native_tools"), asked.get("builtin_tools"))
    builtin = tuple(Tool(text(tool.get("kind")), "builtin") for given in natives for tool in objects(given))
    must_call = bool(tools) and asked.get("allow_text_output") is False
    contract = _contract(asked, must_call)
    return structs.replace(
        call,
        contract=contract,
        tools=tools + builtin,
        tool_choice=ToolChoice("required" if must_call else "auto"),
        captured=structs.replace(
            call.captured,
            tools=True,
            schema=contract.kind is not ContractKind.JSON_SCHEMA or contract.schema is not None,
        ),
    )


def _contract(asked: Body, must_call: bool) -> Contract:
    """What an output mode promises.

    ``prompted`` puts the schema into the instructions; the provider is only asked for JSON.
    """
    mode = asked.get("output_mode")
    wanted = mapping(asked.get("output_object"))
    if mode in ("native", "prompted") and (wanted or mode == "native"):
        strict = flag(wanted.get("strict")) if mode == "native" else None
        given = schema(wanted.get("json_schema"))
        return Contract(ContractKind.JSON_SCHEMA, given, strict, string(wanted.get("name")))
    if mode == "prompted":
        return Contract(ContractKind.JSON_OBJECT)
    if must_call:
        names = [text(tool.get("name")) for tool in objects(asked.get("output_tools"))]
        alone = len(names) == 1 and not any(objects(asked.get("function_tools")))
        return Contract(ContractKind.TOOL, name=names[0] if alone else None)
    return Contract(ContractKind.NONE if mode in ("text", "tool", "tool_or_text") else ContractKind.UNKNOWN)


def _tool(tool: Body) -> Tool:
    return Tool(
        name=text(tool.get("name")),
        description=string(tool.get("description")),
        schema=schema(tool.get("parameters_json_schema")),
        strict=flag(tool.get("strict")),
    )


# ---------------------------------------------------------------------------------------------- fallbacks


def _models(name: Any) -> tuple[str, ...]:
    """The models of a ``FallbackModel``'s name, ``fallback:a,b``; none of another model's."""
    listed = text(name)
    return tuple(listed.removeprefix(_FALLBACK).split(",")) if listed.startswith(_FALLBACK) else ()


def _chain(span: Span, models: tuple[str, ...]) -> Fragment:
    return Fragment(
        kind=FragmentKind.CHAIN,
        group=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        emitter=span.scope,
        started_at=span.started_at,
        ended_at=span.ended_at,
        models=models,
    )


def _first_choice(span: Span, request_span_id: str, context: Context, format_name: str) -> Fragment:
    """What a failed first attempt says of its request, whose span it is below: from which model, and why."""
    attempt = semconv.call_of(span, context, format_name)
    cause = attempt.error.category.value if attempt.error else None
    return Fragment(
        kind=FragmentKind.CONTENT,
        group=span.trace_id,
        span_id=request_span_id,
        emitter=span.scope,
        started_at=span.started_at,
        ended_at=span.ended_at,
        call=Call(
            source=attempt.source,
            call_id=request_span_id,
            started_at=span.started_at,
            fallback=FallbackHint("fallback", attempt.model_requested, cause=cause, evidence=_ATTEMPT),
            captured=Captured(input=False, output=False, tools=False),
        ),
    )


register(Dialect("pydantic_ai", _recognises, _read))
