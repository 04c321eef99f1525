"""Every recorded pair against the tags that whoever recorded it gave it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.records import Call, ContractKind, FinishReason, Status
from tests.decode.build import call_of, record
from tests.paths import PAIRS

READ = {"chat.completions": 500, "responses": 287, "messages": 204}
UNREAD = 389

Recorded = dict[str, dict[str, Any]]


@cache
def pairs() -> Recorded:
    """Every pair by its id."""
    found = (json.loads(file.read_bytes()) for file in sorted(PAIRS.glob("*/*.json")))
    return {pair["id"]: pair for pair in found}


@cache
def calls() -> dict[str, Call]:
    """The call of every pair of an API that is read."""
    return {name: call_of(pair) for name, pair in pairs().items() if pair["api"] in READ}


def _client_calls(call: Call) -> int:
    """The most calls of the application's own tools in one answer."""
    return max((sum(not t.server_side for t in output.tool_calls) for output in call.outputs), default=0)


def _finished(call: Call, reason: FinishReason) -> bool:
    return any(output.finish_reason is reason for output in call.outputs)


FORCED = ("any", "required", "tool", "function")
TAGS: dict[str, Callable[[Call], bool]] = {
    "req.json_schema": lambda call: call.contract.kind is ContractKind.JSON_SCHEMA,
    "req.json_schema.strict": lambda call: call.contract.strict is True,
    "req.json_object": lambda call: call.contract.kind is ContractKind.JSON_OBJECT,
    "req.tools": lambda call: bool(call.tools),
    "req.parallel_off": lambda call: not call.parallel_tool_calls,
    "req.tool_choice.none": lambda call: call.tool_choice.mode == "none",
    "req.tool_results": lambda call: any(p.type == "tool_result" for m in call.input for p in m.parts),
    "res.truncated": lambda call: _finished(call, FinishReason.LENGTH),
    "res.content_filter": lambda call: _finished(call, FinishReason.CONTENT_FILTER),
    "res.refusal": lambda call: any(output.refusal for output in call.outputs),
    "res.tool_call": lambda call: _client_calls(call) > 0,
    "res.parallel_tool_calls": lambda call: _client_calls(call) > 1,
    "res.error": lambda call: call.status is Status.ERROR,
    "res.cached_tokens": lambda call: bool(call.usage.cache_read_tokens),
    "res.reasoning": lambda call: bool(call.usage.reasoning_tokens or any(o.reasoning for o in call.outputs)),
    "stream": lambda call: call.stream is True,
}

#: Where a tag and the call differ, and the call is right: what the pair holds when one looks.
#: Nowhere does a pair have a tag that its call does not show.
UNTAGGED = {
    "res.error": {
        "3e6a773b7d648647": "echo, not an answer",
        "7a8f1010d11e016c": "plain text",
        "ad0a8adbae51de71": "an error event in a 200 stream",
    },
    "res.tool_call": {
        "1f8972eb788b8637": "a whole call in one chunk of the stream",
        "fd5e1b3f629afa18": "a whole call in one chunk of the stream",
        "f405b1fe226e38b8": "a whole call in one chunk",
        "0adbc69842f38b0e": "a call, and no finish reason",
        "9712f8c22635d2a2": "a call, and no finish reason",
        "c981fb6107b6e2e6": "a tool search that the client runs",
        "30a011f352a06e1a": "the older function_call",
        "5610d5b07c25e817": "the older function_call",
        "9ae1402b51d4291a": "the older function_call",
        "f852e302abffefe1": "the older function_call",
    },
    "req.tools": {
        "8a800771395888f6": "offered by an additional_tools input item",
    },
}


@pytest.mark.parametrize("tag", TAGS)
def test_a_call_shows_what_its_pair_is_tagged_with(tag: str) -> None:
    shown = {name for name, call in calls().items() if TAGS[tag](call)}
    tagged = {name for name in calls() if tag in pairs()[name]["tags"]}
    assert tagged - shown == set()
    if tag == "res.reasoning":  # tagged by token counts; some providers send the text and no count
        assert all(not calls()[name].usage.reasoning_tokens for name in shown - tagged)
    else:
        assert shown - tagged == UNTAGGED.get(tag, {}).keys()


def test_a_forced_tool_choice_is_required_and_names_its_tools() -> None:
    for name, call in calls().items():
        tags = pairs()[name]["tags"]
        choice = call.tool_choice
        forced = any(f"req.tool_choice.{kind}" in tags for kind in FORCED)
        assert (choice.mode == "required") == (forced or "req.tool_choice.allowed_tools" in tags), name
        if "req.tool_choice.tool" in tags or "req.tool_choice.function" in tags:
            assert len(choice.names) == 1, name
            assert call.contract.name == choice.names[0] or call.contract.kind is not ContractKind.TOOL, name
        if "req.tool_choice.allowed_tools" in tags:
            assert set(choice.names) <= {tool.name for tool in call.tools}, name


