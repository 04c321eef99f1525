"""The ``fallback`` score: a call comes in, whether it is its request's first choice goes out.

What the emitter declares comes first, then the number of the attempt, then whether the model that answered
is the one that was asked for. Only one call is seen: what the other calls of its request say of it is for
``requests.py``.
"""

from __future__ import annotations

from typing import Final

from monitor.records import Call, FallbackOutcome, FallbackScore
from monitor.scorers.models import Match, compare

#: Of this scorer: a change that can change a score counts one up.
VERSION: Final = 2

#: The cause of a retry or fallback of which the emitter doesn't say why.
UNTOLD = "unknown"


def score_fallback(call: Call) -> FallbackScore:
    """Whether this call is a retry, a fallback, or answered by another model than asked for. Never raises."""
    hint = call.fallback
    from_model = hint.from_model or call.model_requested or None
    to_model = hint.to_model or call.model_served or call.model_requested or None
    cause = hint.cause or UNTOLD
    by_name = score_names(call.model_requested, call.model_served)
    if hint.declared == "retry" and by_name.outcome is FallbackOutcome.SILENT_DOWNGRADE:
        return by_name  # that it was tried again doesn't tell why another model answered
    if hint.declared in ("retry", "fallback", "exhausted"):
        outcome = FallbackOutcome(hint.declared)
        if outcome is FallbackOutcome.FALLBACK and hint.from_model is None and _is_same(from_model, to_model):
            from_model = None  # the model that was asked for at first is not in the record
        return FallbackScore(outcome, from_model, to_model, cause, hint.evidence or "declared")
    if hint.declared == "unknown" and call.attempt > 1:
        changed = _match(call.model_requested, call.model_served) == Match.OTHER or (
            hint.from_model is not None and compare(hint.from_model, to_model or "") != Match.SAME
        )
        outcome = FallbackOutcome.FALLBACK if changed else FallbackOutcome.RETRY
        return FallbackScore(outcome, from_model, to_model, cause, f"attempt {call.attempt}")
    if by_name.outcome is FallbackOutcome.UNKNOWN and hint.declared == "none":
        return FallbackScore(FallbackOutcome.NONE, evidence=hint.evidence)
    return by_name


def score_names(requested: str, served: str) -> FallbackScore:
    """What the names of the two models say by themselves, where nothing else is known."""
    match = _match(requested, served)
    if match == Match.OTHER:
        evidence = "another model answered than was asked for"
        return FallbackScore(FallbackOutcome.SILENT_DOWNGRADE, requested, served, evidence=evidence)
    if match in (Match.SAME, Match.ALIAS):
        return FallbackScore(FallbackOutcome.NONE, evidence=match.value if match == Match.ALIAS else None)
    return FallbackScore(FallbackOutcome.UNKNOWN, evidence=_why_unknown(requested, served))


def _is_same(one: str | None, other: str | None) -> bool:
    return one == other or compare(one or "", other or "") in (Match.SAME, Match.ALIAS)


def _match(requested: str, served: str) -> Match:
    return compare(requested, served) if requested and served else Match.UNKNOWN


def _why_unknown(requested: str, served: str) -> str:
    if not requested:
        return "requested model not captured"
    if not served:
        return "served model not captured"
    return "a name that is no model's: a deployment or an alias"
