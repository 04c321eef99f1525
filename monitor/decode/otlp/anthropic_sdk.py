"""The spans that Anthropic's own SDK writes beside any instrumentation: no content, but an HTTP status.

Their ``anthropic.message.stop_reason`` stands in for the conventions' finish reasons, as the API gave it.
"""

from __future__ import annotations

from msgspec import structs

from monitor.decode.otlp import messages
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.semconv import call_of, fragment_of, operation_of
from monitor.decode.otlp.span import Span
from monitor.decode.pair.shapes import text
from monitor.decode.registry import Context
from monitor.records import Fragment

SCOPE = "com.anthropic.sdk."


def recognises(span: Span) -> bool:
    """Whether a span is of the SDK itself and of a model answering."""
    return span.scope.startswith(SCOPE) and operation_of(span.attributes) is not None


def read(span: Span, context: Context, format_name: str) -> tuple[Fragment]:
    """The call of a span; what was said in it may be in another's."""
    call = call_of(span, context, format_name)
    if reason := text(span.attributes.get("anthropic.message.stop_reason")):
        call = structs.replace(call, outputs=(messages.choice([], reason),))
    return (fragment_of(span, call, settled=False),)


register(Dialect("anthropic-sdk", recognises, read))
