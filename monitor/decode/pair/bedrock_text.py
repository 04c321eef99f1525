"""Bodies of text models under Bedrock's InvokeModel: Amazon Titan, Meta Llama, and Mistral.

A prompt goes in and text comes out, whole or in pieces of the same shape. Other models' bodies under Invoke
are those of APIs that have modules of their own: Anthropic's, Cohere's, Nova's, AI21's.
Reference: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""

from __future__ import annotations

from typing import Any

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.shapes import integer, objects, text
from monitor.records import FinishReason, Message, Output, Part, PartType, Usage

STOP_REASONS = {
    "FINISH": FinishReason.STOP,
    "STOP_CRITERIA_MET": FinishReason.STOP,
    "stop": FinishReason.STOP,
    "LENGTH": FinishReason.LENGTH,
    "length": FinishReason.LENGTH,
    "CONTENT_FILTERED": FinishReason.CONTENT_FILTER,
}

#: Where the text is, why it stopped, and how many tokens went in and came out, in one or another family.
_TEXTS = ("outputText", "generation", "text")
_REASONS = ("completionReason", "stop_reason")
_INPUT_TOKENS = ("inputTextTokenCount", "prompt_token_count")
_OUTPUT_TOKENS = ("tokenCount", "totalOutputTextTokenCount", "generation_token_count")

#: Fields of a request that no other API has.
_OWN_FIELDS = frozenset({"textGenerationConfig", "max_gen_len"})


def ask(body: Body) -> Asked:
    """What a request says: its prompt is all of it."""
    prompt = text(body.get("inputText")) or text(body.get("prompt"))
    return Asked(input=(Message("user", (Part(PartType.TEXT, prompt),)),))


def answer(body: Body) -> Answer | None:
    """What a response says."""
    results = _results(body)
    if not results:
        return None
    return Answer(
        outputs=tuple(_output(result, body) for result in results),
        usage=_usage(body, results),
    )


def _usage(body: Body, results: list[Body]) -> Usage:
    """The tokens. Titan counts those that came out in each of its results."""
    written = [count for result in results if (count := integer(_first(result, _OUTPUT_TOKENS))) is not None]
    listed = {str(number): _counts(result) for number, result in enumerate(results) if result is not body}
    return Usage(
        input_tokens=integer(_first(body, _INPUT_TOKENS)),
        output_tokens=sum(written) if written else None,
        raw=raw_counts({**_counts(body), "results": listed}),
    )


def _counts(value: Body) -> Body:
    return {name: value[name] for name in (*_INPUT_TOKENS, *_OUTPUT_TOKENS) if name in value}


def _results(body: Body) -> list[Body]:
    """The results of a body: several under ``results`` or ``outputs``, or the body itself."""
    for name in ("results", "outputs"):
        if isinstance(body.get(name), list):
            return objects(body[name])
    return [body] if "outputText" in body or "generation" in body else []


def _first(value: Body, names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _output(result: Body, body: Body) -> Output:
    reason = text(_first(result, _REASONS))
    intervened = body.get("amazon-bedrock-guardrailAction") == "INTERVENED"
    return Output(
        text=text(_first(result, _TEXTS)),
        finish_reason=(
            FinishReason.CONTENT_FILTER if intervened else STOP_REASONS.get(reason, FinishReason.UNKNOWN)
        ),
        finish_reason_raw=reason or None,
    )


def assemble(events: list[Body]) -> Body:
    """A stream's pieces as one body: the texts joined, of anything else the latest."""
    body: Body = {}
    pieces: list[str] = []
    for event in events:
        body.update({key: value for key, value in event.items() if value is not None})
        for result in _results(event):
            body.update({key: value for key, value in result.items() if value is not None})
            pieces.append(text(_first(result, _TEXTS)))
    body = {key: value for key, value in body.items() if key not in ("results", "outputs")}
    return {**body, "outputText": "".join(pieces)}


def asks(request: Body) -> bool:
    """Whether a prompt was sent as only these models have it."""
    return not _OWN_FIELDS.isdisjoint(request)


def answers(response: Body) -> bool:
    """Whether a text came back as only these models have it."""
    return any(
        "text" in result or "outputText" in result or "generation" in result for result in _results(response)
    )


register(
    Api(
        name="bedrock.text",
        provider="aws.bedrock",
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
        operation="text_completion",
    )
)
