"""How the calls of one request relate: tables of attempts, laws, and the simulation with its truth."""

from __future__ import annotations

import math
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tables.fallback import CLASSES, call_of, simulation, what_became, wrongly_told
from monitor.records import (
    Attempt,
    ErrorCategory,
    FallbackCause,
    FallbackOutcome,
    FallbackScore,
    FinishReason,
    RequestTruth,
    Status,
    attempt_of,
)
from monitor.scorers.fallback.requests import relate
from monitor.scorers.fallback.score import MAX_HOP, score_fallback, score_names
from tests.paths import SHARED
from tests.scorers.build import STARTED


def attempt(second: float, model: str = "gpt-4o", *, ok: bool = True, **fields: Any) -> Attempt:
    """One attempt that took a second."""
    served = model if ok else ""
    defaults: dict[str, Any] = {
        "request_id": "r",
        "call_id": f"c{second}",
        "duration_ms": 1000.0,
        "provider": "openai",
        "model_requested": model,
        "model_served": served,
        "status": Status.OK if ok else Status.ERROR,
        "error_category": None if ok else ErrorCategory.RATE_LIMIT,
        "answered": ok,
        "fallback": score_names(model, served),
    }
    return Attempt(started_at=STARTED + timedelta(seconds=second), **(defaults | fields))


def settled(attempts: list[Attempt]) -> list[FallbackScore]:
    """The scores after the relation was looked at."""
    return [related.fallback for related in relate(attempts)]


@pytest.mark.parametrize(
    ("attempts", "outcomes"),
    [
        ([attempt(0)], ["none"]),
        ([attempt(0, ok=False)], ["unknown"]),
        ([attempt(0, ok=False), attempt(2)], ["unknown", "retry"]),
        ([attempt(0, ok=False), attempt(2, "gpt-4o-2024-08-06")], ["unknown", "retry"]),
        ([attempt(0, ok=False), attempt(2, "gpt-4o-mini")], ["unknown", "fallback"]),
        ([attempt(0, ok=False), attempt(2, provider="azure")], ["unknown", "fallback"]),
        ([attempt(0), attempt(2, "gpt-4o-mini")], ["none", "none"]),  # two turns of an agent
        ([attempt(0, ok=False), attempt(0.5)], ["unknown", "none"]),  # side by side
        ([attempt(0, ok=False), attempt(3600)], ["unknown", "none"]),  # another question
        ([attempt(0, ok=False), attempt(2, ok=False)], ["unknown", "exhausted"]),
        (
            [attempt(0, ok=False), attempt(2, "claude-3-5-sonnet", ok=False), attempt(4, "gpt-4o-mini")],
            ["unknown", "fallback", "fallback"],
        ),
        (
            [attempt(0, "claude-3-5-sonnet", ok=False), attempt(2, ok=False), attempt(4)],
            ["unknown", "fallback", "fallback"],  # a retry of the fallback is the fallback still
        ),
        ([attempt(0, ok=False), attempt(2), attempt(4)], ["unknown", "retry", "none"]),
        # Names that are no model's: what is spelled otherwise is another one.
        ([attempt(0, "prod", ok=False), attempt(2, "backup")], ["unknown", "fallback"]),
        ([attempt(0, "prod", ok=False), attempt(2, "prod")], ["unknown", "retry"]),
        ([attempt(0, "", ok=False), attempt(2, "", provider="anthropic")], ["unknown", "fallback"]),
        ([attempt(0, "", ok=False), attempt(2, "")], ["unknown", "unknown"]),
        # A gateway's group of deployments is one place, whoever serves it; another group is another place.
        ([attempt(0, ok=False, route="a"), attempt(2, provider="azure", route="a")], ["unknown", "retry"]),
        ([attempt(0, ok=False, route="a"), attempt(2, route="b")], ["unknown", "fallback"]),
        # Numbers tell where clocks show whole seconds.
        ([attempt(0, ok=False), attempt(0, call_id="b", attempt=2)], ["unknown", "retry"]),
        # An answer that was filtered or empty is none.
        ([attempt(0, answered=False), attempt(2)], ["none", "retry"]),
    ],
)
def test_an_attempt_is_judged_by_what_came_before_it(attempts: list[Attempt], outcomes: list[str]) -> None:
    assert [score.outcome for score in settled(attempts)] == outcomes


def test_a_fallback_carries_from_to_and_cause() -> None:
    hops = [
        attempt(0, ok=False),
        attempt(2, "claude-3-5-sonnet", ok=False, error_category=ErrorCategory.TIMEOUT),
        attempt(4, "gpt-4o-mini"),
    ]

    _, second, third = settled(hops)

    assert (second.from_model, second.to_model, second.cause) == ("gpt-4o", "claude-3-5-sonnet", "rate_limit")
    assert (third.from_model, third.to_model, third.cause) == ("claude-3-5-sonnet", "gpt-4o-mini", "timeout")


