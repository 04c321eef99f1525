"""OpenAI's Chat Completions API and its many dialects (Azure, Mistral, Groq, OpenRouter, DeepSeek, vLLM, …).

Reference: https://platform.openai.com/docs/api-reference/chat. Where a dialect says more or says it
elsewhere, the field is named next to the one it stands in for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.chat_messages import conversation, offered_tools, reasoning_of, tool_calls
from monitor.decode.pair.chat_stream import assemble
from monitor.decode.pair.offers import contract_of, expected_of, media_of, tool_choice
from monitor.decode.pair.shapes import (
    at,
    dollars,
    integer,
    mapping,
    merged_text,
    numbers,
    objects,
    string,
    strings,
    text,
)
from monitor.records import (
    Contract,
    Document,
    FinishReason,
    Output,
    ToolChoice,
    Usage,
)

#: Finish reasons of OpenAI and of those who speak its dialects.
FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALL,
    "function_call": FinishReason.TOOL_CALL,
    "content_filter": FinishReason.CONTENT_FILTER,
    "error": FinishReason.ERROR,
    "insufficient_system_resource": FinishReason.ERROR,
    "tool_use_failed": FinishReason.MALFORMED_TOOL_CALL,
}

_MEDIA_FIELDS = {"image": "images", "audio": "audio"}

# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    choice = tool_choice(body.get("tool_choice", body.get("function_call")))
    return Asked(
        contract=_contract(body.get("response_format"), choice),
        expected=expected_of(body.get("modalities"), choices_of(body), body.get("language_preference")),
        tools=tuple(offered_tools(body)),
        tool_choice=choice,
        parallel_tool_calls=body.get("parallel_tool_calls") is not False,
        input=conversation(body.get("messages")),
    )


def _contract(response_format: Any, choice: ToolChoice) -> Contract:
    outer = mapping(response_format)
    return contract_of({**outer, **mapping(outer.get("json_schema"))}, choice)


def choices_of(body: Body) -> Any:
    """The only texts that vLLM may answer: ``structured_outputs.choice``, or its older ``guided_choice``."""
    return at(body, "structured_outputs", "choice") or body.get("guided_choice")


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    choices = objects(body.get("choices"))
    if at(body, "error", "code") == "tool_use_failed":
        choices = _failed_generation(choices, text(at(body, "error", "failed_generation")))
    elif not isinstance(body.get("choices"), list):
        return None
    outputs = tuple(_output(choice, body) for choice in choices)
    documents = tuple(_documents(choices, body))
    found = {link for output in outputs for link in output.citations}
    found.update(text(result.get("url")) for result in objects(body.get("search_results")))
    return Answer(
        id=string(body.get("id")),
        model=text(body.get("model")),
        created=body.get("created"),
        outputs=outputs,
        usage=usage_of(body),
        documents=documents,
        media=next(filter(None, map(_media, choices)), ""),
        # Of a page that was found in the web some show what was read, and some no more than its address.
        whole=found <= {document.id for document in documents},
    )


def _failed_generation(choices: list[Body], generated: str) -> list[Body]:
    """Groq refuses a malformed tool call as an error, and says what the model wrote."""
    written = choices or [{"message": {"content": generated}}]
    return [{**choice, "finish_reason": "tool_use_failed"} for choice in written]


def _output(choice: Body, body: Body) -> Output:
    message = mapping(choice.get("message"))
    refusal = string(message.get("refusal"))
    raw = text(choice.get("finish_reason"))
    finish_reason = FINISH_REASONS.get(raw, FinishReason.UNKNOWN)
    links = [text(at(note, "url_citation", "url")) for note in objects(message.get("annotations"))]
    links += strings(body.get("citations"))
    return Output(
        text=merged_text(message.get("content"), "text"),
        refusal=refusal or None,
        reasoning=reasoning_of(message),
        tool_calls=tuple(tool_calls(message)),
        citations=tuple(dict.fromkeys(filter(None, links))),
        finish_reason=FinishReason.REFUSAL if refusal else finish_reason,
        finish_reason_raw=raw or None,
        logprobs=numbers(token.get("logprob") for token in objects(at(choice, "logprobs", "content"))),
    )


def _media(choice: Body) -> str:
    """Speech, or pictures as OpenRouter returns them."""
    message = mapping(choice.get("message"))
    return media_of(kind for kind, field in _MEDIA_FIELDS.items() if message.get(field))


def _documents(choices: list[Body], body: Body) -> Iterator[Document]:
    for choice in choices:
        for note in objects(at(choice, "message", "annotations")):
            if content := text(at(note, "url_citation", "content")):
                yield Document(content, string(at(note, "url_citation", "url")), "citation")
    for result in objects(body.get("search_results")):
        if content := text(result.get("snippet")):
            yield Document(content, string(result.get("url")), "retrieval")


def usage_of(body: Body) -> Usage:
    """The tokens, as OpenAI and its dialects count them."""
    usage = mapping(body.get("usage") or at(body, "x_groq", "usage"))
    prompt, completion = integer(usage.get("prompt_tokens")), integer(usage.get("completion_tokens"))
    reasoning = integer(at(usage, "completion_tokens_details", "reasoning_tokens"))
    if reasoning is None:
        reasoning = integer(usage.get("reasoning_tokens"))
    total = integer(usage.get("total_tokens"))
    if completion and reasoning and total == (prompt or 0) + completion + reasoning:
        completion += reasoning  # xAI counts reasoning beside the completion
    cached = at(usage, "prompt_tokens_details", "cached_tokens")
    return Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_tokens=integer(usage.get("prompt_cache_hit_tokens") if cached is None else cached),
        cache_write_tokens=integer(at(usage, "prompt_tokens_details", "cache_write_tokens")),
        reasoning_tokens=reasoning,
        raw=raw_counts(usage),
        cost=_cost(usage),
    )


def _cost(usage: Body) -> float | None:
    """What the provider says that it charged, or, with a key of one's own, what it cost there.

    https://openrouter.ai/docs/use-cases/usage-accounting and
    https://docs.perplexity.ai/api-reference/chat-completions-post
    """
    upstream = at(usage, "cost_details", "upstream_inference_cost")
    return dollars(usage.get("cost"), at(usage, "cost", "total_cost"), upstream)


def asks(request: Body) -> bool:
    """Whether messages were sent."""
    return isinstance(request.get("messages"), list)


def answers(response: Body) -> bool:
    """Whether choices came back that are no text completions."""
    kind = text(response.get("object"))
    choices = response.get("choices")
    return kind.startswith("chat.completion") or (
        isinstance(choices, list)
        and not kind.startswith(("text_completion", "text.completion"))
        and all("message" in choice or "delta" in choice for choice in objects(choices))
    )


CHAT_COMPLETIONS = Api(
    name="chat.completions",
    provider="openai",
    paths=("/chat/completions",),
    asks=asks,
    answers=answers,
    ask=ask,
    answer=answer,
    assemble=assemble,
    plain=True,
)

register(CHAT_COMPLETIONS)
