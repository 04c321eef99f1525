"""LiteLLM's recorded payloads: all are read, and score as the pairs they were made from."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import given

from monitor.decode import decode
from monitor.records import Call, ErrorCategory, Status
from tests.decode.build import call_of, record, tokens
from tests.decode.junk import borne, spoilt
from tests.decode.recorded import call_of_pair, differences
from tests.paths import SHARED

FOLDER = SHARED / "data" / "recorded" / "litellm_slp"

#: The pair that an attempt's provider answered from, which the proxy's address names.
_ANSWERED_FROM = re.compile(r"/fx/([0-9a-f]+)/")


@cache
def payloads() -> dict[str, dict[str, Any]]:
    return {file.name[:3]: json.loads(file.read_bytes()) for file in sorted(FOLDER.glob("[0-9]*.json"))}


@cache
def calls() -> dict[str, Call]:
    return {number: call_of(payload) for number, payload in payloads().items()}


def pair_id(number: str) -> str | None:
    found = _ANSWERED_FROM.search(payloads()[number]["payload"]["api_base"] or "")
    return found[1] if found else None


def test_every_payload_is_one_call() -> None:
    statuses = Counter(call.status.value for call in calls().values())
    assert statuses == {"error": 49, "ok": 32}
    assert all(call.source.format == "litellm" for call in calls().values())
    assert all(
        call.captured.input and call.captured.tools and call.captured.schema for call in calls().values()
    )


def test_a_webhook_s_batches_hold_the_same_calls() -> None:
    batches = [json.loads((FOLDER / f"generic_api_batch_{number}.json").read_bytes()) for number in range(3)]
    assert [len(batch) for batch in batches] == [10, 33, 38]
    as_array = [decode(record(batch)) for batch in batches]
    as_lines = [
        decode(record(b"\n".join(json.dumps(payload).encode() for payload in batch))) for batch in batches
    ]
    assert not any(decoded.dead_letters for decoded in as_array + as_lines)
    for batched in (as_array, as_lines):
        found = {call.call_id: call for decoded in batched for call in decoded.calls}
        assert len(found) == 81
        assert {id_: _anywhere(call) for id_, call in found.items()} == {
            call.call_id: _anywhere(call) for call in calls().values()
        }


def _anywhere(call: Call) -> tuple[Any, ...]:
    return tuple(getattr(call, name) for name in call.__struct_fields__ if name != "source")


def test_the_attempts_of_one_request_share_its_id_and_have_their_own() -> None:
    scenarios = json.loads((FOLDER / "scenarios.index.json").read_bytes())["scenarios"]
    requests = Counter(call.request_id for call in calls().values())
    assert len(requests) == len(scenarios) == 40
    assert len({call.call_id for call in calls().values()}) == 81
    assert {call.route for call in calls().values()} == {"chat-primary", "chat-backup", "chat-last-resort"}


def test_the_time_to_the_first_token_is_known_of_streams_only() -> None:
    for call in calls().values():
        assert call.stream or call.ttft_ms is None
        if call.stream and call.status is Status.OK:
            assert call.ttft_ms is not None
            assert call.duration_ms is not None
            assert 0 < call.ttft_ms < call.duration_ms
    assert Counter(call.stream for call in calls().values() if call.status is Status.OK) == {
        False: 18,
        True: 14,
    }


def test_errors_have_their_categories() -> None:
    assert Counter(call.error.category for call in calls().values() if call.error) == {
        ErrorCategory.AUTHENTICATION: 15,
        ErrorCategory.INVALID_REQUEST: 16,
        ErrorCategory.TOOL_USE_FAILED: 5,
        ErrorCategory.SERVER_ERROR: 5,
        ErrorCategory.RATE_LIMIT: 4,
        ErrorCategory.NOT_FOUND: 2,
        ErrorCategory.CONTEXT_LENGTH: 2,
    }


#: Where LiteLLM's account of a call scores otherwise than its pair, and why. Docs: docs/agreement.md.
DIFFERENCES = {
    # LiteLLM writes the requested name as the served one of every streamed answer: who answered is unknown.
    ("fallback", "none", "unknown"): 13 + 2,  # and twice LiteLLM failed to read an answer that was whole
    ("instructions", "ok", "not_applicable"): 2,  # these two
    ("grounding", "not_applicable", "not_applicable"): 2,  # these two, for another reason
    # Of a call that failed the parameters are not logged: that a tool was forced is lost.
    ("json", "not_json", "not_applicable"): 2,
    ("fallback", "silent_downgrade", "unknown"): 1,
    # The recording's own: a backup deployment was answered with the recording of another model, twice of a
    # greater one.
    ("fallback", "none", "silent_downgrade"): 5,
    ("fallback", "none", "fallback"): 2,
}


def test_an_attempt_scores_as_its_pair() -> None:
    found: Counter[Any] = Counter()
    compared = 0
    for number, call in calls().items():
        if (answered_from := pair_id(number)) is not None:
            found += differences(answered_from, call)
            compared += 1
    assert found == DIFFERENCES
    assert compared == 78, "three never reached a provider"


def test_an_answer_has_the_contract_the_tools_and_the_tokens_of_its_pair() -> None:
    for number, call in calls().items():
        answered_from = pair_id(number)
        if call.status is Status.OK and answered_from is not None:
            pair = call_of_pair(answered_from)
            for name in (
                "contract",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "input",
                "stream",
            ):
                assert getattr(call, name) == getattr(pair, name), (number, name)
            assert tokens(call.usage) == tokens(pair.usage), number
            texts = [(o.text, o.refusal, o.tool_calls) for o in call.outputs]
            assert texts == [(o.text, o.refusal, o.tool_calls) for o in pair.outputs], number


@pytest.mark.parametrize("number", ["046"])
def test_a_refusal_is_kept(number: str) -> None:
    (output,) = calls()[number].outputs
    assert output.refusal


@given(spoilt(lambda: list(payloads().values())))
def test_a_spoilt_payload_is_calls_or_dead_letters_or_nothing(value: bytes) -> None:
    borne(value)
