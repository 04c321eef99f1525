"""How the calls of one request relate: tables of attempts, laws, and the simulation with its truth."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Attempt, ErrorCategory, FallbackOutcome, FallbackScore, Status
from monitor.scorers.fallback import score_names
from monitor.scorers.requests import relate
from tests.paths import SHARED
from tests.scorers.build import STARTED

TRACES = SHARED / "data/scoring/traces"


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
    changed = relate(attempts)
    return [new or old.fallback for new, old in zip(changed, attempts, strict=True)]


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
    declared = FallbackScore(FallbackOutcome.FALLBACK, "a", "b", "timeout", "x-gateway-attempt")

    assert relate([attempt(0, ok=False), attempt(2, fallback=declared)])[1] is None


def test_what_the_emitter_left_out_of_a_declared_fallback_is_filled_in() -> None:
    declared = FallbackScore(FallbackOutcome.FALLBACK, None, "gpt-4o-mini", "unknown", "a header")

    _, second = settled([attempt(0, ok=False), attempt(2, "gpt-4o-mini", fallback=declared)])

    assert second == FallbackScore(
        FallbackOutcome.FALLBACK, "gpt-4o", "gpt-4o-mini", "rate_limit", "a header"
    )


_MODELS = st.sampled_from(["gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet", ""])


@given(st.data())
def test_attempts_in_any_order_get_the_same_scores(data: st.DataObject) -> None:
    attempts = [
        attempt(3.0 * n, data.draw(_MODELS), ok=data.draw(st.booleans()), call_id=str(n))
        for n in range(data.draw(st.integers(1, 7)))
    ]
    at_once = {one.call_id: score for one, score in zip(attempts, settled(attempts), strict=True)}

    arrived = data.draw(st.permutations(attempts))

    assert {one.call_id: score for one, score in zip(arrived, settled(arrived), strict=True)} == at_once


def test_a_request_of_thousands_of_failed_calls_is_related_too() -> None:
    scores = settled([attempt(2.0 * n, ok=False) for n in range(3000)])

    assert [scores[1].outcome, scores[-1].outcome] == ["retry", "exhausted"]


def test_the_simulation_of_fallbacks_is_told_as_its_truth_says() -> None:
    """Real arrivals with retries, fallbacks, canned replies and silent downgrades; 401 of 9,739 fell back."""
    events: dict[str, list[Attempt]] = defaultdict(list)
    for event in _lines("fallback_sim.events.jsonl.gz"):
        events[event["trace_id"]].append(_simulated(event))
    found = {trace: _last(attempts) in ("fallback", "silent_downgrade") for trace, attempts in events.items()}
    truths = _lines("fallback_sim.truth.jsonl.gz")

    both = sum(truth["is_fallback"] and found[truth["trace_id"]] for truth in truths)

    assert (len(truths), sum(truth["is_fallback"] for truth in truths), sum(found.values())) == (
        9739,
        401,
        401,
    )
    assert both == 401  # precision and recall 1.0; wanted is 0.99


def _lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(TRACES / name) as lines:
        return [json.loads(line) for line in lines]


def _last(attempts: list[Attempt]) -> FallbackOutcome:
    """What the last attempt of a request was: what the application got in the end."""
    scores = settled(attempts)
    return max(zip(attempts, scores, strict=True), key=lambda pair: pair[0].started_at)[1].outcome


_CATEGORY = {
    "rate_limit_exceeded": ErrorCategory.RATE_LIMIT,
    "timeout": ErrorCategory.TIMEOUT,
    "server_error": ErrorCategory.SERVER_ERROR,
}


def _simulated(event: dict[str, Any]) -> Attempt:
    requested, served = event["requested_model"], event["response_model"] or ""
    said_something = event["content"] or event["finish_reason"] == "tool_calls"
    return Attempt(
        request_id=event["trace_id"],
        call_id=f"{event['trace_id']}{event['ts']}",
        started_at=STARTED + timedelta(seconds=event["ts"]),
        duration_ms=(event["end"] - event["ts"]) * 1000,
        provider=event["provider"],
        model_requested=requested,
        model_served=served,
        status=Status.ERROR if event["error_type"] else Status.OK,
        error_category=_CATEGORY.get(event["error_type"]),
        answered=bool(said_something) and event["finish_reason"] != "content_filter",
        fallback=score_names(requested, served),
    )
