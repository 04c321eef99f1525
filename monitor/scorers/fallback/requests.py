"""How the calls of one request relate: attempts come in, what each is among them goes out.

A call that starts after another call of its request gave no answer is a retry of it, where it asks the same
model of the same provider again, or a fallback, where it asks another. So the attempts form chains, each of
which but for the last gave no answer: a request as the application asked for it. What became of it is said by
the first of its chain. Several chains may share a request's id, as the turns of an agent do.

Attempts arrive in any order and over several messages, so this looks at all that are stored of a request,
each with the score of its call alone. What the emitter itself declares stands. Evidence in the order of the
research that this project follows: explicit declarations, then gateways' groups, then spans of one parent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from msgspec import structs

from monitor.records import (
    TOLD_BY_FIRST,
    Attempt,
    FallbackCause,
    FallbackOutcome,
    FallbackScore,
    FinishReason,
    Related,
    RequestTruth,
    Status,
    alone,
)
from monitor.scorers.fallback.models import Match, compare
from monitor.scorers.fallback.ranks import is_lesser
from monitor.scorers.fallback.score import MAX_HOP, is_declared, is_swap, score_names

#: Longest time from the end of a failed call to the start of its next attempt, in microseconds: a provider's
#: "retry after" is seconds to a few minutes, and a later call of the same trace is another question.
MAX_PAUSE = 10 * 60 * 1_000_000

#: How far clocks of one request's calls may be apart, in microseconds.
TOLERANCE = 50_000

#: How many failed calls of one request may wait for the attempt that follows them.
MAX_OPEN = 64

#: Longest duration of a call that is believed; any other counts as none.
MAX_DURATION_MS = 7 * 24 * 3600 * 1000.0

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class _Step(NamedTuple):
    """How an attempt stands in its chain of attempts, each of which but the last gave no answer."""

    first: Attempt
    last: Attempt
    """The one before it."""
    origin: Attempt
    """The nearest before it that asked elsewhere, else the one before it."""
    number: int
    """Which attempt of its chain it is, from 1."""


def relate(attempts: Sequence[Attempt]) -> list[Related]:
    """What each attempt of one request is among them. They may come in any order; the result is in theirs."""
    order = sorted(range(len(attempts)), key=lambda index: _order(attempts[index]))
    related = [alone(attempt) for attempt in attempts]
    for places in _chains([attempts[index] for index in order]):
        chain = [order[place] for place in places]
        for index, found in zip(chain, _related([attempts[index] for index in chain]), strict=True):
            related[index] = found
    return related


def _chains(attempts: Sequence[Attempt]) -> Iterable[list[int]]:
    """The places of each chain's attempts, in their order; an attempt that stands alone is a chain of one."""
    before = _predecessors(attempts)
    chains: dict[int, list[int]] = {}
    for place in range(len(attempts)):
        chain = chains.pop(before[place]) if place in before else []
        chain.append(place)
        chains[place] = chain
    return chains.values()


def _related(chain: Sequence[Attempt]) -> Iterator[Related]:
    """What each attempt of a chain is."""
    yield Related(chain[0].fallback, _truth(chain))
    step: _Step | None = None
    for last, attempt in pairwise(chain):
        step = _step(step, last, attempt)
        yield Related(_score(step, attempt, is_last=attempt is chain[-1]), TOLD_BY_FIRST)


def _truth(chain: Sequence[Attempt]) -> RequestTruth:
    """What became of the request whose attempts these are."""
    first, last = chain[0], chain[-1]
    if first is last:
        return alone(first).request
    costs = [attempt.cost for attempt in chain[:-1] if attempt.cost is not None]
    cost = sum(costs) if costs else math.nan
    return RequestTruth(
        attempts=len(chain),
        answered=last.answered,
        model=(last.model_served or last.model_requested or None) if last.answered else None,
        extra_ms=(last.started_at - first.started_at) / timedelta(milliseconds=1),
        extra_cost=cost if math.isfinite(cost) else None,
    )


