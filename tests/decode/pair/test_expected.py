"""What requests ask of their answers beside a contract, in the words of each API."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.records import Expected, InstructionsOutcome
from monitor.scorers.instructions import score_instructions
from tests.decode.build import call_of, native, pair

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
ENUM = {"type": "STRING", "enum": ["yes", "no"]}
YES_OR_NO = Expected(format="enum", values=("yes", "no"))


def _configured(**config: Any) -> dict[str, Any]:
    return {**GEMINI, "generationConfig": config}


def _candidate(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP"}]}


@pytest.mark.parametrize(
    ("api", "request_", "expected"),
    [
        ("chat.completions", CHAT, Expected()),
        ("chat.completions", {**CHAT, "modalities": ["text"]}, Expected()),
        ("chat.completions", {**CHAT, "modalities": ["text", "audio"]}, Expected(format="speech")),
        ("chat.completions", {**CHAT, "modalities": ["image", "text"]}, Expected(format="image")),
        ("chat.completions", {**CHAT, "modalities": "audio"}, Expected()),
        ("chat.completions", {**CHAT, "structured_outputs": {"choice": ["yes", "no"]}}, YES_OR_NO),
        ("chat.completions", {**CHAT, "guided_choice": ["yes", "no"]}, YES_OR_NO),
        ("chat.completions", {**CHAT, "guided_choice": "yes"}, Expected()),
        ("chat.completions", {**CHAT, "language_preference": "de"}, Expected(language="de")),
        ("chat.completions", {**CHAT, "language_preference": "pt-BR"}, Expected(language="pt-BR")),
        ("chat.completions", {**CHAT, "language_preference": "German"}, Expected()),
        ("chat.completions", {**CHAT, "language_preference": ["de"]}, Expected()),
        ("responses", {"input": "hello", "language_preference": "fr"}, Expected(language="fr")),
        ("completions", {"prompt": "p", "guided_choice": ["yes", "no"]}, YES_OR_NO),
        ("generateContent", GEMINI, Expected()),
        ("generateContent", _configured(responseMimeType="text/plain"), Expected()),
        ("generateContent", _configured(responseMimeType="text/x.enum", responseSchema=ENUM), YES_OR_NO),
        ("generateContent", _configured(response_mime_type="text/x.enum", response_schema=ENUM), YES_OR_NO),
        ("generateContent", _configured(responseMimeType="text/x.enum"), Expected()),
        ("generateContent", _configured(responseModalities=["TEXT", "IMAGE"]), Expected(format="image")),
        ("generateContent", _configured(responseModalities=["AUDIO"]), Expected(format="speech")),
        ("generateContent", _configured(responseModalities=["TEXT"]), Expected()),
    ],
)
def test_what_was_asked_of_the_answer(api: str, request_: dict[str, Any], expected: Expected) -> None:
    assert call_of(pair(api, request_, None)).expected == expected


def test_an_answer_in_another_language_than_perplexity_was_asked_for_is_wrong() -> None:
    text = "The bill was paid on Monday, and we have sent the goods on the same day as it was."
    response = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    call = call_of(pair("chat.completions", {**CHAT, "language_preference": "de"}, response))
    assert score_instructions(call).outcome is InstructionsOutcome.WRONG_LANGUAGE


@pytest.mark.parametrize(
    ("api", "request_", "response", "form"),
    [
        ("chat.completions", CHAT, {"choices": [{"message": {"content": "hi"}}]}, ""),
        ("chat.completions", CHAT, {"choices": [{"message": {"images": [{"type": "image_url"}]}}]}, "image"),
        ("chat.completions", CHAT, {"choices": [{"message": {"audio": {"id": "a"}}}]}, "speech"),
        ("chat.completions", CHAT, {"choices": [{"message": {"audio": None, "images": []}}]}, ""),
        (
            "chat.completions",
            {**CHAT, "guided_choice": ["yes"]},
            {"choices": [{"message": {"images": [{}]}}]},
            "enum",
        ),
        ("generateContent", GEMINI, _candidate({"inlineData": {"mimeType": "image/png"}}), "image"),
        ("generateContent", GEMINI, _candidate({"inline_data": {"mime_type": "audio/wav"}}), "speech"),
        ("generateContent", GEMINI, _candidate({"text": "hi"}, {"fileData": {}}), ""),
        ("responses", {"input": "a cat"}, {"output": [{"type": "image_generation_call"}]}, "image"),
        ("responses", {"input": "a cat"}, {"output": [{"type": "message"}]}, ""),
    ],
)
def test_a_picture_or_speech_that_came_was_asked_for(
    api: str, request_: dict[str, Any], response: dict[str, Any], form: str
) -> None:
    call = call_of(pair(api, request_, response))
    assert call.expected.format == form
    empty = InstructionsOutcome.EMPTY if form in ("", "enum") else InstructionsOutcome.NOT_APPLICABLE
    assert call.outputs[0].text or score_instructions(call).outcome == empty


def test_a_native_record_says_it_itself() -> None:
    asked = {"language": "de", "format": "ENUM", "values": ["ja", "nein"]}
    assert call_of(native(expected=asked)).expected == Expected("de", "enum", ("ja", "nein"))
    assert call_of(native()).expected == Expected()
