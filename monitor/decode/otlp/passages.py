"""What a retriever found, as frameworks write it down; objects come in, the documents of a trace go out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from monitor.decode.otlp.attributes import structured
from monitor.decode.otlp.span import Span
from monitor.decode.pair.shapes import mapping, string, text
from monitor.records import Document, Fragment, FragmentKind

#: Under which names a passage's text stands: LangChain's, LlamaIndex', vector stores'.
_TEXTS = ("page_content", "pageContent", "content", "text", "document")


def passage(value: Any) -> Document | None:
    """The document of an object ``{page_content, metadata}`` or its like, or of a plain text."""
    found = mapping(value)
    content = string(value) or next((text(found[name]) for name in _TEXTS if text(found.get(name))), "")
    if not content:
        return None
    metadata = mapping(structured(found.get("metadata")))
    return Document(content, string(found.get("id")) or string(metadata.get("source")), "retrieval")


def retrieved(span: Span, values: Iterable[Any]) -> Iterator[Fragment]:
    """The fragment that brings what a retriever's span found to the calls of its trace; none for nothing."""
    found = tuple(document for value in values if (document := passage(value)) is not None)
    if found:
        yield Fragment(
            kind=FragmentKind.DOCUMENTS,
            group=span.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            emitter=span.scope,
            started_at=span.started_at,
            ended_at=span.ended_at,
            documents=found,
        )
