from __future__ import annotations

from typing import Any

import pytest

from monitor.decode.otlp import messages
from monitor.records import Document, FinishReason, Message, Part, PartType, ToolCall
from tests.decode.otlp.build import words

CALL = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Rome"}}


@pytest.mark.parametrize(
    ("part", "read"),
    [
        (words("hi"), [Part(content="hi")]),
        ({"type": "text", "text": "hi"}, [Part(content="hi")]),
        ({"type": "reasoning", "content": "hm"}, [Part(PartType.REASONING, "hm")]),
        ({"type": "refusal", "content": "no"}, [Part(content="no")]),
        (CALL, [Part(PartType.TOOL_CALL, id="c1", name="weather", arguments='{"city":"Rome"}')]),
        (
            {"type": "tool_call_response", "id": "c1", "response": "sunny"},
            [Part(PartType.TOOL_RESULT, "sunny", id="c1")],
        ),
        (
            {"type": "tool_call_response", "id": "c1", "result": "sunny"},
            [Part(PartType.TOOL_RESULT, "sunny", id="c1")],
        ),
        (
            {"type": "tool_call_response", "id": "c1", "response": {"sky": "blue"}},
            [Part(PartType.TOOL_RESULT, '{"sky":"blue"}', id="c1")],
        ),
        (
            {"type": "tool_call_response", "id": "c1", "response": [1, 2]},
            [Part(PartType.TOOL_RESULT, "[1,2]", id="c1")],
        ),
        (
            {"type": "tool_call_response", "id": "c1", "response": [{"type": "text", "text": "sunny"}]},
            [Part(PartType.TOOL_RESULT, "sunny", id="c1")],
        ),
        ({"type": "tool_call_response", "response": None}, [Part(PartType.TOOL_RESULT)]),
        ({"type": "blob", "modality": "image", "content": "AAAA"}, [Part(PartType.MEDIA, name="image")]),
        ({"type": "uri", "uri": "https://e.org"}, [Part(PartType.MEDIA, name="uri")]),
        (
            {"type": "document", "source": {"type": "text", "data": "facts"}, "title": "f.txt"},
            [Part(PartType.DOCUMENT, "facts", name="f.txt")],
        ),
        ({"type": "compaction"}, [Part(PartType.OTHER, name="compaction")]),
        ({}, [Part(PartType.OTHER, name="")]),
        ({"type": "server_tool_call", "name": "mcp_list_tools", "server_tool_call": {"tools": []}}, []),
    ],
)
def test_every_part_of_the_conventions_is_read(part: dict[str, Any], read: list[Part]) -> None:
    assert list(messages.parts(part)) == read


@pytest.mark.parametrize("part", [{"type": 7}, {"type": "text", "content": 7}, {"type": "tool_call"}])
def test_a_part_of_other_types_than_expected_is_read_for_what_it_holds(part: dict[str, Any]) -> None:
    assert len(messages.parts(part)) == 1


def test_system_instructions_stand_before_the_conversation() -> None:
    sent = [{"role": "user", "parts": [words("hi")]}]
    read = messages.conversation(sent, [words("Be "), words("brief.")])
    assert read == (
        Message("system", (Part(content="Be "), Part(content="brief."))),
        Message("user", (Part(content="hi"),)),
    )


def test_system_instructions_that_are_messages_too_are_told_once() -> None:
    sent = [{"role": "system", "parts": [words("Be brief.")]}]
    assert len(messages.conversation(sent, [words("Be brief.")])) == 1


def test_a_message_of_plain_content_is_read() -> None:
    assert messages.conversation([{"role": "user", "content": "hi"}]) == (
        Message("user", (Part(content="hi"),)),
    )


# ------------------------------------------------------------------------------------------------- tool calls


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"city": "Rome"}, '{"city":"Rome"}'),
        ({}, "{}"),
        ('{"city": "Ro', '{"city": "Ro'),
        ('{"city": "Rome"}', '{"city": "Rome"}'),
        ("", ""),
        ([1], "[1]"),
        (7, "7"),
    ],
)
def test_arguments_become_json_text_and_a_text_stays_what_the_model_wrote(arguments: Any, text: str) -> None:
    call = messages.tool_call({**CALL, "arguments": arguments})
    assert call == ToolCall("weather", text, "c1")


