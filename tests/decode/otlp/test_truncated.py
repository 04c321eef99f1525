"""Text cut at an SDK's limit, in every dialect: what it carries isn't captured, and is no model's failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.withheld import MISSING
from monitor.records import FinishReason
from monitor.scorers import score
from tests.decode.otlp.build import call_of, chat, log, logs, plain_call, told, words
from tests.decode.otlp.test_content_off import INDEXED, INFERENCE, TOOL
from tests.decode.otlp.test_vercel import GENERATE

ANSWER = json.dumps({"items": [{"name": f"thing {n}", "price": n} for n in range(200)]})
PROSE = "The tower is 42 m tall, and older than the town. " * 200
CUT = ANSWER[:1024]
NAMED = {"role": "assistant", "content": ANSWER}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.input": json.dumps([{"role": "user", "content": "x"}]),
    "langfuse.observation.output": json.dumps(NAMED),
    "langfuse.observation.model.parameters": '{"frequency_penalty": 0, "presence_penalty": 0}',
    "langfuse.observation.metadata.response_format": '{"type": "json_object"}',
}
OBJECT = {
    **{
        name: value
        for name, value in GENERATE.items()
        if name not in ("ai.response.text", "ai.response.toolCalls")
    },
    "ai.operationId": "ai.generateObject.doGenerate",
    "ai.response.object": CUT,
    "ai.response.finishReason": "stop",
    "ai.schema": '{"type": "object"}',
}
CALLED = "llm.output_messages.0.message.tool_calls.0.tool_call.function."
RAW = {
    "input.value": json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    "output.value": json.dumps({"id": "r", "choices": [{"message": NAMED, "finish_reason": "stop"}]})[:1024],
}

ANSWERS: dict[str, dict[str, Any]] = {
    "Vercel's object": OBJECT,
    "Vercel's text": {**GENERATE, "ai.response.text": PROSE[:4096], "ai.response.toolCalls": None},
    "OpenInference's content": {**INFERENCE, "llm.output_messages.0.message.content": CUT},
    "OpenInference's arguments": {**INFERENCE, f"{CALLED}name": "look", f"{CALLED}arguments": CUT},
    "OpenInference's body and content": {**INFERENCE, **RAW, "llm.output_messages.0.message.content": CUT},
    "OpenInference's body": {"openinference.span.kind": "LLM", **RAW},
    "Langfuse's output": {**LANGFUSE, "langfuse.observation.output": json.dumps(NAMED)[:1024]},
    "Langfuse's at an odd limit": {**LANGFUSE, "langfuse.observation.output": json.dumps(NAMED)[:777]},
    "OpenLLMetry's content": {**INDEXED, "gen_ai.completion.0.content": CUT},
    "OpenLLMetry's arguments": {
        **INDEXED,
        "gen_ai.completion.0.tool_calls.0.name": "look",
        "gen_ai.completion.0.tool_calls.0.arguments": CUT,
    },
    "a part": chat(
        output__type="json",
        output__messages=[{"role": "assistant", "parts": [words(CUT)], "finish_reason": "stop"}],
    ),
    "a part at an odd limit that another shares": chat(
        output__type="json",
        system_instructions=[words(PROSE[:777])],
        output__messages=[{"role": "assistant", "parts": [words(ANSWER[:777])], "finish_reason": "stop"}],
    ),
    "characters of two units": {**INDEXED, "gen_ai.completion.0.content": "😀" * 512},
    "characters of four bytes": {**INDEXED, "gen_ai.completion.0.content": "😀" * 256},
}


@pytest.mark.parametrize("values", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_was_cut_is_not_judged(values: dict[str, Any]) -> None:
    call = plain_call(values)
    scores = score(call)
    assert not call.captured.output
    assert scores.json.outcome in ("unknown", "not_applicable")
    assert scores.tools.outcome in ("unknown", "not_applicable")


REQUESTS: dict[str, tuple[dict[str, Any], tuple[bool, bool]]] = {
    "Vercel's messages": ({**GENERATE, "ai.prompt.messages": told(words(PROSE))[:4096]}, (False, False)),
    "one of Vercel's tools": (
        {**GENERATE, "ai.prompt.tools": [json.dumps({"description": PROSE})[:4096]]},
        (True, False),
    ),
    "OpenInference's prompt": (
        {**INFERENCE, "llm.input_messages.0.message.content": PROSE[:4096]},
        (False, True),
    ),
    "OpenInference's tools": (
        {**INFERENCE, "llm.tools.0.tool.json_schema": json.dumps({**TOOL, "description": PROSE})[:4096]},
        (True, False),
    ),
    "Langfuse's input": (
        {
            **LANGFUSE,
            "langfuse.observation.input": PROSE[:4096],
            "langfuse.observation.output": '{"role": "assistant", "content": "hi"}',
        },
        (False, False),
    ),
    "OpenLLMetry's prompt": ({**INDEXED, "gen_ai.prompt.0.content": PROSE[:4096]}, (False, True)),
    "OpenLLMetry's parameters": (
        {**INDEXED, "llm.request.functions.0.parameters": json.dumps({"description": PROSE})[:4096]},
        (True, False),
    ),
    "the conventions' messages": (
        chat(input__messages=told(words(PROSE))[:4096], output__messages=told(words("hi"))),
        (False, False),
    ),
}


@pytest.mark.parametrize(("values", "captured"), REQUESTS.values(), ids=REQUESTS.keys())
def test_what_was_sent_and_cut_is_not_captured(values: dict[str, Any], captured: tuple[bool, bool]) -> None:
    call = plain_call(values)
    assert (call.captured.input, call.captured.tools) == captured
    assert call.captured.output


WHOLE: dict[str, dict[str, Any]] = {
    "a long one": {**INDEXED, "gen_ai.completion.0.content": PROSE},
    "JSON as long as a limit": {**INDEXED, "gen_ai.completion.0.content": json.dumps("x" * 1022)},
    "ids of one length": {**INDEXED, "gen_ai.completion.0.content": "x" * 36, "session": "y" * 36},
    "one of two that say the same": {
        **INDEXED,
        "gen_ai.completion.0.content": PROSE,
        "langfuse.trace.output": PROSE,
    },
    "one that the model cut": {
        **INDEXED,
        "gen_ai.completion.0.content": ANSWER[:777],
        "gen_ai.completion.0.finish_reason": "length",
    },
    "below a limit that others meet": {
        **INDEXED,
        "gen_ai.completion.0.content": ANSWER[:777],
        "x": PROSE[:1024],
    },
}


@pytest.mark.parametrize("values", WHOLE.values(), ids=WHOLE.keys())
def test_an_answer_that_was_not_cut_is_captured(values: dict[str, Any]) -> None:
    assert plain_call(values).captured.output


def test_an_answer_that_the_model_cut_is_truncated() -> None:
    values = {**OBJECT, "ai.response.object": ANSWER[:777], "ai.response.finishReason": "length"}
    call = plain_call(values)
    assert call.outputs[0].finish_reason is FinishReason.LENGTH
    assert score(call).json.outcome == "truncated"


@pytest.mark.parametrize(("body", "captured"), [(CUT, False), (ANSWER, True), (ANSWER[:777], True)])
def test_the_body_of_an_event_is_compared_with_itself(body: str, captured: bool) -> None:
    said = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": body}}
    call = call_of(logs(log("gen_ai.choice", said, {"gen_ai.system": "openai", "x": PROSE[:777]})))
    assert call.captured.output is captured


def test_names_and_ids_stay_as_they_are() -> None:
    name = "m" * 128
    call = plain_call(chat(request__model=name, response__id=name, prompt__name=name))
    assert (call.model_requested, call.call_id, call.prompt_name) == (name, name, name)


@given(st.integers(65, 3000), st.text(max_size=40))
def test_whatever_the_limit_messages_that_end_within_their_json_show_it(limit: int, said: str) -> None:
    sent = told(words(PROSE), role="user")[:limit]
    call = plain_call({**INDEXED, "gen_ai.completion.0.content": (said + PROSE)[:limit], "x.messages": sent})
    assert not call.captured.output
    assert MISSING not in repr(call)
