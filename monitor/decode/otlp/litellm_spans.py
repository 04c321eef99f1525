"""LiteLLM's OpenTelemetry callback: its two spans for one attempt come in, a call and its content go out.

``litellm_request`` speaks the conventions, except for tool calls, which it has numbered like nobody else, and
for refusals, formats and tool choices, which it leaves out. ``raw_gen_ai_request``, below it, has the
provider's bodies as Python writes them; of a stream only the request.
https://docs.litellm.ai/docs/observability/opentelemetry_integration
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode.otlp import literal, messages, semconv
from monitor.decode.otlp.attributes import elements, structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.indexed import functions, is_known
from monitor.decode.otlp.numbered import numbered
from monitor.decode.otlp.span import Attributes, Span
from monitor.decode.otlp.told import CHAT, MESSAGES, is_complete, read_as, sent, told
from monitor.decode.pair import bodies
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, integer, json_text, text
from monitor.decode.registry import Context
from monitor.decode.withheld import is_withheld
from monitor.records import (
    Call,
    Contract,
    FallbackHint,
    Fragment,
    FragmentKind,
    Output,
    ToolCall,
)

_RAW = "raw_gen_ai_request"

#: LiteLLM's functions that ask a model. Their asynchronous twins have an ``a`` before the name.
_FUNCTIONS = frozenset(
    {"chat", "completion", "text_completion", "responses", "anthropic_messages", "generate_content"}
)

#: The fields of requests that say what was sent and what was promised. Without one of these that is unknown.
_ASKED = frozenset(
    {
        *("messages", "input", "system", "prompt", "instructions", "extra_body"),
        *("tools", "functions", "tool_choice", "response_format", "text", "output_config"),
    }
)


def _recognises(span: Span) -> bool:
    return (
        span.name == _RAW or "litellm.call_id" in span.attributes or "litellm.model_group" in span.attributes
    )


def _read(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    if span.name == _RAW:
        yield from _raw(span, context, format_name)
    elif _is_call(text(span.attributes.get("gen_ai.operation.name"))):
        yield semconv.fragment_of(span, _call(span, context, format_name), settled=False)


def _is_call(function: str) -> bool:
    return function in _FUNCTIONS or function.removeprefix("a") in _FUNCTIONS


def _call(span: Span, context: Context, format_name: str) -> Call:
    attributes = span.attributes
    call = semconv.call_of(span, context, format_name)
    tools = tuple(functions(attributes))
    outputs = _outputs(attributes)
    has_content = all(output.text or output.tool_calls for output in outputs)
    return structs.replace(
        call,
        route=call.route or text(attributes.get("litellm.model_group")),
        stream={"True": True, "False": False}.get(text(attributes.get("llm.is_streaming")), call.stream),
        contract=Contract(),
        tools=tools,
        outputs=outputs,
        fallback=FallbackHint() if span.parent_span_id else _hint(attributes),
        captured=structs.replace(
            call.captured,
            output=call.captured.output and has_content and is_complete(outputs),
            tools=call.captured.input and all(map(is_known, tools)),
        ),
    )


def _outputs(attributes: Attributes) -> tuple[Output, ...]:
    """The choices with their tool calls.

    ``gen_ai.completion.N.function_call`` is the N-th tool call of a choice. Those of several choices
    overwrite each other, so that whose they are isn't known.
    """
    answered, reasons = (
        elements(attributes.get(name))
        for name in ("gen_ai.output.messages", "gen_ai.response.finish_reasons")
    )
    outputs = messages.choices(answered, reasons)
    calls = tuple(
        ToolCall(text(call.get("function_call.name")), json_text(call.get("function_call.arguments") or ""))
        for call in numbered(attributes, "gen_ai.completion")
        if "function_call.name" in call
    )
    return (structs.replace(outputs[0], tool_calls=calls),) if len(outputs) == 1 else outputs


def _hint(attributes: Attributes) -> FallbackHint:
    """What LiteLLM's router adds to the answer of an attempt, where it isn't a stream.

    It doesn't say from which model. Below a proxy's span the other attempts do, so it isn't needed there.
    """
    headers = at(structured(attributes.get("hidden_params")), "additional_headers")
    for declared in ("fallback", "retry"):
        name = f"x-litellm-attempted-{'fallbacks' if declared == 'fallback' else 'retries'}"
        if (count := integer(at(headers, name)) or 0) > 0:
            return FallbackHint(declared, evidence=name, hop=count if declared == "retry" else None)
    return FallbackHint()


# ----------------------------------------------------------------------------------------------------- raw


def _raw(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    """What the raw request and response say of the call whose span is above."""
    provider, body, whole = _body(span.attributes)
    read = bodies.read(body, body) or read_as(MESSAGES if provider == "anthropic" else CHAT, body, None)
    if span.parent_span_id and body:
        call = told(semconv.call_of(span, context, format_name), read)
        if not whole:
            captured = structs.replace(call.captured, input=False, tools=False)
            call = structs.replace(call, contract=Contract(), captured=captured)
        yield Fragment(
            kind=FragmentKind.CONTENT,
            group=span.trace_id,
            span_id=span.parent_span_id,
            response_id=read.answer.id,
            emitter=span.scope,
            started_at=span.started_at,
            ended_at=span.ended_at,
            call=structs.replace(call, model_requested=""),
        )


def _body(attributes: Attributes) -> tuple[str, Body, bool]:
    """The provider and its bodies, request and response in one, and whether the request could be read.

    They stand under ``llm.openai.messages`` and so on.
    """
    provider, body, whole = "", {}, True
    for name, value in attributes.items():
        if name.startswith("llm.") and name.count(".") > 1:
            _, provider, field = name.split(".", 2)
            body[field] = _literal(value)
            is_lost = body[field] is None and value is not None
            whole = whole and not (is_lost and field in _ASKED)
    return provider, sent(body), whole


def _literal(value: Any) -> Any:
    """A value as JSON has it: lists and objects come as Python source, everything else as it is.

    Source that is no literal, or was cut, counts as absent.
    """
    if is_withheld(value):
        return None
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    return literal.read(value)


register(Dialect("litellm", _recognises, _read, rank=3))
