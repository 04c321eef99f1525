"""The whole stage: any call gives scores, the same ones every time, and hostile content is only content."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.records import (
    ABSTENTIONS,
    OUTCOMES,
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    Document,
    ErrorCategory,
    Expected,
    FallbackHint,
    FinishReason,
    Message,
    Output,
    Part,
    PartType,
    Record,
    Scores,
    Status,
    Tool,
    ToolCall,
    ToolChoice,
)
from monitor.scorers import score
from tests.paths import PAIRS
from tests.scorers.build import STARTED, WEATHER, call, grounded_call, json_call, tool_call

_PROSE = st.sampled_from(
    [
        "{}",
        '{"a": 1, "a": 2}',
        '```json\n{"a": 1}\n```',
        "Sure: [1]",
        "{",
        "I can't do that.",
        "Context: a",
        "\ud800",
        "\x00",
    ]
)
_TEXT = _PROSE | st.text(max_size=40)
_NAME = st.sampled_from(["", "gpt-4o", "gpt-4o-mini-2024-07-18", "f", "us.meta.llama3-v1:0"]) | st.text(
    max_size=20
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYWORDS = (
    st.sampled_from(["type", "properties", "items", "anyOf", "allOf", "not", "required", "enum", "const"])
    | st.sampled_from(["pattern", "minimum", "format", "additionalProperties", "dependentSchemas"])
    | st.sampled_from(["$ref", "$id", "$anchor", "$schema", "$defs"])
)
_SCHEMA: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.sampled_from(["#", "#/a", "object", "string", "a", "(", "date"]) | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYWORDS | st.just("a"), inner, max_size=3),
    max_leaves=8,
)
_SCHEMAS = (
    st.none()
    | st.booleans()
    | st.dictionaries(_KEYWORDS, _SCHEMA, max_size=4)
    | st.dictionaries(st.text(max_size=4), _JSON, max_size=3)
)
# Few names, ids and arguments, so that calls meet their tools, their results and each other.
_TOOL = st.sampled_from(["f", "g", "get_weather"])
_ID = st.sampled_from(["1", "2", ""])
_ARGUMENTS = st.sampled_from(
    ["", "{}", '{"a": 1}', '{"a": 2}', '{"city": "Paris"}', '{"a": 1, "a": 2}', '{"a":', "[1]", "1e400"]
)
_RESULT = st.sampled_from(["12 degrees", '{"a": 1}', "Error: no such city", '{"status": "pending"}']) | _TEXT
_ASKED = st.builds(Part, st.just(PartType.TOOL_CALL), id=_ID, name=_TOOL, arguments=_ARGUMENTS)
_TOLD = st.builds(
    Part, st.just(PartType.TOOL_RESULT), _RESULT, id=_ID, name=st.none() | _TOOL, is_error=st.booleans()
)
_PARTS = st.lists(
    st.builds(
        Part,
        st.sampled_from([*PartType]),
        _TEXT,
        id=st.none() | _TEXT,
        name=st.none() | _NAME,
        arguments=st.none() | _TEXT,
        is_error=st.booleans(),
    )
    | _ASKED
    | _TOLD,
    max_size=2,
).map(tuple)
_MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["user", "system", "assistant", "tool", "x"]), _PARTS), max_size=3
).map(tuple)
_CALLS = st.lists(
    st.builds(ToolCall, _NAME | _TOOL, _TEXT | _ARGUMENTS, st.none() | _ID, server_side=st.booleans()),
    max_size=3,
).map(tuple)
_OUTPUTS = st.lists(
    st.builds(
        Output,
        text=_TEXT,
        refusal=st.none() | _TEXT,
        reasoning=st.none() | _TEXT,
        tool_calls=_CALLS,
        citations=st.lists(_TEXT, max_size=2).map(tuple),
        finish_reason=st.sampled_from([*FinishReason]),
        logprobs=st.lists(st.floats(), max_size=3).map(tuple),
    ),
    max_size=2,
).map(tuple)
_EXPECTED = st.builds(
    Expected,
    st.sampled_from(["", "de", "pt-BR", "zh-Hant", "x", "-"]) | st.text(max_size=8),
    st.sampled_from(["", "json", "xml", "html", "markdown", "plain", "enum", "csv", "yaml", "image", "?"]),
    st.lists(_TEXT, max_size=2).map(tuple),
)
CALLS = st.builds(
    call,
    operation=st.sampled_from(["chat", "embeddings", "execute_tool", "?"]),
    model_requested=_NAME,
    model_served=_NAME,
    attempt=st.integers(0, 3),
    status=st.sampled_from([*Status]),
    error=st.none() | st.builds(CallError, st.just("e"), st.sampled_from([*ErrorCategory])),
    contract=st.builds(Contract, st.sampled_from([*ContractKind]), _SCHEMAS),
    expected=_EXPECTED,
    tools=st.lists(
        st.builds(Tool, _NAME | _TOOL, description=st.none() | _TEXT, schema=_SCHEMAS), max_size=2
    ).map(tuple),
    tool_choice=st.builds(
        ToolChoice, st.sampled_from(["auto", "none", "required"]), st.lists(_NAME, max_size=1).map(tuple)
    ),
    parallel_tool_calls=st.booleans(),
    input=_MESSAGES,
    documents=st.lists(
        st.builds(
            Document,
            _TEXT,
            st.none() | _TEXT,
            st.sampled_from([None, "message", "tool_result", "retrieval", "citation"]),
        ),
        max_size=2,
    ).map(tuple),
    outputs=_OUTPUTS,
    fallback=st.builds(
        FallbackHint, st.sampled_from(["none", "retry", "fallback", "unknown"]), st.none() | _NAME
    ),
    captured=st.builds(Captured, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)


# A loop: what the user said, then calls of few tools, each answered or not, then the calls of this answer.
_TURN = st.builds(
    lambda asked, told: (Message("assistant", (asked,)), *((Message("tool", (told,)),) if told else ())),
    _ASKED,
    st.none() | _TOLD,
)
LOOPS = st.builds(
    lambda turns, outputs: call(
        tools=(Tool("f"), Tool("g"), WEATHER),
        input=(Message("user", (Part(content="What is the weather in Paris?"),)), *chain(*turns)),
        outputs=outputs,
    ),
    st.lists(_TURN, max_size=6),
    st.lists(
        st.builds(
            Output,
            tool_calls=st.lists(st.builds(ToolCall, _TOOL, _ARGUMENTS, _ID), max_size=3).map(tuple),
            finish_reason=st.just(FinishReason.TOOL_CALL),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)


def _scored_twice(made: Call) -> None:
    """A call has one outcome of every list, its risks are shares, and it has the same ones every time."""
    scores = score(made)
    assert scores == score(made)
    for name, outcomes in OUTCOMES.items():
        assert getattr(scores, name).outcome in outcomes
    for risk in (scores.tools.risk, scores.grounding.risk):
        assert risk is None or 0 <= risk <= 1


@given(CALLS)
@settings(max_examples=400)
def test_any_call_gives_the_same_scores_every_time(made: Call) -> None:
    _scored_twice(made)


@given(LOOPS)
def test_any_loop_of_tools_gives_the_same_scores_every_time(made: Call) -> None:
    _scored_twice(made)


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


HOSTILE = {
    "a 5 MB string": json_call(
        '{"a": "' + "x" * 5_000_000 + '"}', {"properties": {"a": {"type": "integer"}}}
    ),
    "a 5 MB array of mistakes": json_call(
        "[" + '"x",' * 1_200_000 + "0]", {"items": {"anyOf": [{"type": "integer"}]}}
    ),
    "5 MB of spaces in a fence": json_call("```json" + " " * 5_000_000 + "x"),
    "5 MB of brackets": json_call("[{" * 2_500_000),
    "5 MB of fences": json_call("```\n" * 1_250_000),
    "a 5 MB answer to a document": grounded_call("word " * 1_000_000),
    "a 900 kB word": grounded_call("x" * 90_000, "y" * 900_000),
    "900 kB of at signs": grounded_call("a@" * 40_000, "a" * 900_000),
    "100,000 nested brackets": json_call("[" * 100_000 + "]" * 100_000, True),
    "100,000 nested objects": json_call('{"a":' * 100_000, {"properties": {"a": {"$ref": "#"}}}),
    "100,000 nested arguments": tool_call('{"a":' * 100_000 + "1" + "}" * 100_000),
    "a schema nested 2,000 deep": json_call("{}", _nested(2_000)),
    "a schema nested 60 deep": json_call('{"a": {"a": 1}}', _nested(60)),
    "a schema that is itself": json_call("{}", {"$ref": "#"}),
    "a schema elsewhere": json_call("{}", {"$ref": "http://169.254.169.254/latest/meta-data"}),
    "a schema in a file": json_call("{}", {"$ref": "file:///etc/passwd"}),
    "a catastrophic pattern": json_call(f'"{"a" * 100_000}!"', {"pattern": "^(a+)+$"}),
    "a pattern that looks back": json_call(f'"{"a" * 100_000}!"', {"pattern": r"^(?:(a+)\1?)+$"}),
    "a number of 100,000 digits": json_call('{"a": ' + "9" * 100_000 + "}"),
    "1,000 tools and calls": tool_call(
        *['{"city": 1}'] * 1_000,
        tools=tuple(
            Tool(f"tool_{n}", schema={"properties": {f"p{n}": {"type": "string"}}}) for n in range(1_000)
        ),
    ),
    "a model name of 1 MB": call(model_requested="gpt-" + "4-" * 500_000, model_served="-v1:1" * 200_000),
}


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_content_is_scored_like_any_other(made: Call) -> None:
    scores = score(made)
    assert isinstance(scores, Scores)
    for text in (scores.json.detail, scores.tools.detail, scores.fallback.evidence):
        assert len(text or "") < 300


def test_recorded_calls_fail_only_where_the_recording_says_so() -> None:
    """Every failure of a recorded call is one that its own tags or its text explain."""
    judged = 0
    for path in sorted(PAIRS.glob("*/*.chat.completions.*.json")):
        raw = path.read_bytes()
        tags = set(msgspec.json.decode(raw)["tags"])
        for made in decode(Record(path.name, 0, 0, raw, timestamp=STARTED)).calls:
            scores = score(made)
            judged += scores.json.outcome not in ABSTENTIONS
            if scores.json.outcome == "refused":
                assert "res.refusal" in tags
            if scores.json.outcome == "truncated":
                assert "res.truncated" in tags
            if scores.tools.outcome == "ok":
                assert "req.tools" in tags
            assert scores.tools.outcome != "parallel_not_allowed" or "req.parallel_off" in tags
    assert judged > 40
