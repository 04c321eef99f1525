"""What a tolerant parser saves of broken JSON, and that it reads valid JSON as a strict one does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.json.recover import MAX_INNER_QUOTES, MAX_TEXT, MAX_VALUES, Beyond, recover
from monitor.scorers.strict import MAX_DEPTH, parse

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
_CONTAINERS = st.lists(_JSON, min_size=1, max_size=4) | st.dictionaries(
    st.text(), _JSON, min_size=1, max_size=4
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'name': 'Ada', 'born': None, 'dead': True}", {"name": "Ada", "born": None, "dead": True}),
        ("{name: 'Ada', \"age\": 36,}", {"name": "Ada", "age": 36}),
        ('{"name": "Ada" "age": 36}', {"name": "Ada", "age": 36}),
        ('{"name": "Ada"\n"age": 36}', {"name": "Ada", "age": 36}),
        ('{"a": 1, // one\n "b": 2, /* two */ "c": 3 # three\n}', {"a": 1, "b": 2, "c": 3}),
        ('{"says": "so "quoted" it is", "b": 1}', {"says": 'so "quoted" it is', "b": 1}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{“name”: “Ada”}', {"name": "Ada"}),
        ('{"a": 007, "b": .5, "c": +1, "d": 1e3}', {"a": 7, "b": 0.5, "c": 1, "d": 1000.0}),
        ('{"a": NaN, "b": -Infinity, "c": undefined, "d": 1e999}', dict.fromkeys("abcd")),
        ('{"when": 2026-11-22T10:00:00, "at": http://x.example/a, "b": 1/3}',
         {"when": "2026-11-22T10:00:00", "at": "http://x.example/a", "b": "1/3"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('[1, 2, 3, ...]', [1, 2, 3]),
        ('{{"a": 1}}', {"a": 1}),
        ('{"a" = 1, b => 2}', {"a": 1, "b": 2}),
        ('{"list": [{"a": 1], "b": 2}', {"list": [{"a": 1}], "b": 2}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('Here you are:\n```json\n{"a": 1,}\n```\nDone.', {"a": 1}),
        # cut
        ('{"a": [1, 2', {"a": [1, 2]}),
        ('{"a": "so f', {"a": "so f"}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": "x\\', {"a": "x"}),
        ('["a}\n```', ["a"]),
        # escapes
        (r'{"a": "\u00e9\n\t\/\q", }', {"a": "é\n\t/q"}),
        (r'{"a": "\ud83d\ude00 \ud83d", }', {"a": "\U0001f600 \ufffd"}),
        ('{"a": "\ud800", }', {"a": "\ufffd"}),
    ],
)  # fmt: skip
def test_what_people_read_without_thinking_is_read(text: str, value: Any) -> None:
    assert next(recover(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ada is thirty-six.",
        "true",
        '"Ada"',
        "{}",
        "[ ]",
        "{",
        "{Ada}",
        '{"a"',
        "} ]",
        "{{{{",
        '{"""',
    ],
)
def test_where_there_is_nothing_to_save_nothing_is(text: str) -> None:
    assert list(recover(text)) == []


def test_the_values_of_a_text_come_in_its_order() -> None:
    assert list(recover('as [JSON]: {"a": 1} or {"b": 2}')) == [["JSON"], {"a": 1}, {"b": 2}]
    assert len(list(recover("[1]" * 20))) == MAX_VALUES


@given(_CONTAINERS, st.sampled_from([None, 1]), st.booleans())
def test_valid_json_is_read_as_a_strict_parser_does(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert list(recover(text)) == [parse(text)]


@given(st.text("{}[]\"'`,:;/*#\\ \n.0-9eantrué\ud800", max_size=80))
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(isinstance(value, dict | list) for value in recover(text))


@pytest.mark.parametrize("text", ["[" * (MAX_DEPTH + 1), '{"a":' * (MAX_DEPTH + 1), " " * (MAX_TEXT + 1)])
def test_what_is_too_long_or_too_deep_is_not_looked_into(text: str) -> None:
    with pytest.raises(Beyond):
        list(recover(text))


@pytest.mark.parametrize("start", ["{", "[", '{"a": "', "{'a': '"])
@pytest.mark.parametrize(
    "piece",
    ['"', '"a" ', 'x", ', "1,,", "a:", "/*", "#\n", 'it"s ', "\\", "a: b c d ", "don't, ", "[]", "}", "'\"`"],
)
def test_a_long_text_of_any_kind_is_read_forwards(start: str, piece: str) -> None:
    text = start + piece * (20_000 // len(piece))
    assert all(isinstance(value, dict | list) for value in recover(text))


def test_quotes_that_could_be_inner_ones_are_counted() -> None:
    many = 'a" b ' * (MAX_INNER_QUOTES + 1)
    found = next(recover(f'["{many}", "c"]'))
    assert isinstance(found, list)
    assert found[0] == "a"
