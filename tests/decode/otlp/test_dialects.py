"""Laws of all dialects: whatever the attributes hold, a span gives fragments and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.decode import clean, decode
from monitor.decode.otlp.dialect import reader
from monitor.decode.otlp.span import Span
from monitor.decode.registry import Context
from monitor.records import FragmentKind
from monitor.scorers import score
from tests.decode.build import RECEIVED, record
from tests.decode.otlp import test_indexed, test_litellm_spans, test_openinference, test_vercel
from tests.decode.otlp.build import messages

#: What makes a span one of each dialect, with the names of attributes that the dialect reads.
SIGNS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "openinference": (
        {"openinference.span.kind": "LLM"},
        (*test_openinference.FLAT, "input.value", "output.value", "llm.output_messages.0.message.contents.0"),
    ),
    "retriever": (
        {"openinference.span.kind": "RETRIEVER"},
        ("output.value", "retrieval.documents.0.document.content", "retrieval.documents.0.document.metadata"),
    ),
    "indexed": (
        {"llm.request.type": "chat", "gen_ai.prompt.0.role": "user"},
        (*test_indexed.ASKED, *test_indexed.CALLED, "llm.completions.0.function_call.name"),
    ),
    "traceloop": (
        {"traceloop.span.kind": "task", "gen_ai.operation.name": "vector_db_retrieve"},
        ("traceloop.entity.output",),
    ),
    "pydantic_ai": (
        {"gen_ai.operation.name": "chat", "model_request_parameters": "{}"},
        (
            "model_request_parameters",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.request.model",
        ),
    ),
    "agent": ({"agent_name": "a", "model_name": "m"}, ("model_name", "pydantic_ai.all_messages")),
    "vercel": (
        {"ai.operationId": "ai.generateObject.doGenerate"},
        (*test_vercel.GENERATE, "ai.schema", "ai.response.providerMetadata", "ai.response.object"),
    ),
    "langfuse": (
        {"langfuse.observation.type": "generation"},
        tuple(
            f"langfuse.observation.{name}"
            for name in (
                *("input", "output", "level", "status_message", "model.name", "model.parameters"),
                *(
                    "usage_details",
                    "completion_start_time",
                    "metadata.response_format",
                    "metadata.tool_choice",
                ),
                *("metadata.finish_reason", "metadata.conversation"),
            )
        ),
    ),
    "litellm": ({"litellm.call_id": "l1"}, (*test_litellm_spans.REQUEST, "hidden_params")),
    "raw": ({}, tuple(test_litellm_spans.RAW)),
}

_WORDS = st.sampled_from(
    [
        "role",
        "content",
        "messages",
        "choices",
        "message",
        "tool_calls",
        "function",
        "arguments",
        "type",
        "text",
    ]
) | st.sampled_from(
    ["input", "output", "tools", "name", "documents", "schema", "output_mode", "native", "tool"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | _WORDS
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=9,
)
_VALUES = st.binary(max_size=3) | _JSON | _JSON.map(json.dumps) | _JSON.map(repr)


@pytest.mark.parametrize("dialect", SIGNS)
@settings(max_examples=60)
@given(st.data())
def test_attributes_of_any_type_give_fragments(dialect: str, data: st.DataObject) -> None:
    signs, names = SIGNS[dialect]
    span = Span(
        trace_id="5b8efff798038103d269b633813fc60c",
        span_id="eee19b7ec3c1b174",
        parent_span_id="0000000000000001",
        name="raw_gen_ai_request" if dialect == "raw" else "chat",
        started_at=RECEIVED,
        ended_at=RECEIVED,
        attributes=signs | data.draw(st.dictionaries(st.sampled_from(names), _VALUES, max_size=8)),
        resource={},
        scope="test",
    )
    read = reader(span)
    assert read is not None
    for fragment in read(Context(record(b""), 0, b""), "otlp-proto"):
        assert (fragment.call is None) is (fragment.kind in (FragmentKind.DOCUMENTS, FragmentKind.CHAIN))
        clean.fragment(fragment)
        if fragment.call:
            score(clean.clean(fragment.call))


@settings(max_examples=60)
@given(st.data())
def test_a_recorded_span_with_one_other_value_gives_fragments(data: st.DataObject) -> None:
    emitter = data.draw(st.sampled_from(["openinference-openai-0.1.66", "langfuse-py-5", "litellm-1.106.2"]))
    path = data.draw(st.sampled_from(messages(emitter, "traces.json")))
    message = json.loads(path.read_bytes())
    spans = [
        found
        for resource in message["resourceSpans"]
        for scope in resource["scopeSpans"]
        for found in scope["spans"]
        if found.get("attributes")
    ]
    changed = data.draw(st.sampled_from(data.draw(st.sampled_from(spans))["attributes"]))
    changed["value"] = {"stringValue": data.draw(_JSON.map(json.dumps) | _JSON.map(repr))}
    assert not decode(record(message)).dead_letters
