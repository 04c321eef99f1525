from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.decode import decode
from monitor.records import CallError, ContractKind, ErrorCategory, Record, Status
from tests.decode.build import RECEIVED, call_of, chat, dead_letter_of, pair, record, sse


def at(hour: int) -> datetime:
    return datetime(2026, 11, 22, hour, tzinfo=UTC)


TIMED = {"id": "r", "choices": [], "created": at(9).timestamp()}
DATE = {"content-type": "application/json", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("extras", "headers", "body", "started_at"),
    [
        ({"started_at": "2026-11-22T11:00:00Z"}, DATE, TIMED, at(11)),
        ({"started_at": at(11).timestamp()}, DATE, TIMED, at(11)),
        ({}, DATE, TIMED, at(10)),
        ({}, {"date": ["Sun, 22 Nov 2026 10:00:00 GMT", "x"]}, TIMED, at(10)),
        ({}, {"date": "yesterday"}, TIMED, at(9)),
        ({}, None, TIMED, at(9)),
        ({}, None, {**TIMED, "created": "2026-11-22T09:00:00Z"}, at(9)),
        ({}, None, {**TIMED, "created": 0}, RECEIVED),
        ({}, None, {**TIMED, "created": 10**30}, RECEIVED),
        ({}, None, {"choices": []}, RECEIVED),
    ],
)
def test_the_start_is_the_best_time_there_is(
    extras: dict[str, Any], headers: Any, body: dict[str, Any], started_at: datetime
) -> None:
    call = call_of({**chat(response=body, **extras), "response": {"body": body, "headers": headers}})
    assert call.started_at == started_at
    assert call.source.logged == (started_at == RECEIVED)


def test_a_pair_without_any_time_is_refused() -> None:
    untimed = Record("t", 0, 0, record(chat()).value)
    (letter,) = decode(untimed).dead_letters
    assert (letter.reason, "no time" in letter.detail) == ("invalid_record", True)


def test_the_id_is_the_senders_then_the_providers_then_a_hash_of_the_bytes() -> None:
    unnamed: dict[str, Any] = {"choices": []}
    assert call_of(chat(id="mine")).call_id == "mine"
    assert call_of(chat(id=7)).call_id == "7"
    assert call_of(chat()).call_id == "r1"
    hashed = call_of(chat(response=unnamed)).call_id
    assert hashed.startswith("sha256:")
    assert call_of(chat(response=unnamed)).call_id == hashed
    assert call_of(chat({"model": "other"}, unnamed)).call_id != hashed


def test_the_request_id_is_the_senders_else_the_call_id() -> None:
    assert call_of(chat(request_id="req")).request_id == "req"
    assert call_of(chat()).request_id == "r1"


def test_what_only_the_sender_knows_is_carried() -> None:
    extras: dict[str, Any] = {
        "service": "s",
        "environment": "e",
        "route": "r",
        "prompt_name": "p",
        "prompt_version": "v",
        "agent": "a",
        "duration_ms": 12.5,
        "ttft_ms": 3.0,
        "attempt": 2,
        "trace_id": "t",
        "span_id": "x",
    }
    call = call_of(chat(**extras))
    assert {name: getattr(call, name) for name in extras} == extras


def test_a_number_may_come_as_text() -> None:
    call = call_of(chat(attempt="2", duration_ms="12.5"))
    assert (call.attempt, call.duration_ms) == (2, 12.5)


def test_other_fields_change_nothing() -> None:
    known = chat(id="c", service="s", request_id="q", started_at="2026-11-22T11:00:00Z")
    others = {"client_ip": "10.0.0.1", "start_time": 1795348740000, "latency": 720.5, "user": {"id": [None]}}
    assert call_of({**known, **others}) == call_of(known)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1/chat/completions", "openai"),
        ("https://eu.api.openai.com/v1/chat/completions", "openai"),
        (
            "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "azure.ai.openai",
        ),
        ("https://api.mistral.ai/v1/chat/completions", "mistral_ai"),
        ("http://localhost:8000/v1/chat/completions", "localhost"),
        ("https://notapi.openai.com/chat/completions", "notapi.openai.com"),
        ("https://me:sk-secret@llm.example.org/v1/chat/completions?key=sk-secret", "llm.example.org"),
        ("https://[broken/chat/completions", "openai"),
        ("/v1/chat/completions", "openai"),
        (None, "openai"),
    ],
)
def test_the_provider_is_told_by_the_host(url: str | None, provider: str) -> None:
    one = chat()
    one["request"]["url"] = url
    assert call_of(one).provider == provider
    assert call_of({**one, "provider": "said"}).provider == "said"


