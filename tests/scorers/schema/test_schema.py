"""Compiled schemas against an independent validator, and what hostile ones get."""

from __future__ import annotations

import gzip
import json
from typing import Any

import jsonschema
import msgspec
import pytest
import referencing

from monitor.scorers.schema import Budget, Unusable, cache, compile_schema
from monitor.scorers.schema.work import MAX_NODES, Unbounded, Work, plan
from tests.paths import SHARED

D4, D7 = "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#"
SUITE = SHARED / "data" / "scoring" / "jsonmode" / "json_schema_test_suite.jsonl.gz"


def _suite() -> list[dict[str, Any]]:
    """Every third required case of the drafts whose schemas name their dialect.

    Not the formats, which the suite does not assert there, nor what the patterns of Python cannot say.
    """
    with gzip.open(SUITE, "rb") as lines:
        cases = [msgspec.json.decode(line) for line in lines]
    named = [
        case
        for case in cases
        if isinstance(case["schema"], dict)
        and "$schema" in case["schema"]
        and case["draft"] in ("draft2019-09", "draft2020-12")
        and not case["optional"]
        and "/format" not in case["id"]
        and "\\p{" not in str(case["schema"])
    ]
    return named[::3]


def test_verdicts_are_those_of_an_independent_validator() -> None:
    judged, differ = 0, []
    for case in _suite():
        try:
            compiled = compile_schema(case["schema"], Budget())
        except Unusable:
            continue
        judged += 1
        oracle = jsonschema.validators.validator_for(case["schema"])(
            case["schema"], registry=referencing.Registry()
        )
        size = len(json.dumps(case["data"]))
        if (not compiled.violations(case["data"], size, Budget())) != oracle.is_valid(case["data"]):
            differ.append(case["id"])
    assert judged > 300
    assert differ == []


def test_most_of_the_suite_can_be_judged() -> None:
    suite = _suite()
    unusable = 0
    for case in suite:
        try:
            compile_schema(case["schema"], Budget())
        except Unusable:
            unusable += 1
    assert unusable < len(suite) / 8


def _doubling(levels: int) -> dict[str, Any]:
    """A schema that evaluates its last definition ``2 ** levels`` times."""
    definitions: dict[str, Any] = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "integer"}}}


def test_a_schema_that_doubles_at_each_reference_is_not_run() -> None:
    assert Work(plan(_doubling(10))).at(0) > 2**10
    assert compile_schema(_doubling(10), Budget()).violations(1, 1, Budget()) == []
    with pytest.raises(Unusable, match="too costly"):
        compile_schema(_doubling(60), Budget()).violations(1, 1, Budget())


def test_a_schema_that_doubles_with_the_depth_of_the_value_is_run_on_shallow_ones_only() -> None:
    twice = {
        "anyOf": [
            {"properties": {"a": {"$ref": "#"}}},
            {"properties": {"a": {"$ref": "#"}}, "maxProperties": 1},
        ]
    }
    compiled = compile_schema(twice, Budget())
    assert compiled.violations({"a": {"a": {}}}, 16, Budget()) == []
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(Unusable, match="too costly"):
        compiled.violations(deep, 600, Budget())


def test_an_ordinary_recursive_schema_is_run_at_any_depth() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}},
        "additionalProperties": False,
    }
    deep: dict[str, Any] = {"up": 1}
    for _ in range(100):
        deep = {"left": deep, "right": {}}
    (violation,) = compile_schema(tree, Budget()).violations(deep, 3_000, Budget())
    assert violation.keyword == "additionalProperties"


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "#"}, "without end"),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "without end"),
        ({"$ref": "http://169.254.169.254/latest"}, "outside"),
        ({"$ref": "../other.json#/a"}, "outside"),
        ({"$ref": "#/a/0/b"}, "nothing"),
        ({"$ref": "#nowhere"}, "nothing"),
        ({"$ref": "http://json-schema.org/draft-07/schema#", "$id": "http://x.example/schema"}, "outside"),
        ({"$ref": "a#", "$defs": {"b": {"$id": "a"}, "c": {"$id": "b/a/."}}}, "meant otherwise"),
        ({"$ref": "#/a", "anyOf": [{"$id": f"x{number}"} for number in range(17)]}, "embedded"),
        ({"anyOf": [{"$anchor": "a", "items": {"$ref": "#a"}} for _ in range(400)]}, "references"),
        ({"anyOf": [{"const": number} for number in range(MAX_NODES)]}, "subschemas"),
    ],
)
def test_work_without_a_bound_is_refused(schema: dict[str, Any], why: str) -> None:
    with pytest.raises(Unbounded, match=why):
        plan(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}},
        {"$ref": "#/$defs/100%25", "$defs": {"100%": {"type": "integer"}}},
        {"$ref": "#whole", "$defs": {"n": {"$anchor": "whole", "type": "integer"}}},
        {
            "$id": "https://x.example/s",
            "$ref": "https://x.example/s#/$defs/n",
            "$defs": {"n": {"type": "integer"}},
        },
        {"properties": {"a": {"$id": "/properties/a"}}, "type": "integer"},
        {"$ref": "#n", "$schema": D7, "definitions": {"n": {"$id": "#n", "type": "integer"}}},
        {"$ref": "#n", "$schema": D4, "definitions": {"n": {"id": "#n", "type": "integer"}}},
        {
            "$id": "https://x.example/s",
            "$ref": "part",
            "$defs": {
                "p": {"$id": "part", "$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}},
                "n": {"type": "string"},
            },
        },
    ],
)
def test_references_within_the_schema_are_followed(schema: dict[str, Any]) -> None:
    compiled = compile_schema(schema, Budget())
    assert compiled.violations(1, 1, Budget()) == []
    assert [violation.keyword for violation in compiled.violations("x", 3, Budget())] == ["type"]


