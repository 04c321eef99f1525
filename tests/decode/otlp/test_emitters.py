"""Every recorded message of every emitter: what is in it, and what of that are calls, in both encodings."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest
from msgspec import json, structs

from monitor.decode import decode
from monitor.decode.otlp import json_wire, proto_wire
from monitor.decode.otlp.span import Span
from monitor.errors import BadInput
from monitor.records import Fragment
from tests.decode.otlp.build import OTLP, messages, recorded


class Found(NamedTuple):
    """What an emitter's messages hold, and the fragments among it by their kind."""

    spans: int
    logs: int
    call: int = 0
    content: int = 0
    documents: int = 0
    chain: int = 0


EMITTERS = {
    "langfuse-py-5": Found(spans=25, logs=0, call=25),
    "litellm-1.106.2": Found(spans=89, logs=0, call=57, content=32),
    "openinference-anthropic-3.1.0": Found(spans=75, logs=0, call=60),
    "openinference-langchain-0.1.80_rag": Found(spans=150, logs=0, call=15, documents=15),
    "openinference-openai-0.1.66": Found(spans=61, logs=0, call=40),
    "openlit-1.45": Found(spans=104, logs=37, call=40, content=37),
    "otel-genai-anthropic-1.3b0_both": Found(spans=76, logs=30, call=60, content=30),
    "otel-genai-openai-1.3b0_both": Found(spans=63, logs=40, call=40, content=40),
    "otel-genai-openai-1.3b0_event": Found(spans=66, logs=40, call=40, content=40),
    "otel-genai-openai-1.3b0_nocontent": Found(spans=17, logs=0, call=10),
    "otel-genai-openai-1.3b0_span": Found(spans=65, logs=0, call=40),
    "otel-openai-v2-2.1b0_legacy-events": Found(spans=49, logs=68, call=24, content=68),
    "otel-openai-v2-2.4b0_default": Found(spans=53, logs=110, call=30, content=110),
    "otel-openai-v2-2.4b0_experimental": Found(spans=44, logs=19, call=19, content=19),
    "pydantic-ai_fallbackmodel": Found(spans=47, logs=0, call=15, content=12, chain=15),
    "pydantic-ai_v2": Found(spans=39, logs=0, call=15),
    "pydantic-ai_v3": Found(spans=38, logs=0, call=15),
    "pydantic-ai_v4": Found(spans=42, logs=0, call=15),
    "pydantic-ai_v5": Found(spans=40, logs=0, call=15),
    "traceloop-anthropic-0.40.14": Found(spans=47, logs=0, call=29),
    "traceloop-anthropic-0.62.4": Found(spans=77, logs=0, call=60),
    "traceloop-langchain-0.62.4_rag": Found(spans=150, logs=0, call=15, documents=15),
    "traceloop-openai-0.15.13": Found(spans=43, logs=0, call=25),
    "traceloop-openai-0.40.14": Found(spans=54, logs=0, call=29),
    "traceloop-openai-0.62.4": Found(spans=64, logs=0, call=40),
    "traceloop-openai-0.62.4_events": Found(spans=62, logs=70, call=40, content=70),
}


def test_every_emitter_is_counted() -> None:
    assert {path.name for path in OTLP.iterdir()} == set(EMITTERS)


@pytest.mark.parametrize("emitter", EMITTERS)
def test_what_an_emitter_sent_is_found(emitter: str) -> None:
    counts: Counter[str] = Counter()
    for path in messages(emitter, "pb"):
        for item in proto_wire.items(path.read_bytes()):
            assert not isinstance(item, BadInput)
            counts["spans" if isinstance(item.read().item, Span) else "logs"] += 1
        decoded = decode(recorded(path))
        assert not decoded.dead_letters
        assert not decoded.calls
        counts.update(fragment.kind.value for fragment in decoded.fragments)
    assert Found(**{name: counts[name] for name in Found._fields}) == EMITTERS[emitter]


@pytest.mark.parametrize("emitter", EMITTERS)
def test_both_encodings_say_the_same(emitter: str) -> None:
    for path in messages(emitter, "json"):
        of_json = decode(recorded(path)).fragments
        of_proto = decode(recorded(path.with_suffix(".pb"))).fragments
        assert [_anonymous(fragment) for fragment in of_json] == [
            _anonymous(fragment) for fragment in of_proto
        ]


@pytest.mark.parametrize("emitter", EMITTERS)
def test_both_encodings_hold_the_same_spans_and_log_records(emitter: str) -> None:
    for path in messages(emitter, "json"):
        of_json = [_read(item) for item in json_wire.items(json.decode(path.read_bytes()))]
        of_proto = [_read(item) for item in proto_wire.items(path.with_suffix(".pb").read_bytes())]
        assert of_json == of_proto


def _anonymous(fragment: Fragment) -> Fragment:
    """The fragment without the name of the format that it came in."""
    call = fragment.call
    if call is None:
        return fragment
    return structs.replace(
        fragment, call=structs.replace(call, source=structs.replace(call.source, format=""))
    )


def _read(item: Any) -> Any:
    assert not isinstance(item, BadInput)
    return item.read()