def test_an_azure_deployment_is_the_requested_model() -> None:
    one = chat({"model": None})
    one["request"]["url"] = "https://me.openai.azure.com/openai/deployments/gpt-4o-eu/chat/completions"
    assert call_of(one).model_requested == "gpt-4o-eu"


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("https://api.openai.com/v1/embeddings", "provider 'openai', api 'embeddings'"),
        ("https://api.cohere.com/v2/embed", "provider 'cohere', api 'embeddings'"),
        ("https://api.cohere.com/v2/rerank", "provider 'cohere', api 'rerank'"),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/m:batchEmbedContents",
            "provider 'gcp.gemini', api 'embeddings'",
        ),
        ("https://api.anthropic.com/v1/messages/count_tokens", "provider 'anthropic', api 'countTokens'"),
        ("https://api.example.org/v1/parse", "provider 'api.example.org', api 'unknown'"),
        (None, "provider 'unknown', api 'unknown'"),
    ],
)
def test_what_is_no_call_is_named(url: str | None, detail: str) -> None:
    one = {"request": {"url": url, "body": {"texts": ["x"]}}, "response": {"body": {}}}
    letter = dead_letter_of(one)
    assert (letter.reason, letter.detail) == ("unsupported_api", detail)


PROMISE = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
OVERLOADED = CallError("overloaded", ErrorCategory.OTHER, 200)
UNPARSABLE = CallError("unparsable_response", ErrorCategory.OTHER, 200)


@pytest.mark.parametrize(
    ("body", "error", "captured"),
    [
        (PROMISE, None, True),
        ('{"choices": [{"message": {"content": "x"}}]}', None, True),
        (sse({"choices": [{"delta": {"content": "x"}}]}, "[DONE]"), None, True),
        (sse({"choices": [{"delta": {"content": "x"}}]}), None, False),
        ([{"choices": [{"delta": {"content": "x"}}]}], None, False),
        ([{"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}], None, True),
        ([{"choices": [{"delta": {"content": "x"}}]}, {"error": {"code": "overloaded"}}], OVERLOADED, True),
        (None, None, False),
        ("", None, False),
        ({"__base64__": "AAAA"}, None, False),
        ('{"choices": [{"message": {"content": "cut by the lo', None, False),
        ({"choices": []}, None, False),
        ("<html>Bad gateway</html>", UNPARSABLE, True),
        ('"a string"', UNPARSABLE, True),
        ({"hello": "world"}, UNPARSABLE, True),
        (42, UNPARSABLE, True),
    ],
)
def test_a_body_is_an_answer_or_not_there_or_not_what_was_promised(
    body: Any, error: CallError | None, captured: bool
) -> None:
    call = call_of(pair("chat.completions", {"messages": []}, body))
    assert call.error == error
    assert call.status is (Status.OK if error is None else Status.ERROR)
    assert call.captured.output is captured


def test_no_response_at_all_is_an_error() -> None:
    call = call_of({**chat(), "response": None})
    assert call.error == CallError("no_response")
    assert call.captured.output


@pytest.mark.parametrize("body", [None, "", "{cut", {"__base64__": "AAAA"}])
def test_without_a_request_body_the_contract_is_unknown(body: Any) -> None:
    call = call_of({**chat(), "request": {"body": body}})
    assert call.contract.kind is ContractKind.UNKNOWN
    assert (call.captured.input, call.captured.tools, call.captured.output) == (False, False, True)


@pytest.mark.parametrize(
    ("asked", "body", "stream"),
    [
        (None, PROMISE, False),
        (False, PROMISE, False),
        (True, sse(PROMISE), True),
        (None, sse(PROMISE), True),
        (True, {"error": {"message": "no"}}, True),
        (None, None, None),
    ],
)
def test_whether_it_streamed(asked: bool | None, body: Any, stream: bool | None) -> None:
    assert call_of(pair("chat.completions", {"messages": [], "stream": asked}, body)).stream is stream