@pytest.mark.parametrize("field", ["arguments", "input", "action", "code"])
def test_a_servers_tool_is_not_the_applications(field: str) -> None:
    part = {
        "type": "server_tool_call",
        "id": "s1",
        "name": "web_search",
        "server_tool_call": {field: {"q": "x"}},
    }
    assert messages.tool_call(part) == ToolCall("web_search", '{"q":"x"}', "s1", server_side=True)


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ([words("hi")], True),
        ([{"type": "server_tool_call", "id": "s1", "name": "web_search", "server_tool_call": {}}], False),
        (
            [
                {"type": "server_tool_call", "id": "s1", "name": "web_fetch", "server_tool_call": {}},
                {
                    "type": "server_tool_call_response",
                    "id": "s1",
                    "server_tool_call_response": {
                        "type": "web_fetch",
                        "content": {"type": "web_fetch_result"},
                    },
                },
            ],
            True,
        ),
        ([{"type": "server_tool_call", "id": "s1", "name": "f", "server_tool_call": {"output": "ok"}}], True),
        (
            [
                {
                    "type": "server_tool_call_response",
                    "id": "s1",
                    "server_tool_call_response": {
                        "type": "web_search",
                        "content": [{"encrypted_content": "x"}],
                    },
                }
            ],
            False,
        ),
    ],
)
def test_what_a_servers_tool_found_and_nobody_shows_leaves_the_input_incomplete(
    given: list[dict[str, Any]], whole: bool
) -> None:
    assert messages.is_whole([{"role": "assistant", "parts": given}]) is whole


def test_a_result_of_anthropics_that_is_passed_through_says_that_the_tool_failed() -> None:
    block = {"type": "tool_result", "tool_use_id": "u", "content": "no such city", "is_error": True}
    (part,) = messages.parts(block)
    assert part == Part(PartType.TOOL_RESULT, "no such city", id="u", is_error=True)


def test_documents_are_those_that_messages_carry_as_such() -> None:
    block = {"type": "document", "source": {"type": "text", "data": "facts"}, "title": "f.txt"}
    said = [{"role": "user", "parts": [words("hi"), block]}]
    assert messages.documents(said) == (Document("facts", "f.txt", "message"),)


# ---------------------------------------------------------------------------------------------------- choices


def test_each_message_is_a_choice_with_its_own_reason() -> None:
    answered = [
        {"parts": [words("a")], "finish_reason": "stop"},
        {"parts": [words("b")], "finish_reason": "length"},
    ]
    first, second = messages.choices(answered, ["stop", "length"])
    assert (first.text, first.finish_reason) == ("a", FinishReason.STOP)
    assert (second.text, second.finish_reason) == ("b", FinishReason.LENGTH)


def test_messages_with_one_reason_in_common_are_one_answer() -> None:
    answered = [{"parts": [{"type": "reasoning", "content": "hm"}]}, {"parts": [words("a"), CALL]}]
    (output,) = messages.choices(answered, ["tool_calls"])
    assert (output.text, output.reasoning, len(output.tool_calls)) == ("a", "hm", 1)
    assert output.finish_reason is FinishReason.TOOL_CALL


def test_a_choice_of_which_only_the_reason_came_is_one() -> None:
    (output,) = messages.choices([], ["content_filter"])
    assert output.finish_reason is FinishReason.CONTENT_FILTER
    assert messages.choices(None, None) == ()


@pytest.mark.parametrize("reasons", [["stop"], "stop", '["stop"]'])
def test_reasons_may_be_a_list_its_json_text_or_a_single_one(reasons: Any) -> None:
    (output,) = messages.choices([{"parts": [words("a")]}], reasons)
    assert output.finish_reason is FinishReason.STOP


def test_a_choice_of_plain_content_is_read() -> None:
    (output,) = messages.choices([{"role": "assistant", "content": "hi"}])
    assert output.text == "hi"


def test_a_refusal_is_no_text() -> None:
    (output,) = messages.choices([{"parts": [{"type": "refusal", "content": "no"}], "finish_reason": "stop"}])
    assert (output.text, output.refusal, output.finish_reason) == ("", "no", FinishReason.REFUSAL)


@pytest.mark.parametrize(
    ("reasons", "read"),
    [
        (("stop",), FinishReason.STOP),
        (("end_turn",), FinishReason.STOP),
        (("tool_call",), FinishReason.TOOL_CALL),
        (("tool_use",), FinishReason.TOOL_CALL),
        (("incomplete", "length"), FinishReason.LENGTH),
        (("completed",), FinishReason.STOP),
        (("pause_turn",), FinishReason.PAUSE),
        (("error",), FinishReason.ERROR),
        (("STOP",), FinishReason.STOP),
        (("MALFORMED_FUNCTION_CALL",), FinishReason.MALFORMED_TOOL_CALL),
        (("tool-calls",), FinishReason.TOOL_CALL),
        (("guardrail_intervened",), FinishReason.CONTENT_FILTER),
        (("something new",), FinishReason.UNKNOWN),
        ((), FinishReason.UNKNOWN),
    ],
)
def test_a_reason_to_stop_is_the_first_that_is_known(reasons: tuple[str, ...], read: FinishReason) -> None:
    assert messages.choice([words("a")], *reasons).finish_reason is read


def test_a_response_that_completed_with_a_tool_call_waits_for_it() -> None:
    assert messages.choice([CALL], "completed").finish_reason is FinishReason.TOOL_CALL
