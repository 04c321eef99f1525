"""One scored call as the flat JSON object that ``llm-monitor score`` prints: a fixed interface."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.records import Call, Scores


def score_line(place: str, own_id: str | None, call: Call, scores: Scores) -> dict[str, Any]:
    """The object for one call: where it was read, what it is, and what each score says."""
    return {
        "source": place,
        "id": own_id,
        "format": call.source.format,
        "call_id": call.call_id,
        "request_id": call.request_id,
        "trace_id": call.trace_id,
        "span_id": call.span_id,
        "service": call.service,
        "provider": call.provider,
        "operation": call.operation,
        "model_requested": call.model_requested,
        "model_served": call.model_served,
        "started_at": call.started_at.isoformat(),
        "duration_ms": call.duration_ms,
        "ttft_ms": call.ttft_ms,
        "status": call.status,
        "error_type": call.error.type if call.error else None,
        "contract": call.contract.kind,
        "json": scores.json.outcome,
        "json_detail": scores.json.detail,
        "tools": scores.tools.outcome,
        "tools_risk": scores.tools.risk,
        "tools_detail": scores.tools.detail,
        "grounding": scores.grounding.outcome,
        "grounding_risk": scores.grounding.risk,
        "grounding_signals": {
            name: getattr(scores.grounding, name) for name in ("words", "share", "numbers", "names", "links")
        },
        "fallback": scores.fallback.outcome,
        "fallback_from": scores.fallback.from_model,
        "fallback_to": scores.fallback.to_model,
        "fallback_cause": scores.fallback.cause,
        "usage": msgspec.to_builtins(call.usage),
        "captured": {name: getattr(call.captured, name) for name in ("input", "output", "tools", "schema")},
    }
