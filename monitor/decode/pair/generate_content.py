"""Google's generateContent and streamGenerateContent, of the Gemini API and of Vertex AI.

References: https://ai.google.dev/api/generate-content and
https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest. Field names come in camel case or in
snake case, enums as names or, from Vertex's own Python library, as numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.generate_content_stream import assemble, chosen_tokens
from monitor.decode.pair.offers import NO_PARAMETERS, expected_of, media_of
from monitor.decode.pair.openapi import json_schema
from monitor.decode.pair.shapes import (
    field,
    integer,
    json_text,
    mapping,
    numbers,
    objects,
    schema,
    string,
    strings,
    text,
)
from monitor.records import (
    Contract,
    ContractKind,
    Document,
    Expected,
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

FINISH_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "MODEL_ARMOR": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "IMAGE_RECITATION": FinishReason.CONTENT_FILTER,
    "MALFORMED_FUNCTION_CALL": FinishReason.MALFORMED_TOOL_CALL,
    "UNEXPECTED_TOOL_CALL": FinishReason.MALFORMED_TOOL_CALL,
    "TOO_MANY_TOOL_CALLS": FinishReason.ERROR,
    "MALFORMED_RESPONSE": FinishReason.ERROR,
    "MISSING_THOUGHT_SIGNATURE": FinishReason.ERROR,
}

#: Finish reasons as numbers. From 5 (OTHER) on, the two APIs number them differently.
_NUMBERED = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION"}

#: The tools that are declared by the application; every other key of a tool is one that Google runs.
_DECLARATIONS = ("functionDeclarations", "function_declarations")

_MEDIA = ("inlineData", "fileData")

#: How code that Google runs may end, besides well.
_FAILED = ("OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED")


# ------------------------------------------------------------------------------------------------- request


def ask(body: Body) -> Asked:
    """What a request says."""
    conversation = objects(body.get("contents"))
    if system := field(body, "systemInstruction"):
        conversation.insert(0, {**_content(system), "role": "system"})
    parts = [part for content in conversation for part in objects(content.get("parts"))]
    config = field(body, "generationConfig")
    choice = _tool_choice(field(field(body, "toolConfig"), "functionCallingConfig"))
    return Asked(
        contract=_contract(config, choice),
        expected=_expected(config),
        tools=tuple(_tools(body)),
        tool_choice=choice,
        input=tuple(Message(_role(content), tuple(_parts(content))) for content in conversation),
        documents=tuple(_documents(parts)),
        whole=not field(body, "cachedContent") and not _reads_unseen(parts),
    )


def _content(system: Any) -> Body:
    """A system instruction as a content: some clients send its text alone, others give it the user's role."""
    return {"parts": [{"text": system}]} if isinstance(system, str) else mapping(system)


def _contract(config: Any, choice: ToolChoice) -> Contract:
    """The contract. Without a schema, JSON mode promises JSON of any kind, not an object."""
    if text(field(config, "responseMimeType")).lower() == "application/json":
        given = next((field(config, name) for name in _JSON_SCHEMAS if field(config, name)), None)
        if given is None:
            given = json_schema(field(config, "responseSchema"))
        if given is None:
            return Contract(ContractKind.JSON_OBJECT, schema=True)
        return Contract(ContractKind.JSON_SCHEMA, schema(given))
    if choice.mode == "required":
        return Contract(ContractKind.TOOL, name=choice.names[0] if len(choice.names) == 1 else None)
    return Contract(ContractKind.NONE)


def _expected(config: Any) -> Expected:
    """Pictures, speech, or one of the values of a schema. ``text/plain`` is any text, Markdown too."""
    is_enum = text(field(config, "responseMimeType")).lower() == "text/x.enum"
    values = field(field(config, "responseSchema"), "enum") if is_enum else None
    return expected_of(field(config, "responseModalities"), values)


_JSON_SCHEMAS = ("responseJsonSchema", "_responseJsonSchema")


def _tool_choice(config: Any) -> ToolChoice:
    """``ANY`` requires a call; ``VALIDATED`` allows one, and promises that it fits its schema."""
    mode = text(field(config, "mode")).upper()
    names = tuple(strings(field(config, "allowedFunctionNames")))
    if mode == "NONE":
        return ToolChoice("none")
    return ToolChoice("required" if mode == "ANY" else "auto", names)


