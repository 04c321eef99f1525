"""One scored call as one row of ``calls``: the columns that COPY writes, their types, their values."""

from __future__ import annotations

from datetime import datetime

import msgspec
from psycopg.types.json import Jsonb

from monitor.records import ScoredCall, answered

#: Column, its PostgreSQL type for binary COPY. ``ingested_at`` is the server's default.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("started_at", "timestamptz"),
    ("call_id", "text"),
    ("series_id", "int4"),
    ("request_id", "text"),
    ("attempt", "int2"),
    ("trace_id", "text"),
    ("span_id", "text"),
    ("format", "text"),
    ("topic", "text"),
    ("partition", "int4"),
    ("kafka_offset", "int8"),
    ("item", "int4"),
    ("status", "text"),
    ("error_type", "text"),
    ("error_category", "text"),
    ("http_status", "int2"),
    ("finish_reason", "text"),
    ("answered", "bool"),
    ("contract", "text"),
    ("json", "text"),
    ("json_detail", "text"),
    ("tools", "text"),
    ("tools_detail", "text"),
    ("tools_risk", "float4"),
    ("grounding", "text"),
    ("grounding_risk", "float4"),
    ("grounding_words", "int4"),
    ("grounding_share", "float4"),
    ("fallback", "text"),
    ("fallback_from", "text"),
    ("fallback_to", "text"),
    ("fallback_cause", "text"),
    ("fallback_evidence", "text"),
    ("duration_ms", "float4"),
    ("ttft_ms", "float4"),
    ("input_tokens", "int4"),
    ("output_tokens", "int4"),
    ("cache_read_tokens", "int4"),
    ("cache_write_tokens", "int4"),
    ("reasoning_tokens", "int4"),
    ("usage_raw", "jsonb"),
    ("output_chars", "int4"),
    ("captured_input", "bool"),
    ("captured_output", "bool"),
    ("captured_tools", "bool"),
    ("captured_schema", "bool"),
)

Row = tuple[datetime | str | int | float | bool | Jsonb | None, ...]

_dumps = msgspec.json.Encoder().encode


def row(scored: ScoredCall, series_id: int) -> Row:
    """The values of ``COLUMNS`` for this call, in that order."""
    call, scores = scored.call, scored.scores
    error, usage, source = call.error, call.usage, call.source
    return (
        call.started_at,
        call.call_id,
        series_id,
        call.request_id or call.call_id,
        call.attempt,
        call.trace_id,
        call.span_id,
        source.format,
        source.topic,
        source.partition,
        source.offset,
        source.item,
        call.status,
        error.type if error else None,
        error.category if error else None,
        error.http_status if error else None,
        call.outputs[0].finish_reason if call.outputs else None,
        answered(call),
        call.contract.kind,
        scores.json.outcome,
        scores.json.detail,
        scores.tools.outcome,
        scores.tools.detail,
        scores.tools.risk,
        scores.grounding.outcome,
        scores.grounding.risk,
        scores.grounding.words,
        scores.grounding.share,
        scores.fallback.outcome,
        scores.fallback.from_model,
        scores.fallback.to_model,
        scores.fallback.cause,
        scores.fallback.evidence,
        call.duration_ms,
        call.ttft_ms,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        None if usage.raw is None else Jsonb(usage.raw, _dumps),
        sum(len(output.text) for output in call.outputs),
        call.captured.input,
        call.captured.output,
        call.captured.tools,
        call.captured.schema,
    )
