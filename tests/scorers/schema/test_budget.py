"""What a whole call may cost: the work of all its texts and schemas is summed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks._hostile_json import mixed, pattern_of, recursive
from monitor.records import Contract, ContractKind, JsonOutcome, Output, Tool, ToolCall, ToolsOutcome
from monitor.scorers.json import score_json
from monitor.scorers.json.recover import MAX_TEXT
from monitor.scorers.json.score import MAX_ANSWERS, RECOVERY_WORK
from monitor.scorers.schema import Budget, Schemas, Unusable, cache, compile_schema
from monitor.scorers.schema.budget import MAX_WORK
from monitor.scorers.schema.work import MAX_COUNTED, Work, plan
from monitor.scorers.tools import score_tools
from monitor.scorers.tools.structure import CALL_WORK
from tests.scorers.build import call

COSTLY = pattern_of(4_000)
TEXT = mixed(6_000)
ARGUMENTS = json.dumps({"a": TEXT})


def test_what_is_spent_is_gone_and_what_is_not_there_is_not_spent() -> None:
    budget = Budget(10)
    budget.spend(7)
    with pytest.raises(Unusable, match="too much to judge at once"):
        budget.spend(4)
    budget.spend(3)
    assert budget.left == 0


def test_many_texts_of_one_call_cost_no_more_than_one_may() -> None:
    schemas, judged = Schemas(), 0
    for _ in range(80):
        try:
            schemas.violations(COSTLY, {"a": TEXT}, len(ARGUMENTS))
        except Unusable:
            continue
        judged += 1
    assert judged == 1
    assert schemas.violations(COSTLY, {"a": "ab"}, 11)
    assert 0 <= schemas.budget.left < MAX_WORK


def test_many_schemas_of_one_call_cost_no_more_than_one_may() -> None:
    schemas, judged = Schemas(), 0
    for number in range(1_000):
        try:
            schemas.violations(pattern_of(5_000 + number), {}, 2)
        except Unusable:
            continue
        judged += 1
    assert judged < MAX_WORK / (cache.STATE_WORK * 5_000)


def test_a_schema_costs_the_same_whether_it_lies_in_the_cache_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_cache", cache._Cache())
    left = []
    for _ in range(2):
        budget = Budget()
        compile_schema(recursive(10), budget)
        left.append(budget.left)
    assert left[0] == left[1] < MAX_WORK


def test_a_schema_that_is_of_no_use_is_paid_for_once() -> None:
    schemas, left = Schemas(), []
    for _ in range(2):
        with pytest.raises(Unusable, match="invalid schema at /anyOf/100/pattern"):
            schemas.violations({"anyOf": [{"pattern": "[ab]{100}"}] * 100 + [{"pattern": "("}]}, 1, 1)
        left.append(schemas.budget.left)
    assert left[0] < MAX_WORK - 100 * 100 * cache.STATE_WORK


def test_of_a_large_schema_that_refers_to_itself_not_every_depth_is_counted() -> None:
    work = Work(plan(recursive(5_000)))
    assert MAX_COUNTED <= work.counted < 2 * MAX_COUNTED
    assert work.at(2) < work.at(100)
    assert Work(plan(recursive(10))).counted < MAX_COUNTED


@pytest.mark.parametrize(
    "node",
    [
        {"enum": [{"a": number} for number in range(1_000)]},
        {"enum": [number + 0.5 for number in range(1_000)]},
        {"enum": [10**30 + number for number in range(1_000)]},
        {"anyOf": [{"exclusiveMaximum": number} for number in range(1_000)]},
        {"anyOf": [{"const": number} for number in range(1_000)]},
        {"anyOf": [{"multipleOf": 0.01}] * 1_000},
    ],
)
def test_comparisons_that_take_long_count_as_more_than_one(node: dict[str, Any]) -> None:
    assert Work(plan(node)).at(0) > 10_000


@pytest.mark.parametrize("values", [[f"s{number}" for number in range(5_000)], list(range(5_000))])
def test_values_that_are_looked_up_cost_nothing_each(values: list[Any]) -> None:
    assert Work(plan({"enum": values})).at(0) == 1


def test_patterns_too_long_to_be_estimated_are_refused() -> None:
    with pytest.raises(Unusable, match="patterns too large"):
        compile_schema({"anyOf": [{"pattern": "(" * 40_000}, {"pattern": "a" * 40_000}]}, Budget())


def _calls(schema: dict[str, Any], *arguments: str) -> Any:
    made = tuple(ToolCall("t", text) for text in arguments)
    return score_tools(call(tools=(Tool("t", schema=schema),), outputs=(Output(tool_calls=made),)))


def test_calls_that_were_not_judged_are_no_failures() -> None:
    score = _calls(COSTLY, *[json.dumps({"a": f"{TEXT}{number}"}) for number in range(80)])
    assert score.outcome is ToolsOutcome.UNKNOWN
    assert score.detail == "t: too much to judge at once"


def test_a_failure_that_was_found_is_told_though_other_calls_were_not_judged() -> None:
    score = _calls(COSTLY, *[json.dumps({"a": TEXT + "a" * number}) for number in range(80)])
    assert score.outcome is ToolsOutcome.INVALID_VALUE
    assert score.detail is not None
    assert score.detail.startswith("t: /a: pattern")


def test_no_more_calls_are_judged_than_the_budget_has() -> None:
    wrong = [json.dumps({"b": number}) for number in range(MAX_WORK // CALL_WORK)]
    known = [json.dumps({"a": str(number)}) for number in range(MAX_WORK // CALL_WORK)]
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert _calls(schema, *known, *wrong).outcome is ToolsOutcome.UNKNOWN
    assert _calls(schema, *wrong, *known).outcome is ToolsOutcome.UNEXPECTED_ARGUMENT


def _choices(schema: dict[str, Any], *texts: str) -> Any:
    contract = Contract(ContractKind.JSON_SCHEMA, schema)
    return score_json(call(contract=contract, outputs=tuple(map(Output, texts))))


def test_choices_that_were_not_judged_are_no_failures() -> None:
    plenty = {"properties": {"a": {"pattern": "[ab]{4000}"}}}
    score = _choices(plenty, *[ARGUMENTS] * 20)
    assert score.outcome is JsonOutcome.UNKNOWN
    assert score.detail == "too much to judge at once"
    assert _choices(COSTLY, *[ARGUMENTS] * 20).outcome is JsonOutcome.SCHEMA_VIOLATION


def test_no_more_choices_are_judged_than_any_api_gives() -> None:
    score = _choices({}, *["{}"] * MAX_ANSWERS, "not JSON")
    assert score.outcome is JsonOutcome.UNKNOWN
    assert score.detail == f"more than {MAX_ANSWERS} choices"
    assert _choices({}, *["{}"] * MAX_ANSWERS).outcome is JsonOutcome.OK
    assert _choices({}, "not JSON", *["{}"] * MAX_ANSWERS).outcome is JsonOutcome.NOT_JSON


def test_what_a_tolerant_parser_reads_of_many_choices_is_summed() -> None:
    assert MAX_WORK < 2 * RECOVERY_WORK * MAX_TEXT
    broken = "[" + "'a'," * (MAX_TEXT // 4 - 1)
    assert _choices({}, broken).recoverable is True
    assert _choices(recursive(4_000), broken).recoverable is None