def test_every_pair_is_one_call_or_of_an_api_that_is_not_read() -> None:
    counts = dict.fromkeys(READ, 0)
    for pair in pairs().values():
        decoded = decode(record(pair))
        if pair["api"] in READ:
            counts[pair["api"]] += len(decoded.calls)
        else:
            (letter,) = decoded.dead_letters
            assert (letter.reason, pair["api"] in letter.detail) == ("unsupported_api", True)
    assert counts == READ
    assert len(pairs()) - len(calls()) == UNREAD


def test_the_api_is_inferred_from_the_url() -> None:
    for name, pair in pairs().items():
        unnamed = {key: value for key, value in pair.items() if key not in ("api", "provider")}
        decoded = decode(record(unnamed))
        if name in calls():
            assert [call.outputs for call in decoded.calls] == [calls()[name].outputs], name
        else:
            assert f"api {pair['api']!r}" in decoded.dead_letters[0].detail, name


def test_the_api_is_inferred_from_the_bodies_of_a_success() -> None:
    for name, call in calls().items():
        pair = pairs()[name]
        if call.status is Status.ERROR or "__base64__" in pair["response"]["body"]:
            continue
        request = {"body": pair["request"]["body"]}
        bare = {"request": request, "response": {"body": pair["response"]["body"]}}
        assert call_of(bare).outputs == call.outputs, name


def test_bodies_as_json_text_read_the_same() -> None:
    for name, call in calls().items():
        pair = pairs()[name]
        sides = {}
        for side in ("request", "response"):
            body = pair[side]["body"]
            sides[side] = {**pair[side], "body": body if isinstance(body, str) else json.dumps(body)}
        same = call_of({**pair, **sides})
        if "__base64__" not in pair["response"]["body"]:
            assert (same.outputs, same.input, same.usage) == (call.outputs, call.input, call.usage), name


def test_a_cut_stream_keeps_its_text_and_knows_no_finish() -> None:
    for name, call in calls().items():
        pair = pairs()[name]
        body = pair["response"]["body"]
        if not isinstance(body, str) or call.status is Status.ERROR:
            continue
        cut = call_of({**pair, "response": {**pair["response"], "body": body[: len(body) // 2]}})
        for whole, part in zip(call.outputs, cut.outputs, strict=False):
            assert whole.text.startswith(part.text), name
            assert part.finish_reason in (FinishReason.UNKNOWN, whole.finish_reason), name


def test_nothing_of_a_request_header_reaches_a_call() -> None:
    for name in calls():
        pair = pairs()[name]
        secret = {"authorization": "Bearer sk-secret", "x-api-key": "sk-secret", "cookie": "sk-secret"}
        sides = {side: {**pair[side], "headers": secret} for side in ("request", "response")}
        assert "sk-secret" not in repr(call_of({**pair, **sides})), name


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A recorded pair with a piece of its JSON text cut out, doubled or overwritten."""
    name = draw(st.sampled_from(sorted(calls())))
    raw = json.dumps(pairs()[name]).encode()
    start = draw(st.integers(0, len(raw)))
    end = draw(st.integers(start, min(len(raw), start + 300)))
    return (
        raw[:start]
        + draw(st.sampled_from([b"", raw[start:end] * 2, b"null", b"[]", b"\x00", b'"']))
        + raw[end:]
    )


@given(_mutated())
@settings(deadline=None)
def test_a_mutated_pair_is_a_call_or_a_dead_letter_with_a_reason(value: bytes) -> None:
    decoded = decode(record(value))
    assert decoded.calls or decoded.dead_letters
    assert "decoder_failed" not in {letter.reason for letter in decoded.dead_letters}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    within: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        within = list(value.items())
    elif isinstance(value, list):
        within = list(enumerate(value))
    return [path] * bool(path) + [deeper for key, inner in within for deeper in _paths(inner, (*path, key))]


JUNK: list[Any] = [
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "x",
    [],
    ["x"],
    [[]],
    [{}],
    {},
    {"type": {}},
    {"type": []},
]


@given(st.data())
@settings(deadline=None)
def test_a_value_of_any_other_type_anywhere_in_a_pair_is_borne(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(calls())))
    pair = json.loads(json.dumps({key: pairs()[name][key] for key in ("api", "request", "response")}))
    *above, last = data.draw(st.sampled_from(_paths(pair)))
    holder = pair
    for key in above:
        holder = holder[key]
    holder[last] = data.draw(st.sampled_from(JUNK))
    decoded = decode(record(pair))
    assert decoded.calls or decoded.dead_letters
    assert "decoder_failed" not in {letter.reason for letter in decoded.dead_letters}
