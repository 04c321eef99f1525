"""Any bytes, and any message of an emitter that something broke, give fragments or a named dead letter."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.decode.registry import BinaryFormat, registered
from monitor.errors import DeadLetterReason
from monitor.records import Record
from tests.decode.otlp.build import OTLP, chat, log, logs, messages, span, traces

#: A value of any JSON type in the place of any other.
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)

#: What attributes of the conventions may hold: anything, as such or as JSON text, and messages of anything.
_PART = st.dictionaries(
    st.sampled_from(
        [
            "type",
            "content",
            "id",
            "name",
            "arguments",
            "response",
            "server_tool_call",
            "server_tool_call_response",
            "parts",
            "role",
            "finish_reason",
        ]
    ),
    ANYTHING
    | st.sampled_from(["text", "tool_call", "tool_call_response", "server_tool_call_response", "blob"]),
)
_MESSAGES = st.lists(_PART | st.fixed_dictionaries({"parts": st.lists(_PART, max_size=2)}), max_size=3)
_VALUE = ANYTHING | _MESSAGES | _MESSAGES.map(json.dumps)


@cache
def values(suffix: str) -> list[bytes]:
    """The smallest message of each emitter, and of each signal."""
    emitters = sorted(path.name for path in OTLP.iterdir())
    found = []
    for emitter in emitters:
        paths = sorted(messages(emitter, suffix), key=lambda path: path.stat().st_size)
        found += [path.read_bytes() for path in (paths[0], paths[len(paths) // 2])]
    return found


def found_or_refused(value: bytes, **settings: Any) -> None:
    """Decoding returns, and what it refuses is not its own bug."""
    decoded = decode(Record("otlp", 0, 0, value), **settings)
    assert all(letter.reason != DeadLetterReason.DECODER_FAILED for letter in decoded.dead_letters)


@given(st.binary(max_size=200), st.sampled_from(["auto", "otlp-proto", "otlp-json"]))
def test_any_bytes_are_found_or_refused(value: bytes, name: str) -> None:
    found_or_refused(value, format=name)
    found_or_refused(b"\x0a" + value, format=name)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_asked_for_their_format(value: bytes) -> None:
    binary = registered()["otlp-proto"]
    assert isinstance(binary, BinaryFormat)
    assert binary.recognises(b"\x0a" + value) in (True, False)


@given(st.data())
def test_a_message_with_flipped_bytes_is_found_or_refused(data: st.DataObject) -> None:
    value = bytearray(data.draw(st.sampled_from(values("pb"))))
    for _ in range(data.draw(st.integers(1, 8))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    found_or_refused(bytes(value))
    found_or_refused(bytes(value), format="otlp-proto")


@given(st.data())
def test_a_message_that_was_cut_is_found_or_refused(data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(values("pb") + values("json")))
    start = data.draw(st.integers(0, 200))
    found_or_refused(value[start : data.draw(st.integers(start, len(value)))])


@given(st.data())
def test_json_with_anything_in_the_place_of_anything_is_found_or_refused(data: st.DataObject) -> None:
    value = json.loads(data.draw(st.sampled_from(values("json"))))
    for _ in range(data.draw(st.integers(1, 6))):
        _break(value, data)
    found_or_refused(json.dumps(value).encode())


def _break(value: Any, data: st.DataObject) -> None:
    """Delete or replace something, somewhere within a value."""
    for _ in range(data.draw(st.integers(0, 14))):
        below = value.values() if isinstance(value, dict) else value
        inner = [child for child in below if isinstance(child, dict | list) and child]
        if not inner:
            break
        value = inner[data.draw(st.integers(0, len(inner) - 1))]
    if not value:
        return
    if isinstance(value, dict):
        key = data.draw(st.sampled_from(sorted(value)))
    else:
        key = data.draw(st.integers(0, len(value) - 1))
    if data.draw(st.booleans()):
        del value[key]
    else:
        value[key] = data.draw(ANYTHING)


_NAMES = st.sampled_from(
    [
        "input.messages",
        "output.messages",
        "system_instructions",
        "tool.definitions",
        "response.finish_reasons",
        "response.id",
        "output.type",
        "request.structured_output_schema",
        "usage.input_tokens",
        "retrieval.documents",
    ]
)


@given(st.dictionaries(_NAMES.map(lambda name: f"gen_ai.{name}"), _VALUE, max_size=4))
def test_attributes_may_hold_anything(values: dict[str, Any]) -> None:
    found_or_refused(json.dumps(traces(span({**chat(), **values}))).encode())
    event = log("gen_ai.client.inference.operation.details", None, {**chat(), **values})
    found_or_refused(json.dumps(logs(event)).encode())


@given(st.sampled_from(["gen_ai.user.message", "gen_ai.tool.message", "gen_ai.choice"]), _VALUE | _PART)
def test_bodies_may_hold_anything(name: str, body: Any) -> None:
    found_or_refused(json.dumps(logs(log(name, body))).encode())
