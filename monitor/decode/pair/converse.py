"""Amazon Bedrock's Converse and ConverseStream, and the bodies of Nova models, which are alike, under Invoke.

Reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode import text as json
from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.converse_stream import OWN_EVENTS, assemble
from monitor.decode.pair.shapes import (
    at,
    flag,
    integer,
    json_text,
    mapping,
    merged_text,
    number,
    objects,
    schema,
    string,
    strings,
    text,
)
from monitor.errors import BadInput
from monitor.records import (
    Contract,
    ContractKind,
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
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "malformed_tool_use": FinishReason.MALFORMED_TOOL_CALL,
    "malformed_model_output": FinishReason.ERROR,
}

_MEDIA = frozenset({"image", "video", "audio"})

#: Fields of a request that no other API has.
_OWN_FIELDS = frozenset({"inferenceConfig", "toolConfig", "guardrailConfig", "outputConfig", "modelId"})


# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    conversation = objects(body.get("messages"))
    if system := objects(body.get("system")):
        conversation.insert(0, {"role": "system", "content": system})
    blocks = [block for message in conversation for block in objects(message.get("content"))]
    choice = _tool_choice(at(body, "toolConfig", "toolChoice"))
    return Asked(
        contract=_contract(at(body, "outputConfig", "textFormat", "structure", "jsonSchema"), choice),
        tools=tuple(_tools(at(body, "toolConfig", "tools"))),
        tool_choice=choice,
        input=tuple(
            Message(text(message.get("role")), tuple(_parts(message.get("content"))))
            for message in conversation
        ),
        documents=tuple(document for block in blocks for document in _documents(block, "message")),
        whole=not body.get("promptVariables"),  # the prompt itself lies in Bedrock's prompt management
    )


def _contract(given: Any, choice: ToolChoice) -> Contract:
    """The contract. Its schema comes as JSON text."""
    if isinstance(given, dict):
        try:
            stated = schema(json.parse(text(given.get("schema"))))
        except BadInput:
            stated = None
        return Contract(ContractKind.JSON_SCHEMA, stated, name=string(given.get("name")))
    if choice.mode == "required":
        return Contract(ContractKind.TOOL, name=choice.names[0] if choice.names else None)
    return Contract(ContractKind.NONE)


def _tool_choice(value: Any) -> ToolChoice:
    if name := text(at(value, "tool", "name")):
        return ToolChoice("required", (name,))
    return ToolChoice("required" if "any" in mapping(value) else "auto")


def _tools(tools: Any) -> Iterator[Tool]:
    for tool in objects(tools):
        if specified := mapping(tool.get("toolSpec")):
            yield Tool(
                name=text(specified.get("name")),
                description=string(specified.get("description")),
                schema=schema(at(specified, "inputSchema", "json")),
                strict=flag(specified.get("strict")),
            )
        elif name := text(at(tool, "systemTool", "name")):
            yield Tool(name, "builtin")


# -------------------------------------------------------------------------------------------------- blocks


def _parts(content: Any) -> Iterator[Part]:
    """A message's parts; what a tool returned besides text stands next to its result."""
    for block in objects(content):
        yield _part(block)
        within = map(_part, objects(at(block, "toolResult", "content")))
        yield from (part for part in within if part.type is PartType.MEDIA)


def _part(block: Body) -> Part:
    if isinstance(block.get("text"), str):
        return Part(PartType.TEXT, block["text"])
    if (guarded := at(block, "guardContent", "text", "text")) is not None:
        return Part(PartType.TEXT, text(guarded))
    if (reasoning := at(block, "reasoningContent")) is not None:
        return Part(PartType.REASONING, text(at(reasoning, "reasoningText", "text")))
    if (call := _call(block)) is not None:
        return Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)
    if result := mapping(block.get("toolResult")):
        id_, is_error = string(result.get("toolUseId")), result.get("status") == "error"
        return Part(PartType.TOOL_RESULT, _result_text(result), id=id_, is_error=is_error)
    if "citationsContent" in block:
        return Part(PartType.TEXT, merged_text(at(block, "citationsContent", "content"), "text"))
    if "document" in block or "searchResult" in block:
        content = _document_text(block)
        name = string(at(block, "document", "name")) or string(at(block, "searchResult", "title"))
        return Part(PartType.DOCUMENT if content else PartType.MEDIA, content, name=name)
    kind = next(iter(block), None)
    return Part(PartType.MEDIA if kind in _MEDIA else PartType.OTHER, name=kind)


def _call(block: Body) -> ToolCall | None:
    """A tool call. Its input is an object, or JSON text where a stream's pieces were put together."""
    use = block.get("toolUse")
    if not isinstance(use, dict):
        return None
    return ToolCall(
        name=text(use.get("name")),
        arguments=json_text(use.get("input") or {}),
        id=string(use.get("toolUseId")),
        server_side=use.get("type") == "server_tool_use",
    )


