"""The ``fallback`` score: a call comes in, whether it is its request's first choice goes out.

What the emitter declares comes first, then the number of the attempt, then whether the model that answered
is the one that was asked for. Only one call is seen: what the other calls of its request say of it is for
``requests.relate``.
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from monitor.records import Call, FallbackCause, FallbackHint, FallbackOutcome, FallbackScore
from monitor.scorers.fallback.causes import cause_of, shown
from monitor.scorers.fallback.models import Match, compare
from monitor.scorers.fallback.ranks import is_lesser

#: Counts up with every change that can change a score.
VERSION: Final = 3

#: What the evidence begins with where the number of the attempt is all there is.
NUMBERED: Final = "attempt "

#: What the evidence says of a model that answered for another, by whether it is a lesser one.
SWAPPED: Final = {
    True: "a lesser model answered than was asked for",
    None: "another model answered than was asked for",
    False: "a greater model answered than was asked for",
}

#: The highest hop: what the column of the store holds.
MAX_HOP = 2**15 - 1

#: Characters of a model's name or of an evidence that an emitter declares.
MAX_TEXT = 200


def score_fallback(call: Call) -> FallbackScore:
    """Whether this call is a retry, a fallback, or answered by another model than asked for. Never raises."""
    hint, by_name = call.fallback, score_names(call.model_requested, call.model_served)
    if hint.declared == "retry" and is_swap(by_name):
        score = by_name  # that it was tried again doesn't tell why another model answered
    elif hint.declared in ("retry", "fallback", "exhausted"):
        score = _declared(call)
    elif hint.declared == "unknown" and call.attempt > 1:
        score = _numbered(call)
    elif hint.declared == "none" and by_name.outcome is FallbackOutcome.UNKNOWN:
        score = FallbackScore(FallbackOutcome.NONE, evidence=_cut(hint.evidence))
    else:
        score = by_name
    return structs.replace(score, hop=_hop(call, score.outcome))


def score_names(requested: str, served: str) -> FallbackScore:
    """What the names of the two models say by themselves, where nothing else is known."""
    match = _match(requested, served)
    if match is Match.OTHER:
        lesser = is_lesser(requested, served)
        outcome = FallbackOutcome.FALLBACK if lesser is False else FallbackOutcome.SILENT_DOWNGRADE
        return FallbackScore(outcome, requested, served, FallbackCause.UNKNOWN, SWAPPED[lesser])
    if match in (Match.SAME, Match.ALIAS):
        return FallbackScore(FallbackOutcome.NONE, evidence=match.value if match == Match.ALIAS else None)
    return FallbackScore(FallbackOutcome.UNKNOWN, evidence=_why_unknown(requested, served))


def is_swap(score: FallbackScore) -> bool:
    """Whether it says that another model answered, and has that from the names alone."""
    return score.evidence in SWAPPED.values()


def is_declared(score: FallbackScore) -> bool:
    """Whether the emitter said itself that this is no first attempt."""
    if score.outcome not in (FallbackOutcome.RETRY, FallbackOutcome.FALLBACK, FallbackOutcome.EXHAUSTED):
        return False
    return not is_swap(score) and not (score.evidence or "").startswith(NUMBERED)


def _declared(call: Call) -> FallbackScore:
    hint, (from_model, to_model) = call.fallback, _names(call)
    if hint.declared == "fallback" and hint.from_model is None and _is_same(from_model, to_model):
        from_model = None  # the model that was asked for at first is not in the record
    outcome, cause = FallbackOutcome(hint.declared), cause_of(hint.cause)
    return FallbackScore(outcome, from_model, to_model, cause, _evidence(hint))


def _numbered(call: Call) -> FallbackScore:
    hint, (from_model, to_model) = call.fallback, _names(call)
    changed = _match(call.model_requested, call.model_served) == Match.OTHER or (
        hint.from_model is not None and compare(hint.from_model, to_model or "") != Match.SAME
    )
    outcome = FallbackOutcome.FALLBACK if changed else FallbackOutcome.RETRY
    return FallbackScore(outcome, from_model, to_model, cause_of(hint.cause), f"{NUMBERED}{call.attempt}")


def _names(call: Call) -> tuple[str | None, str | None]:
    hint = call.fallback
    from_model = hint.from_model or call.model_requested
    to_model = hint.to_model or call.model_served or call.model_requested
    return _cut(from_model), _cut(to_model)


def _evidence(hint: FallbackHint) -> str:
    """Where the emitter says it, and its own word for the cause."""
    evidence, word = _cut(hint.evidence) or "declared", shown(hint.cause)
    return f"{evidence}: {word}" if word else evidence


def _cut(text: str | None) -> str | None:
    return text[:MAX_TEXT] if text else None


def _hop(call: Call, outcome: FallbackOutcome) -> int | None:
    """How many attempts came before, by the attempt's number or by what the emitter says beside."""
    known = min(max(call.attempt - 1, call.fallback.hop or 0, 0), MAX_HOP)
    return known or (0 if outcome is FallbackOutcome.NONE else None)


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