def test_a_fallback_to_another_provider_of_the_same_model_names_the_providers() -> None:
    _, second = settled([attempt(0, ok=False), attempt(2, provider="azure.ai.openai")])

    assert (second.from_model, second.to_model) == ("openai/gpt-4o", "azure.ai.openai/gpt-4o")


def test_what_the_emitter_declares_stands() -> None:
    declared = FallbackScore(
        FallbackOutcome.FALLBACK, "a", "b", FallbackCause.TIMEOUT, "x-gateway-attempt", 1
    )

    assert settled([attempt(0, ok=False), attempt(2, fallback=declared)])[1] == declared


def test_what_the_emitter_left_out_of_a_declared_fallback_is_filled_in() -> None:
    declared = FallbackScore(FallbackOutcome.FALLBACK, None, "gpt-4o-mini", FallbackCause.UNKNOWN, "a header")

    _, second = settled([attempt(0, ok=False), attempt(2, "gpt-4o-mini", fallback=declared)])

    assert second == FallbackScore(
        FallbackOutcome.FALLBACK, "gpt-4o", "gpt-4o-mini", FallbackCause.RATE_LIMIT, "a header", 1
    )


@pytest.mark.parametrize(
    ("failed", "cause", "evidence"),
    [
        *(
            ({"error_category": category}, category.value, "")
            for category in ErrorCategory
            if category.value in list(FallbackCause) and category is not ErrorCategory.OTHER
        ),
        ({"error_category": ErrorCategory.AUTHENTICATION}, "other", ": authentication"),
        ({"error_category": ErrorCategory.NOT_FOUND}, "other", ": not_found"),
        ({"error_category": ErrorCategory.OTHER}, "other", ": other"),
        ({"error_category": None}, "unknown", ""),
        ({"status": Status.OK, "error_category": None}, "no_answer", ""),
        (
            {"status": Status.OK, "error_category": None, "finish_reason": FinishReason.CONTENT_FILTER},
            "content_filter",
            "",
        ),
    ],
)
def test_the_cause_is_why_the_attempt_before_gave_no_answer(
    failed: dict[str, Any], cause: str, evidence: str
) -> None:
    _, second = settled([attempt(0, ok=False, **failed), attempt(2)])

    assert (second.cause, second.evidence) == (cause, f"attempt 2, none before it was answered{evidence}")


def test_of_the_last_of_several_that_failed_the_cause_is_its_own() -> None:
    _, second = settled(
        [attempt(0, ok=False), attempt(2, ok=False, error_category=ErrorCategory.CONTEXT_LENGTH)]
    )

    assert (second.outcome, second.cause) == ("exhausted", "context_length")


@pytest.mark.parametrize(
    ("attempts", "hops"),
    [
        ([attempt(0), attempt(2)], [None, None]),
        ([attempt(0, ok=False), attempt(2, ok=False), attempt(4)], [None, 1, 2]),
        # The emitter counts attempts that were not logged as well.
        ([attempt(0, ok=False), attempt(2, fallback=FallbackScore(FallbackOutcome.RETRY, hop=4))], [None, 4]),
        ([attempt(0, "", ok=False), attempt(2, "")], [None, 1]),
    ],
)
def test_the_hop_counts_the_attempts_before(attempts: list[Attempt], hops: list[int | None]) -> None:
    assert [score.hop for score in settled(attempts)] == hops


def test_a_retry_that_another_model_answered_is_the_worse_news() -> None:
    """Nothing says why; the provider that was asked instead was asked for the same model."""
    swapped: dict[str, Any] = {
        "model_served": "gpt-4o-mini",
        "fallback": score_names("gpt-4o", "gpt-4o-mini"),
    }

    for place in ("openai", "azure"):
        _, second = settled([attempt(0, ok=False), attempt(2, provider=place, **swapped)])
        assert (second.outcome, second.from_model, second.hop) == ("silent_downgrade", "gpt-4o", 1)


def test_another_family_from_another_provider_is_a_fallback_whatever_was_logged_as_asked() -> None:
    """A gateway may log the model that the application asked for at first with every attempt."""
    served = "claude-3-5-sonnet"
    swapped: dict[str, Any] = {
        "model_served": served,
        "fallback": score_names("gpt-4o", served),
        "provider": "anthropic",
    }

    _, second = settled([attempt(0, ok=False), attempt(2, **swapped)])

    assert (second.outcome, second.to_model) == ("fallback", served)


# ---------------------------------------------------------------------------------- the truth of a request

LATER = RequestTruth(0)


