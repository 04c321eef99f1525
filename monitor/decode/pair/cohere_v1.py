"""Cohere's Chat API, version 1, as Cohere and Amazon Bedrock still serve it.

Reference: https://docs.cohere.com/v1/reference/chat. A stream ends with the whole response.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.cohere import FINISH_REASONS, contract, usage_of
from monitor.decode.pair.shapes import at, json_text, mapping, objects, string, strings, text
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
)

#: The types of a tool's parameters, which are Python's, as JSON Schema has them.
_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "dict": "object",
    "list": "array",
}


# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    turns = [*objects(body.get("chat_history")), {"role": "USER", "message": body.get("message")}]
    if preamble := text(body.get("preamble")):
        turns.insert(0, {"role": "SYSTEM", "message": preamble})
    if results := body.get("tool_results"):
        turns.append({"role": "TOOL", "tool_results": results})
    return Asked(
        contract=contract(body.get("response_format"), ToolChoice()),
        tools=tuple(map(_tool, objects(body.get("tools")))),
        input=tuple(Message(_role(turn), tuple(_parts(turn))) for turn in turns),
        documents=tuple(_documents(body.get("documents"), "message")),
        whole=not body.get("conversation_id"),
    )


def _role(turn: Body) -> str:
    role = text(turn.get("role")).lower()
    return "assistant" if role == "chatbot" else role


def _parts(turn: Body) -> Iterator[Part]:
    if message := text(turn.get("message")):
        yield Part(PartType.TEXT, message)
    for call in map(_call, objects(turn.get("tool_calls"))):
        yield Part(PartType.TOOL_CALL, name=call.name, arguments=call.arguments)
    for result in objects(turn.get("tool_results")):
        returned = json_text(result.get("outputs") or [])
        yield Part(PartType.TOOL_RESULT, returned, name=string(at(result, "call", "name")))


def _tool(tool: Body) -> Tool:
    """A tool. Its parameters are given one by one, each with the name of a Python type."""
    defined = mapping(tool.get("parameter_definitions"))
    properties = {name: _property(mapping(definition)) for name, definition in defined.items()}
    required = [name for name, definition in defined.items() if at(definition, "required") is True]
    return Tool(
        name=text(tool.get("name")),
        description=string(tool.get("description")),
        schema={"type": "object", "properties": properties, "required": required},
    )


def _property(definition: Body) -> dict[str, Any]:
    """A parameter's schema: anything, where its type is none that JSON has a name for (``List[str]``)."""
    kind = _TYPES.get(text(definition.get("type")).lower())
    return {"type": kind} if kind else {}


def _call(call: Body) -> ToolCall:
    return ToolCall(text(call.get("name")), json_text(call.get("parameters") or {}))


def _documents(documents: Any, origin: str) -> Iterator[Document]:
    """Documents: every field that is text, which are up to the application."""
    for document in objects(documents):
        fields = (value for name, value in document.items() if name not in ("id", "url"))
        if content := "\n".join(strings(list(fields))):
            yield Document(content, string(document.get("id")), origin)


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    if not isinstance(body.get("text"), str):
        return None
    calls = tuple(map(_call, objects(body.get("tool_calls"))))
    raw = text(body.get("finish_reason"))
    reason = FINISH_REASONS.get(raw, FinishReason.UNKNOWN)
    cited = (
        name for citation in objects(body.get("citations")) for name in strings(citation.get("document_ids"))
    )
    output = Output(
        text=body["text"],
        tool_calls=calls,
        citations=tuple(dict.fromkeys(cited)),
        finish_reason=FinishReason.TOOL_CALL if calls and reason is FinishReason.STOP else reason,
        finish_reason_raw=raw or None,
    )
    return Answer(
        id=string(body.get("response_id")) or string(body.get("generation_id")),
        outputs=(output,) if body["text"] or calls or raw else (),
        usage=usage_of(mapping(body.get("meta"))),
        documents=tuple(_documents(body.get("documents"), "retrieval")),
    )


def assemble(events: list[Body]) -> Body:
    """The events as one response body; an ``error`` event leaves its error in the body.

    The last event has the whole response. Only where it is missing, in a stream that was cut, are the texts
    joined.
    """
    body: Body = {}
    texts: list[str] = []
    for event in events:
        body.update({key: value for key, value in event.items() if key not in ("text", "response")})
        if isinstance(event.get("response"), dict):
            return {**body, **event["response"]}
        texts.append(text(event.get("text")))
    return {**body, "text": "".join(texts)}


def asks(request: Body) -> bool:
    """Whether one message was sent."""
    return isinstance(request.get("message"), str) and "messages" not in request


def answers(response: Body) -> bool:
    """Whether a text came back with the id of its generation, or an event of a stream."""
    kind = response.get("event_type")
    generated = isinstance(response.get("text"), str) and (
        "generation_id" in response or "is_finished" in response
    )
    return generated or (isinstance(kind, str) and "is_finished" in response)


register(
    Api(
        name="cohere.chat.v1",
        provider="cohere",
        paths=("/v1/chat",),
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
    )
)
