"""What was said in a call, as log records tell it: events come in, the content of spans' calls goes out.

There are two ways. One event tells everything at the end of a call, in attributes like a span's. The older
way is an event for each message and each choice, with a body in the shape of OpenAI's API. References:
https://github.com/open-telemetry/semantic-conventions-genai, and, for the older,
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/ of v1.36.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode.otlp.attributes import structured
from monitor.decode.otlp.dialect import EventDialect, register
from monitor.decode.otlp.semconv import call_of, operation_of, response_id_of
from monitor.decode.otlp.span import LogRecord, Span
from monitor.decode.otlp.wire import is_id
from monitor.decode.pair import chat_completions
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, integer, mapping, objects
from monitor.decode.registry import Context
from monitor.records import Call, Captured, Contract, Fragment, FragmentKind, Message, Output

#: Everything of a call in one event.
DETAILS = "gen_ai.client.inference.operation.details"

#: One choice of an answer.
CHOICE = "gen_ai.choice"

#: Whose message each of the other events is, unless its body says otherwise.
ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.developer.message": "developer",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


#: More choices than any API gives.
_MOST_CHOICES = 1000

#: The scopes of openlit, whose events of a stream name the span above the call's own.
_OPENLIT = "openlit."


def tells_a_call(record: LogRecord) -> bool:
    """Whether a log record tells a whole call of a model."""
    return record.event_name == DETAILS and operation_of(record.attributes) is not None


def read_call(record: LogRecord, context: Context, format_name: str) -> tuple[Fragment]:
    """What an event says of a whole call. It may be all that ever comes of it."""
    by_response = record.scope.startswith(_OPENLIT) and response_id_of(record.attributes)
    span = _as_span(structs.replace(record, span_id="") if by_response else record)
    return (_content(span, structs.replace(call_of(span, context, format_name), duration_ms=None)),)


def tells_a_piece(record: LogRecord) -> bool:
    """Whether a log record is one message or one choice."""
    return record.event_name == CHOICE or record.event_name in ROLES


def read_piece(record: LogRecord, context: Context, format_name: str) -> tuple[Fragment]:
    """What an event says of one message or choice; nothing of what was said where content is off."""
    span = _as_span(record)
    body = mapping(structured(record.body))
    is_choice = record.event_name == CHOICE
    says = _has_content({**body, **mapping(body.get("message"))})
    call = structs.replace(
        call_of(span, context, format_name),
        duration_ms=None,
        contract=Contract(),
        input=() if is_choice else _sent(ROLES[record.event_name], body),
        outputs=_answered(body) if is_choice else (),
        captured=Captured(input=says and not is_choice, output=says and is_choice, tools=False),
    )
    index = integer(body.get("index")) or 0
    choice = index if is_choice and 0 <= index < _MOST_CHOICES else 0
    return (structs.replace(_content(span, call), piece=True, choice=choice),)


def _as_span(record: LogRecord) -> Span:
    """The moment of the event as a span. One that belongs to no span has an id made of what it says.

    So it has the same one when it is exported again.
    """
    own = hashlib.sha256(repr(record).encode(errors="backslashreplace")).hexdigest()
    return Span(
        trace_id=record.trace_id if is_id(record.trace_id) else own,
        span_id=record.span_id if is_id(record.span_id) else own,
        parent_span_id=None,
        name=record.event_name,
        started_at=record.at,
        ended_at=record.at,
        attributes=record.attributes,
        resource=record.resource,
        scope=record.scope,
    )


def of_span(span: Span) -> Iterator[LogRecord]:
    """The events that a span carries itself, as some emitters have it, in the form of log records.

    Their body is the attribute ``gen_ai.event.content``, as JSON text.
    """
    for event in span.events:
        yield LogRecord(
            trace_id=span.trace_id,
            span_id=span.span_id,
            event_name=event.name,
            at=event.at,
            body=event.attributes.get("gen_ai.event.content"),
            attributes=event.attributes,
            resource=span.resource,
            scope=span.scope,
        )


def _content(span: Span, call: Call) -> Fragment:
    return Fragment(
        kind=FragmentKind.CONTENT,
        group=span.trace_id,
        span_id=span.span_id,
        response_id=response_id_of(span.attributes),
        emitter=span.scope,
        started_at=span.started_at,
        ended_at=span.ended_at,
        call=call,
    )


def _sent(role: str, body: Body) -> tuple[Message, ...]:
    message = {"role": role, "tool_call_id": body.get("id"), **body}
    return chat_completions.ask({"messages": [message]}).input


def _answered(body: Body) -> tuple[Output, ...]:
    """The choice. OpenLLMetry has the tool calls beside the message instead of in it."""
    message = {"tool_calls": body.get("tool_calls"), **mapping(body.get("message"))}
    answer = chat_completions.answer({"choices": [{**body, "message": message}]})
    return answer.outputs if answer else ()


def _has_content(message: Body) -> bool:
    """Whether a message says what was said. Emitters leave out text and arguments where they may not tell."""
    calls = objects(message.get("tool_calls"))
    return "content" in message or any(_arguments(call) is not None for call in calls)


def _arguments(call: Body) -> Any:
    return at(call, "function", "arguments")


register(EventDialect("details", tells_a_call, read_call))
register(EventDialect("messages", tells_a_piece, read_piece))
