"""Marks in the place of content, in whatever format: what they stand for was not captured."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.clean import clean
from monitor.decode.withheld import MISSING, is_withheld, shown, told, without_marks
from monitor.records import Call, Captured, Document, Message, Output, Part, PartType, ToolCall
from monitor.scorers import score
from tests.decode.build import call_of, chat, native

MARKS = [
    *("[REDACTED]", "[redacted]", "<redacted>", "__REDACTED__", " ***redacted***\n"),
    *("redacted-by-litellm", "REDACTED_BY_LITELM", "<fully masked due to failed mask function>"),
    *("[Scrubbed due to 'password']", "[Filtered]", "<masked>", MISSING, f"half of it{MISSING}"),
]

SAID = ["", "redacted", "Dear [REDACTED], hello", "[REDACTED] [REDACTED]", '{"a": "[REDACTED]"}', "[]", "***"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_stands_for_content(mark: str) -> None:
    assert is_withheld(mark)


@pytest.mark.parametrize("content", SAID)
def test_what_was_said_is_no_mark(content: str) -> None:
    assert not is_withheld(content)


@pytest.mark.parametrize("mark", MARKS)
def test_an_answer_that_is_a_mark_is_not_judged(mark: str) -> None:
    call = call_of(chat({"response_format": {"type": "json_object"}}, mark))
    assert (call.captured.input, call.captured.output, call.outputs[0].text) == (True, False, "")
    assert score(call).json.outcome == "unknown"


SENT: dict[str, tuple[dict[str, Any], Captured]] = {
    "the user's text": (
        {"input": [{"role": "user", "parts": [{"content": "[REDACTED]"}]}]},
        Captured(input=False),
    ),
    "a tool's result": (
        {"input": [{"role": "tool", "parts": [{"type": "tool_result", "content": "<redacted>"}]}]},
        Captured(input=False),
    ),
    "arguments sent": (
        {"input": [{"role": "a", "parts": [{"type": "tool_call", "name": "f", "arguments": "<redacted>"}]}]},
        Captured(input=False),
    ),
    "thoughts sent": (
        {"input": [{"role": "a", "parts": [{"type": "reasoning", "content": "<redacted>"}]}]},
        Captured(),
    ),
    "a document": ({"documents": [{"content": "[REDACTED]"}]}, Captured(input=False)),
    "arguments": (
        {"outputs": [{"tool_calls": [{"name": "f", "arguments": "[REDACTED]"}]}]},
        Captured(output=False),
    ),
    "a refusal": ({"outputs": [{"refusal": "[REDACTED]"}]}, Captured(output=False)),
    "one of two choices": ({"outputs": [{"text": "a"}, {"text": "[REDACTED]"}]}, Captured(output=False)),
    "thoughts": ({"outputs": [{"text": "a", "reasoning": "[REDACTED]"}]}, Captured()),
}


@pytest.mark.parametrize(("fields", "captured"), SENT.values(), ids=SENT.keys())
def test_the_half_with_a_mark_is_not_captured(fields: dict[str, Any], captured: Captured) -> None:
    call = call_of(native(**fields))
    assert call.captured == captured
    assert not any(mark in repr(call) for mark in ("REDACTED", "redacted"))


def test_a_tool_call_without_its_arguments_keeps_its_name() -> None:
    call = call_of(native(outputs=[{"tool_calls": [{"name": "f", "arguments": "[REDACTED]"}]}]))
    assert call.outputs == (Output(tool_calls=(ToolCall("f", ""),)),)


def test_a_document_that_is_a_mark_is_none() -> None:
    assert shown((Document("a"), Document("[REDACTED]"))) == (Document("a"),)


@pytest.mark.parametrize(("content", "expected"), [("a", "a"), ("", ""), (None, MISSING), (5, MISSING)])
def test_a_part_without_text_is_missing_its_content(content: Any, expected: str) -> None:
    assert told(content) == expected


@given(st.lists(st.sampled_from([*MARKS, *SAID]), max_size=4))
def test_no_mark_is_left_and_nothing_else_is_touched(texts: list[str]) -> None:
    call = call_of(native())
    parts = tuple(Part(PartType.TEXT, text) for text in texts)
    outputs = tuple(Output(text=text) for text in texts)
    marked = Call(
        call_id="c", started_at=call.started_at, source=call.source, input=(Message("user", parts),),
        outputs=outputs,
    )  # fmt: skip
    cleaned = clean(marked)
    kept = [text if text in SAID else "" for text in texts]
    assert [part.content for part in cleaned.input[0].parts] == kept
    assert [output.text for output in cleaned.outputs] == kept
    assert cleaned.captured.output is all(text in SAID for text in texts)
    assert without_marks(cleaned) == cleaned
