"""The OpenTelemetry GenAI conventions, all three generations: a span's attributes come in, a call goes out.

References: https://github.com/open-telemetry/semantic-conventions-genai (the newest),
https://opentelemetry.io/docs/specs/semconv/gen-ai/ (to v1.41) and, for the oldest names, the same of v1.27 to
v1.36. What an attribute means is told by its name, never by a version or ``schema_url``: emitters declare one
generation and write another.
"""

from __future__ import annotations

from msgspec import structs

from monitor.decode import withheld
from monitor.decode.clean import identifier
from monitor.decode.otlp import failures, messages, offers
from monitor.decode.otlp.attributes import elements, first
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.span import Attributes, Span
from monitor.decode.otlp.tokens import usage_of
from monitor.decode.pair.endpoint import Endpoint
from monitor.decode.pair.shapes import flag, number, string, text
from monitor.decode.providers import provider_name
from monitor.decode.registry import Context
from monitor.records import Call, Captured, ContractKind, Fragment, FragmentKind, Status

#: The operations that are a model answering, under all their names.
OPERATIONS = {
    "chat": "chat",
    "chat_completion": "chat",
    "chat.completions": "chat",
    "completion": "text_completion",
    "text_completion": "text_completion",
    "generate_content": "generate_content",
    "response": "chat",
    "responses": "chat",
}

#: Where each count of tokens stands, the newest name first.
_TOKENS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
    ),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
}

#: Where a request went: a host, or a URL.
_ADDRESSES = ("server.address", "gen_ai.openai.api_base", "openai.api_base")

#: Longest time to a first token beyond the span's own that is the clocks' difference, in milliseconds.
_CLOCKS_MS = 1.0

#: Signs of an answer on spans of the oldest generation, which don't name their operation.
_ANSWERED = ("gen_ai.response.finish_reasons", "gen_ai.output.messages", *_TOKENS["output_tokens"])


def call_of(span: Span, context: Context, format_name: str) -> Call:
    """What the ``gen_ai.*`` attributes of a span say of a call.

    Args:
        span: an inference span of any emitter.
        context: where it was read; its mapping names the dimensions.
        format_name: the format that it came in.
    """
    attributes = span.attributes
    sent = messages.captured(attributes.get("gen_ai.input.messages"))
    system = elements(attributes.get("gen_ai.system_instructions"))
    answered = messages.captured(attributes.get("gen_ai.output.messages"))
    cut = system is None and attributes.get("gen_ai.system_instructions") is not None
    error = failures.read(span)
    contract, tools = offers.contract(span), offers.tools(span)
    response_id = response_id_of(attributes)
    call = Call(
        source=context.source(format_name),
        call_id=response_id or span.span_id,
        request_id=f"{span.trace_id}:{span.parent_span_id}" if span.parent_span_id else span.trace_id,
        trace_id=span.trace_id,
        span_id=span.span_id,
        started_at=span.started_at,
        duration_ms=(span.ended_at - span.started_at).total_seconds() * 1000,
        ttft_ms=_ttft_ms(attributes),
        stream=flag(first(attributes, "gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming")),
        provider=_provider(attributes),
        operation=operation_of(attributes) or "chat",
        model_requested=text(attributes.get("gen_ai.request.model")),
        model_served=text(attributes.get("gen_ai.response.model")),
        status=Status.OK if error is None else Status.ERROR,
        error=error,
        contract=contract,
        expected=offers.expected(span),
        tools=tools or (),
        input=messages.conversation(sent, system),
        documents=messages.documents(sent) + messages.documents(answered),
        outputs=messages.choices(answered, attributes.get("gen_ai.response.finish_reasons")),
        usage=usage_of(attributes, _TOKENS, _provider(attributes)),
        captured=Captured(
            input=sent is not None and not cut and messages.is_whole([*sent, *(answered or ())]),
            output=answered is not None and (error is None or bool(answered)),
            tools=tools is not None
            and all(tool.schema is not None or tool.kind != "function" for tool in tools),
            schema=contract.kind is not ContractKind.JSON_SCHEMA or contract.schema is not None,
        ),
    )
    return structs.replace(call, **context.mapping.read(attributes, span.resource))


def fragment_of(span: Span, call: Call, *, settled: bool) -> Fragment:
    """The fragment of a span that stands for a call; it has the span's id where its own says nothing.

    A first token after the span's end is none.

    Args:
        span: the span.
        call: what it says.
        settled: whether no other span or event will say more of what was said in the call.
    """
    length_ms = (span.ended_at - span.started_at).total_seconds() * 1000
    is_beyond = call.ttft_ms is not None and 0 <= length_ms < call.ttft_ms - _CLOCKS_MS
    return Fragment(
        kind=FragmentKind.CALL,
        group=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        response_id=response_id_of(span.attributes),
        emitter=span.scope,
        started_at=span.started_at,
        ended_at=span.ended_at,
        call=structs.replace(
            call,
            call_id=identifier(call.call_id) or span.span_id,
            ttft_ms=None if is_beyond else call.ttft_ms,
        ),
        settled=settled,
    )


def response_id_of(attributes: Attributes) -> str | None:
    """The provider's id of the response."""
    return identifier(string(attributes.get("gen_ai.response.id")))


def operation_of(attributes: Attributes) -> str | None:
    """Which way of asking a model a span is; ``None`` for anything else: an agent, a tool, a search."""
    named = first(attributes, "gen_ai.operation.name", "llm.request.type")
    if named is not None:
        return OPERATIONS.get(text(named))
    is_old = "gen_ai.request.model" in attributes and any(name in attributes for name in _ANSWERED)
    return "chat" if is_old else None


def _provider(attributes: Attributes) -> str:
    """Who served the call. Of OpenAI's client, which others are asked with too, the host says who it was."""
    named = provider_name(text(first(attributes, "gen_ai.provider.name", "gen_ai.system")).lower())
    if named != "openai":
        return named
    address = text(first(attributes, *_ADDRESSES))
    return Endpoint(address if "://" in address else f"//{address}").known_provider or named


def _ttft_ms(attributes: Attributes) -> float | None:
    """The time to the first chunk, which is in seconds.

    openlit's own attribute is the whole duration where nothing was streamed, so there it doesn't count.
    """
    seconds = attributes.get("gen_ai.response.time_to_first_chunk")
    if seconds is None and attributes.get("gen_ai.request.stream") is True:
        seconds = attributes.get("gen_ai.server.time_to_first_token")
    return None if (known := number(seconds)) is None else known * 1000


def recognises(span: Span) -> bool:
    """Whether a span is a model answering, as the conventions say it."""
    return operation_of(span.attributes) is not None


def read(span: Span, context: Context, format_name: str) -> tuple[Fragment]:
    """The call of an inference span. What it doesn't carry may still come in an event."""
    call = withheld.without_marks(call_of(span, context, format_name))
    is_answered = call.captured.output or call.status is Status.ERROR
    lists_tools = call.captured.tools or bool(call.tools)
    return (fragment_of(span, call, settled=bool(call.input) and is_answered and lists_tools),)


register(Dialect("semconv", recognises, read, rank=0))
