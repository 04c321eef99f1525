"""Rows of LiteLLM's SpendLogs, as its source writes them; none was recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from monitor.decode import decode
from monitor.records import (
    Captured,
    ContractKind,
    ErrorCategory,
    FallbackHint,
    FallbackOutcome,
    Status,
    Usage,
)
from monitor.scorers import score
from tests.decode.build import call_of, record, tokens
from tests.decode.junk import borne, spoilt
from tests.decode.litellm.build import answer, row

REQUEST = {
    "model": "chat",
    "messages": [{"role": "user", "content": "hello"}],
    "response_format": {"type": "json_object"},
    "stream": True,
}


def test_a_row_without_prompts_is_a_call_without_content() -> None:
    call = call_of(row())
    assert (call.call_id, call.request_id, call.route) == ("chatcmpl-1", "t1", "chat-backup")
    assert (call.model_requested, call.model_served, call.duration_ms) == ("gpt-4o", "", 2000.0)
    assert tokens(call.usage) == Usage(9, 3)
    assert call.captured == Captured(input=False, output=False, tools=False)
    assert call.contract.kind is ContractKind.UNKNOWN


def test_a_row_with_prompts_is_a_whole_call() -> None:
    stored: dict[str, Any] = {
        "proxy_server_request": json.dumps(REQUEST),
        "response": json.dumps(answer("{}")),
    }
    call = call_of(row(**stored))
    assert call.captured == Captured()
    assert (call.contract.kind, call.outputs[0].text) == (ContractKind.JSON_OBJECT, "{}")
    assert (call.model_requested, call.stream, call.ttft_ms) == ("gpt-4o", True, 1000.0)


def test_a_text_whose_middle_was_cut_out_is_not_captured() -> None:
    cut = answer("beginning... (litellm_truncated skipped 9000 chars) ...end")
    assert not call_of(row(response=json.dumps(cut))).captured.output


def test_a_failed_row_has_its_error() -> None:
    information = {"error_code": "429", "error_class": "RateLimitError", "error_message": "for key sk-1"}
    call = call_of(row({"status": "failure", "error_information": information}, status="failure"))
    assert call.status is Status.ERROR
    assert call.error is not None
    assert call.error.category is ErrorCategory.RATE_LIMIT


HINTS: dict[str, tuple[dict[str, Any], FallbackHint]] = {
    "a fallback": (
        {"attempted_fallbacks": 2, "original_model_group": "chat-primary", "attempted_retries": 0},
        FallbackHint("fallback", "chat-primary", "chat-backup", "unknown", "metadata.attempted_fallbacks"),
    ),
    "a retry": (
        {"attempted_fallbacks": 0, "attempted_retries": 1},
        FallbackHint("retry", "chat-backup", "chat-backup", "unknown", "metadata.attempted_retries", 1),
    ),
    "the first choice": (
        {"attempted_fallbacks": 0, "attempted_retries": 0},
        FallbackHint("none", evidence="metadata.attempted_fallbacks"),
    ),
    "an older version": ({}, FallbackHint()),
    "another type": ({"attempted_fallbacks": "many"}, FallbackHint()),
}


@pytest.mark.parametrize(("metadata", "hint"), HINTS.values(), ids=HINTS.keys())
def test_a_row_says_whether_it_is_a_fallback(metadata: dict[str, Any], hint: FallbackHint) -> None:
    assert call_of(row(metadata)).fallback == hint


def test_a_fallback_of_a_row_carries_from_to_and_cause() -> None:
    call = call_of(row({"attempted_fallbacks": 1, "original_model_group": "chat-primary"}))
    found = score(call).fallback
    assert found.outcome is FallbackOutcome.FALLBACK
    assert (found.from_model, found.to_model, found.cause) == ("chat-primary", "chat-backup", "unknown")


def test_a_row_of_an_embedding_is_no_call() -> None:
    decoded = decode(record(row(call_type="aembedding")))
    assert (decoded.calls, decoded.dead_letters) == ((), ())


@pytest.mark.parametrize("metadata", ["", "{", "[]", None, 3, {"attempted_fallbacks": 0}])
def test_metadata_of_any_kind_is_borne(metadata: Any) -> None:
    assert call_of({**row(), "metadata": metadata}).call_id == "chatcmpl-1"


@given(spoilt(lambda: [row(), row({"attempted_fallbacks": 1}, proxy_server_request=json.dumps(REQUEST))]))
def test_a_spoilt_row_is_calls_or_dead_letters_or_nothing(value: bytes) -> None:
    borne(value)
