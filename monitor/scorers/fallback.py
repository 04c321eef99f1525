"""The ``fallback`` score: a call comes in, whether it is its request's first choice goes out.

What the emitter declares comes first, then the number of the attempt, then whether the model that answered
is the one that was asked for. Only one call is seen: what became of its request is for the rollups to say.
"""

from __future__ import annotations

from monitor.records import Call, FallbackOutcome, FallbackScore
from monitor.scorers.models import Match, compare


def score_fallback(call: Call) -> FallbackScore:
    """Whether this call is a retry, a fallback, or answered by another model than asked for. Never raises."""
    hint = call.fallback
    from_model = hint.from_model or call.model_requested or None
    to_model = hint.to_model or call.model_served or call.model_requested or None
    cause = hint.cause
    if hint.declared == "retry":
        return FallbackScore(FallbackOutcome.RETRY, from_model, to_model, cause, hint.evidence or "declared")
    if hint.declared == "fallback":
        return FallbackScore(
            FallbackOutcome.FALLBACK, from_model, to_model, cause, hint.evidence or "declared"
        )
    match = _match(call)
    if hint.declared == "unknown" and call.attempt > 1:
        changed = match == Match.OTHER or (
            hint.from_model is not None and compare(hint.from_model, to_model or "") != Match.SAME
        )
        outcome = FallbackOutcome.FALLBACK if changed else FallbackOutcome.RETRY
        return FallbackScore(outcome, from_model, to_model, cause, f"attempt {call.attempt}")
    if match == Match.OTHER:
        evidence = "another model answered than was asked for"
        return FallbackScore(
            FallbackOutcome.SILENT_DOWNGRADE, call.model_requested, call.model_served, cause, evidence
        )
    if match in (Match.SAME, Match.ALIAS) or hint.declared == "none":
        return FallbackScore(FallbackOutcome.NONE, evidence=match.value if match == Match.ALIAS else None)
    return FallbackScore(FallbackOutcome.UNKNOWN, evidence=_why_unknown(call))


def _match(call: Call) -> Match:
    if not call.model_requested or not call.model_served:
        return Match.UNKNOWN
    return compare(call.model_requested, call.model_served)


def _why_unknown(call: Call) -> str:
    if not call.model_requested:
        return "requested model not captured"
    if not call.model_served:
        return "served model not captured"
    return "a name that is no model's: a deployment or an alias"
