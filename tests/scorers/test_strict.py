"""Strict JSON: what is refused, how, and that depth is no danger."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.strict import MAX_DEPTH, Broken, depth, duplicate_key, parse
from tests.paths import SHARED

JSON_TEST_SUITE = SHARED / "data" / "scoring" / "jsonmode" / "jsontestsuite.jsonl.gz"

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_what_the_standard_library_writes_is_read(value: Any) -> None:
    assert parse(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_a_value_or_broken(text: str) -> None:
    with contextlib.suppress(Broken):
        parse(text)


@given(st.dictionaries(st.text(), JSON, min_size=1), st.data())
def test_an_object_cut_before_its_end_is_broken(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    with pytest.raises(Broken):
        parse(text[: data.draw(st.integers(0, len(text) - 1))])


def test_the_suite_of_json_parsers_is_decided_as_it_says() -> None:
    wrong = []
    with gzip.open(JSON_TEST_SUITE, "rb") as lines:
        for case in map(msgspec.json.decode, lines):
            text = base64.b64decode(case["b64"]).decode(errors="surrogateescape")
            try:
                parse(text)
                accepted = True
            except Broken:
                accepted = False
            if case["expect"] in ("valid", "invalid") and accepted != (case["expect"] == "valid"):
                wrong.append(case["id"])
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "truncated"),
    [
        ('{"a": ', True),
        ('[1, "b', True),
        ("tru", False),
        ('"quoted', False),
        ("", False),
        ("{]", False),
        ('["\\ud800"]', False),
    ],
)
def test_only_an_object_or_array_can_be_truncated(text: str, truncated: bool) -> None:
    with pytest.raises(Broken) as caught:
        parse(text)
    assert caught.value.truncated == truncated


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(levels: int, opening: str, closing: str) -> None:
    with pytest.raises(Broken, match="too deep") as caught:
        parse(opening * levels + "0" + closing * levels)
    assert caught.value.beyond


@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ("1e400", True),
        ('{"a": [-1e999]}', True),
        ('["' + "[" * 2_000 + '"]' + "[" * 2_000, False),
        ("[1e400, nope]", False),
        ("[" * 100_000, False),
        ('{"a":' * 100_000 + "1", False),
    ],
)
def test_what_is_over_a_limit_may_be_json_and_what_is_broken_besides_is_not(text: str, beyond: bool) -> None:
    with pytest.raises(Broken) as caught:
        parse(text)
    assert caught.value.beyond is beyond


def test_depth_counts_containers() -> None:
    values: tuple[Any, ...] = (1, [], [1], {"a": [{}]}, [[], [[]]])
    assert [depth(value) for value in values] == [0, 1, 1, 3, 3]
    assert depth([[[[]]]], at_most=2) == 3


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "b": 2}', None),
        ('{"a": 1, "b": {"a": 2}}', None),
        ('{"a": 1, "b": 2, "a": 3}', "a"),
        ('[{"x": {"b": 1, "c": 1, "c": 2}}]', "c"),
        ('{"a": ' + "9" * 10_000 + ', "a": 1}', "a"),
    ],
)
def test_the_first_repeated_key_is_found(text: str, key: str | None) -> None:
    assert duplicate_key(text) == key
