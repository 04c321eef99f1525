"""Every recorded pair against the tags that whoever recorded it gave it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.decode.pair import bodies, received
from monitor.decode.pair.shapes import at
from monitor.records import Call, ContractKind, FinishReason, Status
from monitor.scorers import score
from tests.decode.build import call_of, dead_letter_of, record
from tests.paths import PAIRS

#: Calls by API, as whoever recorded them named it. Writer's ``/v1/chat`` is filed under Cohere's.
CALLS = {
    "chat.completions": 500,
    "responses": 287,
    "messages": 204,
    "generateContent": 173,
    "cohere.chat": 57,
    "converse": 47,
    "completions": 43,
    "invoke": 17,
    "converse_stream": 22,
    "invoke_stream": 13,
    "ollama.chat": 9,
    "ollama.generate": 1,
}
#: Embeddings under Bedrock's Invoke, which are no calls of a model that answers.
EMBEDDINGS = 7

Recorded = dict[str, dict[str, Any]]


@cache
def pairs() -> Recorded:
    """Every pair by its id."""
    found = (json.loads(file.read_bytes()) for file in sorted(PAIRS.glob("*/*.json")))
    return {pair["id"]: pair for pair in found}


@cache
def calls() -> dict[str, Call]:
    """The call of every pair that holds one."""
    return {name: call for name, pair in pairs().items() for call in decode(record(pair)).calls}


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
#: First what a pair is tagged with and its call doesn't show, then what a call shows beyond its tags.
NOT_SHOWN = {
    "req.json_object": {
        "883615c32062eab9": "Cohere's json_object, which comes with a schema",
        "e59f5d0d171f7e2b": "Cohere's json_object, which comes with a schema",
    },
    "res.tool_call": {"5b770065d42b0224": "a tool that Bedrock itself runs"},
    "res.reasoning": {"c6a592a4f469b2ed": "encrypted"},
}
UNTAGGED = {
    "req.json_schema": {
        "883615c32062eab9": "Cohere's json_object, which comes with a schema",
        "e59f5d0d171f7e2b": "Cohere's json_object, which comes with a schema",
    },
    "req.tool_results": {
        "7f4c950f347f90da": "in snake case",
        "b5a1ab153fb5a480": "in snake case",
        "64413f1fca467a2e": "in snake case",
    },
    "res.parallel_tool_calls": {
        "d2f06dffc75953b4": "Cohere's stream",
        "4a4665f0afc94f40": "Cohere's stream",
    },
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
        "650d1adba6c8e37c": "Writer's stream, filed under Cohere",
        "68014b63c00e5982": "Cohere's stream",
        "d2f06dffc75953b4": "Cohere's stream",
        "40eda1d4ed4a6a95": "Cohere's stream",
        "4a4665f0afc94f40": "Cohere's stream",
    },
    "req.tools": {
        "8a800771395888f6": "offered by an additional_tools input item",
    },
}


def _is_binary(name: str) -> bool:
    """Whether the response was recorded as bytes, into which whoever tagged the pairs did not look."""
    return "__base64__" in pairs()[name]["response"]["body"]


@pytest.mark.parametrize("tag", TAGS)
def test_a_call_shows_what_its_pair_is_tagged_with(tag: str) -> None:
    shown = {name for name, call in calls().items() if TAGS[tag](call)}
    tagged = {name for name in calls() if tag in pairs()[name]["tags"]}
    assert tagged - shown == NOT_SHOWN.get(tag, {}).keys()
    beyond = {name for name in shown - tagged if not (tag.startswith("res.") and _is_binary(name))}
    if tag == "res.reasoning":  # tagged by token counts; some providers send the text and no count
        assert all(not calls()[name].usage.reasoning_tokens for name in beyond)
    else:
        assert beyond == UNTAGGED.get(tag, {}).keys()


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


def test_what_stands_apart_from_the_messages_is_the_systems() -> None:
    roles = Counter[str]()
    for name, call in calls().items():
        body = at(pairs()[name], "request", "body")
        instructions = [
            at(body, field) for field in ("system", "systemInstruction", "instructions", "preamble")
        ]
        if any(instructions):
            roles[call.input[0].role] += 1
    assert roles == {"system": 201}


def test_the_results_that_are_declared_errors() -> None:
    """Of tools whose arguments pydantic-ai refused; it tells Gemini so under ``error``."""
    told = [
        (pairs()[name]["api"], "Fix the errors and try again." in part.content)
        for name, call in calls().items()
        for message in call.input
        for part in message.parts
        if part.is_error
    ]
    assert told == [("generateContent", True)] * 3


def test_every_pair_is_one_call_or_an_embedding() -> None:
    counts = Counter(pairs()[name]["api"] for name in calls())
    assert counts == CALLS
    others = [pair for name, pair in pairs().items() if name not in calls()]
    assert len(others) == EMBEDDINGS
    for pair in others:
        assert any("embed" in field for field in pair["response"]["body"])
        letter = dead_letter_of(pair)
        assert (letter.reason, letter.detail) == ("unsupported_api", "provider 'bedrock', api 'invoke'")


def test_the_api_is_inferred_from_the_url() -> None:
    for name, pair in pairs().items():
        unnamed = {key: value for key, value in pair.items() if key not in ("api", "provider")}
        decoded = decode(record(unnamed))
        if name in calls():
            assert [call.outputs for call in decoded.calls] == [calls()[name].outputs], name
        else:
            assert f"api {pair['api']!r}" in decoded.dead_letters[0].detail, name


def test_the_api_is_inferred_from_the_bodies() -> None:
    for name, pair in pairs().items():
        request, response = pair["request"]["body"], pair["response"]
        read = bodies.read(request, response["body"], status=response["status"])
        assert (read is None) == (name not in calls()), name
        if read is not None:
            call = calls()[name]
            assert (read.answer.outputs, read.asked.input) == (call.outputs, call.input), name


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


@cache
def _streams() -> dict[str, list[Any]]:
    """The events of every stream."""
    bodies_ = {name: pairs()[name]["response"]["body"] for name, call in calls().items() if call.stream}
    return {
        name: events for name, body in bodies_.items() if (events := received.read(body).events) is not None
    }


def _with_body(name: str, body: Any) -> Call:
    pair = pairs()[name]
    return call_of({**pair, "response": {**pair["response"], "body": body}})


def test_a_stream_reads_the_same_as_text_as_events_and_as_lines() -> None:
    assert len(_streams()) > 350
    for name, events in _streams().items():
        call = calls()[name]
        forms = [events, json.dumps(events)]
        if len(events) > 1:
            forms.append("\n".join(map(json.dumps, events)))
        for form in forms:
            same = _with_body(name, form)
            assert (same.outputs, same.usage, same.error) == (call.outputs, call.usage, call.error), name


#: APIs whose streams are pieces of the shape that whole bodies have.
PIECEWISE = ("generateContent", "completions", "ollama.chat", "ollama.generate")


def test_a_whole_body_is_a_stream_of_one_piece() -> None:
    found = 0
    for name, call in calls().items():
        body = pairs()[name]["response"]["body"]
        if pairs()[name]["api"] in PIECEWISE and isinstance(body, dict):
            streamed = _with_body(name, [body])
            assert (streamed.outputs, streamed.usage, streamed.error) == (
                call.outputs,
                call.usage,
                call.error,
            ), name
            found += 1
    assert found == 162


#: Writer's stream says of no end.
UNENDED = {"0550a8bdeee3c060"}


def test_every_recorded_answer_is_whole_or_says_of_no_end() -> None:
    uncaptured = {name for name, call in calls().items() if not call.captured.output}
    assert {name for name in uncaptured if calls()[name].outputs} == UNENDED


def test_a_cut_stream_keeps_its_text_and_knows_no_finish() -> None:
    for name, call in calls().items():
        body = pairs()[name]["response"]["body"]
        if not isinstance(body, str) or call.status is Status.ERROR:
            continue
        _is_beginning(_with_body(name, body[: len(body) // 2]), call, name)


def test_cut_bytes_of_a_stream_keep_their_text() -> None:
    for name, call in calls().items():
        if _is_binary(name):
            raw = b64decode(pairs()[name]["response"]["body"]["__base64__"])
            half = {"__base64__": b64encode(raw[: len(raw) // 2]).decode()}
            _is_beginning(_with_body(name, half), call, name)


ABSTAINING = {"unknown", "not_applicable"}


def _is_beginning(cut: Call, whole: Call, name: str) -> None:
    for one, part in zip(whole.outputs, cut.outputs, strict=False):
        assert one.text.startswith(part.text), name
        assert part.finish_reason in (FinishReason.UNKNOWN, one.finish_reason), name
        assert not cut.captured.output or (part.text, part.tool_calls) == (one.text, one.tool_calls), name
    scores = score(cut)
    assert cut.captured.output or {scores.json.outcome, scores.tools.outcome} <= ABSTAINING, name


def test_tokens_of_a_part_are_never_more_than_of_the_whole() -> None:
    apart = []
    for name, call in calls().items():
        usage = call.usage
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        assert usage.output_tokens is None or (usage.reasoning_tokens or 0) <= usage.output_tokens, name
        if usage.input_tokens is not None and cached > usage.input_tokens:
            apart.append(name)
    # Grok on Azure says that more tokens were cached than it says there were, total included.
    assert len(apart) == 13
    assert {calls()[name].model_served for name in apart} == {"grok-4-1-fast-non-reasoning"}


def test_input_and_output_add_up_to_the_total_that_the_provider_gives() -> None:
    totals = {
        "generateContent": ("usageMetadata", "totalTokenCount"),
        "converse": ("usage", "totalTokens"),
        "chat.completions": ("usage", "total_tokens"),
        "responses": ("usage", "total_tokens"),
    }
    apart = []
    for name, call in calls().items():
        body, path = pairs()[name]["response"]["body"], totals.get(pairs()[name]["api"])
        total = at(body, *path) if path else None
        if total and total != (call.usage.input_tokens or 0) + (call.usage.output_tokens or 0):
            apart.append(name)
    assert apart == []


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
def test_a_mutated_pair_is_a_call_or_a_dead_letter_with_a_reason(value: bytes) -> None:
    decoded = decode(record(value))
    assert decoded.calls or decoded.dead_letters
    assert "decoder_failed" not in {letter.reason for letter in decoded.dead_letters}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something is inside a value, at any depth."""
    within: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        within = value.items()
    elif isinstance(value, list):
        within = enumerate(value)
    for key, inner in within:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def _opened(name: str) -> dict[str, Any]:
    """A pair to be changed at will, its stream as a list of events."""
    pair = {key: pairs()[name][key] for key in ("api", "request", "response")}
    if name in _streams():
        pair["response"] = {**pair["response"], "body": _streams()[name]}
    return deepcopy(pair)


