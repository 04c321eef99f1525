"""One scored call as the flat JSON object that ``llm-monitor score`` prints: a fixed interface."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.records import Call, RequestTruth, Scores


def score_line(
    place: str, own_id: str | None, call: Call, scores: Scores, request: RequestTruth
) -> dict[str, Any]:
    """The object for one call: where it was read, what it is, what each score and its request says."""
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
        "json_recoverable": scores.json.recoverable,
        "json_violations": scores.json.violations,
        "tools": scores.tools.outcome,
        "tools_risk": scores.tools.risk,
        "tools_detail": scores.tools.detail,
        "tools_signals": {signal.name: signal.value for signal in scores.tools.signals},
        "grounding": scores.grounding.outcome,
        "grounding_risk": scores.grounding.risk,
        "grounding_detail": scores.grounding.detail,
        "grounding_signals": {
            "words": scores.grounding.words,
            "share": scores.grounding.share,
            **{signal.name: signal.value for signal in scores.grounding.signals},
        },
        "fallback": scores.fallback.outcome,
        "fallback_from": scores.fallback.from_model,
        "fallback_to": scores.fallback.to_model,
        "fallback_cause": scores.fallback.cause,
        "fallback_evidence": scores.fallback.evidence,
        "fallback_hop": scores.fallback.hop,
        "instructions": scores.instructions.outcome,
        "instructions_detail": scores.instructions.detail,
        "judge": scores.judge.outcome,
        "judge_risk": scores.judge.risk,
        "judge_detail": scores.judge.detail,
        "request_attempts": request.attempts,
        "request_answered": request.answered,
        "request_model": request.model,
        "request_extra_ms": request.extra_ms,
        "request_extra_cost": request.extra_cost,
        "cost": scores.cost,
        "versions": msgspec.to_builtins(scores.versions),
        "usage": msgspec.to_builtins(call.usage),
        "captured": {name: getattr(call.captured, name) for name in ("input", "output", "tools", "schema")},
    }