@pytest.mark.parametrize(
    "schema",
    [
        {"title": "x" * cache.MAX_SCHEMA_BYTES},
        {"title": "\ud800"},
        {"const": object()},
    ],
)
def test_what_is_no_json_or_too_large_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        compile_schema(schema, Budget())


def test_a_reference_into_nothing_of_an_embedded_schema_is_unusable() -> None:
    with pytest.raises(Unusable, match="invalid schema"):
        compile_schema({"items": {"$id": "x", "$ref": "#/y"}, "y": {}}, Budget())


def test_work_within_an_embedded_schema_is_counted() -> None:
    """The cheap definition is the root's, the one that doubles is the embedded schema's."""
    inner = {**_doubling(60), "$id": "inner"}
    with pytest.raises(Unusable, match="too costly"):
        compile_schema({"items": inner, "$defs": {"d0": {}}}, Budget()).violations([1], 3, Budget())


@pytest.mark.parametrize("draft", [D4, D7, "https://json-schema.org/draft/2020-12/schema"])
@pytest.mark.parametrize("form", ["uuid", "duration", "date-time", "email", "uri"])
def test_formats_are_checked_whatever_the_draft(draft: str, form: str) -> None:
    (violation,) = compile_schema({"$schema": draft, "format": form}, Budget()).violations(
        "none", 6, Budget()
    )
    assert violation.keyword == "format"


def test_a_schema_may_be_true_or_false() -> None:
    assert compile_schema(True, Budget()).violations(1, 1, Budget()) == []
    assert len(compile_schema(False, Budget()).violations(1, 1, Budget())) == 1


def test_a_schema_nested_2000_deep_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2_000):
        deep = {"properties": {"a": deep}}
    with pytest.raises(Unusable, match="nested deeper"):
        compile_schema(deep, Budget())


@pytest.mark.parametrize("pattern", ["^(a+)+$", r"^(?=a)(a+)+$", "(a|aa)+$", "(x+x+)+y"])
def test_a_catastrophic_pattern_answers_at_once(pattern: str) -> None:
    compile_schema({"pattern": pattern}, Budget()).violations("a" * 50_000 + "!", 50_000, Budget())


def test_a_pattern_that_backtracks_without_end_is_unknown_not_a_violation() -> None:
    compiled = compile_schema({"pattern": r"^(?:(a+)\1?)+$"}, Budget())
    with pytest.raises(Unusable, match="backtracks"):
        compiled.violations("a" * 200 + "c", 201, Budget())


def test_a_large_value_that_breaks_a_large_schema_is_explained_by_its_first_violation() -> None:
    names = [f"field_{number}" for number in range(2_000)]
    value = {f"other_{number}": "x" * 100 for number in range(5_000)}
    assert len(compile_schema({"required": names}, Budget()).violations(value, 600_000, Budget())) == 1
    for branching in ({"anyOf": [{"required": names}]}, {"nullable": True, "required": names}):
        (whole,) = compile_schema(branching, Budget()).violations(value, 600_000, Budget())
        assert (whole.path, whole.keyword) == ("", "schema")


def test_the_cache_is_bounded_and_keeps_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE_ENTRIES", 2)
    monkeypatch.setattr(cache, "_cache", cache._Cache())
    first = compile_schema({"title": "a"}, Budget())
    compile_schema({"title": "b"}, Budget())
    assert compile_schema({"title": "a"}, Budget()) is first
    compile_schema({"title": "c"}, Budget())
    assert compile_schema({"title": "a"}, Budget()) is first
    assert len(cache._cache._entries) == 2


def test_the_cache_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE_BYTES", 250)
    monkeypatch.setattr(cache, "_cache", cache._Cache())
    for letter in "abcdef":
        compile_schema({"title": letter * 100}, Budget())
    assert len(cache._cache._entries) == 2
    assert compile_schema({"title": "z" * 300}, Budget()).violations(1, 1, Budget()) == []


def test_patterns_count_in_the_bytes_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE_BYTES", 200_000)
    monkeypatch.setattr(cache, "_cache", cache._Cache())
    compile_schema({"title": "small"}, Budget())
    compile_schema({"pattern": r"\p{L}{10}"}, Budget())
    assert len(cache._cache._entries) == 0
