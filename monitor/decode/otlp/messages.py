"""Messages and choices as the OpenTelemetry GenAI conventions write them: lists come in, records go out.

Reference: the JSON Schemas of ``gen_ai.input.messages`` and ``gen_ai.output.messages``,
https://github.com/open-telemetry/semantic-conventions-genai. Emitters also pass a provider's own blocks
through: a part that the conventions don't know is read as a block of Anthropic's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from monitor.decode import withheld
from monitor.decode.otlp.attributes import elements, first
from monitor.decode.pair import chat_completions, cohere, converse, generate_content, messages, responses
from monitor.decode.pair.api import Asked, Body
from monitor.decode.pair.shapes import at, json_text, mapping, objects, string, strings, text
from monitor.records import Document, FinishReason, Message, Output, Part, PartType, ToolCall

#: Reasons to stop of every provider, in lower case: the conventions' own, or passed on as they were.
FINISH_REASONS = {
    reason.lower(): meaning
    for reasons in (
        responses.INCOMPLETE_REASONS,
        cohere.FINISH_REASONS,
        generate_content.FINISH_REASONS,
        converse.STOP_REASONS,
        messages.STOP_REASONS,
        chat_completions.FINISH_REASONS,
        {"tool_call": FinishReason.TOOL_CALL, "failed": FinishReason.ERROR},
    )
    for reason, meaning in reasons.items()
}

#: The status of the Responses API, which some emitters give as the reason to stop.
_COMPLETED = "completed"

#: Parts that are no text: inline bytes, or a reference to a file.
_MEDIA = frozenset({"blob", "file", "uri", "file_url", "image", "image_url", "audio", "input_audio", "video"})

#: Under these a server tool's call shows what came of it.
_FINDINGS = ("output", "outputs", "results", "tools", "error")

#: The provider listing the tools of an MCP server, which is nothing that the model called.
_LISTING = "mcp_list_tools"


def captured(value: Any) -> list[Body] | None:
    """The messages that an attribute holds, structured or as JSON text; ``None`` where it doesn't."""
    found = elements(value)
    if found is None or not all(_is_message(element) for element in found):
        return None
    return found


def _is_message(value: Any) -> bool:
    return isinstance(at(value, "parts"), list) or isinstance(at(value, "content"), str)


def conversation(sent: Any, system: Any = None) -> tuple[Message, ...]:
    """The messages that were sent.

    Args:
        sent: the list of messages.
        system: the system instructions, a list of parts. They stand before the messages, unless the
            emitter wrote them there too.
    """
    told = tuple(
        Message(text(message.get("role")), tuple(read for part in _given(message) for read in parts(part)))
        for message in objects(sent)
    )
    instructions = tuple(part for given in objects(system) for part in parts(given))
    repeated = any(message.parts == instructions for message in told)
    return (Message("system", instructions), *told) if instructions and not repeated else told


def documents(said: Any) -> tuple[Document, ...]:
    """The passages that messages carry as such, and what a provider's own tools found."""
    return _as_blocks(_all_given(said)).documents


def is_whole(said: Any) -> bool:
    """Whether messages show all that the model read, and not only that a provider's tool ran."""
    given = _all_given(said)
    answered = {text(part.get("id")) for part in given if part.get("type") == "server_tool_call_response"}
    silent = (
        not any(at(part, "server_tool_call", name) for name in _FINDINGS)
        for part in given
        if part.get("type") == "server_tool_call" and text(part.get("id")) not in answered
    )
    return not any(silent) and _as_blocks(given).whole


def choices(answered: Any, reasons: Any = None) -> tuple[Output, ...]:
    """The choices of a response.

    Args:
        answered: the messages, each one a choice. Several with one reason in common are the items of
            one answer of the Responses API.
        reasons: ``gen_ai.response.finish_reasons``. A choice may have nothing but its reason.
    """
    given = [_given(choice) for choice in objects(answered)]
    own = [text(choice.get("finish_reason")) for choice in objects(answered)]
    common = list(strings(elements(reasons)) if elements(reasons) else filter(None, [text(reasons)]))
    if len(given) > 1 and len(common) == 1:
        given, own = [[part for item in given for part in item]], []
    return tuple(
        choice(
            given[index] if index < len(given) else [],
            *(stated[index] for stated in (own, common) if index < len(stated)),
        )
        for index in range(max(len(given), len(common)))
    )