def _tools(body: Body) -> Iterator[Tool]:
    for tool in objects(body.get("tools")):
        for function in objects(field(tool, "functionDeclarations")):
            parameters = schema(field(function, "parametersJsonSchema"))
            if parameters is None:
                parameters = schema(json_schema(function.get("parameters")))
            yield Tool(
                name=text(function.get("name")),
                description=string(function.get("description")),
                schema=NO_PARAMETERS if parameters is None else parameters,
            )
        yield from (Tool(name, "builtin") for name in tool if name not in _DECLARATIONS)


# --------------------------------------------------------------------------------------------------- parts


def _role(content: Body) -> str:
    """The role under the name that other APIs have for it."""
    role = text(content.get("role")) or "user"
    return "assistant" if role == "model" else role


def _parts(content: Body) -> Iterator[Part]:
    """A content's parts; media that a function returned stands next to its result."""
    for part in objects(content.get("parts")):
        yield _part(part)
        within = map(_part, objects(field(field(part, "functionResponse"), "parts")))
        yield from (inner for inner in within if inner.type is PartType.MEDIA)


def _part(part: Body) -> Part:
    """A part. What a function returned is an error where its only key that Google knows is ``error``.

    https://ai.google.dev/api/caching#FunctionResponse
    """
    if isinstance(part.get("text"), str):
        return Part(PartType.REASONING if part.get("thought") is True else PartType.TEXT, part["text"])
    if (call := _call(part)) is not None:
        return Part(PartType.TOOL_CALL, id=call.id, name=call.name, arguments=call.arguments)
    if response := mapping(field(part, "functionResponse")):
        returned = response.get("response", {})
        return Part(
            PartType.TOOL_RESULT,
            json_text(returned),
            id=string(response.get("id")),
            name=string(response.get("name")),
            is_error=bool(field(returned, "error")) and "output" not in returned,
        )
    if found := _server_result(part):
        outcome = field(field(part, "codeExecutionResult"), "outcome")
        return Part(PartType.TOOL_RESULT, found, is_error=outcome in _FAILED)
    media = next((name for name in _MEDIA if field(part, name) is not None), None)
    return Part(PartType.MEDIA if media else PartType.OTHER, name=media or next(iter(part), None))


def _call(part: Body) -> ToolCall | None:
    """The call that a part is: of the application's function, or of a tool that Google runs."""
    if isinstance(call := field(part, "functionCall"), dict):
        return ToolCall(text(call.get("name")), json_text(call.get("args") or {}), string(call.get("id")))
    if isinstance(code := field(part, "executableCode"), dict):
        return ToolCall("code_execution", json_text({"code": code.get("code")}), server_side=True)
    if isinstance(call := field(part, "toolCall"), dict):
        name = text(field(call, "toolType")).lower()
        return ToolCall(name, json_text(call.get("args") or {}), string(call.get("id")), server_side=True)
    return None


def _server_result(part: Body) -> str:
    """What a tool that Google runs gave back, as text."""
    if output := text(field(field(part, "codeExecutionResult"), "output")):
        return output
    results = objects(field(field(field(part, "toolResponse"), "response"), "result"))
    return "\n".join(filter(None, (text(result.get("text")) for result in results)))


def _documents(parts: list[Body]) -> Iterator[Document]:
    """What tools that Google runs gave back."""
    for part in parts:
        if found := _server_result(part):
            yield Document(found, None, "tool_result")


def _reads_unseen(parts: list[Body]) -> bool:
    """Whether a tool that Google runs gave back what the part doesn't show."""
    return any(field(part, "toolResponse") and not _server_result(part) for part in parts)


# ------------------------------------------------------------------------------------------------ response


def answer(body: Body) -> Answer | None:
    """What a response says."""
    blocked = field(field(body, "promptFeedback"), "blockReason")
    if not blocked and not isinstance(body.get("candidates"), list):
        return None
    candidates = objects(body.get("candidates"))
    outputs = tuple(map(_output, candidates))
    if blocked and not outputs:
        outputs = (Output(finish_reason=FinishReason.CONTENT_FILTER, finish_reason_raw=str(blocked)),)
    parts = [part for candidate in candidates for part in _parts_of(candidate)]
    chunks = [chunk for candidate in candidates for chunk in _chunks(candidate)]
    retrieved = (_retrieved(chunk) for chunk in chunks)
    return Answer(
        id=string(field(body, "responseId")),
        model=text(field(body, "modelVersion")),
        created=field(body, "createTime"),
        outputs=outputs,
        usage=_usage(mapping(field(body, "usageMetadata"))),
        documents=(*_documents(parts), *dict.fromkeys(document for document in retrieved if document)),
        media=media_of(_mime_type(part).partition("/")[0] for part in parts),
        whole=not (
            _reads_unseen(parts)
            or any("retrievedContext" not in chunk for chunk in chunks)
            or any(_searched(candidate) for candidate in candidates)
        ),
    )


