"""Schemas as providers take them, and what of them is judged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import JsonOutcome
from monitor.scorers.json import score_json
from monitor.scorers.schema.dialects import standard
from tests.scorers.build import json_call

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"name": "person", "strict": True, "schema": PERSON}, PERSON),
        ({"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}, PERSON),
        ({"name": "person", "schema": json.dumps(PERSON)}, PERSON),
        ({"type": "OBJECT", "properties": {"a": {"type": "TYPE_UNSPECIFIED"}}},
         {"type": "object", "properties": {"a": {}}}),
        ({"type": ["STRING", "NULL"]}, {"type": ["string", "null"]}),
        ({"type": "ARRAY", "minItems": "1", "items": {"type": "STRING", "maxLength": "20"}},
         {"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 20}}),
        ({"minimum": 0, "exclusiveMinimum": True}, {"exclusiveMinimum": 0}),
        ({"maximum": 9, "exclusiveMaximum": False}, {"maximum": 9}),
        ({"exclusiveMinimum": True}, {}),
        ({"items": [{"type": "STRING"}], "additionalItems": False},
         {"prefixItems": [{"type": "string"}], "items": False}),
        ({"items": [{"type": "STRING"}]}, {"prefixItems": [{"type": "string"}], "items": True}),
    ],
)  # fmt: skip
def test_a_dialect_is_written_as_json_schema(given: Any, meant: Any) -> None:
    assert standard(given) == meant


@pytest.mark.parametrize(
    "schema",
    [
        PERSON,
        True,
        {"properties": {"schema": {"type": "string"}, "name": {"type": "string"}}},
        {"type": "object", "schema": {"type": "string"}},
        {"name": "person", "schema": "no JSON"},
        {"name": "person"},
        {"enum": [{"type": "OBJECT", "nullable": True}], "default": {"minItems": "1"}},
        {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 0, "exclusiveMinimum": True},
        {"minItems": "one", "type": "Object"},
    ],
)
def test_what_json_schema_reads_already_stays(schema: Any) -> None:
    assert standard(schema) == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"type": "STRING", "nullable": True, "enum": ["a", "b"], "format": "enum"},
        {"nullable": True, "allOf": [{"$ref": "#/$defs/text"}]},
        {"nullable": True, "$ref": "#/$defs/text"},
        {"nullable": True, "anyOf": [{"type": "string"}]},
        {"nullable": True, "oneOf": [{"type": "string"}]},
        {"nullable": True, "enum": ["a"]},
        {"type": ["string"], "nullable": True},
    ],
)
def test_nullable_allows_null_besides_and_nothing_else(schema: dict[str, Any]) -> None:
    whole = {
        "type": "object",
        "properties": {"a": schema},
        "$defs": {"text": {"type": "string"}},
        "propertyOrdering": ["a"],
        "example": {"a": 1},
    }
    outcomes = [
        score_json(json_call(text, whole)).outcome for text in ('{"a": null}', '{"a": "a"}', '{"a": 5}')
    ]
    assert outcomes == [JsonOutcome.OK, JsonOutcome.OK, JsonOutcome.SCHEMA_VIOLATION]


def test_a_gemini_schema_is_judged_like_any_other() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1"},
            "mood": {"type": "STRING", "format": "enum", "enum": ["good", "bad"], "nullable": True},
        },
        "required": ["tags"],
        "propertyOrdering": ["tags", "mood"],
    }
    assert score_json(json_call('{"tags": ["a"], "mood": null}', schema)).outcome == JsonOutcome.OK
    score = score_json(json_call('{"tags": [], "mood": "fair"}', schema))
    assert (score.detail, score.violations) == ("/tags: minItems, /mood: enum", 2)


def test_what_a_wrapper_hides_is_still_bounded() -> None:
    deep = "{" + '"items":{' * 100 + "}" * 101
    score = score_json(json_call("[]", {"name": "deep", "schema": deep}))
    assert (score.outcome, score.detail) == (JsonOutcome.UNKNOWN, "schema nested deeper than 64")
