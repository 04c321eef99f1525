"""Messages, tools and tool calls as Chat Completions writes them, and Cohere and Ollama after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.pair.api import Body
from monitor.decode.pair.offers import function_tool, tool_name
from monitor.decode.pair.shapes import at, json_text, mapping, merged_text, objects, string, strings, text
from monitor.records import Message, Part, PartType, Tool, ToolCall


def conversation(messages: Any) -> tuple[Message, ...]:
    """The messages of a request."""
    return tuple(Message(text(message.get("role")), tuple(_parts(message))) for message in objects(messages))


def offered_tools(body: Body) -> Iterator[Tool]:
    """The tools of a request, with ``functions``, their predecessors."""
    for tool in objects(body.get("tools")):
        if isinstance(tool.get("function"), dict):
            yield function_tool(tool["function"])
        else:
            yield Tool(tool_name(tool), "builtin")
    for function in objects(body.get("functions")):
        yield function_tool(function)


def tool_calls(message: Body) -> Iterator[ToolCall]:
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


def reasoning_of(message: Body) -> str | None:
    """What the model thought, wherever the dialect has it.

    ``reasoning_content`` (DeepSeek, vLLM), ``reasoning`` (OpenRouter, Groq), ``thinking`` (Ollama), or blocks
    of that type (Mistral, Cohere).
    """
    for field in ("reasoning_content", "reasoning", "thinking"):
        if written := text(message.get(field)):
            return written
    blocks = (block.get("thinking") for block in objects(message.get("content")))
    return "".join(merged_text(block, "text") for block in blocks) or None


def document_text(block: Body) -> str:
    """The text of a Cohere document block: its data, or every field of its data that is text."""
    data = at(block, "document", "data")
    return data if isinstance(data, str) else "\n".join(strings(list(mapping(data).values())))


def _parts(message: Body) -> Iterator[Part]:
    content = message.get("content")
    media = (Part(PartType.MEDIA, name="image") for _ in strings(message.get("images")))  # Ollama
    if message.get("role") in ("tool", "function"):
        id_, name = (
            string(message.get("tool_call_id")),
            string(message.get("name") or message.get("tool_name")),
        )
        yield Part(PartType.TOOL_RESULT, _result_text(content), id=id_, name=name)
        yield from (part for part in map(_part, objects(content)) if part.type is PartType.MEDIA)
        return
    if reasoning := reasoning_of(message):
        yield Part(PartType.REASONING, reasoning)
    if isinstance(content, str):
        yield Part(PartType.TEXT, content)
    for block in objects(content):
        yield _part(block)
    yield from media
    for call in tool_calls(message):
        yield Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)


def _result_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    lines = (text(block.get("text")) or document_text(block) for block in objects(content))
    return "\n".join(line for line in lines if line)


def _part(block: Body) -> Part:
    kind = block.get("type")
    if kind in ("text", "refusal"):
        return Part(PartType.TEXT, text(block.get(kind)))
    if kind == "thinking":
        return Part(PartType.REASONING, merged_text(block.get("thinking"), "text"))
    if kind == "document":
        return Part(PartType.DOCUMENT, document_text(block), id=string(at(block, "document", "id")))
    return Part(PartType.MEDIA, name=string(at(block, "file", "filename")) or string(kind))