def _result_text(result: Body) -> str:
    """What a tool returned, as far as it is text or JSON."""
    lines = (
        json_text(part["json"]) if "json" in part else text(part.get("text")) or _document_text(part)
        for part in objects(result.get("content"))
    )
    return "\n".join(line for line in lines if line)


def _document_text(block: Body) -> str:
    """The text of a document or search result; nothing where its source is bytes or lies in S3."""
    if found := mapping(block.get("searchResult")):
        return merged_text(found.get("content"), "text", "\n")
    source = at(block, "document", "source")
    return text(at(source, "text")) or merged_text(at(source, "content"), "text", "\n")


def _documents(block: Body, origin: str) -> Iterator[Document]:
    if content := _document_text(block):
        named = (at(block, "searchResult", "source"), at(block, "document", "name"))
        yield Document(content, next(filter(None, map(string, named)), None), origin)
    elif "grounding_source" in strings(at(block, "guardContent", "text", "qualifiers")):
        yield Document(text(at(block, "guardContent", "text", "text")), None, origin)
    for part in objects(at(block, "toolResult", "content")):
        if content := _document_text(part):
            yield Document(content, string(at(part, "searchResult", "source")), "tool_result")
    for citation in objects(at(block, "citationsContent", "citations")):
        if cited := merged_text(citation.get("sourceContent"), "text", "\n"):
            yield Document(cited, _cited(citation), "citation")


def _cited(citation: Body) -> str | None:
    names = (at(citation, "location", "web", "url"), citation.get("source"), citation.get("title"))
    return next(filter(None, map(string, names)), None)


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    message = at(body, "output", "message")
    if not isinstance(message, dict):
        return None
    blocks = objects(message.get("content"))
    reason = text(body.get("stopReason"))
    return Answer(
        model=_model(at(body, "trace", "promptRouter", "invokedModelId")),
        outputs=(_output(blocks, reason),) if blocks or reason else (),
        usage=_usage(mapping(body.get("usage"))),
        documents=tuple(document for block in blocks for document in _documents(block, "retrieval")),
        duration_ms=number(at(body, "metrics", "latencyMs")),
        whole=not any(call.server_side for block in blocks if (call := _call(block))),
    )


def _model(identifier: Any) -> str:
    """A model's id, which prompt routers give as an ARN."""
    return text(identifier).rpartition("/")[2]


def _output(blocks: list[Body], reason: str) -> Output:
    parts = list(map(_part, blocks))
    citations = (
        citation for block in blocks for citation in objects(at(block, "citationsContent", "citations"))
    )
    return Output(
        text="".join(part.content for part in parts if part.type is PartType.TEXT),
        reasoning="".join(part.content for part in parts if part.type is PartType.REASONING) or None,
        tool_calls=tuple(call for call in map(_call, blocks) if call is not None),
        citations=tuple(dict.fromkeys(name for name in map(_cited, citations) if name)),
        finish_reason=STOP_REASONS.get(reason, FinishReason.UNKNOWN),
        finish_reason_raw=reason or None,
    )


def _usage(usage: Body) -> Usage:
    """Bedrock counts cache reads and writes beside the input tokens. Nova's bodies name them otherwise."""
    read = _first_count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _first_count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    uncached = integer(usage.get("inputTokens"))
    return Usage(
        input_tokens=None if uncached is None else uncached + (read or 0) + (written or 0),
        output_tokens=integer(usage.get("outputTokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        raw=raw_counts(usage),
    )


def _first_count(usage: Body, *names: str) -> int | None:
    counts = (integer(usage.get(name)) for name in names)
    return next((count for count in counts if count is not None), None)


def asks(request: Body) -> bool:
    """Whether messages were sent as only this API has them: blocks of content without a type."""
    blocks = [
        block for message in objects(request.get("messages")) for block in objects(message.get("content"))
    ]
    return not _OWN_FIELDS.isdisjoint(request) or (
        bool(blocks) and not any("type" in block for block in blocks)
    )


def answers(response: Body) -> bool:
    """Whether a message came back under ``output``, or an event of a stream."""
    return (
        "stopReason" in response
        or isinstance(at(response, "output", "message"), dict)
        or not OWN_EVENTS.isdisjoint(response)
    )


CONVERSE = Api(
    name="converse",
    provider="aws.bedrock",
    paths=("/converse",),
    asks=asks,
    answers=answers,
    ask=ask,
    answer=answer,
    assemble=assemble,
)

register(CONVERSE)
register(structs.replace(CONVERSE, name="converse_stream", paths=("/converse-stream",)))