def choice(given: Sequence[Body], *reasons: str) -> Output:
    """One choice, from its parts and the reasons to stop that are given for it; a known one counts first."""
    calls = tuple(call for part in given if (call := tool_call(part)) is not None)
    refusal = "".join(_words(part) for part in given if part.get("type") == "refusal")
    read = [part for one in given if one.get("type") != "refusal" for part in parts(one)]
    known = (reason for reason in reasons if _normal(reason) in FINISH_REASONS)
    reason = next(known, None) or next(filter(None, reasons), None)
    return Output(
        text="".join(part.content for part in read if part.type is PartType.TEXT),
        refusal=refusal or None,
        reasoning="".join(part.content for part in read if part.type is PartType.REASONING) or None,
        tool_calls=calls,
        finish_reason=FinishReason.REFUSAL if refusal else _finish_reason(reason, calls),
        finish_reason_raw=reason,
    )


def _finish_reason(reason: str | None, calls: tuple[ToolCall, ...]) -> FinishReason:
    """The reason to stop. That a response completed doesn't say what completed it."""
    if reason == _COMPLETED:
        waits = any(not call.server_side for call in calls)
        return FinishReason.TOOL_CALL if waits else FinishReason.STOP
    return FINISH_REASONS.get(_normal(reason or ""), FinishReason.UNKNOWN)


def _normal(reason: str) -> str:
    return reason.lower().replace("-", "_")


def parts(part: Body) -> tuple[Part, ...]:
    """What a message's part is; a tool's result that holds media is several."""
    kind = text(part.get("type"))
    if kind in ("text", "refusal", "reasoning"):
        return (Part(PartType.REASONING if kind == "reasoning" else PartType.TEXT, _words(part)),)
    if kind in ("tool_call", "server_tool_call"):
        call = tool_call(part)
        return () if call is None else (Part(PartType.TOOL_CALL, "", call.id, call.name, call.arguments),)
    if kind in _MEDIA:
        return (Part(PartType.MEDIA, name=string(part.get("modality")) or kind),)
    return tuple(read for message in _as_blocks([part]).input for read in message.parts)


def _words(part: Body) -> str:
    """What a part says. One without its content is of an emitter that may not tell it."""
    return withheld.told(first(part, "content", "text"))


def tool_call(part: Body) -> ToolCall | None:
    """The call that a part is, if it is one; one without its arguments is not told to its end.

    Emitters that parse arguments write an object; a text is what they could not parse, or what an
    emitter that doesn't parse passed on: either way what the model wrote, so it stays as it is.
    """
    kind, name, id_ = part.get("type"), text(part.get("name")), string(part.get("id"))
    if kind == "tool_call":
        arguments = part.get("arguments")
        return ToolCall(name, withheld.MISSING if arguments is None else json_text(arguments), id_)
    if kind == "server_tool_call" and name != _LISTING:
        given = (at(part, "server_tool_call", field) for field in ("arguments", "input", "action", "code"))
        asked: Any = next((value for value in given if value is not None), {})
        return ToolCall(name, json_text(asked), id_, server_side=True)
    return None


def _given(message: Body) -> list[Body]:
    """The parts of a message. Older emitters have plain text under ``content`` instead."""
    content = message.get("content")
    if "parts" not in message and isinstance(content, str):
        return [{"type": "text", "content": content}]
    return objects(message.get("parts"))


def _all_given(said: Any) -> list[Body]:
    return [part for message in objects(said) for part in _given(message)]


def _as_blocks(given: Sequence[Body]) -> Asked:
    """Parts, read as the blocks of Anthropic's that they are or could have been made of."""
    return messages.ask({"messages": [{"role": "", "content": list(_blocks(given))}]})


def _blocks(given: Sequence[Body]) -> Iterator[Body]:
    for part in given:
        kind, id_ = part.get("type"), part.get("id")
        if kind == "tool_call_response":
            returned = _returned(part.get("response", part.get("result", withheld.MISSING)))
            yield {"type": "tool_result", "tool_use_id": id_, "content": returned}
        elif kind == "server_tool_call_response":
            response = mapping(part.get("server_tool_call_response"))
            name, content = text(response.get("type")), response.get("content")
            yield {"type": f"{name}_tool_result", "tool_use_id": id_, "content": content}
        else:
            yield part


def _returned(value: Any) -> Any:
    """What a tool returned: text, a list of blocks, or JSON text of any other value."""
    if value is None or isinstance(value, str):
        return value
    is_blocks = isinstance(value, list) and all(isinstance(at(block, "type"), str) for block in value)
    return value if is_blocks else json_text(value)
