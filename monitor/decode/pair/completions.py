"""OpenAI's legacy Completions API, and its dialects (vLLM, Together, Writer).

Reference: https://platform.openai.com/docs/api-reference/completions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.chat_completions import FINISH_REASONS, choices_of, usage_of
from monitor.decode.pair.offers import contract_of, expected_of
from monitor.decode.pair.shapes import at, integer, listed, mapping, numbers, objects, string, strings, text
from monitor.records import FinishReason, Message, Output, Part, PartType, ToolChoice


def ask(body: Body) -> Asked:
    """What a request says. Prompts that are token numbers can't be read."""
    prompt = body.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else strings(prompt)
    if suffix := text(body.get("suffix")):
        prompts.append(suffix)
    wanted = mapping(body.get("response_format"))  # vLLM and Together
    return Asked(
        contract=contract_of({**wanted, **mapping(wanted.get("json_schema"))}, ToolChoice()),
        expected=expected_of(None, choices_of(body)),
        input=tuple(Message("user", (Part(PartType.TEXT, one),)) for one in prompts),
        whole=bool(prompts),
    )


def answer(body: Body) -> Answer | None:
    """What a response says."""
    if not isinstance(body.get("choices"), list):
        return None
    return Answer(
        id=string(body.get("id")) or None,
        model=text(body.get("model")),
        created=body.get("created"),
        outputs=tuple(map(_output, objects(body["choices"]))),
        usage=usage_of(body),
    )


def _output(choice: Body) -> Output:
    reason = text(choice.get("finish_reason"))
    return Output(
        text=text(choice.get("text")),
        finish_reason=FINISH_REASONS.get(reason, FinishReason.UNKNOWN),
        finish_reason_raw=reason or None,
        logprobs=numbers(_logprobs(choice)),
    )


def _logprobs(choice: Body) -> list[Any]:
    """One value a token; of a prompt that is echoed, too, whose first one has none."""
    return listed(at(choice, "logprobs", "token_logprobs"))


def assemble(events: list[Body]) -> Body:
    """The chunks as one response body; an ``error``, of a chunk or of a choice, is left in the body."""
    body: Body = {}
    texts: dict[int, list[str]] = {}
    reasons: dict[int, Any] = {}
    logprobs: dict[int, list[Any]] = {}
    for chunk in events:
        body.update({key: value for key, value in chunk.items() if value is not None})
        for choice in _choices(chunk):
            index = integer(choice.get("index")) or 0
            texts.setdefault(index, []).append(text(choice.get("text")))
            logprobs.setdefault(index, []).extend(_logprobs(choice))
            reasons[index] = choice.get("finish_reason") or reasons.get(index)
            if error := choice.get("error"):
                body["error"] = error
    body["choices"] = [
        {
            "text": "".join(texts[index]),
            "finish_reason": reasons[index],
            "logprobs": {"token_logprobs": logprobs[index]},
        }
        for index in sorted(texts)
    ]
    return body


def _choices(chunk: Body) -> Iterator[Body]:
    """A chunk's choices. Writer streams one, as ``{value}``."""
    if isinstance(chunk.get("value"), str):
        yield {"text": chunk["value"]}
    yield from objects(chunk.get("choices"))


def asks(request: Body) -> bool:
    """Whether a prompt was sent."""
    return "prompt" in request and "messages" not in request


def answers(response: Body) -> bool:
    """Whether choices came back that are text completions, or a piece of Writer's stream."""
    return (
        text(response.get("object")).startswith(("text_completion", "text.completion"))
        or any("text" in choice for choice in objects(response.get("choices")))
        or response.keys() == {"value"}
    )


register(
    Api(
        name="completions",
        provider="openai",
        paths=("/completions",),
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
        operation="text_completion",
        plain=True,
    )
)
