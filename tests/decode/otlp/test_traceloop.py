"""What OpenLLMetry writes around model calls."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.records import Document, FragmentKind
from tests.agreement import OTLP, calls
from tests.decode.otlp.build import attributes, fragment_of, fragments_of, span, traces

FOUND = (
    '{"documents": [{"page_content": "It is 42 m.", "metadata": {"source": "kb://1"}}, {"page_content": ""}]}'
)


def test_a_retriever_brings_passages() -> None:
    values = {
        "traceloop.span.kind": "task",
        "gen_ai.operation.name": "vector_db_retrieve",
        "traceloop.entity.output": FOUND,
    }
    fragment = fragment_of(traces(span(values)))
    assert fragment.kind is FragmentKind.DOCUMENTS
    assert fragment.documents == (Document("It is 42 m.", "kb://1", "retrieval"),)


def test_a_vector_store_tells_its_passages_in_events() -> None:
    event = {
        "name": "db.query.result",
        "timeUnixNano": "1",
        "attributes": attributes({"db.query.result.id": "7", "db.query.result.document": "It is 42 m."}),
    }
    fragment = fragment_of(traces(span({"db.system": "chroma"}, name="chroma.query", events=[event, event])))
    assert fragment.documents == (Document("It is 42 m.", "7", "retrieval"),) * 2


@pytest.mark.parametrize("kind", ["workflow", "task", "agent", "tool"])
def test_what_stands_around_calls_is_none(kind: Any) -> None:
    values = {"traceloop.span.kind": kind, "traceloop.entity.output": FOUND, "gen_ai.request.model": "m"}
    assert fragments_of(traces(span(values, name="run"))) == ()


def test_recorded_calls_of_langchain_stand_on_what_its_retriever_found() -> None:
    found = calls(OTLP / "traceloop-langchain-0.62.4_rag")
    assert [len(call.documents) for call in found] == [3] * 15
    assert all(call.captured.input and call.captured.output for call in found)
