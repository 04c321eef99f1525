"""``input`` and ``output`` as integrations and applications write them come in, bodies of OpenAI's go out."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.decode.pair.shapes import at, json_text, mapping, objects, strings, text

#: What the SDK writes in the place of what was too long to send.
_CUT = "<truncated due to size exceeding limit>"

#: Items of the Responses API that have no role.
_ITEMS = frozenset({"function_call", "function_call_output", "reasoning", "item_reference"})


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as far as a generation's input and parameters hold it.

    Attributes:
        api: the API it is a request of.
        body: its body.
        captured: whether what was said is there.
        tells_tools: whether this form of input has a place for tools.
        unreadable_format: whether a format was asked for that was not written down as JSON.
    """

    api: str
    body: dict[str, Any]
    captured: bool
    tells_tools: bool
    unreadable_format: bool


def request_body(generation: dict[str, Any]) -> Sent:
    """The request of a generation.

    Its input is a list of messages, an object with ``messages`` and ``tools``, or anything else, which then
    is what the user said.
    """
    given = generation.get("input")
    fields = given if isinstance(given, dict) and "messages" in given else {}
    messages = _messages(fields.get("messages") if fields else given)
    parameters = mapping(generation.get("modelParameters"))
    asked_format = at(generation, "metadata", "response_format") or parameters.get("response_format")
    body = {**parameters, **fields, "response_format": asked_format}
    # LangChain's integration writes the tools behind the messages, as if a tool had said them.
    behind = [message["content"] for message in messages if _is_offer(message)]
    if behind:
        body["tools"] = behind
        messages = [message for message in messages if not _is_offer(message)]
    is_items = any(map(_is_item, messages))
    return Sent(
        api="responses" if is_items else "chat.completions",
        body={**body, "input" if is_items else "messages": messages},
        captured=given is not None and given != _CUT,
        tells_tools=bool(fields or behind),
        unreadable_format=isinstance(asked_format, str) and asked_format != "",
    )


def answer_body(output: Any, asked: str) -> tuple[dict[str, Any], str]:
    """The answer of a generation as a response body, and the API that it is one of.

    Args:
        output: a message, a list of them, what the model said, or whatever the application made of it.
        asked: the API of the request.
    """
    if isinstance(output, dict) and isinstance(output.get("choices"), list):
        return output, "chat.completions"
    listed = objects(output if isinstance(output, list) else [output])
    if any(map(_is_item, listed)):
        return {"output": listed}, "responses"
    if listed and all(_is_message(item) for item in listed):
        return {"choices": [{"message": _message(item)} for item in listed]}, "chat.completions"
    if output is None or output == _CUT:
        return ({"choices": []}, "chat.completions") if asked != "responses" else ({"output": []}, asked)
    return {"choices": [{"message": {"content": json_text(output)}}]}, "chat.completions"


def _messages(given: Any) -> list[dict[str, Any]]:
    if given is None or given == _CUT:
        return []
    if isinstance(given, list):
        said = [{"role": "user", "content": spoken} for spoken in strings(given)]
        return said or objects(given)
    return [{"role": "user", "content": json_text(given)}]


def _is_offer(message: dict[str, Any]) -> bool:
    return message.get("role") == "tool" and isinstance(at(message, "content", "function"), dict)


def _is_item(item: dict[str, Any]) -> bool:
    """Whether it is of the Responses API: an item without a role, or a message with its kind of blocks."""
    block: Any = next(iter(objects(item.get("content"))), {})
    return text(item.get("type")) in _ITEMS or text(block.get("type")) in ("input_text", "output_text")


def _is_message(item: dict[str, Any]) -> bool:
    return "role" in item or "tool_calls" in item or "function_call" in item


def _message(item: dict[str, Any]) -> dict[str, Any]:
    """A message with its tool calls where OpenAI has them; LangChain's has them parsed, or set aside."""
    message = {**mapping(item.get("additional_kwargs")), **item}
    calls = [
        {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": call["args"]}}
        if "args" in call
        else call
        for call in objects(message.get("tool_calls"))
    ]
    return {**message, "tool_calls": calls}
