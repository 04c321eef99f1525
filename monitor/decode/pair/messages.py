"""Anthropic's Messages API.

Reference: https://docs.claude.com/en/api/messages and, for streams, /en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.messages_stream import assemble
from monitor.decode.pair.offers import contract_of
from monitor.decode.pair.shapes import (
    at,
    flag,
    integer,
    json_text,
    mapping,
    merged_text,
    objects,
    schema,
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
    ToolChoice,
    Usage,
)

STOP_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALL,
    "pause_turn": FinishReason.PAUSE,
    "refusal": FinishReason.REFUSAL,
}

#: Fields of a request that no other API has.
_OWN_FIELDS = frozenset({"anthropic_version", "mcp_servers", "output_config", "output_format", "thinking"})

_SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
_CALLS = _SERVER_CALLS | {"tool_use"}


# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    conversation = objects(body.get("messages"))
    if system := body.get("system"):
        conversation.insert(0, {"role": "system", "content": system})
    blocks = [block for message in conversation for block in _blocks(message.get("content"))]
    choice = _tool_choice(body.get("tool_choice"))
    # The format stood at the top level while it was in beta.
    output_format = at(body, "output_config", "format") or body.get("output_format")
    return Asked(
        contract=contract_of(mapping(output_format), choice),
        tools=tuple(_tools(body)),
        tool_choice=choice,
        parallel_tool_calls=at(body, "tool_choice", "disable_parallel_tool_use") is not True,
        input=tuple(
            Message(text(message.get("role")), tuple(_parts(message.get("content"))))
            for message in conversation
        ),
        documents=tuple(document for block in blocks for document in _documents(block, "message")),
        whole=not any(_is_encrypted(block) for block in blocks),
    )


def _tool_choice(value: Any) -> ToolChoice:
    kind, name = at(value, "type"), text(at(value, "name"))
    if kind == "tool" and name:
        return ToolChoice("required", (name,))
    if kind == "none":
        return ToolChoice("none")
    return ToolChoice("required" if kind == "any" else "auto")


def _tools(body: Body) -> Iterator[Tool]:
    for tool in objects(body.get("tools")):
        kind, name = text(tool.get("type")), text(tool.get("name"))
        if kind in ("", "custom"):
            description, strict = string(tool.get("description")), flag(tool.get("strict"))
            yield Tool(name, "function", description, schema(tool.get("input_schema")), strict)
        else:
            yield Tool(name or text(tool.get("mcp_server_name")) or kind, "builtin")
    for server in objects(body.get("mcp_servers")):
        yield Tool(text(server.get("name")), "mcp")


# -------------------------------------------------------------------------------------------------- blocks


def _blocks(content: Any) -> list[Body]:
    """A message's content as blocks; a plain text is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)


def _parts(content: Any) -> Iterator[Part]:
    """A message's parts; what a tool returned besides text stands next to its result."""
    for block in _blocks(content):
        yield _part(block)
        if text(block.get("type")).endswith("tool_result"):
            within = map(_part, objects(block.get("content")))
            yield from (part for part in within if part.type is PartType.MEDIA)


def _part(block: Body) -> Part:
    kind = text(block.get("type"))
    if kind == "text":
        return Part(PartType.TEXT, text(block.get("text")))
    if kind == "thinking":
        return Part(PartType.REASONING, text(block.get("thinking")))
    if kind in _CALLS:
        call = _call(block)
        return Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)
    if kind.endswith("tool_result"):
        id_ = string(block.get("tool_use_id"))
        return Part(PartType.TOOL_RESULT, _result_text(block), id=id_, is_error=_is_error(block))
    if kind in ("document", "search_result"):
        content, title = _document_text(block), string(block.get("title"))
        return Part(PartType.DOCUMENT if content else PartType.MEDIA, content, name=title)
    return Part(PartType.MEDIA if kind in ("image", "container_upload") else PartType.OTHER, name=kind)


def _call(block: Body) -> ToolCall:
    """A tool call. Its input is an object, or JSON text where a stream's pieces were put together."""
    return ToolCall(
        name=text(block.get("name")),
        arguments=json_text(block.get("input") or {}),
        id=string(block.get("id")),
        server_side=text(block.get("type")) in _SERVER_CALLS,
    )


def _is_error(block: Body) -> bool:
    """Whether a result is declared an error; those of the provider's own tools are by the content's type."""
    return block.get("is_error") is True or text(at(block, "content", "type")).endswith("_error")


