"""The ``instructions`` score: a call comes in, whether its answer is one, and as asked for, goes out.

Is there anything at all, or a refusal, or half an answer; and, where the request said so in a way that a
machine can read (``call.expected``), is it in the language and form that were asked for. Each choice is
judged by itself; the worst decides.
"""

from __future__ import annotations

from typing import Final

from monitor.records import (
    JSON_CONTRACTS,
    UNFINISHED,
    Call,
    Expected,
    FinishReason,
    InstructionsOutcome,
    InstructionsScore,
    Output,
    Status,
)
from monitor.scorers.instructions.forms import mistake
from monitor.scorers.instructions.language import other_language
from monitor.scorers.refusal import refuses

#: Of this scorer: a change that can change a score counts one up.
VERSION: Final = 2

#: Characters of a language tag that are shown: as many as RFC 5646, section 4.4.1, would have anyone hold.
MAX_TAG: Final = 35
#: Choices that are judged; what an API gives at most is OpenAI's 128
#: (https://platform.openai.com/docs/api-reference/chat/create, ``n``).
MAX_CHOICES: Final = 128
#: Operations whose answer is no text, by OpenTelemetry's names (``gen_ai.operation.name``) and those in use.
NO_TEXT: Final = frozenset(
    {
        "embeddings",
        "embedding",
        "rerank",
        "reranking",
        "retrieval",
        "moderation",
        "moderations",
        "image_generation",
        "speech",
        "text_to_speech",
        "execute_tool",
        "create_agent",
    }
)
#: Answers in another form than text: what they are cannot be seen, so that no text is no failure.
MEDIA: Final = frozenset({"image", "speech", "audio", "video"})

_REFUSED = frozenset({FinishReason.REFUSAL, FinishReason.CONTENT_FILTER})
_WORST_FIRST = (
    InstructionsOutcome.EMPTY,
    InstructionsOutcome.REFUSED,
    InstructionsOutcome.LENGTH_LIMIT,
    InstructionsOutcome.WRONG_LANGUAGE,
    InstructionsOutcome.WRONG_FORMAT,
    InstructionsOutcome.UNKNOWN,
    InstructionsOutcome.OK,
    InstructionsOutcome.NOT_APPLICABLE,
)


def score_instructions(call: Call) -> InstructionsScore:
    """Whether the call was answered, and in the language and form that it asked for. Never raises."""
    if call.status is Status.ERROR or call.operation in NO_TEXT:
        return InstructionsScore(InstructionsOutcome.NOT_APPLICABLE)
    if not call.captured.output:
        return InstructionsScore(InstructionsOutcome.UNKNOWN, "output not captured")
    if not call.outputs:
        return InstructionsScore(InstructionsOutcome.UNKNOWN, "no output in the record")
    expected = call.expected
    if expected.format == "json" and call.contract.kind in JSON_CONTRACTS:
        expected = Expected(language=expected.language)  # the json score says what became of it
    judged = [_judge(output, expected) for output in call.outputs[:MAX_CHOICES]]
    if len(call.outputs) > MAX_CHOICES:
        judged.append(InstructionsScore(InstructionsOutcome.UNKNOWN, f"more than {MAX_CHOICES} choices"))
    return min(judged, key=lambda score: _WORST_FIRST.index(score.outcome))


def _judge(output: Output, expected: Expected) -> InstructionsScore:
    """The first outcome that applies to one choice."""
    text, finish = output.text, output.finish_reason
    if finish in UNFINISHED:
        return InstructionsScore(InstructionsOutcome.NOT_APPLICABLE, finish.value)
    is_blank, is_refused = not text.strip(), bool(output.refusal) or finish in _REFUSED
    # Of a finish reason without its tool call, the call was not logged.
    calls_tools = finish is FinishReason.TOOL_CALL or any(not call.server_side for call in output.tool_calls)
    if is_blank and not calls_tools and not is_refused:
        if expected.format in MEDIA:
            return InstructionsScore(InstructionsOutcome.NOT_APPLICABLE, f"{expected.format} was asked for")
        return InstructionsScore(InstructionsOutcome.EMPTY, _why_empty(output))
    if is_refused:
        by = finish.value if finish in _REFUSED and not output.refusal else "by the model"
        return InstructionsScore(InstructionsOutcome.REFUSED, by)
    if not calls_tools and refuses(text):
        return InstructionsScore(InstructionsOutcome.REFUSED, "by its words")
    if finish is FinishReason.LENGTH:
        return InstructionsScore(InstructionsOutcome.LENGTH_LIMIT)
    return InstructionsScore(InstructionsOutcome.OK) if calls_tools else _as_asked(text, expected)


def _why_empty(output: Output) -> str | None:
    """What there is instead of an answer, as far as that can be told."""
    if output.finish_reason in (FinishReason.LENGTH, FinishReason.MALFORMED_TOOL_CALL):
        return output.finish_reason.value
    if output.reasoning:
        return "reasoning only"
    if output.tool_calls:
        return "the provider's own tools only"
    return "white space" if output.text else None


def _as_asked(text: str, expected: Expected) -> InstructionsScore:
    """Whether an answer is in the language and form that were asked for."""
    if expected.language and (other := other_language(text, expected.language)):
        detail = f"{other}, asked for {expected.language[:MAX_TAG]}"
        return InstructionsScore(InstructionsOutcome.WRONG_LANGUAGE, detail)
    if expected.format and (wrong := mistake(text, expected.format, expected.values)):
        return InstructionsScore(InstructionsOutcome.WRONG_FORMAT, f"{expected.format}: {wrong}")
    return InstructionsScore(InstructionsOutcome.OK)
