"""How the calls of one request relate: attempts come in, whose ``fallback`` changes for it goes out.

A call that starts after another call of its request gave no answer is a retry of it, where it asks the same
model of the same provider again, or a fallback, where it asks another. Attempts arrive in any order and
over several messages, so this looks at all that are stored of a request, each with the score of its call
alone. What the emitter itself declares stands. Evidence in the order of the research that this project
follows: explicit declarations, then gateways' groups, then spans of one parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import structs

from monitor.records import Attempt, FallbackOutcome, FallbackScore
from monitor.scorers.fallback import UNTOLD, score_names
from monitor.scorers.models import Match, compare

#: Longest time from the end of a failed call to the start of its next attempt: a provider's "retry after"
#: is seconds to a few minutes, and a later call of the same trace is another question.
MAX_PAUSE = timedelta(minutes=10)

#: How far clocks of one request's calls may be apart.
TOLERANCE = timedelta(milliseconds=50)

#: How many failed calls of one request may wait for the attempt that follows them.
MAX_OPEN = 64


class _Step(NamedTuple):
    """How an attempt stands in its chain of attempts, each of which but the last gave no answer."""

    first: Attempt
    last: Attempt
    """The one before it."""
    origin: Attempt
    """The nearest before it that asked elsewhere, else the one before it."""
    number: int
    """Which attempt of its chain it is, from 1."""


def relate(attempts: Sequence[Attempt]) -> list[FallbackScore | None]:
    """The ``fallback`` score of each attempt of one request, or ``None`` where that of its call alone stands.

    Attempts may come in any order; the result is in theirs.
    """
    order = sorted(range(len(attempts)), key=lambda index: _order(attempts[index]))
    ordered = [attempts[index] for index in order]
    before = _predecessors(ordered)
    followed = set(before.values())
    steps: dict[int, _Step] = {}
    scores: list[FallbackScore | None] = [None] * len(attempts)
    for place, attempt in enumerate(ordered):
        if (previous := before.get(place)) is not None:
            steps[place] = _step(steps.get(previous), ordered[previous], attempt)
            scores[order[place]] = _score(steps[place], attempt, ended=place not in followed)
    return scores


def _step(previous: _Step | None, last: Attempt, attempt: Attempt) -> _Step:
    """The step from the last attempt to this one."""
    if previous is None:
        return _Step(last, last, last, 2)
    origin = previous.origin if _same_place(last, attempt) else last
    return _Step(previous.first, last, origin, previous.number + 1)


def _order(attempt: Attempt) -> tuple[datetime, int, str]:
    return (attempt.started_at, attempt.attempt, attempt.call_id)


def _ended_at(attempt: Attempt) -> datetime:
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms or 0)


def _predecessors(attempts: Sequence[Attempt]) -> dict[int, int]:
    """For each attempt that follows a failed one, which: the last to end of those nobody followed yet.

    One that asked the same of the same place is preferred, for where several calls run side by side.
    """
    before: dict[int, int] = {}
    failed: list[int] = []
    for index, attempt in enumerate(attempts):
        open_ = [
            other
            for other in failed
            if -TOLERANCE <= attempt.started_at - _ended_at(attempts[other]) <= MAX_PAUSE
        ]
        if open_:
            best = max(
                open_,
                key=lambda other: (_same_place(attempts[other], attempt) is True, _ended_at(attempts[other])),
            )
            before[index] = best
            failed.remove(best)
        if not attempt.answered:
            failed = [*failed[1 - MAX_OPEN :], index]
    return before


def _score(step: _Step, attempt: Attempt, *, ended: bool) -> FallbackScore | None:
    """What its chain says of an attempt; ``None`` if nothing, or if the emitter has said it."""
    if _is_declared(attempt.fallback):
        return _completed(step, attempt)
    same = _same_place(step.first, attempt)
    if same is None:
        return None
    by_name = score_names(attempt.model_requested, attempt.model_served)
    if same and by_name.outcome is FallbackOutcome.SILENT_DOWNGRADE:
        return by_name  # the worse news: a retry, and answered by another model than was asked for
    exhausted = ended and not attempt.answered
    outcome = FallbackOutcome.RETRY if same else FallbackOutcome.FALLBACK
    from_model, to_model = _names(step.origin, attempt)
    return FallbackScore(
        FallbackOutcome.EXHAUSTED if exhausted else outcome,
        from_model,
        to_model,
        cause=_cause(attempt if exhausted else step.last),
        evidence=f"attempt {step.number}, none before it was answered",
    )


def _same_place(one: Attempt, other: Attempt) -> bool | None:
    """Whether two attempts asked the same model in the same place; ``None`` where that isn't known.

    A gateway's route is its group of interchangeable deployments, whoever serves them. Names that are no
    model's (deployments, aliases of one's own) are the same where they are spelled the same.
    """
    if one.route != other.route:
        return False
    if not one.route and one.provider and other.provider and one.provider != other.provider:
        return False
    ours, theirs = _model(one), _model(other)
    if not ours or not theirs:
        return True if one.route else None
    match = compare(ours, theirs)
    return ours.lower() == theirs.lower() if match is Match.UNKNOWN else match is not Match.OTHER


def _model(attempt: Attempt) -> str:
    return attempt.model_requested or attempt.model_served


def _names(origin: Attempt, attempt: Attempt) -> tuple[str | None, str | None]:
    """From which model to which; with their providers, where that is all that changed."""
    left, right = _model(origin), attempt.model_served or _model(attempt)
    if origin.provider != attempt.provider and compare(left, right) in (Match.SAME, Match.ALIAS):
        left, right = f"{origin.provider}/{left}", f"{attempt.provider}/{right}"
    return left or None, right or None


def _cause(attempt: Attempt) -> str:
    return attempt.error_category.value if attempt.error_category else "no_answer"


def _completed(step: _Step, attempt: Attempt) -> FallbackScore | None:
    """What the emitter declared, with the model and the cause that it left out; ``None`` if it left none."""
    told = attempt.fallback
    if told.from_model and told.cause not in (None, UNTOLD):
        return None
    from_model, _ = _names(step.origin, attempt)
    return structs.replace(
        told,
        from_model=told.from_model or from_model,
        cause=_cause(step.last) if told.cause in (None, UNTOLD) else told.cause,
    )


def _is_declared(score: FallbackScore) -> bool:
    """Whether the emitter said itself that this is no first attempt."""
    if score.outcome not in (FallbackOutcome.RETRY, FallbackOutcome.FALLBACK, FallbackOutcome.EXHAUSTED):
        return False
    return not (score.evidence or "").startswith("attempt ")