def _step(previous: _Step | None, last: Attempt, attempt: Attempt) -> _Step:
    """The step from the last attempt to this one."""
    if previous is None:
        return _Step(last, last, last, 2)
    origin = previous.origin if _same_place(last, attempt) else last
    return _Step(previous.first, last, origin, previous.number + 1)


def _order(attempt: Attempt) -> tuple[datetime, int, str]:
    return (attempt.started_at, attempt.attempt, attempt.call_id)


def _started(attempt: Attempt) -> int:
    """When it started, in microseconds."""
    return (attempt.started_at - _EPOCH) // timedelta(microseconds=1)


def _ended(attempt: Attempt) -> int:
    """When it ended, in microseconds."""
    duration = attempt.duration_ms or 0.0
    return _started(attempt) + (round(duration * 1000) if 0 <= duration <= MAX_DURATION_MS else 0)


def _predecessors(attempts: Sequence[Attempt]) -> dict[int, int]:
    """For each attempt that follows a failed one, which: the last to end of those nobody followed yet.

    One that asked the same of the same place is preferred, for where several calls run side by side. By
    clocks that are coarse or not together, an attempt may start before the one ended that its number comes
    after: that one is taken where no other has ended.
    """
    before: dict[int, int] = {}
    failed: dict[int, int] = {}
    for index, attempt in enumerate(attempts):
        start = _started(attempt)
        failed = {other: ended for other, ended in failed.items() if start - ended <= MAX_PAUSE}
        open_ = [other for other, ended in failed.items() if start - ended >= -TOLERANCE] or [
            other for other in failed if attempts[other].attempt < attempt.attempt
        ]
        if open_:
            best = max(
                open_,
                key=lambda other: (_same_place(attempts[other], attempt) is True, failed[other]),
            )
            before[index] = best
            del failed[best]
        if not attempt.answered:
            if len(failed) == MAX_OPEN:
                del failed[min(failed)]
            failed[index] = _ended(attempt)
    return before


def _score(step: _Step, attempt: Attempt, *, is_last: bool) -> FallbackScore:
    """What its chain says of an attempt, but for what the emitter has said."""
    hop = min(max(step.number - 1, attempt.fallback.hop or 0), MAX_HOP)
    if is_declared(attempt.fallback):
        return _completed(step, attempt, hop)
    same = _same_place(step.first, attempt)
    if same is None:
        return structs.replace(attempt.fallback, hop=hop)
    by_name = score_names(attempt.model_requested, attempt.model_served)
    if is_swap(by_name) and (same or is_lesser(attempt.model_requested, attempt.model_served)):
        return structs.replace(by_name, hop=hop)  # the worse news: it didn't get what it asked for either
    outcome = FallbackOutcome.RETRY if same else FallbackOutcome.FALLBACK
    if is_last and not attempt.answered:
        outcome = FallbackOutcome.EXHAUSTED
    failed = attempt if outcome is FallbackOutcome.EXHAUSTED else step.last
    cause, evidence = _cause(failed), f"attempt {step.number}, none before it was answered"
    if cause is FallbackCause.OTHER and failed.error_category:
        evidence = f"{evidence}: {failed.error_category}"
    return FallbackScore(outcome, *_names(step.origin, attempt), cause, evidence, hop)


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


def _cause(failed: Attempt) -> FallbackCause:
    """Why an attempt gave no answer."""
    if failed.error_category:
        return FallbackCause(failed.error_category.value)
    if failed.finish_reason is FinishReason.CONTENT_FILTER:
        return FallbackCause.CONTENT_FILTER
    return FallbackCause.UNKNOWN if failed.status is Status.ERROR else FallbackCause.NO_ANSWER


def _completed(step: _Step, attempt: Attempt, hop: int) -> FallbackScore:
    """What the emitter declared, with the model, the cause and the hop that it left out."""
    told = attempt.fallback
    from_model, _ = _names(step.origin, attempt)
    failed = attempt if told.outcome is FallbackOutcome.EXHAUSTED and not attempt.answered else step.last
    return structs.replace(
        told,
        from_model=told.from_model or from_model,
        cause=_cause(failed) if told.cause in (None, FallbackCause.UNKNOWN) else told.cause,
        hop=hop,
    )
