from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.pair.openapi import json_schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "string"}, {"type": "string"}),
        ({"type": "TYPE_UNSPECIFIED", "title": "t"}, {"title": "t"}),
        ({"type": "INTEGER", "nullable": True}, {"type": ["integer", "null"]}),
        (
            {"type": "STRING", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        (
            {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        ),
        (
            {"type": "ARRAY", "items": {"type": "BOOLEAN"}, "minItems": "1", "max_items": 3},
            {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
        ),
        (
            {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}, "propertyOrdering": ["type"]},
            {"type": "object", "properties": {"type": {"type": "string"}}},
        ),
        (
            {"ref": "#/$defs/a", "defs": {"a": {"type": "STRING"}}},
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        ),
        ({"type": 7, "enum": "a"}, {}),
        ("STRING", "STRING"),
        (None, None),
    ],
)
def test_a_schema_means_the_same_in_json_schema(schema: Any, expected: Any) -> None:
    assert json_schema(schema) == expected


def test_a_schema_deeper_than_any_real_one_is_left_as_it_is() -> None:
    deep: dict[str, Any] = {"type": "STRING"}
    for _ in range(100_000):
        deep = {"items": deep}
    assert json_schema(deep)["items"]["items"]


_LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from(["STRING", "INTEGER", "BOOLEAN", "NUMBER"])},
    optional={"nullable": st.booleans()},
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("ARRAY"), "items": inner}, optional={"minItems": st.just("0")})
        | st.fixed_dictionaries(
            {"type": st.just("OBJECT"), "properties": st.dictionaries(st.text(max_size=5), inner, max_size=3)}
        )
    ),
)


@given(_SCHEMAS)
def test_what_comes_out_is_a_json_schema_and_stays_one(schema: dict[str, Any]) -> None:
    converted = json_schema(schema)
    jsonschema.Draft202012Validator.check_schema(converted)
    assert json_schema(converted) == converted
