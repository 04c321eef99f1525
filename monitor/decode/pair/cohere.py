"""Cohere's Chat API, version 2.

Reference: https://docs.cohere.com/reference/chat. Messages and tools are those of Chat Completions, with
documents beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.chat_messages import (
    conversation,
    document_text,
    offered_tools,
    reasoning_of,
    tool_calls,
)
from monitor.decode.pair.cohere_stream import assemble
from monitor.decode.pair.offers import contract_of
from monitor.decode.pair.shapes import (
    at,
    integer,
    listed,
    mapping,
    merged_text,
    numbers,
    objects,
    string,
    strings,
    text,
)
from monitor.records import Contract, Document, FinishReason, Output, ToolCall, ToolChoice, Usage

FINISH_REASONS = {
    "COMPLETE": FinishReason.STOP,
    "STOP_SEQUENCE": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "TOOL_CALL": FinishReason.TOOL_CALL,
    "ERROR_TOXIC": FinishReason.CONTENT_FILTER,
    "ERROR": FinishReason.ERROR,
    "ERROR_LIMIT": FinishReason.ERROR,
    "TIMEOUT": FinishReason.ERROR,
}


# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    choice = _tool_choice(body.get("tool_choice"))
    strict = True if body.get("strict_tools") is True else None
    return Asked(
        contract=contract(body.get("response_format"), choice),
        tools=tuple(structs.replace(tool, strict=strict) for tool in offered_tools(body)),
        tool_choice=choice,
        input=conversation(body.get("messages")),
        documents=tuple(_documents(body)),
    )


def contract(response_format: Any, choice: ToolChoice) -> Contract:
    """The contract. Version 1 has the schema under ``schema``, version 2 under either name."""
    wanted = mapping(response_format)
    given = wanted.get("json_schema", wanted.get("schema"))
    return contract_of({"type": wanted.get("type"), "schema": given}, choice)


def _tool_choice(value: Any) -> ToolChoice:
    if value == "NONE":
        return ToolChoice("none")
    return ToolChoice("required" if value == "REQUIRED" else "auto")


def _documents(body: Body) -> Iterator[Document]:
    """The documents of a request: texts, objects, and blocks of messages and tool results."""
    for content in strings(body.get("documents")):
        yield Document(content, None, "message")
    for document in objects(body.get("documents")):
        yield Document(document_text({"document": document}), string(document.get("id")), "message")
    for message in objects(body.get("messages")):
        origin = "tool_result" if message.get("role") == "tool" else "message"
        for block in objects(message.get("content")):
            if content := document_text(block):
                yield Document(content, string(at(block, "document", "id")), origin)


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    message = body.get("message")
    if not isinstance(message, dict):
        return None
    sources = [
        source
        for citation in objects(message.get("citations"))
        for source in objects(citation.get("sources"))
    ]
    reason = text(body.get("finish_reason"))
    return Answer(
        id=string(body.get("id")),
        outputs=(_output(message, reason, sources, body.get("logprobs")),) if message or reason else (),
        usage=usage_of(mapping(body.get("usage"))),
        documents=tuple(dict.fromkeys(_cited_documents(sources))),
    )


def _output(message: Body, reason: str, sources: list[Body], logprobs: Any) -> Output:
    cited = (string(at(source, "document", "title")) or string(source.get("id")) for source in sources)
    return Output(
        text=merged_text(message.get("content"), "text"),
        reasoning=reasoning_of(message) or text(message.get("tool_plan")) or None,
        tool_calls=tuple(map(_with_arguments, tool_calls(message))),
        citations=tuple(dict.fromkeys(name for name in cited if name)),
        finish_reason=FINISH_REASONS.get(reason, FinishReason.UNKNOWN),
        finish_reason_raw=reason or None,
        # An item holds a few tokens.
        logprobs=numbers(value for item in objects(logprobs) for value in listed(item.get("logprobs"))),
    )


def _with_arguments(call: ToolCall) -> ToolCall:
    """Of a tool without parameters Cohere calls with ``null``."""
    return structs.replace(call, arguments="{}") if call.arguments == "null" else call


def _cited_documents(sources: list[Body]) -> Iterator[Document]:
    """The documents that citations show. What a tool returned stands in the request already."""
    for source in sources:
        if content := text(at(source, "document", "text")):
            yield Document(content, string(source.get("id")), "citation")


def usage_of(usage: Body) -> Usage:
    """The tokens that were processed, not those that were billed. Images are counted beside the text."""
    tokens = mapping(usage.get("tokens"))
    given, images = integer(tokens.get("input_tokens")), integer(tokens.get("image_tokens"))
    return Usage(
        input_tokens=None if given is None else given + (images or 0),
        output_tokens=integer(tokens.get("output_tokens")),
        cache_read_tokens=integer(usage.get("cached_tokens")),
        reasoning_tokens=integer(tokens.get("reasoning_tokens")),
        raw=raw_counts(usage),
    )


def asks(request: Body) -> bool:
    """Whether messages were sent to a model of Cohere's, or with fields that only this API has."""
    own = ("citation_options", "safety_mode", "strict_tools", "documents")
    named = text(request.get("model")).startswith(("command", "c4ai-aya"))
    return isinstance(request.get("messages"), list) and (named or any(field in request for field in own))


def answers(response: Body) -> bool:
    """Whether a message came back beside a reason in capitals, or the first event of a stream."""
    finished = text(response.get("finish_reason")) in FINISH_REASONS
    return (finished and isinstance(response.get("message"), dict)) or response.get("type") == "message-start"


register(
    Api(
        name="cohere.chat",
        provider="cohere",
        paths=("/v2/chat",),
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
    )
)
