"""The conventions' spans of a search for passages: their documents come in, go out to the calls of the trace.

Reference: https://github.com/open-telemetry/semantic-conventions-genai, the operation ``retrieval``. What a
document says is optional there; one without it grounds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from monitor.decode.otlp.attributes import elements
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.passages import retrieved
from monitor.decode.otlp.span import Span
from monitor.decode.registry import Context
from monitor.records import Fragment

_DOCUMENTS = "gen_ai.retrieval.documents"


def recognises(span: Span) -> bool:
    """Whether a span is a search that tells what it found."""
    return _DOCUMENTS in span.attributes


def read(span: Span, context: Context, format_name: str) -> Iterable[Fragment]:  # noqa: ARG001 - a dialect's
    """The documents that were found."""
    return retrieved(span, elements(span.attributes[_DOCUMENTS]) or ())


register(Dialect("retrieval", recognises, read))
