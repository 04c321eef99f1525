"""What became of the recorded LiteLLM requests: plain, retried, fallen back once and twice, exhausted."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest

from monitor.decode import decode
from monitor.records import Attempt, Call, FallbackCause, FallbackOutcome, Record, attempt_of
from monitor.scorers.fallback import score_fallback
from monitor.scorers.fallback.requests import relate
from tests.fragments import NOON
from tests.paths import SHARED

PAYLOADS = SHARED / "data/recorded/litellm_slp"
#: The scenario whose model thought until its tokens were used up: a success to the gateway, and no answer.
EMPTY = 37
SCENARIOS: list[dict[str, Any]] = json.loads((PAYLOADS / "scenarios.index.json").read_text())["scenarios"]


def attempts() -> dict[str, list[tuple[Call, Attempt]]]:
    """The attempts of every request, by its id."""
    found: dict[str, list[tuple[Call, Attempt]]] = defaultdict(list)
    for path in sorted(PAYLOADS.glob("[0-9]*.json")):
        record = Record(path.name, 0, 0, path.read_bytes(), timestamp=NOON)
        (call,) = decode(record, format="litellm").calls
        found[call.request_id or ""].append((call, attempt_of(call, score_fallback(call))))
    for request in found.values():
        request.sort(key=lambda pair: pair[0].started_at)
    return found


def test_the_calls_of_a_request_share_its_id() -> None:
    requests = attempts()
    assert len(requests) == len(SCENARIOS) == 40
    assert Counter(len(request) for request in requests.values()) == {1: 15, 2: 9, 3: 16}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario['i']}-{scenario['kind']}")
def test_what_became_of_a_request_is_what_the_gateway_told_its_client(scenario: dict[str, Any]) -> None:
    """The gateway's own headers say where the answer came from, and whether there was one."""
    request = next(
        request for id_, request in attempts().items() if id_.rsplit("-", 1)[-1] == str(scenario["i"])
    )
    related = relate([pair[1] for pair in request])
    scores, truth = [one.fallback for one in related], related[0].request
    first, last, final = request[0][0], request[-1][0], scores[-1]
    headers = scenario["response_headers"]

    assert truth.attempts == len(request)
    assert truth.answered == (scenario["error"] is None and scenario["i"] != EMPTY)
    assert [one.request.attempts for one in related[1:]] == [0] * (len(request) - 1)
    if len(request) > 1:
        assert truth.extra_ms == (last.started_at - first.started_at) / timedelta(milliseconds=1)
        assert [score.hop for score in scores[1:]] == list(range(1, len(scores)))
    if scenario["error"]:
        assert truth.model is None
        assert final.outcome is FallbackOutcome.EXHAUSTED
        assert [score.outcome for score in scores[1:-1]] == [FallbackOutcome.FALLBACK] * (len(scores) - 2)
        return
    assert last.route == headers["x-litellm-model-group"]
    if headers["x-litellm-attempted-fallbacks"] == "0":
        assert final.outcome in (
            FallbackOutcome.NONE,
            FallbackOutcome.SILENT_DOWNGRADE,
            FallbackOutcome.UNKNOWN,
        )
        return
    before = request[-2][0]
    assert truth.model == (last.model_served or last.model_requested)
    assert final.outcome is FallbackOutcome.FALLBACK
    assert final.from_model == before.model_requested
    assert final.to_model == truth.model
    assert before.error is not None
    assert final.cause is FallbackCause(before.error.category.value)


def test_a_second_attempt_at_the_same_model_group_is_a_retry() -> None:
    request = next(request for id_, request in attempts().items() if id_.endswith("-11"))
    related = [pair[1] for pair in request]
    _, second, third = (one.fallback for one in relate(related))
    assert (second.outcome, second.cause) == (FallbackOutcome.RETRY, "rate_limit")
    assert (third.outcome, third.cause) == (FallbackOutcome.FALLBACK, "rate_limit")
