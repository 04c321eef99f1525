from __future__ import annotations

import base64
import json
import struct
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.pair.event_stream import events, looks_like_events, plain


def header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()


def message(payload: bytes, headers: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))


def event(name: str, payload: dict[str, Any], kind: str = "event") -> bytes:
    """A message as Bedrock sends it: ``kind`` is ``event`` or ``exception``."""
    headers = header(f":{kind}-type", name) + header(":message-type", kind)
    return message(json.dumps(payload).encode(), headers)


def test_events_are_named_by_their_headers() -> None:
    raw = event("messageStart", {"role": "assistant"}) + event("messageStop", {"stopReason": "end_turn"})
    assert looks_like_events(raw)
    assert events(raw) == [
        {"messageStart": {"role": "assistant"}},
        {"messageStop": {"stopReason": "end_turn"}},
    ]


def test_headers_of_every_type_are_stepped_over() -> None:
    others = b"".join(
        struct.pack(">B", 1) + b"x" + bytes([kind]) + bytes(size)
        for kind, size in ((0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 2), (8, 8), (9, 16))
    )
    assert events(message(b'{"a": 1}', others + header(":event-type", "e"))) == [{"e": {"a": 1}}]


def test_a_header_of_an_unknown_type_ends_the_headers() -> None:
    assert events(message(b"{}", b"\x01x\x2a" + header(":event-type", "e"))) == []


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (
            event("throttlingException", {"message": "slow down"}, "exception"),
            {"type": "throttlingException", "message": "slow down"},
        ),
        (
            message(b"", header(":message-type", "error") + header(":error-code", "InternalError")),
            {"type": "InternalError", "message": ""},
        ),
    ],
)
def test_exceptions_and_errors_are_error_events(raw: bytes, error: dict[str, Any]) -> None:
    assert events(raw) == [{"type": "error", "error": error}]


def test_what_invoke_wraps_is_unwrapped() -> None:
    wrapped = {"bytes": base64.b64encode(b'{"type": "message_start"}').decode(), "p": "padding"}
    assert events(event("chunk", wrapped)) == [{"type": "message_start"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"chunk": {"bytes": "%%%"}}, {}),
        ({"chunk": {"bytes": base64.b64encode(b"[]").decode()}}, {}),
        ({"chunk": {}}, {"chunk": {}}),
        ({"chunk": 1, "other": 2}, {"chunk": 1, "other": 2}),
        ({"someException": 7}, {"someException": 7}),
        ({}, {}),
    ],
)
def test_an_event_that_only_looks_wrapped_is_borne(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert plain(given) == expected


def test_a_cut_or_damaged_message_ends_the_stream() -> None:
    first, second = event("a", {"n": 1}), event("b", {"n": 2})
    damaged = second[:-6] + b"!" + second[-5:]
    for raw in (first + second[:-1], first + second[:8], first + damaged, first + damaged + first):
        assert events(raw) == [{"a": {"n": 1}}]


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"\x00" * 12, b"\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00"]
)
def test_other_bytes_are_no_event_stream(raw: bytes) -> None:
    assert not looks_like_events(raw)
    assert events(raw) == []


_NAMES = st.text("abcXYZ", min_size=1, max_size=20)
_PAYLOADS = st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(), max_size=3)


@given(st.lists(st.tuples(_NAMES, _PAYLOADS), max_size=5))
def test_what_was_framed_is_read_back(written: list[tuple[str, dict[str, Any]]]) -> None:
    raw = b"".join(event(name, payload) for name, payload in written)
    assert events(raw) == [{name: payload} for name, payload in written]


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_no_bytes_make_it_fail(raw: bytes, headers: bytes) -> None:
    events(raw)
    assert len(events(message(raw, headers))) <= 1
