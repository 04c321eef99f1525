from __future__ import annotations

import pytest

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
        (b'[{"a": 1}, 2]', [b'{"a":1}', b"2"]),
        (b'{"a": 1}\n\n{"a": 2}\r\n', [b'{"a": 1}', b'{"a": 2}']),
        (b'garbage\n{"a": 2}', [b"garbage", b'{"a": 2}']),
        (b'{\n"a": 1\n}', [b'{\n"a": 1\n}']),
        (b'{\n"a": 1,\n}', [b'{\n"a": 1,\n}']),
        (b"two\nlines", [b"two\nlines"]),
    ],
)
def test_a_value_is_taken_apart_into_its_items(value: bytes, items: list[bytes]) -> None:
    assert [item.strip() for item in split(value)] == items
