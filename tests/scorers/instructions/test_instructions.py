"""The ``instructions`` score, outcome by outcome, on answers as models write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._hostile_instructions import cases
from monitor.records import (
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    Expected,
    FinishReason,
    InstructionsOutcome,
    Output,
    Status,
    ToolCall,
)
from monitor.scorers.instructions import score_instructions
from monitor.scorers.instructions.score import MAX_CHOICES
from tests.scorers.build import call
from tests.scorers.instructions.test_language import SAID

EMPTY, REFUSED, OK = InstructionsOutcome.EMPTY, InstructionsOutcome.REFUSED, InstructionsOutcome.OK
LENGTH, FORMAT = InstructionsOutcome.LENGTH_LIMIT, InstructionsOutcome.WRONG_FORMAT
LANGUAGE, NOT_APPLICABLE = InstructionsOutcome.WRONG_LANGUAGE, InstructionsOutcome.NOT_APPLICABLE
WEATHER = ToolCall("get_weather", '{"city": "Paris"}')
SEARCH = ToolCall("web_search", "{}", server_side=True)
REFUSAL = "I'm sorry, but I can't help with that request."


@pytest.mark.parametrize(
    ("output", "outcome", "detail"),
    [
        (Output("Paris."), OK, None),
        (Output(tool_calls=(WEATHER,), finish_reason=FinishReason.TOOL_CALL), OK, None),
        (Output(finish_reason=FinishReason.TOOL_CALL), OK, None),  # an emitter lost the call
        (Output("I can't see it; let me look.", tool_calls=(WEATHER,)), OK, None),
        (Output("I can't find that in the passage."), OK, None),
        (Output(), EMPTY, None),
        (Output(" \n"), EMPTY, "white space"),
        (Output(reasoning="The capital is"), EMPTY, "reasoning only"),
        (Output(tool_calls=(SEARCH,)), EMPTY, "the provider's own tools only"),
        (Output(reasoning="Let me", finish_reason=FinishReason.LENGTH), EMPTY, "length"),
        (Output(finish_reason=FinishReason.MALFORMED_TOOL_CALL), EMPTY, "malformed_tool_call"),
        (Output(refusal="I can't."), REFUSED, "by the model"),
        (Output(finish_reason=FinishReason.CONTENT_FILTER), REFUSED, "content_filter"),
        (Output("Well, first", finish_reason=FinishReason.CONTENT_FILTER), REFUSED, "content_filter"),
        (Output("Well, first", finish_reason=FinishReason.REFUSAL), REFUSED, "refusal"),
        (Output(REFUSAL), REFUSED, "by its words"),
        (Output("Paris is the", finish_reason=FinishReason.LENGTH), LENGTH, None),
        (Output(tool_calls=(WEATHER,), finish_reason=FinishReason.LENGTH), LENGTH, None),
        (Output("Let me search", finish_reason=FinishReason.PAUSE), NOT_APPLICABLE, "pause"),
        (Output(finish_reason=FinishReason.ERROR), NOT_APPLICABLE, "error"),
    ],
)
def test_an_answer_is_told_from_none_a_refusal_and_half_of_one(
    output: Output, outcome: InstructionsOutcome, detail: str | None
) -> None:
    score = score_instructions(call(outputs=(output,)))
    assert (score.outcome, score.detail) == (outcome, detail)


@pytest.mark.parametrize(
    ("text", "expected", "outcome", "detail"),
    [
        (SAID["de"], Expected(language="de"), OK, None),
        (SAID["en"], Expected(language="de"), LANGUAGE, "en, asked for de"),
        (SAID["ja"], Expected(language="zh-CN"), LANGUAGE, "Kana, asked for zh-CN"),
        ("OK", Expected(language="de"), OK, None),
        ("positive", Expected(format="enum", values=("positive", "negative")), OK, None),
        ("It is positive", Expected(format="enum", values=("positive",)), FORMAT, "enum: none of the values"),
        ("<a><b></a>", Expected(format="xml"), FORMAT, "xml: mismatched tag"),
        ("**Paris**", Expected(format="plain"), FORMAT, "plain: Markdown"),
        (SAID["en"], Expected(language="de", format="xml"), LANGUAGE, "en, asked for de"),
        ("", Expected(format="xml"), EMPTY, None),
        ("", Expected(format="speech"), NOT_APPLICABLE, "speech was asked for"),
        ("A picture of a cat.", Expected(format="image"), OK, None),
        (REFUSAL, Expected(format="image"), REFUSED, "by its words"),
    ],
)
def test_what_was_asked_for_in_a_way_a_machine_can_read_is_checked(
    text: str, expected: Expected, outcome: InstructionsOutcome, detail: str | None
) -> None:
    score = score_instructions(call(outputs=(Output(text),), expected=expected))
    assert (score.outcome, score.detail) == (outcome, detail)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (ContractKind.JSON_OBJECT, OK),
        (ContractKind.JSON_SCHEMA, OK),
        (ContractKind.NONE, FORMAT),
        (ContractKind.UNKNOWN, FORMAT),
    ],
)
def test_broken_json_is_one_failure_and_not_two(kind: ContractKind, outcome: InstructionsOutcome) -> None:
    made = call(outputs=(Output("{"),), contract=Contract(kind), expected=Expected(format="json"))
    assert score_instructions(made).outcome == outcome


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": Status.ERROR, "error": CallError("timeout")}, NOT_APPLICABLE),
        ({"operation": "embeddings", "outputs": ()}, NOT_APPLICABLE),
        ({"captured": Captured(output=False)}, InstructionsOutcome.UNKNOWN),
        ({"outputs": ()}, InstructionsOutcome.UNKNOWN),
    ],
)
def test_a_call_without_an_answer_to_judge_is_not_judged(
    fields: dict[str, Any], outcome: InstructionsOutcome
) -> None:
    assert score_instructions(call(**{"outputs": (Output(),), **fields})).outcome == outcome


def test_of_several_choices_the_worst_decides() -> None:
    outputs = (Output("Paris."), Output("Paris", finish_reason=FinishReason.LENGTH), Output(REFUSAL))
    assert score_instructions(call(outputs=outputs)).outcome == REFUSED
    assert score_instructions(call(outputs=outputs[:2])).outcome == LENGTH


def test_choices_beyond_those_that_any_api_gives_are_not_judged() -> None:
    outputs = (Output("Paris."),) * (MAX_CHOICES + 1)
    assert score_instructions(call(outputs=outputs)).outcome == InstructionsOutcome.UNKNOWN
    assert score_instructions(call(outputs=outputs[1:])).outcome == OK
    assert score_instructions(call(outputs=(Output(REFUSAL), *outputs))).outcome == REFUSED


@pytest.mark.parametrize("made", cases().values(), ids=cases().keys())
def test_hostile_answers_are_scored_like_any_other(made: Call) -> None:
    assert score_instructions(made).outcome in InstructionsOutcome


_TEXT = st.text(max_size=60) | st.sampled_from(["", "{", "<a>", REFUSAL, *SAID.values()])


@given(
    st.lists(
        st.builds(
            Output,
            text=_TEXT,
            refusal=st.none() | _TEXT,
            reasoning=st.none() | _TEXT,
            tool_calls=st.sampled_from([(), (WEATHER,), (SEARCH,)]),
            finish_reason=st.sampled_from([*FinishReason]),
        ),
        max_size=3,
    ).map(tuple),
    st.builds(
        Expected,
        st.text(max_size=8) | st.sampled_from([*SAID]),
        st.sampled_from(["", "json", "xml", "html", "markdown", "plain", "csv", "yaml", "enum", "image"]),
        st.lists(_TEXT, max_size=2).map(tuple),
    ),
)
def test_any_answer_to_any_request_gives_the_same_score_every_time(
    outputs: tuple[Output, ...], expected: Expected
) -> None:
    made = call(outputs=outputs, expected=expected)
    score = score_instructions(made)
    assert score == score_instructions(made)
    assert len(score.detail or "") < 300
