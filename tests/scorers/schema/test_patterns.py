"""What patterns are estimated to take, and what becomes of those that take too much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import JsonOutcome
from monitor.scorers.json import score_json
from monitor.scorers.schema import Budget, compile_schema
from monitor.scorers.schema.compiled import MAX_STATES
from monitor.scorers.schema.patterns import CEILING, cost, unicode_mode
from tests.scorers.build import json_call

EMPTY = cost("")


@pytest.mark.parametrize(
    ("pattern", "states", "steps"),
    [
        ("abc", 3, 3),
        ("^a+b*?$", 2, 2),
        ("a{10}", 10, 10),
        ("a{2,30}", 30, 30),
        ("a{7,}", 7, 7),
        ("a{10}{10}", 100, 100),
        ("(?:a{10}b){10}", 120, 120),
        ("(?<year>[0-9]{4})|x", 6, 6),
        ("[ab]*a[ab]{20000}c", 20_003, 20_003),
        (r"\{9\}[{9}]", 4, 4),
        (r"\w\d\n\x41\u0041\x{41}", 6, 6),
        (".", 20, 3),
        ("[^a]", 20, 3),
        ("日", 20, 3),
        (r"\pL{25}", 12_500, 75),
        (r"\P{Lu}", 500, 3),
        (r"[a\p{L}]", 500, 3),
        ("[^", 20, 3),
        ("a{99999999999999999999}", 999_999_999, 999_999_999),
    ],
)
def test_a_pattern_costs_its_atoms_as_often_as_they_are_repeated(
    pattern: str, states: int, steps: int
) -> None:
    estimate = cost(pattern)
    assert (estimate.states - EMPTY.states, estimate.steps - EMPTY.steps) == (states, steps)


@pytest.mark.parametrize(
    "pattern", [r"[[\pL]a]{1000}", r"[]\pL]{1000}", r"(?x) \pL {1000}", "(((a{999}){999}){999}){999}" * 9]
)
def test_what_reads_unlike_it_looks_is_taken_for_large(pattern: str) -> None:
    assert cost(pattern).states > MAX_STATES


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(?<!a)b", "a++"])
def test_what_backtracks_takes_more_steps(pattern: str) -> None:
    assert cost(pattern).steps > 50


@given(st.text("ab[]{}()\\pL19,.|?*+^-:=<", max_size=60))
def test_any_text_has_a_bounded_cost(pattern: str) -> None:
    assert EMPTY.states <= cost(pattern).states <= CEILING


@pytest.mark.parametrize(
    "text", ["[", "[]", "[^]", "\\p{", "{1", "{" + "1" * 50, "(", "(?<", "(?a", "[[:", "\\x{"]
)
def test_a_pattern_of_200_kilobytes_is_read(text: str) -> None:
    assert cost(text * (200_000 // len(text))).states > 0
    assert unicode_mode(text * (200_000 // len(text)))


@pytest.mark.parametrize(
    ("pattern", "strict"),
    [
        (r"^[\w-.]+@[\w-]+$", r"^[\w\-.]+@[\w-]+$"),
        ("^[[a-z]*[-]?]*$", r"^[[a-z]*[-]?\]*$"),
        ("a{b}", r"a\{b}"),
        (r"\p{L}{3,}\u{61}\]\{", r"\p{L}{3,}\u{61}\]\{"),
        ("[^]]]", r"[^]]\]"),
        (r"(?<year>\d{4})-[a-z\d-]", r"(?<year>\d{4})-[a-z\d-]"),
    ],
)
def test_what_browsers_let_pass_is_written_strictly(pattern: str, strict: str) -> None:
    assert unicode_mode(pattern) == strict
    assert unicode_mode(strict) == strict


@pytest.mark.parametrize("draft", [{}, {"$schema": "http://json-schema.org/draft-07/schema#"}])
def test_patterns_of_javascript_are_run_in_any_draft(draft: dict[str, Any]) -> None:
    schema = {"properties": {"a": {"pattern": r"^[\w-.]+$"}}, "patternProperties": {"^]": False}, **draft}
    outcomes = [
        score_json(json_call(text, schema)).outcome for text in ('{"a": "x-y"}', '{"a": "!"}', '{"]": 1}')
    ]
    assert outcomes == [JsonOutcome.OK, JsonOutcome.SCHEMA_VIOLATION, JsonOutcome.SCHEMA_VIOLATION]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {f"p{n}": {"pattern": rf"\pL{{25}}{n}"} for n in range(100)}},
        {"patternProperties": {rf"\pL{{25}}{n}": True for n in range(100)}},
        {"$defs": {"a": {"items": [{"pattern": r"\pL{900}"}]}}},
    ],
)
def test_a_schema_whose_patterns_are_too_large_is_unknown(schema: dict[str, Any]) -> None:
    score = score_json(json_call('{"p1": "x"}', schema))
    assert (score.outcome, score.detail) == (JsonOutcome.UNKNOWN, "patterns too large")


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "[ab]*a[ab]{20000}c"},
        {"allOf": [{"pattern": f"[ab]*a[ab]{{200}}{n}"} for n in range(100)]},
        {"pattern": "(?=a)[ab]*a[ab]{200}c"},
    ],
)
def test_a_large_pattern_is_not_run_on_a_long_text(schema: dict[str, Any]) -> None:
    score = score_json(json_call(f'"{"ab" * 50_000}"', schema))
    assert (score.outcome, score.detail) == (JsonOutcome.UNKNOWN, "schema too costly for this value")


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (r"^\p{L}{1,30}$", "Zoë"),
        (r"^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$", "ada@example.org"),
        (r"^[a-zA-Z0-9]{1,63}(\.[a-zA-Z0-9]{1,63}){0,5}$", "www.example.org"),
        (r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "123e4567-e89b-12d3-a456-426614174000"),
        (r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?$", "2026-11-22"),
        (r"^(?=.*[A-Z])(?=.*\d).{8,64}$", "Passw0rd"),
        (r"^.{1,500}$", "a sentence"),
    ],
)
def test_ordinary_patterns_are_run(pattern: str, value: str) -> None:
    schema = {"items": {"properties": {name: {"pattern": pattern} for name in "abcdefgh"}}}
    compiled = compile_schema(schema, Budget())
    assert compiled.violations([{"a": value}], 2_500, Budget()) == []
    assert [violation.keyword for violation in compiled.violations([{"a": ""}], 2_500, Budget())] == [
        "pattern"
    ]