def _mime_type(part: Body) -> str:
    """Of a picture, a recording or a film: ``image/png``."""
    return next((found for name in _MEDIA if (found := text(field(field(part, name), "mimeType")))), "")


def _parts_of(candidate: Body) -> list[Body]:
    return objects(field(candidate.get("content"), "parts"))


def _chunks(candidate: Body) -> list[Body]:
    return objects(field(field(candidate, "groundingMetadata"), "groundingChunks"))


def _retrieved(chunk: Body) -> Document | None:
    """The passage of a store that a chunk shows; of a web page it shows only the address."""
    context = mapping(field(chunk, "retrievedContext"))
    content = text(context.get("text"))
    return Document(content, _source_of(context), "retrieval") if content else None


def _source_of(source: Body) -> str | None:
    return (
        string(source.get("uri")) or string(source.get("title")) or string(field(source, "fileSearchStore"))
    )


def _searched(candidate: Body) -> bool:
    """Whether the web was searched or pages were read, of which the response has the addresses only."""
    queries = field(field(candidate, "groundingMetadata"), "webSearchQueries")
    return bool(queries or field(field(candidate, "urlContextMetadata"), "urlMetadata"))


def _output(candidate: Body) -> Output:
    parts = list(_parts_of(candidate))
    texts = [(part.get("thought") is True, text(part.get("text"))) for part in parts]
    calls = tuple(call for call in map(_call, parts) if call is not None)
    reason = field(candidate, "finishReason")
    raw = _NUMBERED.get(reason, str(reason)) if isinstance(reason, int) else text(reason)
    finish_reason = FINISH_REASONS.get(raw, FinishReason.UNKNOWN)
    if finish_reason is FinishReason.STOP and any(not call.server_side for call in calls):
        finish_reason = (
            FinishReason.TOOL_CALL
        )  # it stopped to have a function called, and says only that it stopped
    sources = (_source_of(mapping(source)) for chunk in _chunks(candidate) for source in chunk.values())
    return Output(
        text="".join(piece for thought, piece in texts if not thought),
        reasoning="".join(piece for thought, piece in texts if thought) or None,
        tool_calls=calls,
        citations=tuple(dict.fromkeys(source for source in sources if source)),
        finish_reason=finish_reason,
        finish_reason_raw=raw or None,
        logprobs=numbers(field(token, "logProbability") for token in chosen_tokens(candidate)),
    )


def _usage(usage: Body) -> Usage:
    """Gemini counts thoughts beside the candidates and what tools brought in beside the prompt."""
    prompt = integer(field(usage, "promptTokenCount"))
    candidates = integer(field(usage, "candidatesTokenCount"))
    thoughts = integer(field(usage, "thoughtsTokenCount"))
    from_tools = integer(field(usage, "toolUsePromptTokenCount"))
    return Usage(
        input_tokens=None if prompt is None else prompt + (from_tools or 0),
        output_tokens=None
        if candidates is None and thoughts is None
        else (candidates or 0) + (thoughts or 0),
        cache_read_tokens=integer(field(usage, "cachedContentTokenCount")),
        reasoning_tokens=thoughts,
        raw=raw_counts(usage),
    )


def asks(request: Body) -> bool:
    """Whether contents were sent."""
    return isinstance(request.get("contents"), list)


def answers(response: Body) -> bool:
    """Whether candidates came back, or a part of an answer without one."""
    return any(
        field(response, name) is not None for name in ("candidates", "usageMetadata", "promptFeedback")
    )


register(
    Api(
        name="generateContent",
        provider="gcp.gemini",
        paths=(":generateContent", ":streamGenerateContent"),
        asks=asks,
        answers=answers,
        ask=ask,
        answer=answer,
        assemble=assemble,
        operation="generate_content",
    )
)
