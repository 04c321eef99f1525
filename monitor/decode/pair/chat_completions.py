"""OpenAI's Chat Completions API and its many dialects (Azure, Mistral, Groq, OpenRouter, DeepSeek, vLLM, …).

Reference: https://platform.openai.com/docs/api-reference/chat. Where a dialect says more or says it
elsewhere, the field is named next to the one it stands in for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.chat_stream import assemble
from monitor.decode.pair.offers import contract_of, function_tool, tool_choice, tool_name
from monitor.decode.pair.shapes import (
    at,
    integer,
    json_text,
    mapping,
    merged_text,
    objects,
    string,
    strings,
    text,
)
from monitor.records import (
    Contract,
    Document,
    FallbackHint,
    FinishReason,
    Message,
    Output,
    Part,
    PartType,
    Tool,
    ToolCall,
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

# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    choice = tool_choice(body.get("tool_choice", body.get("function_call")))
    return Asked(
        contract=_contract(body.get("response_format"), choice),
        tools=tuple(_tools(body)),
        tool_choice=choice,
        parallel_tool_calls=body.get("parallel_tool_calls") is not False,
        input=tuple(
            Message(text(message.get("role")), tuple(_parts(message)))
            for message in objects(body.get("messages"))
        ),
    )


def _contract(response_format: Any, choice: ToolChoice) -> Contract:
    outer = mapping(response_format)
    return contract_of({**outer, **mapping(outer.get("json_schema"))}, choice)


def _tools(body: Body) -> Iterator[Tool]:
    for tool in objects(body.get("tools")):
        if isinstance(tool.get("function"), dict):
            yield function_tool(tool["function"])
        else:
            yield Tool(tool_name(tool), "builtin")
    for function in objects(body.get("functions")):
        yield function_tool(function)


def _parts(message: Body) -> Iterator[Part]:
    content = message.get("content")
    if message.get("role") in ("tool", "function"):
        id_, name = string(message.get("tool_call_id")), string(message.get("name"))
        yield Part(PartType.TOOL_RESULT, merged_text(content, "text", "\n"), id=id_, name=name)
        yield from (part for part in map(_part, objects(content)) if part.type is PartType.MEDIA)
        return
    if reasoning := _reasoning(message):
        yield Part(PartType.REASONING, reasoning)
    if isinstance(content, str):
        yield Part(PartType.TEXT, content)
    for block in objects(content):
        yield _part(block)
    for call in _tool_calls(message):
        yield Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)


def _part(block: Body) -> Part:
    kind = block.get("type")
    if kind in ("text", "refusal"):
        return Part(PartType.TEXT, text(block.get(kind)))
    if kind == "thinking":
        return Part(PartType.REASONING, merged_text(block.get("thinking"), "text"))
    return Part(PartType.MEDIA, name=string(at(block, "file", "filename")) or string(kind))


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    choices = list(objects(body.get("choices")))
    if at(body, "error", "code") == "tool_use_failed":
        choices = _failed_generation(choices, text(at(body, "error", "failed_generation")))
    elif not isinstance(body.get("choices"), list):
        return None
    searched = list(objects(body.get("search_results")))
    return Answer(
        id=string(body.get("id")),
        model=text(body.get("model")),
        created=body.get("created"),
        outputs=tuple(_output(choice, body) for choice in choices),
        usage=_usage(body),
        documents=tuple(_documents(choices, searched)),
        fallback=_fallback(body),
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
        reasoning=_reasoning(message),
        tool_calls=tuple(_tool_calls(message)),
        citations=tuple(dict.fromkeys(filter(None, links))),
        finish_reason=FinishReason.REFUSAL if refusal else finish_reason,
        finish_reason_raw=raw or None,
    )


def _reasoning(message: Body) -> str | None:
    """``reasoning_content`` (DeepSeek, vLLM), ``reasoning`` (OpenRouter, Groq), thinking blocks (Mistral)."""
    for field in ("reasoning_content", "reasoning"):
        if written := text(message.get(field)):
            return written
    blocks = (block.get("thinking") for block in objects(message.get("content")))
    return "".join(merged_text(block, "text") for block in blocks) or None


def _tool_calls(message: Body) -> Iterator[ToolCall]:
    """The tool calls, with ``function_call``, their predecessor. Some servers send empty ones for none."""
    calls = [
        (call.get("function") or call.get("custom"), string(call.get("id")))
        for call in objects(message.get("tool_calls"))
    ]
    for function, id_ in (*calls, (message.get("function_call"), None)):
        arguments = at(function, "arguments")
        if arguments is None:
            arguments = at(function, "input") or ""
        if arguments or at(function, "name"):
            yield ToolCall(text(at(function, "name")), json_text(arguments), id_)


def _documents(choices: list[Body], searched: list[Body]) -> Iterator[Document]:
    for choice in choices:
        for note in objects(at(choice, "message", "annotations")):
            if content := text(at(note, "url_citation", "content")):
                yield Document(content, string(at(note, "url_citation", "url")), "citation")
    for result in searched:
        if content := text(result.get("snippet")):
            yield Document(content, string(result.get("url")), "retrieval")


def _usage(body: Body) -> Usage:
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
    )


def _fallback(body: Body) -> FallbackHint:
    """OpenRouter's own account of its routing, when asked for."""
    attempt = integer(at(body, "openrouter_metadata", "attempt"))
    if attempt is None:
        return FallbackHint()
    requested = string(at(body, "openrouter_metadata", "requested"))
    return FallbackHint(
        declared="fallback" if attempt > 1 else "none",
        from_model=requested if attempt > 1 else None,
        to_model=string(body.get("model")) if attempt > 1 else None,
        evidence="openrouter_metadata.attempt",
    )


def recognises(request: Body, response: Body) -> bool:
    """Messages were sent, and choices (or an error that isn't another API's) came back."""
    if not isinstance(request.get("messages"), list):
        return False
    return response.get("type") != "error" and (
        text(response.get("object")).startswith("chat.completion")
        or isinstance(response.get("choices"), list)
        or isinstance(response.get("error"), dict)
    )


register(Api("chat.completions", "openai", "/chat/completions", recognises, ask, answer, assemble))
