from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode import Window, decode, formats, registry
from monitor.errors import ConfigError, DeadLetterReason
from monitor.records import Call, Record, Unread
from tests.decode.build import RECEIVED, call_of, chat, dead_letter_of, native, record
from tests.decode.langfuse.build import batch, created, event

SECRET = "sk-live-4f9a"  # stands for whatever must not show up in a detail

REFUSED: dict[str, tuple[object, str]] = {
    "a tombstone": (None, "empty"),
    "zero bytes": (b"", "empty"),
    "only white space": (b" \r\n\t", "empty"),
    "an empty array": (b"[]", "empty"),
    "10 MB": (b'{"a": "' + b"x" * 10_000_000 + b'"}', "too_large"),
    "a million items": (b"[" + b"0," * 1_000_000 + b"0]", "too_large"),
    "a million broken lines": (b"{\n" * 1_000_000 + b"{", "too_large"),
    "not JSON": (f"it broke: {SECRET}".encode(), "not_json"),
    "a cut object": (json.dumps(native(service=SECRET)).encode()[:-9], "not_json"),
    "NaN": (b'{"version": 1, "duration_ms": NaN}', "not_json"),
    "minus Infinity": (b'{"version": 1, "duration_ms": -Infinity}', "not_json"),
    "a trailing comma": (b'{"version": 1,}', "not_json"),
    "a raw line break in a string": (b'{"version": "1\n"}', "not_json"),
    "100,000 brackets": (b"[" * 100_000, "too_deep"),
    "100,000 closed brackets": (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    "100,000 objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "a number": (b"42", "unknown_format"),
    "a string": (json.dumps(SECRET).encode(), "unknown_format"),
    "another program's record": ({"level": "info", "message": SECRET}, "unknown_format"),
    "protobuf": (b"\n\x9a\x01\n\x1f\n\x1d", "not_json"),
    "native of the future": (native(version=2), "unsupported_version"),
    "native of no version": ({"call_id": "c", "started_at": "2026-11-22T12:00:00Z"}, "invalid_record"),
    "native without a time": ({"version": 1, "call_id": SECRET}, "invalid_record"),
    "native with a wrong type": (native(service=[SECRET]), "invalid_record"),
    "native with an unknown status": (native(status=SECRET), "invalid_record"),
    "native with a day for a time": (native(started_at="2026-11-22"), "invalid_record"),
    "native with an empty id": (native(call_id="\x00 "), "invalid_record"),
    "a time beyond the calendar": (native(started_at="9999-12-31T23:59:59-23:59"), "invalid_record"),
    "a pair without a response": ({"request": {"body": {}}}, "unknown_format"),
    "a pair with a wrong type": (chat(duration_ms=SECRET), "invalid_record"),
    "a pair of an unread API": ({**chat(), "api": "embeddings"}, "unsupported_api"),
    "a pair of no API": ({"request": {"body": {}}, "response": {"body": {}}}, "unsupported_api"),
}


@pytest.mark.parametrize(("value", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_becomes_one_dead_letter_that_tells_no_secret(value: object, reason: str) -> None:
    dead_letter = dead_letter_of(value)
    raw = record(value).value or b""
    assert dead_letter.reason == reason
    assert dead_letter.reason in set(DeadLetterReason)
    assert (dead_letter.size, dead_letter.sha256) == (len(raw), hashlib.sha256(raw).digest())
    assert dead_letter.value is None
    assert SECRET not in dead_letter.detail
    assert "\n" not in dead_letter.detail
    assert len(dead_letter.detail) < 200


CLEANED = {
    "invalid UTF-8": (json.dumps(native(service="caf?")).encode().replace(b"?", b"\xff"), "caf\ufffd"),
    "a lone surrogate": (
        rb'{"version":1,"call_id":"c","started_at":"2026-11-22T12:00:00Z","service":"\ud800x"}',
        "\ufffdx",
    ),
    "a surrogate pair": (native(service="😀"), "😀"),
    "NUL": (native(service="a\x00b"), "ab"),
    "control characters": (native(service="a\x1b[31mb\x85\n"), "a[31mb"),
    "a long name": (native(service="x" * 1000), "x" * 200),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(native(service="a")).encode(), "a"),
    "white space around": (b"\n  " + json.dumps(native(service="a"), indent=2).encode() + b"\r\n", "a"),
}


@pytest.mark.parametrize(("value", "service"), CLEANED.values(), ids=CLEANED.keys())
def test_what_can_be_cleaned_is_cleaned(value: object, service: str) -> None:
    assert call_of(value).service == service


@pytest.mark.parametrize(
    "bad", [b"{", b"NaN", b'{"version": 7, "call_id": "x"}', b'"\\ud800"', b"\xff", b"[" * 9000]
)
def test_a_bad_line_costs_no_neighbour(bad: bytes) -> None:
    good = json.dumps(native()).encode()
    decoded = decode(record(b"\n".join([good, bad, good]) + b"\n"))
    assert [call.source.item for call in decoded.calls] == [0, 2]
    assert [(letter.item, letter.size) for letter in decoded.dead_letters] == [(1, len(bad))]


def test_a_bad_element_costs_no_neighbour() -> None:
    decoded = decode(record([native(call_id="a"), 7, native(version=2), chat(), native(call_id="b")]))
    assert [(call.source.item, call.source.format) for call in decoded.calls] == [
        (0, "native"),
        (3, "pair"),
        (4, "native"),
    ]
    assert [(letter.item, letter.reason) for letter in decoded.dead_letters] == [
        (1, "unknown_format"),
        (2, "unsupported_version"),
    ]


def test_lines_of_arrays_come_apart() -> None:
    lines = [[native(call_id="a"), native(call_id="b")], [native(call_id="c")], native(call_id="d")]
    decoded = decode(record("\n".join(map(json.dumps, lines)).encode()))
    assert [(call.call_id, call.source.item) for call in decoded.calls] == [
        ("a", 0),
        ("b", 1),
        ("c", 2),
        ("d", 3),
    ]


def test_a_call_knows_where_it_was_read() -> None:
    source = call_of(native()).source
    assert (source.format, source.topic, source.partition, source.offset) == ("native", "llm-calls", 3, 41)


def test_a_record_of_which_only_the_place_is_known_is_a_dead_letter_that_says_why() -> None:
    unread = Record("llm-calls", 3, 41, None, unread=Unread(DeadLetterReason.UNREADABLE, "no gzip"))
    (letter,) = decode(unread, keep_content=True).dead_letters
    assert (letter.topic, letter.partition, letter.offset) == ("llm-calls", 3, 41)
    assert (letter.reason, letter.detail, letter.size, letter.value) == ("unreadable", "no gzip", 0, None)


def test_a_dead_letter_keeps_its_bytes_only_when_told_to() -> None:
    value = b"not JSON"
    (letter,) = decode(record(value), keep_content=True).dead_letters
    assert letter.value == value
    lines = json.dumps(native()).encode() + b"\n{bad\n"
    (letter,) = decode(record(lines), keep_content=True).dead_letters
    assert letter.value == b"{bad"


def _generations(count: int) -> dict[str, Any]:
    return batch(*(created(id=f"g{number}") for number in range(count)))


def _broken_events(count: int) -> dict[str, Any]:
    return batch(created(), *range(count - 1))


@pytest.mark.parametrize("of", [_generations, _broken_events])
def test_what_one_record_yields_is_bounded(of: Callable[[int], dict[str, Any]]) -> None:
    decoded = decode(record(of(3)), max_items=3)
    assert "too_large" not in {letter.reason for letter in decoded.dead_letters}
    decoded = decode(record(of(500)), max_items=3)
    *letters, last = decoded.dead_letters
    assert len(decoded.fragments) + len(letters) == 3
    assert (last.reason, last.item) == ("too_large", 3)


def test_the_bound_is_of_a_record_and_not_of_its_items() -> None:
    decoded = decode(record([_generations(2), _generations(2), native()]), max_items=3)
    assert (len(decoded.fragments), len(decoded.calls)) == (3, 0)
    assert [letter.reason for letter in decoded.dead_letters] == ["too_large"]


def test_of_several_dead_letters_of_one_item_the_first_keeps_the_bytes() -> None:
    value = json.dumps(batch(*range(3), event("generation-create"))).encode()
    first, *others = decode(record(value), keep_content=True).dead_letters
    assert first.value == value
    assert {letter.value for letter in others} == {None}
    assert {letter.sha256 for letter in others} == {first.sha256}


def test_items_that_hold_nothing_of_a_call_are_counted() -> None:
    embedding = {"call_type": "embedding", "startTime": 1, "response": {}}
    decoded = decode(record([embedding, native(), {"resourceMetrics": []}, 7, native()]))
    assert (len(decoded.calls), len(decoded.dead_letters), decoded.empty) == (2, 1, 2)
    assert [call.source.item for call in decoded.calls] == [1, 4]


WINDOW = Window(RECEIVED - timedelta(days=1), RECEIVED + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("started_at", "reason"),
    [
        ("2026-11-21T12:00:00Z", None),
        ("2026-11-22T12:05:00Z", None),
        ("2026-11-22T11:00:00", None),
        ("2026-11-22T13:04:59+01:00", None),
        ("2026-11-21T11:59:59Z", "too_old"),
        ("0001-01-01T00:00:00Z", "too_old"),
        ("2026-11-22T12:05:00.000001Z", "from_future"),
        ("9999-12-31T23:59:59Z", "from_future"),
    ],
)
def test_only_calls_in_the_window_are_accepted(started_at: str, reason: str | None) -> None:
    decoded = decode(record(native(started_at=started_at)), window=WINDOW)
    assert [letter.reason for letter in decoded.dead_letters] == ([reason] if reason else [])


def test_without_a_window_any_age_is_accepted() -> None:
    assert call_of(native(started_at="0001-01-01T00:00:00Z")).started_at.year == 1


def test_a_format_that_is_named_is_not_guessed() -> None:
    (letter,) = decode(record(chat()), format="native").dead_letters
    assert letter.reason == "invalid_record"
    with pytest.raises(ConfigError, match=r"auto, gateway-log, .*, native, otlp-json, otlp-proto, pair"):
        decode(record(native()), format="otlp")


def test_the_formats_are_those_that_registered_themselves() -> None:
    assert formats() == (
        "gateway-log",
        "langfuse",
        "litellm",
        "native",
        "otlp-json",
        "otlp-proto",
        "pair",
    )


def test_a_bug_in_a_decoder_costs_its_item_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(value: dict[str, object], context: registry.Context) -> tuple[Call]:
        raise KeyError(SECRET)

    buggy = registry.Format("buggy", lambda value: "buggy" in value, broken)
    monkeypatch.setitem(registry.registered(), "buggy", buggy)
    decoded = decode(record([{"buggy": 1}, native()]))
    assert [call.source.item for call in decoded.calls] == [1]
    assert [(letter.reason, letter.detail) for letter in decoded.dead_letters] == [
        ("decoder_failed", "KeyError")
    ]


def _whole(value: bytes | None) -> None:
    decoded = decode(Record("t", 0, 0, value, timestamp=RECEIVED))
    assert decoded.calls or decoded.dead_letters
    assert all(letter.reason != "decoder_failed" for letter in decoded.dead_letters)


@given(st.none() | st.binary())
def test_any_bytes_give_calls_or_dead_letters(value: bytes | None) -> None:
    _whole(value)


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = ["version", "call_id", "started_at", "request", "response", "tools", "usage", "outputs", "attempt"]


@given(st.dictionaries(st.sampled_from(_FIELDS), _ANY_JSON))
def test_any_json_gives_calls_or_dead_letters(value: dict[str, object]) -> None:
    _whole(json.dumps(value).encode())
