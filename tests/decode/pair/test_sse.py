from __future__ import annotations

import pytest

from monitor.decode.pair.sse import events, looks_like_events


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        ('data: {"a": 1}\n\n', [{"a": 1}]),
        ('data:{"a": 1}\n\ndata: {"b": 2}\n\n', [{"a": 1}, {"b": 2}]),
        ('data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\n\r\n', [{"a": 1}, {"b": 2}]),
        ('data: {"a": 1}\r\rdata: {"b": 2}\r\r', [{"a": 1}, {"b": 2}]),
        ('data: {"a":\ndata:  1}\n\n', [{"a": 1}]),
        ('event: ping\ndata: {"a": 1}\n\n', [{"type": "ping", "a": 1}]),
        ('event: x\ndata: {"type": "y"}\n\n', [{"type": "y"}]),
        (': OPENROUTER PROCESSING\n\nid: 7\nretry: 10\ndata: {"a": 1}\n\n', [{"a": 1}]),
        ('data: {"a": 1}\n\ndata: [DONE]\n\n', [{"a": 1}]),
        ('data: {"a": 1}\n\ndata: {"b"', [{"a": 1}]),
        ('data: {"a": 1}', [{"a": 1}]),
        ('\ufeffdata: {"a": 1}\n\n', [{"a": 1}]),
        ('data: {"a": "x\u2028y\x85z"}\n\n', [{"a": "x\u2028y\x85z"}]),
        ('data: {"a": "\\ud800"}\n\n', [{"a": "\ufffd"}]),
        ("data: 7\n\ndata\n\ndata:\n\n", []),
        ('data: {"a": 1},{"b": 2}\n\n', []),
        ('data: {"a": 1,\n"b": 2}\n\ndata: {"c": 3}\n\n', [{"c": 3}]),
        ('data: {"a": 1}\n\ndata: 7\n\ndata: {"b": 2}\n\ndata: [DONE]\n\n', [{"a": 1}, {"b": 2}]),
        ("data: [DONE]\n\n", []),
        ("", []),
    ],
)
def test_a_stream_is_read_as_the_standard_says(stream: str, found: list[object]) -> None:
    assert events(stream) == found


@pytest.mark.parametrize(
    ("body", "is_stream"),
    [("data: x", True), (": hello", True), ("\n\nevent: x", True), ('{"data": 1}', False), ("<html>", False)],
)
def test_a_stream_is_told_by_its_first_line(body: str, is_stream: bool) -> None:
    assert looks_like_events(body) is is_stream


FIRST = 'event: response.created\ndata: {"type": "response.created"}\n\n'
LAST = 'event: response.completed\ndata: {"type": "response.completed", "response": {"output": [1]}}'


@pytest.mark.parametrize("end", ["", "\n", "\n\n"], ids=["cut", "half", "whole"])
def test_of_a_stream_whose_last_event_holds_it_all_only_that_is_read(end: str) -> None:
    assert events(f"{FIRST}data: no JSON\n\n{LAST}{end}") == [
        {"type": "response.completed", "response": {"output": [1]}}
    ]


@pytest.mark.parametrize(
    "last",
    [
        LAST.replace("[1]", "[]"),
        LAST.replace("event: response.completed", "event: response.done"),
        LAST.replace('"type": "response.completed"', '"type": "response.created"'),
        LAST[:-1],
        LAST + "\n\ndata: {}",
        LAST + "\ndata: {}",
    ],
    ids=["no-output", "other-name", "other-type", "broken", "not-last", "two-lines"],
)
def test_of_any_other_stream_all_events_are_read(last: str) -> None:
    assert events(FIRST + last)[0] == {"type": "response.created"}
