"""One scored call as one row of ``calls``: the columns that COPY writes, their types, their values."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import structs
from psycopg.types.json import Jsonb

from monitor.records import ScoredCall, Versions, answered
from monitor.store.usage import untold

#: Column, its PostgreSQL type for binary COPY. ``ingested_at`` is the server's default.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("started_at", "timestamptz"),
    ("kafka_offset", "int8"),
    ("cost", "float8"),
    ("series_id", "int4"),
    ("partition", "int4"),
    ("item", "int4"),
    ("input_tokens", "int4"),
    ("output_tokens", "int4"),
    ("cache_read_tokens", "int4"),
    ("cache_write_tokens", "int4"),
    ("reasoning_tokens", "int4"),
    ("output_chars", "int4"),
    ("duration_ms", "float4"),
    ("ttft_ms", "float4"),
    ("tools_risk", "float4"),
    ("grounding_risk", "float4"),
    ("grounding_share", "float4"),
    ("grounding_words", "int4"),
    ("judge_risk", "float4"),
    ("attempt", "int2"),
    ("http_status", "int2"),
    ("json_violations", "int2"),
    ("fallback_hop", "int2"),
    *((f"{score}_version", "int2") for score in Versions.__struct_fields__),
    ("request_attempts", "int2"),
    ("answered", "bool"),
    ("request_answered", "bool"),
    ("json_recoverable", "bool"),
    ("captured_input", "bool"),
    ("captured_output", "bool"),
    ("captured_tools", "bool"),
    ("captured_schema", "bool"),
    ("call_id", "text"),
    ("request_id", "text"),
    ("trace_id", "text"),
    ("span_id", "text"),
    ("format", "text"),
    ("topic", "text"),
    ("status", "text"),
    ("error_type", "text"),
    ("error_category", "text"),
    ("finish_reason", "text"),
    ("contract", "text"),
    ("json", "text"),
    ("json_detail", "text"),
    ("tools", "text"),
    ("tools_detail", "text"),
    ("grounding", "text"),
    ("grounding_detail", "text"),
    ("fallback", "text"),
    ("fallback_from", "text"),
    ("fallback_to", "text"),
    ("fallback_cause", "text"),
    ("fallback_evidence", "text"),
    ("instructions", "text"),
    ("instructions_detail", "text"),
    ("judge", "text"),
    ("judge_detail", "text"),
    ("usage_raw", "jsonb"),
)

Row = tuple[datetime | str | int | float | bool | Jsonb | None, ...]

_dumps = msgspec.json.Encoder().encode


def row(scored: ScoredCall, series_id: int) -> Row:
    """The values of ``COLUMNS`` for this call, in that order."""
    call, scores = scored.call, scored.scores
    error, usage, source = call.error, call.usage, call.source
    raw = untold(usage)
    has_answer = answered(call)
    return (
        call.started_at,
        source.offset,
        scores.cost,
        series_id,
        source.partition,
        source.item,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        sum([len(output.text) for output in call.outputs]),
        call.duration_ms,
        call.ttft_ms,
        scores.tools.risk,
        scores.grounding.risk,
        scores.grounding.share,
        scores.grounding.words,
        scores.judge.risk,
        call.attempt,
        error.http_status if error else None,
        scores.json.violations,
        scores.fallback.hop,
        *structs.astuple(scores.versions),
        # As if it were the only attempt of its request: ``requests.relate`` knows better when there are more.
        1,
        has_answer,
        has_answer,
        scores.json.recoverable,
        call.captured.input,
        call.captured.output,
        call.captured.tools,
        call.captured.schema,
        call.call_id,
        None if call.request_id == (call.trace_id or call.call_id) else call.request_id,
        call.trace_id,
        call.span_id,
        source.format,
        source.topic,
        call.status,
        error.type if error else None,
        error.category if error else None,
        call.outputs[0].finish_reason if call.outputs else None,
        call.contract.kind,
        scores.json.outcome,
        scores.json.detail,
        scores.tools.outcome,
        scores.tools.detail,
        scores.grounding.outcome,
        scores.grounding.detail,
        scores.fallback.outcome,
        scores.fallback.from_model,
        scores.fallback.to_model,
        scores.fallback.cause,
        scores.fallback.evidence,
        scores.instructions.outcome,
        scores.instructions.detail,
        scores.judge.outcome,
        scores.judge.detail,
        None if raw is None else Jsonb(raw, _dumps),
    )
