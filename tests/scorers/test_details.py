"""That a detail shows nothing of an answer but what the application itself declared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Contract, ContractKind, Output, Tool, ToolsOutcome
from monitor.scorers.details import declared, shown, shown_tool
from monitor.scorers.json import score_json
from monitor.scorers.tools import score_tools
from tests.scorers.build import WEATHER, call, json_call, tool_call

SECRET = "Jane Roe, SSN 078-05-1120"
# Written in letters that no detail has.
_SECRETS = st.text("ЖЩЮЯ", min_size=1, max_size=80)
_SCHEMAS: list[dict[str, Any] | None] = [
    None,
    {"additionalProperties": False},
    {"additionalProperties": {"type": "integer"}},
    {"additionalProperties": {"items": {"additionalProperties": {"type": "integer"}}}},
    {"anyOf": [{"additionalProperties": {"type": "integer"}}, {"type": "null"}]},
    {"patternProperties": {"": {"enum": [1]}}, "properties": {"known": {}}},
    {"propertyNames": {"maxLength": 0}},
    {"properties": {"known": {}}},
]


def test_property_names_are_declared_anywhere_in_a_schema() -> None:
    schema = {"properties": {"a": {"items": {"properties": {"b": {}}}}}, "$defs": {"c": {}}}
    assert declared(schema) == {"a", "b"}
    assert declared(None) == declared(True) == frozenset()


@pytest.mark.parametrize(("step", "text"), [("a", "a"), (3, "3"), ("3", "*"), (SECRET, "*")])
def test_a_step_is_shown_if_it_is_an_index_or_declared(step: str | int, text: str) -> None:
    assert shown(step, frozenset({"a"})) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("get weather", "get weather"),
        ("get_wether", "get_wether"),
        ("functions.get-it", "functions.get-it"),
        (SECRET, "a tool that was not offered"),
        ("a\n", "a tool that was not offered"),
        ("a" * 65, "a tool that was not offered"),
        ("", "a tool that was not offered"),
    ],
)
def test_a_tools_name_is_shown_if_it_was_offered_or_is_an_identifier(name: str, text: str) -> None:
    assert shown_tool(name, {"get weather"}) == text


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (f'{{"{SECRET}": 1, "{SECRET}": 2}}', "* given twice"),
        (f'```\n{{"{SECRET}": 1, "{SECRET}": 2}}\n```', "duplicate_keys: * given twice"),
    ],
)
def test_a_repeated_key_that_nobody_declared_is_not_shown(text: str, detail: str) -> None:
    assert score_json(json_call(text)).detail == detail


def test_declared_keys_and_indices_stay_in_a_path() -> None:
    schema = {"properties": {"people": {"items": {"additionalProperties": {"type": "integer"}}}}}
    text = json.dumps({"people": [{}, {SECRET: "x"}]})
    assert score_json(json_call(text, schema)).detail == "/people/1/*: type"
    twice = '{"people": [], "people": []}'
    assert score_json(json_call(twice, schema)).detail == "people given twice"


def test_an_undeclared_argument_is_not_shown() -> None:
    score = score_tools(
        tool_call(
            json.dumps({"city": "Paris", SECRET: 1}),
            tools=(Tool("get_weather", schema={"properties": {"city": {}}}),),
        )
    )
    assert (score.outcome, score.detail) == (
        ToolsOutcome.UNEXPECTED_ARGUMENT,
        "get_weather: an argument is not declared",
    )


@given(_SECRETS, st.sampled_from(_SCHEMAS))
def test_nothing_of_an_answer_is_in_a_detail(secret: str, schema: dict[str, Any] | None) -> None:
    value: Any = {secret: [{secret: secret}], "known": secret}
    texts = [json.dumps(value, ensure_ascii=False), f'{{"{secret}": 1, "{secret}": "2"}}', secret]
    texts += [f"```\n{text}\n```" for text in texts] + [f"Here: {text}" for text in texts]
    tools = (Tool("f", schema=schema), WEATHER)
    for text in texts:
        kind = ContractKind.JSON_OBJECT if schema is None else ContractKind.JSON_SCHEMA
        details = [score_json(call(contract=Contract(kind, schema), outputs=(Output(text),))).detail]
        details += [score_tools(tool_call(text, name=name, tools=tools)).detail for name in ("f", secret)]
        details.append(score_tools(tool_call(text, name="get_weather")).detail)
        assert not any(set("ЖЩЮЯ") & set(detail or "") for detail in details)
