"""Every recorded response that came without its request: bodies, and logs of a stream's chunks."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from monitor.decode.pair import bodies
from monitor.records import CallError, ErrorCategory, FinishReason
from tests.paths import SHARED

ROOT = SHARED / "data" / "recorded" / "responses_only" / "vercel__ai"

#: How many are read of each API: plain bodies, and streams.
READ = {
    "responses": (22, 24),
    "messages": (17, 15),
    "chat.completions": (13, 13),
    "cohere.chat": (5, 2),
    "converse": (3, 4),
    "generateContent": (2, 5),
}

#: What is no answer of an API that is read.
OTHERS = {
    "anthropic/skills/anthropic-skill-version-create.json": "a skill that was made",
    "openai/skills/openai-skill-create.json": "a skill that was made",
    "openai/chat/reasoning-model-legacy-parameter-error.json": "an error, which shows no API",
    "openai/responses/reasoning-model-temperature-error.json": "an error, which shows no API",
    "google/interactions/google-search.chunks.txt": "Google's Interactions API",
    "google/interactions/google-search.json": "Google's Interactions API",
    "google/interactions/multi-turn-stateless-turn2.chunks.txt": "Google's Interactions API",
    "google/interactions/multi-turn-stateless-turn2.json": "Google's Interactions API",
}

#: A log whose last line, which has the finish reason and the tokens, is not JSON.
DAMAGED = "openai/responses/parallel-tool-call-wrapper.1.chunks.txt"


@cache
def responses() -> dict[str, bodies.Read | None]:
    """What each response says, by its path."""
    files = [path for path in sorted(ROOT.rglob("*")) if path.is_file()]
    return {_name(path): bodies.read(None, path.read_text(encoding="utf-8")) for path in files}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _read() -> dict[str, bodies.Read]:
    return {name: read for name, read in responses().items() if read is not None}


def test_every_response_is_read_or_is_no_answer() -> None:
    assert len(responses()) == 133
    assert {name for name, read in responses().items() if read is None} == OTHERS.keys()
    counted = Counter((read.api, bool(read.stream)) for read in _read().values())
    assert {api: (counted[api, False], counted[api, True]) for api in READ} == READ
    assert counted.total() == 133 - len(OTHERS)


def test_every_answer_says_something_and_why_it_ended() -> None:
    for name, read in _read().items():
        (output,) = read.answer.outputs
        waits = output.finish_reason is FinishReason.PAUSE  # for an approval
        assert output.text or output.tool_calls or waits, name
        assert (output.finish_reason is FinishReason.UNKNOWN) == (name == DAMAGED), name
        assert read.error is None, name


def test_every_answer_counts_its_tokens() -> None:
    uncounted = {name for name, read in _read().items() if read.answer.usage.input_tokens is None}
    cut_before_its_metadata = "amazon-bedrock/amazon-bedrock-json-tool.3.chunks.txt"
    assert uncounted == {cut_before_its_metadata, DAMAGED}


@pytest.mark.parametrize("name", [name for name in OTHERS if name.endswith("-error.json")])
def test_an_error_is_read_where_its_api_is_known(name: str) -> None:
    read = bodies.read(None, (ROOT / name).read_text(encoding="utf-8"), api="responses", status=400)
    assert read is not None
    assert isinstance(read.error, CallError)
    assert read.error.category is ErrorCategory.INVALID_REQUEST


def test_a_fallback_is_read_from_a_body_and_from_a_stream() -> None:
    declared = {name for name, read in _read().items() if read.answer.fallback.declared == "fallback"}
    assert declared == {"anthropic/anthropic-fallback.json", "anthropic/anthropic-fallback.chunks.txt"}
    for name in declared:
        read = _read()[name]
        assert (read.answer.fallback.from_model, read.answer.fallback.to_model) == (
            "claude-fable-5",
            "claude-opus-4-8",
        )
        assert read.model_served == "claude-opus-4-8"


def test_streamed_arguments_of_a_function_are_whole() -> None:
    read = _read()["google/google-stream-tool-call-arguments.chunks.txt"]
    (output,) = read.answer.outputs
    assert [call.arguments for call in output.tool_calls] == [
        '{"location":"Boston"}',
        '{"location":"San Francisco"}',
    ]
