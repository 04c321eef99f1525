from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.text import parse, split
from monitor.errors import BadInput


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        ("[1.5, true, null]", [1.5, True, None]),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"1" * 5000, None),
        (b"-1e999", None),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ude00\\ud83d"', "\ufffd\ufffd"),
        (b'{"\\ud800": ["\\udfff"]}', {"\ufffd": ["\ufffd"]}),
        (b'"\xf0\x9f\x98"', "\ufffd"),
        (b'"\\u0000"', "\x00"),
    ],
)
def test_json_is_read_and_its_characters_repaired(text: bytes | str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"NaN", "not_json"),
        (b"[1,]", "not_json"),
        (b"'a'", "not_json"),
        (b"", "not_json"),
        ("[" * 99_999, "too_deep"),
    ],
)
def test_what_is_not_json_is_refused(text: bytes | str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(text)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (b' {"a": 1} ', [b'{"a": 1}']),
        (b'[{"a": 1}, 2]', [b'{"a": 1}', b"2"]),
        (b'[\n{"a": 1},\n2\n]\n', [b'{"a": 1}', b"2"]),
        (b'[{"a": "\xff"}, "\\ud800"]', ['{"a":"\ufffd"}'.encode(), '"\ufffd"'.encode()]),
        (b'[{"a": 1}, 2]\n[3]\r\n', [b'{"a": 1}', b"2", b"3"]),
        (b'[{"a": 1}]\n{"a": 2}\n[]\n', [b'{"a": 1}', b'{"a": 2}']),
        (b"garbage\n[1]\n[cut", [b"garbage", b"1", b"[cut"]),
        (b"[" * 9000 + b"\n[1]", [b"[" * 9000, b"1"]),
        (b"[[1, 2], 3]", [b"[1, 2]", b"3"]),
        (b'{"a": 1}\n\n{"a": 2}\r\n', [b'{"a": 1}', b'{"a": 2}']),
        (b'garbage\n{"a": 2}', [b"garbage", b'{"a": 2}']),
        (b'{\n"a": 1\n}', [b'{\n"a": 1\n}']),
        (b'{\n"a": 1,\n}', [b'{\n"a": 1,\n}']),
        (b"two\nlines", [b"two\nlines"]),
    ],
)
def test_a_value_is_taken_apart_into_its_items(value: bytes, items: list[bytes]) -> None:
    assert [item.strip() for item in split(value)] == items


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"[]", "empty"),
        (b"[]\n[]", "empty"),
        (b"[cut", "not_json"),
        (b'[{"a": 1},\n{"b": 2', "not_json"),
        (b"[" * 9000, "too_deep"),
        (b"[1, 2, 3, 4]", "too_large"),
        (b"[1, 2]\n[3, 4]", "too_large"),
        (b"{}\n" * 4, "too_large"),
        (b"x\n" * 4, "too_large"),
    ],
)
def test_a_value_that_cannot_be_taken_apart_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        split(value, max_items=3)
    assert refused.value.reason == reason


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.text(), _VALUES) | st.lists(_VALUES, min_size=1), min_size=1))
def test_lines_of_objects_and_arrays_come_apart_as_one_array_of_them_all(lines: list[object]) -> None:
    together = [one for line in lines for one in (line if isinstance(line, list) else [line])]
    text = "\n".join(map(json.dumps, lines)).encode()
    assert [parse(item) for item in split(text)] == [parse(json.dumps(one)) for one in together]
