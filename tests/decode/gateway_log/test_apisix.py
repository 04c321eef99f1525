"""APISIX's entries are written by hand from its documentation and source: see ``build.py``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.decode import decode
from monitor.records import Captured, Contract, ErrorCategory, Status, Usage
from tests.decode.build import call_of, record, sse, tokens
from tests.decode.gateway_log.build import ANSWERED, ASKED, apisix

SUMMARY = {"model": "gpt-4o", "duration": 250, "prompt_tokens": 9, "completion_tokens": 3}
STREAM = sse(
    {"object": "chat.completion.chunk", "id": "c1", "choices": [{"index": 0, "delta": {"content": "hi"}}]},
    {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    "[DONE]",
)


def test_an_entry_with_bodies_is_a_whole_call() -> None:
    call = call_of(apisix(ASKED, ANSWERED))
    assert (call.source.format, call.call_id, call.route) == ("gateway-log", "chatcmpl-1", "assistant")
    assert (call.provider, call.model_requested, call.model_served) == (
        "openai",
        "gpt-4o",
        "gpt-4o-2024-08-06",
    )
    assert (call.input[0].parts[0].content, call.outputs[0].text) == ("hello", "hi")
    assert (call.captured, tokens(call.usage), call.status) == (Captured(), Usage(9, 3), Status.OK)
    assert (call.duration_ms, call.ttft_ms, call.stream) == (720.5, None, False)
    assert call.started_at.isoformat() == "2026-11-22T11:59:00+00:00"
    assert call.request_id == "r1"


def test_a_latency_that_no_float_holds_is_unknown() -> None:
    assert call_of({**apisix(ASKED, ANSWERED), "latency": 10**400}).duration_ms is None


def test_a_message_may_hold_an_array_of_entries() -> None:
    decoded = decode(record([apisix(ASKED, {**ANSWERED, "id": str(number)}) for number in range(3)]))
    assert [(call.call_id, call.source.item) for call in decoded.calls] == [("0", 0), ("1", 1), ("2", 2)]


def test_a_stream_is_put_together() -> None:
    call = call_of(apisix({**ASKED, "stream": True}, STREAM))
    assert (call.outputs[0].text, call.stream, call.captured.output) == ("hi", True, True)


CUT: dict[str, tuple[Any, Any, Captured]] = {
    "the request": (json.dumps(ASKED)[:-9], ANSWERED, Captured(input=False, tools=False)),
    "the answer": (ASKED, json.dumps(ANSWERED)[:-30], Captured(output=False)),
    "the stream, between events": (ASKED, STREAM.partition("\n\n")[0] + "\n\n", Captured(output=False)),
    "the stream, within one": (ASKED, STREAM[:-90], Captured(output=False)),
    "both": ('{"model": "g', '{"id": "ch', Captured(input=False, output=False, tools=False)),
}


@pytest.mark.parametrize(("request_", "response", "captured"), CUT.values(), ids=CUT.keys())
def test_what_a_limit_cut_off_is_not_captured(request_: Any, response: Any, captured: Captured) -> None:
    call = call_of(apisix(request_, response))
    assert (call.captured, call.status) == (captured, Status.OK)


def test_what_came_of_a_cut_stream_is_kept_unless_the_gateway_tells_the_whole_answer() -> None:
    cut = STREAM.partition("\n\n")[0]
    assert [output.text for output in call_of(apisix(ASKED, cut)).outputs] == ["hi"]
    told = call_of(apisix(ASKED, cut, llm_summary=SUMMARY, llm_response_text="hi there"))
    assert ([output.text for output in told.outputs], told.captured) == (["hi there"], Captured())


def test_without_bodies_the_address_tells_that_it_was_a_call() -> None:
    call = call_of(apisix(status=503))
    assert call.captured == Captured(input=False, output=True, tools=False)
    assert call.error is not None
    assert (call.error.category, call.contract) == (ErrorCategory.SERVER_ERROR, Contract())


def test_an_ai_plugin_s_summary_tells_model_and_tokens() -> None:
    call = call_of(apisix(path="/anything", llm_summary=SUMMARY))
    assert (call.model_requested, tokens(call.usage), call.captured.input) == ("gpt-4o", Usage(9, 3), False)
    assert call.ttft_ms is None, "of what wasn't streamed, it is the whole duration"


def test_an_ai_plugin_s_payloads_tell_what_was_said_and_nothing_else() -> None:
    said: dict[str, Any] = {
        "llm_request": {"messages": ASKED["messages"], "stream": True},
        "llm_response_text": {"content": "hi"},
    }
    call = call_of(apisix(path="/anything", llm_summary={**SUMMARY, "request_model": "mine"}, **said))
    assert (call.input[0].parts[0].content, call.outputs[0].text) == ("hello", "hi")
    assert (call.captured, call.contract) == (Captured(tools=False), Contract())
    assert (call.model_requested, call.stream, call.ttft_ms) == ("mine", True, 250.0)


OTHERS = {
    "an ordinary request": apisix({"name": "Ada"}, {"id": 1}, path="/users"),
    "an address that ends as a provider's": apisix({"text": "hi"}, {"ok": True}, path="/rooms/1/v1/messages"),
    "reading what a provider has stored": apisix(path="/v1/responses"),
    "an embedding": apisix(
        {"model": "m", "input": "hello"}, {"object": "list", "data": []}, path="/v1/embeddings"
    ),
    "no body": apisix(path="/health"),
}
OTHERS["reading what a provider has stored"]["request"]["method"] = "GET"


@pytest.mark.parametrize("entry", OTHERS.values(), ids=OTHERS.keys())
def test_an_entry_of_something_else_is_nothing(entry: dict[str, Any]) -> None:
    decoded = decode(record(entry))
    assert (decoded.calls, decoded.dead_letters) == ((), ())


def test_an_entry_without_any_time_is_refused() -> None:
    timeless = record(apisix(ASKED, ANSWERED, start_time=None))
    (letter,) = decode(type(timeless)("t", 0, 0, timeless.value)).dead_letters
    assert (letter.reason, "no time" in letter.detail) == ("invalid_record", True)
