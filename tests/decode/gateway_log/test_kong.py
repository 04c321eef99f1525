"""Kong's lines are written by hand from its documentation: see ``build.py``."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.decode import decode
from monitor.decode.gateway_log.kong import MAX_PLUGINS
from monitor.records import Captured, ContractKind, ErrorCategory, Status, Usage
from tests.decode.build import RECEIVED, call_of, record, tokens
from tests.decode.gateway_log.build import ANSWERED, ASKED, kong, proxied


def test_a_line_with_payloads_is_a_whole_call() -> None:
    call = call_of(kong(proxied(ASKED, ANSWERED)))
    assert (call.source.format, call.call_id) == ("gateway-log", "chatcmpl-1")
    assert (call.provider, call.model_requested, call.model_served) == (
        "azure.ai.openai",
        "gpt-4o",
        "gpt-4o-2024-08-06",
    )
    assert (call.input[0].parts[0].content, call.outputs[0].text) == ("hello", "hi")
    assert (call.captured, tokens(call.usage), call.status) == (Captured(), Usage(9, 3), Status.OK)
    assert (call.duration_ms, call.ttft_ms, call.stream) == (650.0, None, False)
    assert call.started_at.isoformat() == "2026-11-22T11:59:00+00:00"
    assert (call.route, call.service, call.request_id) == ("assistant", "llm-upstream", "r1")


def test_statistics_alone_tell_model_tokens_latency_and_status() -> None:
    call = call_of(kong(proxied()))
    assert call.call_id == "9ec9264afbbbad5fe5c64877d92eeb04"
    assert (call.model_requested, call.model_served) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert (tokens(call.usage), call.duration_ms, call.status) == (Usage(9, 3), 650.0, Status.OK)
    assert call.captured == Captured(input=False, output=False, tools=False)
    assert (call.contract.kind, call.stream) == (ContractKind.UNKNOWN, None)


def test_older_plugins_have_one_request_and_count_in_the_singular() -> None:
    old = {
        "payload": {"request": '{"messages": [{"role": "user", "content": "hello"}]}'},
        "ai-proxy": {
            "payload": {"response": '{"object": "chat.completion", "choices": []}'},
            "usage": {"prompt_token": 28, "total_tokens": 48, "completion_token": 20, "cost": 0.0038},
            "meta": {"request_model": "command", "provider_name": "cohere", "response_model": "command"},
        },
    }
    call = call_of(kong(old))
    assert (call.provider, call.model_requested, tokens(call.usage)) == ("cohere", "command", Usage(28, 20))
    assert (call.captured.input, call.captured.output) == (True, False)
    assert call.duration_ms == 720.0, "without the model's latency, the request's"


def test_the_oldest_have_the_only_plugin_s_account_under_ai() -> None:
    proxy = proxied(ASKED, ANSWERED)["proxy"]
    oldest = {**proxy, "usage": {"prompt_token": 9, "completion_token": 3, "total_tokens": 12}}
    bare = {name: oldest[name] for name in ("meta", "usage")}
    for ai, captured in ((oldest, Captured()), (bare, Captured(input=False, output=False, tools=False))):
        call = call_of(kong(ai))
        assert (call.model_requested, call.model_served, call.provider) == (
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "azure.ai.openai",
        )
        assert (tokens(call.usage), call.captured, call.duration_ms) == (Usage(9, 3), captured, 650.0)


@pytest.mark.parametrize(("streams", "ttft_ms"), [(True, 120.0), (False, None)])
def test_the_time_to_the_first_token_is_a_stream_s(streams: bool, ttft_ms: float | None) -> None:
    asked = proxied({**ASKED, "stream": streams}, None)
    asked["proxy"]["usage"]["time_to_first_token"] = 120
    assert call_of(kong(asked)).ttft_ms == ttft_ms


def test_each_plugin_that_asked_a_model_is_a_call() -> None:
    both = {
        **proxied(ASKED, ANSWERED),
        "ai-request-transformer": proxied(request_model="gpt-4o-mini")["proxy"],
    }
    decoded = decode(record(kong({**both, "cache": {"cache_status": "Miss"}})))
    assert not decoded.dead_letters
    assert {(call.call_id, call.model_requested) for call in decoded.calls} == {
        ("chatcmpl-1", "gpt-4o"),
        ("9ec9264afbbbad5fe5c64877d92eeb04:ai-request-transformer", "gpt-4o-mini"),
    }


def test_a_line_of_countless_plugins_is_read_up_to_a_limit() -> None:
    section = proxied()["proxy"]
    line = kong({str(number): section for number in range(1000)})
    assert len(decode(record(line)).calls) == MAX_PLUGINS


def test_who_answered_is_unknown_where_kong_repeats_who_was_asked() -> None:
    assert call_of(kong(proxied(response_model="gpt-4o"))).model_served == ""
    assert call_of(kong(proxied(request_model="UNSPECIFIED", response_model="m"))).model_requested == ""


def test_a_failed_call_has_its_status() -> None:
    call = call_of(kong(proxied(), status=429))
    assert call.error is not None
    assert (call.status, call.error.category) == (Status.ERROR, ErrorCategory.RATE_LIMIT)
    refused = {
        "error": {"type": "invalid_request_error", "code": "context_length_exceeded", "message": "secret"}
    }
    call = call_of(kong(proxied(ASKED, refused), status=400))
    assert call.error is not None
    assert call.error.category is ErrorCategory.CONTEXT_LENGTH


def test_a_provider_that_kong_only_passes_on_is_known_by_its_address() -> None:
    line = kong(upstream_uri="/v1/chat/completions", service={"name": "up", "host": "api.openai.com"})
    call = call_of(line)
    assert (call.provider, call.captured.input, call.duration_ms) == ("openai", False, 720.0)


@pytest.mark.parametrize(
    "line",
    [
        kong(),
        kong(upstream_uri="/v1/messages", request={"method": "GET", "uri": "/v1/messages"}),
        kong({"proxy": {"cache": {"cache_status": "Hit"}}}),
        kong(
            proxied(
                {"model": "m", "input": ["a picture"], "size": "1x1"}, {"created": 1, "data": [{"url": "u"}]}
            )
        ),
        kong({"proxy": []}),
        kong(proxied(), upstream_uri="/v1/embeddings", service={"host": "api.openai.com"}),
    ],
)
def test_a_line_of_something_else_is_nothing(line: dict[str, Any]) -> None:
    decoded = decode(record(line))
    assert (decoded.calls, decoded.dead_letters) == ((), ())


@pytest.mark.parametrize("started_at", [None, "then", 10**30, []])
def test_a_line_without_a_time_started_when_it_was_received(started_at: Any) -> None:
    assert call_of(kong(proxied(), started_at=started_at)).started_at == RECEIVED


def test_lines_without_any_id_have_one_that_the_same_bytes_have_again() -> None:
    def line(**request: Any) -> dict[str, Any]:
        return kong(proxied(), request={"uri": "/llm", "method": "POST", **request})

    assert call_of(line()).call_id == call_of(line()).call_id
    assert call_of(line()).call_id != call_of(line(size=1)).call_id