@cache
def _places() -> dict[str, dict[tuple[Any, ...], tuple[str, tuple[Any, ...]]]]:
    """By API, every place that something was recorded at, in lists wherever, with one pair and path of it."""
    found: dict[str, dict[tuple[Any, ...], tuple[str, tuple[Any, ...]]]] = {api: {} for api in CALLS}
    for name in sorted(calls(), key=lambda name: len(json.dumps(pairs()[name]))):
        of_api = found[pairs()[name]["api"]]
        for path in _paths(_opened(name)):
            of_api.setdefault(tuple("[]" if isinstance(key, int) else key for key in path), (name, path))
    return found


#: A value of each type that JSON has.
JUNK: list[Any] = [None, True, 10**400, "x", ["x"], [{"type": []}], {"type": []}]


@pytest.mark.parametrize("api", CALLS)
def test_a_value_of_any_other_type_at_any_place_of_a_pair_is_borne(api: str) -> None:
    for name, (*above, last) in _places()[api].values():
        pair = _opened(name)
        holder: Any = pair
        for key in above:
            holder = holder[key]
        for junk in JUNK:
            holder[last] = junk
            decoded = decode(record(pair))
            assert decoded.calls or decoded.dead_letters
            reasons = {letter.reason for letter in decoded.dead_letters}
            assert "decoder_failed" not in reasons, (name, *above, last, junk)
