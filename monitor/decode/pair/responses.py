"""OpenAI's Responses API, also as served by Azure, xAI, DeepSeek, OpenRouter and Bedrock.

Reference: https://platform.openai.com/docs/api-reference/responses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.offers import contract_of, expected_of, function_tool, tool_choice, tool_name
from monitor.decode.pair.responses_stream import assemble
from monitor.decode.pair.shapes import (
    at,
    integer,
    json_text,
    mapping,
    merged_text,
    numbers,
    objects,
    string,
    text,
)
from monitor.records import (
    Document,
    FinishReason,
    Message,
    Output,
    Part,
    PartType,
    Tool,
    ToolCall,
    Usage,
)

INCOMPLETE_REASONS = {
    "max_output_tokens": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}

#: Tools that the provider itself runs. Every other ``*_call`` is for the application to run.
SERVER_CALLS = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call"}
)

#: Server tools whose findings the model reads, and which the response shows only when asked to.
_LOOKUPS = frozenset({"web_search_call", "file_search_call", "code_interpreter_call"})

#: Statuses of a response that is still being made.
_UNFINISHED = frozenset({"queued", "in_progress"})

#: Input items that stand for something kept at the provider.
_REFERENCES = frozenset({"item_reference", "compaction"})


# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    given = body.get("input")
    items = objects(given)
    if isinstance(given, str):
        items = [{"role": "user", "content": given}]
    if instructions := text(body.get("instructions")):
        items.insert(0, {"role": "system", "content": instructions})
    choice = tool_choice(body.get("tool_choice"))
    return Asked(
        contract=contract_of(mapping(at(body, "text", "format")), choice),
        expected=expected_of(None, language=body.get("language_preference")),
        tools=(*_tools(body.get("tools")), *_found_tools(items)),
        tool_choice=choice,
        parallel_tool_calls=body.get("parallel_tool_calls") is not False,
        input=tuple(map(_message, items)),
        documents=tuple(document for item in items for document in _documents(item)),
        whole=not (
            any(body.get(field) for field in ("previous_response_id", "conversation", "prompt"))
            or any(text(item.get("type")) in _REFERENCES for item in items)
        ),
    )


def _tools(tools: Any) -> Iterator[Tool]:
    for tool in objects(tools):
        kind = tool.get("type")
        if kind == "function":
            yield function_tool(tool)
        elif kind == "namespace":
            yield from _tools(tool.get("tools"))
        else:
            yield Tool(tool_name(tool), "mcp" if kind == "mcp" else "builtin")


def _found_tools(items: list[Body]) -> Iterator[Tool]:
    """Tools that were added in the middle of the conversation, by hand or by a tool search."""
    for item in items:
        if item.get("type") in ("additional_tools", "tool_search_output"):
            yield from _tools(item.get("tools"))


def _message(item: Body) -> Message:
    kind = text(item.get("type"))
    if kind.endswith("_call_output"):
        result = merged_text(item.get("output"), "text", "\n")
        returned = map(_part, objects(item.get("output")))
        media = (part for part in returned if part.type is PartType.MEDIA)
        return Message("tool", (Part(PartType.TOOL_RESULT, result, id=string(item.get("call_id"))), *media))
    if kind.endswith("_call"):
        call = _call(item)
        part = Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)
        return Message("assistant", (part, *_failure(item)))
    if kind == "reasoning":
        return Message("assistant", (Part(PartType.REASONING, _reasoning(item)),))
    content = item.get("content")
    if isinstance(content, str):
        return Message(text(item.get("role")), (Part(PartType.TEXT, content),))
    return Message(text(item.get("role")), tuple(map(_part, objects(content))))


def _failure(item: Body) -> Iterator[Part]:
    """What came of a call to an MCP server that failed: an item of that type holds both."""
    if item.get("type") == "mcp_call" and (error := item.get("error")):
        yield Part(PartType.TOOL_RESULT, json_text(error), id=string(item.get("id")), is_error=True)


def _part(block: Body) -> Part:
    kind = text(block.get("type"))
    if kind in ("text", "input_text", "output_text", "refusal"):
        return Part(PartType.TEXT, text(block.get("refusal" if kind == "refusal" else "text")))
    if kind == "reasoning_text":
        return Part(PartType.REASONING, text(block.get("text")))
    return Part(PartType.MEDIA, name=string(block.get("filename")) or kind)


# --------------------------------------------------------------------------------------------------- items


def _call(item: Body) -> ToolCall:
    """A tool call: of a function by its name, of a built-in tool by its type."""
    kind = text(item.get("type"))
    given = (item.get(field) for field in ("arguments", "input", "action", "code"))
    return ToolCall(
        name=text(item.get("name")) or kind.removesuffix("_call"),
        arguments=json_text(next((value for value in given if value is not None), {})),
        id=string(item.get("call_id")) or string(item.get("id")),
        server_side=kind in SERVER_CALLS or item.get("execution") == "server",
    )


def _reasoning(item: Body) -> str:
    return merged_text(item.get("content"), "text") or merged_text(item.get("summary"), "text", "\n")


def _documents(item: Body) -> Iterator[Document]:
    """What a server tool found, where the item shows it."""
    kind = item.get("type")
    if kind == "file_search_call":
        for result in objects(item.get("results")):
            yield Document(text(result.get("text")), string(result.get("filename")), "retrieval")
    elif kind == "mcp_call" and (output := text(item.get("output"))):
        yield Document(output, string(item.get("name")), "tool_result")
    elif kind == "code_interpreter_call" and (logs := merged_text(item.get("outputs"), "logs", "\n")):
        yield Document(logs, None, "tool_result")


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    if not isinstance(body.get("output"), list):
        return None
    items = objects(body["output"])
    documents = tuple(document for item in items for document in _documents(item))
    return Answer(
        id=string(body.get("id")),
        model=text(body.get("model")),
        created=body.get("created_at"),
        outputs=(_output(items, body),) if items or body.get("status") in ("completed", "incomplete") else (),
        usage=_usage(mapping(body.get("usage"))),
        documents=documents,
        tools=tuple(_found_tools(items)),
        media="image" if any(item.get("type") == "image_generation_call" for item in items) else "",
        whole=not any(text(item.get("type")) in _LOOKUPS and not any(_documents(item)) for item in items),
    )


def _output(items: list[Body], body: Body) -> Output:
    messages = (item for item in items if item.get("type") == "message")
    blocks = [block for message in messages for block in objects(message.get("content"))]
    notes = (note for block in blocks for note in objects(block.get("annotations")))
    cited = (string(note.get("url")) or string(note.get("filename")) for note in notes)
    refusal = "".join(text(block.get("refusal")) for block in blocks) or None
    calls = tuple(_call(item) for item in items if text(item.get("type")).endswith("_call"))
    reason = text(at(body, "incomplete_details", "reason")) or text(body.get("status"))
    return Output(
        text="".join(text(block.get("text")) for block in blocks),
        refusal=refusal,
        reasoning="\n".join(_reasoning(item) for item in items if item.get("type") == "reasoning") or None,
        tool_calls=calls,
        citations=tuple(dict.fromkeys(name for name in cited if name)),
        finish_reason=_finish_reason(reason, refusal, items, calls),
        finish_reason_raw=None if reason in _UNFINISHED else reason or None,
        logprobs=numbers(
            token.get("logprob") for block in blocks for token in objects(block.get("logprobs"))
        ),
    )


def _finish_reason(
    reason: str, refusal: str | None, items: list[Body], calls: tuple[ToolCall, ...]
) -> FinishReason:
    """The API only says that it completed; what completed it is seen from the output."""
    if reason == "failed":
        return FinishReason.ERROR
    if reason != "completed":
        return INCOMPLETE_REASONS.get(reason, FinishReason.UNKNOWN)
    if refusal:
        return FinishReason.REFUSAL
    if any(not call.server_side for call in calls):
        return FinishReason.TOOL_CALL
    waits = any(item.get("type") == "mcp_approval_request" for item in items)
    return FinishReason.PAUSE if waits else FinishReason.STOP


def _usage(usage: Body) -> Usage:
    return Usage(
        input_tokens=integer(usage.get("input_tokens")),
        output_tokens=integer(usage.get("output_tokens")),
        cache_read_tokens=integer(at(usage, "input_tokens_details", "cached_tokens")),
        cache_write_tokens=integer(at(usage, "input_tokens_details", "cache_write_tokens")),
        reasoning_tokens=integer(at(usage, "output_tokens_details", "reasoning_tokens")),
        raw=raw_counts(usage),
    )


def asks(request: Body) -> bool:
    """Whether an input was sent, and no embedding's."""
    return "input" in request and request.keys().isdisjoint({"messages", "encoding_format", "dimensions"})


def answers(response: Body) -> bool:
    """Whether a response or a response's first event came back."""
    return response.get("object") == "response" or text(response.get("type")).startswith("response.")


register(
    Api(
        name="responses",
        provider="openai",
        paths=("/responses",),
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
    )
)
