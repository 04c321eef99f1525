"""The ``json`` score, outcome by outcome, on answers as models write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import (
    CallError,
    Captured,
    Contract,
    ContractKind,
    ErrorCategory,
    Expected,
    FinishReason,
    InstructionsOutcome,
    JsonOutcome,
    Output,
    Status,
    Tool,
    ToolCall,
)
from monitor.scorers.instructions import score_instructions
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
        ('```json\n{"name": "Ad', JsonOutcome.TRUNCATED),
        ('```json\n{"likes": [1\n```', JsonOutcome.TRUNCATED),
        ('Here is the person:\n{"name": "Ada", "likes": [', JsonOutcome.TRUNCATED),
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
        ('{"name": 1}', FinishReason.LENGTH, JsonOutcome.SCHEMA_VIOLATION),
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


@pytest.mark.parametrize(
    ("text", "finish", "detail"),
    [
        ('{"name": "Ad', FinishReason.LENGTH, "token limit"),
        ('{"name": "Ad', FinishReason.STOP, "ends inside a value"),
        ('Here:\n{"name": "Ad', FinishReason.UNKNOWN, "wrapped: ends inside a value"),
        ('```json\n{"name": "Ada"```', FinishReason.STOP, "fenced: ends inside a value"),
    ],
)
def test_the_detail_tells_the_token_limit_from_the_models_own_mistake(
    text: str, finish: FinishReason, detail: str
) -> None:
    score = score_json(json_call(text, PERSON, finish))
    assert (score.outcome, score.detail) == (JsonOutcome.TRUNCATED, detail)


@pytest.mark.parametrize(
    ("text", "outcome", "saved"),
    [
        ("Result: {}", JsonOutcome.WRAPPED, True),
        ("Nothing was found: `{}`.", JsonOutcome.WRAPPED, True),
        ("{}\n\nThere is nothing else.", JsonOutcome.WRAPPED, True),
        ("Write {} where the name goes.", JsonOutcome.NOT_JSON, False),
        ("No matches: []", JsonOutcome.NOT_JSON, False),  # JSON mode promises an object
    ],
)
def test_an_empty_value_after_prose_is_wrapped_as_any_other(
    text: str, outcome: JsonOutcome, saved: bool
) -> None:
    score = score_json(json_call(text))
    assert (score.outcome, score.recoverable) == (outcome, saved)


def test_an_empty_array_after_prose_keeps_a_schema_that_takes_one_and_breaks_another() -> None:
    assert score_json(json_call("No matches: []", {"type": "array"})).recoverable is True
    broken = score_json(json_call("Result: {}", PERSON))
    assert (broken.outcome, broken.recoverable) == (JsonOutcome.WRAPPED, False)


@pytest.mark.parametrize("text", ['{"a": 1e400}', '{"a":' * 200 + "1" + "}" * 200])
def test_json_that_is_over_a_limit_is_not_blamed_on_the_model(text: str) -> None:
    assert score_json(json_call(text)).outcome is JsonOutcome.UNKNOWN
    fenced = score_json(json_call(f"```json\n{text}\n```"))
    assert (fenced.outcome, fenced.recoverable) == (JsonOutcome.FENCED, None)
    free = call(outputs=(Output(text),), expected=Expected(format="json"))
    assert score_instructions(free).outcome is InstructionsOutcome.OK


@pytest.mark.parametrize(
    ("text", "saved"),
    [
        ('{"name": "Ada",}', True),
        ("{'name': 'Ada'}", True),
        ('```json\n{"name": "Ada"}\n```', True),
        ('```json\n{"name": 1}\n```', False),
        ('Here you are: {"name": "Ada"}', True),
        ('Here you are: {"name": "Ada", "age": "36"}', False),
        ('{"name": "Ada"}{"name": "Grace"}', True),
        ('{"name": "Ad', True),
        ('{"age": 36, "name', False),
        ('{"name": "Ada", "age": NaN}', False),
        ('{"name": "Ada", "name": "Grace"}', True),
        ('Sure [as JSON]: {name: "Ada"}', True),
        ("Ada is thirty-six years old.", False),
        ('{"name": "Ada"}', None),
        ('{"name": 1}', None),
        ("", None),
        ("I'm sorry, but I can't help with that request.", None),
        ('{"name": "' + "x" * 200_000, None),
        ('{"name": ' * 1_000, None),
    ],
)
def test_a_failure_is_recoverable_if_what_is_saved_keeps_the_schema(text: str, saved: bool | None) -> None:
    assert score_json(json_call(text, PERSON)).recoverable is saved


@pytest.mark.parametrize(
    ("text", "saved"),
    [("{'a': 1}", None), ('{"a": 1, "a": 2}', None), ("```{}```", None), ("Only prose.", False)],
)
def test_without_a_usable_schema_nobody_knows_whether_what_is_saved_would_do(
    text: str, saved: bool | None
) -> None:
    contract = Contract(ContractKind.JSON_SCHEMA)
    unseen = call(contract=contract, outputs=(Output(text),), captured=Captured(schema=False))
    assert score_json(unseen).recoverable is saved
    assert score_json(json_call(text, {"$ref": "#/nowhere"})).recoverable is saved


def test_json_that_the_provider_itself_refused_is_a_failure() -> None:
    failed = call(
        contract=Contract(ContractKind.JSON_OBJECT),
        status=Status.ERROR,
        error=CallError("json_validate_failed", ErrorCategory.INVALID_REQUEST, 400),
    )
    score = score_json(failed)
    assert (score.outcome, score.detail) == (JsonOutcome.NOT_JSON, "reported by the provider")


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


@pytest.mark.parametrize(
    ("prices", "detail", "violations"),
    [
        (["x", 2], "/items/0/price: type", 1),
        (["x"] * 17, "/items/*/price: type ×17", 17),
        (["x"] * 1_000, "/items/*/price: type ×64", 64),
        ([None, "x", "x"], "/items/0: required price, /items/*/price: type ×2", 3),
    ],
)
def test_violations_that_differ_in_indices_only_are_told_together(
    prices: list[Any], detail: str, violations: int
) -> None:
    item = {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}
    schema = {"properties": {"items": {"items": item}}}
    text = json.dumps({"items": [{} if price is None else {"price": price} for price in prices]})
    score = score_json(json_call(text, schema))
    assert (score.detail, score.violations) == (detail, violations)


def test_a_few_violations_are_named_and_the_others_counted() -> None:
    schema = {"properties": {f"field_{number}": {"type": "string"} for number in range(9)}}
    score = score_json(json_call(json.dumps({f"field_{number}": number for number in range(9)}), schema))
    assert score.violations == 9
    assert (score.detail or "").endswith("/field_4: type (+4)")


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
        ({"status": Status.ERROR}, JsonOutcome.NOT_APPLICABLE),
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


_PIECES = (
    st.sampled_from(list("{}[]\"':, \n\\\ud800\ufeff"))
    | st.sampled_from(["name", "Ada", "36", "null", "NaN", "//", "```", "```json\n", "I can't", "Here: "])
    | st.sampled_from(['{"name": "Ada"}', '"age": "36"'])
)
_FAILED = {
    JsonOutcome.NOT_JSON,
    JsonOutcome.FENCED,
    JsonOutcome.WRAPPED,
    JsonOutcome.TRUNCATED,
    JsonOutcome.DUPLICATE_KEYS,
}


@given(
    st.lists(_PIECES, max_size=12).map("".join),
    st.sampled_from([None, True, PERSON, {"$ref": "#/nowhere"}]),
    st.sampled_from([*FinishReason]),
    st.booleans(),
)
def test_any_answer_has_one_outcome_and_only_a_failure_can_be_saved(
    text: str, schema: dict[str, Any] | bool | None, finish: FinishReason, by_tool: bool
) -> None:
    made = json_call(text, schema, finish)
    if by_tool:
        tool = Tool("f", schema=schema)
        output = Output(tool_calls=(ToolCall("f", text),), finish_reason=finish)
        made = call(contract=Contract(ContractKind.TOOL, name="f"), tools=(tool,), outputs=(output,))
    score = score_json(made)
    assert score == score_json(made)
    assert score.recoverable is None or score.outcome in _FAILED
    assert (score.violations > 0) >= (score.outcome is JsonOutcome.SCHEMA_VIOLATION)
    assert len(score.detail or "") < 300