@pytest.mark.parametrize(
    ("attempts", "truths"),
    [
        ([attempt(0)], [RequestTruth(1, True)]),
        ([attempt(0, ok=False)], [RequestTruth(1, False)]),
        (
            [attempt(0, ok=False), attempt(2, "gpt-4o-2024-08-06")],
            [RequestTruth(2, True, "gpt-4o-2024-08-06", 2000.0), LATER],
        ),
        (
            [attempt(0, ok=False), attempt(2, "o3", model_served="")],
            [RequestTruth(2, True, "o3", 2000.0), LATER],
        ),
        (
            [attempt(0, ok=False), attempt(2.5, "o3", ok=False), attempt(4.5, "gpt-4o-mini", ok=False)],
            [RequestTruth(3, False, None, 4500.0), LATER, LATER],
        ),
        # Without a failure before it, the same call once more is a request of its own: hedged, or sent twice.
        ([attempt(0), attempt(0.1), attempt(5)], [RequestTruth(1, True)] * 3),
        ([attempt(0, ok=False), attempt(0.5)], [RequestTruth(1, False), RequestTruth(1, True)]),
        # Two turns of an agent, each tried twice.
        (
            [attempt(0, ok=False), attempt(2), attempt(10, ok=False), attempt(13)],
            [
                RequestTruth(2, True, "gpt-4o", 2000.0),
                LATER,
                RequestTruth(2, True, "gpt-4o", 3000.0),
                LATER,
            ],
        ),
        # What is known of the cost of all but the last.
        (
            [attempt(0, ok=False, cost=0.25), attempt(2, ok=False), attempt(4, cost=8.0)],
            [RequestTruth(3, True, "gpt-4o", 4000.0, 0.25), LATER, LATER],
        ),
        (
            [attempt(0, answered=False, cost=0.25), attempt(2, answered=False, cost=0.5), attempt(4)],
            [RequestTruth(3, True, "gpt-4o", 4000.0, 0.75), LATER, LATER],
        ),
        (
            [attempt(0, ok=False, cost=math.nan), attempt(2)],
            [RequestTruth(2, True, "gpt-4o", 2000.0), LATER],
        ),
    ],
)
def test_the_first_attempt_tells_what_became_of_its_request(
    attempts: list[Attempt], truths: list[RequestTruth]
) -> None:
    assert [related.request for related in relate(attempts)] == truths


# -------------------------------------------------------------------------------------------------- laws


@st.composite
def _requests(draw: st.DrawFn) -> list[Attempt]:
    """Attempts of one request, with clocks, durations and costs as no sane system has them."""
    return [
        attempt(
            draw(st.sampled_from([0.0, 0.1, 1.0, 1.05, 2.0, 3.5, 700.0, 90_000.0])),
            draw(st.sampled_from(["gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet", "prod", ""])),
            ok=draw(st.booleans()),
            call_id=str(number),
            duration_ms=draw(st.sampled_from([None, 0.0, 1000.0, -5.0, 1e300, math.inf, math.nan])),
            provider=draw(st.sampled_from(["openai", "azure", ""])),
            route=draw(st.sampled_from(["", "a"])),
            attempt=draw(st.integers(1, 3)),
            cost=draw(st.sampled_from([None, 0.0, 0.25, 1e308, math.inf, math.nan])),
        )
        for number in range(draw(st.integers(0, 9)))
    ]


@given(_requests(), st.randoms(use_true_random=False))
def test_attempts_in_any_order_get_the_same_scores_and_truth(attempts: list[Attempt], random: Random) -> None:
    arrived = random.sample(attempts, len(attempts))

    at_once = {one.call_id: found for one, found in zip(attempts, relate(attempts), strict=True)}

    assert {one.call_id: found for one, found in zip(arrived, relate(arrived), strict=True)} == at_once


@given(_requests())
def test_every_attempt_is_counted_in_one_request(attempts: list[Attempt]) -> None:
    truths = [related.request for related in relate(attempts)]

    assert sum(truth.attempts for truth in truths) == len(attempts)
    for truth in truths:
        assert (truth.answered is None) == (truth.attempts == 0)
        assert (truth.extra_ms is None) == (truth.attempts < 2)
        assert truth.extra_ms is None or truth.extra_ms >= 0
        assert truth.extra_cost is None or math.isfinite(truth.extra_cost)


def test_a_request_of_thousands_of_failed_calls_is_related_too() -> None:
    related = relate([attempt(2.0 * number, ok=False) for number in range(100_000)])

    assert [related[1].fallback.outcome, related[-1].fallback.outcome] == ["retry", "exhausted"]
    assert related[0].request == RequestTruth(100_000, False, None, 2.0 * 99_999 * 1000)
    assert related[-1].fallback.hop == MAX_HOP


def test_thousands_of_calls_that_fail_side_by_side_are_requests_of_their_own() -> None:
    related = relate([attempt(0, ok=False, call_id=str(number)) for number in range(2000)])

    assert {found.request for found in related} == {RequestTruth(1, False)}


def test_the_simulation_of_fallbacks_is_told_as_its_truth_says() -> None:
    """Real arrivals with retries, fallbacks, canned replies and silent downgrades; 401 of 9,739 fell back."""
    requests = simulation(SHARED / "data")
    for request in requests:
        attempts = [attempt_of(one, score_fallback(one)) for one in map(call_of, request.events)]
        told = what_became(attempts, relate(attempts))
        assert told.klass == CLASSES[request.truth["kind"]], request.truth
        assert wrongly_told(request, told) == [], request.truth
    assert len(requests) == 9739