def _result_text(block: Body) -> str:
    """What a tool returned, as far as it is text: of the client's tools, or of the provider's own."""
    content = block.get("content")
    if isinstance(content, dict):  # a server tool's result: a fetched page, or a command's output
        fetched = _document_text(mapping(content.get("content")))
        return "\n".join(filter(None, (fetched, text(content.get("stdout")), text(content.get("stderr")))))
    if isinstance(content, str):
        return content
    lines = (text(part.get("text")) or _document_text(part) for part in objects(content))
    return "\n".join(line for line in lines if line)


def _document_text(block: Body) -> str:
    """The text of a document or search result; nothing where its source is a file, a URL or a PDF."""
    if block.get("type") == "search_result":
        return merged_text(block.get("content"), "text", "\n")
    source = mapping(block.get("source"))
    if source.get("type") == "text":
        return text(source.get("data"))
    return merged_text(source.get("content"), "text", "\n")


def _documents(block: Body, origin: str) -> Iterator[Document]:
    kind = text(block.get("type"))
    if kind in ("document", "search_result") and (content := _document_text(block)):
        yield Document(content, string(block.get("source")) or string(block.get("title")), origin)
    elif kind == "tool_result":
        for part in objects(block.get("content")):
            yield from _documents(part, "tool_result")
    elif kind.endswith("tool_result") and (content := _result_text(block)):
        yield Document(content, string(at(block, "content", "url")), "retrieval")
    for citation in objects(block.get("citations")):
        if cited := text(citation.get("cited_text")):
            yield Document(cited, _cited(citation), "citation")


def _cited(citation: Body) -> str | None:
    """What a citation names: a URL, a document's title, or a search result's source."""
    names = (string(citation.get(field)) for field in ("url", "document_title", "source", "title"))
    return next((name for name in names if name), None)


def _is_encrypted(block: Body) -> bool:
    """Whether the model read more than the block shows: web pages come encrypted."""
    return block.get("type") == "web_search_tool_result"


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    if not isinstance(body.get("content"), list):
        return None
    blocks = _blocks(body["content"])
    reason = text(body.get("stop_reason"))
    return Answer(
        id=string(body.get("id")),
        model=_model(body),
        outputs=(_output(blocks, reason, body),) if blocks or reason else (),
        usage=_usage(mapping(body.get("usage"))),
        documents=tuple(document for block in blocks for document in _documents(block, "retrieval")),
        whole=not any(_is_encrypted(block) for block in blocks),
    )


def _model(body: Body) -> str:
    """Who answered: after a fallback a stream still begins with the model that was asked first."""
    iterations = objects(at(body, "usage", "iterations"))
    fallbacks = [text(one.get("model")) for one in iterations if one.get("type") == "fallback_message"]
    return next(filter(None, reversed(fallbacks)), text(body.get("model")))


def _output(blocks: list[Body], reason: str, body: Body) -> Output:
    cited = (_cited(citation) for block in blocks for citation in objects(block.get("citations")))
    return Output(
        text="".join(text(block.get("text")) for block in blocks if block.get("type") == "text"),
        refusal=text(at(body, "stop_details", "explanation")) if reason == "refusal" else None,
        reasoning="".join(text(block.get("thinking")) for block in blocks) or None,
        tool_calls=tuple(_call(block) for block in blocks if text(block.get("type")) in _CALLS),
        citations=tuple(dict.fromkeys(name for name in cited if name)),
        finish_reason=STOP_REASONS.get(reason, FinishReason.UNKNOWN),
        finish_reason_raw=reason or None,
    )


def _usage(usage: Body) -> Usage:
    """Anthropic counts cache reads and writes beside the input tokens; here they are part of them."""
    read = integer(usage.get("cache_read_input_tokens"))
    written = integer(usage.get("cache_creation_input_tokens"))
    uncached = integer(usage.get("input_tokens"))
    return Usage(
        input_tokens=None if uncached is None else uncached + (read or 0) + (written or 0),
        output_tokens=integer(usage.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=integer(at(usage, "output_tokens_details", "thinking_tokens")),
        raw=raw_counts(usage),
    )


def asks(request: Body) -> bool:
    """Whether messages were sent as only this API has them."""
    return isinstance(request.get("messages"), list) and (
        not _OWN_FIELDS.isdisjoint(request)
        or text(request.get("model")).startswith("claude")
        or any("input_schema" in tool for tool in objects(request.get("tools")))
    )


def answers(response: Body) -> bool:
    """Whether a message, the first event of one, or an error object of this API came back."""
    return response.get("type") in ("message", "message_start") or (
        response.get("type") == "error" and isinstance(response.get("error"), dict)
    )


register(
    Api(
        name="messages",
        provider="anthropic",
        paths=("/messages",),
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
    )
)
