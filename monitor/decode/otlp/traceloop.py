"""What OpenLLMetry (Traceloop) writes besides model calls: a retriever's spans come in, passages go out.

Workflows, tasks, agents and tools have a ``traceloop.span.kind`` and are no calls. Of vector stores the
events ``db.query.result`` tell what a query found, one event for each passage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.otlp import semconv
from monitor.decode.otlp.attributes import structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.passages import retrieved
from monitor.decode.otlp.span import Span
from monitor.decode.pair.shapes import mapping, objects
from monitor.decode.registry import Context
from monitor.records import Fragment

_RETRIEVE = "vector_db_retrieve"
_RESULT = "db.query.result"


def _recognises(span: Span) -> bool:
    is_other = "traceloop.span.kind" in span.attributes or any(event.name == _RESULT for event in span.events)
    return is_other and semconv.operation_of(span.attributes) is None


def _read(span: Span, _context: Context, _format_name: str) -> Iterator[Fragment]:
    found: list[Any] = [
        {
            "id": event.attributes.get(f"{_RESULT}.id"),
            "content": event.attributes.get(f"{_RESULT}.document"),
            "metadata": event.attributes.get(f"{_RESULT}.metadata"),
        }
        for event in span.events
        if event.name == _RESULT
    ]
    if span.attributes.get("gen_ai.operation.name") == _RETRIEVE or span.name.startswith(_RETRIEVE):
        found += objects(mapping(structured(span.attributes.get("traceloop.entity.output"))).get("documents"))
    return retrieved(span, found)


register(Dialect("traceloop", _recognises, _read))
