"""The ``json`` score, outcome by outcome, on answers as models write them."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.records import (
    CallError,
    Captured,
    Contract,
    ContractKind,
    FinishReason,
    JsonOutcome,
    Output,
    Status,
    ToolCall,
)
from monitor.scorers.json import score_json
from tests.scorers.build import call, json_call

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "mail": {"format": "email"}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ('{"name": "Ada"}', JsonOutcome.OK),
        (' \n{"name": "Ada", "age": 36}\n', JsonOutcome.OK),
        ('{"name": "Ada", "age": "36"}', JsonOutcome.SCHEMA_VIOLATION),
        ('{"age": 36}', JsonOutcome.SCHEMA_VIOLATION),
        ('{"name": "Ada", "role": "countess"}', JsonOutcome.SCHEMA_VIOLATION),
        ('{"name": "Ada", "mail": "nowhere"}', JsonOutcome.SCHEMA_VIOLATION),
        ('["Ada"]', JsonOutcome.SCHEMA_VIOLATION),
        ('{"name": "Ada", "name": "Grace"}', JsonOutcome.DUPLICATE_KEYS),
        ('```json\n{"name": "Ada"}\n```', JsonOutcome.FENCED),
        ('```\n{"name": "Ada"}\n```\n', JsonOutcome.FENCED),
        ('```{"name": "Ada"}```', JsonOutcome.FENCED),
        ('Here is the person you asked for:\n{"name": "Ada"}', JsonOutcome.WRAPPED),
        ('{"name": "Ada"}\n\nLet me know if you need more!', JsonOutcome.WRAPPED),
        ('Sure [as JSON]: {"name": "Ada"}', JsonOutcome.WRAPPED),
        ('Sure:\n```json\n{"name": "Ada"}\n```\nAnything else?', JsonOutcome.WRAPPED),
        ('{"name": "Ad', JsonOutcome.TRUNCATED),
        ('[{"name": "Ada"}, {"na', JsonOutcome.TRUNCATED),
        ('```json\n{"name": "Ad\n```', JsonOutcome.NOT_JSON),
        ('{"name": "Ada"}{"name": "Grace"}', JsonOutcome.NOT_JSON),
        ('{"name": "Ada",}', JsonOutcome.NOT_JSON),
        ("{'name': 'Ada'}", JsonOutcome.NOT_JSON),
        ('{"name": "Ada", "likes": {"a": 1}, }', JsonOutcome.NOT_JSON),
        ('{"name": NaN}', JsonOutcome.NOT_JSON),
        ('\ufeff{"name": "Ada"}', JsonOutcome.NOT_JSON),
        ("Ada is thirty-six years old.", JsonOutcome.NOT_JSON),
        ('{"name": "\ud800"}', JsonOutcome.NOT_JSON),
        ("", JsonOutcome.EMPTY),
        (" \n ", JsonOutcome.EMPTY),
        ("I'm sorry, but I can't help with that request.", JsonOutcome.REFUSED),
        ("I\u2019m unable to share personal details.", JsonOutcome.REFUSED),
    ],
)
def test_an_answer_is_told_by_what_became_of_its_json(text: str, outcome: JsonOutcome) -> None:
    assert score_json(json_call(text, PERSON)).outcome == outcome


@pytest.mark.parametrize(
    ("text", "finish", "outcome"),
    [
        ('{"name": "Ad', FinishReason.LENGTH, JsonOutcome.TRUNCATED),
        ("", FinishReason.LENGTH, JsonOutcome.TRUNCATED),
        ("Let me think about", FinishReason.LENGTH, JsonOutcome.TRUNCATED),
        ('{"name": "Ada"}', FinishReason.LENGTH, JsonOutcome.OK),
        ("", FinishReason.CONTENT_FILTER, JsonOutcome.REFUSED),
        ('{"name": "Ad', FinishReason.REFUSAL, JsonOutcome.REFUSED),
        ("", FinishReason.TOOL_CALL, JsonOutcome.NOT_APPLICABLE),
        ("I will search", FinishReason.PAUSE, JsonOutcome.NOT_APPLICABLE),
    ],
)
def test_the_finish_reason_tells_a_cut_and_a_refusal_from_a_mistake(
    text: str, finish: FinishReason, outcome: JsonOutcome
) -> None:
    assert score_json(json_call(text, PERSON, finish)).outcome == outcome


def test_a_refusal_that_the_provider_marks_needs_no_guess() -> None:
    assert score_json(json_call("", PERSON, refusal="I'd rather not.")).outcome == JsonOutcome.REFUSED


def test_a_long_answer_that_opens_with_a_no_is_not_a_refusal() -> None:
    text = "I can't say for sure. " + "But here is what is known of her life. " * 30
    assert score_json(json_call(text, PERSON)).outcome == JsonOutcome.NOT_JSON


@pytest.mark.parametrize("text", ["[1, 2]", '"Ada"', "12", "null"])
def test_json_object_mode_promises_an_object(text: str) -> None:
    assert score_json(json_call(text)).outcome == JsonOutcome.SCHEMA_VIOLATION


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"name": "Ada", "age": "secret"}', "/age: type"),
        ('{"name": 1, "age": "secret"}', "/name: type, /age: type"),
        ("```\n{}\n```", "schema_violation: /: required name"),
    ],
)
def test_a_violation_names_path_and_keyword_and_never_the_value(text: str, detail: str) -> None:
    assert score_json(json_call(text, PERSON)).detail == detail


def test_a_path_is_bounded() -> None:
    deep: dict[str, Any] = {"type": "integer"}
    text = '"secret"'
    for _ in range(20):
        deep, text = {"properties": {"k" * 40: deep}}, f'{{"{"k" * 40}": {text}}}'
    detail = score_json(json_call(text, deep)).detail
    assert detail is not None
    assert len(detail) < 140
    assert "secret" not in detail


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "https://example.com/person.json"}, "outside"),
        ({"$ref": "file:///etc/passwd"}, "outside"),
        ({"$ref": "#/$defs/nobody"}, "nothing"),
        ({"$ref": "#"}, "without end"),
        ({"type": "strnig"}, "invalid schema at /type"),
        ({"pattern": "("}, "invalid schema at /pattern"),
        ({"pattern": "((a{100}){100}){100}"}, "patterns too large"),
        ({"$schema": "https://example.com/dialect"}, "invalid schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_unknown_and_says_why(schema: dict[str, Any], why: str) -> None:
    score = score_json(json_call('{"name": "Ada"}', schema))
    assert score.outcome == JsonOutcome.UNKNOWN
    assert why in (score.detail or "")


def test_broken_json_is_a_failure_whatever_its_schema() -> None:
    broken = json_call("no", {"$ref": "https://example.com/person.json"})
    assert score_json(broken).outcome == JsonOutcome.NOT_JSON


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"contract": Contract(ContractKind.UNKNOWN)}, JsonOutcome.UNKNOWN),
        ({"contract": Contract(ContractKind.NONE)}, JsonOutcome.NOT_APPLICABLE),
        ({"contract": Contract(ContractKind.TOOL)}, JsonOutcome.NOT_APPLICABLE),
        ({"status": Status.ERROR, "error": CallError("timeout")}, JsonOutcome.NOT_APPLICABLE),
        ({"captured": Captured(output=False)}, JsonOutcome.UNKNOWN),
        ({"captured": Captured(schema=False)}, JsonOutcome.UNKNOWN),
        ({"outputs": ()}, JsonOutcome.EMPTY),
        ({"outputs": (Output(tool_calls=(ToolCall("f", "{}"),)),)}, JsonOutcome.NOT_APPLICABLE),
        ({"outputs": (Output(tool_calls=(ToolCall("f", "{}", server_side=True),)),)}, JsonOutcome.EMPTY),
    ],
)
def test_what_cannot_be_judged_is_no_failure(fields: dict[str, Any], outcome: JsonOutcome) -> None:
    given = {"contract": Contract(ContractKind.JSON_SCHEMA), "outputs": (Output("{}"),), **fields}
    assert score_json(call(**given)).outcome == outcome


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        (("{}", "{}"), JsonOutcome.OK),
        (("{}", '{"a": 1, "a": 2}'), JsonOutcome.DUPLICATE_KEYS),
        (('{"a": 1, "a": 2}', "no", "{}"), JsonOutcome.NOT_JSON),
    ],
)
def test_the_worst_choice_decides(texts: tuple[str, ...], outcome: JsonOutcome) -> None:
    outputs = tuple(map(Output, texts))
    assert score_json(call(contract=Contract(ContractKind.JSON_OBJECT), outputs=outputs)).outcome == outcome
