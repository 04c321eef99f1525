"""A retriever's observation comes in, the passages that it found go out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.langfuse.observation import Observation
from monitor.decode.pair.shapes import at, string, text
from monitor.decode.registry import Context
from monitor.decode.times import moment
from monitor.records import Document, Fragment, FragmentKind

#: Where frameworks keep a passage's text and what it is from.
_TEXTS = ("page_content", "pageContent", "content", "text", "document", "chunk")
_ORIGINS = (("id",), ("metadata", "source"), ("source",), ("metadata", "id"))


def read(found: Observation, _: str, context: Context) -> tuple[Fragment, ...]:
    """The passages of a retriever; nothing before it found any."""
    passages = tuple(_passages(found.body.get("output")))
    if not passages:
        return ()
    started_at = moment(found.body.get("startTime")) or moment(found.timestamp) or context.received_at()
    ended_at = moment(found.body.get("endTime")) or started_at
    return (
        Fragment(
            kind=FragmentKind.DOCUMENTS,
            group=found.trace_id,
            span_id=found.id,
            parent_span_id=string(found.body.get("parentObservationId")),
            emitter="langfuse",
            started_at=started_at,
            ended_at=max(started_at, ended_at),
            documents=passages,
        ),
    )


def _passages(output: Any) -> Iterator[Document]:
    """The passages in a list of texts or of objects, or in one under ``documents``."""
    listed = at(output, "documents") if isinstance(output, dict) else output
    for passage in listed if isinstance(listed, list) else [listed]:
        content = text(passage) or next(filter(None, (text(at(passage, name)) for name in _TEXTS)), "")
        if content:
            origin = next(filter(None, (string(at(passage, *path)) for path in _ORIGINS)), None)
            yield Document(content, origin, "retrieval")
