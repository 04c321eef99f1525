"""The ``tools`` score, outcome by outcome."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.records import (
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    ErrorCategory,
    FinishReason,
    Message,
    Output,
    Part,
    PartType,
    Status,
    Tool,
    ToolCall,
    ToolChoice,
    ToolsOutcome,
)
from monitor.scorers.tools import score_tools
from tests.scorers.build import WEATHER, call, tool_call

PARIS = '{"city": "Paris"}'
ROME = '{"city": "Rome"}'


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (PARIS, ToolsOutcome.OK),
        ('{"city": "Paris", "days": 3, "unit": "celsius"}', ToolsOutcome.OK),
        ('{"city": "Par', ToolsOutcome.MALFORMED_ARGUMENTS),
        ("city=Paris", ToolsOutcome.MALFORMED_ARGUMENTS),
        ('["Paris"]', ToolsOutcome.MALFORMED_ARGUMENTS),
        ("null", ToolsOutcome.MALFORMED_ARGUMENTS),
        ('{"city": "Paris", "city": "Rome"}', ToolsOutcome.MALFORMED_ARGUMENTS),
        ('{"city": "Pa\\"r\\"is", "city": "Rome"}', ToolsOutcome.MALFORMED_ARGUMENTS),
        ('{"days": 1, "days": 2, "city": "Rome"}', ToolsOutcome.MALFORMED_ARGUMENTS),
        ('{"city": {"name": "Rome", "name": "Paris"}}', ToolsOutcome.MALFORMED_ARGUMENTS),
        ('{"city": "Pa\\"r\\"is"}', ToolsOutcome.OK),
        ("{}", ToolsOutcome.MISSING_ARGUMENT),
        ("", ToolsOutcome.MISSING_ARGUMENT),
        ('{"city": "Paris", "hours": 3}', ToolsOutcome.UNEXPECTED_ARGUMENT),
        ('{"city": 75000}', ToolsOutcome.WRONG_TYPE),
        ('{"city": "Paris", "days": "3"}', ToolsOutcome.WRONG_TYPE),
        ('{"city": "Paris", "days": 0}', ToolsOutcome.INVALID_VALUE),
        ('{"city": "Paris", "unit": "kelvin"}', ToolsOutcome.INVALID_VALUE),
        ('{"hours": 3, "days": "3", "unit": "kelvin"}', ToolsOutcome.MISSING_ARGUMENT),
    ],
)
def test_arguments_are_judged_by_the_first_failure_of_the_list(arguments: str, outcome: ToolsOutcome) -> None:
    assert score_tools(tool_call(arguments)).outcome == outcome


def test_the_detail_names_tool_path_and_keyword_and_never_the_value() -> None:
    score = score_tools(tool_call('{"city": "Paris", "days": "secret", "unit": "secret"}'))
    assert score.detail == "get_weather: /days: type; invalid_value get_weather: /unit: enum"


def test_every_failure_is_in_the_detail_as_far_as_there_is_room() -> None:
    calls = [
        '{"days": "3", "unit": "kelvin"}',
        "{",
        '{"city": 1}',
        '{"planet": 1}',
        '{"city": "Rome", "days": 0}',
    ]
    detail = score_tools(tool_call(*calls, tool_choice=ToolChoice("none"))).detail or ""
    assert detail.startswith("get_weather: ends inside a value; missing_argument get_weather: /: required")
    assert detail.endswith(" (+4)")
    assert len(detail) < 300


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"tool_choice": ToolChoice("none")}, ToolsOutcome.FORBIDDEN_CALL),
        ({"tool_choice": ToolChoice("auto", ("get_time",))}, ToolsOutcome.FORBIDDEN_CALL),
        ({"tool_choice": ToolChoice("required", ("get_time",))}, ToolsOutcome.FORBIDDEN_CALL),
        ({"tool_choice": ToolChoice("required", ("get_weather",))}, ToolsOutcome.OK),
        ({"tool_choice": ToolChoice("required")}, ToolsOutcome.OK),
        ({"tools": ()}, ToolsOutcome.UNKNOWN_TOOL),
        ({"tools": (Tool("get_time"),)}, ToolsOutcome.UNKNOWN_TOOL),
        ({"tools": (), "captured": Captured(tools=False)}, ToolsOutcome.UNKNOWN),
        ({"tools": (Tool("get_weather"),), "captured": Captured(tools=False)}, ToolsOutcome.UNKNOWN),
        ({"tools": (Tool("get_weather"),)}, ToolsOutcome.OK),
        ({"tools": (Tool("get_weather", kind="builtin"),)}, ToolsOutcome.OK),
        ({"tools": (Tool("get_weather", schema={"$ref": "https://x.example"}),)}, ToolsOutcome.UNKNOWN),
        ({"captured": Captured(output=False)}, ToolsOutcome.UNKNOWN),
        ({"status": Status.ERROR, "error": CallError("timeout")}, ToolsOutcome.NOT_APPLICABLE),
    ],
)
def test_a_call_is_judged_by_what_was_offered(fields: dict[str, Any], outcome: ToolsOutcome) -> None:
    assert score_tools(tool_call(PARIS, **fields)).outcome == outcome


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, ToolsOutcome.OK),
        ({"tools": ()}, ToolsOutcome.NOT_APPLICABLE),
        ({"tool_choice": ToolChoice("required")}, ToolsOutcome.MISSING_CALL),
        ({"contract": Contract(ContractKind.TOOL)}, ToolsOutcome.MISSING_CALL),
        ({"tool_choice": ToolChoice("required"), "finish": FinishReason.LENGTH}, ToolsOutcome.MISSING_CALL),
        ({"tool_choice": ToolChoice("required"), "finish": FinishReason.REFUSAL}, ToolsOutcome.MISSING_CALL),
        ({"tool_choice": ToolChoice("required"), "finish": FinishReason.PAUSE}, ToolsOutcome.OK),
        ({"tool_choice": ToolChoice("required"), "outputs": ()}, ToolsOutcome.MISSING_CALL),
        ({"finish": FinishReason.MALFORMED_TOOL_CALL}, ToolsOutcome.MALFORMED_ARGUMENTS),
    ],
)
def test_an_answer_without_a_call_fails_only_where_one_was_due(
    fields: dict[str, Any], outcome: ToolsOutcome
) -> None:
    assert score_tools(tool_call(**{"finish": FinishReason.STOP, **fields})).outcome == outcome


def test_why_a_required_call_is_missing_is_told() -> None:
    score = score_tools(tool_call(finish=FinishReason.LENGTH, tool_choice=ToolChoice("required")))
    assert score.detail == "length"


def test_arguments_cut_off_by_the_token_limit_say_so() -> None:
    score = score_tools(tool_call('{"city": "Par', finish=FinishReason.LENGTH))
    assert score.outcome == ToolsOutcome.MALFORMED_ARGUMENTS
    assert score.detail == "get_weather: cut off by the token limit"


def test_two_calls_need_parallel_calls() -> None:
    assert score_tools(tool_call(PARIS, ROME)).outcome == ToolsOutcome.OK
    alone = score_tools(tool_call(PARIS, ROME, parallel_tool_calls=False))
    assert (alone.outcome, alone.detail) == (ToolsOutcome.PARALLEL_NOT_ALLOWED, "2 calls")


def test_one_call_in_each_of_two_choices_is_not_parallel() -> None:
    choice = Output(tool_calls=(ToolCall("get_weather", PARIS),))
    both = call(tools=(WEATHER,), outputs=(choice, choice), parallel_tool_calls=False)
    assert score_tools(both).outcome == ToolsOutcome.OK


def test_tools_that_the_provider_runs_are_not_the_applications() -> None:
    searches = (ToolCall("web_search", "{", server_side=True), ToolCall("web_search", "{", server_side=True))
    made = call(tools=(WEATHER,), parallel_tool_calls=False, outputs=(Output("Sunny.", tool_calls=searches),))
    assert score_tools(made).outcome == ToolsOutcome.OK


def test_a_search_by_the_provider_is_a_call_where_one_is_required() -> None:
    search = ToolCall("web_search", "{}", server_side=True)
    tools = (WEATHER, Tool("web_search", kind="builtin"))
    made = call(tools=tools, tool_choice=ToolChoice("required"), outputs=(Output(tool_calls=(search,)),))
    assert score_tools(made).outcome == ToolsOutcome.OK


def test_a_malformed_call_that_the_provider_reports_as_an_error_counts() -> None:
    error = CallError("tool_use_failed", ErrorCategory.TOOL_USE_FAILED, 400)
    assert (
        score_tools(tool_call(status=Status.ERROR, error=error)).outcome == ToolsOutcome.MALFORMED_ARGUMENTS
    )


def _with_schema(schema: dict[str, Any], arguments: str) -> Call:
    return tool_call(arguments, tools=(Tool("get_weather", schema=schema),))


@pytest.mark.parametrize(
    ("schema", "outcome"),
    [
        ({"properties": {"city": {}}}, ToolsOutcome.UNEXPECTED_ARGUMENT),
        ({"properties": {}}, ToolsOutcome.UNEXPECTED_ARGUMENT),
        ({"properties": {"city": {}}, "additionalProperties": True}, ToolsOutcome.OK),
        ({"properties": {"city": {}}, "allOf": [{"properties": {"days": {}}}]}, ToolsOutcome.OK),
        ({"type": "object"}, ToolsOutcome.OK),
    ],
)
def test_a_list_of_parameters_is_complete_unless_the_schema_goes_on(
    schema: dict[str, Any], outcome: ToolsOutcome
) -> None:
    assert score_tools(_with_schema(schema, '{"city": "Paris", "days": 3}')).outcome == outcome


@pytest.mark.parametrize("branches", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        ('{"place": null}', ToolsOutcome.OK),
        ('{"place": "Paris"}', ToolsOutcome.WRONG_TYPE),
        ('{"place": {}}', ToolsOutcome.MISSING_ARGUMENT),
        ('{"place": {"city": 1}}', ToolsOutcome.WRONG_TYPE),
    ],
)
def test_a_nullable_argument_is_judged_by_the_branch_that_was_meant(
    branches: str, arguments: str, outcome: ToolsOutcome
) -> None:
    place = {
        branches: [
            {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
            {"type": "null"},
        ]
    }
    assert score_tools(_with_schema({"properties": {"place": place}}, arguments)).outcome == outcome


def _loop(*steps: tuple[str, str] | tuple[str, str, str]) -> tuple[Message, ...]:
    """A request and the calls made about it since: arguments, result, and the name if it is another tool."""
    messages = [Message("user", (Part(content="What is the weather in Paris?"),))]
    for number, (arguments, result, *name) in enumerate(steps):
        asks = Part(PartType.TOOL_CALL, id=f"s{number}", name=(*name, "get_weather")[0], arguments=arguments)
        gives = Part(PartType.TOOL_RESULT, id=f"s{number}", content=result)
        messages += [Message("assistant", (asks,)), Message("tool", (gives,))]
    return tuple(messages)


def test_the_same_call_twice_in_one_answer_is_repeated_however_it_is_written() -> None:
    score = score_tools(tool_call('{"city": "Paris", "days": 2}', '{"days":2,"city":"Paris"}'))
    assert (score.outcome, score.detail) == (ToolsOutcome.REPEATED_CALL, "get_weather: twice in one answer")


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([(PARIS, "18 degrees, sunny")], ToolsOutcome.REPEATED_CALL),
        ([(ROME, "24 degrees"), (PARIS, "18 degrees")], ToolsOutcome.REPEATED_CALL),
        ([(ROME, "24 degrees")], ToolsOutcome.OK),
        ([(PARIS, "18 degrees"), (ROME, "24 degrees")], ToolsOutcome.OK),
        ([(PARIS, "18 degrees"), (PARIS, "done", "set_city")], ToolsOutcome.OK),
        ([(PARIS, "18"), (ROME, "24"), (PARIS, "18"), (ROME, "24")], ToolsOutcome.REPEATED_CALL),
        ([(PARIS, "18"), (ROME, "24"), (PARIS, "18")], ToolsOutcome.REPEATED_CALL),
        ([(PARIS, "18"), (ROME, "24"), (PARIS, "19"), (ROME, "25")], ToolsOutcome.OK),
        ([(PARIS, "18"), (ROME, "24"), (PARIS, "18"), ("{}", "1")], ToolsOutcome.OK),
        ([(PARIS, "503 Service Unavailable")], ToolsOutcome.OK),
        ([(PARIS, '{"state": "packing"}')], ToolsOutcome.OK),
        ([(PARIS, "Error: timed out")], ToolsOutcome.OK),
        ([(PARIS, '{"error": "rate limited"}')], ToolsOutcome.OK),
        ([(PARIS, '{"status": "pending"}')], ToolsOutcome.OK),
        ([(PARIS, "")], ToolsOutcome.OK),
        ([("{", "18 degrees")], ToolsOutcome.OK),
    ],
)
def test_a_call_that_was_answered_just_before_is_repeated(
    steps: list[tuple[str, str]], outcome: ToolsOutcome
) -> None:
    assert score_tools(tool_call(PARIS, input=_loop(*steps))).outcome == outcome


ERROR = "Error: there is no such city"


def _in_turn(times: int, *steps: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    return [*steps] * times


@pytest.mark.parametrize(
    ("name", "arguments", "steps", "outcome"),
    [
        ("get_weather", PARIS, _in_turn(2, (PARIS, ERROR, "get_weather")), ToolsOutcome.OK),
        ("get_weather", PARIS, _in_turn(3, (PARIS, ERROR, "get_weather")), ToolsOutcome.REPEATED_CALL),
        ("check_stock", PARIS, _in_turn(2, (PARIS, "12", "check_stock")), ToolsOutcome.OK),
        ("check_stock", PARIS, _in_turn(3, (PARIS, "12", "check_stock")), ToolsOutcome.REPEATED_CALL),
        ("update_city", PARIS, _in_turn(3, (PARIS, "done", "update_city")), ToolsOutcome.REPEATED_CALL),
        ("list_cities", "{}", _in_turn(2, ("{}", "[1, 2]", "list_cities")), ToolsOutcome.OK),
        ("list_cities", "{}", _in_turn(3, ("{}", "[1, 2]", "list_cities")), ToolsOutcome.REPEATED_CALL),
        (
            "read_file",
            PARIS,
            _in_turn(3, (PARIS, "18", "read_file"), (ROME, "24", "get_weather")),
            ToolsOutcome.REPEATED_CALL,
        ),
        (
            "get_weather",
            PARIS,
            _in_turn(3, (PARIS, ERROR, "get_weather"), (ROME, "24", "read_file")),
            ToolsOutcome.REPEATED_CALL,
        ),
        ("get_weather", PARIS, _in_turn(9, (PARIS, "still pending", "get_weather")), ToolsOutcome.OK),
        (
            "get_weather",
            PARIS,
            _in_turn(10, (PARIS, "still pending", "get_weather")),
            ToolsOutcome.REPEATED_CALL,
        ),
        ("scroll", PARIS, _in_turn(50, (PARIS, "done", "scroll")), ToolsOutcome.OK),
        ("get_weather", PARIS, _in_turn(50, (PARIS, "", "get_weather")), ToolsOutcome.OK),
        (
            "run_tests",
            "{}",
            [
                each
                for n in range(5)
                for each in ((f'{{"n": {n}}}', "ok", "edit_file"), ("{}", "1 failed", "run_tests"))
            ],
            ToolsOutcome.OK,
        ),
    ],
    ids=lambda each: f"{len(each)}_steps" if isinstance(each, list) else str(each),
)
def test_who_gets_the_same_result_of_the_same_call_each_time_is_stuck(
    name: str, arguments: str, steps: list[tuple[str, str, str]], outcome: ToolsOutcome
) -> None:
    tools = tuple(Tool(each) for each in dict.fromkeys([name, *[step[2] for step in steps]]))
    made = tool_call(arguments, name=name, tools=tools, input=_loop(*steps))
    assert score_tools(made).outcome == outcome


def _side_by_side(*results: Part) -> tuple[Message, ...]:
    asks = [
        Part(PartType.TOOL_CALL, id=id_, name="get_weather", arguments=each)
        for id_, each in zip(("p", "r"), (PARIS, ROME), strict=True)
    ]
    said = Part(content="What is the weather in Paris and in Rome?")
    return (Message("user", (said,)), Message("assistant", tuple(asks)), Message("tool", results))


@pytest.mark.parametrize("arguments", [PARIS, ROME])
def test_a_call_that_repeats_one_of_several_side_by_side_is_repeated(arguments: str) -> None:
    cold, warm = (
        Part(PartType.TOOL_RESULT, id="p", content="18"),
        Part(PartType.TOOL_RESULT, id="r", content="24"),
    )
    for results in ((cold, warm), (warm, cold)):
        made = tool_call(arguments, input=_side_by_side(*results))
        assert score_tools(made).outcome == ToolsOutcome.REPEATED_CALL


def test_of_several_side_by_side_the_one_that_failed_may_be_tried_again() -> None:
    failed = Part(PartType.TOOL_RESULT, id="p", content="no weather", is_error=True)
    results = (failed, Part(PartType.TOOL_RESULT, id="r", content="24"))
    assert score_tools(tool_call(PARIS, input=_side_by_side(*results))).outcome == ToolsOutcome.OK
    assert score_tools(tool_call(ROME, input=_side_by_side(*results))).outcome == ToolsOutcome.REPEATED_CALL


@pytest.mark.parametrize(
    ("request_text", "times", "outcome"),
    [
        ("Add two of them, please.", 2, ToolsOutcome.OK),
        ("Add it twice.", 2, ToolsOutcome.OK),
        ("Add 3 of them.", 3, ToolsOutcome.OK),
        ("Add 3 of them.", 2, ToolsOutcome.OK),
        ("Add two of them, please.", 3, ToolsOutcome.REPEATED_CALL),
        ("Add it.", 2, ToolsOutcome.REPEATED_CALL),
        ("Add number 7.", 2, ToolsOutcome.REPEATED_CALL),
        ("Add it on 3-5.", 2, ToolsOutcome.REPEATED_CALL),
    ],
)
def test_the_same_call_may_be_made_as_often_as_the_request_says(
    request_text: str, times: int, outcome: ToolsOutcome
) -> None:
    item = '{"item": 7}'
    tools = (Tool("add_item", schema={"properties": {"item": {}}}),)
    asked = Message("user", (Part(content=request_text),))
    side_by_side = tool_call(*[item] * times, name="add_item", tools=tools, input=(asked,))
    assert score_tools(side_by_side).outcome == outcome
    before = _loop(*[(item, "added", "add_item")] * (times - 1))[1:]
    in_a_loop = tool_call(item, name="add_item", tools=tools, input=(asked, *before))
    assert score_tools(in_a_loop).outcome == outcome


def test_to_read_the_same_twice_is_never_asked_for() -> None:
    asked = (Message("user", (Part(content="What is the weather of two days in Paris?"),)),)
    assert score_tools(tool_call(PARIS, PARIS, input=asked)).outcome == ToolsOutcome.REPEATED_CALL


def test_a_call_of_an_earlier_request_may_be_made_again() -> None:
    again = Message("user", (Part(content="And now?"),))
    assert (
        score_tools(tool_call(PARIS, input=(*_loop((PARIS, "18 degrees")), again))).outcome == ToolsOutcome.OK
    )


@pytest.mark.parametrize(
    ("name", "twice", "again"),
    [
        ("roll_dice", ToolsOutcome.OK, ToolsOutcome.OK),
        ("check_status", ToolsOutcome.REPEATED_CALL, ToolsOutcome.OK),
        ("scroll", ToolsOutcome.REPEATED_CALL, ToolsOutcome.OK),
        ("get_user", ToolsOutcome.REPEATED_CALL, ToolsOutcome.REPEATED_CALL),
    ],
)
def test_tools_that_are_meant_to_be_called_again_may_be(
    name: str, twice: ToolsOutcome, again: ToolsOutcome
) -> None:
    same, tools = '{"id": 7}', (Tool(name, schema={"type": "object", "properties": {"id": {}}}),)
    assert score_tools(tool_call(same, same, name=name, tools=tools)).outcome == twice
    asked = _loop((same, "7", name))
    assert score_tools(tool_call(same, name=name, tools=tools, input=asked)).outcome == again


def test_a_structural_failure_is_a_high_risk() -> None:
    score = score_tools(tool_call("{}"))
    assert score.risk is not None
    assert score.risk > 0.95
    assert score.signals[0].name == "structure"


@pytest.mark.parametrize("fields", [{"tools": ()}, {"captured": Captured(output=False)}])
def test_there_is_no_risk_where_there_is_nothing_to_rate(fields: dict[str, Any]) -> None:
    assert score_tools(tool_call(**fields)).risk is None
